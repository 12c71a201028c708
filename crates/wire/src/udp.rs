//! UDP (RFC 768).

use crate::{Malformed, array, checksum, ip::protocol};
use std::net::IpAddr;

/// A UDP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Whether it carries a checksum; without one over IPv6 it is allowed in tunnels only (RFC
    /// 6935).
    pub has_checksum: bool,
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Parses a message. Bytes after the stated length are left out. The checksum is not checked:
    /// see [`verify`].
    ///
    /// # Errors
    /// If the header is cut, or states a length that is impossible or more than there is.
    pub fn parse(bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let [s0, s1, d0, d1, l0, l1, c0, c1]: [u8; 8] = array(bytes, 0)?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length < 8 {
            return Err(Malformed::TotalLength(length));
        }
        let got = bytes.len();
        Ok(Message {
            source_port: u16::from_be_bytes([s0, s1]),
            destination_port: u16::from_be_bytes([d0, d1]),
            has_checksum: [c0, c1] != [0, 0],
            payload: bytes.get(8..length).ok_or(Malformed::Truncated { needed: length, got })?,
        })
    }

    /// Appends the message to `out`, with its checksum if it has one.
    ///
    /// # Errors
    /// If the payload does not fit the 16-bit length.
    pub fn emit(
        &self,
        source: IpAddr,
        destination: IpAddr,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let length = self.payload.len().saturating_add(8);
        let length = u16::try_from(length).map_err(|_| Malformed::TotalLength(length))?;
        let start = out.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(self.payload);
        if self.has_checksum {
            // A sum of 0 is sent as all ones, because 0 says that there is none.
            let sum = match sum(source, destination, &out[start..]).finish() {
                0 => 0xffff,
                sum => sum,
            };
            out[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
        }
        Ok(())
    }
}

/// Whether the checksum of a whole message between two addresses is right, or absent.
pub fn verify(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> bool {
    matches!(bytes, [_, _, _, _, _, _, 0, 0, ..]) || sum(source, destination, bytes).finish() == 0
}

fn sum(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> checksum::Sum {
    checksum::Sum::new().pseudo_header(source, destination, protocol::UDP, bytes.len()).bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_zero_is_sent_as_all_ones() {
        let (source, destination) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut seen = false;
        for word in 0..=0xffff_u16 {
            let payload = word.to_be_bytes();
            let message = Message {
                source_port: 1,
                destination_port: 2,
                has_checksum: true,
                payload: &payload,
            };
            let mut bytes = Vec::new();
            message.emit(source, destination, &mut bytes).unwrap();
            assert_ne!(bytes[6..8], [0, 0]);
            assert!(verify(source, destination, &bytes));
            seen |= bytes[6..8] == [0xff, 0xff];
        }
        assert!(seen);
    }

    #[test]
    fn a_length_below_the_header_is_refused() {
        assert_eq!(Message::parse(&[0, 1, 0, 2, 0, 7, 0, 0]), Err(Malformed::TotalLength(7)));
    }
}
