//! A node: takes what arrives, and sends what it has to say. Forwarding is in `router`, what a node
//! keeps for itself in `host`, errors in `complaint`. Knows no clock and no wire: a [`Turn`] brings
//! the time, and takes what is to be done.

use crate::NodeId;
use crate::address::{is_for_all, is_for_routers, is_of_link};
use crate::agent::Advert;
use crate::assembly::{Assembly, Unfinished};
use crate::balance::{Balancer, Flow};
use crate::complaint::Subject;
use crate::ethernet::{self, FrameHeader};
use crate::extension;
use crate::limit::Limiter;
use crate::map::{Interface, Map, Next, Recipient};
use crate::nat::{Gate, Road};
use crate::neighbour::{Key, Neighbours, Timer};
use crate::packet;
use crate::path_mtu::PathMtus;
use crate::random::Random;
use crate::redirect::Redirects;
use crate::rules;
use crate::scenario::{NodePlan, Reject, Role};
use crate::segments::Packet;
use crate::service::midnight_ms;
use crate::socket::Process;
use crate::tftp;
use probe::{Carrier, Fragmentation, SendFault, SendFaultReason, Time};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;
use wire::icmp::Meaning;
use wire::ip::options::{self, Ipv4Option, Options};
use wire::ip::{Datagram, Header};

/// How long a neighbour is asked for before its packets are given up (Linux: three requests, a
/// second apart).
const UNRESOLVED: Duration = Duration::from_secs(3);

/// How long a packet to the node itself takes.
const LOOP: Duration = Duration::from_micros(10);

/// A node and what it remembers.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) plan: NodePlan,
    pub(crate) limiter: Limiter,
    pub(crate) balancer: Balancer,
    pub(crate) assembly: Assembly,
    /// What paths are known to carry.
    pub(crate) path_mtus: PathMtus,
    /// Processes that send.
    pub(crate) processes: Vec<Process>,
    /// The identification of the next datagram.
    identification: u32,
    /// Echo requests answered so far.
    pub(crate) answers: u64,
    /// Who is who on its links, where that has to be found out.
    pub(crate) neighbours: Neighbours,
    /// Better hops that it was told of, and whom it told of some.
    pub(crate) redirects: Redirects,
    /// Where connections are tracked and addresses translated.
    pub(crate) gate: Option<Box<Gate>>,
    pub(crate) tftp: Option<tftp::Server>,
    /// Errors malformed so far.
    pub(crate) mangled: usize,
    /// Where new identifications of what it passes on come from.
    pub(crate) random: Random,
    /// Whether somebody outside is in its place: what reaches it is handed out.
    pub(crate) is_attached: bool,
}

/// A node's turn: the moment, the map, and what the node wants done.
pub(crate) struct Turn<'a> {
    pub(crate) now: Time,
    pub(crate) map: &'a Map,
    /// What an instrument hears besides ICMP, if one runs at this node.
    pub(crate) watched: Option<Carrier>,
    /// The only interface that it hears, if it is bound to one.
    pub(crate) bound: Option<usize>,
    pub(crate) actions: &'a mut Vec<Action>,
}

impl Turn<'_> {
    /// Whether an instrument runs here that hears what came in that way.
    pub(crate) fn is_heard(&self, frame: &Frame) -> bool {
        let is_elsewhere = self.bound.zip(frame.came_by).is_some_and(|(only, by)| only != by);
        self.watched.is_some() && !is_elsewhere
    }
}

/// What a node wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send a packet out of an interface.
    Send { interface: usize, to: Recipient, bytes: Vec<u8> },
    /// Likewise one that is not as on a wire yet.
    SendLarge { interface: usize, to: Recipient, packet: Box<Packet> },
    /// Likewise an ARP packet.
    SendArp { interface: usize, to: Recipient, bytes: Vec<u8> },
    /// Come back to this after a while.
    Later { after: Duration, what: Later },
    /// Show a datagram to the instrument.
    Show(Vec<u8>),
    /// Hand a packet to whoever is in the node's place.
    HandOut(Packet),
}

/// What a node comes back to.
#[derive(Debug)]
pub(crate) enum Later {
    /// A packet to the node itself has arrived.
    Looped(Vec<u8>),
    /// An answer that was held back goes out.
    Answer(Box<Header>, Vec<u8>),
    /// No neighbour has taken the packet.
    Unresolved(Vec<u8>),
    /// A process sends, by its index.
    Speak(usize),
    /// A neighbour has not answered, or is to be asked again.
    Neighbour(Timer),
    /// Fragments are given up.
    Abandon(Unfinished),
    /// An advertisement is due.
    Advertise(Advert),
    /// Likewise of what is to be passed on.
    AbandonPassing(Unfinished),
    /// SYNs that nobody met are refused.
    Release,
    /// The transfer of that port is due.
    Tftp(u16),
}

