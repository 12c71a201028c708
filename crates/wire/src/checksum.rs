//! The Internet checksum (RFC 1071), whole and incremental (RFC 1624).

use std::net::IpAddr;

/// A running one's-complement sum, not yet folded or complemented.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// The empty sum.
    pub fn new() -> Sum {
        Sum(0)
    }

    /// Adds bytes; an odd last byte is padded with zero, so only the last piece may be odd.
    pub fn bytes(mut self, bytes: &[u8]) -> Sum {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self = self.add(u64::from_be_bytes(*word));
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        for pair in pairs {
            self = self.word(u16::from_be_bytes(*pair));
        }
        if let [last] = odd {
            self = self.word(u16::from(*last) << 8);
        }
        self
    }

    /// Adds a 16-bit word.
    pub fn word(self, word: u16) -> Sum {
        self.add(word.into())
    }

    /// Adds four words at once (RFC 1071 §2): the carry comes round again.
    fn add(self, words: u64) -> Sum {
        let (sum, carries) = self.0.overflowing_add(words);
        Sum(sum + u64::from(carries))
    }

    /// Adds the pseudo-header of TCP, UDP (RFC 768, RFC 9293 §3.1) or, for IPv6, any upper layer
    /// (RFC 8200 §8.1). Mixed families sum as what they are and never verify.
    pub fn pseudo_header(self, source: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Sum {
        let addresses = match (source, to) {
            (IpAddr::V4(a), IpAddr::V4(b)) => self.bytes(&a.octets()).bytes(&b.octets()),
            (IpAddr::V6(a), IpAddr::V6(b)) => self.bytes(&a.octets()).bytes(&b.octets()),
            (IpAddr::V4(a), IpAddr::V6(b)) => self.bytes(&a.octets()).bytes(&b.octets()),
            (IpAddr::V6(a), IpAddr::V4(b)) => self.bytes(&a.octets()).bytes(&b.octets()),
        };
        addresses.bytes(&(length as u32).to_be_bytes()).word(u16::from(protocol))
    }

    /// The checksum field's value: the folded sum, complemented.
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

/// The checksum of `bytes`; 0 when they contain their own correct checksum.
pub fn of(bytes: &[u8]) -> u16 {
    Sum::new().bytes(bytes).finish()
}

/// The new checksum after one 16-bit word changed from `old` to `new`: HC' = ~(~HC + ~m + m'),
/// RFC 1624 §3.
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Sum::new().word(!checksum).word(!old).word(new).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc1071_example() {
        assert_eq!(of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn rfc1624_section_4_example() {
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn an_odd_last_byte_is_the_high_one() {
        assert_eq!(of(&[0x12]), !0x1200);
    }

    #[test]
    fn every_carry_comes_round() {
        for length in 0..64 {
            let bytes = vec![0xff; length];
            let ones = if length == 0 { 0xffff } else { 0 };
            assert_eq!(of(&bytes), if length % 2 == 0 { ones } else { 0x00ff }, "{length}");
        }
        assert_eq!(Sum::new().bytes(&[0xff; 8]).word(1).finish(), !1);
    }
}
