//! Statistics of round trips and losses, in constant or bounded memory.

use crate::{RttSource, Stamp, StampedBy, Time};
use hdrhistogram::Histogram;
use std::time::Duration;

/// What a run found out about one target. Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Probes that the network had: `received + lost + in_flight`. Those refused by the system or
    /// lost in this host's own queues are counted below.
    pub sent: u64,
    /// Probes that were answered, in time or late, damaged or not, from wherever; each once.
    pub received: u64,
    /// Probes that were not.
    pub lost: u64,
    /// Answers after the timeout, within `received`.
    pub late: u64,
    /// Additional answers.
    pub duplicates: u64,
    /// Answers that were overtaken (RFC 4737 §3.3).
    pub reordered: u64,
    /// Damaged answers, within `received`.
    pub corrupted: u64,
    /// Answers from other addresses, within `received`.
    pub wrong_source: u64,
    /// Probes that an ICMP error ended; within `lost`.
    pub icmp_errors: u64,
    /// Probes that the system refused to send; not within `sent`.
    pub send_errors: u64,
    /// Probes lost in this host's own queues; not within `sent`.
    pub local_drops: u64,
    /// Probes not decided yet, or when the run was interrupted; within `sent`.
    pub in_flight: u64,
    /// The most probes that were unanswered at one time.
    pub in_flight_max: u32,
    /// From the first to the last event of the target.
    pub span: Duration,
    /// The round trips; `None` without any.
    pub rtt: Option<RttSummary>,
    /// Runs of consecutive losses.
    pub loss_runs: u64,
    /// The longest such run, in probes.
    pub loss_run_max: u64,
    /// Time from the first lost probe's send of each run to the send of the next answered one,
    /// added up.
    pub outage: Duration,
    /// The longest of these.
    pub outage_max: Duration,
    /// When the current outage began, if the last decided probe was lost.
    pub down_since: Option<Time>,
}

impl Summary {
    /// Lost of those decided, 0 to 1; `None` if none is decided.
    pub fn loss_ratio(&self) -> Option<f64> {
        loss_ratio(self.received, self.lost)
    }
}

/// Lost of those decided, 0 to 1: what is in flight is not known to be either. `None` if none is.
pub fn loss_ratio(received: u64, lost: u64) -> Option<f64> {
    let decided = received + lost;
    (decided > 0).then(|| lost as f64 / decided as f64)
}

/// Round-trip time and how it was measured. Kernel stamps are taken only if their order is
/// possible; a lone kernel send stamp is not mixed with this program's receive time, but `sent_at`,
/// when this program sent, is.
pub(crate) fn round_trip(sent: Stamp, sent_at: Time, received: Stamp) -> (Duration, RttSource) {
    match (sent.by, received.by) {
        (StampedBy::Kernel, StampedBy::Kernel) if received.at >= sent.at => {
            (received.at.since(sent.at), RttSource::Kernel)
        }
        (_, StampedBy::Kernel) => (received.at.since(sent_at), RttSource::KernelReceive),
        (_, StampedBy::Program) => (received.at.since(sent_at), RttSource::User),
    }
}

/// Round-trip times, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RttSummary {
    /// How many were measured.
    pub count: u64,
    /// Shortest.
    pub min_ns: u64,
    /// Arithmetic mean.
    pub mean_ns: f64,
    /// Longest.
    pub max_ns: u64,
    /// Population standard deviation.
    pub stddev_ns: f64,
    /// Half were at most this.
    pub median_ns: u64,
    /// 90 % were at most this.
    pub p90_ns: u64,
    /// 95 % were at most this.
    pub p95_ns: u64,
    /// 99 % were at most this.
    pub p99_ns: u64,
    /// Interarrival jitter as in RFC 3550 §6.4.1, over successive round trips.
    pub jitter_ns: f64,
    /// Moving average with weight 1/8 for the newest (as RFC 6298's SRTT).
    pub ewma_ns: f64,
    /// The newest.
    pub last_ns: u64,
}

/// Round trips of one target, as they come. Percentiles are exact up to [`EXACT_SAMPLES`] samples,
/// then within the precision of the histogram that takes over.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrips {
    count: u64,
    min_ns: u64,
    max_ns: u64,
    mean_ns: f64,
    /// Sum of squared deviations (Welford 1962).
    squares: f64,
    jitter_ns: f64,
    ewma_ns: f64,
    last_ns: u64,
    samples: Samples,
}

/// How many samples are kept as they are.
pub(crate) const EXACT_SAMPLES: usize = 1_000;

#[derive(Clone, Debug)]
enum Samples {
    Exact(Vec<u64>),
    Counted(Box<Histogram<u32>>),
}

