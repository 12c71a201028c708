//! Near misses of probes that bear a name: their copies under names that no run gives, quoted by
//! errors or answered. What is right in them is never enough.

use super::{Model, Noise, SPREAD, elsewhere, error, somebody};
use crate::map::Map;
use crate::rules;
use probe::{Carrier, Time};
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;
use wire::icmp::{self, Meaning, Message};
use wire::ip::Header;
use wire::tcp::{Segment, flag};
use wire::{Family, udp};

/// Marks beyond the prime field of 65,521 in which runs name their probes.
const FOREIGN_MARKS: Range<u64> = 65_522..65_535;

/// A UDP or ICMP message of fewer bytes bears no token.
const TOKEN_LEAST_BYTES: usize = 18;

/// A wrong probe that only its token tells from a right one.
const NAMESAKE: u64 = 4;

/// A wrong probe: whose it is said to be, and its message.
struct WrongProbe {
    to: IpAddr,
    mark: u16,
    message: Vec<u8>,
    /// Whether its first eight bytes already tell that it is wrong.
    may_be_cut: bool,
}

impl Noise {
    /// Perhaps something that looks like an answer to a probe.
    pub(super) fn near_miss(
        &mut self,
        now: Time,
        map: &Map,
        model: Model<'_>,
    ) -> Option<(Time, Vec<u8>)> {
        let [chance, shape, when] = std::array::from_fn(|_| self.near.next());
        if chance % 2 == 0 || model.message.len() < 8 {
            return None;
        }
        let family = Family::of(model.source);
        let (from, protocol, message) = if shape % 3 == 0 {
            (model.destination, model.carrier.protocol(family), self.wrong_answer(model)?)
        } else {
            let from = somebody(&mut self.near, map, family)?;
            (from, rules::of(family).icmp, self.wrong_error(model)?)
        };
        let from = if from.is_multicast() { model.source } else { from };
        let mut bytes = Vec::new();
        let mut message = message;
        if protocol == rules::of(family).icmp {
            icmp::fill_checksum(from, model.source, &mut message);
        }
        Header::new(from, model.source, protocol).emit(&message, &mut bytes).ok()?;
        let spread = SPREAD.as_nanos() as u64;
        Some((now + Duration::from_nanos(1 + when % spread), bytes))
    }

    /// A copy of a probe with a wrong token, and under a wrong name unless `may_be_namesake`: with
    /// its ports or without, to its target or not.
    fn wrong_copy(&mut self, model: Model<'_>, may_be_namesake: bool) -> WrongProbe {
        let span = FOREIGN_MARKS.end - FOREIGN_MARKS.start;
        let mark = (FOREIGN_MARKS.start + self.near.below(span)) as u16;
        let mut message = model.message.to_vec();
        let (port_at, mark_at, token_at) = match model.carrier {
            Carrier::Icmp => (4, 6, 8),
            Carrier::Tcp => (0, 4, 6),
            _ => (0, 6, 8),
        };
        for byte in message.iter_mut().skip(token_at).take(8) {
            *byte = !*byte;
        }
        let mut to = model.destination;
        // A run that names its probes by ports alone, and had no room for a token, knows them by
        // nothing else.
        let is_tcp = model.carrier == Carrier::Tcp;
        let has_token = is_tcp || message.len() >= TOKEN_LEAST_BYTES;
        let what = match (has_token, model.carrier) {
            (false, Carrier::Udp) => 0,
            (false, _) => self.near.below(4),
            (true, _) => self.near.below(4 + u64::from(may_be_namesake)),
        };
        if what == NAMESAKE {
            let mark = u16::from_be_bytes([message[mark_at], message[mark_at + 1]]);
            return WrongProbe { to, mark, message, may_be_cut: is_tcp };
        }
        match what {
            0 => {
                let port = self.foreign_near_port();
                message[port_at..port_at + 2].copy_from_slice(&port.to_be_bytes());
            }
            // Another port of the target's, or another type.
            1 if model.carrier != Carrier::Icmp => message[2] ^= 0x40,
            2 => to = elsewhere(to),
            _ => {}
        }
        message[mark_at..mark_at + 2].copy_from_slice(&mark.to_be_bytes());
        let may_be_cut = model.carrier != Carrier::Udp;
        WrongProbe { to, mark, message, may_be_cut }
    }

