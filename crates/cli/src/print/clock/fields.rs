//! What JSON and CSV call things about clocks. `docs/clock.md` explains them; names and meanings
//! hold within one schema version.

use super::{Outcome, Told, Tries};
use crate::escape::escape;
use crate::meaning;
use crate::print::Whom;
use crate::print::fields::{self, Sink, Value};
use crate::wall;
use probe::clock::way::network_time::short_ns;
use probe::clock::way::{Said, Way};
use probe::clock::{Doubt, End, Event, Refusal, Sample};
use wire::ntp;

/// CSV's columns: every field of every object.
pub const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "way",
    "transport",
    "seq",
    "sent_at",
    "rtt_ns",
    "rtt_source",
    "difference_ns",
    "correction_ns",
    "bound_ns",
    "doubt",
    "originate_ms",
    "receive_ms",
    "transmit_ms",
    "text",
    "seconds",
    "receive_at",
    "transmit_at",
    "leap",
    "stratum",
    "reference_id",
    "root_delay_ns",
    "root_dispersion_ns",
    "forward_change_ns",
    "backward_change_ns",
    "from",
    "icmp_type",
    "icmp_code",
    "meaning",
    "reason",
    "os_error",
    "source",
    "end",
    "offset_ns",
    "root_ns",
    "agreeing",
    "disagreeing",
    "habits",
    "assumed_zone_s",
    "sent",
    "answered",
    "rtt_ns_min",
    "drift_ppm",
    "malformed",
    "unproven",
    "tcp_error",
    "resolver_code",
];

/// What became of a question.
pub fn event(whom: Whom<'_>, way: &dyn Way, tries: &Tries, event: &Event, sink: Sink<'_>) {
    let at = |time: probe::Time| wall::rfc3339(tries.epoch_ns + i128::from(time.0));
    let mut begin = |name, number: u64, sent_at: Option<probe::Time>| {
        sink("type", Value::Word(name));
        fields::whom(whom, sink);
        sink("way", Value::Word(way.name()));
        sink("transport", Value::Word(tries.transport));
        sink("seq", number.into());
        sink("sent_at", sent_at.map(at).into());
    };
    match event {
        Event::Sample(it) => {
            begin("sample", it.number, Some(it.sent_at));
            sample(it, sink);
        }
        Event::Silent { number, sent_at } => begin("timeout", *number, Some(*sent_at)),
        Event::Refused { number, sent_at, refusal: it } => {
            begin("icmp_error", *number, Some(*sent_at));
            refusal(Some(it), sink);
        }
        Event::Unsent { number, fault } => {
            begin("send_error", *number, None);
            sink("reason", Value::Word(fields::refusal(*fault).0));
            sink("os_error", Value::Int(fault.os_error.into()));
        }
        Event::Verdict(_) => {}
    }
}

fn sample(sample: &Sample, sink: Sink<'_>) {
    sink("rtt_ns", sample.rtt.into());
    sink("rtt_source", sample.rtt_source.into());
    let offset = sample.offset.ok();
    sink("difference_ns", offset.map_or(Value::Null, |it| Value::Int(it.difference_ns)));
    sink("correction_ns", offset.map_or(Value::Null, |it| Value::Int(it.correction_ns)));
    sink("bound_ns", offset.map(|it| it.bound_ns).into());
    sink("doubt", sample.offset.err().map_or(Value::Null, |it| Value::Word(doubt(it))));
    said(Some(&sample.said), sink);
    sink("forward_change_ns", sample.change.map(|it| it.forward_ns).into());
    sink("backward_change_ns", sample.change.map(|it| it.backward_ns).into());
}

/// What an answer says, as on the wire.
fn said(said: Option<&Said>, sink: Sink<'_>) {
    let (mut stamps, mut text, mut seconds, mut packet) = (None, None, None, None);
    match said {
        Some(Said::Stamps { originate, receive, transmit }) => {
            stamps = Some((*originate, *receive, *transmit));
        }
        Some(Said::Text(it)) => text = Some(escape(it)),
        Some(Said::Seconds(it)) => seconds = Some(*it),
        Some(Said::Ntp(it)) => packet = Some(*it),
        None => {}
    }
    sink("originate_ms", stamps.map(|it| it.0).into());
    sink("receive_ms", stamps.map(|it| it.1).into());
    sink("transmit_ms", stamps.map(|it| it.2).into());
    sink("text", text.into());
    sink("seconds", seconds.into());
    sink("receive_at", packet.and_then(|it| ntp_time(it.receive)).into());
    sink("transmit_at", packet.and_then(|it| ntp_time(it.transmit)).into());
    server(packet.as_ref(), sink);
}

fn server(packet: Option<&ntp::Packet>, sink: Sink<'_>) {
    sink("leap", packet.map(|it| it.leap).into());
    sink("stratum", packet.map(|it| it.stratum).into());
    sink("reference_id", packet.map(reference).into());
    sink("root_delay_ns", packet.map(|it| short_ns(it.root_delay)).into());
    sink("root_dispersion_ns", packet.map(|it| short_ns(it.root_dispersion)).into());
}

/// What an NTP server names as its reference: letters at stratum 0 and 1, else an address of four
/// bytes or a hash of one (RFC 5905 §7.3). Safe for a terminal.
pub fn reference(packet: &ntp::Packet) -> String {
    let id = packet.reference_id;
    if packet.stratum > 1 {
        let [a, b, c, d] = id;
        return format!("{a}.{b}.{c}.{d}");
    }
    letters(id)
}

