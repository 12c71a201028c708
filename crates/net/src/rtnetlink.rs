//! The few rtnetlink messages that set up a device (rtnetlink(7)): bytes only, nothing is sent.

use std::net::IpAddr;

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
    let mut message = Message::begin(NEW_LINK, REQUEST);
    message.bytes.extend_from_slice(&[0; 4]);
    message.word(device).word(IS_UP).word(IS_UP);
    for (kind, value) in [(attribute::LINK_MTU, mtu_bytes), (attribute::LINK_QUEUE, queue)] {
        if let Some(value) = value {
            message.attribute(kind, &value.to_ne_bytes());
        }
    }
    message.end()
}

/// Gives a device an address.
pub(crate) fn add_address(device: u32, address: IpAddr, prefix_bits: u8) -> Vec<u8> {
    let mut message = Message::begin(NEW_ADDRESS, REQUEST | CREATE);
    message.bytes.extend_from_slice(&[family(address), prefix_bits, 0, 0]);
    message.word(device);
    let octets = octets(address);
    message.attribute(attribute::ADDRESS_LOCAL, &octets);
    message.attribute(attribute::ADDRESS, &octets);
    message.attribute(attribute::ADDRESS_FLAGS, &NO_DETECTION.to_ne_bytes());
    message.end()
}

/// Leads a network's packets to a device, which needs no neighbours.
pub(crate) fn add_route(device: u32, to: IpAddr, prefix_bits: u8) -> Vec<u8> {
    /// The main table; made by an administrator; of a link; to one host.
    const RULES: [u8; 4] = [254, 4, 253, 1];
    let mut message = Message::begin(NEW_ROUTE, REQUEST | CREATE);
    message.bytes.extend_from_slice(&[family(to), prefix_bits, 0, 0]);
    message.bytes.extend_from_slice(&RULES);
    message.word(0);
    if prefix_bits > 0 {
        message.attribute(attribute::ROUTE_TO, &octets(to));
    }
    message.attribute(attribute::ROUTE_DEVICE, &device.to_ne_bytes());
    message.end()
}

/// The error in an acknowledgement: 0 for none, else a positive error number; `None` if it is no
/// acknowledgement.
pub(crate) fn acknowledged(message: &[u8]) -> Option<i32> {
    const ERROR: u16 = 2;
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(message.get(16..20)?.try_into().ok()?);
    (kind == ERROR).then(|| code.checked_neg()).flatten()
}

/// A message being written.
struct Message {
    bytes: Vec<u8>,
}

impl Message {
    fn begin(kind: u16, flags: u16) -> Message {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        // Sequence number and port: one question at a time needs neither.
        bytes.extend_from_slice(&[0; 8]);
        Message { bytes }
    }

    fn word(&mut self, word: u32) -> &mut Message {
        self.bytes.extend_from_slice(&word.to_ne_bytes());
        self
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = (4 + value.len()) as u16;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn end(mut self) -> Vec<u8> {
        let length = (self.bytes.len() as u32).to_ne_bytes();
        self.bytes[..4].copy_from_slice(&length);
        self.bytes
    }
}

/// The number of the address family.
fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
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
        message[4] = 2;
        assert_eq!(acknowledged(&message), Some(0));
        message[16..20].copy_from_slice(&(-17_i32).to_ne_bytes());
        assert_eq!(acknowledged(&message), Some(17));
        message[16..20].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert_eq!(acknowledged(&message), None);
        assert_eq!(acknowledged(&message[..18]), None);
    }
}
