//! The keyed 64-bit token that proves a reply ours: SipHash-1-3 (Aumasson and Bernstein, 2012).
//!
//! Written out here because the token is on the wire and in goldens, and must not change with a
//! library. One and three rounds, not two and four: a token lives for seconds, is worth one forged
//! reply, and is made twice a probe. Hash tables that strangers fill use it too.

use std::net::IpAddr;

/// A secret: whoever does not know it can neither make a token nor tell which inputs collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub [u64; 2]);

impl Key {
    /// The token of the probe `ticket` to `to`.
    pub fn token(&self, ticket: u64, to: IpAddr) -> u64 {
        let (high, low) = match to {
            IpAddr::V4(address) => (0, u64::from(address.to_bits())),
            IpAddr::V6(address) => ((address.to_bits() >> 64) as u64, address.to_bits() as u64),
        };
        self.hash([ticket, high, low])
    }

    /// SipHash-1-3 of whole words, as of their bytes in little-endian order.
    #[inline]
    pub fn hash<const N: usize>(self, words: [u64; N]) -> u64 {
        let [k0, k1] = self.0;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        let mut take = |word| {
            v[3] ^= word;
            round(&mut v);
            v[0] ^= word;
        };
        words.into_iter().for_each(&mut take);
        // The last block carries the length in bytes.
        take((N as u64 * 8) << 56);
        v[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut v);
        }
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

#[inline]
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        use std::hash::Hasher;
        // Whose default hasher is, today, SipHash-1-3 under a zero key.
        for words in [[0, 0, 0], [1, 2, 3], [u64::MAX, 0x0123_4567_89ab_cdef, 7]] {
            let mut theirs = std::hash::DefaultHasher::new();
            words.iter().for_each(|word: &u64| theirs.write(&word.to_le_bytes()));
            assert_eq!(Key([0, 0]).hash(words), theirs.finish());
        }
    }

    #[test]
    fn reference_vector() {
        // Key 00..0f and no input, from the vectors of the reference implementation.
        let key = Key([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
        assert_eq!(key.hash([]), 0xabac_0158_050f_c4dc);
    }

    #[test]
    fn every_part_counts() {
        let key = Key([1, 2]);
        let to = "192.0.2.1".parse().expect("an address");
        let other = "192.0.2.2".parse().expect("an address");
        let mapped = "::c000:201".parse().expect("an address");
        assert_ne!(key.token(1, to), key.token(2, to));
        assert_ne!(key.token(1, to), key.token(1, other));
        assert_eq!(key.token(1, to), key.token(1, mapped));
        assert_ne!(key.token(1, to), Key([1, 3]).token(1, to));
    }
}
