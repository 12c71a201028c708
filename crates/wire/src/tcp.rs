//! TCP segments (RFC 9293 §3.1) and their options.

use crate::{Malformed, array, be16, be32, checksum, ip::protocol};
use std::net::IpAddr;

/// Bits of [`Segment::flags`].
pub mod flag {
    /// The sender is done.
    pub const FIN: u16 = 0x01;
    /// Opens a connection.
    pub const SYN: u16 = 0x02;
    /// Ends a connection at once.
    pub const RST: u16 = 0x04;
    /// Hand the data on.
    pub const PSH: u16 = 0x08;
    /// The acknowledgment number counts.
    pub const ACK: u16 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u16 = 0x20;
    /// Congestion was seen (RFC 3168).
    pub const ECE: u16 = 0x40;
    /// The window was reduced (RFC 3168).
    pub const CWR: u16 = 0x80;
    /// Accurate ECN (RFC 9768).
    pub const AE: u16 = 0x100;
}

/// The most bytes of options: data offset 15 less the fixed 20.
pub const OPTIONS_MAX_BYTES: usize = 40;

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// Sequence number of the first byte, or of the SYN.
    pub sequence: u32,
    /// The next sequence number that the sender expects; meaningless without ACK.
    pub acknowledgment: u32,
    /// Bits of [`flag`], 12 with those that are reserved.
    pub flags: u16,
    /// Receive window, not scaled.
    pub window: u16,
    /// End of urgent data relative to the sequence number; meaningless without URG.
    pub urgent: u16,
    /// Options, padding included: see [`Options`].
    pub options: &'a [u8],
    /// The data.
    pub payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// Parses a segment. The checksum is not checked: see [`verify`].
    ///
    /// # Errors
    /// If the header is cut or its length impossible.
    pub fn parse(bytes: &'a [u8]) -> Result<Segment<'a>, Malformed> {
        let fixed: [u8; 20] = array(bytes, 0)?;
        let header_bytes = usize::from(fixed[12] >> 4) * 4;
        if header_bytes < 20 {
            return Err(Malformed::HeaderLength(header_bytes));
        }
        let got = bytes.len();
        let options = bytes.get(20..header_bytes);
        Ok(Segment {
            source_port: be16(bytes, 0)?,
            destination_port: be16(bytes, 2)?,
            sequence: be32(bytes, 4)?,
            acknowledgment: be32(bytes, 8)?,
            flags: be16(bytes, 12)? & 0x0fff,
            window: be16(bytes, 14)?,
            urgent: be16(bytes, 18)?,
            options: options.ok_or(Malformed::Truncated { needed: header_bytes, got })?,
            payload: &bytes[header_bytes..],
        })
    }

    /// The options, in order.
    pub fn options(&self) -> Options<'a> {
        Options::new(self.options)
    }

    /// Appends the segment to `out`, with its checksum.
    ///
    /// # Errors
    /// If the options are too long or not padded to 4 bytes.
    pub fn emit(
        &self,
        source: IpAddr,
        destination: IpAddr,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let header_bytes = self.options.len().saturating_add(20);
        if self.options.len() > OPTIONS_MAX_BYTES || !header_bytes.is_multiple_of(4) {
            return Err(Malformed::HeaderLength(header_bytes));
        }
        let start = out.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.acknowledgment.to_be_bytes());
        let offset_and_flags = (header_bytes as u16 / 4) << 12 | self.flags & 0x0fff;
        out.extend_from_slice(&offset_and_flags.to_be_bytes());
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.urgent.to_be_bytes());
        out.extend_from_slice(self.options);
        out.extend_from_slice(self.payload);
        let sum = sum(source, destination, &out[start..]).finish();
        out[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
        Ok(())
    }
}

/// Whether the checksum of a whole segment between two addresses is right.
pub fn verify(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> bool {
    sum(source, destination, bytes).finish() == 0
}

fn sum(source: IpAddr, destination: IpAddr, bytes: &[u8]) -> checksum::Sum {
    checksum::Sum::new().pseudo_header(source, destination, protocol::TCP, bytes.len()).bytes(bytes)
}

/// One option. An option of a known kind whose length is not that kind's counts as unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// The rest is padding.
    End,
    /// One byte of padding.
    NoOperation,
    /// The largest segment that the sender takes.
    MaximumSegmentSize(u16),
    /// Windows are to be shifted left by that much (RFC 7323 §2).
    WindowScale(u8),
    /// The sender takes selective acknowledgments (RFC 2018).
    SackPermitted,
    /// What arrived out of order.
    Sack(Blocks<'a>),
    /// Timestamps (RFC 7323 §3).
    Timestamps {
        /// The sender's.
        value: u32,
        /// The receiver's latest.
        echo: u32,
    },
    /// Fast open (RFC 7413): a cookie, or an empty one as a request.
    FastOpen(&'a [u8]),
    /// Any other.
    Unknown {
        /// Its kind.
        kind: u8,
        /// Its data.
        body: &'a [u8],
    },
}

/// Blocks of a selective acknowledgment, 8 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks<'a>(pub &'a [u8]);

impl<'a> Blocks<'a> {
    /// First sequence number, and the one behind the last, of each.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        self.0.as_chunks::<8>().0.iter().map(|&[a, b, c, d, e, f, g, h]| {
            (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
        })
    }
}

