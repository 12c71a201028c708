//! How nodes ask for neighbours and answer: ARP (RFC 826) and neighbour discovery (RFC 4861 §7).

use super::{Asks, Key, Outcome, Says, Timer};
use crate::address;
use crate::ethernet::{self, LinkAddress};
use crate::map::Recipient;
use crate::node::{Action, Frame, Later, Node, Turn};
use crate::rules;
use crate::scenario::Role;
use crate::segments::Packet;
use std::net::{IpAddr, Ipv6Addr};
use wire::arp;
use wire::icmp::neighbour::{Advertisement, Discovery, Options, Solicitation};
use wire::icmp::{self, Message};
use wire::ip::{Datagram, Header, protocol};

/// The types of neighbour solicitations and advertisements (RFC 4861 §4.3, §4.4).
const DISCOVERY: std::ops::RangeInclusive<u8> = 135..=136;

impl Node {
    /// Sends a packet to the neighbour that has an address, once it is known where that is.
    pub(crate) fn put_by(&mut self, turn: &mut Turn<'_>, key: Key, packet: Vec<u8>) {
        let outcome = self.neighbours.send(turn.now, key, packet);
        self.act_on(turn, key, outcome);
    }

    /// Likewise one that stands for many: to a neighbour that is known it goes as it is. What waits
    /// is counted one by one, and so is what comes back.
    pub(crate) fn put_large_by(&mut self, turn: &mut Turn<'_>, key: Key, packet: Packet) {
        if self.neighbours.link_of(key).is_none() {
            return packet.each(|bytes| self.put_by(turn, key, bytes));
        }
        let shape = packet.shape();
        let mut outcome = self.neighbours.send(turn.now, key, packet.bytes);
        let to = self.station(turn, key.interface, outcome.link);
        for bytes in std::mem::take(&mut outcome.packets) {
            let packet = Box::new(Packet::from_parts(bytes, shape));
            turn.actions.push(Action::SendLarge { interface: key.interface, to, packet });
        }
        self.act_on(turn, key, outcome);
    }

    /// Comes back to a neighbour.
    pub(crate) fn look_after(&mut self, turn: &mut Turn<'_>, timer: Timer) {
        let outcome = self.neighbours.fired(timer);
        self.act_on(turn, timer.key, outcome);
    }

    /// Takes the news of a neighbour's link-layer address that a redirect brought (RFC 4861 §8.3).
    pub(crate) fn hear_of(&mut self, turn: &mut Turn<'_>, key: Key, link: LinkAddress) {
        self.learn(turn, key, link, Says::InPassing);
    }

    fn learn(&mut self, turn: &mut Turn<'_>, key: Key, link: LinkAddress, says: Says) {
        let outcome = self.neighbours.hears(turn.now, key, link, says);
        self.act_on(turn, key, outcome);
    }

    fn act_on(&mut self, turn: &mut Turn<'_>, key: Key, outcome: Outcome) {
        let interface = key.interface;
        let to = self.station(turn, interface, outcome.link);
        for bytes in outcome.packets {
            turn.actions.push(Action::Send { interface, to, bytes });
        }
        if let Some(after) = outcome.timer
            && let Some(timer) = self.neighbours.arm(key)
        {
            turn.actions.push(Action::Later { after, what: Later::Neighbour(timer) });
        }
        if let Some(asks) = outcome.asks {
            self.ask(turn, key, asks);
        }
        if outcome.is_lost {
            self.forget_gateway(key);
        }
        for bytes in outcome.unreachable {
            self.stop_unresolved(turn, &bytes);
        }
    }

    /// Who takes frames to a link-layer address.
    fn station(&self, turn: &Turn<'_>, interface: usize, link: LinkAddress) -> Recipient {
        let device = turn.map.interface(self.id, interface);
        match turn.map.station(device.link, link) {
            Some(node) => Recipient::Node(node),
            None => Recipient::Stranger(link),
        }
    }

