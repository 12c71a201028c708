//! `askway explain`: what an ICMP message means, by its numbers, its name, its bytes, or a line
//! that another tool printed.

pub mod book;
pub mod both;
#[cfg(test)]
mod check;
pub mod dissect;
pub mod dump;
pub mod errno;
mod fields;
mod find;
mod human;
pub mod line;
mod question;
mod sockets;
mod words;

use super::{Command, LAB, Without};
use crate::args::{Common, Format};
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::print::csv::{header, row};
use crate::print::fields::Sink;
use crate::print::json::object;
use crate::print::{Closed, Out};
use book::{Page, page, pages, pages_of};
use both::Both;
use clap::{ArgMatches, Args, FromArgMatches};
use dissect::{Dissection, dissect};
use errno::Errno;
use find::{Found, find};
use human::Human;
use line::Reading;
use question::Question;
use std::io::Read;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "explain",
    summary: ("explain an ICMP message, a packet or a line", "解释ICMP报文、分组或一行输出"),
    define: Options::augment_args,
    chinese: CHINESE,
    without: &[Without { options: LAB, hint: "it asks no network: leave it out" }],
    run,
};

/// The most that is read from the command line or standard input.
const MOST_BYTES: usize = dump::MOST_BYTES;

/// What the command line says.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A type and code (3/4), a name, an errno, a packet as hex, or a line of tcpdump, ping or
    /// traceroute; - for stdin; nothing for a table of all
    #[arg(value_name = "WHAT")]
    pub what: Vec<String>,
    /// ICMP of IPv4
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub v4: bool,
    /// ICMPv6
    #[arg(short = '6', long = "ipv6")]
    pub v6: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts = &[
    (
        "what",
        "类型和代码（3/4）、名字、errno、十六进制的分组，或tcpdump、ping、traceroute的一行；- 为标准输入；不给则列出全部",
    ),
    ("v4", "IPv4的ICMP"),
    ("v6", "ICMPv6"),
];

/// A pasted line.
#[derive(Debug)]
pub struct Line<'a> {
    /// Which line of the input, from 1.
    number: usize,
    text: &'a str,
    /// What it says; `None` if nothing is known of it.
    reading: Option<Reading>,
}