impl<'a> TcpOption<'a> {
    fn parse(kind: u8, body: &'a [u8]) -> TcpOption<'a> {
        match (kind, body) {
            (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
            (3, &[shift]) => TcpOption::WindowScale(shift),
            (4, []) => TcpOption::SackPermitted,
            (5, [_, ..]) if body.len().is_multiple_of(8) => TcpOption::Sack(Blocks(body)),
            (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo: u32::from_be_bytes([e, f, g, h]),
            },
            (34, cookie) => TcpOption::FastOpen(cookie),
            _ => TcpOption::Unknown { kind, body },
        }
    }

    /// Appends the option to `out`.
    ///
    /// # Errors
    /// If it is longer than a header has room for.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut put = |kind: u8, parts: &[&[u8]]| {
            let bytes = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
            if bytes > OPTIONS_MAX_BYTES {
                return Err(Malformed::HeaderLength(20 + bytes));
            }
            out.extend_from_slice(&[kind, bytes as u8]);
            parts.iter().for_each(|part| out.extend_from_slice(part));
            Ok(())
        };
        match self {
            TcpOption::MaximumSegmentSize(bytes) => put(2, &[&bytes.to_be_bytes()]),
            TcpOption::WindowScale(shift) => put(3, &[&[*shift]]),
            TcpOption::SackPermitted => put(4, &[]),
            TcpOption::Sack(blocks) => put(5, &[blocks.0]),
            TcpOption::Timestamps { value, echo } => {
                put(8, &[&value.to_be_bytes(), &echo.to_be_bytes()])
            }
            TcpOption::FastOpen(cookie) => put(34, &[cookie]),
            TcpOption::Unknown { kind, body } => put(*kind, &[body]),
            TcpOption::End => {
                out.push(0);
                Ok(())
            }
            TcpOption::NoOperation => {
                out.push(1);
                Ok(())
            }
        }
    }
}

/// The options of a segment, in order, the end of the list included. Ends after the first that is
/// malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Options<'a> {
    /// Reads options as they stand behind the fixed header.
    pub fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { bytes, at: 0 }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<TcpOption<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        match *rest.first()? {
            0 => {
                self.at = self.bytes.len();
                return Some(Ok(TcpOption::End));
            }
            1 => {
                self.at += 1;
                return Some(Ok(TcpOption::NoOperation));
            }
            _ => {}
        }
        let whole = rest.get(1).and_then(|length| rest.get(..usize::from(*length)));
        let Some([kind, _, body @ ..]) = whole else {
            let at = std::mem::replace(&mut self.at, self.bytes.len());
            return Some(Err(Malformed::Option(at)));
        };
        self.at += body.len() + 2;
        Some(Ok(TcpOption::parse(*kind, body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_as_written() {
        let options = [
            TcpOption::MaximumSegmentSize(1460),
            TcpOption::NoOperation,
            TcpOption::WindowScale(7),
            TcpOption::SackPermitted,
            TcpOption::Sack(Blocks(&[1; 16])),
            TcpOption::Timestamps { value: 1, echo: u32::MAX },
            TcpOption::FastOpen(&[]),
            TcpOption::Unknown { kind: 253, body: &[1, 2] },
            TcpOption::End,
        ];
        let mut bytes = Vec::new();
        for option in options {
            option.emit(&mut bytes).unwrap();
        }
        assert_eq!(Options::new(&bytes).map(Result::unwrap).collect::<Vec<_>>(), options);
    }

    #[test]
    fn impossible_lengths_end_the_list() {
        for bytes in [&[2][..], &[2, 0], &[2, 1], &[2, 4, 5]] {
            let read: Vec<_> = Options::new(bytes).collect();
            assert_eq!(read, [Err(Malformed::Option(0))]);
        }
    }
}
