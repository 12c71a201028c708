//! Lines for people, in English and in Chinese.

use super::fields::address;
use super::{End, Event, Printer, Start, Totals, Unresolved, Whom, hints, options};
use crate::escape::escape;
use crate::lang::Language;
use crate::meaning;
use crate::wall;
use probe::kind::Detail;
use probe::ping::{IcmpError, Outcome, Reply};
use probe::stats::{RttSummary, Summary};
use probe::{RttSource, SendFault, SendFaultReason};
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// The widest that the column of targets becomes, in characters.
const COLUMN_MAX: usize = 40;

/// How people want to see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// The language.
    pub language: Language,
    /// With colour.
    pub is_coloured: bool,
    /// No lines for single probes.
    pub is_quiet: bool,
    /// No lines for probes that were answered as they should.
    pub only_trouble: bool,
    /// 0: answers and losses; 1: more of each; 2: also sends and what is in flight.
    pub verbosity: u8,
    /// The time in front of each line.
    pub timestamps: bool,
    /// The bell at each answer.
    pub audible: bool,
    /// Decimals of times in milliseconds; `None`: as many as make sense.
    pub precision: Option<usize>,
    /// Guesses from the TTL.
    pub hints: bool,
}

/// Prints for people.
#[derive(Debug)]
pub struct Human {
    style: Style,
    /// Whether each target gets one row of a table at the end.
    has_table: bool,
    width: usize,
    has_header: bool,
    last_road: Option<Box<[u8]>>,
}

/// The colours in use (ECMA-48 SGR).
#[derive(Clone, Copy)]
pub enum Colour {
    /// For what is wrong.
    Red,
    /// For what is odd.
    Yellow,
    /// For what matters.
    Bold,
}

impl Colour {
    /// A text in this colour.
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Colour::Red => 31,
            Colour::Yellow => 33,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The decimals that suit a time in milliseconds; figures that are compared have the same.
pub fn decimals(like_ns: f64) -> usize {
    match like_ns {
        ns if ns < 100e3 => 4,
        ns if ns < 100e6 => 3,
        _ => 1,
    }
}

/// A time in milliseconds.
pub fn milliseconds(ns: f64, decimals: usize) -> String {
    format!("{:.decimals$}", ns / 1e6)
}

impl Human {
    /// A printer.
    pub fn new(style: Style) -> Human {
        Human { style, has_table: false, width: 0, has_header: false, last_road: None }
    }

    fn pick(&self, english: &'static str, chinese: &'static str) -> &'static str {
        self.style.language.pick(english, chinese)
    }

