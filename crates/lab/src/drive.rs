//! Running an engine at a node: the duties of a driver, in virtual time.

use crate::NodeId;
use crate::noise::Model;
use crate::rules;
use crate::world::{Event, Watch, World};
use probe::{
    Arrival, Carrier, Engine, Envelope, Observer, Output, Own, SendFault, SendFaultReason, Signal,
    Stamp, StampedBy, Time, Transmit,
};
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::icmp;
use wire::ip::options::{Ipv4Option, Options};
use wire::ip::{Datagram, Header};

/// After so many events the user is asked for signals, however little the engine hears of them.
const EVENTS_BETWEEN_SIGNALS: u32 = 4_096;

/// Where a run sends from, and how.
#[derive(Clone, Copy)]
struct Seat<'a> {
    at: NodeId,
    carrier: Carrier,
    envelope: &'a Envelope,
}

impl World {
    /// Runs an engine at a node to its end, in virtual time. An endless run is interrupted after
    /// the scenario's `duration` (10 s unless it says otherwise). `signals` is asked now and then
    /// whether the user has signalled.
    ///
    /// The engine hears what raw sockets would: every ICMP message to the node, and whatever
    /// `carrier` carries there.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        at: NodeId,
        carrier: Carrier,
        envelope: &Envelope,
        engine: &mut E,
        observer: &mut O,
        signals: &mut dyn FnMut() -> Option<Signal>,
    ) {
        let seat = Seat { at, carrier, envelope };
        self.watched = Some(Watch { node: at, carrier });
        self.inbox.clear();
        let mut interrupt_at =
            if engine.is_endless() { self.now + self.duration } else { Time::NEVER };
        let mut is_interrupted = false;
        let mut message = Vec::new();
        while let Some(until) = self.drain(seat, engine, observer, &mut message) {
            observer.idle(engine, self.now);
            // Nothing sleeps here that could be woken, so observers are asked each time.
            observer.woken(engine, self.now);
            if let Some(signal) = signals() {
                observer.signal(engine, self.now, signal);
                continue;
            }
            self.wait(until.min(interrupt_at), signals, |now, signal| {
                observer.signal(engine, now, signal);
            });
            let is_due = self.now >= interrupt_at;
            let is_over = until == Time::NEVER && self.next_event() == Time::NEVER;
            if self.inbox.is_empty() && (is_due || is_over) {
                if is_interrupted && is_over {
                    // The engine waits for what can never come.
                    break;
                }
                is_interrupted = true;
                interrupt_at = Time::NEVER;
                observer.signal(engine, self.now, Signal::Interrupt);
            }
            while let Some(bytes) = self.inbox.pop_front() {
                self.deliver(engine, &bytes);
                if self.drain(seat, engine, observer, &mut message).is_none() {
                    return self.watched = None;
                }
            }
        }
        self.watched = None;
    }

    /// Polls until the engine waits, and says until when; `None` once it is done.
    fn drain<E: Engine, O: Observer<E>>(
        &mut self,
        seat: Seat<'_>,
        engine: &mut E,
        observer: &mut O,
        message: &mut Vec<u8>,
    ) -> Option<Time> {
        loop {
            match engine.poll(self.now, message) {
                Output::Report(report) => observer.report(engine, report),
                Output::Send(transmit) => match self.send(seat, transmit, message) {
                    Ok(()) => {
                        let stamp = Stamp { at: self.now, by: StampedBy::Kernel };
                        engine.sent(transmit.ticket, stamp);
                    }
                    Err(fault) => engine.send_failed(self.now, transmit.ticket, fault),
                },
                Output::Wait { until, why } => {
                    assert!(until > self.now, "the engine waits for the past: {why}");
                    return Some(until);
                }
                Output::Done => return None,
            }
        }
    }

    /// Lets time pass until something arrives for the instrument, or until then.
    fn wait(
        &mut self,
        until: Time,
        signals: &mut dyn FnMut() -> Option<Signal>,
        mut signalled: impl FnMut(Time, Signal),
    ) {
        let mut events = 0;
        while self.inbox.is_empty() {
            let next = self.next_event();
            if next > until || next == Time::NEVER {
                if until != Time::NEVER {
                    self.now = self.now.max(until);
                }
                return;
            }
            self.step();
            events += 1;
            if events % EVENTS_BETWEEN_SIGNALS == 0
                && let Some(signal) = signals()
            {
                return signalled(self.now, signal);
            }
        }
    }

    /// Wraps an engine's message and sends it from a node.
    fn send(
        &mut self,
        seat: Seat<'_>,
        transmit: Transmit,
        message: &mut [u8],
    ) -> Result<(), SendFault> {
        let Seat { at, carrier, envelope } = seat;
        let (to, family, own) = (transmit.to, Family::of(transmit.to), transmit.header);
        let chosen = own.source.or(envelope.source).filter(|source| Family::of(*source) == family);
        let (first_stop, options) = origin_options(&envelope.options, to);
        let source = chosen.or_else(|| self.map.source_towards(at, first_stop));
        let no_route = SendFault { reason: SendFaultReason::NoRoute, os_error: 0 };
        let source = source.ok_or(no_route)?;
        if carrier == Carrier::Icmp && rules::of(family).icmp_sums_addresses {
            sum_if_unsummed(source, to, message);
        }
        let mut header = Header::new(source, first_stop, carrier.protocol(family));
        // Multicast stays on the link unless told otherwise (RFC 1112 §6.1, RFC 3493 §5.2).
        let usual = if to.is_multicast() { 1 } else { self.nodes[at.0 as usize].plan.hop_limit };
        header.hop_limit = own.hop_limit.or(envelope.hop_limit).unwrap_or(usual);
        header.traffic_class = envelope.traffic_class;
        header.flow_label = own.flow_label.or(envelope.flow_label).unwrap_or(0);
        header.identification = own.identification.unwrap_or(0);
        header.options = options;
        self.turn(at, |node, turn| node.originate(turn, header, message, envelope.fragmentation))?;
        let is_named = carrier != Carrier::Icmp || own != Own::default();
        let model = Model { source, destination: to, carrier, is_named, message };
        for (when, bytes) in self.noise.provoke(self.now, &self.map, model) {
            self.schedule(when, Event::Noise(bytes));
        }
        Ok(())
    }

    /// Hands a datagram to the engine, as a raw socket would have it.
    fn deliver<E: Engine>(&mut self, engine: &mut E, bytes: &[u8]) {
        debug_assert!(wire::ip::verify_header(bytes), "nodes keep no damaged header");
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let arrival = Arrival {
            received: Stamp { at: self.now, by: StampedBy::Kernel },
            source: datagram.source,
            destination: Some(datagram.destination),
            hop_limit: Some(datagram.hop_limit),
            traffic_class: Some(datagram.traffic_class),
            options: datagram.options,
            protocol: datagram.protocol,
            payload: datagram.payload,
        };
        engine.receive(self.now, &arrival);
    }
}

