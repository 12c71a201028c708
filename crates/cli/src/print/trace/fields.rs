//! What JSON and CSV call things about roads: one list of names and values for both. `docs/json.md`
//! explains them; names and meanings hold within one schema version.

use super::facts::{Facts, Responder, Try};
use super::words;
use super::{Road, Totals};
use crate::meaning;
use crate::print::fields::{self, Sink, Value};
use crate::resolve;
use crate::wall;
use probe::SendFault;
use probe::method::Greeting;
use probe::trace::limit::ReplyLimit;
use probe::trace::{Answer, Change, End, Extension, Hop, Outcome, Probe, Says, Verdict};
use std::net::IpAddr;
use wire::ext::Role;

/// CSV's columns: every field of probes, verdicts and names without an address.
pub const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "hop",
    "seq",
    "query",
    "flow",
    "port",
    "sent_at",
    "outcome",
    "from",
    "rtt_ns",
    "rtt_source",
    "hop_limit",
    "traffic_class",
    "late",
    "duplicate",
    "certain",
    "greeting",
    "icmp_type",
    "icmp_code",
    "meaning",
    "mtu_bytes",
    "quoted_hop_limit",
    "quoted_bytes",
    "changes",
    "extensions",
    "reason",
    "os_error",
    "source",
    "kind",
    "payload_bytes",
    "is_steady",
    "sees_quoted_headers",
    "end",
    "name",
    "loop_length",
    "limits",
    "sent",
    "answered",
    "duration_ns",
    "resolver_code",
];

/// What became of a probe.
pub fn probe(road: &Road<'_>, probe: &Probe, sink: Sink<'_>) {
    sink("type", Value::Word("probe"));
    fields::whom(road.whom, sink);
    sink("hop", probe.hop.into());
    sink("seq", (probe.number + 1).into());
    sink("query", probe.query.into());
    sink("flow", probe.flow.into());
    sink("port", port(road, probe.port).into());
    sink("sent_at", wall::rfc3339(road.epoch_ns.saturating_add(probe.sent_at.0.into())).into());
    sink("outcome", Value::Word(outcome(&probe.outcome)));
    let answer = match &probe.outcome {
        Outcome::Answer(answer) => Some(&**answer),
        _ => None,
    };
    sink("from", answer.map(|it| it.from.to_string()).into());
    sink("rtt_ns", answer.map(|it| it.rtt).into());
    sink("rtt_source", answer.map(|it| it.rtt_source).into());
    sink("hop_limit", answer.and_then(|it| it.hop_limit).into());
    sink("traffic_class", answer.and_then(|it| it.traffic_class).into());
    sink("late", answer.map(|it| it.is_late).into());
    sink("duplicate", answer.map(|it| it.is_duplicate).into());
    sink("certain", answer.map(|it| it.is_certain).into());
    let fault = match &probe.outcome {
        Outcome::SendError(fault) => Some(*fault),
        _ => None,
    };
    says(answer.map(|it| it.says), fault, sink);
    quoted(answer, sink);
}

/// The target's port, to methods that have ports.
fn port(road: &Road<'_>, port: u16) -> Option<u16> {
    road.plan.method.usual_port().map(|_| port)
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answer(answer) if answer.says.is_expired() => "expired",
        Outcome::Answer(answer) if answer.says.is_arrival() => "reached",
        Outcome::Answer(_) => "refused",
        Outcome::Silent => "silent",
        Outcome::SendError(_) => "send_error",
        Outcome::LocalDrop => "local_drop",
        Outcome::InFlight => "in_flight",
        Outcome::Moot => "moot",
    }
}

/// What an error shows of the probe, and what extends it.
fn quoted(answer: Option<&Answer>, sink: Sink<'_>) {
    let quote = answer.and_then(|it| it.quote.as_ref());
    sink("quoted_hop_limit", quote.and_then(|it| it.hop_limit).into());
    sink("quoted_bytes", quote.map(|it| it.bytes as u64).into());
    let changes = quote.map_or(&[][..], |it| &it.changes);
    sink("changes", Value::Values(changes.iter().map(|it| Value::Object(change(*it))).collect()));
    sink("extensions", extensions(answer.map_or(&[], |it| &it.extensions)));
}

/// What an answer says, or why there was nothing to answer.
fn says(says: Option<Says>, fault: Option<SendFault>, sink: Sink<'_>) {
    let (greeting, error) = match says {
        Some(Says::Greeting(greeting)) => (Some(Value::Word(word(greeting))), None),
        Some(Says::Error { meaning, kind, code, mtu_bytes }) => {
            (None, Some((meaning, kind, code, mtu_bytes)))
        }
        None => (None, None),
    };
    let refusal = fault.map(fields::refusal);
    let mtu_bytes = error.and_then(|(.., mtu_bytes)| mtu_bytes);
    sink("greeting", greeting.unwrap_or(Value::Null));
    sink("icmp_type", error.map(|(_, kind, ..)| kind).into());
    sink("icmp_code", error.map(|(_, _, code, _)| code).into());
    let meaning = error.map(|(meaning, ..)| Value::Word(meaning::name(meaning)));
    sink("meaning", meaning.unwrap_or(Value::Null));
    sink("mtu_bytes", mtu_bytes.or_else(|| refusal?.1).into());
    sink("reason", refusal.map_or(Value::Null, |(reason, _)| Value::Word(reason)));
    sink("os_error", fault.map_or(Value::Null, |fault| Value::Int(fault.os_error.into())));
}