    fn is_chinese(&self) -> bool {
        self.pick("", "zh") == "zh"
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.style.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn ms(&self, ns: f64, like_ns: f64) -> String {
        milliseconds(ns, self.style.precision.unwrap_or(decimals(like_ns)))
    }

    fn rtt(&self, rtt: Duration) -> String {
        let ns = rtt.as_nanos() as f64;
        self.ms(ns, ns)
    }

    /// The line of an answer, without what is wrong with it.
    fn answer(&self, event: &Event<'_>, reply: &Reply) -> String {
        let from = from(event.whom, reply.from, event.from_name);
        let (seq, bytes, time) = (event.report.sequence, reply.bytes, self.rtt(reply.rtt));
        let ttl = reply.hop_limit.map(|ttl| format!(" ttl={ttl}")).unwrap_or_default();
        let mut line = if self.is_chinese() {
            format!("来自 {from} 的 {bytes} 字节：序号={seq}{ttl} 时间={time} 毫秒")
        } else {
            format!("{bytes} bytes from {from}: seq={seq}{ttl} time={time} ms")
        };
        if let Detail::Timestamps { originate, receive, transmit } = reply.detail {
            let [originate, receive, transmit] =
                [originate, receive, transmit].map(options::time_of_day);
            let _ = write!(line, " originate={originate} receive={receive} transmit={transmit}");
        }
        if self.style.verbosity > 0 {
            if let Some(class) = reply.traffic_class {
                let _ = write!(line, " tos={class:#04x}");
            }
            if let Some(to) = reply.to {
                let _ = write!(line, " to={to}");
            }
            let _ = write!(line, " clock={}", reply.rtt_source.name());
        }
        line
    }

    /// What is to be said about an answer besides that it came.
    fn remarks(&self, event: &Event<'_>, reply: &Reply) -> Vec<String> {
        let mut remarks = Vec::new();
        match &event.report.outcome {
            Outcome::Late(_) => remarks.push(self.pick("late", "迟到").to_owned()),
            Outcome::Duplicate(_) => remarks.push(self.pick("duplicate", "重复").to_owned()),
            Outcome::WrongSource(_) => {
                let target = plain(event.whom);
                remarks.push(if self.is_chinese() {
                    format!("问的是 {target}，来自另一地址")
                } else {
                    format!("from another address than asked, {target}")
                });
            }
            Outcome::Corrupted { offset, sent, got, .. } => {
                remarks.push(self.corruption(*offset, *sent, *got));
            }
            _ => {}
        }
        if reply.reordered {
            remarks.push(self.pick("reordered", "乱序").to_owned());
        }
        if reply.bad_checksum {
            remarks.push(self.pick("bad checksum", "校验和错误").to_owned());
        }
        remarks
    }

    fn corruption(&self, offset: usize, sent: u8, got: Option<u8>) -> String {
        match (got, self.is_chinese()) {
            (Some(got), false) => {
                format!("corrupted: byte {offset} is 0x{got:02x}, sent was 0x{sent:02x}")
            }
            (Some(got), true) => {
                format!("损坏：第 {offset} 字节为 0x{got:02x}，发送的是 0x{sent:02x}")
            }
            (None, false) => format!("corrupted: cut off at byte {offset}"),
            (None, true) => format!("损坏：在第 {offset} 字节处截断"),
        }
    }

    fn icmp_error(&self, event: &Event<'_>, error: &IcmpError) -> String {
        let target = plain(event.whom);
        let from = from(event.whom, error.from, event.from_name);
        let seq = event.report.sequence;
        let what = meaning::phrase(error.meaning, self.style.language);
        let mut numbers = format!("icmp {}/{}", error.kind, error.code);
        if let Some(mtu_bytes) = error.mtu_bytes {
            let _ = write!(numbers, ", mtu {mtu_bytes}");
        }
        let what = self.paint(Colour::Red, what);
        if self.is_chinese() {
            format!("{target}：序号={seq} {what}，{from} 报告（{numbers}）")
        } else {
            format!("{target}: seq={seq} {what}, says {from} ({numbers})")
        }
    }

    /// A line about a probe without an answer.
    fn about(&self, whom: Whom<'_>, seq: u64, what: &str) -> String {
        let target = plain(whom);
        if self.is_chinese() {
            format!("{target}：序号={seq} {what}")
        } else {
            format!("{target}: seq={seq} {what}")
        }
    }

    fn line(&self, event: &Event<'_>) -> Option<String> {
        let about = |what: &str| self.about(event.whom, event.report.sequence, what);
        let bad = |what| self.paint(Colour::Red, what);
        match &event.report.outcome {
            Outcome::Reply(reply)
            | Outcome::Late(reply)
            | Outcome::Duplicate(reply)
            | Outcome::WrongSource(reply)
            | Outcome::Corrupted { reply, .. } => {
                let remarks = self.remarks(event, reply);
                if remarks.is_empty() {
                    return (!self.style.only_trouble).then(|| self.answer(event, reply));
                }
                let remarks = self.paint(Colour::Yellow, &format!("({})", remarks.join(", ")));
                Some(format!("{} {remarks}", self.answer(event, reply)))
            }
            Outcome::IcmpError(error) => Some(self.icmp_error(event, error)),
            Outcome::Timeout => Some(about(&bad(self.pick("no answer", "无应答")))),
            Outcome::SendError(fault) => {
                Some(about(&bad(&send_fault(*fault, self.style.language))))
            }
            Outcome::LocalDrop => Some(about(&bad(
                self.pick("lost on this host, not on the network", "丢在本机，不在网络上")
            ))),
            Outcome::Sent if self.style.verbosity > 1 => Some(about(self.pick("sent", "已发送"))),
            Outcome::InFlight if self.style.verbosity > 1 => {
                Some(about(self.pick("still in flight", "仍在途中")))
            }
            Outcome::Sent | Outcome::InFlight => None,
        }
    }

    /// What the options of an answer tell, a line each.
    fn options(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Some(reply) = reply_of(&event.report.outcome) else { return };
        let Some(bytes) = &reply.options else { return };
        let target = event.whom.target.map_or(reply.from, |target| target.address);
        if let Some(road) = options::recorded_road(bytes, target) {
            if self.last_road.as_ref() == Some(bytes) {
                let _ = writeln!(out, "    {}", self.pick("same road", "同一条路"));
                return;
            }
            self.last_road = Some(bytes.clone());
            let _ = writeln!(out, "    {} {}", self.pick("out: ", "去："), joined(&road.outbound));
            let _ = writeln!(out, "    {} {}", self.pick("back:", "回："), joined(&road.back));
            if road.is_full {
                let text = self.pick(
                    "there is room for nine addresses only",
                    "只有九个地址的位置，之后的看不到",
                );
                let _ = writeln!(out, "    ({text})");
            }
        }
        if let Some((stamps, missed)) = options::stamps(bytes) {
            for stamp in stamps {
                let _ = writeln!(out, "    {stamp}");
            }
            if missed > 0 {
                let text = self.pick("more hosts without room", "台主机没有位置");
                let _ = writeln!(out, "    ({missed} {text})");
            }
        }
    }

    fn hint(&self, hop_limit: Option<u8>) -> Option<String> {
        let ttl = hop_limit?;
        let Some(guess) = hints::guess(ttl) else {
            return Some(if self.is_chinese() {
                format!("提示：ttl {ttl} 不像任何已知系统的初始值")
            } else {
                format!("hint: ttl {ttl} is near no known initial value")
            });
        };
        let systems = guess.systems.join(", ");
        let (initial, hops) = (guess.initial, guess.hops);
        let away = if hops == 1 { "hop" } else { "hops" };
        Some(if self.is_chinese() {
            format!(
                "提示：ttl {ttl} 可能从 {initial} 开始，相距 {hops} 跳；初始值相同的：{systems}"
            )
        } else {
            format!(
                "hint: ttl {ttl} probably started at {initial}, {hops} {away} away; \
                 systems that start there: {systems}"
            )
        })
    }

    fn counts(&self, summary: &Summary) -> String {
        let Summary { sent, received, .. } = summary;
        let lost = match summary.loss_ratio() {
            None => String::new(),
            ratio if summary.lost > 0 => self.paint(Colour::Red, &percent(ratio)),
            ratio => percent(ratio),
        };
        let span = seconds(summary.span);
        let mut text = match (self.is_chinese(), lost.is_empty()) {
            (true, true) => format!("发送 {sent}，收到 {received}"),
            (true, false) => format!("发送 {sent}，收到 {received}，丢失 {lost}，历时 {span} 秒"),
            (false, true) => format!("{sent} sent, {received} received"),
            (false, false) => format!("{sent} sent, {received} received, {lost} lost, {span} s"),
        };
        let plural = |count, one, more| if count == 1 { one } else { more };
        for (count, english, chinese) in [
            (summary.in_flight, "in flight", "在途"),
            (summary.late, "late", "迟到"),
            (summary.duplicates, plural(summary.duplicates, "duplicate", "duplicates"), "重复"),
            (summary.reordered, "reordered", "乱序"),
            (summary.corrupted, "corrupted", "损坏"),
            (summary.wrong_source, "from elsewhere", "来自其他地址"),
            (summary.icmp_errors, plural(summary.icmp_errors, "ICMP error", "ICMP errors"), "差错"),
            (summary.send_errors, "not sent", "未发送"),
            (summary.local_drops, "lost on this host", "丢在本机"),
        ] {
            if count > 0 {
                let _ = match self.is_chinese() {
                    true => write!(text, "，{chinese} {count}"),
                    false => write!(text, ", {count} {english}"),
                };
            }
        }
        text
    }

    fn round_trips(&self, rtt: &RttSummary, source: Option<RttSource>) -> Vec<String> {
        let clocks = match source {
            Some(RttSource::Kernel) => self.pick("kernel to kernel", "内核到内核"),
            Some(RttSource::KernelReceive) => self.pick("program to kernel", "程序到内核"),
            Some(RttSource::User) => self.pick("program to program", "程序到程序"),
            None => self.pick("unknown clocks", "时钟未知"),
        };
        let ms = |ns: f64| self.ms(ns, rtt.min_ns as f64);
        let (min, max) = (ms(rtt.min_ns as f64), ms(rtt.max_ns as f64));
        let (mean, deviation) = (ms(rtt.mean_ns), ms(rtt.stddev_ns));
        let median = ms(rtt.median_ns as f64);
        let (p95, p99) = (ms(rtt.p95_ns as f64), ms(rtt.p99_ns as f64));
        let jitter = ms(rtt.jitter_ns);
        if rtt.count == 1 {
            return vec![match self.is_chinese() {
                true => format!("往返 {min} 毫秒（{clocks}）"),
                false => format!("rtt {min} ms ({clocks})"),
            }];
        }
        if self.is_chinese() {
            vec![
                format!("往返 最小 {min}  平均 {mean}  最大 {max}  标准差 {deviation} 毫秒"),
                format!("     中位 {median}  p95 {p95}  p99 {p99}  抖动 {jitter} 毫秒（{clocks}）"),
            ]
        } else {
            vec![
                format!("rtt min {min}  avg {mean}  max {max}  stddev {deviation} ms"),
                format!("    median {median}  p95 {p95}  p99 {p99}  jitter {jitter} ms ({clocks})"),
            ]
        }
    }

    fn losses(&self, summary: &Summary) -> Option<String> {
        let Summary { loss_runs, loss_run_max, .. } = summary;
        let is_down = summary.down_since.is_some();
        // One loss at the end has begun, and no time can be told yet.
        let has_time = !is_down || !summary.outage.is_zero();
        let outage = has_time.then(|| seconds(summary.outage));
        (*loss_runs > 0 && summary.received > 0).then(|| {
            if self.is_chinese() {
                let time = outage.map(|outage| format!("，共 {outage} 秒")).unwrap_or_default();
                let now = if is_down { "，现在仍无应答" } else { "" };
                format!("中断 {loss_runs} 次，最长 {loss_run_max} 个{time}{now}")
            } else {
                let runs = if *loss_runs == 1 { "run" } else { "runs" };
                let time = outage.map(|outage| format!("{outage} s without answers"));
                let now = is_down.then(|| "down now".to_owned());
                let rest: Vec<String> = [time, now].into_iter().flatten().collect();
                let rest = rest.join(", and ");
                format!("{loss_runs} {runs} of losses, the longest of {loss_run_max}; {rest}")
            }
        })
    }

    fn single(&self, end: &End<'_>, out: &mut Vec<u8>) {
        let title = self.paint(Colour::Bold, &named(end.whom, end.address_name));
        let _ = writeln!(out, "\n--- {title} ---");
        let _ = writeln!(out, "{}", self.counts(end.summary));
        if let Some(rtt) = &end.summary.rtt {
            for line in self.round_trips(rtt, end.rtt_source) {
                let _ = writeln!(out, "{line}");
            }
        }
        if let Some(line) = self.losses(end.summary) {
            let _ = writeln!(out, "{line}");
        }
        if self.style.hints
            && let Some(line) = self.hint(end.hop_limit)
        {
            let _ = writeln!(out, "{line}");
        }
    }

    fn header(&self, out: &mut Vec<u8>) {
        let target = self.pick("target", "目标");
        let pad = self.width.saturating_sub(columns(target));
        let _ = write!(out, "\n{target}{:pad$}", "");
        for (english, chinese) in [
            ("sent", "发送"),
            ("recv", "收到"),
            ("lost", "丢失"),
            ("min", "最小"),
            ("avg", "平均"),
            ("max", "最大"),
            ("stddev", "标准差"),
            ("p95", "p95"),
            ("jitter", "抖动"),
        ] {
            let word = self.pick(english, chinese);
            let pad = 8_usize.saturating_sub(columns(word));
            let _ = write!(out, " {:pad$}{word}", "");
        }
        out.push(b'\n');
    }

    fn row(&self, end: &End<'_>, out: &mut Vec<u8>) {
        let label = named(end.whom, end.address_name);
        let pad = self.width.saturating_sub(columns(&label));
        let _ = write!(out, "{label}{:pad$}", "");
        if let Some(reason) = end.unresolved {
            let _ = writeln!(out, "  {}", self.paint(Colour::Red, &escape(reason)));
            return;
        }
        let Summary { sent, received, rtt, .. } = end.summary;
        let lost = format!("{:>8}", percent(end.summary.loss_ratio()));
        let lost = if end.summary.lost > 0 { self.paint(Colour::Red, &lost) } else { lost };
        let _ = write!(out, " {sent:>8} {received:>8} {lost}");
        let times = rtt.as_ref().map(|rtt| {
            let (min, max, p95) = (rtt.min_ns as f64, rtt.max_ns as f64, rtt.p95_ns as f64);
            [min, rtt.mean_ns, max, rtt.stddev_ns, p95, rtt.jitter_ns].map(|ns| self.ms(ns, min))
        });
        for time in times.unwrap_or_else(|| std::array::from_fn(|_| "-".to_owned())) {
            let _ = write!(out, " {time:>8}");
        }
        out.push(b'\n');
        if self.style.hints
            && let Some(line) = self.hint(end.hop_limit)
        {
            let _ = writeln!(out, "    {line}");
        }
    }
}

impl Printer for Human {
    fn start(&mut self, start: &Start<'_>, out: &mut Vec<u8>) {
        self.has_table = start.only.is_none() || start.targets != 1;
        self.width = start.widest.clamp(6, COLUMN_MAX);
        let what = match (start.payload_bytes, self.is_chinese()) {
            (None, true) => format!("{} 探测", start.kind),
            (None, false) => format!("{} probes", start.kind),
            (Some(bytes), true) => format!("数据 {bytes} 字节"),
            (Some(bytes), false) => format!("{bytes} bytes of data"),
        };
        let whom = match (start.only, self.is_chinese()) {
            (Some(whom), _) => named(whom, None),
            (None, true) => format!("{} 个目标", start.targets),
            (None, false) => format!("{} targets", start.targets),
        };
        let source = start.source.map(|source| source.to_string());
        let _ = match (source, self.is_chinese()) {
            (Some(source), true) => writeln!(out, "从 {source} ping {whom}：{what}"),
            (None, true) => writeln!(out, "ping {whom}：{what}"),
            (Some(source), false) => {
                writeln!(out, "ping {whom} from {source}: {what}")
            }
            (None, false) => writeln!(out, "ping {whom}: {what}"),
        };
        if start.without_send_stamps {
            let text = self.pick(
                "for speed without the kernel's send stamps: times begin at this program",
                "为求速度不用内核发送时间戳：时间从本程序算起",
            );
            let _ = writeln!(out, "({text})");
        }
    }

    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.style.audible && reply_of(&event.report.outcome).is_some() {
            out.push(0x07);
        }
        if self.style.is_quiet {
            return;
        }
        let Some(line) = self.line(event) else { return };
        if self.style.timestamps {
            let at_ns = event.epoch_ns.saturating_add(event.report.at.0.into());
            let _ = write!(out, "{} ", wall::with_fraction(at_ns, 6));
        }
        let _ = writeln!(out, "{line}");
        self.options(event, out);
    }

