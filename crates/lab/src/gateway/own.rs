//! What is for the gateway itself: echo requests are answered, and at no port is anybody.

use super::{Gateway, Way};
use crate::address;
use crate::conntrack::Verdict;
use crate::host::no_such_protocol;
use crate::rules;
use crate::transport::tcp_answer;
use wire::Family;
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Datagram, protocol};
use wire::tcp::Segment;

impl Gateway {
    /// Takes a packet for the gateway itself.
    pub(super) fn keep(&mut self, way: &Way, bytes: &mut [u8]) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let family = datagram.family();
        if !address::is_one_host(datagram.source) {
            return;
        }
        match datagram.protocol {
            protocol::TCP => self.refuse(way, bytes),
            protocol::UDP => {
                self.complain(way, way.restore(bytes), Meaning::PortUnreachable, 0);
            }
            number if number == rules::of(family).icmp => self.echo(way, bytes),
            _ => {
                let (meaning, word) = no_such_protocol(&datagram);
                self.complain(way, way.restore(bytes), meaning, word);
            }
        }
    }

    /// Sends an echo request back.
    fn echo(&mut self, way: &Way, bytes: &[u8]) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let (asker, asked, family) = (datagram.source, datagram.destination, datagram.family());
        let Ok(Message::EchoRequest(echo)) = Message::parse(family, datagram.payload) else {
            return;
        };
        if !icmp::verify(asker, asked, datagram.payload) {
            return;
        }
        let mut message = Vec::with_capacity(datagram.payload.len());
        Message::EchoReply(echo).emit(family, &mut message);
        icmp::fill_checksum(asked, asker, &mut message);
        self.answer(way, &datagram, &message);
    }

    /// Refuses a TCP segment (RFC 9293 §3.10.7.1).
    fn refuse(&mut self, way: &Way, bytes: &[u8]) {
        let Ok(datagram) = Datagram::parse(bytes) else { return };
        let Ok(segment) = Segment::parse(datagram.payload) else { return };
        let Some(reset) = tcp_answer(&segment, false) else { return };
        let mut message = Vec::with_capacity(20);
        if reset.emit(datagram.destination, datagram.source, &mut message).is_ok() {
            self.answer(way, &datagram, &message);
        }
    }

    /// Sends an answer to where a packet came from, through the hooks of what is its own.
    fn answer(&mut self, way: &Way, to: &Datagram<'_>, message: &[u8]) {
        let header = self.header(to.destination, to.source, to.protocol);
        let mut bytes = Vec::with_capacity(header.bytes() + message.len());
        if header.emit(message, &mut bytes).is_err() {
            return;
        }
        let (verdict, mut passage) = self.tracker.output(way.now, &mut bytes);
        let realm = way.from.realm();
        if verdict != Verdict::Accept
            || self.tracker.postrouting(way.now, &mut bytes, &mut passage, realm) != Verdict::Accept
        {
            return;
        }
        let mtu_bytes = self.interfaces[way.from.index()].mtu_bytes as usize;
        if bytes.len() <= mtu_bytes {
            self.outgoing.push_back((way.from, bytes));
        } else if rules::of(Family::of(to.source)).routers_fragment || way.cut.is_some() {
            self.cut(way, way.from, &bytes, mtu_bytes);
        }
    }
}
