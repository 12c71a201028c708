//! How jitter is distributed, in whole numbers only: the same on every machine.

use super::scale;
use crate::scenario::impairments::{Jitter, Shape};
use std::time::Duration;

/// One standard deviation in the tables below.
const UNIT: i64 = 4_096;

/// 2/√3 times [`UNIT`]: the inverse of the standard deviation of a Pareto distribution of shape 3.
const PARETO_SCALE: i64 = 4_730;

/// The longest tail, in parts of 65,536 of the least value: 4 of a million would be longer.
const PARETO_MOST: u64 = 64 << 16;

/// What jitter adds to the delay, in nanoseconds, for a 64-bit random number: uniform from 0 to the
/// spread; of the others the mean is 0 and the spread the standard deviation.
pub(super) fn extra_ns(jitter: &Jitter, random: u64) -> i128 {
    let spread = u64::try_from(jitter.spread.as_nanos()).unwrap_or(u64::MAX);
    let units = match jitter.shape {
        Shape::Uniform => return i128::from(scale(random, spread.saturating_add(1))),
        Shape::Normal => normal(random),
        Shape::Pareto => pareto(random),
        // A quarter of the one, three of the other, as tc-netem(8) mixes them.
        Shape::ParetoNormal => {
            let (upper, lower) = (random & !0xffff_ffff, random << 32);
            (normal(upper) + 3 * pareto(lower)) / 4
        }
    };
    i128::from(spread) * i128::from(units) / i128::from(UNIT)
}

/// A delay with its jitter, never less than the least.
pub(super) fn delayed(delay: Duration, extra_ns: i128, least: Duration) -> Duration {
    let ns = (delay.as_nanos() as i128).saturating_add(extra_ns);
    Duration::from_nanos(u64::try_from(ns.max(0)).unwrap_or(u64::MAX)).max(least)
}

/// Normal: a sign, and a quantile of the distance from the mean.
fn normal(random: u64) -> i64 {
    let (is_below, rest) = (random >> 63 == 1, random << 1);
    let (cell, within) = (rest >> 57, rest << 7);
    let quantile = if cell < 127 {
        between(&BODY, cell as usize, within)
    } else {
        between(&TAIL, (within >> 57) as usize, within << 7)
    };
    if is_below { -quantile } else { quantile }
}

/// The value that far into a cell of a table, as a 64-bit fraction.
fn between(table: &[u16], cell: usize, within: u64) -> i64 {
    let (from, to) = (u64::from(table[cell]), u64::from(table[cell + 1]));
    (from + scale(within, to - from + 1)) as i64
}

/// Pareto of shape 3: the inverse cube root of a uniform number, moved to mean 0 and deviation 1.
fn pareto(random: u64) -> i64 {
    let uniform = u128::from(random) + 1;
    // The cube, with 48 binary places, so that the root has 16.
    let cube = (1_u128 << 112) / uniform;
    let root = cube_root(cube).min(PARETO_MOST) as i64;
    ((root - (3 << 15)) * PARETO_SCALE) >> 16
}

/// The largest number whose cube is at most that.
fn cube_root(cube: u128) -> u64 {
    let mut root = 0_u128;
    // 2^112 has a root of 38 bits.
    for bit in (0..38).rev() {
        let next = root | 1 << bit;
        if next * next * next <= cube {
            root = next;
        }
    }
    root as u64
}

/// Quantiles of a normal distribution's distance from its mean, in [`UNIT`]s: of 0/128, 1/128 ..
/// 127/128.
#[rustfmt::skip]
const BODY: [u16; 128] = [
    0, 40, 80, 120, 160, 201, 241, 281, 321, 361, 402, 442, 482, 523, 563, 604, 644, 685, 726,
    766, 807, 848, 889, 930, 972, 1_013, 1_054, 1_096, 1_137, 1_179, 1_221, 1_263, 1_305, 1_347,
    1_390, 1_432, 1_475, 1_518, 1_561, 1_604, 1_648, 1_691, 1_735, 1_779, 1_823, 1_868, 1_912,
    1_957, 2_002, 2_047, 2_093, 2_139, 2_185, 2_231, 2_278, 2_325, 2_372, 2_420, 2_468, 2_516,
    2_565, 2_613, 2_663, 2_713, 2_763, 2_813, 2_864, 2_916, 2_968, 3_020, 3_073, 3_126, 3_180,
    3_235, 3_290, 3_345, 3_402, 3_459, 3_516, 3_575, 3_634, 3_694, 3_754, 3_816, 3_878, 3_941,
    4_005, 4_071, 4_137, 4_204, 4_273, 4_342, 4_414, 4_486, 4_560, 4_635, 4_712, 4_790, 4_871,
    4_953, 5_038, 5_124, 5_213, 5_304, 5_399, 5_496, 5_596, 5_700, 5_807, 5_919, 6_035, 6_157,
    6_284, 6_417, 6_558, 6_706, 6_865, 7_034, 7_216, 7_413, 7_630, 7_870, 8_141, 8_452, 8_822,
    9_282, 9_902, 10_896,
];