impl RoundTrips {
    /// Starts with one sample.
    pub fn first(rtt_ns: u64) -> RoundTrips {
        RoundTrips {
            count: 1,
            min_ns: rtt_ns,
            max_ns: rtt_ns,
            mean_ns: rtt_ns as f64,
            squares: 0.0,
            jitter_ns: 0.0,
            ewma_ns: rtt_ns as f64,
            last_ns: rtt_ns,
            samples: Samples::Exact(vec![rtt_ns]),
        }
    }

    /// Adds a sample.
    pub fn push(&mut self, rtt_ns: u64) {
        let rtt = rtt_ns as f64;
        self.count += 1;
        self.min_ns = self.min_ns.min(rtt_ns);
        self.max_ns = self.max_ns.max(rtt_ns);
        let before = rtt - self.mean_ns;
        self.mean_ns += before / self.count as f64;
        self.squares += before * (rtt - self.mean_ns);
        // RFC 3550 §6.4.1: J += (|D| - J) / 16, D being the difference of successive transits.
        self.jitter_ns += (rtt_ns.abs_diff(self.last_ns) as f64 - self.jitter_ns) / 16.0;
        self.ewma_ns += (rtt - self.ewma_ns) / 8.0;
        self.last_ns = rtt_ns;
        self.samples.push(rtt_ns);
    }

    pub fn summary(&self) -> RttSummary {
        let mut sorted = self.samples.clone();
        sorted.sort();
        // A histogram answers with the end of a bucket, which may lie beyond every sample.
        let quantile = |part| sorted.quantile(part).clamp(self.min_ns, self.max_ns);
        RttSummary {
            count: self.count,
            min_ns: self.min_ns,
            mean_ns: self.mean_ns,
            max_ns: self.max_ns,
            stddev_ns: (self.squares / self.count as f64).sqrt(),
            median_ns: quantile(0.50),
            p90_ns: quantile(0.90),
            p95_ns: quantile(0.95),
            p99_ns: quantile(0.99),
            jitter_ns: self.jitter_ns,
            ewma_ns: self.ewma_ns,
            last_ns: self.last_ns,
        }
    }
}

impl Samples {
    fn push(&mut self, rtt_ns: u64) {
        match self {
            Samples::Exact(list) if list.len() < EXACT_SAMPLES => list.push(rtt_ns),
            Samples::Exact(list) => {
                let mut histogram = Histogram::new(3).expect("3 digits are allowed");
                histogram.auto(true);
                list.iter().for_each(|sample| count(&mut histogram, *sample));
                count(&mut histogram, rtt_ns);
                *self = Samples::Counted(Box::new(histogram));
            }
            Samples::Counted(histogram) => count(histogram, rtt_ns),
        }
    }

    fn sort(&mut self) {
        if let Samples::Exact(list) = self {
            list.sort_unstable();
        }
    }

    /// The least sample that at least that part of all does not exceed (nearest rank); the samples
    /// are sorted.
    fn quantile(&self, part: f64) -> u64 {
        match self {
            Samples::Exact(list) => {
                let rank = (part * list.len() as f64).ceil() as usize;
                list[rank.clamp(1, list.len()) - 1]
            }
            Samples::Counted(histogram) => histogram.value_at_quantile(part),
        }
    }
}

/// Counts a sample, clamped to 13 days so that the histogram's size is bounded.
fn count(histogram: &mut Histogram<u32>, rtt_ns: u64) {
    histogram.record(rtt_ns.min(1 << 50)).expect("an automatic histogram grows that far");
}

/// Runs of consecutive losses. Probes are booked in the order in which they were sent, each once it
/// is decided. A late answer ends the run that goes on; runs that ended before are not rewritten.
#[derive(Clone, Debug, Default)]
pub(crate) struct LossRuns {
    runs: u64,
    longest: u64,
    outage_ns: u64,
    outage_max_ns: u64,
    /// When the run that goes on began, and how many probes it has.
    current: Option<(Time, u64)>,
}

impl LossRuns {
    /// Books a lost probe.
    pub fn lost(&mut self, sent_at: Time) {
        let (since, count) = self.current.unwrap_or((sent_at, 0));
        self.current = Some((since, count + 1));
    }

    /// Books an answered probe.
    pub fn answered(&mut self, sent_at: Time) {
        let Some((since, count)) = self.current.take() else { return };
        let outage_ns = sent_at.0.saturating_sub(since.0);
        self.runs += 1;
        self.longest = self.longest.max(count);
        self.outage_ns = self.outage_ns.saturating_add(outage_ns);
        self.outage_max_ns = self.outage_max_ns.max(outage_ns);
    }

