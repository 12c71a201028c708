//! The lab's own random numbers: xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018).
//!
//! Written out here so that a scenario under a seed runs the same in every release. Each link and
//! direction has a stream of its own: adding a link shifts no other.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of that name under a seed; streams of different names are unrelated.
    pub(crate) fn named(seed: u64, name: &str) -> Random {
        Random::seeded(seed ^ fnv1a(name.as_bytes()))
    }

    /// The stream of a number.
    pub(crate) fn seeded(mut seed: u64) -> Random {
        Random { state: std::array::from_fn(|_| splitmix64(&mut seed)) }
    }

    /// Any 64-bit number.
    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number from 0 to `bound` - 1; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Another random number made of one, another for each `salt`.
pub(crate) fn mixed(random: u64, salt: u64) -> u64 {
    let mut state = random.wrapping_add(salt.wrapping_mul(0xd134_2543_de82_ef95));
    splitmix64(&mut state)
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits: turns a link's name into a number that no library changes.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        let mut seed = 1_234_567;
        assert_eq!(splitmix64(&mut seed), 6_457_827_717_110_365_317);
        assert_eq!(splitmix64(&mut seed), 3_203_168_211_198_807_973);
        let mut random = Random { state: [1, 2, 3, 4] };
        assert_eq!([random.next(), random.next(), random.next()], [11_520, 0, 1_509_978_240]);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn streams_differ_by_name_and_seed_and_repeat() {
        let draw = |seed, name| Random::named(seed, name).next();
        assert_eq!(draw(1, "a-r1"), draw(1, "a-r1"));
        assert_ne!(draw(1, "a-r1"), draw(1, "r1-a"));
        assert_ne!(draw(1, "a-r1"), draw(2, "a-r1"));
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut random = Random::named(7, "dice");
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[random.below(6) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
