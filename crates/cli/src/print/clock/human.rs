//! Clocks for people, in English and in Chinese: answers if one way was asked, and a table of what
//! each way says.

use super::fields::{letters, ntp_time, reference};
use super::{Outcome, Printer, Told, Tries};
use crate::escape::escape;
use crate::failure::Exit;
use crate::lang::Language;
use crate::meaning;
use crate::print::human::{Colour, named, send_fault};
use crate::print::{Unresolved, Whom};
use probe::clock::way::network_time::is_unsynchronised;
use probe::clock::way::{Said, Way};
use probe::clock::{Doubt, End, Event, Sample, Verdict};
use std::io::Write as _;
use std::time::Duration;

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    language: Language,
    is_coloured: bool,
    is_quiet: bool,
    /// Whether an offset was shown, so that it is worth saying what that is.
    has_offset: bool,
    /// Whether answers were shown as they came.
    was_live: bool,
}

/// Columns of the table.
const COLUMNS: usize = 5;

/// What one way says: cells of the table, and what must be added.
struct Line {
    cells: [String; COLUMNS],
    notes: Vec<String>,
}

impl Human {
    /// A printer; a quiet one leaves out the answers.
    pub fn new(language: Language, is_coloured: bool, is_quiet: bool) -> Human {
        Human { language, is_coloured, is_quiet, has_offset: false, was_live: false }
    }

    fn pick<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.language.pick(english, chinese)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn line(&self, event: &Event) -> String {
        let why = match event {
            Event::Sample(sample) => return self.sample(sample),
            Event::Silent { .. } => self.pick("no answer", "无应答").to_owned(),
            Event::Refused { refusal, .. } => {
                let phrase = meaning::phrase(refusal.meaning, self.language);
                match self.language {
                    Language::English => format!("{phrase}, says {}", refusal.from),
                    Language::Chinese => format!("{phrase}（来自 {}）", refusal.from),
                }
            }
            Event::Unsent { fault, .. } => send_fault(*fault, self.language),
            Event::Verdict(_) => return String::new(),
        };
        let number = match event {
            Event::Silent { number, .. }
            | Event::Refused { number, .. }
            | Event::Unsent { number, .. } => *number,
            Event::Sample(_) | Event::Verdict(_) => 0,
        };
        format!("seq={number} {}", self.paint(Colour::Red, &why))
    }

    /// `seq=1 originate=0 receive=1500 transmit=1500 rtt=0.200 ms difference=...`.
    fn sample(&self, sample: &Sample) -> String {
        let mut line = format!("seq={} {}", sample.number, self.said(&sample.said));
        line.push_str(&format!(" rtt={}", milliseconds(sample.rtt)));
        match sample.offset {
            Ok(offset) => {
                let bound = offset.bound_ns;
                let [difference, correction] =
                    [offset.difference_ns, offset.correction_ns].map(|ns| span(ns, bound));
                line.push_str(&format!(
                    " difference={difference} correction={correction} ±{}",
                    plain(bound, bound)
                ));
            }
            Err(doubt) => {
                let why = self.doubt(doubt);
                line.push_str(&format!(" {}", self.paint(Colour::Yellow, &why)));
            }
        }
        if let Some(change) = sample.change {
            let [there, back] = [change.forward_ns, change.backward_ns].map(|ns| ns as f64 / 1e6);
            let (go, come) = (self.pick("there", "去程"), self.pick("back", "回程"));
            line.push_str(&format!(" {go} +{there:.3} ms {come} +{back:.3} ms"));
        }
        line
    }

    /// What an answer says, as on the wire.
    fn said(&self, said: &Said) -> String {
        match said {
            Said::Stamps { originate, receive, transmit } => format!(
                "originate={} receive={} transmit={}",
                stamp(*originate),
                stamp(*receive),
                stamp(*transmit)
            ),
            Said::Text(text) => format!("\"{}\"", escape(text)),
            Said::Seconds(seconds) => {
                let time = ntp_time(u64::from(*seconds) << 32).unwrap_or_default();
                format!("{seconds} ({})", time.replace(".000000000", ""))
            }
            Said::Ntp(packet) => {
                let time = |time| ntp_time(time).unwrap_or_else(|| "0".to_owned());
                let (receive, transmit) = (time(packet.receive), time(packet.transmit));
                format!("receive={receive} transmit={transmit}")
            }
        }
    }

