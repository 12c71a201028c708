//! Sizes that links like to have, and which sizes to ask next.

/// Sizes at which links are likely to end (RFC 1191 §7, table 7-1), and those that have come since:
/// jumbo frames, PPPoE, tunnels, the minimum of IPv6. Ascending.
const PLATEAUS: &[u32] = &[
    68, 296, 508, 544, 552, 576, 1_006, 1_280, 1_400, 1_420, 1_454, 1_480, 1_492, 1_500, 2_002,
    2_048, 4_352, 4_464, 4_470, 8_166, 9_000, 9_216, 17_914, 32_000, 65_535,
];

/// The largest plateau above `low` and below `high`.
pub(super) fn below(high: u32, low: u32) -> Option<u32> {
    PLATEAUS.iter().copied().rfind(|plateau| (low + 1..high).contains(plateau))
}

/// Whether links are likely to end at that size.
pub(super) fn is_one(bytes: u32) -> bool {
    PLATEAUS.contains(&bytes)
}

/// Up to `most` sizes above `low`, which passes, and below `high`, which does not, descending; none
/// if nothing is between. Where somebody has named sizes there, those and one byte more are all
/// that is asked.
pub(super) fn between(low: u32, high: u32, hints: &[u32], most: usize) -> Vec<u32> {
    let inside = |size: &u32| (low + 1..high).contains(size);
    let hinted = hints.iter().filter(|hint| inside(hint)).flat_map(|hint| [*hint, hint + 1]);
    let mut sizes: Vec<u32> = hinted.filter(inside).collect();
    if sizes.is_empty() {
        if is_one(low) || hints.contains(&low) {
            sizes.extend(Some(low + 1).filter(inside));
        }
        let plateaus: Vec<u32> = PLATEAUS.iter().copied().filter(inside).collect();
        let room = most.saturating_sub(sizes.len());
        sizes.extend(spread(&plateaus, room));
        // Between plateaus any size is as likely as any other.
        let room = most.saturating_sub(sizes.len()) as u32;
        let span = high - low;
        sizes.extend((1..=room).map(|part| low + span * part / (room + 1)).filter(inside));
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    sizes
}

/// At most `most` of them, spread evenly.
fn spread(sizes: &[u32], most: usize) -> impl Iterator<Item = u32> {
    let count = sizes.len().min(most);
    (0..count).map(move |part| sizes[(part * 2 + 1) * sizes.len() / (count * 2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_is_found_in_few_rounds() {
        for most in [3, 6] {
            for limit in (68..=65_534).step_by(7).chain([1_280, 1_400, 1_491, 1_492, 1_493, 9_000])
            {
                let (mut low, mut high, mut rounds) = (68, 65_535, 0);
                while low + 1 < high {
                    for size in between(low, high, &[], most) {
                        match size <= limit {
                            true => low = low.max(size),
                            false => high = high.min(size),
                        }
                    }
                    rounds += 1;
                }
                assert_eq!(low, limit);
                assert!(rounds <= if most == 6 { 8 } else { 11 }, "{limit}: {rounds}");
            }
        }
    }

    #[test]
    fn what_somebody_named_is_asked_first() {
        assert_eq!(between(68, 1_500, &[1_400], 6), [1_401, 1_400]);
        assert_eq!(between(1_400, 1_500, &[1_400], 6)[5], 1_401);
        assert_eq!(between(68, 1_401, &[1_400], 6), [1_400]);
        assert!(between(1_400, 1_401, &[1_400], 6).is_empty());
    }

    #[test]
    fn the_plateau_below_is_strictly_below() {
        assert_eq!(below(65_535, 0), Some(32_000));
        assert_eq!(below(1_500, 1_499), None);
        assert_eq!(below(70, 0), Some(68));
    }
}
