//! IPv4 headers as the kernel would write them for a socket, so that a send may bring its own
//! (IP_HDRINCL, raw(7)), which spares the kernel a good part of its work.

use super::{Socket, unspecified};
use std::io;
use std::net::IpAddr;
use wire::Family;
use wire::ip::{Header, protocol};

/// No path is believed to take less (`net.ipv4.route.min_pmtu`), so that up to here nobody needs to
/// know the path's MTU. A device of less refuses the send.
const LENGTH_MAX_BYTES: usize = 552;

const HEADER_BYTES: usize = 20;
const HOP_LIMIT_AT: usize = 8;
const DESTINATION_AT: usize = 16;

/// Writes the headers of one socket's datagrams.
pub(crate) struct Wrapper {
    header: [u8; HEADER_BYTES],
    multicast_hop_limit: u8,
}

impl Wrapper {
    /// Makes a raw ICMP socket's sends bring their header, if messages of that size may; `None` if
    /// the kernel is to write it. All other options must have been set.
    pub(crate) fn of(socket: &Socket, message_max_bytes: usize) -> io::Result<Option<Wrapper>> {
        if socket.family != Family::V4 || HEADER_BYTES + message_max_bytes > LENGTH_MAX_BYTES {
            return Ok(None);
        }
        let option = |name| socket.read::<1>(libc::SOL_IP, name).map(|[value]| value);
        let byte = |name| option(name).map(|value| u8::try_from(value).unwrap_or(u8::MAX));
        let nowhere = unspecified(socket.family);
        let dont = libc::IP_PMTUDISC_DONT.cast_unsigned();
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        // What the kernel fills in: the source, the length and the checksum; the identification
        // where it matters, in what may be fragmented (RFC 6864 §4.1).
        Header {
            hop_limit: byte(libc::IP_TTL)?,
            traffic_class: byte(libc::IP_TOS)?,
            dont_fragment: option(libc::IP_MTU_DISCOVER)? != dont,
            ..Header::new(nowhere, nowhere, protocol::ICMP)
        }
        .emit(&[], &mut bytes)
        .expect("a header without options");
        let header = bytes.try_into().expect("a header without options");
        let multicast_hop_limit = byte(libc::IP_MULTICAST_TTL)?;
        socket.include_header(true)?;
        Ok(Some(Wrapper { header, multicast_hop_limit }))
    }

    /// Puts the header in front of a message.
    pub(crate) fn wrap(&self, message: &mut Vec<u8>, to: IpAddr) {
        let IpAddr::V4(to) = to else { return };
        let length = message.len();
        message.extend_from_slice(&self.header);
        message.copy_within(..length, HEADER_BYTES);
        message[..HEADER_BYTES].copy_from_slice(&self.header);
        message[DESTINATION_AT..HEADER_BYTES].copy_from_slice(&to.octets());
        if to.is_multicast() {
            message[HOP_LIMIT_AT] = self.multicast_hop_limit;
        }
    }

    /// Lets the kernel write a socket's headers again.
    pub(crate) fn retire(self, socket: &Socket) -> io::Result<()> {
        socket.include_header(false)
    }

    /// Takes the header off again.
    pub(crate) fn unwrap(message: &mut Vec<u8>) {
        message.drain(..HEADER_BYTES);
    }
}
