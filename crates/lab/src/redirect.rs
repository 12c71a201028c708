//! Better first hops: when routers tell of them (RFC 1812 §5.2.7.2, RFC 4861 §8.2) and how fast, as
//! Linux does it; which hosts believe (RFC 1122 §3.2.2.2, RFC 4861 §8.1), and for how long.

use crate::address;
use crate::bounded::has_room;
use crate::complaint::Subject;
use crate::limit::Bucket;
use crate::map::{Map, Next, Recipient};
use crate::neighbour::Key;
use crate::node::{Frame, Node, Turn};
use crate::packet;
use crate::rules;
use crate::scenario::Rate;
use probe::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::neighbour::{Discovery, Options};
use wire::icmp::{self, Error, Meaning, Message};
use wire::ip::{Datagram, Header};

/// Destinations for which a better hop is remembered at most, and senders that were told of one.
const REMEMBERED_MAX: usize = 4_096;

/// How long a better hop is believed in (Linux's ip_rt_gc_timeout).
const LIFE: Duration = Duration::from_secs(300);

/// After so many that were not obeyed a sender is told no more (Linux's redirect_number).
const TOLD_MAX: u32 = 9;

/// From the first to the second; each pause is twice the one before (Linux's redirect_load).
const PAUSE: Duration = Duration::from_millis(20);

/// A sender that was quiet for so long is told anew (Linux's redirect_silence).
const SILENCE: Duration = Duration::from_millis(20 << 10);

/// How fast one sender is told in IPv6 (Linux's inet_peer_xrlim_allow).
const STEADY: Rate = Rate { interval: Duration::from_secs(1), burst: 6 };

/// What a node was told, and whom it told.
#[derive(Debug, Default)]
pub(crate) struct Redirects {
    better: BTreeMap<IpAddr, Better>,
    told: BTreeMap<IpAddr, Told>,
}

/// A better hop than the routes know.
#[derive(Clone, Copy, Debug)]
struct Better {
    hop: Key,
    until: Time,
}

#[derive(Debug, Default)]
struct Told {
    count: u32,
    /// When it was told last, or would have been.
    last: Time,
    bucket: Bucket,
}

impl Redirects {
    /// The better hops that are believed in: destination and gateway.
    pub(crate) fn list(&self, now: Time) -> Vec<(IpAddr, IpAddr)> {
        let valid = self.better.iter().filter(|(_, better)| better.until > now);
        valid.map(|(destination, better)| (*destination, better.hop.address)).collect()
    }

    /// Whether a sender may be told once more.
    pub(crate) fn allows(&mut self, now: Time, to: IpAddr) -> bool {
        let counts = |told: &Told| now.since(told.last) <= SILENCE;
        if !has_room(&mut self.told, &to, REMEMBERED_MAX, counts) {
            return false;
        }
        let told = self.told.entry(to).or_default();
        if !rules::of(Family::of(to)).redirects_back_off {
            told.last = now;
            return told.bucket.take(now, STEADY);
        }
        if now.since(told.last) > SILENCE {
            told.count = 0;
        }
        if told.count >= TOLD_MAX {
            told.last = now;
            return false;
        }
        let pause = PAUSE * (1 << told.count);
        let may = told.count == 0 || now.since(told.last) > pause;
        if may {
            told.last = now;
            told.count += 1;
        }
        may
    }

    fn believe(&mut self, now: Time, destination: IpAddr, hop: Key) {
        let counts = |better: &Better| better.until > now;
        if has_room(&mut self.better, &destination, REMEMBERED_MAX, counts) {
            self.better.insert(destination, Better { hop, until: now + LIFE });
        }
    }

    fn hop(&self, now: Time, map: &Map, node: crate::NodeId, to: IpAddr) -> Option<Key> {
        let better = self.better.get(&to).filter(|better| better.until > now)?;
        let link = map.interface(node, better.hop.interface).link;
        (!map.is_down(link)).then_some(better.hop)
    }
}

impl Node {
    /// Where a datagram of this node's own goes, once better hops are taken into account.
    pub(crate) fn redirected(&self, turn: &Turn<'_>, to: IpAddr, next: Next) -> Next {
        match (next, self.redirects.hop(turn.now, turn.map, self.id, to)) {
            (Next::Out { to: Recipient::Node(_) | Recipient::Address(_), .. }, Some(hop)) => {
                Next::Out { interface: hop.interface, to: Recipient::Address(hop.address) }
            }
            _ => next,
        }
    }

    /// Forgets better hops that nobody has found.
    pub(crate) fn forget_gateway(&mut self, hop: Key) {
        self.redirects.better.retain(|_, better| better.hop != hop);
    }

