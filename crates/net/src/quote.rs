//! Entries of a datagram socket's error queue, rebuilt into the ICMP error that a raw socket would
//! have seen: the kernel tells everything but the quoted IP header.

use crate::control::ExtendedError;
use crate::sys;
use std::net::IpAddr;
use wire::Family;
use wire::icmp::{self, Error, Meaning, Message};
use wire::ip::Header;

/// Rebuilds ICMP errors; keeps its buffers.
#[derive(Debug, Default)]
pub struct Quoter {
    datagram: Vec<u8>,
    message: Vec<u8>,
}

impl Quoter {
    /// The ICMP error about a probe to `to` that the kernel describes by `error`, sent to our
    /// address `ours`; `quoted` is what came back of the probe, from its ICMP header on. Hop limit
    /// and source of the quoted header, where unknown, are 0. `None` if that is no datagram.
    pub fn rebuild(
        &mut self,
        error: &ExtendedError,
        to: IpAddr,
        ours: Option<IpAddr>,
        quoted: &[u8],
    ) -> Option<&[u8]> {
        let family = Family::of(to);
        let ours = ours.filter(|ours| Family::of(*ours) == family);
        let source = ours.unwrap_or(sys::unspecified(family));
        let mut header = Header::new(source, to, icmp::protocol(family));
        header.hop_limit = 0;
        self.datagram.clear();
        header.emit(quoted, &mut self.datagram).ok()?;
        let meaning = Meaning::of(family, error.kind, error.code);
        let rebuilt = Error {
            meaning,
            kind: error.kind,
            code: error.code,
            word: sys::error_word(family, error),
            body: &self.datagram,
        };
        self.message.clear();
        Message::Error(rebuilt).emit(family, &mut self.message);
        if let (Some(offender), Some(ours)) = (error.offender, ours) {
            icmp::fill_checksum(offender, ours, &mut self.message);
        }
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
            let message = quoter
                .rebuild(&error, address(to), Some(address(ours)), &PROBE)
                .expect("a message");
            assert!(icmp::verify(address(offender), address(ours), message));
            let parsed = Message::parse(Family::of(address(to)), message).expect("parses");
            let Message::Error(parsed) = parsed else { panic!("{parsed:?}") };
            assert_eq!(parsed.meaning, Meaning::HopLimitExceeded);
            let quoted = Datagram::parse_quoted(parsed.body).expect("a quoted datagram");
            assert_eq!(quoted.destination, address(to));
            assert_eq!(quoted.source, address(ours));
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
            let message = quoter.rebuild(&error, address(to), None, &PROBE).expect("a message");
            assert_eq!(message[4..8], u32::to_be_bytes(word), "{to} {kind} {code}");
        }
    }

    #[test]
    fn an_impossible_quote_is_none() {
        let error = error(11, 0, 0, "192.0.2.9");
        let huge = vec![0; 70_000];
        assert_eq!(Quoter::default().rebuild(&error, address("192.0.2.1"), None, &huge), None);
    }
}
