//! The few rtnetlink requests that set up a device (rtnetlink(7)).

use crate::netlink::{Messages, append_attribute, append_message, u32_at};
use crate::sys::{Netlink, domain};
use std::io;
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
    request_of(NEW_LINK, REQUEST, |body| {
        body.extend_from_slice(&[0; 4]);
        for word in [device, IS_UP, IS_UP] {
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
    request_of(NEW_ADDRESS, REQUEST | CREATE, |body| {
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
    request_of(NEW_ROUTE, REQUEST | CREATE, |body| {
        body.extend_from_slice(&[domain(Family::of(to)), prefix_bits, 0, 0]);
        body.extend_from_slice(&RULES);
        body.extend_from_slice(&[0; 4]);
        if prefix_bits > 0 {
            append_attribute(body, attribute::ROUTE_TO, &octets(to));
        }
        append_attribute(body, attribute::ROUTE_DEVICE, &device.to_ne_bytes());
    })
}

fn request_of(kind: u16, flags: u16, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    // One question at a time needs no number.
    append_message(&mut out, kind, flags, 0, fill);
    out
}

/// Sends requests in the network namespace of this thread, one after the other; the first that
/// fails ends it.
///
/// # Errors
/// What the kernel says of that one.
pub(crate) fn request(messages: &[Vec<u8>]) -> io::Result<()> {
    let kernel = Netlink::routes()?;
    let mut answer = [0; 4_096];
    for message in messages {
        kernel.send(message)?;
        let length = kernel.receive(&mut answer)?;
        match acknowledged(&answer[..length]) {
            Some(0) => {}
            Some(error) => return Err(io::Error::from_raw_os_error(error)),
            None => return Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    }
    Ok(())
}

/// The error in an acknowledgement: 0 for none, else a positive error number; `None` if it is no
/// acknowledgement.
fn acknowledged(answer: &[u8]) -> Option<i32> {
    let message = Messages::new(answer).next()?;
    let is_one = message.kind == libc::NLMSG_ERROR as u16;
    is_one.then(|| u32_at(message.body, 0)?.cast_signed().checked_neg()).flatten()
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
    fn requests_stand_as_the_kernel_wants_them() {
        use crate::netlink::{Attributes, HEADER_BYTES};
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        // What follows the fixed part of each: struct ifinfomsg, ifaddrmsg, rtmsg.
        for (request, fixed_bytes, kinds) in [
            (raise(3, Some(1_500), None), 16, &[4][..]),
            (add_address(3, address, 24), 8, &[2, 1, 8]),
            (add_route(3, address, 24), 12, &[1, 4]),
            (add_route(3, address, 0), 12, &[4]),
        ] {
            assert_eq!(request.len() % 4, 0);
            let message = Messages::new(&request).next().expect("a message");
            assert_eq!(message.body.len(), request.len() - HEADER_BYTES);
            let attributes = Attributes::new(&message.body[fixed_bytes..]);
            assert_eq!(attributes.map(|it| it.kind).collect::<Vec<u16>>(), kinds);
        }
    }

    #[test]
    fn acknowledgements_carry_an_error_or_none() {
        let answer = |kind, error: i32| {
            let mut out = Vec::new();
            append_message(&mut out, kind, 0, 0, |body| {
                body.extend_from_slice(&error.to_ne_bytes());
                body.extend_from_slice(&[0; 16]);
            });
            out
        };
        assert_eq!(acknowledged(&answer(2, 0)), Some(0));
        assert_eq!(acknowledged(&answer(2, -17)), Some(17));
        assert_eq!(acknowledged(&answer(2, i32::MIN)), None);
        assert_eq!(acknowledged(&answer(3, 0)), None);
        assert_eq!(acknowledged(&answer(2, 0)[..18]), None);
    }
}
