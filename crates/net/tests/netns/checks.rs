//! What must hold for any control messages: fuzzed, and fed with the corpus by the tests.

use net::control::Control;
use net::quote::Quoter;
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
        let mut quoter = Quoter::default();
        let Some(message) = quoter.rebuild(&error, to, control.destination, datagram) else {
            assert!(datagram.len() > usize::from(u16::MAX) - 40);
            continue;
        };
        let parsed = Message::parse(Family::of(to), message);
        // A type that is no error is written as it is told; the engines know what to make of it.
        let Ok(Message::Error(parsed)) = parsed else { continue };
        let quoted = Datagram::parse_quoted(parsed.body).expect("a header was put before it");
        assert_eq!((quoted.destination, quoted.payload), (to, datagram));
    }
}
