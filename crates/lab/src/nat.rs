//! Where a router meets its tracker: packets that come in, go through, leave or are its own pass
//! the hooks; fragments are put together before, and cut again behind.

use crate::assembly::{Assembly, Cut, Progress, Unfinished};
use crate::balance::Flow;
use crate::complaint::Subject;
use crate::conntrack::{HELD, Passage, Plan, Realm, Relation, Tracker, Verdict};
use crate::map::{Map, Next, Recipient};
use crate::node::{Action, Frame, Later, Node, Turn};
use crate::random::fnv1a;
use crate::rules;
use crate::scenario::{NodePlan, Role};
use crate::{NodeId, scenario::nat};
use probe::{SendFault, SendFaultReason};
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Datagram, Header, protocol};
use wire::offload::Sums;

/// A router's tracker, and what it needs of the router.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) tracker: Tracker,
    /// The interface that leads outside.
    out: Option<usize>,
    /// Fragments of what comes in.
    passing: Assembly,
}

/// How a packet belongs to a connection, and how it was cut.
#[derive(Debug)]
pub(crate) struct Road {
    passage: Passage,
    pub(crate) cut: Option<Cut>,
}

impl Gate {
    /// The tracker that a node's plan asks for, if it asks for any.
    pub(crate) fn of(id: NodeId, node: &NodePlan, seed: u64, map: &Map) -> Option<Gate> {
        if node.nat.is_none() && node.dnat.is_none() {
            return None;
        }
        let plan: Plan = nat::tracker_plan(id, node, map);
        let tracker = Tracker::new(plan, seed ^ fnv1a(node.name.as_bytes()));
        let out = node.nat.as_ref().map(|nat| nat.out);
        Some(Gate { tracker, out, passing: Assembly::default() })
    }

    fn realm(&self, interface: Option<usize>) -> Realm {
        match interface {
            None => Realm::Gateway,
            interface if interface == self.out => Realm::Outside,
            _ => Realm::Inside,
        }
    }
}

impl Node {
    /// Takes a packet from a link to the first hook, and on by what became of it there.
    pub(crate) fn receive_tracked(&mut self, turn: &mut Turn<'_>, mut frame: Frame) {
        let Some(gate) = &mut self.gate else { return };
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        let mut cut = None;
        if datagram.fragment.is_some() {
            match gate.passing.add(&datagram, &frame.bytes) {
                Progress::Begun(unfinished) => {
                    let after = rules::of(datagram.family()).reassembly;
                    let what = Later::AbandonPassing(unfinished);
                    turn.actions.push(Action::Later { after, what });
                    return;
                }
                Progress::Nothing | Progress::Ragged | Progress::TooLong => return,
                Progress::Whole(bytes, how) => {
                    frame.bytes = bytes;
                    cut = Some(how);
                }
            }
        }
        let original = frame.bytes.clone();
        let from = gate.realm(frame.came_by);
        let (verdict, passage) = gate.tracker.prerouting(turn.now, &mut frame.bytes, from);
        let about = Subject { bytes: &original, ..frame.subject() };
        match verdict {
            Verdict::Accept => {}
            Verdict::Drop(_) => return,
            Verdict::Refuse(meaning) => return self.complain(turn, about, meaning, 0),
            Verdict::Hold => {
                turn.actions.push(Action::Later { after: HELD, what: Later::Release });
                return;
            }
        }
        frame.road = Some(Box::new(Road { passage, cut }));
        let Ok(datagram) = Datagram::parse(&frame.bytes) else { return };
        let is_mine = turn.map.is_for(self.id, datagram.destination);
        let is_translated = frame.bytes != original;
        if is_mine {
            if self.enter_gateway(turn, &mut frame) {
                self.receive(turn, frame);
            }
        } else if self.plan.role == Role::Router {
            match is_translated {
                true => self.forward_as(turn, frame, original),
                false => self.forward(turn, frame),
            }
        }
    }

    /// The first hook for a packet that stands for many; whether it belongs to a connection that is
    /// known. If not, it is as it was.
    pub(crate) fn track_large(&mut self, turn: &Turn<'_>, frame: &mut Frame, sums: Sums) -> bool {
        let Some(gate) = &mut self.gate else { return false };
        let from = gate.realm(frame.came_by);
        let tracker = &mut gate.tracker;
        let (verdict, passage) = tracker.prerouting_summed(turn.now, &mut frame.bytes, from, sums);
        let is_known = verdict == Verdict::Accept && passage.relation() == Relation::Established;
        frame.road = is_known.then(|| Box::new(Road { passage, cut: None }));
        is_known
    }

    /// The last hook of what is for the router itself; whether it arrives.
    fn enter_gateway(&mut self, turn: &Turn<'_>, frame: &mut Frame) -> bool {
        let (Some(gate), Some(road)) = (&mut self.gate, &mut frame.road) else { return true };
        let verdict = gate.tracker.input(turn.now, &mut frame.bytes, &mut road.passage);
        verdict == Verdict::Accept
    }