/// Fills in the checksum of an ICMP message whose sender left it to the kernel: it is 0, and not
/// because that is the sum.
fn sum_if_unsummed(source: IpAddr, to: IpAddr, message: &mut [u8]) {
    if message.get(2..4) == Some(&[0, 0]) && !icmp::verify(source, to, message) {
        icmp::fill_checksum(source, to, message);
    }
}

/// The options as they leave, and where the datagram goes first. A source route is given as the
/// stops alone: as the sockets do it, the first becomes the header's destination, the others move
/// up, and the destination proper takes the last slot. Nothing of it applies to IPv6.
fn origin_options(given: &[u8], to: IpAddr) -> (IpAddr, Vec<u8>) {
    let IpAddr::V4(to) = to else { return (to, Vec::new()) };
    let mut options = given.to_vec();
    let mut first_stop = to;
    let mut reader = Options::new(given);
    while let Some(Ok(option)) = reader.next() {
        let end = reader.offset();
        if let Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route) = option
            && let Some(stop) = route.addresses().next()
            && route.slots.len().is_multiple_of(4)
        {
            first_stop = stop;
            let stops = &mut options[end - route.slots.len()..end];
            stops.rotate_left(4);
            let last = stops.len() - 4;
            stops[last..].copy_from_slice(&Ipv4Addr::octets(&to));
        }
    }
    (first_stop.into(), options)
}
