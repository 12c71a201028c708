//! The few rtnetlink messages that set up a device (rtnetlink(7)): bytes only, nothing is sent.

use crate::netlink::{Messages, append_attribute, append_message, u32_at};
use crate::sys::domain;
use std::net::IpAddr;
use wire::Family;

/// A request that is to be acknowledged.
const REQUEST: u16 = 0x0001 | 0x0004;
/// What does not exist is made, what exists is an error.
const CREATE: u16 = 0x0400 | 0x0200;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;

/// The device is up.
const IS_UP: u32 = 0x0001;

/// Numbers of attributes.
mod attribute {
    pub const LINK_MTU: u16 = 4;
    pub const LINK_QUEUE: u16 = 13;
    pub const ADDRESS: u16 = 1;
    pub const ADDRESS_LOCAL: u16 = 2;
    pub const ADDRESS_FLAGS: u16 = 8;
    pub const ROUTE_TO: u16 = 1;
    pub const ROUTE_DEVICE: u16 = 4;
}

/// No duplicate address detection: nobody else is on the link.
const NO_DETECTION: u32 = 0x02;

/// Brings a device up. `mtu_bytes` and the length of its queue in packets stay where they are
/// `None`.
pub(crate) fn raise(device: u32, mtu_bytes: Option<u32>, queue: Option<u32>) -> Vec<u8> {
    message(NEW_LINK, REQUEST, |body| {
        for word in [0, device, IS_UP, IS_UP] {
            body.extend_from_slice(&word.to_ne_bytes());
        }
        for (kind, value) in [(attribute::LINK_MTU, mtu_bytes), (attribute::LINK_QUEUE, queue)] {
            if let Some(value) = value {
                append_attribute(body, kind, &value.to_ne_bytes());
            }
        }
    })
}

/// Gives a device an address.
pub(crate) fn add_address(device: u32, address: IpAddr, prefix_bits: u8) -> Vec<u8> {
    message(NEW_ADDRESS, REQUEST | CREATE, |body| {
        body.extend_from_slice(&[domain(Family::of(address)), prefix_bits, 0, 0]);
        body.extend_from_slice(&device.to_ne_bytes());
        let octets = octets(address);
        append_attribute(body, attribute::ADDRESS_LOCAL, &octets);
        append_attribute(body, attribute::ADDRESS, &octets);
        append_attribute(body, attribute::ADDRESS_FLAGS, &NO_DETECTION.to_ne_bytes());
    })
}

/// Leads a network's packets to a device, which needs no neighbours.
pub(crate) fn add_route(device: u32, to: IpAddr, prefix_bits: u8) -> Vec<u8> {
    /// The main table; made by an administrator; of a link; to one host.
    const RULES: [u8; 4] = [254, 4, 253, 1];
    message(NEW_ROUTE, REQUEST | CREATE, |body| {
        body.extend_from_slice(&[domain(Family::of(to)), prefix_bits, 0, 0]);
        body.extend_from_slice(&RULES);
        body.extend_from_slice(&[0; 4]);
        if prefix_bits > 0 {
            append_attribute(body, attribute::ROUTE_TO, &octets(to));
        }
        append_attribute(body, attribute::ROUTE_DEVICE, &device.to_ne_bytes());
    })
}

/// The error in an acknowledgement: 0 for none, else a positive error number; `None` if it is no
/// acknowledgement.
pub(crate) fn acknowledged(datagram: &[u8]) -> Option<i32> {
    const ERROR: u16 = 2;
    let message = Messages::new(datagram).next().filter(|message| message.kind == ERROR)?;
    u32_at(message.body, 0)?.cast_signed().checked_neg()
}

/// A message alone in its datagram: one question at a time needs no number.
fn message(kind: u16, flags: u16, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut datagram = Vec::new();
    append_message(&mut datagram, kind, flags, 0, fill);
    datagram
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn messages_say_their_length() {
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        for message in [raise(3, Some(1_500), None), add_address(3, address, 24)] {
            let length = u32::from_ne_bytes(message[..4].try_into().expect("four bytes"));
            assert_eq!(length as usize, message.len());
            assert_eq!(message.len() % 4, 0);
        }
    }

    #[test]
    fn acknowledgements_carry_an_error_or_none() {
        let mut message = [0; 36];
        message[..4].copy_from_slice(&36_u32.to_ne_bytes());
        message[4] = 2;
        assert_eq!(acknowledged(&message), Some(0));
        message[16..20].copy_from_slice(&(-17_i32).to_ne_bytes());
        assert_eq!(acknowledged(&message), Some(17));
        message[16..20].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert_eq!(acknowledged(&message), None);
        assert_eq!(acknowledged(&message[..18]), None);
    }
}