/// A packet as it comes in.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
    /// Whether the link brought it to all its ends (a link-layer broadcast).
    pub(crate) is_broadcast: bool,
    /// The Ethernet header in front of it, on links that have such.
    pub(crate) ethernet: Option<FrameHeader>,
    /// The interface that it came in by; `None` from the node itself.
    pub(crate) came_by: Option<usize>,
    /// Where it is known how it belongs to a connection.
    pub(crate) road: Option<Box<Road>>,
}

impl Frame {
    /// A packet that a node has sent to itself.
    pub(crate) fn looped(bytes: Vec<u8>) -> Frame {
        Frame { bytes, is_broadcast: false, ethernet: None, came_by: None, road: None }
    }

    /// The packet as an error's subject.
    pub(crate) fn subject(&self) -> Subject<'_> {
        Subject { bytes: &self.bytes, is_broadcast: self.is_broadcast, came_by: self.came_by }
    }
}

impl Node {
    pub(crate) fn new(id: NodeId, plan: NodePlan, seed: u64, map: &Map) -> Node {
        let random = Random::named(seed, &format!("identifications of {}", plan.name));
        let patience = Random::named(seed, &format!("neighbours of {}", plan.name));
        Node {
            id,
            limiter: Limiter::new(plan.limit),
            balancer: Balancer::new(plan.balance, seed, &plan.name),
            assembly: Assembly::default(),
            path_mtus: PathMtus::default(),
            processes: Vec::new(),
            identification: 0,
            answers: 0,
            neighbours: Neighbours::new(patience),
            redirects: Redirects::default(),
            gate: Gate::of(id, &plan, seed, map).map(Box::new),
            tftp: plan.tftp.clone().map(tftp::Server::new),
            mangled: 0,
            random,
            is_attached: false,
            plan,
        }
    }

    /// Takes a packet from a link.
    pub(crate) fn receive(&mut self, turn: &mut Turn<'_>, mut frame: Frame) {
        if frame.ethernet.as_ref().is_some_and(ethernet::is_arp) {
            return self.hear_arp(turn, &frame);
        }
        if self.hear_discovery(turn, &frame) {
            return;
        }
        if self.is_attached {
            return turn.actions.push(Action::HandOut(frame.bytes.into()));
        }
        if !wire::ip::verify_header(&frame.bytes) {
            return;
        }
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        // Link padding is no part of it.
        frame.bytes.truncate(datagram.total_bytes);
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        let is_mine = turn.map.is_for(self.id, datagram.destination);
        let has_options = !datagram.options.is_empty();
        if frame.came_by.is_some() && self.is_martian(turn.map, &datagram) {
            return;
        }
        let concerns_us = is_mine || self.plan.role == Role::Router;
        if let Some(word) = crate::options::fault(datagram.options).filter(|_| concerns_us) {
            return self.complain(turn, frame.subject(), Meaning::HeaderField, word);
        }
        if self.gate.is_some() && frame.came_by.is_some() && frame.road.is_none() {
            return self.receive_tracked(turn, frame);
        }
        if !datagram.extensions.is_empty()
            && let Some(problem) = extension::examine(&datagram, is_mine)
        {
            if let extension::Problem::Said { meaning, pointer } = problem {
                self.complain(turn, frame.subject(), meaning, pointer);
            }
            return;
        }
        match (is_mine, self.plan.role) {
            (true, _) if has_options => self.receive_options(turn, frame),
            (true, _) => self.keep(turn, frame),
            (false, Role::Router) => self.forward(turn, frame),
            (false, Role::Host) => {}
        }
    }

    /// Whether a datagram from a link claims what cannot be: that it goes to a loopback address or,
    /// in IPv4, to none, or that it comes from the node itself (RFC 1812 §5.3.7). What comes from a
    /// loopback address is heard, though not answered: that such errors exist is to be seen.
    fn is_martian(&self, map: &Map, datagram: &Datagram<'_>) -> bool {
        let (from, to) = (datagram.source, datagram.destination);
        let is_forged = map.holder(from) == Some(self.id) || to.is_unspecified();
        to.is_loopback() || rules::of(datagram.family()).has_broadcast && is_forged
    }

