//! A conversation as a ladder: its two ends on top, time running down, an arrow a packet. Heights
//! are not to scale: what is long is folded and says so.

pub mod svg;
pub mod text;

use super::flows::{Conversation, Kept, Segment, What, shown};
use super::judge::{Judge, Judged, Mark};
use crate::lang::Language;
use crate::meaning;
use std::net::IpAddr;
use wire::ip::protocol;
use wire::sight::Flow;
use wire::tcp::flag;

/// Rungs that are drawn, at most.
const RUNGS_MAX: usize = 500;

/// How a ladder is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Lines of characters.
    Text,
    /// A picture.
    Svg,
}

/// A conversation to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    /// What it is.
    pub title: String,
    /// The end that spoke first.
    pub left: String,
    /// The other.
    pub right: String,
    /// What passed.
    pub rungs: Vec<Rung>,
    /// How many packets are not drawn.
    pub left_out: u64,
    /// In which language it is labelled.
    pub language: Language,
}

/// A packet in a ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Since the first, in nanoseconds; never less than that of the one above.
    pub time_ns: u64,
    /// Since the one above.
    pub gap_ns: u64,
    /// Whether that is so long that it is folded.
    pub is_folded: bool,
    /// Whether it goes to the right.
    pub is_forward: bool,
    /// Who sent it, if none of the ends did.
    pub third: Option<IpAddr>,
    /// What it is, in few letters.
    pub name: String,
    /// What else it says.
    pub rest: String,
    /// What is remarkable.
    pub remark: Option<String>,
    /// What kind of thing it is.
    pub tone: Tone,
}

/// What kind of thing a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// Opens or closes.
    Turn,
    /// Brings something.
    Data,
    /// Acknowledges and no more.
    Plain,
    /// Was sent before, or comes late.
    Again,
    /// Ends it, or says that it cannot be.
    Trouble,
}

impl Ladder {
    /// Lays a conversation out.
    pub fn of(conversation: &Conversation, left_out: u64, language: Language) -> Ladder {
        let Conversation { flow, packets } = conversation;
        let mut judge = Judge::default();
        let begun_ns = packets.first().map_or(0, |first| first.time_ns);
        let mut rungs: Vec<Rung> = Vec::new();
        for kept in packets.iter().take(RUNGS_MAX) {
            let since = u64::try_from((kept.time_ns - begun_ns).max(0)).unwrap_or(u64::MAX);
            let above = rungs.last().map_or(0, |rung| rung.time_ns);
            rungs.push(rung(kept, flow, since.max(above), above, &mut judge, language));
        }
        fold(&mut rungs);
        let more = (packets.len() - rungs.len()) as u64;
        let count = packets.len();
        let span = rungs.last().map_or(0, |rung| rung.time_ns);
        let name = protocol_name(flow);
        let (left, right) = (shown(flow.from), shown(flow.to));
        let word = if count == 1 { "packet" } else { "packets" };
        let packets = language.pick(word, "个分组");
        let title = format!("{name}  {left} – {right}: {count} {packets}, {}", length(span));
        Ladder { title, left, right, rungs, left_out: left_out + more, language }
    }
}

fn protocol_name(flow: &Flow) -> String {
    match flow.protocol {
        protocol::TCP => "TCP".to_owned(),
        protocol::UDP => "UDP".to_owned(),
        protocol::ICMP => "ICMP".to_owned(),
        protocol::ICMPV6 => "ICMPv6".to_owned(),
        other => format!("IP protocol {other}"),
    }
}

/// Folds what is long beside the rest: twenty times the median, and a twentieth of the whole.
fn fold(rungs: &mut [Rung]) {
    let mut gaps: Vec<u64> = rungs.iter().skip(1).map(|rung| rung.gap_ns).collect();
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied().unwrap_or(0);
    let span = rungs.last().map_or(0, |rung| rung.time_ns);
    let least = (median.saturating_mul(20)).max(span / 20).max(1);
    for rung in rungs.iter_mut().skip(1) {
        rung.is_folded = rung.gap_ns >= least && gaps.len() > 1;
    }
}

