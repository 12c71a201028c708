//! What extends ICMP errors (RFC 4884): MPLS labels (RFC 4950), interfaces (RFC 5837), and the
//! object with which an extended echo names an interface (RFC 8335 §2.1). Other objects are kept as
//! bytes.

use crate::{Malformed, array, be16, be32, checksum};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An extension structure: a header and objects, RFC 4884 §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure<'a> {
    /// Whether there is a checksum, which then is right; senders may leave it 0.
    pub has_checksum: bool,
    /// The objects: see [`Structure::objects`].
    pub bytes: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Parses a structure that ends with `bytes`.
    ///
    /// # Errors
    /// If it is cut, of another version than 2, or fails its checksum.
    pub fn parse(bytes: &'a [u8]) -> Result<Structure<'a>, Malformed> {
        let [version, _, c0, c1]: [u8; 4] = array(bytes, 0)?;
        if version >> 4 != 2 {
            return Err(Malformed::Value(0));
        }
        let has_checksum = [c0, c1] != [0, 0];
        if has_checksum && checksum::of(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Structure { has_checksum, bytes: &bytes[4..] })
    }

    /// The objects, in order; ends after the first that is malformed.
    pub fn objects(&self) -> Objects<'a> {
        Objects { bytes: self.bytes, at: 0 }
    }

    /// Appends the structure to `out`, with its checksum if it has one.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0x20, 0, 0, 0]);
        out.extend_from_slice(self.bytes);
        if self.has_checksum {
            // 0 would say that there is none; all ones is the same number (RFC 1071 §2).
            let sum = match checksum::of(&out[start..]) {
                0 => 0xffff,
                sum => sum,
            };
            out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// One object of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Its class: 1 MPLS label stack, 2 interface information, 3 interface identification.
    pub class: u8,
    /// Its type within the class.
    pub kind: u8,
    /// Its content: see [`Object::content`].
    pub body: &'a [u8],
}

impl<'a> Object<'a> {
    /// What the object says.
    ///
    /// # Errors
    /// If its content is cut or impossible for its class.
    pub fn content(&self) -> Result<Content<'a>, Malformed> {
        match (self.class, self.kind) {
            (1, 1) if self.body.len().is_multiple_of(4) => Ok(Content::Mpls(Labels(self.body))),
            (2, kind) => Interface::parse(kind, self.body).map(Content::Interface),
            (3, 1) => Ok(Content::InterfaceName(trim(self.body))),
            (3, 2) => be32(self.body, 0).map(Content::InterfaceIndex),
            (3, 3) => {
                let [a0, a1, length, _]: [u8; 4] = array(self.body, 0)?;
                let family = u16::from_be_bytes([a0, a1]);
                let needed = 4 + usize::from(length);
                let address = self.body.get(4..needed);
                let got = self.body.len();
                let address = address.ok_or(Malformed::Truncated { needed, got })?;
                Ok(Content::InterfaceAddress { family, address })
            }
            _ => Ok(Content::Unknown(self.body)),
        }
    }

    /// Appends the object to `out`.
    ///
    /// # Errors
    /// If its length does not fit 16 bits.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let bytes = self.body.len().saturating_add(4);
        let length = u16::try_from(bytes).map_err(|_| Malformed::TotalLength(bytes))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[self.class, self.kind]);
        out.extend_from_slice(self.body);
        Ok(())
    }
}

/// The objects of a structure.
#[derive(Clone, Copy, Debug)]
pub struct Objects<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Objects<'a> {
    /// Reads objects without their structure's header.
    pub fn new(bytes: &'a [u8]) -> Objects<'a> {
        Objects { bytes, at: 0 }
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let whole = be16(rest, 0).ok().and_then(|length| rest.get(..usize::from(length)));
        let Some([_, _, class, kind, body @ ..]) = whole else {
            let at = std::mem::replace(&mut self.at, self.bytes.len());
            return Some(Err(Malformed::Option(at)));
        };
        self.at += body.len() + 4;
        Some(Ok(Object { class: *class, kind: *kind, body }))
    }
}

