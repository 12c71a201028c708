//! What JSON and CSV call things: one list of names and values for both. `docs/json.md` explains
//! them; names and meanings hold within one schema version.

use super::{End, Event, Unresolved, Whom, hints, options};
use crate::meaning;
use crate::resolve;
use crate::wall;
use probe::kind::Detail;
use probe::ping::{IcmpError, Outcome, Reply};
use probe::stats::Summary;
use probe::targets::Target;
use probe::{RttSource, SendFault, SendFaultReason};
use std::time::Duration;

/// The schema's version: the field `v` of every JSON object.
pub const VERSION: u64 = 1;

/// Every field, in the order of CSV's columns.
pub const ALL: &[&str] = &[
    "type",
    "target",
    "address",
    "seq",
    "rtt_ns",
    "rtt_source",
    "hop_limit",
    "from",
    "sent_at",
    "name",
    "to",
    "bytes",
    "traffic_class",
    "out_of_order",
    "bad_checksum",
    "offset",
    "byte_sent",
    "byte_received",
    "route_out",
    "route_back",
    "route_full",
    "stamps",
    "stamps_missed",
    "originate_ms",
    "receive_ms",
    "transmit_ms",
    "initial_hop_limit",
    "hops",
    "systems",
    "icmp_type",
    "icmp_code",
    "meaning",
    "mtu_bytes",
    "word",
    "quoted",
    "reason",
    "os_error",
    "resolver_code",
    "sent",
    "received",
    "lost",
    "loss_ratio",
    "rtt_ns_min",
    "rtt_ns_mean",
    "rtt_ns_median",
    "rtt_ns_p90",
    "rtt_ns_p95",
    "rtt_ns_p99",
    "rtt_ns_max",
    "rtt_ns_stddev",
    "jitter_ns",
    "late",
    "duplicates",
    "reordered",
    "corrupted",
    "wrong_source",
    "icmp_errors",
    "send_errors",
    "local_drops",
    "in_flight",
    "loss_runs",
    "loss_run_max",
    "outage_ns",
    "outage_ns_max",
    "span_ns",
    "until_met",
];

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Unknown, or there is none.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A count or a time.
    Natural(u64),
    /// A ratio.
    Ratio(f64),
    /// A text.
    Text(String),
    /// A word of the schema.
    Word(&'static str),
    /// Several texts.
    List(Vec<String>),
    /// Several values.
    Values(Vec<Value>),
    /// Fields within a field.
    Object(Vec<(&'static str, Value)>),
}

/// Where fields go, in order.
pub type Sink<'a> = &'a mut dyn FnMut(&'static str, Value);

/// Which fields are wanted beyond the usual ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extra {
    /// Guesses from the TTL.
    pub hints: bool,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Natural(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Natural(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Value {
        Value::Natural(value.into())
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Value {
        Value::Natural(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<Duration> for Value {
    fn from(value: Duration) -> Value {
        Value::Natural(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<RttSource> for Value {
    fn from(value: RttSource) -> Value {
        Value::Word(value.name())
    }
}

/// What became of a probe.
pub fn event(event: &Event<'_>, extra: Extra, sink: Sink<'_>) {
    let report = event.report;
    sink("type", Value::Word(type_of(&report.outcome)));
    whom(event.whom, sink);
    sink("seq", report.sequence.into());
    let (rtt, source, hop_limit, from) = match &report.outcome {
        Outcome::Reply(reply)
        | Outcome::Late(reply)
        | Outcome::Duplicate(reply)
        | Outcome::WrongSource(reply)
        | Outcome::Corrupted { reply, .. } => {
            (Some(reply.rtt), Some(reply.rtt_source), reply.hop_limit, Some(reply.from))
        }
        Outcome::IcmpError(error) => {
            (Some(error.rtt), Some(error.rtt_source), error.hop_limit, Some(error.from))
        }
        _ => (None, None, None, None),
    };
    sink("rtt_ns", rtt.into());
    sink("rtt_source", source.into());
    sink("hop_limit", hop_limit.into());
    sink("from", from.map(|from| from.to_string()).into());
    let sent_at_ns = event.epoch_ns.saturating_add(report.sent_at.0.into());
    sink("sent_at", wall::rfc3339(sent_at_ns).into());
    let from_name = event.from_name.map(str::to_owned);
    match &report.outcome {
        Outcome::Reply(it)
        | Outcome::Late(it)
        | Outcome::Duplicate(it)
        | Outcome::WrongSource(it) => reply(it, event.whom, from_name, extra, sink),
        Outcome::Corrupted { reply: it, offset, sent, got, .. } => {
            reply(it, event.whom, from_name, extra, sink);
            sink("offset", (*offset as u64).into());
            sink("byte_sent", (*sent).into());
            sink("byte_received", (*got).into());
        }
        Outcome::IcmpError(it) => icmp_error(it, from_name, sink),
        Outcome::SendError(fault) => send_error(*fault, sink),
        Outcome::Sent | Outcome::Timeout | Outcome::LocalDrop | Outcome::InFlight => {}
    }
}

fn type_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Sent => "sent",
        Outcome::Reply(_) => "reply",
        Outcome::Late(_) => "late",
        Outcome::Duplicate(_) => "duplicate",
        Outcome::Corrupted { .. } => "corrupted",
        Outcome::WrongSource(_) => "wrong_source",
        Outcome::IcmpError(_) => "icmp_error",
        Outcome::Timeout => "timeout",
        Outcome::SendError(_) => "send_error",
        Outcome::LocalDrop => "local_drop",
        Outcome::InFlight => "in_flight",
    }
}

/// Whom an object is about.
pub fn whom(whom: Whom<'_>, sink: Sink<'_>) {
    let address = whom.target.map(address);
    let name = whom.name.map(str::to_owned).or_else(|| address.clone());
    sink("target", name.into());
    sink("address", address.into());
}

/// An address, with its zone by name where it has one: `fe80::1%eth0`. Safe for a terminal.
pub fn address(target: Target) -> String {
    match target.zone {
        0 => target.address.to_string(),
        zone => format!("{}%{}", target.address, resolve::zone(zone)),
    }
}

fn reply(reply: &Reply, whom: Whom<'_>, name: Option<String>, extra: Extra, sink: Sink<'_>) {
    sink("name", name.into());
    sink("to", reply.to.map(|to| to.to_string()).into());
    sink("bytes", (reply.bytes as u64).into());
    sink("traffic_class", reply.traffic_class.into());
    sink("out_of_order", reply.reordered.into());
    sink("bad_checksum", reply.bad_checksum.into());
    let bytes = reply.options.as_deref().unwrap_or_default();
    let target = whom.target.map_or(reply.from, |target| target.address);
    if let Some(road) = options::recorded_road(bytes, target) {
        let list = |road: Vec<_>| Value::List(road.iter().map(ToString::to_string).collect());
        sink("route_out", list(road.outbound));
        sink("route_back", list(road.back));
        sink("route_full", road.is_full.into());
    }
    if let Some((stamps, missed)) = options::stamps(bytes) {
        sink("stamps", Value::List(stamps.iter().map(ToString::to_string).collect()));
        sink("stamps_missed", missed.into());
    }
    if let Detail::Timestamps { originate, receive, transmit } = reply.detail {
        sink("originate_ms", originate.into());
        sink("receive_ms", receive.into());
        sink("transmit_ms", transmit.into());
    }
    if extra.hints {
        hint(reply.hop_limit, sink);
    }
}

fn hint(hop_limit: Option<u8>, sink: Sink<'_>) {
    let guess = hop_limit.and_then(hints::guess);
    sink("initial_hop_limit", guess.as_ref().map(|guess| guess.initial).into());
    sink("hops", guess.as_ref().map(|guess| guess.hops).into());
    sink("systems", guess.map_or(Value::Null, |guess| Value::List(guess.systems)));
}

fn icmp_error(error: &IcmpError, name: Option<String>, sink: Sink<'_>) {
    sink("name", name.into());
    sink("icmp_type", error.kind.into());
    sink("icmp_code", error.code.into());
    sink("meaning", Value::Word(meaning::name(error.meaning)));
    sink("mtu_bytes", error.mtu_bytes.into());
    sink("word", error.word.into());
    let quoted = error.quoted.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    sink("quoted", quoted.into());
}

fn send_error(fault: SendFault, sink: Sink<'_>) {
    let (reason, mtu_bytes) = refusal(fault);
    sink("mtu_bytes", mtu_bytes.into());
    sink("reason", Value::Word(reason));
    sink("os_error", Value::Int(fault.os_error.into()));
}

/// Why the system refused to send, and the path MTU that it knows of.
pub fn refusal(fault: SendFault) -> (&'static str, Option<u32>) {
    match fault.reason {
        SendFaultReason::TooBig { mtu_bytes } => ("too_big", mtu_bytes),
        SendFaultReason::NoRoute => ("no_route", None),
        SendFaultReason::Prohibited => ("prohibited", None),
        SendFaultReason::NoBuffers => ("no_buffers", None),
        SendFaultReason::Other => ("other", None),
    }
}

/// A name without an address.
pub fn unresolved(it: &Unresolved<'_>, sink: Sink<'_>) {
    sink("type", Value::Word("unresolved"));
    whom(Whom { name: Some(it.name), target: None }, sink);
    sink("reason", it.reason.to_owned().into());
    sink("resolver_code", Value::Int(it.code.into()));
}

/// What was found out about one target.
pub fn summary(end: &End<'_>, extra: Extra, sink: Sink<'_>) {
    let Summary { rtt, .. } = end.summary;
    sink("type", Value::Word("summary"));
    whom(end.whom, sink);
    sink("rtt_source", end.rtt_source.into());
    sink("hop_limit", end.hop_limit.into());
    sink("name", end.address_name.map(str::to_owned).into());
    if extra.hints {
        hint(end.hop_limit, sink);
    }
    sink("sent", end.summary.sent.into());
    sink("received", end.summary.received.into());
    sink("lost", end.summary.lost.into());
    sink("loss_ratio", end.summary.loss_ratio().map_or(Value::Null, Value::Ratio));
    let rounded = |ns: f64| ns.round() as u64;
    sink("rtt_ns_min", rtt.map(|rtt| rtt.min_ns).into());
    sink("rtt_ns_mean", rtt.map(|rtt| rounded(rtt.mean_ns)).into());
    sink("rtt_ns_median", rtt.map(|rtt| rtt.median_ns).into());
    sink("rtt_ns_p90", rtt.map(|rtt| rtt.p90_ns).into());
    sink("rtt_ns_p95", rtt.map(|rtt| rtt.p95_ns).into());
    sink("rtt_ns_p99", rtt.map(|rtt| rtt.p99_ns).into());
    sink("rtt_ns_max", rtt.map(|rtt| rtt.max_ns).into());
    sink("rtt_ns_stddev", rtt.map(|rtt| rounded(rtt.stddev_ns)).into());
    sink("jitter_ns", rtt.map(|rtt| rounded(rtt.jitter_ns)).into());
    counts(end.summary, sink);
    sink("until_met", end.until_met.into());
}

fn counts(summary: &Summary, sink: Sink<'_>) {
    sink("late", summary.late.into());
    sink("duplicates", summary.duplicates.into());
    sink("reordered", summary.reordered.into());
    sink("corrupted", summary.corrupted.into());
    sink("wrong_source", summary.wrong_source.into());
    sink("icmp_errors", summary.icmp_errors.into());
    sink("send_errors", summary.send_errors.into());
    sink("local_drops", summary.local_drops.into());
    sink("in_flight", summary.in_flight.into());
    sink("loss_runs", summary.loss_runs.into());
    sink("loss_run_max", summary.loss_run_max.into());
    sink("outage_ns", summary.outage.into());
    sink("outage_ns_max", summary.outage_max.into());
    sink("span_ns", summary.span.into());
}