    fn foreign_near_port(&mut self) -> u16 {
        let mut draws = (0..8).map(|_| self.near.next() as u16 | 0x8000);
        let free = draws.find(|port| !self.used.contains(port));
        free.unwrap_or(1)
    }

    /// An error, time exceeded half the time, that quotes a wrong copy. If only its token tells it,
    /// it is quoted whole.
    fn wrong_error(&mut self, model: Model<'_>) -> Option<Vec<u8>> {
        let WrongProbe { to, mark, mut message, may_be_cut } = self.wrong_copy(model, true);
        let family = Family::of(model.source);
        if model.carrier == Carrier::Icmp {
            icmp::fill_checksum(model.source, to, &mut message);
        }
        let mut header = Header::new(model.source, to, model.carrier.protocol(family));
        (header.hop_limit, header.identification) = (1, mark);
        if self.near.below(2) == 0 {
            return Some(error(&mut self.near, family, &header, &message));
        }
        let mut body = Vec::new();
        header.emit(&message, &mut body).ok()?;
        body.truncate(rules::of(family).error_max_bytes - rules::of(family).header_bytes - 8);
        if may_be_cut && self.near.below(2) == 0 {
            body.truncate(header.bytes() + 8);
        }
        let meaning = Meaning::HopLimitExceeded;
        let (kind, code) = meaning.numbers(family)?;
        let mut out = Vec::new();
        let error = icmp::Error { meaning, kind, code, word: 0, body: &body };
        Message::Error(error).emit(family, &mut out);
        Some(out)
    }

    /// What a target would answer, but to nobody here: a program that answers from another port, a
    /// segment that acknowledges what was not sent, an echo of what was not asked.
    fn wrong_answer(&mut self, model: Model<'_>) -> Option<Vec<u8>> {
        let WrongProbe { mark, message, .. } = self.wrong_copy(model, false);
        let family = Family::of(model.source);
        let mut out = Vec::new();
        match model.carrier {
            Carrier::Icmp => {
                out.extend_from_slice(&message);
                out[..2].copy_from_slice(&[icmp::echo_reply_type(family), 0]);
            }
            Carrier::Udp => {
                let asked = udp::Message::parse(model.message).ok()?;
                let is_foreign = self.near.below(2) == 0;
                let other = asked.destination_port ^ 0x4000;
                let to_port = match is_foreign {
                    true => self.foreign_near_port(),
                    false => asked.source_port,
                };
                let answer = udp::Message {
                    source_port: if is_foreign { asked.destination_port } else { other },
                    destination_port: to_port,
                    has_checksum: true,
                    payload: asked.payload,
                };
                answer.emit(model.destination, model.source, &mut out).ok()?;
            }
            Carrier::Tcp => {
                let asked = Segment::parse(model.message).ok()?;
                let is_stranger = self.near.below(2) == 0;
                let to_port = match is_stranger {
                    true => self.foreign_near_port(),
                    false => asked.source_port,
                };
                let answer = Segment {
                    source_port: asked.destination_port,
                    destination_port: to_port,
                    sequence: self.near.next() as u32,
                    acknowledgment: u32::from(mark) << 16 | 1,
                    flags: [flag::SYN | flag::ACK, flag::RST | flag::ACK]
                        [self.near.below(2) as usize],
                    window: 64_240,
                    urgent: 0,
                    options: &[],
                    payload: &[],
                };
                answer.emit(model.destination, model.source, &mut out).ok()?;
            }
            Carrier::Other(_) => return None,
        }
        Some(out)
    }
}
