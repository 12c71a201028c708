//! What many answers say together.
//!
//! Each answer bounds the offset from below and from above. A bound is as good as the delay of its
//! direction is small, so the two best ones need not be of one answer. The estimate is where the
//! most intervals meet (Marzullo, 1984): its middle if both ways are as long, its ends whatever the
//! path. Where not all meet, the clock stepped, or somebody lies; then more than half must.

/// By how much two clocks may drift apart, parts per million: twice what NTP reckons with for one
/// (PHI of RFC 5905 §7.2).
pub const DRIFT_PPM: i64 = 30;

/// What an answer says for certain of the offset, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// When, nanoseconds of the run.
    pub at_ns: u64,
    /// The least that the offset can be.
    pub low_ns: i64,
    /// The most.
    pub high_ns: i64,
}

/// An offset, its bounds, and who agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// By how much the clock is ahead of ours, if the shortest way there is as long as the shortest
    /// way back.
    pub offset_ns: i64,
    /// How far that may be off, however long the ways are.
    pub bound_ns: u64,
    /// How much of the bound is the server's own (NTP: root distance).
    pub root_ns: u64,
    /// Answers that agree.
    pub agreeing: u32,
    /// Answers that were asked to.
    pub of: u32,
}

/// Where the most intervals meet, if more than half do. Those away from the narrowest in time are
/// widened by what clocks may have drifted meanwhile.
pub fn estimate(intervals: &[Interval]) -> Option<Estimate> {
    let best = intervals.iter().min_by_key(|it| it.high_ns.saturating_sub(it.low_ns))?;
    let mut edges: Vec<(i64, bool)> = Vec::with_capacity(intervals.len() * 2);
    for interval in intervals {
        let apart_ns = i64::try_from(interval.at_ns.abs_diff(best.at_ns)).unwrap_or(i64::MAX);
        let drift_ns = apart_ns / 1_000_000 * DRIFT_PPM;
        edges.push((interval.low_ns.saturating_sub(drift_ns), false));
        edges.push((interval.high_ns.saturating_add(drift_ns), true));
    }
    // Those that touch meet.
    edges.sort_unstable();
    let (mut open, mut most, mut met) = (0_u32, 0, None);
    for (at, (edge, is_end)) in edges.iter().enumerate() {
        if *is_end {
            open -= 1;
            continue;
        }
        open += 1;
        if open > most {
            // The next edge is an end, or this is not where the most meet.
            most = open;
            met = edges.get(at + 1).map(|(end, _)| (*edge, *end));
        }
    }
    let of = u32::try_from(intervals.len()).unwrap_or(u32::MAX);
    let (low, high) = met.filter(|_| most > of / 2)?;
    let width = high.abs_diff(low);
    Some(Estimate {
        offset_ns: low.saturating_add_unsigned(width / 2),
        bound_ns: width.div_ceil(2),
        root_ns: 0,
        agreeing: most,
        of,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(intervals: &[(i64, i64)]) -> Option<(i64, u64, u32)> {
        let interval = |&(low_ns, high_ns)| Interval { at_ns: 0, low_ns, high_ns };
        let intervals: Vec<Interval> = intervals.iter().map(interval).collect();
        estimate(&intervals).map(|it| (it.offset_ns, it.bound_ns, it.agreeing))
    }

    #[test]
    fn bounds_of_several_answers_are_put_together() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(10, 20)]), Some((15, 5, 1)));
        assert_eq!(of(&[(10, 20), (18, 40)]), Some((19, 1, 2)));
        assert_eq!(of(&[(0, 100), (40, 60), (58, 200)]), Some((59, 1, 3)));
        assert_eq!(of(&[(10, 20), (20, 30)]), Some((20, 0, 2)));
    }

    #[test]
    fn one_liar_among_three_is_left_out_and_one_of_two_ends_it() {
        assert_eq!(of(&[(10, 20), (500, 510), (15, 25)]), Some((17, 3, 2)));
        assert_eq!(of(&[(10, 20), (500, 510)]), None);
        assert_eq!(of(&[(10, 20), (500, 510), (30, 40)]), None);
    }

    #[test]
    fn drift_is_allowed_for_away_from_the_best() {
        let second = 1_000_000_000;
        let at = |at_ns, low_ns, high_ns| Interval { at_ns, low_ns, high_ns };
        let apart = [at(0, 0, 1_000), at(second, 20_000, 30_000)];
        assert_eq!(estimate(&apart).map(|it| it.agreeing), Some(2));
        let apart = [at(0, 0, 1_000), at(second, 40_000, 50_000)];
        assert_eq!(estimate(&apart), None);
    }

    #[test]
    fn extremes_do_not_overflow() {
        let edge = Interval { at_ns: u64::MAX, low_ns: i64::MIN, high_ns: i64::MAX };
        let zero = Interval { at_ns: 0, ..edge };
        assert!(estimate(&[edge, zero]).is_some());
    }
}
