//! Traced roads as RIPE Atlas writes them: one object a target, of the form of firmware 5000 and
//! later. What Atlas's probes know and we do not (measurement and probe numbers) is 0.

use super::facts::Facts;
use super::{Page, Printer, Road};
use crate::print::fields::{Value, address};
use crate::print::{Unresolved, json};
use probe::method::Greeting;
use probe::trace::{Answer, Change, Extension, Hop, Outcome, Probe, Says, Verdict};
use wire::icmp::Meaning;

/// The form of the results.
const FIRMWARE: u64 = 5_000;

/// Nanoseconds of a second.
const SECOND_NS: i128 = 1_000_000_000;

/// The letters of Atlas; other codes are numbers.
const LETTERS: &[(Meaning, &str)] = &[
    (Meaning::NetworkUnreachable, "N"),
    (Meaning::HostUnreachable, "H"),
    (Meaning::CommunicationProhibited, "A"),
    (Meaning::ProtocolUnreachable, "P"),
    (Meaning::PortUnreachable, "p"),
    (Meaning::BeyondScope, "h"),
];

/// Prints in the form of RIPE Atlas.
#[derive(Debug)]
pub struct Atlas;

type Fields = Vec<(&'static str, Value)>;

impl Printer for Atlas {
    fn mixes_roads(&self) -> bool {
        false
    }

    fn hop(&mut self, _road: &Road<'_>, hop: &Hop, _facts: &Facts, page: &mut Page) {
        let probes = hop.probes.iter().map(|probe| Value::Object(of_probe(probe)));
        let shared = hop.shared.and_then(|shared| shared.from);
        let shared = shared.map(|from| Value::Object(vec![("from", from.to_string().into())]));
        let result = Value::Values(probes.chain(shared).collect());
        page.hops_held.push(Value::Object(vec![("hop", hop.hop.into()), ("result", result)]));
        page.began_at = page.began_at.or(hop.probes.iter().map(|probe| probe.sent_at).min());
    }

    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page) {
        let target = road.whom.target.expect("a road leads to an address");
        let to = address(target);
        let source = Value::from(road.source.map(|source| source.to_string()));
        let began = road.epoch_ns + i128::from(page.began_at.map_or(0, |at| at.0));
        let ended = began.saturating_add(verdict.took.as_nanos() as i128);
        let family = wire::Family::of(target.address);
        let fields = vec![
            ("fw", FIRMWARE.into()),
            ("type", Value::Word("traceroute")),
            ("msm_name", Value::Word("Traceroute")),
            ("msm_id", 0_u64.into()),
            ("prb_id", 0_u64.into()),
            ("af", if family == wire::Family::ALL[0] { 4_u64 } else { 6 }.into()),
            ("proto", road.plan.method.name().to_uppercase().into()),
            ("dst_name", road.whom.name.map_or(to.clone(), str::to_owned).into()),
            ("dst_addr", to.into()),
            ("src_addr", source.clone()),
            ("from", source),
            ("size", (road.plan.payload_bytes as u64).into()),
            ("paris_id", u64::from(road.plan.is_steady() && road.holds_flows).into()),
            ("timestamp", seconds(began)),
            ("endtime", seconds(ended)),
            ("result", Value::Values(std::mem::take(&mut page.hops_held))),
        ];
        json::append(&Value::Object(fields), &mut page.text);
        page.text.push(b'\n');
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let reason = format!("name resolution failed: {}", unresolved.reason);
        let fields = vec![
            ("fw", FIRMWARE.into()),
            ("type", Value::Word("traceroute")),
            ("msm_name", Value::Word("Traceroute")),
            ("msm_id", 0_u64.into()),
            ("prb_id", 0_u64.into()),
            ("dst_name", unresolved.name.to_owned().into()),
            ("result", Value::Values(vec![Value::Object(vec![("error", reason.into())])])),
        ];
        json::append(&Value::Object(fields), out);
        out.push(b'\n');
    }
}

fn seconds(unix_ns: i128) -> Value {
    Value::Int(i64::try_from(unix_ns.div_euclid(SECOND_NS)).unwrap_or(i64::MAX))
}

fn of_probe(probe: &Probe) -> Fields {
    match &probe.outcome {
        Outcome::Answer(answer) => of_answer(answer),
        Outcome::SendError(_) => vec![("error", Value::Word("sendto failed"))],
        _ => vec![("x", Value::Word("*"))],
    }
}

fn of_answer(answer: &Answer) -> Fields {
    let ms = answer.rtt.as_nanos() as f64 / 1e6;
    let mut fields: Fields = vec![("from", answer.from.to_string().into())];
    if answer.is_late {
        fields.push(("late", 1_u64.into()));
    } else {
        fields.push(("rtt", Value::Ratio((ms * 1e3).round() / 1e3)));
    }
    if let Some(hop_limit) = answer.hop_limit {
        fields.push(("ttl", hop_limit.into()));
    }
    match answer.says {
        Says::Greeting(Greeting::SynAck) => fields.push(("flags", Value::Word("SA"))),
        Says::Greeting(Greeting::Reset) => fields.push(("flags", Value::Word("RA"))),
        Says::Greeting(_) => {}
        Says::Error { .. } if answer.says.is_expired() => {}
        Says::Error { meaning, code, mtu_bytes, .. } => {
            let letter = LETTERS.iter().find(|(known, _)| *known == meaning);
            fields.push(("err", letter.map_or(code.into(), |(_, letter)| Value::Word(letter))));
            fields.extend(mtu_bytes.map(|mtu_bytes| ("mtu", mtu_bytes.into())));
        }
    }
    if let Some(quote) = &answer.quote {
        // Those that outran the end had hops to spare.
        let odd = quote.hop_limit.filter(|it| *it != 1 && answer.says.is_expired());
        fields.extend(odd.map(|hop_limit| ("ittl", hop_limit.into())));
        for change in &quote.changes {
            match change {
                Change::Destination(to) => fields.push(("edst", to.to_string().into())),
                Change::TrafficClass { got, .. } => fields.push(("itos", (*got).into())),
                _ => {}
            }
        }
    }
    let objects: Vec<Value> = answer.extensions.iter().map(of_extension).collect();
    if !objects.is_empty() {
        let version: Value = 2_u64.into();
        let fields_of = vec![("version", version), ("obj", Value::Values(objects))];
        fields.push(("icmpext", Value::Object(fields_of)));
    }
    fields
}

fn of_extension(extension: &Extension) -> Value {
    let (class, kind) = match extension {
        Extension::Mpls(_) => (1, 1),
        Extension::Interface { .. } => (2, 0),
        Extension::Unknown { class, kind, .. } => (*class, *kind),
    };
    let mut fields: Fields = vec![("class", class.into()), ("type", kind.into())];
    if let Extension::Mpls(labels) = extension {
        let labels = labels.iter().map(|it| {
            Value::Object(vec![
                ("label", it.label.into()),
                ("exp", it.traffic_class.into()),
                ("s", u64::from(it.is_bottom).into()),
                ("ttl", it.hop_limit.into()),
            ])
        });
        fields.push(("mpls", Value::Values(labels.collect())));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_counted_down() {
        assert_eq!(seconds(1_999_999_999), Value::Int(1));
        assert_eq!(seconds(-1), Value::Int(-1));
    }
}
