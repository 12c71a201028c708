//! A node that answers for its network: address masks (RFC 950, RFC 1122 §3.2.2.9), and what
//! routers advertise (RFC 1256, RFC 4861). Which rules it breaks is the scenario's choice.

use crate::address::{self, Prefix};
use crate::ethernet::LinkAddress;
use crate::map::Recipient;
use crate::node::{Action, Frame, Later, Node, Turn};
use crate::rules;
use crate::scenario::agents::{AdvertLies, AdvertPlan, MaskPlan};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use wire::icmp::neighbour::Discovery;
use wire::icmp::router::{Addresses, Advertisement, Offer};
use wire::icmp::{self, Mask, Message};
use wire::ip::{Datagram, Header};
use wire::{Family, dns};

/// One advertisement that is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advert {
    pub(crate) interface: usize,
    pub(crate) family: Family,
    /// The asker; `None` for everybody.
    pub(crate) to: Option<IpAddr>,
    /// When the next one is due, if there is one.
    pub(crate) again: Option<Duration>,
}

impl Node {
    /// Answers an address mask request, if the node is an agent for that.
    pub(crate) fn answer_mask(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
        asked: Mask,
    ) {
        let Some(plan) = self.plan.mask.clone().filter(|_| !self.plan.is_silent) else { return };
        let family = datagram.family();
        let (to, destination) = (datagram.source, datagram.destination);
        let near = || turn.map.interface_near(self.id, destination);
        let Some(interface) = frame.came_by.or_else(near) else { return };
        let own = turn.map.interface(self.id, interface).address(family);
        let network = turn.map.network(self.id, interface, family);
        let IpAddr::V4(own_v4) = own else { return };
        if !self.limiter.allows_answer(turn.now, to) {
            return;
        }
        let to_many = turn.map.is_for_many(self.id, destination);
        let source = if to_many { own } else { destination };
        let is_broadcast = to.is_unspecified() || plan.broadcasts;
        let to = if is_broadcast { network.last() } else { to };
        let mut header = Header::new(source, to, rules::of(family).icmp);
        header.hop_limit = self.plan.hop_limit;
        let identifier = asked.identifier ^ if plan.identifier { 0x5555 } else { 0 };
        let reply = Mask { identifier, mask: told_mask(&plan, own_v4, network), ..asked };
        let mut message = Vec::new();
        Message::MaskReply(reply).emit(family, &mut message);
        spoil(&header, plan.bytes, plan.checksum, &mut message);
        for _ in 0..if plan.twice { 2 } else { 1 } {
            match plan.late {
                Some(after) => {
                    let what = Later::Answer(Box::new(header.clone()), message.clone());
                    turn.actions.push(Action::Later { after, what });
                }
                None => self.answer(turn, header.clone(), &message),
            }
        }
    }

    /// Answers a router solicitation, if the node advertises itself.
    pub(crate) fn answer_solicitation(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
    ) {
        let Some(plan) = self.plan.advert.as_ref().filter(|_| !self.plan.is_silent) else { return };
        let family = datagram.family();
        // What came from elsewhere is no solicitation (RFC 4861 §6.1.1).
        let needed = rules::of(family).discovery_hop_limit;
        let Some(interface) = frame.came_by else { return };
        if needed.is_some_and(|needed| needed != datagram.hop_limit) {
            return;
        }
        let is_alone = !plan.multicasts && !datagram.source.is_unspecified();
        let to = is_alone.then_some(datagram.source);
        let advert = Advert { interface, family, to, again: None };
        match plan.late {
            Duration::ZERO => self.advertise(turn, advert),
            after => turn.actions.push(Action::Later { after, what: Later::Advertise(advert) }),
        }
    }

    /// Sends an advertisement.
    pub(crate) fn advertise(&mut self, turn: &mut Turn<'_>, advert: Advert) {
        let Some(plan) = self.plan.advert.clone() else { return };
        let Advert { interface, family, to, again } = advert;
        if let Some(after) = again {
            turn.actions.push(Action::Later { after, what: Later::Advertise(advert) });
        }
        // It may speak again later.
        if self.plan.is_silent {
            return;
        }
        let device = *turn.map.interface(self.id, interface);
        let own = device.address(family);
        let network = turn.map.network(self.id, interface, family);
        let source = if plan.lies.is_global { own } else { address::on_link(own) };
        let everybody = address::EVERYBODY.of(family);
        let mut header = Header::new(source, to.unwrap_or(everybody), rules::of(family).icmp);
        let usual = rules::of(family).discovery_hop_limit.unwrap_or(1);
        header.hop_limit = plan.lies.hop_limit.unwrap_or(usual);
        let mut message = match own {
            IpAddr::V4(own) => message_v4(&plan, own),
            IpAddr::V6(own) => message_v6(&plan, own, device.link_address(), network),
        };
        if let Some(code) = plan.lies.code {
            message[1] = code;
        }
        spoil(&header, plan.lies.bytes, plan.lies.checksum, &mut message);
        let neighbour = to.and_then(|to| turn.map.holder(to));
        let taker = match (to, neighbour) {
            (None, _) => Recipient::Everyone,
            (Some(_), Some(node)) => Recipient::Node(node),
            (Some(to), None) => Recipient::Address(to),
        };
        self.send_by(turn, header, &message, (interface, taker));
    }

    /// Sends a datagram out of an interface, wherever routes lead.
    pub(crate) fn send_by(
        &mut self,
        turn: &mut Turn<'_>,
        mut header: Header,
        message: &[u8],
        (interface, to): (usize, Recipient),
    ) {
        header.identification = self.next_identification() as u16;
        let mut bytes = Vec::new();
        if header.emit(message, &mut bytes).is_ok() {
            self.put(turn, interface, to, bytes);
        }
    }
}

