//! The few rtnetlink requests that set up a device (rtnetlink(7)).

use crate::netlink::{Attributes, Messages, append_attribute, append_message, u32_at, u64_at};
use crate::sys::{Netlink, domain};
use std::io;
use std::net::IpAddr;
use wire::Family;
use wire::prefix::Prefix;

/// A request that is to be acknowledged.
const REQUEST: u16 = 0x0001 | 0x0004;
/// What does not exist is made, what exists is an error.
const CREATE: u16 = 0x0400 | 0x0200;
/// Likewise, but it may stand beside what another device has.
const APPEND: u16 = 0x0400 | 0x0800;

const NEW_LINK: u16 = 16;
const ASK_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;

/// The device is up.
const IS_UP: u32 = 0x0001;

/// Numbers of attributes.
mod attribute {
    pub const LINK_NAME: u16 = 3;
    pub const LINK_MTU: u16 = 4;
    pub const LINK_QUEUE: u16 = 13;
    pub const LINK_COUNTS: u16 = 23;
    pub const ADDRESS: u16 = 1;
    pub const ADDRESS_LOCAL: u16 = 2;
    pub const ADDRESS_FLAGS: u16 = 8;
    pub const ROUTE_TO: u16 = 1;
    pub const ROUTE_DEVICE: u16 = 4;
    pub const ROUTE_SOURCE: u16 = 7;
    pub const ROUTE_METRICS: u16 = 8;
    pub const METRIC_MTU: u16 = 2;
}

/// No duplicate address detection: nobody else is on the link. No route to the address's network:
/// it gets one of ours.
const ADDRESS_FLAGS: u32 = 0x02 | 0x200;

/// What a device does with packets to a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) device: u32,
    pub(crate) to: Prefix,
    /// The address that what has none yet is sent from.
    pub(crate) source: Option<IpAddr>,
    /// The largest packet, if that is less than the device takes.
    pub(crate) mtu_bytes: Option<u32>,
    /// Whether other devices may lead to the same network: then theirs are used first.
    pub(crate) is_shared: bool,
}

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
        append_attribute(body, attribute::ADDRESS_FLAGS, &ADDRESS_FLAGS.to_ne_bytes());
    })
}

/// Leads a network's packets to a device, which needs no neighbours.
pub(crate) fn add_route(way: &Way) -> Vec<u8> {
    /// The main table; made by an administrator; of a link; to one host.
    const RULES: [u8; 4] = [254, 4, 253, 1];
    let flags = REQUEST | if way.is_shared { APPEND } else { CREATE };
    request_of(NEW_ROUTE, flags, |body| {
        body.extend_from_slice(&[domain(way.to.family()), way.to.length(), 0, 0]);
        body.extend_from_slice(&RULES);
        body.extend_from_slice(&[0; 4]);
        if way.to.length() > 0 {
            append_attribute(body, attribute::ROUTE_TO, &octets(way.to.first()));
        }
        append_attribute(body, attribute::ROUTE_DEVICE, &way.device.to_ne_bytes());
        if let Some(source) = way.source {
            append_attribute(body, attribute::ROUTE_SOURCE, &octets(source));
        }
        if let Some(mtu_bytes) = way.mtu_bytes {
            let mut metrics = Vec::new();
            append_attribute(&mut metrics, attribute::METRIC_MTU, &mtu_bytes.to_ne_bytes());
            append_attribute(body, attribute::ROUTE_METRICS, &metrics);
        }
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

/// How many packets a device of that name has dropped that its namespace sent.
///
/// # Errors
/// If the kernel does not say.
pub(crate) fn dropped(kernel: &Netlink, name: &str) -> io::Result<u64> {
    let mut named = name.as_bytes().to_vec();
    named.push(0);
    kernel.send(&request_of(ASK_LINK, 1, |body| {
        body.extend_from_slice(&[0; 16]);
        append_attribute(body, attribute::LINK_NAME, &named);
    }))?;
    let mut answer = vec![0; 32_768];
    let length = kernel.receive(&mut answer)?;
    counted(&answer[..length]).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// The packets in a device's description that were to be sent and were dropped.
fn counted(answer: &[u8]) -> Option<u64> {
    /// Where they are in struct rtnl_link_stats64 (linux/if_link.h): the eighth number.
    const DROPPED_AT: usize = 7 * 8;
    /// Bytes of struct ifinfomsg.
    const FIXED_BYTES: usize = 16;
    let message = Messages::new(answer).next().filter(|message| message.kind == NEW_LINK)?;
    let mut attributes = Attributes::new(message.body.get(FIXED_BYTES..)?);
    let counts = attributes.find(|it| it.kind == attribute::LINK_COUNTS)?;
    u64_at(counts.body, DROPPED_AT)
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
        use crate::netlink::HEADER_BYTES;
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        // What follows the fixed part of each: struct ifinfomsg, ifaddrmsg, rtmsg.
        let source = Some(address);
        let (device, mtu_bytes, is_shared) = (3, Some(600), false);
        let way =
            |bits| Way { device, to: Prefix::of(address, bits), source, mtu_bytes, is_shared };
        for (request, fixed_bytes, kinds) in [
            (raise(3, Some(1_500), None), 16, &[4][..]),
            (add_address(3, address, 24), 8, &[2, 1, 8]),
            (add_route(&way(24)), 12, &[1, 4, 7, 8]),
            (add_route(&Way { source: None, mtu_bytes: None, ..way(0) }), 12, &[4]),
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