    /// The last hooks of what is passed on; whether it leaves. `original` is how it came, or empty
    /// if that is how it is.
    pub(crate) fn leave_tracked(
        &mut self,
        turn: &mut Turn<'_>,
        interface: usize,
        frame: &mut Frame,
        original: &[u8],
    ) -> bool {
        let (Some(gate), Some(road)) = (&mut self.gate, &mut frame.road) else { return true };
        gate.tracker.forward(&mut road.passage);
        let to = gate.realm(Some(interface));
        let came = if original.is_empty() { frame.bytes.clone() } else { Vec::new() };
        let passage = &mut road.passage;
        let verdict = gate.tracker.postrouting(turn.now, &mut frame.bytes, passage, to);
        if let Verdict::Refuse(meaning) = verdict {
            let bytes = if original.is_empty() { &came } else { original };
            let about = Subject { bytes, is_broadcast: false, came_by: frame.came_by };
            self.complain(turn, about, meaning, 0);
        }
        verdict == Verdict::Accept
    }

    /// The hooks of what the router itself sends; its message, if it tracks. Its errors tell of
    /// packets as they came, and are left alone.
    pub(crate) fn track_own(
        &mut self,
        turn: &Turn<'_>,
        header: &mut Header,
        message: &[u8],
        interface: usize,
    ) -> Result<Option<Vec<u8>>, SendFault> {
        let Some(gate) = &mut self.gate else { return Ok(None) };
        if is_error(header, message) || header.fragment.is_some() {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(header.bytes() + message.len());
        if header.emit(message, &mut bytes).is_err() {
            // It is refused for its size, or whatever is wrong with it, in a moment.
            return Ok(None);
        }
        let (mut verdict, mut passage) = gate.tracker.output(turn.now, &mut bytes);
        if verdict == Verdict::Accept {
            let to = gate.realm(Some(interface));
            verdict = gate.tracker.postrouting(turn.now, &mut bytes, &mut passage, to);
        }
        if verdict != Verdict::Accept {
            return Err(SendFault { reason: SendFaultReason::Prohibited, os_error: 0 });
        }
        let Ok(datagram) = Datagram::parse(&bytes) else { return Ok(None) };
        (header.source, header.destination) = (datagram.source, datagram.destination);
        Ok(Some(datagram.payload.to_vec()))
    }

    /// Turns an error of its own, to one of its addresses, to whoever sent what it is about: that
    /// has left translated, and then nobody took it. Where the error leaves, if it does.
    pub(crate) fn turn_own_error(
        &mut self,
        turn: &Turn<'_>,
        header: &Header,
        message: &[u8],
        bytes: &mut [u8],
    ) -> Option<(usize, Recipient)> {
        let gate = self.gate.as_mut().filter(|_| is_error(header, message))?;
        let (verdict, mut passage) = gate.tracker.output(turn.now, bytes);
        let datagram = Datagram::parse(bytes).ok().filter(|_| verdict == Verdict::Accept)?;
        let next = self.balancer.next(turn.map, self.id, Flow::of(&datagram));
        let Next::Out { interface, to } = next else { return None };
        let realm = gate.realm(Some(interface));
        let verdict = gate.tracker.postrouting(turn.now, bytes, &mut passage, realm);
        (verdict == Verdict::Accept).then_some((interface, to))
    }

    /// Gives up fragments that were to be passed on; only who they are for speaks of it (RFC 792).
    pub(crate) fn abandon_passing(&mut self, unfinished: Unfinished) {
        if let Some(gate) = &mut self.gate {
            gate.passing.abandon(unfinished);
        }
    }

    /// Refuses SYNs that nobody inside has met.
    pub(crate) fn release(&mut self, turn: &mut Turn<'_>) {
        while let Some(bytes) = self.gate.as_mut().and_then(|gate| gate.tracker.release(turn.now)) {
            self.complain(turn, Subject::of(&bytes), Meaning::PortUnreachable, 0);
        }
    }
}

fn is_error(header: &Header, message: &[u8]) -> bool {
    let family = wire::Family::of(header.source);
    header.protocol == icmp::protocol(family)
        && matches!(Message::parse(family, message), Ok(Message::Error(_)))
}

/// The ports at which a node itself listens, as trackers want them.
pub(crate) fn served(node: &NodePlan) -> Vec<(u8, u16)> {
    let tcp = node.tcp.iter().map(|port| (protocol::TCP, *port));
    let services = node.services.iter().map(|service| service.port());
    let udp = node.udp.iter().copied().chain(services).map(|port| (protocol::UDP, port));
    tcp.chain(udp).collect()
}