fn word(greeting: Greeting) -> &'static str {
    match greeting {
        Greeting::EchoReply => "echo_reply",
        Greeting::Datagram => "datagram",
        Greeting::SynAck => "syn_ack",
        Greeting::Reset => "reset",
        Greeting::Segment { .. } => "segment",
    }
}

fn change(change: Change) -> Vec<(&'static str, Value)> {
    let (what, sent, got): (_, Value, Value) = match change {
        Change::Source(got) => ("source", Value::Null, got.to_string().into()),
        Change::Destination(got) => ("destination", Value::Null, got.to_string().into()),
        Change::Port { sent, got } => ("port", sent.into(), got.into()),
        Change::ToPort { sent, got } => ("to_port", sent.into(), got.into()),
        Change::TrafficClass { sent, got } => ("traffic_class", sent.into(), got.into()),
        Change::Identification { sent, got } => ("identification", sent.into(), got.into()),
        Change::FlowLabel { sent, got } => ("flow_label", sent.into(), got.into()),
        Change::Checksum { sent, got } => ("checksum", sent.into(), got.into()),
    };
    vec![("what", Value::Word(what)), ("sent", sent), ("received", got)]
}

fn extensions(extensions: &[Extension]) -> Value {
    Value::Values(extensions.iter().map(|it| Value::Object(extension(it))).collect())
}

fn extension(extension: &Extension) -> Vec<(&'static str, Value)> {
    if let Some(node) = extension.node() {
        let name = node.name.map(|it| resolve::shown(&String::from_utf8_lossy(it)));
        let address = node.address.map(|it| it.to_string());
        return vec![
            ("what", Value::Word("node")),
            ("address", address.into()),
            ("name", name.into()),
        ];
    }
    match extension {
        Extension::Mpls(labels) => {
            let label = |it: &wire::ext::Label| {
                Value::Object(vec![
                    ("label", it.label.into()),
                    ("traffic_class", it.traffic_class.into()),
                    ("is_bottom", it.is_bottom.into()),
                    ("hop_limit", it.hop_limit.into()),
                ])
            };
            let labels = labels.iter().map(label).collect();
            vec![("what", Value::Word("mpls")), ("labels", Value::Values(labels))]
        }
        Extension::Interface { role, index, address, name, mtu_bytes } => {
            let role = match role {
                Role::Incoming => "incoming",
                Role::Component => "component",
                Role::Outgoing => "outgoing",
                Role::NextHop => "next_hop",
            };
            let name = name.as_ref().map(|it| resolve::shown(&String::from_utf8_lossy(it)));
            vec![
                ("what", Value::Word("interface")),
                ("role", Value::Word(role)),
                ("index", (*index).into()),
                ("address", address.map(|it| it.to_string()).into()),
                ("name", name.into()),
                ("mtu_bytes", (*mtu_bytes).into()),
            ]
        }
        Extension::Unknown { class, kind, body } => vec![
            ("what", Value::Word("unknown")),
            ("class", (*class).into()),
            ("kind", (*kind).into()),
            ("body", words::hex(body).into()),
        ],
    }
}

/// A hop as a whole.
pub fn hop(road: &Road<'_>, hop: &Hop, facts: &Facts, sink: Sink<'_>) {
    sink("type", Value::Word("hop"));
    fields::whom(road.whom, sink);
    sink("hop", hop.hop.into());
    sink("is_end", hop.is_end.into());
    sink("is_shared", hop.shared.is_some().into());
    let count = |is: fn(&Try) -> bool| facts.tries.iter().filter(|fate| is(fate)).count() as u64;
    sink("sent", count(|fate| !matches!(fate, Try::NotSent)).into());
    sink("answered", count(|fate| matches!(fate, Try::Answer(..))).into());
    let responders = facts.responders.iter().enumerate();
    let responders = responders.map(|(index, it)| Value::Object(responder(road, it, index, facts)));
    let shared = hop.shared.and_then(|shared| shared.from);
    let shared = shared.map(|from| Value::Object(stand_in(road, from)));
    sink("responders", Value::Values(responders.chain(shared).collect()));
    sink("quoted_hop_limit", facts.quoted_hop_limit.into());
    sink("back_hops", facts.back_hops.into());
    let changes = facts.changes.iter().map(|located| {
        let mut fields = change(located.change);
        fields.push(("after_hop", located.after_hop.into()));
        Value::Object(fields)
    });
    sink("changes", Value::Values(changes.collect()));
}

