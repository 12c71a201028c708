//! Block numbers: 16 bits on the wire, a count from 1 here. What follows 65,535 is 0, or 1 with
//! servers that never use 0 again; RFC 1350 does not say.

/// How block numbers go round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbers {
    /// The number that follows 65,535: 0 or 1.
    wraps_to: u16,
}

/// Where a block stands beside the one that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is expected, or so many blocks farther.
    Ahead(u64),
    /// So many blocks nearer: at least 1.
    Behind(u64),
    /// No block has that number.
    Nowhere,
}

impl Numbers {
    pub(super) fn new(wraps_to_1: bool) -> Numbers {
        Numbers { wraps_to: u16::from(wraps_to_1) }
    }

    /// How many numbers there are.
    fn round(self) -> u64 {
        65_536 - u64::from(self.wraps_to)
    }

    /// The number of a block; of 0, which is the request, 0.
    pub(super) fn of(self, block: u64) -> u16 {
        match block.checked_sub(u64::from(self.wraps_to)) {
            Some(counted) => (counted % self.round()) as u16 + self.wraps_to,
            None => 0,
        }
    }

    /// Where the block of that number stands beside the expected one, which is at least 1.
    pub(super) fn place(self, number: u16, expected: u64) -> Place {
        let Some(counted) = number.checked_sub(self.wraps_to) else {
            // Block 0 is the request, and never comes round again.
            return if expected == 1 { Place::Behind(1) } else { Place::Nowhere };
        };
        let at = self.of(expected) - self.wraps_to;
        let round = self.round();
        let ahead = (u64::from(counted) + round - u64::from(at)) % round;
        match round - ahead {
            _ if ahead < round / 2 => Place::Ahead(ahead),
            // Nothing stands before the request, nor before block 1 where 0 is the request's alone.
            behind if behind + u64::from(self.wraps_to) > expected => Place::Nowhere,
            behind => Place::Behind(behind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round() {
        let [to_0, to_1] = [false, true].map(Numbers::new);
        for (block, by_0, by_1) in [
            (0, 0, 0),
            (1, 1, 1),
            (65_535, 65_535, 65_535),
            (65_536, 0, 1),
            (65_537, 1, 2),
            (131_070, 65_534, 65_535),
            (131_071, 65_535, 1),
            (131_072, 0, 2),
        ] {
            assert_eq!((to_0.of(block), to_1.of(block)), (by_0, by_1), "{block}");
        }
    }

    #[test]
    fn a_number_is_the_nearest_block_of_that_number() {
        for numbers in [false, true].map(Numbers::new) {
            for expected in [1, 2, 3, 32_767, 65_534, 65_535, 65_536, 65_537, 131_071, 200_000] {
                for ahead in [0, 1, 2, 16_384] {
                    let number = numbers.of(expected + ahead);
                    assert_eq!(numbers.place(number, expected), Place::Ahead(ahead));
                }
                for behind in [1, 2, 16_384] {
                    let Some(block) = u64::checked_sub(expected, behind) else { continue };
                    if block == 0 && expected > 1 {
                        continue;
                    }
                    let number = numbers.of(block);
                    let place = numbers.place(number, expected);
                    assert_eq!(place, Place::Behind(behind), "{expected} {behind}");
                }
            }
        }
    }

    #[test]
    fn nothing_stands_before_the_request() {
        let numbers = Numbers::new(false);
        assert_eq!(numbers.place(65_535, 1), Place::Nowhere);
        assert_eq!(numbers.place(0, 1), Place::Behind(1));
        assert_eq!(Numbers::new(true).place(0, 70_000), Place::Nowhere);
        assert_eq!(Numbers::new(true).place(65_535, 1), Place::Nowhere);
    }
}