fn rung(
    kept: &Kept,
    flow: &Flow,
    time_ns: u64,
    above: u64,
    judge: &mut Judge,
    language: Language,
) -> Rung {
    let mut rung = Rung {
        time_ns,
        gap_ns: time_ns - above,
        is_folded: false,
        is_forward: kept.is_forward,
        third: None,
        name: String::new(),
        rest: String::new(),
        remark: None,
        tone: Tone::Data,
    };
    match &kept.what {
        What::Segment(segment) => {
            let judged = judge.segment(kept.is_forward, segment);
            rung.name = flag_names(segment.flags);
            rung.rest = numbers(segment, &judged);
            rung.tone = tone(segment, &judged);
            rung.remark = judged.mark.map(|mark| remark(mark, language));
        }
        What::Datagram(bytes) => {
            rung.name = format!("{bytes} {}", language.pick("bytes", "字节"));
        }
        What::Query(name, sequence, bytes) => {
            rung.name = (*name).to_owned();
            rung.rest = format!("seq {sequence}, {bytes} {}", language.pick("bytes", "字节"));
        }
        What::Error { meaning, mtu_bytes, by } => {
            rung.name = "ICMP".to_owned();
            rung.rest = meaning::phrase(*meaning, language).to_owned();
            if let Some(mtu) = mtu_bytes {
                rung.rest += &format!(", MTU {mtu}");
            }
            rung.tone = Tone::Trouble;
            let end = if kept.is_forward { flow.from } else { flow.to };
            rung.third = (*by != end.address).then_some(*by);
        }
    }
    rung
}

fn flag_names(bits: u16) -> String {
    let names = [
        (flag::SYN, "SYN"),
        (flag::FIN, "FIN"),
        (flag::RST, "RST"),
        (flag::PSH, "PSH"),
        (flag::URG, "URG"),
        (flag::ACK, "ACK"),
        (flag::ECE, "ECE"),
        (flag::CWR, "CWR"),
    ];
    let set: Vec<&str> =
        names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "no flags".to_owned() } else { set.join(" ") }
}

fn numbers(segment: &Segment, judged: &Judged) -> String {
    let mut parts = Vec::new();
    let end = judged.sequence.wrapping_add(segment.data_bytes);
    if segment.data_bytes > 0 {
        parts.push(format!("seq {}:{end} ({})", judged.sequence, segment.data_bytes));
    } else if segment.flags & flag::SYN != 0 {
        parts.push(format!("seq {}", segment.sequence));
    } else if segment.flags & (flag::FIN | flag::RST) != 0 {
        parts.push(format!("seq {}", judged.sequence));
    }
    if let Some(acknowledgment) = judged.acknowledgment {
        parts.push(format!("ack {acknowledgment}"));
    }
    if segment.flags & flag::RST == 0 {
        parts.push(format!("win {}", judged.window_bytes));
    }
    if let Some(mss) = segment.mss {
        parts.push(format!("mss {mss}"));
    }
    if let Some(scale) = segment.scale {
        parts.push(format!("wscale {scale}"));
    }
    parts.join(", ")
}

fn tone(segment: &Segment, judged: &Judged) -> Tone {
    match judged.mark {
        _ if segment.flags & flag::RST != 0 => Tone::Trouble,
        Some(Mark::Again | Mark::OutOfOrder) => Tone::Again,
        _ if segment.flags & (flag::SYN | flag::FIN) != 0 => Tone::Turn,
        _ if segment.data_bytes > 0 => Tone::Data,
        _ => Tone::Plain,
    }
}

fn remark(mark: Mark, language: Language) -> String {
    match mark {
        Mark::Again => language.pick("retransmission", "重传").to_owned(),
        Mark::OutOfOrder => language.pick("out of order", "乱序").to_owned(),
        Mark::DuplicateAck(count) => {
            format!("{} {count}", language.pick("duplicate ACK", "重复的 ACK"))
        }
        Mark::ZeroWindow => language.pick("zero window", "窗口为零").to_owned(),
        Mark::KeepAlive => language.pick("keepalive", "保活").to_owned(),
    }
}

/// A length of time with the unit that suits it.
pub fn length(ns: u64) -> String {
    let with = |unit: f64, name: &str| {
        let value = ns as f64 / unit;
        let decimals = if value < 10.0 {
            2
        } else if value < 100.0 {
            1
        } else {
            0
        };
        format!("{value:.decimals$} {name}")
    };
    match ns {
        0 => "0 s".to_owned(),
        1..1_000 => with(1.0, "ns"),
        1_000..1_000_000 => with(1e3, "µs"),
        1_000_000..1_000_000_000 => with(1e6, "ms"),
        1_000_000_000..120_000_000_000 => with(1e9, "s"),
        120_000_000_000..7_200_000_000_000 => with(60e9, "min"),
        _ => with(3_600e9, "h"),
    }
}

/// Since the first packet, in seconds.
pub fn clock(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000_000, ns % 1_000_000_000 / 1_000)
}

/// What a ladder says of packets that are not in it.
pub fn more(ladder: &Ladder) -> Option<String> {
    let count = ladder.left_out;
    (count > 0).then(|| match ladder.language {
        Language::English => format!("... and {count} more packets"),
        Language::Chinese => format!("……还有 {count} 个分组"),
    })
}
