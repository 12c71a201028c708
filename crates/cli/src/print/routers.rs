//! How routers are shown, one file a format.

pub mod csv;
pub mod fields;
pub mod human;
pub mod json;

use net::Interface;
use probe::gather::{Answer, Counts, Event, Place};
use probe::routers::{Advertisement, Preference, REMEMBERED_MAX, Violation};
use std::collections::BTreeSet;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::neighbour::{Discovery, Domain, Domains, Options, nat64_prefix_bits};
use wire::icmp::router::Offer;

/// What a printer of routers must be able to show. Appends to `out`.
pub trait Printer {
    /// The run begins.
    fn start(&mut self, _out: &mut Vec<u8>) {}

    /// Something was heard.
    fn heard(&mut self, heard: &Heard<'_>, out: &mut Vec<u8>);

    /// The run on an interface is over.
    fn summary(&mut self, interface: &Interface, tally: &Tally, counts: &Counts, out: &mut Vec<u8>);
}

/// Something that was heard on an interface.
pub struct Heard<'a> {
    /// Where.
    pub interface: &'a Interface,
    /// What was asked there.
    pub place: &'a Place,
    /// What it is.
    pub event: &'a Event<Advertisement>,
    /// The wall clock at [`probe::Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
}

/// What was heard on an interface so far.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Routers that offer to route, the first [`REMEMBERED_MAX`].
    pub offering: BTreeSet<IpAddr>,
    /// Others that advertise themselves and keep the rules, likewise.
    pub others: BTreeSet<IpAddr>,
    /// Advertisements that are not believed.
    pub disbelieved: u64,
    /// Solicitations that left.
    pub asked: u64,
}

impl Tally {
    /// Adds what was heard.
    pub fn add(&mut self, event: &Event<Advertisement>) {
        let answer = match event {
            Event::Answer(answer) => answer,
            Event::Ended { asked, .. } => return self.asked += u64::from(*asked),
            Event::Error { .. } | Event::Unsent(_) => return,
        };
        if !answer.finding.is_believed() {
            self.disbelieved += 1;
        } else if answer.finding.offers(Family::of(answer.from)) {
            insert(&mut self.offering, answer.from);
            self.others.remove(&answer.from);
        } else {
            // What it said last counts.
            self.offering.remove(&answer.from);
            insert(&mut self.others, answer.from);
        }
    }
}

fn insert(set: &mut BTreeSet<IpAddr>, address: IpAddr) {
    if set.len() < REMEMBERED_MAX {
        set.insert(address);
    }
}

/// An advertisement as it is shown.
enum Shown<'a> {
    /// IPv4: routers by address and preference, and whether each is on this network.
    Addresses { lifetime_s: u16, routers: Vec<(IpAddr, i32, bool)> },
    /// IPv6: the sender.
    Sender {
        lifetime_s: u16,
        hop_limit: u8,
        flags: u8,
        reachable_ms: u32,
        retransmit_ms: u32,
        options: Vec<Discovery<'a>>,
    },
}

/// What is to be shown of an advertisement; `None` if it cannot be read.
fn shown<'a>(answer: &'a Answer<Advertisement>, interface: &Interface) -> Option<Shown<'a>> {
    let advertisement = answer.finding.parse(Family::of(answer.from))?;
    let lifetime_s = advertisement.lifetime_s;
    Some(match advertisement.offer {
        Offer::Addresses(addresses) => {
            let router = |(address, preference)| {
                let address = IpAddr::from(address);
                (address, preference, is_near(interface, address))
            };
            Shown::Addresses { lifetime_s, routers: addresses.iter().map(router).collect() }
        }
        Offer::Sender { hop_limit, flags, reachable_ms, retransmit_ms, options } => {
            let options = Options::new(options).map_while(Result::ok).collect();
            Shown::Sender { lifetime_s, hop_limit, flags, reachable_ms, retransmit_ms, options }
        }
    })
}

/// Whether an IPv4 address is on a network of the interface: others are to be ignored
/// (RFC 1256 §5.3).
fn is_near(interface: &Interface, address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return true };
    interface.numbers.iter().any(|number| match (number.address, number.mask) {
        (IpAddr::V4(own), Some(IpAddr::V4(mask))) => {
            (own.to_bits() ^ address.to_bits()) & mask.to_bits() == 0
        }
        _ => false,
    })
}

/// What JSON and CSV call a preference.
fn preference_word(preference: Preference) -> &'static str {
    match preference {
        Preference::Low => "low",
        Preference::Medium => "medium",
        Preference::High => "high",
        Preference::Reserved => "reserved",
    }
}

/// What JSON and CSV call a violation.
fn violation_word(violation: Violation) -> &'static str {
    match violation {
        Violation::HopLimit(_) => "hop_limit",
        Violation::SourceNotLinkLocal => "source_not_link_local",
        Violation::Checksum => "checksum",
        Violation::Code(_) => "code",
        Violation::TooShort { .. } => "too_short",
        Violation::NoAddress => "no_address",
        Violation::EntrySize(_) => "entry_size",
        Violation::OptionLength(_) => "option_length",
    }
}

/// A prefix, however much of its 128 bits was sent.
fn prefix(bytes: &[u8], bits: u8) -> String {
    let mut octets = [0; 16];
    let length = bytes.len().min(16);
    octets[..length].copy_from_slice(&bytes[..length]);
    format!("{}/{bits}", IpAddr::from(octets))
}

/// The prefix of a translator, or what stands in its place where the code means nothing.
fn nat64(bytes: &[u8; 12], code: u8) -> String {
    match nat64_prefix_bits(code) {
        Some(bits) => prefix(bytes, bits),
        None => format!("{}?", prefix(bytes, 96)),
    }
}

/// The addresses of name servers.
fn servers(addresses: &[u8]) -> Vec<String> {
    let (whole, _) = addresses.as_chunks::<16>();
    whole.iter().map(|octets| IpAddr::from(*octets).to_string()).collect()
}

/// The names of a search list as they came; not safe for a terminal.
fn domains(names: &[u8]) -> Vec<String> {
    let text = |domain: Domain<'_>| {
        let labels = domain.labels().map(|label| String::from_utf8_lossy(label).into_owned());
        labels.collect::<Vec<_>>().join(".")
    };
    Domains::new(names).map_while(Result::ok).map(text).collect()
}

/// A text that is padded with zeros; not safe for a terminal.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// `02:00:00:00:00:01`.
fn link(address: &[u8]) -> String {
    address.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who sent it, with the zone that a link-local address needs.
fn sender(from: IpAddr, place: &Place) -> String {
    let zone = if crate::print::routers::is_link_local(from) { place.zone } else { 0 };
    crate::print::fields::address(probe::targets::Target { address: from, zone })
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}
