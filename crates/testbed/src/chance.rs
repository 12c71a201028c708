//! Chance that a test can repeat.

/// Throws of dice, the same ones for the same seed: xorshift (Marsaglia, "Xorshift RNGs", 2003).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// # Panics
    /// If the seed is 0, of which nothing but zeros would come.
    pub fn seeded(seed: u64) -> Dice {
        assert_ne!(seed, 0, "a seed is no 0");
        Dice(seed)
    }

    /// A number from 0 to `bound` - 1.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound
    }

    /// Whether a coin shows heads.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Bytes without a pattern that a mistake could hide in, always the same ones.
pub fn noise(count: usize) -> Vec<u8> {
    let mut dice = Dice::seeded(0x2545_f491_4f6c_dd1d);
    (0..count).map(|_| dice.next() as u8).collect()
}