    fn outstanding(&mut self, whom: Whom<'_>, sequence: u64, out: &mut Vec<u8>) {
        if !self.style.is_quiet {
            let what = self.pick("no answer yet", "尚无应答");
            let _ = writeln!(out, "{}", self.about(whom, sequence, what));
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let (name, reason) = (escape(unresolved.name), escape(unresolved.reason));
        let what = self.paint(Colour::Red, self.pick("no address", "没有地址"));
        let _ = writeln!(out, "{name}: {what}: {reason}");
    }

    fn summary(&mut self, end: &End<'_>, out: &mut Vec<u8>) {
        if self.has_table {
            if !self.has_header {
                self.header(out);
                self.has_header = true;
            }
            self.row(end, out);
        } else if end.unresolved.is_none() {
            self.single(end, out);
        }
    }

    fn finish(&mut self, totals: &Totals, out: &mut Vec<u8>) {
        if !self.has_table {
            return;
        }
        let Totals { targets, answering, sent, received, unresolved, .. } = totals;
        let silent = targets - answering - unresolved;
        let _ = if self.is_chinese() {
            writeln!(
                out,
                "共 {targets} 个目标：{answering} 个有应答，{silent} 个没有，{unresolved} 个没有地址；\
                 发送 {sent}，收到 {received}；时间单位为毫秒"
            )
        } else {
            writeln!(
                out,
                "{targets} targets: {answering} answering, {silent} not, {unresolved} without an \
                 address; {sent} sent, {received} received; times in ms"
            )
        };
    }
}

/// Why a probe did not leave.
pub fn send_fault(fault: SendFault, language: Language) -> String {
    let why = match fault.reason {
        SendFaultReason::TooBig { mtu_bytes: Some(mtu_bytes) } if language == Language::Chinese => {
            return format!("未发送：对该路径过大（mtu {mtu_bytes}）");
        }
        SendFaultReason::TooBig { mtu_bytes: Some(mtu_bytes) } => {
            return format!("not sent: too large for the path (mtu {mtu_bytes})");
        }
        SendFaultReason::TooBig { mtu_bytes: None } => {
            language.pick("too large for the path", "对该路径过大")
        }
        SendFaultReason::NoRoute => language.pick("no route from here", "没有路由"),
        SendFaultReason::Prohibited => language.pick(
            "not permitted here (a broadcast address needs --broadcast)",
            "本机不允许（广播地址需要 --broadcast）",
        ),
        SendFaultReason::NoBuffers => language.pick("this host's queue is full", "本机队列已满"),
        SendFaultReason::Other => {
            let error = std::io::Error::from_raw_os_error(fault.os_error);
            return format!("{}: {error}", language.pick("not sent", "未发送"));
        }
    };
    format!("{}: {why}", language.pick("not sent", "未发送"))
}

/// A target as people should see it: `r3 (192.0.2.3)`.
pub fn named(whom: Whom<'_>, address_name: Option<&str>) -> String {
    let name = whom.name.map(escape).or_else(|| address_name.map(str::to_owned));
    match (name, whom.target) {
        (Some(name), Some(target)) => format!("{name} ({})", address(target)),
        (Some(name), None) => name,
        (None, Some(target)) => address(target),
        (None, None) => String::new(),
    }
}

/// A target in short: as the user gave it.
pub fn plain(whom: Whom<'_>) -> String {
    match (whom.name, whom.target) {
        (Some(name), _) => escape(name),
        (None, Some(target)) => address(target),
        (None, None) => String::new(),
    }
}

/// Whoever answered.
fn from(whom: Whom<'_>, from: IpAddr, from_name: Option<&str>) -> String {
    match (from_name, whom.target) {
        (None, Some(target)) if target.address == from => named(whom, None),
        (Some(name), _) => format!("{name} ({from})"),
        (None, _) => from.to_string(),
    }
}

fn reply_of(outcome: &Outcome) -> Option<&Reply> {
    match outcome {
        Outcome::Reply(reply)
        | Outcome::Late(reply)
        | Outcome::Duplicate(reply)
        | Outcome::WrongSource(reply)
        | Outcome::Corrupted { reply, .. } => Some(reply),
        _ => None,
    }
}

fn joined(addresses: &[std::net::Ipv4Addr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// Columns of a terminal: those of CJK take two.
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| if ('\u{2e80}'..='\u{ffef}').contains(&c) { 2 } else { 1 }).sum()
}

/// Per cent, three significant digits; `-` without a ratio. Only nothing is 0 and only all is 100.
pub fn percent(ratio: Option<f64>) -> String {
    let Some(percent) = ratio.map(|ratio| ratio * 100.0) else { return "-".to_owned() };
    let decimals = match percent {
        p if p.fract() == 0.0 => 0,
        p if p < 0.1 => 4,
        p if p < 1.0 => 3,
        p if p < 10.0 => 2,
        _ => 1,
    };
    let text = format!("{percent:.decimals$}");
    if percent < 100.0 && text.starts_with("100") { "99.9%".to_owned() } else { text + "%" }
}

fn seconds(span: Duration) -> String {
    format!("{:.2}", span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_never_round_to_all_or_nothing() {
        assert_eq!(percent(None), "-");
        assert_eq!(percent(Some(0.0)), "0%");
        assert_eq!(percent(Some(1.0)), "100%");
        assert_eq!(percent(Some(1.0 / 3.0)), "33.3%");
        assert_eq!(percent(Some(0.99999)), "99.9%");
        assert_eq!(percent(Some(0.000_1)), "0.0100%");
    }

    #[test]
    fn times_have_sensible_digits() {
        let ms = |ns| Human::new(Style::default()).rtt(Duration::from_nanos(ns));
        assert_eq!(ms(7_120), "0.0071");
        assert_eq!(ms(345_678), "0.346");
        assert_eq!(ms(23_456_789), "23.457");
        assert_eq!(ms(1_234_567_890), "1234.6");
        let precise = Style { precision: Some(6), ..Style::default() };
        assert_eq!(Human::new(precise).rtt(Duration::from_nanos(7_120)), "0.007120");
    }

    #[test]
    fn a_hostile_name_cannot_reach_the_terminal() {
        let whom = Whom { name: Some("\x1b[2Jx"), target: None };
        assert_eq!(plain(whom), r"\u{1b}[2Jx");
    }
}
