//! Who offers to route: IPv4 router discovery (RFC 1256), IPv6 router advertisements (RFC 4861).

use crate::Arrival;
use crate::gather::{Gather, Place, Reading, Subject, To};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;
use wire::icmp::neighbour::{Discovery, Options};
use wire::icmp::router::Offer;
use wire::icmp::{self, Message, router};

/// The engine of a run that looks for routers.
pub type Routers = Gather<Discoverer>;

/// Where IPv4 routers listen (RFC 1112, RFC 1256 §4).
pub const ALL_ROUTERS_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// Where IPv6 routers of a link listen (RFC 4291 §2.7.1).
pub const ALL_ROUTERS_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// Routers whose last words are remembered, to tell what is new; others always seem new.
pub const REMEMBERED_MAX: usize = 1_024;

/// The hop limit of neighbour discovery, which nothing from elsewhere can have (RFC 4861 §6.1).
pub const HOP_LIMIT_V6: u8 = 255;

/// Reads advertisements.
#[derive(Clone, Debug, Default)]
pub struct Discoverer {
    /// By sender, what it said last.
    known: BTreeMap<IpAddr, Vec<u8>>,
}

/// A router advertisement as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The ICMP message.
    pub message: Vec<u8>,
    /// Why it is not to be believed; empty if it is.
    pub violations: Vec<Violation>,
    /// Whether its sender has said the same before.
    pub news: News,
}

/// What of an advertisement is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The sender was not heard before.
    New,
    /// It said something else before.
    Changed,
    /// It said the same before.
    Same,
}

/// A rule that an advertisement breaks: RFC 1256 §5.2, RFC 4861 §6.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Its hop limit is not 255: it may come from elsewhere. IPv6.
    HopLimit(u8),
    /// It does not come from a link-local address. IPv6.
    SourceNotLinkLocal,
    /// Its checksum is wrong.
    Checksum,
    /// Its code is not 0. In IPv4, 16 says that the sender serves mobile hosts alone (RFC 5944
    /// §2.1).
    Code(u8),
    /// It is shorter than what it must have, or says that it has.
    TooShort {
        /// Bytes that it needs.
        needed: usize,
        /// Bytes that it has.
        got: usize,
    },
    /// It names no address. IPv4.
    NoAddress,
    /// Its entries are too short for an address and a preference, in units of 4 bytes. IPv4.
    EntrySize(u8),
    /// An option with a length of zero, or beyond the end, at this byte of the options. IPv6.
    OptionLength(usize),
}

/// How much a router or a route is to be preferred (RFC 4191 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    /// After others.
    Low,
    /// As others.
    Medium,
    /// Before others.
    High,
    /// A value that is reserved: of a router it counts as medium, of a route it is not to be used
    /// (RFC 4191 §2.2, §2.3).
    Reserved,
}

impl Preference {
    /// The preference in the flags of an advertisement or a route.
    pub fn of_flags(flags: u8) -> Preference {
        match flags >> 3 & 3 {
            0b00 => Preference::Medium,
            0b01 => Preference::High,
            0b11 => Preference::Low,
            _ => Preference::Reserved,
        }
    }
}

impl Advertisement {
    /// Whether it keeps the rules.
    pub fn is_believed(&self) -> bool {
        self.violations.is_empty()
    }

    /// What it says; `None` if not even the fixed fields are there, or its code is not 0.
    pub fn parse(&self, family: Family) -> Option<router::Advertisement<'_>> {
        match Message::parse(family, &self.message) {
            Ok(Message::RouterAdvertisement(advertisement)) => Some(advertisement),
            _ => None,
        }
    }

    /// Whether its sender offers to route: as a default router, or to some prefix.
    pub fn offers(&self, family: Family) -> bool {
        let Some(advertisement) = self.parse(family).filter(|_| self.is_believed()) else {
            return false;
        };
        match advertisement.offer {
            // The lowest preference is not for default routers (RFC 1256 §4.1).
            Offer::Addresses(addresses) => {
                advertisement.lifetime_s > 0 && addresses.iter().any(|(_, it)| it != i32::MIN)
            }
            Offer::Sender { options, .. } => {
                let mut options = Options::new(options);
                advertisement.lifetime_s > 0
                    || options.any(|option| match option {
                        Ok(Discovery::Route { lifetime_s, flags, .. }) => {
                            lifetime_s > 0 && Preference::of_flags(flags) != Preference::Reserved
                        }
                        _ => false,
                    })
            }
        }
    }
}

