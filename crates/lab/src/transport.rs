//! What a node does with UDP datagrams and TCP segments: enough to be found by an instrument, no
//! more. There is no connection: a SYN to a port where somebody listens is answered, every other
//! segment is one of a connection that nobody knows (RFC 9293 §3.10.7.1).

use crate::address;
use crate::node::{Action, Later, Node, Turn};
use crate::random::fnv1a;
use crate::rules;
use crate::tftp::{End, Want};
use probe::Fragmentation;
use std::net::IpAddr;
use wire::ip::{Datagram, Header, protocol};
use wire::tcp::{Segment, TcpOption, flag};
use wire::{tcp, udp};

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Answered, or thrown away for its faults.
    Done,
    /// Nobody is at the port.
    Refused,
}

/// The window that listeners offer.
const WINDOW: u16 = 64_240;

impl Node {
    /// Takes a UDP datagram: gives it to a process or a service, or sends its payload back.
    pub(crate) fn keep_udp(&mut self, turn: &mut Turn<'_>, datagram: &Datagram<'_>) -> Kept {
        let (source, destination) = (datagram.source, datagram.destination);
        let rules = rules::of(datagram.family());
        let mut bytes = datagram.payload.to_vec();
        let length = bytes.len() as u16;
        if rules.udp_may_be_endless && bytes.get(4..6) == Some(&[0, 0]) {
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
        }
        let Ok(message) = udp::Message::parse(&bytes) else { return Kept::Done };
        let is_summed = message.has_checksum || !rules.udp_must_be_summed;
        if !is_summed
            || !udp::verify(source, destination, &datagram.payload[..message.payload.len() + 8])
        {
            return Kept::Done;
        }
        if self.hand_to_process(turn.now, datagram, &message) {
            return Kept::Done;
        }
        let asked = message.destination_port;
        if let Some(&service) = self.plan.services.iter().find(|it| it.port() == asked) {
            self.serve(turn, datagram, &message, service);
            return Kept::Done;
        }
        let is_echoed = self.plan.udp.contains(&message.destination_port);
        if !is_echoed && self.tftp.is_none() {
            return Kept::Refused;
        }
        let Some(header) = self.transport_header(turn, datagram) else { return Kept::Done };
        if !is_echoed {
            let from = (source, message.source_port);
            let to = (destination, message.destination_port);
            return self.keep_tftp(turn, from, to, message.payload);
        }
        let answer = udp::Message {
            source_port: message.destination_port,
            destination_port: message.source_port,
            has_checksum: true,
            payload: message.payload,
        };
        let mut bytes = Vec::with_capacity(datagram.payload.len());
        answer.emit(header.source, header.destination, &mut bytes).expect("it fitted before");
        self.answer(turn, header, &bytes);
        Kept::Done
    }

    /// Hands a datagram to the TFTP server.
    fn keep_tftp(&mut self, turn: &mut Turn<'_>, from: End, to: End, payload: &[u8]) -> Kept {
        let server = self.tftp.as_mut();
        match server.and_then(|server| server.receive(turn.now, from, to, payload)) {
            Some(wants) => self.do_tftp(turn, wants),
            None => return Kept::Refused,
        }
        Kept::Done
    }

    /// Lets the TFTP server look at a transfer that is due.
    pub(crate) fn wake_tftp(&mut self, turn: &mut Turn<'_>, port: u16) {
        let wants = self.tftp.as_mut().map(|server| server.wake(turn.now, port));
        self.do_tftp(turn, wants.unwrap_or_default());
    }

    fn do_tftp(&mut self, turn: &mut Turn<'_>, wants: Vec<Want>) {
        for want in wants {
            let (from, to, payload) = match want {
                Want::Send { from, to, bytes } => (from, to, bytes),
                Want::Wake { after, port } => {
                    turn.actions.push(Action::Later { after, what: Later::Tftp(port) });
                    continue;
                }
            };
            let mut header = Header::new(from.0, to.0, protocol::UDP);
            header.hop_limit = self.plan.hop_limit;
            let message = udp::Message {
                source_port: from.1,
                destination_port: to.1,
                has_checksum: true,
                payload: &payload,
            };
            let mut bytes = Vec::new();
            message.emit(from.0, to.0, &mut bytes).expect("a block fits a datagram");
            self.answer(turn, header, &bytes);
        }
    }