    /// Asks for a neighbour's link-layer address: all who may have it, or the neighbour itself.
    fn ask(&mut self, turn: &mut Turn<'_>, key: Key, asks: Asks) {
        let Key { interface, address } = key;
        let device = *turn.map.interface(self.id, interface);
        let own_link = device.link_address();
        // In the name of the one that has something to send, if that is this node.
        let sender = self.neighbours.waiting(key).and_then(|bytes| Datagram::parse(bytes).ok());
        let sender = sender.map(|datagram| datagram.source);
        let own = device.address(wire::Family::of(address));
        let own = if sender == Some(own) { own } else { address::on_link(own) };
        let to = match asks {
            Asks::Everybody => Recipient::Asked(address),
            Asks::Itself(link) => self.station(turn, interface, link),
        };
        match (address, own) {
            (IpAddr::V4(target), IpAddr::V4(sender)) => {
                let target_link = match asks {
                    Asks::Everybody => [0; 6],
                    Asks::Itself(link) => link,
                };
                let operation = arp::REQUEST;
                let sender_link = own_link;
                let packet = arp::Packet { operation, sender_link, sender, target_link, target };
                send_arp(turn, interface, to, &packet);
            }
            (IpAddr::V6(target), IpAddr::V6(source)) => {
                let destination = match asks {
                    Asks::Everybody => ethernet::solicited_node(target),
                    Asks::Itself(_) => target,
                };
                let mut options = Vec::new();
                let option = Discovery::SourceLink(&own_link);
                option.emit(&mut options).expect("eight bytes");
                let question = Solicitation { target, options: &options };
                let message = Message::NeighbourSolicitation(question);
                let bytes = self.discovery(source.into(), destination.into(), &message);
                turn.actions.push(Action::Send { interface, to, bytes });
            }
            _ => {}
        }
    }

    /// A message of neighbour discovery as a datagram.
    fn discovery(&mut self, from: IpAddr, to: IpAddr, message: &Message<'_>) -> Vec<u8> {
        let family = wire::Family::of(from);
        let mut header = Header::new(from, to, rules::of(family).icmp);
        header.hop_limit = rules::of(family).discovery_hop_limit.unwrap_or(255);
        let mut payload = Vec::new();
        message.emit(family, &mut payload);
        icmp::fill_checksum(header.source, header.destination, &mut payload);
        let mut bytes = Vec::with_capacity(header.bytes() + payload.len());
        header.emit(&payload, &mut bytes).expect("a short message fits");
        bytes
    }

    /// Takes an ARP packet: learns of who asks and who answers, and answers (RFC 826).
    pub(crate) fn hear_arp(&mut self, turn: &mut Turn<'_>, frame: &Frame) {
        let Some(interface) = frame.came_by else { return };
        let Ok(packet) = arp::Packet::parse(&frame.bytes) else { return };
        let (target, sender) = (IpAddr::from(packet.target), IpAddr::from(packet.sender));
        let key = Key { interface, address: sender };
        let is_mine = turn.map.holder(target) == Some(self.id);
        // RFC 5227 §2.1.1: a probe for a free address comes from 0.0.0.0.
        let is_somebody = address::is_one_host(sender) && turn.map.holder(sender) != Some(self.id);
        let is_station = packet.sender_link[0] & 1 == 0;
        if !is_mine || !is_station {
            return;
        }
        match packet.operation {
            arp::REQUEST => {
                if is_somebody {
                    self.learn(turn, key, packet.sender_link, Says::InPassing);
                }
                let own_link = turn.map.interface(self.id, interface).link_address();
                let answer = arp::Packet {
                    operation: arp::REPLY,
                    sender_link: own_link,
                    sender: packet.target,
                    target_link: packet.sender_link,
                    target: packet.sender,
                };
                let to = self.station(turn, interface, packet.sender_link);
                send_arp(turn, interface, to, &answer);
            }
            arp::REPLY if is_somebody => {
                let says = Says::Answer { is_solicited: !frame.is_broadcast, overrides: true };
                self.learn(turn, key, packet.sender_link, says);
            }
            _ => {}
        }
    }

