//! NTP packets without what may extend them (RFC 5905 §7.3): a client's question and a server's
//! answer have one layout.

use crate::{Malformed, array};

/// Bytes of the header; extension fields and a MAC may follow.
pub const HEADER_BYTES: usize = 48;

/// Seconds from 1900-01-01, where NTP and the time protocol begin to count, to 1970-01-01.
pub const UNIX_EPOCH_S: u64 = 2_208_988_800;

/// Modes (RFC 5905 §7.3, figure 10).
pub mod mode {
    /// A question to a server.
    pub const CLIENT: u8 = 3;
    /// A server's answer.
    pub const SERVER: u8 = 4;
}

/// An NTP packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Leap indicator, 2 bits: 0 none, 1 a second more, 2 one less, 3 clock not synchronised.
    pub leap: u8,
    /// Version, 3 bits.
    pub version: u8,
    /// Mode, 3 bits: see [`mode`].
    pub mode: u8,
    /// Distance from a reference clock: 1 has one, 0 is a kiss-o'-death, 16 not synchronised.
    pub stratum: u8,
    /// Longest interval between questions, log2 of seconds.
    pub poll: i8,
    /// Precision of the clock, log2 of seconds.
    pub precision: i8,
    /// Round trip to the reference clock, seconds with 16 bits of fraction.
    pub root_delay: u32,
    /// Error bound of the way to the reference clock, seconds with 16 bits of fraction.
    pub root_dispersion: u32,
    /// The reference: an address of four bytes or a hash of one, at stratum 0 and 1 letters.
    pub reference_id: [u8; 4],
    /// When the clock was last set; as all times here seconds since 1900 with 32 bits of fraction,
    /// 0 for unknown.
    pub reference: u64,
    /// What the question had as `transmit`.
    pub origin: u64,
    /// When the question arrived.
    pub receive: u64,
    /// When this was sent; of a question any number that nobody can guess.
    pub transmit: u64,
}

impl Packet {
    /// Reads the header; what follows is left out.
    ///
    /// # Errors
    /// If it is cut.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Malformed> {
        let [first, stratum, poll, precision]: [u8; 4] = array(bytes, 0)?;
        array::<HEADER_BYTES>(bytes, 0)?;
        let word = |at| array(bytes, at).map(u32::from_be_bytes);
        let time = |at| array(bytes, at).map(u64::from_be_bytes);
        Ok(Packet {
            leap: first >> 6,
            version: first >> 3 & 7,
            mode: first & 7,
            stratum,
            poll: poll as i8,
            precision: precision as i8,
            root_delay: word(4)?,
            root_dispersion: word(8)?,
            reference_id: array(bytes, 12)?,
            reference: time(16)?,
            origin: time(24)?,
            receive: time(32)?,
            transmit: time(40)?,
        })
    }

    /// Appends the header to `out`.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.push(self.leap << 6 | (self.version & 7) << 3 | self.mode & 7);
        out.extend_from_slice(&[self.stratum, self.poll as u8, self.precision as u8]);
        out.extend_from_slice(&self.root_delay.to_be_bytes());
        out.extend_from_slice(&self.root_dispersion.to_be_bytes());
        out.extend_from_slice(&self.reference_id);
        for time in [self.reference, self.origin, self.receive, self.transmit] {
            out.extend_from_slice(&time.to_be_bytes());
        }
    }
}

/// Nanoseconds since 1900 of a time as NTP writes it, within the era (2^32 seconds).
pub fn to_ns(time: u64) -> u64 {
    let fraction = ((time & 0xffff_ffff) * 1_000_000_000) >> 32;
    (time >> 32) * 1_000_000_000 + fraction
}

/// A time as NTP writes it, of nanoseconds since 1970-01-01; eras are left out.
pub fn of_unix_ns(unix_ns: i128) -> u64 {
    let seconds = unix_ns.div_euclid(1_000_000_000) + i128::from(UNIX_EPOCH_S);
    let ns = unix_ns.rem_euclid(1_000_000_000) as u64;
    let seconds = seconds.rem_euclid(1 << 32) as u64;
    // Rounded up, so that it reads back as the same nanosecond.
    seconds << 32 | (ns << 32).div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_reads_back_as_written() {
        let bytes: Vec<u8> = (0..52).map(|n| (n * 5) ^ 0xe4).collect();
        let packet = Packet::parse(&bytes).expect("48 bytes are there");
        let mut out = Vec::new();
        packet.emit(&mut out);
        assert_eq!(out, bytes[..HEADER_BYTES]);
        for length in 0..HEADER_BYTES {
            assert!(Packet::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn times_read_back_across_eras() {
        // 2036-02-07 06:28:16 UTC is the first second of era 1 (RFC 5905 §6, figure 4).
        assert_eq!(of_unix_ns(2_085_978_496_000_000_000), 0);
        assert_eq!(of_unix_ns(0) >> 32, UNIX_EPOCH_S);
        for ns in [0, 1, 2, 999_999_999, 1_795_644_781_123_456_789_i128, -1] {
            let back = i128::from(to_ns(of_unix_ns(ns))) - i128::from(UNIX_EPOCH_S) * 1_000_000_000;
            assert_eq!(back, ns);
        }
    }
}
