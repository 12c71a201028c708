//! What sockets without privilege tell, rebuilt into what a raw socket would have seen: ICMP errors
//! from entries of the error queue, transport messages from what the kernel took apart.

use crate::control::ExtendedError;
use crate::sys;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::{self, Error, Meaning, Message};
use wire::ip::{Header, protocol};
use wire::tcp::{Segment, flag};
use wire::udp;

/// Rebuilds messages; keeps its buffers.
#[derive(Debug, Default)]
pub struct Quoter {
    transport: Vec<u8>,
    datagram: Vec<u8>,
    message: Vec<u8>,
}

/// The probe that an error is about, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe<'a> {
    /// Where it went.
    pub to: IpAddr,
    /// Our address, where the error says it.
    pub ours: Option<IpAddr>,
    /// Its transport header.
    pub transport: Transport<'a>,
}

/// The transport header of a probe, which the kernel may have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<'a> {
    /// What comes back begins with the ICMP header.
    Icmp,
    /// What comes back begins behind the UDP header.
    Udp {
        /// Our port.
        port: u16,
        /// The target's port.
        to_port: u16,
        /// The most that was sent behind a header: what comes back beyond it is padding.
        payload_max_bytes: usize,
    },
    /// The segment as it was meant: what comes back is the kernel's own, which nobody asked for.
    Tcp(&'a [u8]),
}

/// The least that quotes hold where extensions follow them (RFC 4884 §4).
const EXTENDED_MIN_BYTES: usize = 128;

/// Bytes that an error quotes of a transport header at least (RFC 792).
const QUOTED_MIN_BYTES: usize = 8;

impl Quoter {
    /// The ICMP error about a probe that the kernel describes by `error`; `returned` is what came
    /// back with it. Fields of quoted headers that are not known are 0: hop limit, identification,
    /// checksums, maybe the source. `None` if that is no datagram.
    pub fn rebuild(
        &mut self,
        error: &ExtendedError,
        probe: &Probe<'_>,
        returned: &[u8],
    ) -> Option<&[u8]> {
        let family = Family::of(probe.to);
        let ours = probe.ours.filter(|ours| Family::of(*ours) == family);
        let source = ours.unwrap_or(sys::unspecified(family));
        let (quoted, extension) = match error.extension_at() {
            Some(at) => returned.split_at_checked(at)?,
            None => (returned, &[][..]),
        };
        let protocol = self.write_transport(family, &probe.transport, quoted)?;
        let mut header = Header::new(source, probe.to, protocol);
        header.hop_limit = 0;
        self.datagram.clear();
        header.emit(&self.transport, &mut self.datagram).ok()?;
        let mut word = sys::error_word(family, error);
        if !extension.is_empty() {
            word |= sys::extend(family, EXTENDED_MIN_BYTES, &mut self.datagram)?;
            self.datagram.extend_from_slice(extension);
        }
        let meaning = Meaning::of(family, error.kind, error.code);
        let (kind, code) = (error.kind, error.code);
        let rebuilt = Error { meaning, kind, code, word, body: &self.datagram };
        self.message.clear();
        Message::Error(rebuilt).emit(family, &mut self.message);
        if let (Some(offender), Some(ours)) = (error.offender, ours) {
            icmp::fill_checksum(offender, ours, &mut self.message);
        }
        Some(&self.message)
    }

    /// Puts together what came back of the transport message; which protocol that is.
    fn write_transport(
        &mut self,
        family: Family,
        transport: &Transport<'_>,
        quoted: &[u8],
    ) -> Option<u8> {
        self.transport.clear();
        match *transport {
            Transport::Icmp => {
                self.transport.extend_from_slice(quoted);
                Some(icmp::protocol(family))
            }
            Transport::Udp { port, to_port, payload_max_bytes } => {
                let payload = &quoted[..quoted.len().min(payload_max_bytes)];
                let none = sys::unspecified(family);
                let message = udp::Message {
                    source_port: port,
                    destination_port: to_port,
                    has_checksum: false,
                    payload,
                };
                message.emit(none, none, &mut self.transport).ok()?;
                Some(protocol::UDP)
            }
            Transport::Tcp(segment) => {
                let bytes = quoted.len().max(QUOTED_MIN_BYTES).min(segment.len());
                self.transport.extend_from_slice(&segment[..bytes]);
                Some(protocol::TCP)
            }
        }
    }

