//! What fping counts of a target: probes that are decided, answers, and their round trips.

use probe::stats::Summary;

/// Counts and round trips of one target, of the whole run or since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Probes that were answered, timed out or could not be sent.
    pub sent: u64,
    /// Probes that were answered.
    pub received: u64,
    /// The shortest round trip; 0 without any.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
    sum_ns: u64,
}

impl Tally {
    /// What an engine knows of a target.
    pub fn of(summary: &Summary) -> Tally {
        let rtt = summary.rtt.unwrap_or_default();
        Tally {
            sent: summary.received + summary.lost + summary.send_errors + summary.local_drops,
            received: rtt.count,
            min_ns: rtt.min_ns,
            max_ns: rtt.max_ns,
            sum_ns: (rtt.mean_ns * rtt.count as f64) as u64,
        }
    }

    /// Books an answer.
    pub fn answer(&mut self, rtt_ns: u64) {
        self.sent += 1;
        self.min_ns = if self.received == 0 { rtt_ns } else { self.min_ns.min(rtt_ns) };
        self.max_ns = self.max_ns.max(rtt_ns);
        self.sum_ns = self.sum_ns.saturating_add(rtt_ns);
        self.received += 1;
    }

    /// Books a probe without an answer.
    pub fn lose(&mut self) {
        self.sent += 1;
    }

    /// Probes without an answer.
    pub fn lost(&self) -> u64 {
        self.sent - self.received
    }

    /// Whole percents lost, rounded down; 0 if nothing was sent.
    pub fn loss_percent(&self) -> u64 {
        (self.lost() * 100).checked_div(self.sent).unwrap_or(0)
    }

    /// The mean round trip, rounded down; 0 without any.
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.received).unwrap_or(0)
    }
}

/// One bit a target.
#[derive(Debug)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// That many, all unset.
    pub fn new(count: u32) -> Bits {
        Bits(vec![0; (count as usize).div_ceil(64)])
    }

    /// Whether one is set.
    pub fn has(&self, index: u32) -> bool {
        self.0[index as usize / 64] >> (index % 64) & 1 == 1
    }

    /// Sets one; says whether it was unset.
    pub fn set(&mut self, index: u32) -> bool {
        let was_unset = !self.has(index);
        self.0[index as usize / 64] |= 1 << (index % 64);
        was_unset
    }
}

/// The round trips of one target by probe, for `-C`: four bytes each.
#[derive(Clone, Debug, Default)]
pub struct Values(Vec<f32>);

impl Values {
    /// Keeps the round trip of a probe, numbered from 0.
    pub fn set(&mut self, probe: usize, rtt_ns: u64) {
        if self.0.len() <= probe {
            self.0.resize(probe + 1, f32::NAN);
        }
        self.0[probe] = rtt_ns as f32;
    }

    /// The round trip of a probe to about seven digits, if it was answered.
    pub fn at(&self, probe: usize) -> Option<u64> {
        self.0.get(probe).filter(|value| !value.is_nan()).map(|value| *value as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_round_down_and_nothing_divides_by_zero() {
        let mut tally = Tally::default();
        assert_eq!((tally.loss_percent(), tally.mean_ns()), (0, 0));
        tally.answer(7);
        tally.lose();
        tally.lose();
        assert_eq!((tally.sent, tally.received, tally.lost()), (3, 1, 2));
        assert_eq!(tally.loss_percent(), 66);
        tally.answer(4);
        assert_eq!((tally.min_ns, tally.mean_ns(), tally.max_ns), (4, 5, 7));
    }

    #[test]
    fn values_are_kept_by_probe() {
        let mut values = Values::default();
        values.set(2, 12_345);
        assert_eq!((values.at(0), values.at(2), values.at(3)), (None, Some(12_345), None));
        let mut bits = Bits::new(65);
        assert!(bits.set(64) && !bits.set(64) && bits.has(64) && !bits.has(0));
    }
}