/// What an agent says the mask is.
fn told_mask(plan: &MaskPlan, own: Ipv4Addr, network: Prefix) -> Ipv4Addr {
    let mask = |bits: u32| Ipv4Addr::from_bits(u32::MAX.checked_shl(32 - bits).unwrap_or(0));
    if plan.is_classful {
        // RFC 791 §3.2.
        return mask(match own.octets()[0] {
            0..=127 => 8,
            128..=191 => 16,
            _ => 24,
        });
    }
    plan.mask.unwrap_or_else(|| mask(network.length().into()))
}

/// Sums a message up, rightly or not, once it has the size that it is to have.
fn spoil(header: &Header, bytes: Option<usize>, is_missummed: bool, message: &mut Vec<u8>) {
    if let Some(bytes) = bytes {
        message.resize(bytes, 0);
    }
    icmp::fill_checksum(header.source, header.destination, message);
    if let Some(sum) = message.get_mut(2).filter(|_| is_missummed) {
        *sum = !*sum;
    }
}

fn message_v4(plan: &AdvertPlan, own: Ipv4Addr) -> Vec<u8> {
    let level = plan.preference.level().to_be_bytes();
    let entry = [own.octets(), level].concat();
    let AdvertLies { count, entry_words, .. } = plan.lies;
    let addresses = Addresses {
        count: count.unwrap_or(1),
        entry_words: entry_words.unwrap_or(2),
        entries: &entry,
    };
    emit(Advertisement { lifetime_s: plan.lifetime_s, offer: Offer::Addresses(addresses) }, own)
}

fn message_v6(plan: &AdvertPlan, own: Ipv6Addr, link: LinkAddress, network: Prefix) -> Vec<u8> {
    let options = options(plan, link, network);
    let managed = if plan.is_managed { 0x80 } else { 0 };
    let other = if plan.has_other { 0x40 } else { 0 };
    let offer = Offer::Sender {
        hop_limit: plan.hop_limit,
        flags: managed | other | plan.preference.flags(),
        reachable_ms: plan.reachable_ms,
        retransmit_ms: plan.retransmit_ms,
        options: &options,
    };
    emit(Advertisement { lifetime_s: plan.lifetime_s, offer }, own)
}

fn emit(advertisement: Advertisement<'_>, own: impl Into<IpAddr>) -> Vec<u8> {
    let mut message = Vec::new();
    let family = Family::of(own.into());
    Message::RouterAdvertisement(advertisement).emit(family, &mut message);
    message
}

/// The options of an IPv6 advertisement, in the order of their kinds.
fn options(plan: &AdvertPlan, link: LinkAddress, network: Prefix) -> Vec<u8> {
    const DAY_S: u32 = 86_400;
    let mut list = Vec::new();
    if plan.has_link {
        list.push(Discovery::SourceLink(&link));
    }
    if let (true, IpAddr::V6(prefix)) = (plan.has_prefix, network.first()) {
        let (prefix_bits, preferred_s) = (network.length(), DAY_S / 6);
        let flags = 0xc0;
        list.push(Discovery::Prefix { prefix_bits, flags, valid_s: DAY_S, preferred_s, prefix });
    }
    list.extend(plan.mtu_bytes.map(Discovery::Mtu));
    let routes: Vec<_> = plan.routes.iter().map(|route| (route, octets(route.to))).collect();
    for (route, prefix) in &routes {
        let prefix_bits = route.to.length();
        list.push(Discovery::Route {
            prefix_bits,
            flags: route.preference.flags(),
            lifetime_s: route.lifetime_s,
            prefix: &prefix[..usize::from(prefix_bits.div_ceil(64)) * 8],
        });
    }
    let addresses: Vec<u8> = plan.servers.iter().flat_map(Ipv6Addr::octets).collect();
    let mut names = Vec::new();
    for name in &plan.search {
        dns::emit_name(name, &mut names).expect("the scenario holds names alone");
    }
    let lifetime_s = plan.lifetime_s.into();
    if !addresses.is_empty() {
        list.push(Discovery::NameServers { lifetime_s, addresses: &addresses });
    }
    if !names.is_empty() {
        list.push(Discovery::SearchList { lifetime_s, names: &names });
    }
    list.extend(plan.portal.as_deref().map(|uri| Discovery::CaptivePortal(uri.as_bytes())));
    if let Some(prefix) = plan.nat64 {
        let first: [u8; 12] = octets(prefix)[..12].try_into().expect("twelve of sixteen");
        list.push(Discovery::Nat64 {
            lifetime_units: plan.lifetime_s.div_ceil(8),
            length_code: nat64_code(prefix.length()),
            prefix: first,
        });
    }
    let mut bytes = Vec::new();
    for option in list {
        // Options that are too long for their length field are left out.
        let start = bytes.len();
        if option.emit(&mut bytes).is_err() {
            bytes.truncate(start);
        }
    }
    bytes.extend_from_slice(&plan.extra);
    bytes
}

fn nat64_code(bits: u8) -> u8 {
    (0..=7).find(|code| icmp::neighbour::nat64_prefix_bits(*code) == Some(bits)).unwrap_or(7)
}

fn octets(prefix: Prefix) -> [u8; 16] {
    match prefix.first() {
        IpAddr::V6(first) => first.octets(),
        IpAddr::V4(first) => first.to_ipv6_mapped().octets(),
    }
}
