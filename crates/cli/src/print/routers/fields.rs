//! What JSON and CSV call what is heard of routers.

use super::{
    Heard, Shown, Tally, domains, hex, link, nat64, preference_word, prefix, sender, servers,
    shown, text, violation_word,
};
use crate::escape::escape;
use crate::print::fields::{Sink, Value, refusal};
use crate::wall;
use net::Interface;
use probe::gather::{Answer, Counts, Event};
use probe::routers::{Advertisement, News, Preference};
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::neighbour::Discovery;

/// Every field, in the order of CSV's columns. An advertisement has those from `from` to `message`.
pub const COLUMNS: &[&str] = &[
    "type",
    "interface",
    "from",
    "to",
    "hop_limit",
    "at",
    "rtt_ns",
    "rtt_source",
    "believed",
    "violations",
    "news",
    "offers",
    "lifetime_s",
    "preference",
    "routers",
    "advised_hop_limit",
    "flags",
    "managed",
    "other",
    "reachable_ms",
    "retransmit_ms",
    "mtu_bytes",
    "link_address",
    "prefixes",
    "routes",
    "name_servers",
    "search_domains",
    "nat64_prefixes",
    "captive_portal",
    "unknown_options",
    "message",
    "reason",
    "os_error",
    "asked",
    "offering",
    "advertising",
    "disbelieved",
    "malformed",
    "untold",
    "dropped",
];

/// As much of a message is shown as it came.
const MESSAGE_MAX_BYTES: usize = 1_500;

/// Something was heard; nothing of what has no object.
pub fn heard(heard: &Heard<'_>, sink: Sink<'_>) {
    let on = escape(&heard.interface.name);
    match heard.event {
        Event::Answer(answer) => {
            sink("type", Value::Word("advertisement"));
            sink("interface", on.into());
            let mut known = BTreeMap::new();
            advertisement(heard, answer, &mut |name, value| drop(known.insert(name, value)));
            let from = COLUMNS.iter().skip_while(|name| **name != "from");
            for name in from.take_while(|name| **name != "reason") {
                sink(name, known.remove(name).unwrap_or(Value::Null));
            }
        }
        Event::Unsent(fault) => {
            sink("type", Value::Word("send_error"));
            sink("interface", on.into());
            sink("to", heard.place.to.to_string().into());
            sink("reason", Value::Word(refusal(*fault).0));
            sink("os_error", Value::Int(fault.os_error.into()));
        }
        Event::Error { .. } | Event::Ended { .. } => {}
    }
}

fn advertisement(heard: &Heard<'_>, answer: &Answer<Advertisement>, sink: Sink<'_>) {
    let finding = &answer.finding;
    sink("from", sender(answer.from, heard.place).into());
    sink("to", answer.to.map(|to| to.to_string()).into());
    sink("hop_limit", answer.hop_limit.into());
    sink("at", wall::rfc3339(heard.epoch_ns + i128::from(answer.at.0)).into());
    sink("rtt_ns", answer.rtt.map(|(rtt, _)| rtt).into());
    sink("rtt_source", answer.rtt.map(|(_, source)| source).into());
    sink("believed", finding.is_believed().into());
    let words = finding.violations.iter().map(|it| violation_word(*it).to_owned());
    sink("violations", Value::List(words.collect()));
    let news = match finding.news {
        News::New => "new",
        News::Changed => "changed",
        News::Same => "same",
    };
    sink("news", Value::Word(news));
    sink("offers", finding.offers(Family::of(answer.from)).into());
    let message = &finding.message[..finding.message.len().min(MESSAGE_MAX_BYTES)];
    sink("message", hex(message).into());
    if let Some(shown) = shown(answer, heard.interface) {
        offer(&shown, sink);
    }
}

fn offer(shown: &Shown<'_>, sink: Sink<'_>) {
    match shown {
        Shown::Addresses { lifetime_s, routers } => {
            sink("lifetime_s", (*lifetime_s).into());
            sink("routers", Value::Values(routers.iter().map(|it| router(*it)).collect()));
        }
        Shown::Sender { lifetime_s, hop_limit, flags, reachable_ms, retransmit_ms, options } => {
            sink("lifetime_s", (*lifetime_s).into());
            sink("preference", Value::Word(preference_word(Preference::of_flags(*flags))));
            sink("advised_hop_limit", (*hop_limit).into());
            sink("flags", (*flags).into());
            sink("managed", (flags & 0x80 != 0).into());
            sink("other", (flags & 0x40 != 0).into());
            sink("reachable_ms", (*reachable_ms).into());
            sink("retransmit_ms", (*retransmit_ms).into());
            self::options(options, sink);
        }
    }
}

