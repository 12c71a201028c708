//! A datagram in outline: whose it is and where its payload begins. It costs a fraction of a whole
//! parse, which begins with it.

use super::{Fragment, extensions};
use crate::{Family, Malformed, array, be16};

/// What a middlebox needs to know of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The IP version.
    pub family: Family,
    /// Source address as a number; IPv4's in the lower 32 bits.
    pub source: u128,
    /// Destination address, likewise.
    pub destination: u128,
    /// The upper layer's protocol number (IPv6: after all extension headers).
    pub protocol: u8,
    /// Where the upper layer's bytes begin; never behind the end of what there is.
    pub payload_at: usize,
    /// Length that the header states, header included; at least `payload_at`.
    pub total_bytes: usize,
    /// Set if this is a fragment (also the first).
    pub fragment: Option<Fragment>,
}

impl Outline {
    /// Of a datagram, or of the start of one as an ICMP error quotes it: headers whole, payload
    /// cut.
    ///
    /// # Errors
    /// If the fixed header, options or extension headers are cut or impossible.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Outline, Malformed> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => v4(bytes),
            Some(6) => v6(bytes),
            Some(version) => Err(Malformed::Version(version)),
            None => Err(Malformed::Truncated { needed: 1, got: 0 }),
        }
    }

    /// Whether all of the datagram is there.
    #[inline]
    pub fn is_whole(&self, bytes: &[u8]) -> bool {
        self.total_bytes <= bytes.len()
    }

    /// The upper layer's bytes of the datagram that this is of; shorter than stated only in a
    /// quote.
    #[inline]
    pub fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.payload_at..self.total_bytes.min(bytes.len())).unwrap_or_default()
    }

    /// Whether it is a fragment whose payload does not begin with a transport header.
    #[inline]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|fragment| fragment.offset_bytes != 0)
    }
}

#[inline]
fn v4(bytes: &[u8]) -> Result<Outline, Malformed> {
    let fixed: [u8; 20] = array(bytes, 0)?;
    let header_bytes = usize::from(fixed[0] & 0x0f) * 4;
    if header_bytes < 20 {
        return Err(Malformed::HeaderLength(header_bytes));
    }
    if header_bytes > bytes.len() {
        return Err(Malformed::Truncated { needed: header_bytes, got: bytes.len() });
    }
    let total_bytes = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    if total_bytes < header_bytes {
        return Err(Malformed::TotalLength(total_bytes));
    }
    let flags = u16::from_be_bytes([fixed[6], fixed[7]]);
    let offset_bytes = (flags & 0x1fff) * 8;
    let more = flags & 0x2000 != 0;
    let identification = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    let fragment = Fragment { identification, offset_bytes, more };
    Ok(Outline {
        family: Family::V4,
        source: u128::from(u32::from_be_bytes([fixed[12], fixed[13], fixed[14], fixed[15]])),
        destination: u128::from(u32::from_be_bytes([fixed[16], fixed[17], fixed[18], fixed[19]])),
        protocol: fixed[9],
        payload_at: header_bytes,
        total_bytes,
        fragment: (more || offset_bytes != 0).then_some(fragment),
    })
}

#[inline]
fn v6(bytes: &[u8]) -> Result<Outline, Malformed> {
    let source = u128::from_be_bytes(array(bytes, 8)?);
    let destination = u128::from_be_bytes(array(bytes, 24)?);
    let total_bytes = 40 + usize::from(be16(bytes, 4)?);
    let chain = extensions::walk(bytes[6], &bytes[40..total_bytes.min(bytes.len())])?;
    Ok(Outline {
        family: Family::V6,
        source,
        destination,
        protocol: chain.protocol,
        payload_at: 40 + chain.bytes,
        total_bytes,
        fragment: chain.fragment,
    })
}