    fn doubt(&self, doubt: Doubt) -> String {
        let text = match doubt {
            Doubt::NonStandard => self.pick("not a standard time", "不是标准时间"),
            Doubt::OutOfRange => self.pick("no time of any day", "超出一天的范围"),
            Doubt::Unfilled => self.pick("no time is filled in", "没有填入时间"),
            Doubt::Echoed => self.pick("only what was sent comes back", "只是把发出的时间送回"),
            Doubt::OriginateChanged => {
                self.pick("the originate time came back changed", "返回的发出时间被改动")
            }
            Doubt::Impossible => self.pick("these times cannot be", "这些时间不可能"),
            Doubt::Stopped => self.pick("the clock stands still", "时钟停着不走"),
            Doubt::Unreadable => self.pick("no date and time that can be read", "读不出日期和时间"),
            Doubt::Kiss(code) => {
                let code = letters(code);
                return match self.language {
                    Language::English => format!("does not want to be asked: {code}"),
                    Language::Chinese => format!("不愿被询问：{code}"),
                };
            }
        };
        text.to_owned()
    }

    /// What one way says, as a row of the table.
    fn row(&self, way: &dyn Way, outcome: &Outcome) -> Line {
        let mut cells: [String; COLUMNS] = std::array::from_fn(|_| "-".to_owned());
        cells[0] = way.name().to_owned();
        let note = |text: &str| vec![text.to_owned()];
        let tries = match outcome {
            Outcome::Asked(tries) => tries,
            Outcome::Unspoken => {
                let why =
                    self.pick("ICMP timestamps exist in IPv4 only", "ICMP 时间戳只有 IPv4 才有");
                return Line { cells, notes: note(why) };
            }
            Outcome::Failed(failure) if failure.exit == Exit::NotPermitted => {
                let why =
                    self.pick("not permitted: needs a raw socket", "没有权限：需要原始套接字");
                return Line { cells, notes: note(why) };
            }
            Outcome::Failed(failure) => return Line { cells, notes: note(&failure.message) },
        };
        if tries.transport == "tcp" {
            cells[0].push_str("/tcp");
        }
        let Some(verdict) = &tries.verdict else {
            return Line { cells, notes: note(self.pick("interrupted", "已中断")) };
        };
        if let Some(estimate) = verdict.estimate {
            cells[1] = span(estimate.offset_ns, estimate.bound_ns);
            cells[2] = format!("±{}", plain(estimate.bound_ns, estimate.bound_ns));
        }
        if let Some((rtt, _)) = verdict.rtt {
            cells[3] = milliseconds(rtt);
        }
        cells[4] = format!("{}/{}", verdict.answered, verdict.sent);
        let mut notes = self.notes(verdict);
        if let Some(error) = &tries.error {
            notes.push(format!("tcp: {}", escape(error)));
        }
        Line { cells, notes }
    }