/// What an object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// The MPLS labels with which the datagram arrived.
    Mpls(Labels<'a>),
    /// An interface that the datagram passed or would have.
    Interface(Interface<'a>),
    /// Asks after the interface of that name.
    InterfaceName(&'a [u8]),
    /// Asks after the interface of that index.
    InterfaceIndex(u32),
    /// Asks after the interface of that address.
    InterfaceAddress {
        /// IANA address family number: 1 IPv4, 2 IPv6, 16389 EUI-48, 16390 EUI-64.
        family: u16,
        /// The address.
        address: &'a [u8],
    },
    /// Anything else.
    Unknown(&'a [u8]),
}

/// A stack of MPLS labels, outermost first; 4 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels<'a>(pub &'a [u8]);

/// An entry of an MPLS label stack, RFC 3032 §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label, 20 bits.
    pub label: u32,
    /// Traffic class, 3 bits (RFC 5462).
    pub traffic_class: u8,
    /// Whether it is the innermost.
    pub is_bottom: bool,
    /// Hops left.
    pub hop_limit: u8,
}

impl<'a> Labels<'a> {
    /// The labels, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = Label> + use<'a> {
        self.0.as_chunks::<4>().0.iter().map(|entry| {
            let word = u32::from_be_bytes(*entry);
            Label {
                label: word >> 12,
                traffic_class: (word >> 9 & 7) as u8,
                is_bottom: word & 0x100 != 0,
                hop_limit: entry[3],
            }
        })
    }
}

impl Label {
    /// The entry on the wire. Bits beyond a field's width are cut off.
    pub fn bytes(&self) -> [u8; 4] {
        let word = self.label << 12
            | u32::from(self.traffic_class & 7) << 9
            | u32::from(self.is_bottom) << 8
            | u32::from(self.hop_limit);
        word.to_be_bytes()
    }
}

/// What an interface has to do with the datagram, RFC 5837 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The datagram arrived on it.
    Incoming,
    /// A component below IP of the interface that it arrived on.
    Component,
    /// The datagram would have left by it.
    Outgoing,
    /// The next hop that it would have been sent to.
    NextHop,
}

/// Interface information, RFC 5837 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface<'a> {
    /// What it has to do with the datagram.
    pub role: Role,
    /// Its index.
    pub index: Option<u32>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its name, at most 63 bytes of UTF-8, padding left out.
    pub name: Option<&'a [u8]>,
    /// Its MTU in bytes.
    pub mtu_bytes: Option<u32>,
}

/// Which node sent the error: class 5 (draft-ietf-intarea-extended-icmp-nodeid-04 §3). It lays out
/// address and name as an interface does, and names them by the same bits of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// An address that is the node's alone.
    pub address: Option<IpAddr>,
    /// Its name, at most 63 bytes of UTF-8, padding left out.
    pub name: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    /// The object's class.
    pub const CLASS: u8 = 5;

    /// Reads the content of an object of that class; `kind` is its type.
    ///
    /// # Errors
    /// If it is cut or impossible.
    pub fn parse(kind: u8, body: &'a [u8]) -> Result<Node<'a>, Malformed> {
        let Interface { address, name, .. } =
            Interface::parse(kind & (HAS_ADDRESS | HAS_NAME), body)?;
        Ok(Node { address, name })
    }
}

const HAS_INDEX: u8 = 0x08;
const HAS_ADDRESS: u8 = 0x04;
const HAS_NAME: u8 = 0x02;
const HAS_MTU: u8 = 0x01;

impl<'a> Interface<'a> {
    fn parse(kind: u8, body: &'a [u8]) -> Result<Interface<'a>, Malformed> {
        let role = match kind >> 6 {
            0 => Role::Incoming,
            1 => Role::Component,
            2 => Role::Outgoing,
            _ => Role::NextHop,
        };
        let mut interface =
            Interface { role, index: None, address: None, name: None, mtu_bytes: None };
        let mut at = 0;
        if kind & HAS_INDEX != 0 {
            interface.index = Some(be32(body, at)?);
            at += 4;
        }
        if kind & HAS_ADDRESS != 0 {
            let (address, bytes): (IpAddr, usize) = match be16(body, at)? {
                1 => (Ipv4Addr::from(be32(body, at + 4)?).into(), 8),
                2 => (Ipv6Addr::from(array::<16>(body, at + 4)?).into(), 20),
                _ => return Err(Malformed::Value(at)),
            };
            interface.address = Some(address);
            at += bytes;
        }
        if kind & HAS_NAME != 0 {
            let [length]: [u8; 1] = array(body, at)?;
            let end = at + usize::from(length);
            // The length counts itself and the padding to 4 bytes (RFC 5837 §4.3).
            if length == 0 || length > 64 || !length.is_multiple_of(4) {
                return Err(Malformed::Option(at));
            }
            let name = body.get(at + 1..end);
            let name = name.ok_or(Malformed::Truncated { needed: end, got: body.len() })?;
            interface.name = Some(trim(name));
            at = end;
        }
        if kind & HAS_MTU != 0 {
            interface.mtu_bytes = Some(be32(body, at)?);
        }
        Ok(interface)
    }

    /// Appends the object that says this to `out`. A name beyond 63 bytes is cut.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let mut kind = match self.role {
            Role::Incoming => 0x00,
            Role::Component => 0x40,
            Role::Outgoing => 0x80,
            Role::NextHop => 0xc0,
        };
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        if let Some(index) = self.index {
            kind |= HAS_INDEX;
            out.extend_from_slice(&index.to_be_bytes());
        }
        if let Some(address) = self.address {
            kind |= HAS_ADDRESS;
            match address {
                IpAddr::V4(v4) => {
                    out.extend_from_slice(&[0, 1, 0, 0]);
                    out.extend_from_slice(&v4.octets());
                }
                IpAddr::V6(v6) => {
                    out.extend_from_slice(&[0, 2, 0, 0]);
                    out.extend_from_slice(&v6.octets());
                }
            }
        }
        if let Some(name) = self.name {
            kind |= HAS_NAME;
            let name = &name[..name.len().min(63)];
            let bytes = (name.len() + 1).next_multiple_of(4);
            out.push(bytes as u8);
            out.extend_from_slice(name);
            out.resize(out.len() + bytes - 1 - name.len(), 0);
        }
        if let Some(mtu_bytes) = self.mtu_bytes {
            kind |= HAS_MTU;
            out.extend_from_slice(&mtu_bytes.to_be_bytes());
        }
        let length = (out.len() - start) as u16;
        out[start..start + 2].copy_from_slice(&length.to_be_bytes());
        out[start + 2..start + 4].copy_from_slice(&[2, kind]);
    }
}

