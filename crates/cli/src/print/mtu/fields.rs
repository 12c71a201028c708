//! What JSON and CSV call things about the width of roads. `docs/mtu.md` explains them; names and
//! meanings hold within one schema version.

use super::{Direction, Measured};
use crate::meaning;
use crate::print::fields::{self, Sink, Value};
use probe::mtu::{Doubt, End, Evidence, Limit, Remark, Says};
use std::net::IpAddr;

/// CSV's columns: every field of every object.
pub const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "hop",
    "from",
    "name",
    "next_hop",
    "next",
    "mtu_bytes",
    "exact",
    "way",
    "evidence",
    "icmp_type",
    "icmp_code",
    "says_bytes",
    "tries",
    "probe_bytes",
    "why",
    "quoted_bytes",
    "source",
    "end",
    "meaning",
    "os_error",
    "forward_bytes",
    "forward_exact",
    "both_bytes",
    "both_exact",
    "passed_bytes",
    "sent",
    "answered",
    "duration_ns",
    "reason",
    "resolver_code",
];

/// A narrow link.
pub fn limit(road: &Measured<'_>, limit: &Limit, sink: Sink<'_>) {
    sink("type", Value::Word("limit"));
    fields::whom(road.whom, sink);
    sink("hop", limit.hop.into());
    somebody(road, limit.from, sink);
    sink("next_hop", limit.next_hop.into());
    sink("next", limit.next.map(|it| it.to_string()).into());
    sink("mtu_bytes", limit.mtu_bytes.into());
    sink("exact", limit.is_exact.into());
    sink(
        "way",
        Value::Word(match road.way(limit) {
            Direction::There => "there",
            Direction::Back => "back",
            Direction::Either => "there_or_back",
        }),
    );
    let (evidence, said, tries) = match limit.evidence {
        Evidence::Local => ("local", None, None),
        Evidence::Said { kind, code, mtu_bytes, .. } => {
            ("said", Some((kind, code, mtu_bytes)), None)
        }
        Evidence::Silence { tries } => ("silence", None, Some(tries)),
    };
    sink("evidence", Value::Word(evidence));
    sink("icmp_type", said.map(|(kind, ..)| kind).into());
    sink("icmp_code", said.map(|(_, code, _)| code).into());
    sink("says_bytes", said.and_then(|(.., bytes)| bytes).into());
    sink("tries", tries.into());
}

/// A "packet too big" that is not to be taken at its word.
pub fn remark(road: &Measured<'_>, remark: &Remark, sink: Sink<'_>) {
    sink("type", Value::Word("remark"));
    fields::whom(road.whom, sink);
    somebody(road, Some(remark.from), sink);
    sink("icmp_type", remark.kind.into());
    sink("icmp_code", remark.code.into());
    sink("says_bytes", remark.mtu_bytes.into());
    sink("probe_bytes", remark.bytes.into());
    let (why, quoted_bytes, mtu_bytes) = match remark.why {
        Doubt::NoValue => ("no_value", None, None),
        Doubt::NotBelow => ("not_below", None, None),
        Doubt::BelowMinimum => ("below_minimum", None, None),
        Doubt::OtherSize { quoted_bytes } => ("other_size", Some(quoted_bytes), None),
        Doubt::Contradicted => ("contradicted", None, None),
        Doubt::Inaccurate { mtu_bytes } => ("inaccurate", None, Some(mtu_bytes)),
    };
    sink("why", Value::Word(why));
    sink("quoted_bytes", quoted_bytes.into());
    sink("mtu_bytes", mtu_bytes.into());
}

/// How wide a road is.
pub fn verdict(road: &Measured<'_>, sink: Sink<'_>) {
    let conclusion = road.conclusion;
    sink("type", Value::Word("verdict"));
    fields::whom(road.whom, sink);
    let source = Some(road.source).filter(|source| !source.is_unspecified());
    sink("source", source.map(|it| it.to_string()).into());
    let end = road.end();
    let (word, from, says) = match end {
        Some(End::Reached { from, says }) => ("reached", Some(from), Some(says)),
        Some(End::Refused { from, says }) => ("refused", Some(from), Some(says)),
        Some(End::Silent { .. }) => ("silent", None, None),
        Some(End::Unsendable(_)) => ("unsendable", None, None),
        Some(End::Unknown) | None => ("unknown", None, None),
    };
    sink("end", Value::Word(word));
    somebody(road, from, sink);
    let said = match says {
        Some(Says::Error { meaning, .. }) => Value::Word(meaning::name(meaning)),
        _ => Value::Null,
    };
    sink("meaning", said);
    let (hop, fault) = match end {
        Some(End::Silent { heard }) => (Some(heard), None),
        Some(End::Unsendable(fault)) => (None, Some(fault)),
        _ => (road.distance(), None),
    };
    sink("hop", hop.into());
    sink("reason", fault.map_or(Value::Null, |it| Value::Word(fields::refusal(it).0)));
    sink("os_error", fault.map_or(Value::Null, |it| Value::Int(it.os_error.into())));
    sink("forward_bytes", conclusion.forward_bytes.into());
    sink("forward_exact", conclusion.forward_is_exact.into());
    sink("both_bytes", conclusion.both_bytes.into());
    sink("both_exact", conclusion.both_is_exact.into());
    sink("passed_bytes", road.passed_bytes().into());
    let (sent, answered, took) = road.effort();
    sink("sent", sent.into());
    sink("answered", answered.into());
    sink("duration_ns", took.into());
}

fn somebody(road: &Measured<'_>, from: Option<IpAddr>, sink: Sink<'_>) {
    sink("from", from.map(|it| it.to_string()).into());
    let name = from.and_then(|from| road.book.name(from));
    sink("name", name.map(str::to_owned).into());
}