/// Something that is explained.
enum Answer<'a> {
    /// Every type.
    Table(Vec<&'static Page>),
    /// A type and code.
    Page(&'static Page),
    /// Any of these.
    Candidates(Vec<&'static Page>),
    /// A packet, its number from 1, and what is wrong with its dump.
    Packet(usize, Dissection, Option<Both>),
    /// A line of another tool.
    Line(Line<'a>),
    /// An errno, and the pages that turn into it.
    Errno(&'static Errno, Vec<&'static Page>),
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let text = input(&options.what)?;
    let family = match (options.v4, options.v6) {
        (true, _) => Some(Family::V4),
        (_, true) => Some(Family::V6),
        _ => None,
    };
    let (answers, is_complete) = answers(&text, family)?;
    show(&answers, common)?;
    Ok(if is_complete { Exit::Yes } else { Exit::No })
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

/// What is to be explained, from the command line or standard input.
fn input(words: &[String]) -> Result<String, Failure> {
    let too_long = || usage("this is more than 65536 bytes", "explain it in parts");
    if words != ["-"] {
        let text = words.join(" ");
        return if text.len() > MOST_BYTES { Err(too_long()) } else { Ok(text) };
    }
    let mut bytes = Vec::new();
    let most = MOST_BYTES as u64 + 1;
    std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(|error| Failure {
        message: format!("cannot read standard input: {error}"),
        hint: None,
        exit: Exit::Failed,
    })?;
    if bytes.len() > MOST_BYTES {
        return Err(too_long());
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.trim().is_empty() {
        return Err(usage("standard input is empty", "askway explain --help"));
    }
    Ok(text)
}

/// Everything that can be said, and whether that is all there was to say.
fn answers(text: &str, family: Option<Family>) -> Result<(Vec<Answer<'_>>, bool), Failure> {
    let packets = dump::read(text);
    if !packets.is_empty() {
        return Ok(of_dumps(text, packets, family));
    }
    let mut is_complete = true;
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    if let [] | [_] = lines.as_slice() {
        return Ok((one(text.trim(), family)?, true));
    }
    let mut answers = Vec::new();
    for (number, text) in lines {
        match one(text, family) {
            Ok(found) => {
                for answer in found {
                    match answer {
                        Answer::Page(page) => add_page(&mut answers, Some(page)),
                        Answer::Line(line) => answers.push(Answer::Line(Line { number, ..line })),
                        other => answers.push(other),
                    }
                }
            }
            Err(_) => {
                is_complete = false;
                answers.push(Answer::Line(Line { number, text, reading: None }));
            }
        }
    }
    Ok((answers, is_complete))
}

/// What dumps hold, and what the lines of tools between them say. Other lines are the dumps' own.
fn of_dumps(
    text: &str,
    packets: Vec<dump::Packet>,
    family: Option<Family>,
) -> (Vec<Answer<'_>>, bool) {
    let mut is_complete = true;
    let mut answers = Vec::new();
    let lines = text.lines().zip(1..).filter(|(line, _)| !dump::is_row(line));
    let mut lines = lines.filter_map(|(text, number)| {
        let reading = Some(line::read(text)?);
        Some(Line { number, text: text.trim(), reading })
    });
    let mut next_line = lines.next();
    for (index, packet) in packets.into_iter().enumerate() {
        while let Some(line) = next_line.take_if(|line| line.number < packet.line) {
            add_line(&mut answers, line);
            next_line = lines.next();
        }
        let dissection = dissect(&packet.bytes, family, packet.fault.is_none());
        let fault = packet.fault.map(fault_words);
        is_complete &= fault.is_none() && dissection.flaws.is_empty();
        let message = dissection.message;
        answers.push(Answer::Packet(index + 1, dissection, fault));
        add_page(&mut answers, message.and_then(|(family, kind, code)| page(family, kind, code)));
    }
    for line in next_line.into_iter().chain(lines) {
        add_line(&mut answers, line);
    }
    (answers, is_complete)
}

/// Adds a line and the pages of what it says.
fn add_line<'a>(answers: &mut Vec<Answer<'a>>, line: Line<'a>) {
    let messages = line.reading.as_ref().map(|it| it.messages.clone()).unwrap_or_default();
    answers.push(Answer::Line(line));
    for (family, kind, code) in messages {
        add_page(answers, page(family, kind, code));
    }
}

/// Adds a page that is not there yet.
fn add_page<'a>(answers: &mut Vec<Answer<'a>>, page: Option<&'static Page>) {
    let Some(page) = page else { return };
    let is_there =
        |answer: &Answer<'_>| matches!(answer, Answer::Page(it) if std::ptr::eq(*it, page));
    if !answers.iter().any(is_there) {
        answers.push(Answer::Page(page));
    }
}

/// What is known of one line.
fn one<'a>(text: &'a str, family: Option<Family>) -> Result<Vec<Answer<'a>>, Failure> {
    let (question, named) = question::read(text)?;
    let family = family.or(named);
    let rest = match question {
        Question::Everything => {
            let fits = |page: &&Page| family.is_none_or(|only| only == page.family);
            return Ok(vec![Answer::Table(pages().iter().filter(fits).collect())]);
        }
        Question::Numbers { kind, code } => return by_numbers(family, kind, code),
        Question::Text(rest) => rest,
    };
    if let Some(reading) = line::read(text) {
        let mut answers = Vec::new();
        add_line(&mut answers, Line { number: 1, text, reading: Some(reading) });
        return Ok(answers);
    }
    if let Some(errno) = errno::in_text(text) {
        let turns = |page: &&Page| page.entry.linux == errno.name;
        return Ok(vec![Answer::Errno(errno, pages().iter().filter(turns).collect())]);
    }
    match find(rest, family) {
        Found::Pages(found) => Ok(found.into_iter().map(Answer::Page).collect()),
        Found::Candidates(found) => Ok(vec![Answer::Candidates(found)]),
        Found::Nearest(near) => Err(unknown(text, &near)),
    }
}

/// A type, or a type and code. Without a family IPv4 is meant, where it has such a type.
fn by_numbers<'a>(
    family: Option<Family>,
    kind: u8,
    code: Option<u8>,
) -> Result<Vec<Answer<'a>>, Failure> {
    let has = |family: &Family| pages_of(*family, kind).next().is_some();
    let family = family.or_else(|| Family::ALL.into_iter().find(has));
    let Some(family) = family.filter(has) else {
        let protocol = family.map_or("ICMP", book::protocol);
        return Err(Failure {
            message: format!("{protocol} type {kind} is assigned to nothing"),
            hint: Some("askway explain shows all types".to_owned()),
            exit: Exit::No,
        });
    };
    let found: Vec<&Page> = match code {
        Some(code) => page(family, kind, code).into_iter().collect(),
        None => pages_of(family, kind).collect(),
    };
    if let (Some(code), []) = (code, found.as_slice()) {
        let known: Vec<String> = pages_of(family, kind)
            .filter_map(|page| page.entry.code)
            .map(|code| code.to_string())
            .collect();
        let protocol = book::protocol(family);
        return Err(Failure {
            message: format!("code {code} of {protocol} type {kind} is assigned to nothing"),
            hint: Some(format!("its codes are {}", known.join(", "))),
            exit: Exit::No,
        });
    }
    Ok(found.into_iter().map(Answer::Page).collect())
}

fn unknown(text: &str, near: &[&Page]) -> Failure {
    let shown: String = text.chars().take(80).collect();
    let names: Vec<String> =
        near.iter().map(|page| format!("{} ({})", page.entry.name, page.label())).collect();
    let hint = match names.is_empty() {
        true => "askway explain shows all that is known".to_owned(),
        false => format!("nearest: {}", names.join(", ")),
    };
    let message = format!("nothing is known of `{}`", escape(&shown));
    Failure { message, hint: Some(hint), exit: Exit::No }
}