    fn notes(&self, verdict: &Verdict) -> Vec<String> {
        let english = self.language == Language::English;
        let mut notes = Vec::new();
        match verdict.end {
            End::Answered => {}
            End::Silent => notes.push(self.pick("no answer", "无应答").to_owned()),
            End::Unknown => notes.push(self.pick("interrupted", "已中断").to_owned()),
            End::Unsendable(fault) => notes.push(send_fault(fault, self.language)),
            End::Refused(refusal) => {
                let phrase = meaning::phrase(refusal.meaning, self.language);
                notes.push(match english {
                    true => format!("{phrase}, says {}", refusal.from),
                    false => format!("{phrase}（来自 {}）", refusal.from),
                });
            }
        }
        let habits = verdict.habits.names().map(|name| self.habit(name).to_owned());
        notes.extend(habits.filter(|it| !it.is_empty()));
        if let Some(doubt) = verdict.doubt.filter(|_| verdict.estimate.is_none()) {
            notes.push(self.doubt(doubt));
        } else if verdict.estimate.is_none() && verdict.answered > 0 {
            let text = self.pick("the answers contradict one another", "各次应答互相矛盾");
            notes.push(text.to_owned());
        }
        if let Some(estimate) = verdict.estimate.filter(|it| it.agreeing < it.of) {
            let (left, of) = (estimate.of - estimate.agreeing, estimate.of);
            notes.push(match english {
                true => format!("{left} of {of} answers contradict the others and are left out"),
                false => format!("{of} 次应答中有 {left} 次与其余矛盾，不计"),
            });
        }
        if let Some(zone_s) = verdict.assumed_zone_s {
            let zone = zone(zone_s);
            notes.push(match english {
                true => format!("local time without a zone, taken as {zone}"),
                false => format!("未注明时区的当地时间，按 {zone} 计"),
            });
        }
        if let Some(Said::Ntp(packet)) = &verdict.said
            && packet.stratum > 0
        {
            notes.push(match english {
                true => format!("stratum {}, {}", packet.stratum, reference(packet)),
                false => format!("层级 {}，{}", packet.stratum, reference(packet)),
            });
            notes.extend(self.leap(packet.leap, is_unsynchronised(packet)).map(str::to_owned));
        }
        if let Some(ppm) = verdict.drift_ppm {
            notes.push(match english {
                true => format!("drifts by {ppm:+.1} ppm"),
                false => format!("漂移 {ppm:+.1} ppm"),
            });
        }
        for (count, one, many, chinese) in [
            (verdict.malformed, "malformed answer", "malformed answers", "个格式错误的应答"),
            (
                verdict.unproven,
                "answer to no question",
                "answers to no question",
                "个答非所问的应答",
            ),
        ] {
            match (count, english) {
                (0, _) => {}
                (1, true) => notes.push(format!("1 {one}")),
                (_, true) => notes.push(format!("{count} {many}")),
                (_, false) => notes.push(format!("{count} {chinese}")),
            }
        }
        notes
    }

    fn leap(&self, leap: u8, is_unsynchronised: bool) -> Option<&str> {
        match leap {
            _ if is_unsynchronised => {
                Some(self.pick("says that its clock follows nothing", "自称时钟没有同步"))
            }
            1 => Some(
                self.pick("the last minute of the day has 61 seconds", "当天最后一分钟有 61 秒"),
            ),
            2 => Some(
                self.pick("the last minute of the day has 59 seconds", "当天最后一分钟有 59 秒"),
            ),
            _ => None,
        }
    }

    fn habit(&self, name: &str) -> &str {
        match name {
            "byte_swapped" => {
                self.pick("byte-swapped, read the other way round", "字节颠倒，已按颠倒读取")
            }
            "steps_of_10_ms" => self.pick("counts in steps of 10 ms", "以 10 毫秒为一步"),
            "whole_seconds" => self.pick("counts in whole seconds", "以整秒为一步"),
            "copies_receive" => {
                self.pick("transmit is always the same as receive", "发送时间总与接收时间相同")
            }
            "no_receive" => self.pick("receive is not filled in", "没有填入接收时间"),
            "no_transmit" => self.pick("transmit is not filled in", "没有填入发送时间"),
            // What leaves no offset is said as the reason of that.
            _ => "",
        }
    }

    fn heading(&self) -> [String; COLUMNS] {
        [
            self.pick("way", "方式"),
            self.pick("offset", "偏差"),
            self.pick("bound", "误差界"),
            self.pick("round trip", "往返"),
            self.pick("answers", "应答"),
        ]
        .map(str::to_owned)
    }

    fn table(&mut self, told: &Told<'_>, out: &mut Vec<u8>) {
        let lines: Vec<Line> = told.ways.iter().map(|(way, it)| self.row(*way, it)).collect();
        self.has_offset |= told.ways.iter().any(|(_, it)| it.estimate().is_some());
        let heading = self.heading();
        let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
            let cells = lines.iter().map(|line| &line.cells[column]);
            cells.chain([&heading[column]]).map(|cell| width(cell)).max().unwrap_or(0)
        });
        let _ = writeln!(out, "{}", joined(&heading, &widths).trim_end());
        for (line, (_, outcome)) in lines.iter().zip(told.ways) {
            let notes = line.notes.join(self.pick("; ", "；"));
            let colour = if outcome.estimate().is_some() { Colour::Yellow } else { Colour::Red };
            let notes = if notes.is_empty() { notes } else { self.paint(colour, &notes) };
            let row = format!("{}  {notes}", joined(&line.cells, &widths));
            let _ = writeln!(out, "{}", row.trim_end());
        }
    }
}

impl Printer for Human {
    fn separate(&mut self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }

