//! SipHash-1-3 over words (Aumasson and Bernstein, 2012): a keyed hash, so that nobody outside can
//! choose ports that fall into one slot.

/// A key; whoever does not know it cannot tell which inputs collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key([u64; 2]);

impl Key {
    pub(crate) fn new(halves: [u64; 2]) -> Key {
        Key(halves)
    }

    /// The hash of whole words, as of their bytes in little-endian order.
    #[inline]
    pub(crate) fn hash<const N: usize>(self, words: [u64; N]) -> u64 {
        let [k0, k1] = self.0;
        let mut state = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        // The last block carries the length in bytes.
        for word in words.into_iter().chain([((N as u64) * 8) << 56]) {
            state[3] ^= word;
            round(&mut state);
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut state);
        }
        state[0] ^ state[1] ^ state[2] ^ state[3]
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
    use std::hash::{DefaultHasher, Hasher};

    #[test]
    fn agrees_with_the_standard_library() {
        // Its default hasher is SipHash-1-3 under the key 0.
        for words in [[0, 0, 0], [1, 2, 3], [u64::MAX, 0x0123_4567_89ab_cdef, 7]] {
            let mut hasher = DefaultHasher::new();
            words.iter().for_each(|word: &u64| hasher.write(&word.to_le_bytes()));
            assert_eq!(Key::new([0, 0]).hash(words), hasher.finish());
        }
        assert_ne!(Key::new([0, 0]).hash([1]), Key::new([0, 1]).hash([1]));
    }
}
