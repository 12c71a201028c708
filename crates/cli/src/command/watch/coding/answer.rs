//! Answers as JSON and back.

use super::{Fields, Object, Wrong, nanoseconds};
use crate::meaning;
use crate::print::trace::words::hex;
use probe::RttSource;
use probe::method::Greeting;
use probe::trace::{Answer, Change, Extension, Quote, Says};
use serde_json::Value;
use wire::ext::{Label, Role};

const GREETINGS: &[(&str, Greeting)] = &[
    ("echo_reply", Greeting::EchoReply),
    ("datagram", Greeting::Datagram),
    ("syn_ack", Greeting::SynAck),
    ("reset", Greeting::Reset),
];

const ROLES: &[(&str, Role)] = &[
    ("incoming", Role::Incoming),
    ("component", Role::Component),
    ("outgoing", Role::Outgoing),
    ("next_hop", Role::NextHop),
];

const SOURCES: &[RttSource] = &[RttSource::Kernel, RttSource::KernelReceive, RttSource::User];

/// The name of a value in a table.
fn name<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, known)| known == value).expect("the table is whole").0
}

fn by_name<T: Copy>(table: &[(&str, T)], object: Object<'_>, field: &str) -> Result<T, Wrong> {
    let wanted = object.text(field)?;
    let found = table.iter().find(|(known, _)| *known == wanted);
    found.map(|(_, value)| *value).ok_or_else(|| format!("`{field}` is none that is known"))
}

pub fn answer(answer: &Answer, fields: &mut Fields) {
    fields.put("from", answer.from.to_string());
    says(answer.says, fields);
    fields.put("rtt_ns", nanoseconds(answer.rtt));
    fields.put("rtt_source", answer.rtt_source.name());
    fields.put("received_ns", answer.at.0);
    fields.put_some("hop_limit", answer.hop_limit);
    fields.put_some("traffic_class", answer.traffic_class);
    for (name, is_set) in [
        ("late", answer.is_late),
        ("duplicate", answer.is_duplicate),
        ("uncertain", !answer.is_certain),
    ] {
        fields.put_some(name, is_set.then_some(true));
    }
    fields.put_some("quote", answer.quote.as_ref().map(|it| quote(it).value()));
    if !answer.extensions.is_empty() {
        let list: Vec<Value> = answer.extensions.iter().map(|it| extension(it).value()).collect();
        fields.put("extensions", list);
    }
}

pub fn read_answer(object: Object<'_>) -> Result<Answer, Wrong> {
    let source = object.text("rtt_source")?;
    let rtt_source = SOURCES.iter().find(|known| known.name() == source);
    let quote = object.value("quote").and_then(Value::as_object);
    let extensions: Result<Vec<Extension>, Wrong> =
        object.objects("extensions")?.into_iter().map(read_extension).collect();
    Ok(Answer {
        from: object.parsed("from")?,
        says: read_says(object)?,
        rtt: object.duration("rtt_ns")?,
        rtt_source: *rtt_source.ok_or("`rtt_source` is none that is known")?,
        at: object.time("received_ns")?,
        hop_limit: object.number_if_any("hop_limit")?,
        traffic_class: object.number_if_any("traffic_class")?,
        is_late: object.flag("late"),
        is_duplicate: object.flag("duplicate"),
        is_certain: !object.flag("uncertain"),
        quote: quote.map(|quote| read_quote(Object(quote))).transpose()?,
        extensions: extensions?,
    })
}

pub fn says(says: Says, fields: &mut Fields) {
    match says {
        Says::Greeting(greeting) => fields.put("says", name(GREETINGS, &greeting)),
        Says::Error { meaning, kind, code, mtu_bytes } => {
            fields.put("says", "error");
            fields.put("icmp_type", kind);
            fields.put("icmp_code", code);
            fields.put("meaning", meaning::name(meaning));
            fields.put_some("mtu_bytes", mtu_bytes);
        }
    }
}

pub fn read_says(object: Object<'_>) -> Result<Says, Wrong> {
    if object.text("says")? != "error" {
        return by_name(GREETINGS, object, "says").map(Says::Greeting);
    }
    Ok(Says::Error {
        meaning: meaning::by_name(object.text("meaning")?)
            .ok_or("`meaning` is none that is known")?,
        kind: object.number("icmp_type")?,
        code: object.number("icmp_code")?,
        mtu_bytes: object.number_if_any("mtu_bytes")?,
    })
}

fn quote(quote: &Quote) -> Fields {
    let mut fields = Fields::default();
    fields.put_some("hop_limit", quote.hop_limit);
    fields.put("bytes", quote.bytes as u64);
    if !quote.changes.is_empty() {
        let list: Vec<Value> = quote.changes.iter().map(|it| change(*it).value()).collect();
        fields.put("changes", list);
    }
    fields
}