    /// Takes a message of neighbour discovery; `false` if it is none.
    pub(crate) fn hear_discovery(&mut self, turn: &mut Turn<'_>, frame: &Frame) -> bool {
        let is_discovery = frame.bytes.first().is_some_and(|first| first >> 4 == 6)
            && frame.bytes.get(6) == Some(&protocol::ICMPV6)
            && frame.bytes.get(40).is_some_and(|kind| DISCOVERY.contains(kind));
        let Some(interface) = frame.came_by.filter(|_| is_discovery && frame.ethernet.is_some())
        else {
            return false;
        };
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return true };
        let (IpAddr::V6(source), family) = (datagram.source, datagram.family()) else {
            return true;
        };
        // RFC 4861 §7.1: what a router passed on is none.
        if datagram.hop_limit != 255
            || !icmp::verify(datagram.source, datagram.destination, datagram.payload)
        {
            return true;
        }
        if turn.is_heard(frame) {
            turn.actions.push(Action::Show(frame.bytes.clone()));
        }
        match Message::parse(family, datagram.payload) {
            Ok(Message::NeighbourSolicitation(question)) => {
                self.answer_discovery(turn, interface, &datagram, question, source);
            }
            Ok(Message::NeighbourAdvertisement(answer)) => {
                let (Some([_, target_link]), false) =
                    (links(answer.options), answer.target.is_multicast())
                else {
                    return true;
                };
                let is_to_many = datagram.destination.is_multicast();
                if is_to_many && answer.solicited {
                    return true;
                }
                let key = Key { interface, address: answer.target.into() };
                let known = self.neighbours.link_of(key);
                let says =
                    Says::Answer { is_solicited: answer.solicited, overrides: answer.overrides };
                if let Some(link) = target_link.or(known) {
                    self.learn(turn, key, link, says);
                }
            }
            _ => {}
        }
        true
    }

    /// Answers the question for a neighbour, if it is this node (RFC 4861 §7.2.3, §7.2.4).
    fn answer_discovery(
        &mut self,
        turn: &mut Turn<'_>,
        interface: usize,
        datagram: &Datagram<'_>,
        question: Solicitation<'_>,
        source: Ipv6Addr,
    ) {
        let device = *turn.map.interface(self.id, interface);
        let target = IpAddr::from(question.target);
        let holder = turn.map.holder_on(device.link, target);
        let Some([source_link, _]) = links(question.options) else { return };
        let is_anonymous = source.is_unspecified();
        // RFC 4861 §7.1.1.
        let group = IpAddr::from(ethernet::solicited_node(question.target));
        let is_odd = is_anonymous && (source_link.is_some() || datagram.destination != group);
        if holder != Some(self.id) || is_odd || source.is_multicast() {
            return;
        }
        let key = Key { interface, address: source.into() };
        if let Some(link) = source_link.filter(|_| !is_anonymous) {
            self.learn(turn, key, link, Says::InPassing);
        }
        let mut options = Vec::new();
        let own_link = device.link_address();
        Discovery::TargetLink(&own_link).emit(&mut options).expect("eight bytes");
        let answer = Message::NeighbourAdvertisement(Advertisement {
            is_router: self.plan.role == Role::Router,
            solicited: !is_anonymous,
            overrides: true,
            target: question.target,
            options: &options,
        });
        let family = wire::Family::of(target);
        let to = if is_anonymous { address::EVERYBODY.of(family) } else { source.into() };
        let bytes = self.discovery(target, to, &answer);
        match is_anonymous {
            true => {
                turn.actions.push(Action::Send { interface, to: Recipient::Everyone, bytes });
            }
            false => self.put_by(turn, key, bytes),
        }
    }
}

fn send_arp(turn: &mut Turn<'_>, interface: usize, to: Recipient, packet: &arp::Packet) {
    let mut bytes = Vec::with_capacity(28);
    packet.emit(&mut bytes);
    turn.actions.push(Action::SendArp { interface, to, bytes });
}

/// The link-layer addresses that options name: the source's and the target's. `None` if one of the
/// options is malformed, which makes the whole message so (RFC 4861 §7.1).
fn links(options: &[u8]) -> Option<[Option<LinkAddress>; 2]> {
    let mut found = [None; 2];
    for option in Options::new(options) {
        match option.ok()? {
            Discovery::SourceLink(link) => found[0] = LinkAddress::try_from(link).ok(),
            Discovery::TargetLink(link) => found[1] = LinkAddress::try_from(link).ok(),
            _ => {}
        }
    }
    Some(found)
}