    /// Tells a sender of a better first hop, if what came from it goes out by the same interface to
    /// one that it can reach itself.
    pub(crate) fn offer_better_hop(
        &mut self,
        turn: &mut Turn<'_>,
        about: Subject<'_>,
        interface: usize,
        to: Recipient,
    ) {
        let device = *turn.map.interface(self.id, interface);
        if about.came_by != Some(interface)
            || !self.plan.sends_redirects
            || self.plan.is_silent
            || !turn.map.is_ethernet(device.link)
        {
            return;
        }
        let Ok(datagram) = Datagram::parse(about.bytes) else { return };
        let (family, source) = (datagram.family(), datagram.source);
        let Some(hop) = turn.map.next_hop(device.link, to, datagram.destination) else { return };
        let is_near = turn.map.network(self.id, interface, family).contains(source);
        if !is_near || hop == source || packet::is_source_routed(datagram.options) {
            return;
        }
        if !self.may_complain(turn, &datagram, about.is_broadcast, Meaning::RedirectHost)
            || !self.redirects.allows(turn.now, source)
        {
            return;
        }
        let Some(numbers) = Meaning::RedirectHost.numbers(family) else { return };
        let mut bytes = about.bytes.to_vec();
        if rules::of(family).redirects_quote_decremented {
            packet::decrement_hop_limit(&mut bytes);
        }
        let about = Subject { bytes: &bytes, ..about };
        match hop {
            IpAddr::V4(gateway) => {
                self.complain_by(turn, about, numbers, gateway.to_bits());
            }
            IpAddr::V6(target) => {
                let mut body = target.octets().to_vec();
                if let IpAddr::V6(destination) = datagram.destination {
                    body.extend_from_slice(&destination.octets());
                }
                let target_link = self.neighbours.link_of(Key { interface, address: hop });
                if let Some(link) = target_link {
                    Discovery::TargetLink(&link).emit(&mut body).expect("eight bytes");
                }
                let rules = rules::of(family);
                let room = rules.quote_max_bytes() - body.len() - 8;
                let quoted = about.bytes.len().min(room) / 8 * 8;
                let quote = Discovery::Redirected(&about.bytes[..quoted]);
                quote.emit(&mut body).expect("fewer than 1,280 bytes");
                let (kind, code) = numbers;
                let meaning = Meaning::RedirectHost;
                let error = Error { meaning, kind, code, word: 0, body: &body };
                let own = address::on_link(device.address(family));
                let mut header = Header::new(own, source, rules.icmp);
                header.hop_limit = rules.discovery_hop_limit.unwrap_or(255);
                let mut message = Vec::new();
                Message::Error(error).emit(family, &mut message);
                icmp::fill_checksum(own, source, &mut message);
                let asker = Recipient::Address(source);
                self.send_by(turn, header, &message, (interface, asker));
            }
        }
    }

    /// Takes a redirect: believes it, if it comes from the router that is asked now, and names one
    /// that is as near.
    pub(crate) fn hear_redirect(
        &mut self,
        turn: &mut Turn<'_>,
        frame: &Frame,
        datagram: &Datagram<'_>,
        error: &Error<'_>,
    ) {
        let (Some(interface), Some(gateway)) = (frame.came_by, error.gateway()) else { return };
        let Some(destination) = error.redirected() else { return };
        let family = datagram.family();
        let needed = rules::of(family).discovery_hop_limit;
        if !self.plan.accepts_redirects
            || needed.is_some_and(|needed| needed != datagram.hop_limit)
            || Family::of(destination) != family
            || destination.is_multicast()
        {
            return;
        }
        // What this node never sent cannot have been redirected.
        let is_mine = |quoted: icmp::Quoted<'_>| {
            turn.map.holder(quoted.datagram.source) == Some(self.id)
                && quoted.datagram.destination == destination
        };
        if !error.parse_quoted().is_ok_and(is_mine) {
            return;
        }
        let asked = Key { interface, address: datagram.source };
        if self.first_hop(turn, destination) != Some(asked) {
            return;
        }
        let network = turn.map.network(self.id, interface, family);
        let is_near = address::may_be_gateway(gateway, destination, network);
        let device = *turn.map.interface(self.id, interface);
        let is_own = turn.map.holder_on(device.link, gateway) == Some(self.id);
        if !is_near || is_own || !address::is_one_host(gateway) {
            return;
        }
        let hop = Key { interface, address: gateway };
        self.redirects.believe(turn.now, destination, hop);
        if let Some(link) = target_link(error) {
            self.hear_of(turn, hop, link);
        }
    }

    /// The neighbour to which datagrams for a destination go now.
    fn first_hop(&self, turn: &Turn<'_>, destination: IpAddr) -> Option<Key> {
        let next = turn.map.route(self.id, destination);
        match self.redirected(turn, destination, next) {
            Next::Out { interface, to } => {
                let link = turn.map.interface(self.id, interface).link;
                let address = turn.map.next_hop(link, to, destination)?;
                Some(Key { interface, address })
            }
            _ => None,
        }
    }
}

/// The link-layer address of the better hop, if a redirect names it (RFC 4861 §4.5).
fn target_link(error: &Error<'_>) -> Option<[u8; 6]> {
    let options = error.gateway().filter(IpAddr::is_ipv6).and(error.body.get(32..))?;
    Options::new(options).map_while(Result::ok).find_map(|option| match option {
        Discovery::TargetLink(link) => link.try_into().ok(),
        _ => None,
    })
}
