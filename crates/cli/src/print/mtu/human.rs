//! The width of roads for people, in English and in Chinese.

use super::{Direction, Measured, Printer};
use crate::escape::escape;
use crate::lang::Language;
use crate::meaning;
use crate::print::Unresolved;
use crate::print::human::{Colour, named, send_fault};
use probe::mtu::{Conclusion, Doubt, End, Evidence, Limit, Remark, Says};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    language: Language,
    is_coloured: bool,
    is_quiet: bool,
}

impl Human {
    /// A printer; a quiet one says how wide each road is, in one line.
    pub fn new(language: Language, is_coloured: bool, is_quiet: bool) -> Human {
        Human { language, is_coloured, is_quiet }
    }

    fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.language.pick(english, chinese)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn bytes(&self, bytes: u32) -> String {
        format!("{bytes} {}", self.pick("bytes", "字节"))
    }

    /// `hop 4  r4 (192.0.2.4)  1400 bytes  says packet too big`.
    fn limit(&self, road: &Measured<'_>, limit: &Limit) -> String {
        let direction = road.way(limit);
        let place = match direction {
            Direction::Back => self.pick("way back", "回程").to_owned(),
            _ => match self.language {
                Language::English => format!("hop {}", hops(limit)),
                Language::Chinese => format!("第 {} 跳", hops(limit)),
            },
        };
        let who = match (direction, limit.from) {
            (Direction::Back, _) => None,
            (_, Some(from)) => Some(who(road, from)),
            (_, None) if limit.hop == 0 => Some(self.pick("this host", "本机").to_owned()),
            (_, None) => None,
        };
        let who = who.map(|who| format!("  {who}")).unwrap_or_default();
        let about = if limit.is_exact { "" } else { self.pick("about ", "约 ") };
        format!("{place}{who}  {about}{}  {}", self.bytes(limit.mtu_bytes), self.why(road, limit))
    }

    /// How a limit is known, and by how many tries.
    fn why(&self, road: &Measured<'_>, limit: &Limit) -> String {
        let what = self.what(road, limit);
        match (limit.evidence, self.language) {
            (Evidence::Silence { tries }, Language::English) => format!("{what} ({tries} tries)"),
            (Evidence::Silence { tries }, Language::Chinese) => format!("{what}（{tries} 次）"),
            _ => what.to_owned(),
        }
    }

