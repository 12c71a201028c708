//! What must hold for anything that the kernel says: fuzzed, and fed with the corpus by the tests.

use net::control::{Control, ExtendedError};
use net::diag::{self, Progress};
use net::netlink::{Attributes, HEADER_BYTES, Messages};
use net::quote::{Probe, Quoter, Transport};
use std::net::IpAddr;
use wire::Family;
use wire::icmp::Message;
use wire::ip::Datagram;

/// The bytes are what recvmsg gave: a first byte with the length of the control messages in words
/// of 8 bytes, these, and the datagram.
pub fn control(bytes: &[u8]) {
    let Some((words, rest)) = bytes.split_first() else { return };
    let (messages, datagram) = rest.split_at(rest.len().min(usize::from(*words) * 8));
    let control = Control::parse(messages);
    assert!(control.options.len() <= messages.len());
    assert!(control.stamp_ns.is_none_or(|stamp_ns| stamp_ns > 0));
    let Some(error) = control.error else { return };
    for to in ["192.0.2.1", "2001:db8::1"] {
        let to: IpAddr = to.parse().expect("an address");
        rebuilt(&error, to, control.destination, datagram);
    }
}

/// The bytes are what recvmsg gave of the kernel's answer about sockets.
pub fn netlink(bytes: &[u8]) {
    let mut room = bytes.len();
    for message in Messages::new(bytes) {
        let taken = HEADER_BYTES + message.body.len();
        assert!(taken <= room, "messages overlap");
        room -= taken;
        let attributes = Attributes::new(message.body);
        let inside: usize = attributes.map(|attribute| 4 + attribute.body.len()).sum();
        assert!(inside <= message.body.len(), "attributes overlap");
    }
    let (mut sockets, count) = (0, Messages::new(bytes).count());
    let progress = diag::read(bytes, &mut |socket| {
        sockets += 1;
        let name = socket.congestion_control.map(|name| name.as_str().to_owned());
        let is_name = |name: &String| (1..=16).contains(&name.len()) && name.is_ascii();
        assert!(name.as_ref().is_none_or(is_name), "{socket:?}");
        assert!(socket.timer.is_none_or(|timer| timer.left.as_secs() < 1 << 23), "{socket:?}");
        assert_eq!(socket.local.address.is_ipv4(), socket.peer.address.is_ipv4());
    });
    assert!(sockets <= count);
    assert_ne!(progress, Progress::Refused(0));
}

/// Every probe of ours that an error may be about, quoted as far as it came back.
fn rebuilt(error: &ExtendedError, to: IpAddr, ours: Option<IpAddr>, returned: &[u8]) {
    let udp = Transport::Udp { port: 50_000, to_port: 33_434, payload_max_bytes: 100 };
    let probes = [Transport::Icmp, udp, Transport::Tcp(&[7; 28])];
    let at = error.extension_at().filter(|at| *at <= returned.len()).unwrap_or(returned.len());
    for transport in probes {
        let mut quoter = Quoter::default();
        let probe = Probe { to, ours, transport };
        let Some(message) = quoter.rebuild(error, &probe, returned) else {
            assert!(at > 900, "{at} of {}", returned.len());
            continue;
        };
        let parsed = Message::parse(Family::of(to), message);
        // A type that is no error is written as it is told; the engines know what to make of it.
        let Ok(Message::Error(parsed)) = parsed else { continue };
        let quoted = Datagram::parse_quoted(parsed.body).expect("a header was put before it");
        assert_eq!(quoted.destination, to);
        match transport {
            Transport::Icmp => assert_eq!(quoted.payload, &returned[..at]),
            Transport::Udp { .. } => assert_eq!(quoted.payload[8..], returned[..at.min(100)]),
            Transport::Tcp(segment) => assert_eq!(quoted.payload, &segment[..at.clamp(8, 28)]),
        }
        assert!(parsed.body.ends_with(&returned[at..]));
    }
}