    /// The UDP message that a socket received without its header. Without our address its checksum
    /// is left out.
    pub fn rebuild_udp(
        &mut self,
        from: (IpAddr, u16),
        to: (Option<IpAddr>, u16),
        payload: &[u8],
    ) -> Option<&[u8]> {
        let (source, source_port) = from;
        let (destination, destination_port) = to;
        let has_checksum = destination.is_some();
        let message = udp::Message { source_port, destination_port, has_checksum, payload };
        self.message.clear();
        message.emit(source, destination.unwrap_or(source), &mut self.message).ok()?;
        Some(&self.message)
    }

    /// The target's answer to a TCP segment that opens a connection: SYN and ACK where somebody
    /// listens, else RST and ACK. What the kernel does not tell is 0: its sequence number, window
    /// and options.
    pub fn rebuild_tcp(
        &mut self,
        target: IpAddr,
        ours: IpAddr,
        segment: &[u8],
        is_listening: bool,
    ) -> Option<&[u8]> {
        let probe = Segment::parse(segment).ok()?;
        let answer = Segment {
            source_port: probe.destination_port,
            destination_port: probe.source_port,
            sequence: 0,
            acknowledgment: probe.sequence.wrapping_add(1),
            flags: flag::ACK | if is_listening { flag::SYN } else { flag::RST },
            window: 0,
            urgent: 0,
            options: &[],
            payload: &[],
        };
        self.message.clear();
        answer.emit(target, ours, &mut self.message).ok()?;
        Some(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ip::Datagram;

    const PROBE: [u8; 10] = [8, 0, 1, 2, 0x12, 0x34, 0, 7, 0xaa, 0xbb];

    fn error(kind: u8, code: u8, info: u32, offender: &str) -> ExtendedError {
        let offender = Some(address(offender));
        ExtendedError { errno: 113, origin: 2, kind, code, info, data: 0, offender }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_error_reads_as_on_the_wire() {
        for (to, ours, offender, kind, code) in [
            ("192.0.2.1", "198.51.100.1", "203.0.113.1", 11, 0),
            ("2001:db8::1", "2001:db8::2", "2001:db8::3", 3, 0),
        ] {
            let error = error(kind, code, 0, offender);
            let mut quoter = Quoter::default();
            let ours = address(ours);
            let probe = Probe { to: address(to), ours: Some(ours), transport: Transport::Icmp };
            let message = quoter.rebuild(&error, &probe, &PROBE).expect("a message");
            assert!(icmp::verify(address(offender), ours, message));
            let parsed = Message::parse(Family::of(address(to)), message).expect("parses");
            let Message::Error(parsed) = parsed else { panic!("{parsed:?}") };
            assert_eq!(parsed.meaning, Meaning::HopLimitExceeded);
            let quoted = Datagram::parse_quoted(parsed.body).expect("a quoted datagram");
            assert_eq!(quoted.destination, address(to));
            assert_eq!(quoted.source, ours);
            assert_eq!(quoted.payload, PROBE);
        }
    }

    #[test]
    fn the_word_holds_mtu_or_pointer() {
        let cases = [
            ("192.0.2.1", 3, 4, 1_280, 1_280),
            ("192.0.2.1", 3, 1, 7, 0),
            ("192.0.2.1", 12, 0, 20, 20 << 24),
            ("2001:db8::1", 2, 0, 1_280, 1_280),
            ("2001:db8::1", 4, 1, 40, 40),
            ("2001:db8::1", 1, 4, 9, 0),
        ];
        for (to, kind, code, info, word) in cases {
            let mut quoter = Quoter::default();
            let error = error(kind, code, info, to);
            let probe = Probe { to: address(to), ours: None, transport: Transport::Icmp };
            let message = quoter.rebuild(&error, &probe, &PROBE).expect("a message");
            assert_eq!(message[4..8], u32::to_be_bytes(word), "{to} {kind} {code}");
        }
    }

    #[test]
    fn an_impossible_quote_is_none() {
        let error = error(11, 0, 0, "192.0.2.9");
        let huge = vec![0; 70_000];
        let probe = Probe { to: address("192.0.2.1"), ours: None, transport: Transport::Icmp };
        assert_eq!(Quoter::default().rebuild(&error, &probe, &huge), None);
    }
}