/// A name without the zeros that pad it.
fn trim(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &name[..end]
}

/// The body of an error with extensions: the quote padded to at least 128 bytes and to the unit of
/// the length attribute, and the structure; and the attribute's value. `unit_bytes` is 4 in IPv4,
/// where the attribute is the message's byte 5, and 8 in IPv6, where it is byte 4 (RFC 4884 §4).
///
/// # Errors
/// If the quote is longer than the attribute can say.
pub fn extend(
    quote: &[u8],
    structure: &Structure<'_>,
    unit_bytes: usize,
) -> Result<(u8, Vec<u8>), Malformed> {
    let mut body = quote.to_vec();
    body.resize(body.len().max(128).next_multiple_of(unit_bytes), 0);
    let length = u8::try_from(body.len() / unit_bytes);
    let length = length.map_err(|_| Malformed::TotalLength(quote.len()))?;
    structure.emit(&mut body);
    Ok((length, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back_as_written() {
        let labels = [
            Label { label: 0xfffff, traffic_class: 0, is_bottom: false, hop_limit: 1 },
            Label { label: 16, traffic_class: 7, is_bottom: true, hop_limit: 255 },
        ];
        let bytes: Vec<u8> = labels.iter().flat_map(Label::bytes).collect();
        assert_eq!(Labels(&bytes).iter().collect::<Vec<_>>(), labels);
    }

    #[test]
    fn an_interface_reads_back_as_written() {
        let full = Interface {
            role: Role::Outgoing,
            index: Some(7),
            address: Some(IpAddr::from([192, 0, 2, 1])),
            name: Some(b"ge-0/0/1.0"),
            mtu_bytes: Some(9000),
        };
        let bare = Interface { index: None, address: None, name: None, ..full };
        let long = [b'x'; 63];
        let v6 = Interface { address: Some(Ipv6Addr::LOCALHOST.into()), name: Some(&long), ..bare };
        for interface in [full, bare, v6] {
            let mut bytes = Vec::new();
            interface.emit(&mut bytes);
            let object = Objects { bytes: &bytes, at: 0 }.next().unwrap().unwrap();
            assert_eq!(object.content(), Ok(Content::Interface(interface)));
        }
    }

    #[test]
    fn a_node_is_read_by_its_bits() {
        let body = [0, 1, 0, 0, 192, 0, 2, 254, 8, b'c', b'o', b'r', b'e', b'-', b'1', 0, 9, 9];
        let address = Some(IpAddr::from([192, 0, 2, 254]));
        let name = Some(&b"core-1"[..]);
        assert_eq!(Node::parse(6, &body), Ok(Node { address, name }));
        // Reserved bits say nothing.
        assert_eq!(Node::parse(0xf9 | 4, &body), Ok(Node { address, name: None }));
        assert_eq!(Node::parse(2, &body[8..]), Ok(Node { address: None, name }));
        assert_eq!(Node::parse(0, &[]), Ok(Node { address: None, name: None }));
        assert!(Node::parse(6, &body[..12]).is_err());
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_none_is_allowed() {
        let mut bytes = Vec::new();
        Structure { has_checksum: true, bytes: &[0, 4, 9, 9] }.emit(&mut bytes);
        assert!(Structure::parse(&bytes).unwrap().has_checksum);
        bytes[2] ^= 1;
        assert_eq!(Structure::parse(&bytes), Err(Malformed::Checksum));
        bytes[2..4].fill(0);
        assert!(!Structure::parse(&bytes).unwrap().has_checksum);
    }

    #[test]
    fn an_object_of_impossible_length_ends_the_list() {
        for bytes in [&[0, 3, 1, 1][..], &[0, 5, 1, 1], &[0, 0, 1, 1], &[0]] {
            let read: Vec<_> = Objects { bytes, at: 0 }.collect();
            assert_eq!(read, [Err(Malformed::Option(0))]);
        }
    }
}
