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
            // Cut off, they are left out.
            Some(at) => returned.split_at_checked(at).unwrap_or((returned, &[])),
            None => (returned, &[][..]),
        };
        let (protocol, behind) = self.write_transport(family, &probe.transport, quoted)?;
        let mut header = Header::new(source, probe.to, protocol);
        header.hop_limit = 0;
        self.datagram.clear();
        header.emit(&self.transport, &mut self.datagram).ok()?;
        // Routers older than the length attribute have their extensions somewhere in there.
        self.datagram.extend_from_slice(behind);
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

    /// Puts together what came back of the transport message; which protocol that is, and what
    /// stands behind the message's end.
    fn write_transport<'a>(
        &mut self,
        family: Family,
        transport: &Transport<'_>,
        quoted: &'a [u8],
    ) -> Option<(u8, &'a [u8])> {
        self.transport.clear();
        match *transport {
            Transport::Icmp => {
                self.transport.extend_from_slice(quoted);
                Some((icmp::protocol(family), &[]))
            }
            Transport::Udp { port, to_port, payload_max_bytes } => {
                let (payload, behind) = quoted.split_at(quoted.len().min(payload_max_bytes));
                let none = sys::unspecified(family);
                let message = udp::Message {
                    source_port: port,
                    destination_port: to_port,
                    has_checksum: false,
                    payload,
                };
                message.emit(none, none, &mut self.transport).ok()?;
                Some((protocol::UDP, behind))
            }
            Transport::Tcp(segment) => {
                let bytes = quoted.len().max(QUOTED_MIN_BYTES).min(segment.len());
                self.transport.extend_from_slice(&segment[..bytes]);
                Some((protocol::TCP, quoted.get(bytes..).unwrap_or_default()))
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

    /// How the kernel says where extensions begin.
    fn extension_at(at: u16) -> u32 {
        let [low, high] = at.to_ne_bytes();
        u32::from_ne_bytes([low, high, 0, 0])
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

    /// What parses out of a rebuilt error about a UDP probe.
    fn udp(to: &str, data: u32, returned: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let transport = Transport::Udp { port: 50_000, to_port: 33_434, payload_max_bytes: 12 };
        let probe = Probe { to: address(to), ours: None, transport };
        let family = Family::of(probe.to);
        let (kind, code) = Meaning::HopLimitExceeded.numbers(family).expect("exists");
        let error = ExtendedError { data, ..error(kind, code, 0, to) };
        let mut quoter = Quoter::default();
        let message = quoter.rebuild(&error, &probe, returned).expect("a message");
        let Ok(Message::Error(parsed)) = Message::parse(family, message) else {
            panic!("{message:02x?}")
        };
        let quoted = parsed.parse_quoted().expect("a quote");
        assert_eq!((quoted.datagram.hop_limit, quoted.datagram.identification), (0, 0));
        assert_eq!(quoted.datagram.protocol, protocol::UDP);
        (quoted.datagram.payload.to_vec(), quoted.extension.map(<[u8]>::to_vec))
    }

    #[test]
    fn a_udp_header_is_rebuilt_as_far_as_it_is_known() {
        let ports = [0xc3, 0x50, 0x82, 0x9a];
        for to in ["192.0.2.1", "2001:db8::1"] {
            // Routers that quote eight bytes show nothing that the kernel hands on.
            assert_eq!(udp(to, 0, &[]), ([&ports[..], &[0, 8, 0, 0]].concat(), None));
            let some = [&ports[..], &[0, 11, 0, 0, 1, 2, 3]].concat();
            assert_eq!(udp(to, 0, &[1, 2, 3]), (some, None));
            // What is longer than anything that was sent is padding.
            let whole = [&ports[..], &[0, 20, 0, 0], &[7; 12]].concat();
            assert_eq!(udp(to, 0, &[7; 100]), (whole, None));
        }
    }

    #[test]
    fn extensions_stand_where_their_length_says() {
        let extension = [0x20, 0, 0, 0, 0, 8, 1, 1, 0, 4, 0xd1, 1];
        for to in ["192.0.2.1", "2001:db8::1"] {
            let returned = [&[7; 100][..], &extension].concat();
            let data = extension_at(100);
            let (payload, found) = udp(to, data, &returned);
            assert_eq!((payload.len(), found.as_deref()), (20, Some(&extension[..])), "{to}");
            let (payload, found) = udp(to, extension_at(200), &[7; 100]);
            assert_eq!((payload.len(), found), (20, None), "{to}");
        }
    }

    #[test]
    fn extensions_without_a_length_keep_their_place() {
        let mut extension = Vec::new();
        let bytes = &[0, 8, 1, 1, 0, 4, 0xd1, 1];
        wire::ext::Structure { has_checksum: true, bytes }.emit(&mut extension);
        let returned = [&[0; 100][..], &extension].concat();
        assert_eq!(udp("192.0.2.1", 0, &returned).1, Some(extension));
    }

    #[test]
    fn a_segment_is_quoted_as_it_was_meant() {
        let segment: Vec<u8> = (0..28).collect();
        for (returned, quoted) in [(0, 8), (8, 8), (20, 20), (40, 28)] {
            let (to, transport) = (address("192.0.2.1"), Transport::Tcp(&segment));
            let probe = Probe { to, ours: None, transport };
            let mut quoter = Quoter::default();
            let error = error(11, 0, 0, "192.0.2.9");
            let message = quoter.rebuild(&error, &probe, &vec![9; returned]).expect("a message");
            let datagram = Datagram::parse_quoted(&message[8..]).expect("a quote");
            assert_eq!(datagram.payload, &segment[..quoted]);
        }
    }

    #[test]
    fn answers_are_rebuilt_with_their_headers() {
        for (target, ours) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let (target, ours) = (address(target), address(ours));
            let mut quoter = Quoter::default();
            let answer = quoter.rebuild_udp((target, 7), (Some(ours), 50_000), b"hello");
            let answer = answer.expect("it fits");
            assert!(udp::verify(target, ours, answer) && answer[6..8] != [0, 0]);
            let parsed = udp::Message::parse(answer).expect("parses");
            assert_eq!((parsed.source_port, parsed.destination_port), (7, 50_000));
            assert_eq!(parsed.payload, b"hello");
            let blind = quoter.rebuild_udp((target, 7), (None, 50_000), b"").expect("it fits");
            assert_eq!(blind, [0, 7, 0xc3, 0x50, 0, 8, 0, 0]);

            let probe = Segment {
                source_port: 50_000,
                destination_port: 80,
                sequence: u32::MAX,
                acknowledgment: 0,
                flags: flag::SYN,
                window: 1,
                urgent: 0,
                options: &[],
                payload: &[],
            };
            let mut segment = Vec::new();
            probe.emit(ours, target, &mut segment).expect("it fits");
            for (is_listening, flags) in [(true, flag::SYN), (false, flag::RST)] {
                let answer = quoter.rebuild_tcp(target, ours, &segment, is_listening);
                let answer = answer.expect("a segment");
                assert!(wire::tcp::verify(target, ours, answer));
                let parsed = Segment::parse(answer).expect("parses");
                assert_eq!((parsed.source_port, parsed.destination_port), (80, 50_000));
                assert_eq!((parsed.acknowledgment, parsed.flags), (0, flags | flag::ACK));
            }
            assert_eq!(quoter.rebuild_tcp(target, ours, &segment[..19], true), None);
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