impl Subject for Discoverer {
    type Finding = Advertisement;

    fn ask(&mut self, place: &Place, _question: u16, message: &mut Vec<u8>) {
        // The source's link-layer address would spare a router a question, and is not known here.
        Message::RouterSolicitation { options: &[] }.emit(Family::of(place.to), message);
    }

    fn read(&mut self, places: &[Place], arrival: &Arrival<'_>) -> Reading<Advertisement> {
        let (family, message) = (Family::of(arrival.source), arrival.payload);
        let is_advertisement = arrival.protocol == icmp::protocol(family)
            && message.first() == Some(&icmp::router_advertisement_type(family));
        let place = places.iter().position(|it| Family::of(it.to) == family);
        let Some(place) = place.filter(|_| is_advertisement) else { return Reading::Stray };
        let violations = violations(arrival);
        let news = if violations.is_empty() { self.news(arrival) } else { News::New };
        let finding = Advertisement { message: message.to_vec(), violations, news };
        let settles = finding.is_believed();
        Reading::Answer { to: To::Place(place as u32), finding, settles }
    }
}

impl Discoverer {
    /// Remembers what a router says; whether that is new.
    fn news(&mut self, arrival: &Arrival<'_>) -> News {
        let has_room = self.known.len() < REMEMBERED_MAX;
        match self.known.get_mut(&arrival.source) {
            Some(last) if last == arrival.payload => News::Same,
            Some(last) => {
                *last = arrival.payload.to_vec();
                News::Changed
            }
            None => {
                if has_room {
                    self.known.insert(arrival.source, arrival.payload.to_vec());
                }
                News::New
            }
        }
    }
}

/// The rules that an advertisement breaks.
fn violations(arrival: &Arrival<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let message = arrival.payload;
    if let Some(to) = arrival.destination
        && !icmp::verify(arrival.source, to, message)
    {
        found.push(Violation::Checksum);
    }
    let code = message.get(1).copied().unwrap_or(0);
    if code != 0 {
        found.push(Violation::Code(code));
    }
    match arrival.source {
        IpAddr::V4(_) => found.extend(violation_v4(message)),
        IpAddr::V6(source) => {
            if let Some(hop_limit) = arrival.hop_limit.filter(|it| *it != HOP_LIMIT_V6) {
                found.push(Violation::HopLimit(hop_limit));
            }
            if !source.is_unicast_link_local() {
                found.push(Violation::SourceNotLinkLocal);
            }
            found.extend(violation_v6(message));
        }
    }
    found
}

/// RFC 1256 §5.2: at least eight bytes, an address, and room for all that it says it has.
fn violation_v4(message: &[u8]) -> Option<Violation> {
    let got = message.len();
    let &[_, _, _, _, count, words, _, _, ..] = message else {
        return Some(Violation::TooShort { needed: 8, got });
    };
    let needed = 8 + usize::from(count) * usize::from(words) * 4;
    match (count, words) {
        (0, _) => Some(Violation::NoAddress),
        (_, 0 | 1) => Some(Violation::EntrySize(words)),
        _ if got < needed => Some(Violation::TooShort { needed, got }),
        _ => None,
    }
}

/// RFC 4861 §6.1.2: at least sixteen bytes, and every option has a length that fits.
fn violation_v6(message: &[u8]) -> Option<Violation> {
    let got = message.len();
    let Some(options) = message.get(FIXED_BYTES_V6..) else {
        return Some(Violation::TooShort { needed: FIXED_BYTES_V6, got });
    };
    Options::new(options).find_map(|option| match option {
        Err(wire::Malformed::Option(at)) => Some(Violation::OptionLength(at)),
        _ => None,
    })
}

/// What stands before the options (RFC 4861 §4.2).
const FIXED_BYTES_V6: usize = 16;
