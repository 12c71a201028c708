//! NTP as a client without memory asks it (RFC 5905 §14). The question's only time is a number that
//! nobody can guess, which the answer must repeat: what our clock shows is nobody's business.

use super::{ERA_NS, Heard, Proof, Question, Reading, Said, UNIX_EPOCH_NS, Way};
use crate::clock::Doubt;
use std::time::Duration;
use wire::Family;
use wire::ntp::{self, Packet, mode};

/// NTP.
pub static NTP: NtpWay = NtpWay;

/// See [`NTP`].
pub struct NtpWay;

const PORT: u16 = 123;

/// What we speak; servers answer in the version of the question.
const VERSION: u8 = 4;

/// Where the nonce stands in a packet.
const NONCE_AT: usize = 40;

/// Precisions that are believed, log2 of seconds: from a nanosecond to a minute.
const PRECISIONS: std::ops::RangeInclusive<i8> = -30..=6;

impl Way for NtpWay {
    fn name(&self) -> &'static str {
        "ntp"
    }

    fn port(&self) -> Option<u16> {
        Some(PORT)
    }

    fn usual_count(&self) -> u64 {
        4
    }

    fn usual_interval(&self) -> Duration {
        // As a client's first burst does (RFC 5905 §13): two seconds between its packets.
        Duration::from_secs(2)
    }

    fn watch_interval(&self) -> Duration {
        // The shortest poll interval (RFC 5905 §7.2: MINPOLL).
        Duration::from_secs(16)
    }

    fn encode(&self, question: &Question, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(ntp::HEADER_BYTES);
        self::question(question.nonce).emit(&mut payload);
        super::datagram(question, PORT, &payload, out);
    }

    fn recognise(&self, _family: Family, message: &[u8]) -> Option<Heard> {
        let (identifier, payload) = super::payload(message, PORT)?;
        Some(match Packet::parse(payload) {
            Ok(packet) if packet.mode == mode::SERVER && packet.version > 0 => {
                let proof = Proof { identifier, sequence: None, nonce: Some(packet.origin) };
                Heard::Answer(proof, Said::Ntp(packet))
            }
            _ => Heard::Malformed(identifier),
        })
    }

    fn recognise_quoted(&self, message: &[u8]) -> Option<Proof> {
        let (identifier, payload) = super::quoted(message, PORT, ntp::HEADER_BYTES)?;
        // As little as 8 bytes are quoted, which is the UDP header.
        let mut ours = Vec::with_capacity(ntp::HEADER_BYTES);
        question(0).emit(&mut ours);
        let known = payload.len().min(NONCE_AT);
        if payload[..known] != ours[..known] {
            return None;
        }
        let nonce = Packet::parse(payload).ok().map(|packet| packet.transmit);
        Some(Proof { identifier, sequence: None, nonce })
    }

    fn read(&self, said: &Said) -> Result<Reading, Doubt> {
        let Said::Ntp(packet) = said else { return Err(Doubt::Unfilled) };
        if packet.stratum == 0 {
            return Err(Doubt::Kiss(packet.reference_id));
        }
        if packet.transmit == 0 || packet.receive == 0 {
            return Err(Doubt::Unfilled);
        }
        let unix = |time| i128::from(ntp::to_ns(time)) - UNIX_EPOCH_NS;
        Ok(Reading {
            receive_ns: unix(packet.receive),
            transmit_ns: unix(packet.transmit),
            step_ns: precision_ns(packet.precision),
            cycle_ns: Some(ERA_NS),
        })
    }
}

fn question(nonce: u64) -> Packet {
    Packet { version: VERSION, mode: mode::CLIENT, transmit: nonce, ..Packet::default() }
}

/// How finely a clock can be read that says so; at least a nanosecond.
fn precision_ns(log2_s: i8) -> i64 {
    let log2_s = log2_s.clamp(*PRECISIONS.start(), *PRECISIONS.end());
    let ns = 2_f64.powi(log2_s.into()) * 1e9;
    ns.ceil() as i64
}

/// Whether the server says that its clock follows nothing.
pub fn is_unsynchronised(packet: &Packet) -> bool {
    packet.leap == 3 || packet.stratum >= 16
}

/// By how much the server's clock may be off, as it says itself (RFC 5905 appendix A.5.5.2,
/// without what the client adds), in nanoseconds.
pub fn root_distance_ns(packet: &Packet) -> u64 {
    short_ns(packet.root_delay) / 2 + short_ns(packet.root_dispersion)
}

/// Nanoseconds of a short time: seconds with 16 bits of fraction.
pub fn short_ns(time: u32) -> u64 {
    (u64::from(time) * 1_000_000_000) >> 16
}