    /// A datagram with options that is addressed to this node, at the end of its way or at a stop
    /// of a source route.
    fn receive_options(&mut self, turn: &mut Turn<'_>, mut frame: Frame) {
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        let (source, destination) = (datagram.source, datagram.destination);
        let ahead = next_stop(datagram.options);
        if let Some((next, true)) = ahead
            && !turn.map.is_neighbour(self.id, next)
        {
            let meaning = Meaning::SourceRouteFailed;
            return self.complain(turn, frame.subject(), meaning, 0);
        }
        let own = match ahead.and_then(|(next, _)| turn.map.source_towards(self.id, next)) {
            Some(own) => own,
            None if turn.map.is_for_many(self.id, destination) => {
                turn.map.source_towards(self.id, source).unwrap_or(destination)
            }
            None => destination,
        };
        let IpAddr::V4(own) = own else { return };
        let original = frame.bytes.clone();
        let turned = options::turn(packet::options_mut(&mut frame.bytes), own);
        if let Ok(Some(next)) = turned {
            frame.bytes[16..20].copy_from_slice(&next.octets());
            packet::refresh_checksum(&mut frame.bytes);
            if turn.map.route(self.id, next.into()) == Next::NoRoute {
                let about = Subject { bytes: &original, ..frame.subject() };
                return self.complain(turn, about, Meaning::SourceRouteFailed, 0);
            }
            return self.forward_as(turn, frame, original);
        }
        match self.stamp_options(turn, packet::options_mut(&mut frame.bytes), own) {
            Ok(()) => {
                packet::refresh_checksum(&mut frame.bytes);
                self.keep(turn, frame);
            }
            Err(word) => {
                let about = Subject { bytes: &original, ..frame.subject() };
                self.complain(turn, about, Meaning::HeaderField, word);
            }
        }
    }

    /// Does to IPv4 options what every node on the way does; the error as [`packet::stamp_options`]
    /// has it.
    pub(crate) fn stamp_options(
        &self,
        turn: &Turn<'_>,
        bytes: &mut [u8],
        own: Ipv4Addr,
    ) -> Result<(), u32> {
        let is_own = |address: Ipv4Addr| turn.map.holder(address.into()) == Some(self.id);
        let now_ms = || midnight_ms(self.clock_ns(turn.map.epoch_ns, turn.now));
        packet::stamp_options(bytes, own, is_own, now_ms)
    }

