//! Statistics of round trips and losses, in constant or bounded memory.

use crate::Time;
use std::time::Duration;

/// What a run found out about one target. Times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Probes that the network had and that are decided: `received + lost`. Those in flight, refused
    /// by the system or lost in this host's own queues are counted below.
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
    /// Probes unanswered when the run was interrupted; not within `sent`.
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
    /// Time from the first lost probe's send of each run to the send of the next answered one, added up.
    pub outage: Duration,
    /// The longest of these.
    pub outage_max: Duration,
    /// When the current outage began, if the last decided probe was lost.
    pub down_since: Option<Time>,
}

impl Summary {
    /// Lost of sent, 0 to 1; `None` if none was sent.
    pub fn loss_ratio(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.lost as f64 / self.sent as f64)
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
