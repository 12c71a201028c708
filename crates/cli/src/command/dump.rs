//! `askway dump`: what passes by, a line a packet.

mod flows;
mod judge;
pub mod line;
pub mod machine;
pub mod options;
mod picture;
pub mod plot;
pub mod save;
pub mod sequence;
mod source;

use super::{Command, LAB, Without};
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use crate::print::{Closed, Out};
use crate::resolve;
use clap::{ArgMatches, Args, FromArgMatches};
use line::Lines;
use machine::Machine;
use options::Options;
use picture::Picture;
use save::Save;
use source::{Ended, Next, Source};
use std::net::IpAddr;
use wire::filter::{Expression, Filter, Names};
use wire::pcapng::{Direction, Packet};

/// The command.
pub const COMMAND: Command = Command {
    name: "dump",
    summary: (
        "show the packets that pass by, or those of a file",
        "显示经过的分组，或文件里的分组",
    ),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[Without {
        options: LAB,
        hint: "-r FILE shows what another command's --capture has written",
    }],
    run,
};

/// A packet on its way through the program.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Which one of those that are wanted, from 1.
    pub number: u64,
    /// Tells interfaces apart: the section of a file and the number in it, or the system's number.
    pub place: (u32, u32),
    /// The interface's name, safe for a terminal.
    pub interface: Option<&'a str>,
    /// What it begins with.
    pub link: u16,
    /// The packet.
    pub packet: Packet<'a>,
}

/// What becomes of packets.
pub trait Sink {
    /// Takes one; appends to standard output.
    ///
    /// # Errors
    /// If it cannot be kept.
    fn packet(&mut self, record: &Record<'_>, out: &mut Out) -> Result<(), Failure>;

    /// Nothing comes for now: what was gathered is put where it belongs.
    ///
    /// # Errors
    /// As for a packet.
    fn rest(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// There are no more.
    ///
    /// # Errors
    /// As for a packet.
    fn finish(&mut self, ended: &Ended, out: &mut Out) -> Result<(), Failure>;
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check(common.json || common.csv)?;
    let filter = Expression::parse(&options.filter.join(" "), &Resolver).map_err(|wrong| {
        Failure { message: wrong.message, hint: Some(wrong.hint), exit: Exit::Usage }
    })?;
    let mut source = Source::open(&options, &filter)?;
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if let Some(path) = &options.write {
        sinks.push(Box::new(Save::create(path)?));
    }
    if options.write.is_none() || options.print {
        sinks.push(shower(&options, common));
    }
    source.start(&filter)?;
    go(&mut source, &filter, &options, &mut sinks)
}

fn shower(options: &Options, common: &Common) -> Box<dyn Sink> {
    if options.sequence.is_some() || options.plot.is_some() {
        return Box::new(Picture::new(options, common.language()));
    }
    match common.format() {
        Format::Human => Box::new(Lines::new(options)),
        Format::Json => Box::new(Machine::json(options)),
        Format::Csv => Box::new(Machine::csv(options)),
    }
}

fn go(
    source: &mut Source,
    expression: &Expression,
    options: &Options,
    sinks: &mut [Box<dyn Sink>],
) -> Result<Exit, Failure> {
    let mut out = Out::default();
    let mut filters = Filters { expression, ready: Vec::new() };
    let wanted_way = match options.direction.as_str() {
        "in" => Some(Direction::Inbound),
        "out" => Some(Direction::Outbound),
        _ => None,
    };
    let mut number = 0;
    let is_live = source.is_live();
    let outcome = loop {
        if options.count.is_some_and(|most| number >= most) {
            break Ok(());
        }
        let record = match source.next() {
            Ok(Next::Packet(record)) => record,
            Ok(Next::Nothing) => {
                sinks.iter_mut().try_for_each(|sink| sink.rest())?;
                if let Err(closed) = out.flush() {
                    return closed.failure().map_or(Ok(Exit::Yes), Err);
                }
                source.wait()?;
                continue;
            }
            Ok(Next::End) => break Ok(()),
            Err(failure) => break Err(failure),
        };
        let Packet { bytes, original_bytes, direction, .. } = record.packet;
        // In a file, who knows which way a packet went?
        if wanted_way.is_some_and(|way| way != direction && direction != Direction::Unknown) {
            continue;
        }
        let is_filtered = is_live && !expression.needs_more();
        if !is_filtered && !filters.of(record.link)?.wants(bytes, original_bytes) {
            continue;
        }
        number += 1;
        let record = Record { number, ..record };
        for sink in sinks.iter_mut() {
            sink.packet(&record, &mut out)?;
        }
        if let Err(closed) = out.relieve() {
            return closed.failure().map_or(Ok(Exit::Yes), Err);
        }
    };
    let ended = source.ended(number);
    for sink in sinks.iter_mut() {
        sink.finish(&ended, &mut out)?;
    }
    if let Some(failure) = out.flush().err().and_then(Closed::failure) {
        return Err(failure);
    }
    ended.tell();
    outcome.map(|()| if number > 0 { Exit::Yes } else { Exit::No })
}

/// The filter for each link type that occurs.
struct Filters<'a> {
    expression: &'a Expression,
    ready: Vec<(u16, Filter)>,
}

impl Filters<'_> {
    fn of(&mut self, link: u16) -> Result<&Filter, Failure> {
        let at = match self.ready.iter().position(|(known, _)| *known == link) {
            Some(at) => at,
            None => {
                let filter = self.expression.compile(link).map_err(|wrong| Failure {
                    message: wrong.message,
                    hint: Some(wrong.hint),
                    exit: Exit::Usage,
                })?;
                self.ready.push((link, filter));
                self.ready.len() - 1
            }
        };
        Ok(&self.ready[at].1)
    }
}

/// The names in a filter.
struct Resolver;

impl Names for Resolver {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let found = resolve::resolve_all(&[name.to_owned()], None);
        let targets = found.into_iter().filter_map(Result::ok).flatten();
        targets.map(|target| target.address).collect()
    }

    fn port(&self, _name: &str) -> Option<u16> {
        None
    }
}