fn responder(
    road: &Road<'_>,
    responder: &Responder,
    index: usize,
    facts: &Facts,
) -> Vec<(&'static str, Value)> {
    let trips = facts.tries.iter().filter_map(|fate| match fate {
        Try::Answer(of, rtt) if *of == index => Some(Value::from(*rtt)),
        _ => None,
    });
    let mut fields = somebody(road, responder.from, Some(responder.says), trips.collect());
    fields.push(("certain", responder.is_certain.into()));
    fields.push(("mark", words::mark(responder.says).into()));
    fields.push(("extensions", extensions(&responder.extensions)));
    fields
}

/// Whoever answered on another road in this hop's stead.
fn stand_in(road: &Road<'_>, from: IpAddr) -> Vec<(&'static str, Value)> {
    let mut fields = somebody(road, from, None, Vec::new());
    fields.push(("certain", true.into()));
    fields.push(("mark", Value::Null));
    fields.push(("extensions", extensions(&[])));
    fields
}

fn somebody(
    road: &Road<'_>,
    from: IpAddr,
    said: Option<Says>,
    trips: Vec<Value>,
) -> Vec<(&'static str, Value)> {
    let system = road.book.system(from);
    let mut fields = vec![
        ("from", from.to_string().into()),
        ("name", name(road, from)),
        ("as_number", system.as_ref().map(|it| it.number).into()),
        ("as_others", numbers(system.as_ref().map_or(&[], |it| &it.others))),
        ("as_name", system.and_then(|it| it.name).into()),
        ("rtt_ns", Value::Values(trips)),
    ];
    says(said, None, &mut |name, value| {
        // Who answers did not fail to be asked.
        if !matches!(name, "reason" | "os_error") {
            fields.push((name, value));
        }
    });
    fields
}

fn numbers(all: &[u32]) -> Value {
    Value::Values(all.iter().map(|number| Value::from(*number)).collect())
}

fn name(road: &Road<'_>, address: IpAddr) -> Value {
    road.book.name(address).map(str::to_owned).into()
}

/// How a road ends, and how it was asked.
pub fn verdict(road: &Road<'_>, verdict: &Verdict, limits: &[(u8, ReplyLimit)], sink: Sink<'_>) {
    let plan = road.plan;
    sink("type", Value::Word("verdict"));
    fields::whom(road.whom, sink);
    sink("source", road.source.map(|it| it.to_string()).into());
    sink("kind", Value::Word(plan.method.name()));
    sink("port", port(road, plan.port).into());
    sink("payload_bytes", (plan.payload_bytes as u64).into());
    sink("is_steady", (plan.is_steady() && road.holds_flows).into());
    sink("sees_quoted_headers", plan.sees_quoted_headers.into());
    let (end, hop, from, said) = match &verdict.end {
        End::Reached { hop, from, says } => ("reached", Some(*hop), Some(*from), Some(*says)),
        End::Refused { hop, from, says } => ("refused", Some(*hop), Some(*from), Some(*says)),
        End::Silent { from_hop } => ("silent", Some(*from_hop), None, None),
        End::HopsExhausted => ("hops_exhausted", Some(plan.hops_max), None, None),
        End::Loop { from_hop, .. } => ("loop", Some(*from_hop), None, None),
        End::Unsendable(_) => ("unsendable", None, None, None),
        End::Unknown => ("unknown", None, None, None),
    };
    sink("end", Value::Word(end));
    sink("hop", hop.into());
    sink("from", from.map(|it| it.to_string()).into());
    sink("name", from.map_or(Value::Null, |from| name(road, from)));
    let (loop_length, fault) = match verdict.end {
        End::Loop { length, .. } => (Some(length), None),
        End::Unsendable(fault) => (None, Some(fault)),
        _ => (None, None),
    };
    says(said, fault, sink);
    sink("loop_length", loop_length.into());
    let limits = limits.iter().map(|(hop, limit)| {
        Value::Object(vec![
            ("hop", (*hop).into()),
            ("interval_ns", limit.interval.into()),
            ("burst", limit.burst.into()),
        ])
    });
    sink("limits", Value::Values(limits.collect()));
    sink("sent", verdict.sent.into());
    sink("answered", verdict.answered.into());
    sink("duration_ns", verdict.took.into());
}

/// All targets together.
pub fn summary(totals: &Totals, sink: Sink<'_>) {
    sink("type", Value::Word("summary"));
    sink("targets", totals.targets.into());
    sink("reached", totals.reached.into());
    sink("unresolved", totals.unresolved.into());
    sink("repeated", totals.repeated.into());
    sink("sent", totals.sent.into());
    sink("answered", totals.answered.into());
}
