//! UDP sockets of processes that do nothing but send now and then, and what they come to hear: an
//! answer, an error, or nothing though something was said (RFC 1122 §4.1.3.3).

pub(crate) mod disposition;

use crate::NodeId;
use crate::node::{Action, Later, Node, Turn};
use crate::scenario::traffic::{Destination, TrafficPlan};
use crate::world::World;
use disposition::{Disposition, Errno};
use probe::{Fragmentation, SendFaultReason, Time};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Transport};
use wire::ip::{Datagram, Header, protocol};
use wire::udp;

/// The port of a node's first socket.
const FIRST_PORT: u16 = 32_768;

/// The most that a datagram of UDP carries in IPv4 (RFC 768, RFC 791).
const PAYLOAD_MAX_BYTES: usize = 65_507;

/// Events that a socket remembers at most.
const EVENTS_MAX: usize = 10_000;

/// A socket, and what has happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whose it is.
    pub node: NodeId,
    /// Its own port.
    pub port: u16,
    /// To whom it sends.
    pub to: (IpAddr, u16),
    /// Whether it is connected to them.
    pub is_connected: bool,
    /// What has happened, and when; of very many the first.
    pub events: Vec<(Time, SocketEvent)>,
}

/// What happens to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// It sent a datagram.
    Sent,
    /// It could not send.
    Refused(Errno),
    /// A datagram came for it.
    Received,
    /// A call that waited for one failed, because of an ICMP error of that type and code.
    Failed {
        /// With this.
        errno: Errno,
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
    },
    /// An ICMP error about one of its datagrams came, and it heard nothing.
    Deaf {
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Why.
        why: Deaf,
    },
}

/// Why a socket hears nothing of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaf {
    /// It is not connected, and any of its peers could be meant.
    Unconnected,
    /// It may pass, so only those that ask for it hear of it (IP_RECVERR).
    Soft,
    /// The kernel acted on it.
    Kernel,
    /// The stack hands it to nobody.
    Ignored,
}

/// A socket and its orders.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) socket: Socket,
    plan: TrafficPlan,
    sent: u64,
}

impl Process {
    pub(crate) fn new(node: NodeId, plan: TrafficPlan, to: IpAddr, index: usize) -> Process {
        let port = FIRST_PORT.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
        let is_connected = plan.is_connected;
        let socket = Socket { node, port, to: (to, plan.port), is_connected, events: Vec::new() };
        Process { socket, plan, sent: 0 }
    }

    fn note(&mut self, now: Time, event: SocketEvent) {
        if self.socket.events.len() < EVENTS_MAX {
            self.socket.events.push((now, event));
        }
    }
}

impl World {
    /// Opens one more socket at a node; its index among that node's. Connected or not, it sends to
    /// one peer alone, when it is told to.
    pub fn open_socket(&mut self, node: NodeId, to: (IpAddr, u16), is_connected: bool) -> usize {
        let plan = TrafficPlan {
            from: node,
            to: Destination::Address(to.0),
            port: to.1,
            families: vec![Family::of(to.0)],
            start: Duration::ZERO,
            every: Duration::ZERO,
            count: 0,
            bytes: 0,
            hop_limit: None,
            is_connected,
            hears_all: false,
        };
        let processes = &mut self.nodes[node.0 as usize].processes;
        processes.push(Process::new(node, plan, to.0, processes.len()));
        processes.len() - 1
    }

    /// Lets a socket of a node, by its index there, send so many zeros.
    pub fn send_from(&mut self, node: NodeId, index: usize, bytes: usize) {
        if let Some(process) = self.nodes[node.0 as usize].processes.get_mut(index) {
            process.plan.bytes = bytes.min(PAYLOAD_MAX_BYTES);
        }
        self.turn(node, |node, turn| node.speak(turn, index));
    }
}

