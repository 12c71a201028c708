//! What names a road's probes on the wire: two marks of 16 bits, each an affine map of the probe's
//! number over the field of 65,521 elements, so that it leads back to the number, is never 0 and
//! never 0xffff, and says nothing to whoever does not know the run's key.

use crate::token::Key;
use std::net::IpAddr;

/// The largest prime below 2^16: as many probes of a road can be told apart.
const PRIME: u64 = 65_521;

/// Names probes, and finds their numbers again.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    key: Key,
    mark: Affine,
    identification: Affine,
}

/// x -> factor * x + offset, and back.
#[derive(Clone, Copy, Debug)]
struct Affine {
    factor: u64,
    offset: u64,
    inverse: u64,
}

impl Identity {
    pub fn new(key: Key) -> Identity {
        let [first, second] = key.0;
        let mixed = key.token(first, IpAddr::from([0; 4])) ^ second.rotate_left(32);
        let mark = Affine::new(mixed);
        // A mark and an identification that are equal for all numbers would be one name, not two.
        let identification = Affine::new(mixed.rotate_left(29) ^ 0x9e37_79b9_7f4a_7c15);
        Identity { key, mark, identification }
    }

    /// The name that the transport message bears.
    pub fn mark(&self, number: u64) -> u16 {
        self.mark.of(number)
    }

    /// The name that the IPv4 header bears.
    pub fn identification(&self, number: u64) -> u16 {
        self.identification.of(number)
    }

    /// What proves a probe to `to` ours.
    pub fn token(&self, number: u64, to: IpAddr) -> u64 {
        self.key.token(number, to)
    }

    /// The checksum at which the probes of a flow are held.
    pub fn flow(&self, flow: u16) -> u16 {
        let mixed = self.key.token(u64::from(flow), IpAddr::from([255; 4]));
        1 + (mixed % PRIME) as u16
    }

    /// The newest of `count` probes that bears a mark.
    pub fn number_of_mark(&self, mark: u16, count: u64) -> Option<u64> {
        newest(self.mark.back(mark)?, PRIME, count)
    }

    /// The newest of `count` probes that bears an identification.
    pub fn number_of_identification(&self, identification: u16, count: u64) -> Option<u64> {
        newest(self.identification.back(identification)?, PRIME, count)
    }
}

/// The newest of `count` numbers, which count from 0, that leaves `rest` modulo `modulus`.
pub(crate) fn newest(rest: u64, modulus: u64, count: u64) -> Option<u64> {
    let newest = count.checked_sub(1)?;
    newest.checked_sub((newest + modulus - rest) % modulus)
}

impl Affine {
    fn new(random: u64) -> Affine {
        let factor = 1 + (random >> 32) % (PRIME - 1);
        Affine { factor, offset: (random & 0xffff_ffff) % PRIME, inverse: power(factor, PRIME - 2) }
    }

    fn of(&self, number: u64) -> u16 {
        1 + ((self.factor * (number % PRIME) + self.offset) % PRIME) as u16
    }

    fn back(&self, mark: u16) -> Option<u64> {
        let value = u64::from(mark).checked_sub(1).filter(|value| *value < PRIME)?;
        Some((value + PRIME - self.offset) % PRIME * self.inverse % PRIME)
    }
}

/// `base` to the power `exponent` modulo [`PRIME`]; to the power PRIME - 2 it is the inverse
/// (Fermat).
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_numbers() {
        for seed in 0..20 {
            let identity = Identity::new(Key([seed, seed.wrapping_mul(77)]));
            let count = 200_000;
            for number in (count - PRIME..count).step_by(13) {
                let (mark, id) = (identity.mark(number), identity.identification(number));
                assert!((1..=65_521).contains(&mark) && (1..=65_521).contains(&id));
                assert_eq!(identity.number_of_mark(mark, count), Some(number));
                assert_eq!(identity.number_of_identification(id, count), Some(number));
            }
            for mark in [0, 65_522, 65_535] {
                assert_eq!(identity.number_of_mark(mark, count), None);
            }
        }
    }

    #[test]
    fn a_name_not_given_yet_leads_nowhere() {
        let identity = Identity::new(Key([1, 2]));
        assert_eq!(identity.number_of_mark(identity.mark(5), 5), None);
        assert_eq!(identity.number_of_mark(identity.mark(5), 6), Some(5));
        assert_eq!(identity.number_of_mark(identity.mark(0), 0), None);
    }
}