    /// Takes a TCP segment.
    pub(crate) fn keep_tcp(&mut self, turn: &mut Turn<'_>, datagram: &Datagram<'_>) {
        let (source, destination) = (datagram.source, datagram.destination);
        if !tcp::verify(source, destination, datagram.payload) {
            return;
        }
        let Ok(segment) = Segment::parse(datagram.payload) else { return };
        let listens = self.plan.tcp.contains(&segment.destination_port);
        let mut options = Vec::new();
        let Some(mut answer) = tcp_answer(&segment, listens) else { return };
        let Some(header) = self.transport_header(turn, datagram) else { return };
        if answer.flags & flag::SYN != 0 {
            let room = rules::of(datagram.family()).header_bytes + 20;
            let largest = 1_500 - room as u16;
            TcpOption::MaximumSegmentSize(largest).emit(&mut options).expect("four bytes fit");
            answer.options = &options;
            answer.sequence = initial_sequence(source, destination, &segment);
        }
        let mut bytes = Vec::with_capacity(24);
        answer.emit(header.source, header.destination, &mut bytes).expect("the option is padded");
        self.originate(turn, header, &bytes, Fragmentation::System).ok();
    }

    /// The header of an answer; `None` if the question went to many, or nobody may be answered.
    pub(crate) fn transport_header(
        &self,
        turn: &Turn<'_>,
        datagram: &Datagram<'_>,
    ) -> Option<Header> {
        let (to, asked) = (datagram.source, datagram.destination);
        let is_one_host = address::is_one_host(to) || to.is_loopback();
        let is_answerable =
            is_one_host && !turn.map.is_broadcast(to) && !turn.map.is_for_many(self.id, asked);
        let hop_limit = self.plan.hop_limit;
        is_answerable.then(|| Header { hop_limit, ..Header::new(asked, to, datagram.protocol) })
    }
}

/// What a node without connections answers to a segment (RFC 9293 §3.10.7.1, §3.10.7.2); `None`:
/// nothing. Its sequence number is for the caller if it opens a connection.
pub(crate) fn tcp_answer(segment: &Segment<'_>, listens: bool) -> Option<Segment<'static>> {
    let says = |bits| segment.flags & bits != 0;
    if says(flag::RST) {
        return None;
    }
    let answer = Segment {
        source_port: segment.destination_port,
        destination_port: segment.source_port,
        sequence: 0,
        acknowledgment: 0,
        flags: flag::RST,
        window: 0,
        urgent: 0,
        options: &[],
        payload: &[],
    };
    if says(flag::ACK) {
        return Some(Segment { sequence: segment.acknowledgment, ..answer });
    }
    let counted =
        segment.payload.len() as u32 + u32::from(says(flag::SYN)) + u32::from(says(flag::FIN));
    let behind = segment.sequence.wrapping_add(counted);
    match (listens, says(flag::SYN)) {
        (true, true) => Some(Segment {
            // What a SYN carries is not taken, and comes again.
            acknowledgment: segment.sequence.wrapping_add(1),
            flags: flag::SYN | flag::ACK,
            window: WINDOW,
            ..answer
        }),
        // Listeners throw away what neither opens a connection nor belongs to one.
        (true, false) => None,
        (false, _) => {
            Some(Segment { acknowledgment: behind, flags: flag::RST | flag::ACK, ..answer })
        }
    }
}

/// The first sequence number of an answer: of addresses and ports, and always the same.
fn initial_sequence(source: IpAddr, destination: IpAddr, segment: &Segment<'_>) -> u32 {
    let ports = (segment.source_port, segment.destination_port);
    (fnv1a(format!("{source} {destination} {ports:?}").as_bytes()) >> 16) as u32
}
