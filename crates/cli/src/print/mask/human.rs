//! Address masks for people, in English and in Chinese.

use super::{Printer, Tally, fields};
use crate::escape::escape;
use crate::lang::Language;
use crate::meaning;
use crate::print::human::{Colour, decimals, milliseconds, named, plain, send_fault};
use crate::print::{Unresolved, Whom};
use probe::gather::{Answer, Counts, Event};
use probe::mask::{Expectation, Found, Remark, prefix_bits, remarks};
use std::io::Write as _;
use std::net::Ipv4Addr;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    language: Language,
    is_coloured: bool,
    is_quiet: bool,
    has_many: bool,
}

impl Human {
    /// A printer; a quiet one shows summaries alone.
    pub fn new(language: Language, is_coloured: bool, is_quiet: bool, has_many: bool) -> Human {
        Human { language, is_coloured, is_quiet, has_many }
    }

    fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    /// `192.0.2.3  255.255.255.0 (/24)  0.200 ms  its classful mask`.
    fn answer(&self, answer: &Answer<Found>, expected: &Expectation) -> String {
        let mut line = format!("{}  {}", answer.from, shown(answer.finding.mask));
        if let Some((rtt, _)) = answer.rtt {
            let ns = rtt.as_nanos() as f64;
            line.push_str(&format!("  {} ms", milliseconds(ns, decimals(ns))));
        }
        let said: Vec<String> =
            remarks(answer, expected).into_iter().map(|it| self.remark(it)).collect();
        if said.is_empty() {
            line
        } else {
            format!("{line}  {}", said.join(self.pick(", ", "，")))
        }
    }

    fn remark(&self, remark: Remark) -> String {
        let text = match remark {
            Remark::OwnHost => return self.pick("this host", "本机").to_owned(),
            Remark::Duplicate => self.pick("duplicate", "重复"),
            Remark::Elsewhere => self.pick("not the address that was asked", "不是所问的地址"),
            Remark::Broadcast => self.pick("wrongly broadcast", "错误地广播了应答"),
            Remark::Differs(own) => {
                let english = format!("differs from {own} here");
                let text = self.language.pick(english, format!("与本机的 {own} 不同"));
                return self.paint(Colour::Yellow, &text);
            }
            Remark::Classful => self.pick("its classful mask", "它的分类掩码"),
            Remark::NotContiguous => self.pick("not contiguous", "不连续"),
            Remark::Zeros => self.pick("all zeros: no mask", "全为零：不是掩码"),
            Remark::Ones => {
                self.pick("all ones: a network of one host", "全为一：只有一台主机的网络")
            }
        };
        self.paint(Colour::Yellow, text)
    }

    /// `192.0.2.15: 3 hosts answered: 255.255.255.0 (2), 255.255.255.240 (1)`.
    fn summary(&self, whom: Whom<'_>, asked: u32, tally: &Tally) -> String {
        let whom = plain(whom);
        if tally.answers == 0 {
            let text = match (self.language, asked) {
                (_, 0) => format!("{whom}{}", self.pick(": not asked", "：没有问")),
                (Language::English, 1) => format!("{whom}: nobody answered (asked once)"),
                (Language::English, _) => format!("{whom}: nobody answered (asked {asked} times)"),
                (Language::Chinese, _) => format!("{whom}：无人应答（问了 {asked} 次）"),
            };
            return self.paint(Colour::Red, &text);
        }
        let said: Vec<String> =
            tally.masks.iter().map(|(mask, count)| format!("{mask} ({count})")).collect();
        match (self.language, tally.answers) {
            (Language::English, 1) => format!("{whom}: 1 answer: {}", said.join(", ")),
            (Language::English, count) => format!("{whom}: {count} answers: {}", said.join(", ")),
            (Language::Chinese, count) => format!("{whom}：{count} 个应答：{}", said.join("，")),
        }
    }
}

/// A mask, and how many bits it has where that can be said.
fn shown(mask: Ipv4Addr) -> String {
    match prefix_bits(mask) {
        Some(bits) => format!("{mask} (/{bits})"),
        None => mask.to_string(),
    }
}

impl Printer for Human {
    fn start(&mut self, whoms: &[Whom<'_>], expected: &[Expectation], out: &mut Vec<u8>) {
        let ([whom], [expected]) = (whoms, expected) else { return };
        if self.is_quiet {
            return;
        }
        let whom = named(*whom, None);
        let _ = match (self.language, expected.mask) {
            (Language::English, Some(mask)) => writeln!(out, "mask {whom}; here it is {mask}"),
            (Language::Chinese, Some(mask)) => writeln!(out, "mask {whom}；本机为 {mask}"),
            (_, None) => writeln!(out, "mask {whom}"),
        };
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let Unresolved { name, reason, .. } = unresolved;
        let _ = writeln!(out, "{}: {}", escape(name), self.paint(Colour::Red, reason));
    }

    fn event(
        &mut self,
        whom: Whom<'_>,
        event: &Event<Found>,
        expected: &Expectation,
        tally: &Tally,
        out: &mut Vec<u8>,
    ) {
        let line = match event {
            // Why it did not leave is said already.
            Event::Ended { asked: 0, .. } if !self.is_quiet => return,
            Event::Ended { asked, .. } => self.summary(whom, *asked, tally),
            _ if self.is_quiet => return,
            Event::Answer(answer) => self.answer(answer, expected),
            Event::Error { from, says } => {
                let phrase = meaning::phrase(says.meaning, self.language);
                let whom = if self.has_many { format!("{}: ", plain(whom)) } else { String::new() };
                format!("{whom}{from}{}{phrase}", self.pick(": ", "："))
            }
            Event::Unsent(fault) => {
                let text = send_fault(*fault, self.language);
                format!("{}: {}", plain(whom), self.paint(Colour::Red, &text))
            }
        };
        let _ = writeln!(out, "{line}");
    }

    fn finish(&mut self, counts: &Counts, out: &mut Vec<u8>) {
        for (what, count) in fields::remarks(counts) {
            let note = self.paint(Colour::Yellow, &not_told(what, count, self.language));
            let _ = writeln!(out, "{}{note}", self.pick("note: ", "注意："));
        }
    }
}

/// What arrived and was not told of, in words.
pub fn not_told(what: &str, count: u64, language: Language) -> String {
    let s = if count == 1 { "" } else { "s" };
    match (what, language) {
        ("malformed", Language::English) => {
            format!("{count} malformed answer{s} came, not believed")
        }
        ("malformed", Language::Chinese) => format!("收到 {count} 个格式错误的应答，不予采信"),
        ("untold", Language::English) => format!("{count} more answer{s} came than are shown"),
        ("untold", Language::Chinese) => format!("另有 {count} 个应答没有显示"),
        (_, Language::English) => format!("this host had no room for {count} packet{s}"),
        (_, Language::Chinese) => format!("本机没有空间接收，丢弃了 {count} 个包"),
    }
}