fn router((address, preference, is_near): (IpAddr, i32, bool)) -> Value {
    Value::Object(vec![
        ("address", address.to_string().into()),
        ("preference", Value::Int(preference.into())),
        ("on_link", is_near.into()),
    ])
}

/// The options of an IPv6 advertisement, by kind.
fn options(options: &[Discovery<'_>], sink: Sink<'_>) {
    let values = |pick: &dyn Fn(&Discovery<'_>) -> Option<Value>| {
        Value::Values(options.iter().filter_map(pick).collect())
    };
    let find = |pick: &dyn Fn(&Discovery<'_>) -> Option<Value>| {
        options.iter().find_map(pick).unwrap_or(Value::Null)
    };
    let mtu = find(&|it| match it {
        Discovery::Mtu(bytes) => Some((*bytes).into()),
        _ => None,
    });
    sink("mtu_bytes", mtu);
    let address = find(&|it| match it {
        Discovery::SourceLink(address) => Some(link(address).into()),
        _ => None,
    });
    sink("link_address", address);
    sink("prefixes", values(&told_prefix));
    sink("routes", values(&told_route));
    sink("name_servers", values(&told_servers));
    let search = values(&|it| match it {
        Discovery::SearchList { lifetime_s, names } => Some(Value::Object(vec![
            ("domains", Value::List(domains(names).iter().map(|it| escape(it)).collect())),
            ("lifetime_s", (*lifetime_s).into()),
        ])),
        _ => None,
    });
    sink("search_domains", search);
    let translators = values(&|it| match it {
        Discovery::Nat64 { lifetime_units, length_code, prefix } => Some(Value::Object(vec![
            ("prefix", nat64(prefix, *length_code).into()),
            ("lifetime_s", (u32::from(*lifetime_units) * 8).into()),
        ])),
        _ => None,
    });
    sink("nat64_prefixes", translators);
    let portal = find(&|it| match it {
        Discovery::CaptivePortal(uri) => Some(escape(&text(uri)).into()),
        _ => None,
    });
    sink("captive_portal", portal);
    sink("unknown_options", values(&unknown));
}

fn told_prefix(option: &Discovery<'_>) -> Option<Value> {
    let Discovery::Prefix { prefix_bits, flags, valid_s, preferred_s, prefix: first } = option
    else {
        return None;
    };
    Some(Value::Object(vec![
        ("prefix", prefix(&first.octets(), *prefix_bits).into()),
        ("on_link", (flags & 0x80 != 0).into()),
        ("autonomous", (flags & 0x40 != 0).into()),
        ("valid_s", (*valid_s).into()),
        ("preferred_s", (*preferred_s).into()),
    ]))
}

fn told_route(option: &Discovery<'_>) -> Option<Value> {
    let Discovery::Route { prefix_bits, flags, lifetime_s, prefix: first } = option else {
        return None;
    };
    Some(Value::Object(vec![
        ("prefix", prefix(first, *prefix_bits).into()),
        ("preference", Value::Word(preference_word(Preference::of_flags(*flags)))),
        ("lifetime_s", (*lifetime_s).into()),
    ]))
}

fn told_servers(option: &Discovery<'_>) -> Option<Value> {
    let Discovery::NameServers { lifetime_s, addresses } = option else { return None };
    Some(Value::Object(vec![
        ("addresses", Value::List(servers(addresses))),
        ("lifetime_s", (*lifetime_s).into()),
    ]))
}

fn unknown(option: &Discovery<'_>) -> Option<Value> {
    let (kind, body) = match option {
        Discovery::Unknown { kind, body } => (*kind, *body),
        // These have no place in an advertisement (RFC 4861 §4.6, RFC 3971 §5.3.2).
        Discovery::TargetLink(body) => (2, *body),
        Discovery::Redirected(body) => (4, *body),
        Discovery::Nonce(body) => (14, *body),
        _ => return None,
    };
    Some(Value::Object(vec![("kind", kind.into()), ("body", hex(body).into())]))
}

/// What was heard on an interface.
pub fn summary(interface: &Interface, tally: &Tally, counts: &Counts, sink: Sink<'_>) {
    let list = |set: &std::collections::BTreeSet<IpAddr>| {
        Value::List(set.iter().map(IpAddr::to_string).collect())
    };
    sink("type", Value::Word("summary"));
    sink("interface", escape(&interface.name).into());
    sink("asked", tally.asked.into());
    sink("offering", list(&tally.offering));
    sink("advertising", list(&tally.others));
    sink("disbelieved", tally.disbelieved.into());
    sink("malformed", counts.malformed.into());
    sink("untold", counts.untold.into());
    sink("dropped", counts.dropped.into());
}