impl Node {
    /// Lets a process send, and says when it does so again.
    pub(crate) fn speak(&mut self, turn: &mut Turn<'_>, index: usize) {
        let Some(process) = self.processes.get_mut(index) else { return };
        process.sent += 1;
        if process.sent < process.plan.count {
            let what = Later::Speak(index);
            turn.actions.push(Action::Later { after: process.plan.every, what });
        }
        let (to, to_port) = process.socket.to;
        let payload = vec![0; process.plan.bytes];
        let (port, hop_limit) = (process.socket.port, process.plan.hop_limit);
        let event = match turn.map.source_towards(self.id, to) {
            None => SocketEvent::Refused(Errno::NetworkUnreachable),
            Some(source) => {
                let mut header = Header::new(source, to, protocol::UDP);
                header.hop_limit = hop_limit.unwrap_or(self.plan.hop_limit);
                let message = udp::Message {
                    source_port: port,
                    destination_port: to_port,
                    has_checksum: true,
                    payload: &payload,
                };
                let mut bytes = Vec::with_capacity(payload.len() + 8);
                message.emit(source, to, &mut bytes).expect("the scenario bounds the size");
                match self.originate(turn, header, &bytes, Fragmentation::System) {
                    Ok(()) => SocketEvent::Sent,
                    Err(fault) => SocketEvent::Refused(match fault.reason {
                        SendFaultReason::TooBig { .. } => Errno::MessageSize,
                        SendFaultReason::Prohibited => Errno::AccessDenied,
                        _ => Errno::NetworkUnreachable,
                    }),
                }
            }
        };
        self.processes[index].note(turn.now, event);
    }

    /// Gives a datagram to the process at its port; `false` if there is none.
    pub(crate) fn hand_to_process(
        &mut self,
        now: Time,
        datagram: &Datagram<'_>,
        message: &udp::Message<'_>,
    ) -> bool {
        let from = (datagram.source, message.source_port);
        let is_for = |process: &&mut Process| {
            let socket = &process.socket;
            socket.port == message.destination_port
                && Family::of(socket.to.0) == datagram.family()
                && (!socket.is_connected || socket.to == from)
        };
        let process = self.processes.iter_mut().find(is_for);
        process.map(|process| process.note(now, SocketEvent::Received)).is_some()
    }

    /// Tells the process that sent what an error is about, if it may hear of it.
    pub(crate) fn tell_process(&mut self, now: Time, error: &icmp::Error<'_>) {
        let Ok(quoted) = error.parse_quoted() else { return };
        if quoted.datagram.payload.len() < crate::complaint::QUOTED_MIN_BYTES {
            return;
        }
        let Transport::Ports { source, destination, .. } = quoted.transport else { return };
        let family = quoted.datagram.family();
        let to = (quoted.datagram.destination, destination);
        let sent = |process: &&mut Process| {
            let socket = &process.socket;
            // Of what a connected socket did not send it hears nothing.
            socket.port == source
                && Family::of(socket.to.0) == family
                && (!socket.is_connected || socket.to == to)
        };
        if quoted.datagram.protocol != protocol::UDP {
            return;
        }
        let (kind, code) = (error.kind, error.code);
        let disposition = disposition::of(self.plan.stack, family, kind, code);
        let Some(process) = self.processes.iter_mut().find(sent) else { return };
        let is_connected = process.socket.is_connected;
        let deaf = |why| SocketEvent::Deaf { kind, code, why };
        let failed = |errno| SocketEvent::Failed { errno, kind, code };
        let event = match disposition {
            Disposition::Kernel => deaf(Deaf::Kernel),
            Disposition::Ignored => deaf(Deaf::Ignored),
            Disposition::Hard(errno) | Disposition::Soft(errno) if process.plan.hears_all => {
                failed(errno)
            }
            _ if !is_connected => deaf(Deaf::Unconnected),
            Disposition::Soft(_) => deaf(Deaf::Soft),
            Disposition::Hard(errno) => failed(errno),
        };
        process.note(now, event);
    }
}
