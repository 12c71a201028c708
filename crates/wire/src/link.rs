//! Link headers: what a captured packet begins with, by the link types of [`crate::pcapng::link`].

use crate::pcapng::link;
use crate::{Malformed, array, be16, be32};

/// What follows a link header (IEEE 802 numbers).
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// A VLAN tag (IEEE 802.1Q).
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// A service provider's VLAN tag (IEEE 802.1ad).
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// Numbers below are a length (IEEE 802.3 §3.2.6).
    pub const FIRST: u16 = 0x0600;
}

/// A captured packet without its link header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the link header says.
    pub header: Header<'a>,
    /// VLAN tags: each its two bytes of control information and the type of what follows.
    pub tags: &'a [u8],
    /// What the payload is: see [`ether_type`]; below [`ether_type::FIRST`] a length.
    pub ether_type: u16,
    /// What is there of the payload.
    pub payload: &'a [u8],
}

/// What a link header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header<'a> {
    /// Ethernet.
    Ethernet {
        /// To whom.
        destination: [u8; 6],
        /// From whom.
        source: [u8; 6],
        /// The type that stands in it: that of a tag if there is one.
        ether_type: u16,
    },
    /// Linux "cooked".
    Cooked {
        /// The interface's number, in the second version.
        interface: Option<u32>,
        /// Whom the packet was for: 0 us, 1 all, 2 a group, 3 somebody else, 4 it left this host.
        kind: u16,
        /// The sender's address, at most 8 bytes.
        source: &'a [u8],
        /// The type that stands in it: that of a tag if there is one.
        ether_type: u16,
    },
    /// None but perhaps the family.
    Bare,
}

impl<'a> Frame<'a> {
    /// Takes the link header off.
    ///
    /// # Errors
    /// If it is cut, or the link type is none of [`link`].
    pub fn parse(link_type: u16, bytes: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        let (header, at) = match link_type {
            link::ETHERNET => {
                let header = Header::Ethernet {
                    destination: array(bytes, 0)?,
                    source: array(bytes, 6)?,
                    ether_type: be16(bytes, 12)?,
                };
                (header, 14)
            }
            link::LINUX_SLL => {
                let length = usize::from(be16(bytes, 4)?).min(8);
                let header = Header::Cooked {
                    interface: None,
                    kind: be16(bytes, 0)?,
                    source: address(bytes, 6, length)?,
                    ether_type: be16(bytes, 14)?,
                };
                (header, 16)
            }
            link::LINUX_SLL2 => {
                let [kind, length]: [u8; 2] = array(bytes, 10)?;
                let header = Header::Cooked {
                    interface: Some(be32(bytes, 4)?),
                    kind: kind.into(),
                    source: address(bytes, 12, usize::from(length).min(8))?,
                    ether_type: be16(bytes, 0)?,
                };
                array::<8>(bytes, 12)?;
                (header, 20)
            }
            link::NULL => return bare(bytes, 4),
            link::RAW | link::RAW_OLD | link::IPV4 | link::IPV6 => return bare(bytes, 0),
            _ => return Err(Malformed::Value(0)),
        };
        let outer = match header {
            Header::Ethernet { ether_type, .. } | Header::Cooked { ether_type, .. } => ether_type,
            Header::Bare => 0,
        };
        let rest = bytes.get(at..).unwrap_or_default();
        let (tags, ether_type) = tags(outer, rest);
        Ok(Frame { header, tags, ether_type, payload: &rest[tags.len()..] })
    }
}

fn address(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Malformed> {
    let needed = at + length;
    bytes.get(at..needed).ok_or(Malformed::Truncated { needed, got: bytes.len() })
}

/// IP that begins there; its own first four bits tell the version.
fn bare(bytes: &[u8], at: usize) -> Result<Frame<'_>, Malformed> {
    let got = bytes.len();
    let payload = bytes.get(at..).ok_or(Malformed::Truncated { needed: at + 1, got })?;
    let ether_type = match payload.first().map(|first| first >> 4) {
        Some(6) => ether_type::IPV6,
        Some(_) => ether_type::IPV4,
        None => return Err(Malformed::Truncated { needed: at + 1, got }),
    };
    Ok(Frame { header: Header::Bare, tags: &[], ether_type, payload })
}

/// The tags behind a header of that type, and the type of what follows them.
fn tags(mut kind: u16, bytes: &[u8]) -> (&[u8], u16) {
    let mut at = 0;
    while matches!(kind, ether_type::VLAN | ether_type::SERVICE_VLAN) {
        let Ok(next) = be16(bytes, at + 2) else { break };
        kind = next;
        at += 4;
    }
    (&bytes[..at], kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_off() {
        let mut bytes = vec![2; 12];
        bytes.extend([0x88, 0xa8, 0, 5, 0x81, 0, 0x20, 10, 8, 0, 0x45]);
        let frame = Frame::parse(link::ETHERNET, &bytes).unwrap();
        assert_eq!((frame.ether_type, frame.payload), (ether_type::IPV4, &[0x45][..]));
        assert_eq!(frame.tags, [0, 5, 0x81, 0, 0x20, 10, 8, 0]);
        // A tag that is cut is the payload.
        let frame = Frame::parse(link::ETHERNET, &bytes[..16]).unwrap();
        assert_eq!((frame.ether_type, frame.payload), (ether_type::SERVICE_VLAN, &[0, 5][..]));
    }

    #[test]
    fn every_link_type_is_read_and_cut_ones_are_refused() {
        let mut cooked = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x86, 0xdd, 0x60].to_vec();
        let frame = Frame::parse(link::LINUX_SLL, &cooked).unwrap();
        let source = &[2, 0, 0, 0, 0, 1][..];
        let header = Header::Cooked { interface: None, kind: 4, source, ether_type: 0x86dd };
        assert_eq!((frame.header, frame.payload), (header, &[0x60][..]));
        cooked = [8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x45].to_vec();
        let frame = Frame::parse(link::LINUX_SLL2, &cooked).unwrap();
        let header = Header::Cooked { interface: Some(9), kind: 4, source, ether_type: 0x0800 };
        assert_eq!((frame.header, frame.payload), (header, &[0x45][..]));
        let frame = Frame::parse(link::NULL, &[2, 0, 0, 0, 0x45]).unwrap();
        assert_eq!((frame.ether_type, frame.payload), (ether_type::IPV4, &[0x45][..]));
        for kind in [link::NULL, link::ETHERNET, link::RAW, link::LINUX_SLL, link::LINUX_SLL2] {
            for length in 0..20 {
                let _ = Frame::parse(kind, &cooked[..length]);
            }
            assert!(Frame::parse(kind, &[]).is_err());
        }
        assert_eq!(Frame::parse(147, &cooked), Err(Malformed::Value(0)));
    }
}