    fn event(
        &mut self,
        whom: Whom<'_>,
        _way: &'static dyn Way,
        _tries: &Tries,
        event: &Event,
        out: &mut Vec<u8>,
    ) {
        if !self.is_quiet {
            self.was_live = true;
            let _ = writeln!(out, "{}: {}", named(whom, None), self.line(event));
        }
    }

    fn target(&mut self, told: &Told<'_>, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.was_live) {
            out.push(b'\n');
        }
        let whom = named(told.whom, None);
        let source = Some(told.source).filter(|source| !source.is_unspecified());
        let _ = match (self.language, source) {
            (Language::English, Some(source)) => writeln!(out, "clock {whom} from {source}"),
            (Language::Chinese, Some(source)) => writeln!(out, "clock {whom}，源地址 {source}"),
            (_, None) => writeln!(out, "clock {whom}"),
        };
        if let ([(_, Outcome::Asked(tries))], false) = (told.ways, self.is_quiet) {
            for event in &tries.events {
                let _ = writeln!(out, "{}", self.line(event));
            }
        }
        self.table(told, out);
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let Unresolved { name, reason, .. } = unresolved;
        let _ = writeln!(out, "{}: {}", escape(name), self.paint(Colour::Red, reason));
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.has_offset && !self.is_quiet {
            let text = self.pick(
                "offset: their clock less ours, if both ways take as long; the bound holds \
                 whatever the path",
                "偏差：对方时钟减本机时钟，假定去程回程一样长；误差界与路径无关",
            );
            let _ = writeln!(out, "{text}");
        }
    }
}

/// A stamp as on the wire; one that is not standard in angle brackets, its high bit cleared.
fn stamp(value: u32) -> String {
    match value >> 31 {
        0 => value.to_string(),
        _ => format!("<{}>", value & 0x7fff_ffff),
    }
}

/// A span as exactly as its bound makes sense of: `+1499.95 ms`, `-3600.5 s`.
fn span(ns: i64, bound_ns: u64) -> String {
    let text = plain(ns.unsigned_abs(), bound_ns);
    let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c));
    let sign = if ns < 0 && !is_zero { '-' } else { '+' };
    format!("{sign}{text}")
}

/// The same without a sign. Seconds from ten seconds on, with a digit less than the bound has.
fn plain(ns: u64, bound_ns: u64) -> String {
    let decimals = |unit_ns: u64| {
        let fits = |it: &usize| bound_ns >= unit_ns * 10 / 10_u64.pow(*it as u32);
        (0..=6).find(fits).unwrap_or(6)
    };
    if ns.max(bound_ns) < 10_000_000_000 {
        let decimals = decimals(1_000_000).clamp(1, 3);
        return format!("{:.decimals$} ms", ns as f64 / 1e6);
    }
    let decimals = decimals(1_000_000_000).max(1);
    format!("{:.decimals$} s", ns as f64 / 1e9)
}

fn milliseconds(span: Duration) -> String {
    format!("{:.3} ms", span.as_secs_f64() * 1e3)
}

/// `UTC`, `UTC+08:00`.
fn zone(ahead_s: i32) -> String {
    let sign = match ahead_s {
        0 => return "UTC".to_owned(),
        1.. => '+',
        _ => '-',
    };
    let minutes = ahead_s.unsigned_abs() / 60;
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Columns that a text takes on a terminal; Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if (0x1100..0x20000).contains(&u32::from(c)) { 2 } else { 1 }).sum()
}

/// Cells of a row, two spaces between, all but the first to the right.
fn joined(cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, wanted))| {
        let padding = " ".repeat(wanted - width(cell));
        if column == 0 { format!("{cell}{padding}") } else { format!("{padding}{cell}") }
    });
    padded.collect::<Vec<String>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_their_bound() {
        assert_eq!(span(1_499_950_000, 150_000), "+1499.95 ms");
        assert_eq!(span(-1_499_950_000, 15_000_000), "-1500.0 ms");
        assert_eq!(span(3_600_000_000_000, 1_000_000), "+3600.0000 s");
        assert_eq!(span(i64::MIN, u64::MAX), "-9223372036.9 s");
        assert_eq!(plain(0, 0), "0.000 ms");
    }

    #[test]
    fn zones_are_ahead_or_behind() {
        assert_eq!(zone(0), "UTC");
        assert_eq!(zone(28_800), "UTC+08:00");
        assert_eq!(zone(-12_600), "UTC-03:30");
    }
}