fn read_quote(object: Object<'_>) -> Result<Quote, Wrong> {
    let changes: Result<Vec<Change>, Wrong> =
        object.objects("changes")?.into_iter().map(read_change).collect();
    Ok(Quote {
        hop_limit: object.number_if_any("hop_limit")?,
        bytes: object.number("bytes")?,
        changes: changes?,
    })
}

fn change(change: Change) -> Fields {
    let mut fields = Fields::default();
    let (what, numbers) = match change {
        Change::Source(address) | Change::Destination(address) => {
            let is_source = matches!(change, Change::Source(_));
            fields.put("what", if is_source { "source" } else { "destination" });
            fields.put("address", address.to_string());
            return fields;
        }
        Change::Port { sent, got } => ("port", [sent.into(), got.into()]),
        Change::ToPort { sent, got } => ("to_port", [sent.into(), got.into()]),
        Change::TrafficClass { sent, got } => ("traffic_class", [sent.into(), got.into()]),
        Change::Identification { sent, got } => ("identification", [sent.into(), got.into()]),
        Change::FlowLabel { sent, got } => ("flow_label", [sent, got]),
        Change::Checksum { sent, got } => ("checksum", [sent.into(), got.into()]),
    };
    fields.put("what", what);
    fields.put("sent", numbers[0]);
    fields.put("got", numbers[1]);
    fields
}

fn read_change(object: Object<'_>) -> Result<Change, Wrong> {
    fn pair<T: TryFrom<u64>>(object: Object<'_>) -> Result<(T, T), Wrong> {
        Ok((object.number("sent")?, object.number("got")?))
    }
    let short = || pair::<u16>(object);
    Ok(match object.text("what")? {
        "source" => Change::Source(object.parsed("address")?),
        "destination" => Change::Destination(object.parsed("address")?),
        "port" => short().map(|(sent, got)| Change::Port { sent, got })?,
        "to_port" => short().map(|(sent, got)| Change::ToPort { sent, got })?,
        "traffic_class" => pair(object).map(|(sent, got)| Change::TrafficClass { sent, got })?,
        "identification" => short().map(|(sent, got)| Change::Identification { sent, got })?,
        "flow_label" => pair(object).map(|(sent, got)| Change::FlowLabel { sent, got })?,
        "checksum" => short().map(|(sent, got)| Change::Checksum { sent, got })?,
        _ => return Err("`what` is none that is known".to_owned()),
    })
}

fn extension(extension: &Extension) -> Fields {
    let mut fields = Fields::default();
    match extension {
        Extension::Mpls(labels) => {
            fields.put("extension", "mpls");
            let labels: Vec<Value> = labels.iter().map(|it| label(*it).value()).collect();
            fields.put("labels", labels);
        }
        Extension::Interface { role, index, address, name: called, mtu_bytes } => {
            fields.put("extension", "interface");
            fields.put("role", name(ROLES, role));
            fields.put_some("index", *index);
            fields.put_some("address", address.map(|address| address.to_string()));
            fields.put_some("name_hex", called.as_deref().map(hex));
            fields.put_some("mtu_bytes", *mtu_bytes);
        }
        Extension::Unknown { class, kind, body } => {
            fields.put("extension", "unknown");
            fields.put("class", *class);
            fields.put("kind", *kind);
            fields.put("body_hex", hex(body));
        }
    }
    fields
}

fn label(label: Label) -> Fields {
    let mut fields = Fields::default();
    fields.put("label", label.label);
    fields.put("traffic_class", label.traffic_class);
    fields.put("bottom", label.is_bottom);
    fields.put("hop_limit", label.hop_limit);
    fields
}

fn read_extension(object: Object<'_>) -> Result<Extension, Wrong> {
    Ok(match object.text("extension")? {
        "mpls" => {
            let labels: Result<Vec<Label>, Wrong> =
                object.objects("labels")?.into_iter().map(read_label).collect();
            Extension::Mpls(labels?)
        }
        "interface" => Extension::Interface {
            role: by_name(ROLES, object, "role")?,
            index: object.number_if_any("index")?,
            address: object.value("address").map(|_| object.parsed("address")).transpose()?,
            name: object.value("name_hex").map(|_| bytes(object, "name_hex")).transpose()?,
            mtu_bytes: object.number_if_any("mtu_bytes")?,
        },
        "unknown" => Extension::Unknown {
            class: object.number("class")?,
            kind: object.number("kind")?,
            body: bytes(object, "body_hex")?,
        },
        _ => return Err("`extension` is none that is known".to_owned()),
    })
}

fn read_label(object: Object<'_>) -> Result<Label, Wrong> {
    Ok(Label {
        label: object.number("label")?,
        traffic_class: object.number("traffic_class")?,
        is_bottom: object.flag("bottom"),
        hop_limit: object.number("hop_limit")?,
    })
}