    /// Books the answer to a probe that was booked as lost.
    pub fn answered_late(&mut self, sent_at: Time) {
        match &mut self.current {
            Some((since, _)) if sent_at < *since => {}
            Some((_, 1)) => self.current = None,
            Some((_, count)) => {
                *count -= 1;
                self.answered(sent_at);
            }
            None => {}
        }
    }

    /// Writes what is known at the send time of the last decided probe.
    pub fn summarise(&self, last: Time, summary: &mut Summary) {
        let open_ns = self.current.map_or(0, |(since, _)| last.0.saturating_sub(since.0));
        let open_count = self.current.map_or(0, |(_, count)| count);
        summary.loss_runs = self.runs + u64::from(self.current.is_some());
        summary.loss_run_max = self.longest.max(open_count);
        summary.outage = Duration::from_nanos(self.outage_ns.saturating_add(open_ns));
        summary.outage_max = Duration::from_nanos(self.outage_max_ns.max(open_ns));
        summary.down_since = self.current.map(|(since, _)| since);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trips(samples: &[u64]) -> RttSummary {
        let mut all = RoundTrips::first(samples[0]);
        samples[1..].iter().for_each(|sample| all.push(*sample));
        all.summary()
    }

    #[test]
    fn moments_of_a_known_sample() {
        let summary = round_trips(&[2, 4, 4, 4, 5, 5, 7, 9]);
        assert_eq!((summary.min_ns, summary.max_ns, summary.count), (2, 9, 8));
        assert_eq!(summary.mean_ns, 5.0);
        assert!((summary.stddev_ns - 2.0).abs() < 1e-12);
        assert_eq!((summary.median_ns, summary.p90_ns, summary.p99_ns), (4, 9, 9));
    }

    #[test]
    fn deviation_survives_large_offsets() {
        let far = 1_000_000_000_000_000;
        let summary = round_trips(&[far + 1, far + 3]);
        assert!((summary.stddev_ns - 1.0).abs() < 1e-3, "{}", summary.stddev_ns);
    }

    #[test]
    fn jitter_follows_rfc_3550() {
        let summary = round_trips(&[100, 116, 100]);
        assert!((summary.jitter_ns - (1.0 + (16.0 - 1.0) / 16.0)).abs() < 1e-12);
    }

    #[test]
    fn percentiles_lie_between_the_extremes_when_counted() {
        let summary = round_trips(&[6_000_017; 100_000]);
        assert_eq!((summary.median_ns, summary.p99_ns), (6_000_017, 6_000_017));
    }

    #[test]
    fn percentiles_stay_within_a_thousandth_when_counted() {
        let samples: Vec<u64> = (1..=100_000).map(|n| n * 1_000).collect();
        let summary = round_trips(&samples);
        for (got, exact) in [(summary.median_ns, 50_000_000.0), (summary.p99_ns, 99_000_000.0)] {
            assert!((got as f64 / exact - 1.0).abs() < 1e-3, "{got} for {exact}");
        }
    }

    #[test]
    fn the_largest_number_is_no_trouble() {
        let mut all = RoundTrips::first(u64::MAX);
        (0..2_000).for_each(|n| all.push(u64::MAX - n));
        assert!(all.summary().median_ns > 0);
    }

    #[test]
    fn outages_last_from_the_first_lost_probe_to_the_next_answered_one() {
        let mut runs = LossRuns::default();
        let second = |n: u64| Time(n * 1_000_000_000);
        runs.answered(second(0));
        runs.lost(second(1));
        runs.lost(second(2));
        runs.answered(second(3));
        runs.lost(second(4));
        runs.lost(second(5));
        let mut summary = Summary::default();
        runs.summarise(second(5), &mut summary);
        assert_eq!((summary.loss_runs, summary.loss_run_max), (2, 2));
        assert_eq!(summary.outage, Duration::from_secs(3));
        assert_eq!(summary.outage_max, Duration::from_secs(2));
        assert_eq!(summary.down_since, Some(second(4)));
    }

    #[test]
    fn a_late_answer_ends_the_run_that_goes_on() {
        let mut runs = LossRuns::default();
        let second = |n: u64| Time(n * 1_000_000_000);
        let summary = |runs: &LossRuns| {
            let mut summary = Summary::default();
            runs.summarise(second(9), &mut summary);
            (summary.loss_runs, summary.loss_run_max, summary.outage.as_secs())
        };
        runs.lost(second(1));
        runs.answered_late(second(1));
        assert_eq!(summary(&runs), (0, 0, 0), "as if it had never been lost");
        runs.lost(second(2));
        runs.lost(second(3));
        runs.answered_late(second(3));
        assert_eq!(summary(&runs), (1, 1, 1));
        runs.answered_late(second(2));
        assert_eq!(summary(&runs), (1, 1, 1), "a run that ended is not rewritten");
    }
}