/// The last 128th, divided likewise; the very last at 4.5.
#[rustfmt::skip]
const TAIL: [u16; 129] = [
    10_896, 10_906, 10_917, 10_928, 10_939, 10_950, 10_962, 10_973, 10_984, 10_996, 11_007,
    11_019, 11_031, 11_043, 11_054, 11_066, 11_079, 11_091, 11_103, 11_115, 11_128, 11_141,
    11_153, 11_166, 11_179, 11_192, 11_205, 11_219, 11_232, 11_245, 11_259, 11_273, 11_287,
    11_301, 11_315, 11_329, 11_344, 11_358, 11_373, 11_388, 11_403, 11_418, 11_433, 11_449,
    11_464, 11_480, 11_496, 11_513, 11_529, 11_545, 11_562, 11_579, 11_596, 11_614, 11_631,
    11_649, 11_667, 11_685, 11_704, 11_722, 11_741, 11_760, 11_780, 11_800, 11_820, 11_840,
    11_860, 11_881, 11_903, 11_924, 11_946, 11_968, 11_991, 12_014, 12_037, 12_061, 12_085,
    12_109, 12_134, 12_160, 12_186, 12_212, 12_239, 12_267, 12_295, 12_323, 12_352, 12_382,
    12_413, 12_444, 12_476, 12_509, 12_543, 12_577, 12_613, 12_649, 12_686, 12_725, 12_765,
    12_805, 12_848, 12_891, 12_936, 12_983, 13_032, 13_082, 13_135, 13_189, 13_246, 13_306,
    13_369, 13_435, 13_505, 13_579, 13_658, 13_742, 13_833, 13_931, 14_037, 14_154, 14_283,
    14_429, 14_595, 14_790, 15_025, 15_324, 15_737, 16_420, 18_432,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Mean and standard deviation in thousandths of the spread, and the share of it beyond two
    /// deviations above the mean, in thousandths.
    fn moments(shape: Shape) -> (i128, i128, usize) {
        let spread = Duration::from_millis(1);
        let jitter = Jitter { spread, shape, ..Jitter::default() };
        let mut random = Random::named(5, "moments");
        let drawn: Vec<i128> = (0..200_000).map(|_| extra_ns(&jitter, random.next())).collect();
        let count = drawn.len() as i128;
        let mean = drawn.iter().sum::<i128>() / count;
        let variance = drawn.iter().map(|ns| (ns - mean) * (ns - mean)).sum::<i128>() / count;
        let beyond = drawn.iter().filter(|ns| **ns > 2_000_000).count() * 1_000 / drawn.len();
        (mean / 1_000, variance.isqrt() / 1_000, beyond)
    }

    #[test]
    fn the_shapes_have_their_mean_deviation_and_tail() {
        let (mean, deviation, beyond) = moments(Shape::Uniform);
        assert!((495..505).contains(&mean) && (285..292).contains(&deviation) && beyond == 0);
        let (mean, deviation, beyond) = moments(Shape::Normal);
        assert!(mean.abs() < 5 && (990..1_010).contains(&deviation), "{mean} {deviation}");
        // 2.275 % of a normal distribution lie beyond two deviations.
        assert!((21..25).contains(&beyond), "{beyond}");
        let (mean, deviation, beyond) = moments(Shape::Pareto);
        // The variance converges slowly: it is carried by few.
        assert!(mean.abs() < 20 && (850..1_100).contains(&deviation), "{mean} {deviation}");
        // (1.5 + 2 * 0.866)^-3 = 2.96 %.
        assert!((28..32).contains(&beyond), "{beyond}");
        let (mean, deviation, _) = moments(Shape::ParetoNormal);
        assert!(mean.abs() < 20 && (650..900).contains(&deviation), "{mean} {deviation}");
    }

    #[test]
    fn the_ends_are_finite() {
        let most = Jitter { spread: Duration::from_secs(3_600), ..Jitter::default() };
        for shape in [Shape::Uniform, Shape::Normal, Shape::Pareto, Shape::ParetoNormal] {
            let jitter = Jitter { shape, ..most };
            for random in [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX] {
                let extra = extra_ns(&jitter, random);
                assert!(extra.abs() <= 75 * 3_600_000_000_000, "{shape:?} {random} {extra}");
            }
        }
        assert_eq!(normal(0), 0);
        assert_eq!(normal(u64::MAX), -18_432);
        assert_eq!(pareto(u64::MAX), -2_365);
        let least = Duration::from_micros(1);
        assert_eq!(delayed(Duration::from_millis(5), -9_000_000, least), least);
    }

    #[test]
    fn cube_roots_are_whole() {
        for (cube, root) in [(0, 0), (26, 2), (27, 3), (28, 3), (1 << 111, 1 << 37)] {
            assert_eq!(cube_root(cube), root);
        }
    }
}
