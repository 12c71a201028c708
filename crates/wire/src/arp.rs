//! ARP for IPv4 over Ethernet (RFC 826).

use crate::{Malformed, array};
use std::net::Ipv4Addr;

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// 1 request, 2 reply, others as they come.
    pub operation: u16,
    /// The sender's Ethernet address.
    pub sender_link: [u8; 6],
    /// The sender's IPv4 address.
    pub sender: Ipv4Addr,
    /// The target's Ethernet address; unknown, and mostly zero, in a request.
    pub target_link: [u8; 6],
    /// The target's IPv4 address.
    pub target: Ipv4Addr,
}

/// [`Packet::operation`] of a request.
pub const REQUEST: u16 = 1;
/// [`Packet::operation`] of a reply.
pub const REPLY: u16 = 2;

/// Hardware Ethernet, protocol IPv4, lengths 6 and 4.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

impl Packet {
    /// Parses a packet. Bytes behind it (link padding) are left out.
    ///
    /// # Errors
    /// If it is cut, or not of IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        let kind: [u8; 6] = array(bytes, 0)?;
        if let Some(at) = kind.iter().zip(ETHERNET_IPV4).position(|(a, b)| *a != b) {
            return Err(Malformed::Value(at));
        }
        Ok(Packet {
            operation: u16::from_be_bytes(array(bytes, 6)?),
            sender_link: array(bytes, 8)?,
            sender: Ipv4Addr::from(array::<4>(bytes, 14)?),
            target_link: array(bytes, 18)?,
            target: Ipv4Addr::from(array::<4>(bytes, 24)?),
        })
    }

    /// Appends the packet, 28 bytes, to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&ETHERNET_IPV4);
        out.extend_from_slice(&self.operation.to_be_bytes());
        out.extend_from_slice(&self.sender_link);
        out.extend_from_slice(&self.sender.octets());
        out.extend_from_slice(&self.target_link);
        out.extend_from_slice(&self.target.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_hardware_is_refused_where_it_says_so() {
        let mut bytes = Vec::new();
        Packet {
            operation: REQUEST,
            sender_link: [2; 6],
            sender: Ipv4Addr::new(192, 0, 2, 1),
            target_link: [0; 6],
            target: Ipv4Addr::new(192, 0, 2, 2),
        }
        .emit(&mut bytes);
        assert!(Packet::parse(&bytes).is_ok());
        bytes[4] = 8;
        assert_eq!(Packet::parse(&bytes), Err(Malformed::Value(4)));
    }
}