    /// What the next datagram is known by.
    pub(crate) fn next_identification(&mut self) -> u32 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
    }

    /// By which interface a datagram leaves whose destination is on every link, or may be: that of
    /// its source.
    fn leave_by(&self, map: &Map, header: &Header, next: Next) -> Next {
        let to = header.destination;
        if is_of_link(to)
            && to != header.source
            && let Some(interface) = map.interface_on_link(self.id, header.source)
        {
            return map.route_by_link(self.id, interface, to);
        }
        let chosen = (is_for_all(to) || is_for_routers(to))
            .then(|| map.interface_with(self.id, header.source))
            .flatten();
        match (next, chosen) {
            (Next::Out { to, .. }, Some(interface)) => Next::Out { interface, to },
            _ => next,
        }
    }

    /// Sends a datagram of this node's own. An identification of 0 is replaced by the node's next.
    pub(crate) fn originate(
        &mut self,
        turn: &mut Turn<'_>,
        mut header: Header,
        message: &[u8],
        fragmentation: Fragmentation,
    ) -> Result<(), SendFault> {
        let next = self.next_identification();
        let identification = match header.identification {
            0 => next,
            chosen => u32::from(chosen),
        };
        header.identification = identification as u16;
        let flow = Flow::of_message(&header, message);
        let next = self.balancer.next(turn.map, self.id, flow);
        let next = self.leave_by(turn.map, &header, next);
        let next = self.redirected(turn, header.destination, next);
        if let IpAddr::V4(own) = header.source {
            let before = header.options.clone();
            if self.stamp_options(turn, &mut header.options, own).is_err() {
                return Err(fault(SendFaultReason::Other));
            }
            crate::options::keep_overflow(&before, &mut header.options);
        }
        let (interface, to) = match next {
            Next::Local => {
                let mut bytes = emit(&header, message)?;
                if let Some((interface, to)) =
                    self.turn_own_error(turn, &header, message, &mut bytes)
                {
                    self.put(turn, interface, to, bytes);
                    return Ok(());
                }
                let what = Later::Looped(bytes);
                turn.actions.push(Action::Later { after: LOOP, what });
                return Ok(());
            }
            Next::Out { interface, to } => (interface, to),
            Next::Reject(Reject::Prohibited) => return Err(fault(SendFaultReason::Prohibited)),
            Next::Reject(_) | Next::NoRoute => return Err(fault(SendFaultReason::NoRoute)),
        };
        let own = self.track_own(turn, &mut header, message, interface)?;
        let message = own.as_deref().unwrap_or(message);
        let device = turn.map.interface(self.id, interface);
        let fit = self.fit(turn.now, header.destination, device, fragmentation);
        let total = header.bytes() + message.len();
        header.dont_fragment = fit.dont_fragment && total <= fit.limit_bytes as usize;
        if total <= fit.limit_bytes as usize {
            let bytes = emit(&header, message)?;
            if to == Recipient::Everyone && self.plan.mask.is_some() {
                // An agent hears its own broadcasts, as hosts do.
                let what = Later::Looped(bytes.clone());
                turn.actions.push(Action::Later { after: LOOP, what });
            }
            self.put(turn, interface, to, bytes);
            return Ok(());
        }
        let too_big = fault(SendFaultReason::TooBig { mtu_bytes: Some(fit.limit_bytes) });
        if !fit.may_split {
            return Err(too_big);
        }
        emit(&header, message)?;
        let pieces = packet::split(&header, message, identification, fit.limit_bytes);
        if pieces.is_empty() {
            return Err(too_big);
        }
        for bytes in pieces {
            self.put(turn, interface, to, bytes);
        }
        Ok(())
    }

    /// Hands a packet to a link, once it is known who takes it there.
    pub(crate) fn put(
        &mut self,
        turn: &mut Turn<'_>,
        interface: usize,
        to: Recipient,
        bytes: Vec<u8>,
    ) {
        let link = turn.map.interface(self.id, interface).link;
        if turn.map.is_ethernet(link)
            && let Ok(datagram) = Datagram::parse(&bytes)
            && let Some(address) = turn.map.next_hop(link, to, datagram.destination)
        {
            return self.put_by(turn, Key { interface, address }, bytes);
        }
        turn.actions.push(match to {
            // Without address resolution the map knows everybody.
            Recipient::Address(_) => {
                Action::Later { after: UNRESOLVED, what: Later::Unresolved(bytes) }
            }
            _ => Action::Send { interface, to, bytes },
        });
    }

    /// Comes back to what was left for later.
    pub(crate) fn resume(&mut self, turn: &mut Turn<'_>, what: Later) {
        match what {
            Later::Looped(bytes) => {
                self.receive(turn, Frame::looped(bytes));
            }
            Later::Speak(index) => self.speak(turn, index),
            Later::Neighbour(timer) => self.look_after(turn, timer),
            Later::Answer(header, message) => self.answer(turn, *header, &message),
            Later::Advertise(advert) => self.advertise(turn, advert),
            Later::Tftp(port) => self.wake_tftp(turn, port),
            Later::Unresolved(bytes) => {
                self.stop_unresolved(turn, &bytes);
            }
            Later::AbandonPassing(unfinished) => self.abandon_passing(unfinished),
            Later::Release => self.release(turn),
            Later::Abandon(unfinished) => {
                if let Some(first) = self.assembly.abandon(unfinished) {
                    let about = Subject::of(&first);
                    self.complain(turn, about, Meaning::ReassemblyTimeExceeded, 0);
                }
            }
        }
    }

    fn fit(&self, now: Time, to: IpAddr, device: &Interface, how: Fragmentation) -> Fit {
        let family = Family::of(to);
        let device_bytes = device.mtu_bytes(family);
        let known = self.path_mtus.of(now, to);
        let path_bytes = known.map_or(device_bytes, |known| device_bytes.min(known.bytes));
        let is_locked = known.is_some_and(|known| known.is_locked);
        let (limit_bytes, dont_fragment, may_split) = match how {
            Fragmentation::System | Fragmentation::Want => (path_bytes, !is_locked, true),
            Fragmentation::Allowed => (path_bytes, false, true),
            Fragmentation::Forbidden => (path_bytes, true, false),
            Fragmentation::Probe => (device_bytes, true, false),
        };
        Fit { limit_bytes, dont_fragment, may_split }
    }
}

/// What size a datagram may have, and what may be done if it has not.
struct Fit {
    limit_bytes: u32,
    dont_fragment: bool,
    may_split: bool,
}

/// The address at which a source route goes on, and whether it must be a neighbour's; `None`
/// without a source route, or at its end.
fn next_stop(bytes: &[u8]) -> Option<(IpAddr, bool)> {
    let route = |option| match option {
        Ipv4Option::LooseSourceRoute(route) => Some((route, false)),
        Ipv4Option::StrictSourceRoute(route) => Some((route, true)),
        _ => None,
    };
    let (route, is_strict) = Options::new(bytes).map_while(Result::ok).find_map(route)?;
    Some((route.ahead().next()?.into(), is_strict))
}

fn emit(header: &Header, message: &[u8]) -> Result<Vec<u8>, SendFault> {
    let mut bytes = Vec::with_capacity(header.bytes() + message.len());
    let emitted = header.emit(message, &mut bytes);
    emitted.map(|()| bytes).map_err(|malformed| match malformed {
        wire::Malformed::TotalLength(_) => fault(SendFaultReason::TooBig { mtu_bytes: None }),
        _ => fault(SendFaultReason::Other),
    })
}

fn fault(reason: SendFaultReason) -> SendFault {
    SendFault { reason, os_error: 0 }
}