/// A code of up to four letters; safe for a terminal.
pub fn letters(code: [u8; 4]) -> String {
    let end = code.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    escape(&String::from_utf8_lossy(&code[..end]))
}

/// A time of NTP's as RFC 3339 has it: the era in which we are, or the next, begins in 1968
/// (RFC 4330 §3). `None` for none.
pub fn ntp_time(time: u64) -> Option<String> {
    let era = if time >> 63 != 0 { 0 } else { 1 << 32 };
    let ns =
        i128::from(ntp::to_ns(time)) + i128::from(era - ntp::UNIX_EPOCH_S as i64) * 1_000_000_000;
    (time != 0).then(|| wall::rfc3339(ns))
}

fn refusal(refusal: Option<&Refusal>, sink: Sink<'_>) {
    sink("from", refusal.map(|it| it.from.to_string()).into());
    sink("icmp_type", refusal.map(|it| it.kind).into());
    sink("icmp_code", refusal.map(|it| it.code).into());
    sink("meaning", refusal.map_or(Value::Null, |it| Value::Word(meaning::name(it.meaning))));
}

/// What all answers of one way say together.
pub fn offset(told: &Told<'_>, way: &dyn Way, outcome: &Outcome, sink: Sink<'_>) {
    sink("type", Value::Word("offset"));
    fields::whom(told.whom, sink);
    let tries = match outcome {
        Outcome::Asked(tries) => Some(tries),
        Outcome::Unspoken | Outcome::Failed(_) => None,
    };
    let verdict = tries.and_then(|it| it.verdict.as_ref());
    sink("way", Value::Word(way.name()));
    let transport = tries.map(|it| it.transport).filter(|it| !it.is_empty());
    sink("transport", transport.map_or(Value::Null, Value::Word));
    let source = Some(told.source).filter(|source| !source.is_unspecified());
    sink("source", source.map(|it| it.to_string()).into());
    let end = verdict.map(|it| it.end);
    sink("end", Value::Word(end_word(outcome, end)));
    let estimate = verdict.and_then(|it| it.estimate);
    sink("offset_ns", estimate.map_or(Value::Null, |it| Value::Int(it.offset_ns)));
    sink("bound_ns", estimate.map(|it| it.bound_ns).into());
    sink("root_ns", estimate.map(|it| it.root_ns).into());
    sink("agreeing", estimate.map(|it| it.agreeing).into());
    sink("disagreeing", estimate.map(|it| it.of - it.agreeing).into());
    let why = verdict.and_then(|it| it.doubt);
    sink("doubt", why.map_or(Value::Null, |it| Value::Word(doubt(it))));
    let habits = verdict.map(|it| it.habits.names().map(str::to_owned).collect());
    sink("habits", Value::List(habits.unwrap_or_default()));
    said(verdict.and_then(|it| it.said.as_ref()), sink);
    let zone = verdict.and_then(|it| it.assumed_zone_s);
    sink("assumed_zone_s", zone.map_or(Value::Null, |it| Value::Int(it.into())));
    sink("sent", verdict.map_or(0, |it| it.sent).into());
    sink("answered", verdict.map_or(0, |it| it.answered).into());
    sink("rtt_ns_min", verdict.and_then(|it| it.rtt).map(|it| it.0).into());
    sink("rtt_source", verdict.and_then(|it| it.rtt).map(|it| it.1).into());
    sink("drift_ppm", verdict.and_then(|it| it.drift_ppm).map_or(Value::Null, Value::Ratio));
    sink("malformed", verdict.map_or(0, |it| it.malformed).into());
    sink("unproven", verdict.map_or(0, |it| it.unproven).into());
    let (refused, fault) = match end {
        Some(End::Refused(it)) => (Some(it), None),
        Some(End::Unsendable(it)) => (None, Some(it)),
        _ => (None, None),
    };
    refusal(refused.as_ref(), sink);
    sink("reason", fault.map_or(Value::Null, |it| Value::Word(fields::refusal(it).0)));
    sink("os_error", fault.map_or(Value::Null, |it| Value::Int(it.os_error.into())));
    sink("tcp_error", tries.and_then(|it| it.error.clone()).into());
}

fn end_word(outcome: &Outcome, end: Option<End>) -> &'static str {
    match (outcome, end) {
        (Outcome::Unspoken, _) => "ipv4_only",
        (Outcome::Failed(it), _) if it.exit == crate::failure::Exit::NotPermitted => {
            "not_permitted"
        }
        (Outcome::Failed(_), _) => "failed",
        (_, Some(End::Answered)) => "answered",
        (_, Some(End::Silent)) => "silent",
        (_, Some(End::Refused(_))) => "refused",
        (_, Some(End::Unsendable(_))) => "unsendable",
        (_, Some(End::Unknown) | None) => "unknown",
    }
}

/// Why there is no offset, by the word of the schema.
pub fn doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::NonStandard => "non_standard",
        Doubt::OutOfRange => "out_of_range",
        Doubt::Unfilled => "unfilled",
        Doubt::Echoed => "echoed",
        Doubt::OriginateChanged => "originate_changed",
        Doubt::Impossible => "impossible",
        Doubt::Stopped => "stopped",
        Doubt::Unreadable => "unreadable",
        Doubt::Kiss(_) => "kiss",
    }
}