    /// How a limit is known: `drops larger ones silently`.
    fn what(&self, road: &Measured<'_>, limit: &Limit) -> &'static str {
        match (limit.evidence, road.way(limit)) {
            (Evidence::Local, _) => self.pick("sends no larger ones", "不发送更大的数据报"),
            (Evidence::Said { .. }, _) => self.pick("says packet too big", "报告数据报过大"),
            (Evidence::Silence { .. }, Direction::There) => {
                self.pick("drops larger ones silently", "悄悄丢弃更大的数据报")
            }
            (Evidence::Silence { .. }, Direction::Back) => {
                self.pick("larger ones arrive and do not return", "更大的数据报到达后没有返回")
            }
            (Evidence::Silence { .. }, Direction::Either) => self.pick(
                "larger ones get lost behind it or on the way back",
                "更大的数据报在其后或回程丢失",
            ),
        }
    }

    fn remark(&self, road: &Measured<'_>, remark: &Remark) -> String {
        let from = who(road, remark.from);
        let said = remark.mtu_bytes.unwrap_or(0);
        let probe = remark.bytes;
        match (remark.why, self.language) {
            (Doubt::NoValue, Language::English) => {
                format!("{from} names no size, as before RFC 1191")
            }
            (Doubt::NoValue, Language::Chinese) => {
                format!("{from} 没有给出大小（RFC 1191 之前的做法）")
            }
            (Doubt::NotBelow, Language::English) => {
                format!("{from} refuses {probe} bytes and names {said}: not believed")
            }
            (Doubt::NotBelow, Language::Chinese) => {
                format!("{from} 拒绝 {probe} 字节却称可过 {said} 字节：不予采信")
            }
            (Doubt::BelowMinimum, Language::English) => {
                format!("{from} names {said} bytes, less than every link takes: not believed")
            }
            (Doubt::BelowMinimum, Language::Chinese) => {
                format!("{from} 称只能过 {said} 字节，低于任何链路的下限：不予采信")
            }
            (Doubt::OtherSize { quoted_bytes }, Language::English) => {
                format!("{from} quotes {quoted_bytes} bytes of a datagram of {probe}: not believed")
            }
            (Doubt::OtherSize { quoted_bytes }, Language::Chinese) => {
                format!("{from} 引用的数据报为 {quoted_bytes} 字节，实为 {probe} 字节：不予采信")
            }
            (Doubt::Contradicted, Language::English) => {
                format!("{from} says that {probe} bytes are too big, and they pass: not believed")
            }
            (Doubt::Contradicted, Language::Chinese) => {
                format!("{from} 称 {probe} 字节过大，但实际通过：不予采信")
            }
            (Doubt::Inaccurate { mtu_bytes }, Language::English) => {
                format!("{from} names {said} bytes, and {mtu_bytes} pass")
            }
            (Doubt::Inaccurate { mtu_bytes }, Language::Chinese) => {
                format!("{from} 称 {said} 字节，实际可过 {mtu_bytes} 字节")
            }
        }
    }

    /// `path MTU 1300 bytes forward (limit at hop 7: ...), 1300 both ways; 40 probes, 0.29 s`.
    fn verdict(&self, road: &Measured<'_>) -> String {
        let Conclusion { forward_bytes, both_bytes, .. } = *road.conclusion;
        let mut line = match forward_bytes {
            Some(bytes) => {
                let bytes = self.at_least(bytes, road.conclusion.forward_is_exact);
                match self.language {
                    Language::English => format!("path MTU {bytes} forward"),
                    Language::Chinese => format!("路径 MTU：去程 {bytes}"),
                }
            }
            None => self.shortfall(road),
        };
        if let Some(limit) = self.decisive(road) {
            let place = match (self.language, limit.hop) {
                (Language::English, 0) => "limit at this host".to_owned(),
                (Language::Chinese, 0) => "瓶颈在本机".to_owned(),
                (Language::English, _) => format!("limit at hop {}", hops(limit)),
                (Language::Chinese, _) => format!("瓶颈在第 {} 跳", hops(limit)),
            };
            let why = match limit.from {
                Some(from) => {
                    let colon = self.pick(": ", "：");
                    format!("{colon}{} {}", who(road, from), self.what(road, limit))
                }
                None => String::new(),
            };
            let _ = match self.language {
                Language::English => write!(line, " ({place}{why})"),
                Language::Chinese => write!(line, "（{place}{why}）"),
            };
        }
        if let Some(bytes) = both_bytes {
            let is_same = forward_bytes == Some(bytes);
            let is_exact = road.conclusion.both_is_exact || is_same;
            let bytes = self.at_least(bytes, is_exact);
            let _ = match self.language {
                Language::English => write!(line, ", {bytes} both ways"),
                Language::Chinese => write!(line, "，往返 {bytes}"),
            };
        }
        let (sent, _, took) = road.effort();
        let seconds = took.as_secs_f64();
        let _ = match (self.language, sent) {
            (Language::English, 1) => write!(line, "; 1 probe, {seconds:.3} s"),
            (Language::English, _) => write!(line, "; {sent} probes, {seconds:.3} s"),
            (Language::Chinese, _) => write!(line, "；{sent} 个探测包，{seconds:.3} 秒"),
        };
        line
    }

    fn at_least(&self, bytes: u32, is_exact: bool) -> String {
        let at_least = if is_exact { "" } else { self.pick("at least ", "至少 ") };
        format!("{at_least}{}", self.bytes(bytes))
    }

    /// The limit that the verdict names.
    fn decisive<'a>(&self, road: &'a Measured<'_>) -> Option<&'a Limit> {
        let limit = road.conclusion.narrowest()?;
        let bytes = road.conclusion.forward_bytes.or(road.passed_bytes());
        Some(limit).filter(|limit| Some(limit.mtu_bytes) == bytes)
    }

    /// Why the target was not reached, and what got how far.
    fn shortfall(&self, road: &Measured<'_>) -> String {
        let english = self.language == Language::English;
        let why = match road.end() {
            Some(End::Refused { from, says: Says::Error { meaning, .. } }) => {
                let phrase = meaning::phrase(meaning, self.language);
                match english {
                    true => format!("refused by {}: {phrase}", who(road, from)),
                    false => format!("被 {} 拒绝：{phrase}", who(road, from)),
                }
            }
            Some(End::Unsendable(fault)) => send_fault(fault, self.language),
            Some(End::Silent { heard: 0 }) => self.pick("nobody answers", "无人应答").to_owned(),
            Some(End::Silent { heard }) if english => format!("silent behind hop {heard}"),
            Some(End::Silent { heard }) => format!("第 {heard} 跳之后无应答"),
            _ => self.pick("interrupted", "已中断").to_owned(),
        };
        let whom = named(road.whom, None);
        let mut line = match english {
            true => format!("{whom} not reached: {why}"),
            false => format!("未到达 {whom}：{why}"),
        };
        if let Some(bytes) = road.passed_bytes() {
            let _ = match english {
                true => write!(line, "; {bytes} bytes get that far"),
                false => write!(line, "；到此可过 {bytes} 字节"),
            };
        }
        line
    }
}

impl Printer for Human {
    fn separate(&mut self, out: &mut Vec<u8>) {
        if !self.is_quiet {
            out.push(b'\n');
        }
    }

    fn road(&mut self, road: &Measured<'_>, out: &mut Vec<u8>) {
        let verdict = self.verdict(road);
        let verdict = match road.conclusion.is_reached {
            true => verdict,
            false => self.paint(Colour::Red, &verdict),
        };
        if self.is_quiet {
            let _ = writeln!(out, "{}: {verdict}", named(road.whom, None));
            return;
        }
        let whom = named(road.whom, None);
        let source = Some(road.source).filter(|source| !source.is_unspecified());
        let _ = match (self.language, source) {
            (Language::English, Some(source)) => writeln!(out, "mtu {whom} from {source}"),
            (Language::Chinese, Some(source)) => writeln!(out, "mtu {whom}，源地址 {source}"),
            (_, None) => writeln!(out, "mtu {whom}"),
        };
        for limit in &road.conclusion.limits {
            let _ = writeln!(out, "{}", self.limit(road, limit));
        }
        for remark in road.remarks() {
            let note = self.paint(Colour::Yellow, &self.remark(road, remark));
            let _ = writeln!(out, "{}{note}", self.pick("note: ", "注意："));
        }
        let _ = writeln!(out, "{verdict}");
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let Unresolved { name, reason, .. } = unresolved;
        let _ = writeln!(out, "{}: {}", escape(name), self.paint(Colour::Red, reason));
    }
}

/// Between which hops a limit is; one number where they follow each other.
fn hops(limit: &Limit) -> String {
    match limit.next_hop {
        Some(next) if next > limit.hop + 1 => format!("{}-{}", limit.hop, next - 1),
        _ => limit.hop.to_string(),
    }
}

/// `r4 (192.0.2.4)`.
fn who(road: &Measured<'_>, from: IpAddr) -> String {
    match road.book.name(from) {
        Some(name) => format!("{name} ({from})"),
        None => from.to_string(),
    }
}