fn bytes(object: Object<'_>, field: &str) -> Result<Vec<u8>, Wrong> {
    let digits: Option<Vec<u8>> =
        object.text(field)?.chars().map(|digit| digit.to_digit(16).map(|it| it as u8)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
    let digits = digits.ok_or_else(|| format!("`{field}` is not hexadecimal"))?;
    Ok(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
}

/// One report of each sort.
#[cfg(test)]
pub mod samples {
    use super::*;
    use probe::trace::{End, Event, Outcome, Probe, Report, Verdict};
    use probe::{SendFault, SendFaultReason, Time};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::time::Duration;
    use wire::icmp::Meaning;

    const FROM: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    const EXPIRED: Says =
        Says::Error { meaning: Meaning::HopLimitExceeded, kind: 11, code: 0, mtu_bytes: None };
    const TOO_BIG: Says =
        Says::Error { meaning: Meaning::PacketTooBig, kind: 3, code: 4, mtu_bytes: Some(1_400) };
    const NO_ROUTE: SendFault = SendFault { reason: SendFaultReason::NoRoute, os_error: 101 };

    /// All of them.
    pub fn all() -> Vec<Report> {
        let report = |event| Report { target: 1, at: Time(7), event };
        probes().into_iter().chain(ends()).map(report).collect()
    }

    fn probes() -> Vec<Event> {
        let too_big =
            SendFault { reason: SendFaultReason::TooBig { mtu_bytes: Some(576) }, os_error: 90 };
        let refused = Answer { says: TOO_BIG, ..plain() };
        let outcomes = [
            Outcome::Answer(Box::new(full())),
            Outcome::Answer(Box::new(refused)),
            Outcome::Answer(Box::new(plain())),
            Outcome::Silent,
            Outcome::SendError(too_big),
            Outcome::SendError(NO_ROUTE),
            Outcome::LocalDrop,
            Outcome::InFlight,
            Outcome::Moot,
        ];
        let probe = |outcome| Probe {
            hop: 255,
            number: 9,
            query: 2,
            flow: 1,
            port: 443,
            sent_at: Time(u64::MAX),
            outcome,
        };
        outcomes.map(probe).map(Event::Probe).into()
    }

    fn ends() -> Vec<Event> {
        let greeting = Says::Greeting(Greeting::EchoReply);
        let ends = [
            End::Reached { hop: 3, from: FROM, says: greeting },
            End::Refused { hop: 3, from: OTHER, says: TOO_BIG },
            End::Silent { from_hop: 4 },
            End::HopsExhausted,
            End::Loop { from_hop: 2, length: 3 },
            End::Unsendable(NO_ROUTE),
            End::Unknown,
        ];
        let took = Duration::from_secs(1);
        let verdict = |end| Event::Verdict(Verdict { end, sent: 5, answered: 4, took });
        let both = |end: End| [Event::Round { round: 12, end: end.clone() }, verdict(end)];
        ends.into_iter().flat_map(both).collect()
    }

    fn full() -> Answer {
        let changes = vec![
            Change::Source(FROM),
            Change::Destination(OTHER),
            Change::Port { sent: 1, got: 65_535 },
            Change::ToPort { sent: 80, got: 8_080 },
            Change::TrafficClass { sent: 184, got: 0 },
            Change::Identification { sent: 1, got: 256 },
            Change::FlowLabel { sent: 0xf_ffff, got: 0 },
            Change::Checksum { sent: 3, got: 4 },
        ];
        Answer {
            from: FROM,
            says: EXPIRED,
            rtt: Duration::from_nanos(1),
            rtt_source: RttSource::Kernel,
            at: Time(5),
            hop_limit: Some(64),
            traffic_class: Some(3),
            is_late: true,
            is_duplicate: true,
            is_certain: false,
            quote: Some(Quote { hop_limit: Some(1), bytes: 28, changes }),
            extensions: extensions(),
        }
    }

    fn plain() -> Answer {
        Answer {
            says: Says::Greeting(Greeting::SynAck),
            rtt_source: RttSource::User,
            hop_limit: None,
            traffic_class: None,
            is_late: false,
            is_duplicate: false,
            is_certain: true,
            quote: None,
            extensions: Vec::new(),
            ..full()
        }
    }

    fn extensions() -> Vec<Extension> {
        let label = Label { label: 0xf_ffff, traffic_class: 7, is_bottom: true, hop_limit: 1 };
        vec![
            Extension::Mpls(vec![label, Label { is_bottom: false, ..label }]),
            Extension::Interface {
                role: Role::Outgoing,
                index: Some(7),
                address: Some(OTHER),
                name: Some(b"eth\xff".to_vec()),
                mtu_bytes: Some(9_000),
            },
            Extension::Interface {
                role: Role::NextHop,
                index: None,
                address: None,
                name: None,
                mtu_bytes: None,
            },
            Extension::Unknown { class: 5, kind: 255, body: vec![0, 0xab] },
        ]
    }
}
