//! The gateway's ICMP errors: when one may be sent, and what it says.

use super::{Gateway, Way, datagram_options};
use crate::address;
use crate::complaint::is_error;
use crate::packet;
use crate::rules;
use crate::service::midnight_ms;
use std::net::IpAddr;
use wire::icmp::{self, Meaning, Message};
use wire::ip::{Datagram, Header};

/// What a hop limit of its own starts with.
pub(super) const HOP_LIMIT: u8 = 64;

impl Gateway {
    /// Stops a packet, of which `about` is what came, and says why to its sender and whoever asks.
    pub(super) fn stop(
        &mut self,
        way: &Way,
        about: &[u8],
        why: &'static str,
        (meaning, word): (Meaning, u32),
    ) {
        let is_told = self.complain(way, about, meaning, word);
        self.tracker.stop(why, Some(meaning).filter(|_| is_told));
    }

    /// Tells whoever sent a packet, as it came, what became of it, unless that must not be;
    /// whether it was told.
    pub(super) fn complain(
        &mut self,
        way: &Way,
        about: &[u8],
        meaning: Meaning,
        word: u32,
    ) -> bool {
        let Ok(datagram) = Datagram::parse(about) else { return false };
        let (to, family) = (datagram.source, datagram.family());
        let Some((kind, code)) = meaning.numbers(family) else { return false };
        let is_answerable = address::is_one_host(to)
            && !self.is_for_many(datagram.destination)
            && !datagram.is_later_fragment()
            && !is_error(&datagram);
        let own = self.address(way.from, family).filter(|_| is_answerable);
        let Some(own) = own else { return false };
        // Path MTU discovery lives on these; Linux does not limit them either.
        if meaning != Meaning::PacketTooBig && !self.limiter.allows_error(way.now, to) {
            return false;
        }
        let rules = rules::of(family);
        let room = rules.quote_max_bytes();
        let body = &about[..about.len().min(room)];
        let mut message = Vec::with_capacity(8 + body.len());
        let error = icmp::Error { meaning, kind, code, word, body };
        Message::Error(error).emit(family, &mut message);
        icmp::fill_checksum(own, to, &mut message);
        let mut header = self.header(own, to, rules.icmp);
        header.traffic_class =
            datagram.traffic_class & rules.error_class_kept | rules.error_class_added;
        let mut bytes = Vec::with_capacity(header.bytes() + message.len());
        let is_sent = header.emit(&message, &mut bytes).is_ok();
        if is_sent {
            self.counts.errors += 1;
            self.outgoing.push_back((way.from, bytes));
        }
        is_sent
    }

    /// The header of a packet of its own.
    pub(super) fn header(&mut self, from: IpAddr, to: IpAddr, protocol: u8) -> Header {
        self.identification = self.identification.wrapping_add(1);
        let identification = self.identification;
        Header { hop_limit: HOP_LIMIT, identification, ..Header::new(from, to, protocol) }
    }

    /// Does to the IPv4 options of what it passes on what every router does; whether it goes on.
    /// Source routes do not pass, as on Linux (accept_source_route).
    pub(super) fn stamp_options(&mut self, way: &Way, out: super::Side, bytes: &mut [u8]) -> bool {
        if packet::is_source_routed(datagram_options(bytes)) {
            self.counts.refused += 1;
            self.tracker.stop("it has a source route", None);
            return false;
        }
        let own = self.interfaces[out.index()].addresses.iter().find_map(|(own, _)| match own {
            IpAddr::V4(own) => Some(*own),
            IpAddr::V6(_) => None,
        });
        let Some(own) = own else { return true };
        let since = i128::from(way.now.0);
        let time = || midnight_ms(self.epoch_ns.saturating_add(since));
        let is_own = |address: std::net::Ipv4Addr| self.owner(address.into()).is_some();
        match packet::stamp_options(packet::options_mut(bytes), own, is_own, time) {
            Ok(()) => {
                packet::refresh_checksum(bytes);
                true
            }
            Err(word) => {
                let says = (Meaning::HeaderField, word);
                self.stop(way, way.restore(bytes), "its IP options are wrong", says);
                false
            }
        }
    }
}