/// What is wrong with a dump, in words.
fn fault_words(fault: dump::Fault) -> Both {
    match fault {
        dump::Fault::NotHex { at, found, line } => {
            let found = escape(&found.to_string());
            Both::new(
                format!("the dump ends after byte {at}: `{found}` in line {line} is no hex digit"),
                format!("转储在第 {at} 字节后结束：第 {line} 行的“{found}”不是十六进制数字"),
            )
        }
        dump::Fault::OddDigits { at } => Both::new(
            format!("a hex digit without its fellow after byte {at}"),
            format!("第 {at} 字节之后多出一个十六进制数字"),
        ),
        dump::Fault::Gap { at, stated, line } => Both::new(
            format!(
                "line {line} begins at byte {stated}, and byte {at} should come: bytes are missing"
            ),
            format!("第 {line} 行从第 {stated} 字节开始，本应是第 {at} 字节：缺了一段"),
        ),
        dump::Fault::TooLong => {
            Both::new("more than 65536 bytes: the rest is left out", "超过65536字节：其余略去")
        }
    }
}

fn show(answers: &[Answer<'_>], common: &Common) -> Result<(), Failure> {
    let mut out = Out::default();
    match common.format() {
        Format::Human => {
            let mut human = Human::new(common.language(), common.is_coloured());
            answers.iter().for_each(|answer| for_people(answer, &mut human));
            out.text = human.text.into_bytes();
        }
        Format::Json => {
            for fill in answers.iter().flat_map(objects) {
                object(&mut out.text, |sink| fill(sink));
            }
        }
        Format::Csv => {
            header(fields::COLUMNS, &mut out.text);
            for fill in answers.iter().flat_map(objects) {
                row(fields::COLUMNS, &mut out.text, |sink| fill(sink));
            }
        }
    }
    out.flush().err().and_then(Closed::failure).map_or(Ok(()), Err)
}

fn for_people(answer: &Answer<'_>, human: &mut Human) {
    match answer {
        Answer::Table(pages) => human.table(pages),
        Answer::Page(page) => human.page(page),
        Answer::Candidates(pages) => human.candidates(pages),
        Answer::Packet(_, packet, fault) => {
            human.separate();
            human.packet(packet, fault.as_ref());
        }
        Answer::Line(line) => human.pasted(line),
        Answer::Errno(errno, pages) => human.errno(errno, pages),
    }
}

/// Writes one object.
type Fill<'a> = Box<dyn Fn(Sink<'_>) + 'a>;

/// The objects of an answer.
fn objects<'a>(answer: &'a Answer<'_>) -> Vec<Fill<'a>> {
    let mut fills: Vec<Fill<'a>> = Vec::new();
    match answer {
        Answer::Table(pages) => {
            for page in pages {
                fills.push(Box::new(move |sink| fields::message(page, sink)));
            }
        }
        Answer::Page(page) => fills.push(Box::new(move |sink| fields::message(page, sink))),
        Answer::Candidates(pages) => {
            for page in pages {
                fills.push(Box::new(move |sink| fields::candidate(page, sink)));
            }
        }
        Answer::Packet(number, packet, fault) => {
            let number = *number;
            for section in &packet.sections {
                for field in &section.fields {
                    fills.push(Box::new(move |sink| fields::field(number, section, field, sink)));
                }
            }
            let flaws = packet.flaws.iter().map(|flaw| (Some(flaw.offset), &flaw.what));
            for (at, it) in flaws.chain(fault.iter().map(|what| (None, what))) {
                fills.push(Box::new(move |sink| {
                    fields::remark(number, "flaw", at, &it.en, &it.zh, sink);
                }));
            }
            for it in &packet.told {
                fills.push(Box::new(move |sink| {
                    fields::remark(number, "told", None, &it.en, &it.zh, sink);
                }));
            }
        }
        Answer::Line(line) => fills.push(Box::new(move |sink| fields::line(line, sink))),
        Answer::Errno(errno, pages) => {
            fills.push(Box::new(move |sink| fields::errno(errno, pages, sink)));
        }
    }
    fills
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_of_the_corpus_is_explained_or_refused() {
        let inputs = testbed::replay("explain", |bytes| {
            check::of(bytes);
            let text = String::from_utf8_lossy(bytes);
            for family in [None, Some(Family::V4), Some(Family::V6)] {
                let Ok((answers, _)) = answers(&text, family) else { continue };
                let mut human = Human::new(crate::lang::Language::English, false);
                answers.iter().for_each(|answer| for_people(answer, &mut human));
                assert!(human.text.chars().all(|c| c == '\n' || !c.is_control()));
            }
        });
        assert!(inputs >= 10, "{inputs} inputs");
    }
}
