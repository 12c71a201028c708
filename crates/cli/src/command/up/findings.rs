//! What a run found out, in numbers.

use super::verdict::{Class, Table};
use crate::command::asked::Asked;
use probe::RttSource;
use std::time::Duration;

/// The numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Everybody who was named: targets, and names without an address.
    pub targets: u64,
    /// Those that answered.
    pub alive: u64,
    /// Those that did not.
    pub no: u64,
    /// Those of which that is not known.
    pub unknown: u64,
    /// Addresses and names that came again and were asked once.
    pub repeated: u64,
    /// Probes sent.
    pub sent: u64,
    /// From the start to the last event.
    pub elapsed: Duration,
    /// Whether the user, or the deadline, ended the run.
    pub is_interrupted: bool,
    /// The round trips; `None` if nobody answered.
    pub rtt: Option<Rtts>,
}

/// Round-trip times over all that answered, one each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rtts {
    /// The weakest source among them.
    pub source: RttSource,
    /// Shortest.
    pub min_ns: u64,
    /// Arithmetic mean.
    pub mean_ns: f64,
    /// Half took at most this.
    pub median_ns: u64,
    /// 95 % took at most this.
    pub p95_ns: u64,
    /// 99 % took at most this.
    pub p99_ns: u64,
    /// Longest.
    pub max_ns: u64,
    /// Population standard deviation.
    pub stddev_ns: f64,
}

impl Findings {
    /// Counts what the table says.
    pub fn new(
        asked: &Asked,
        table: &Table,
        sent: u64,
        elapsed: Duration,
        is_interrupted: bool,
    ) -> Findings {
        Findings {
            targets: asked.len(),
            alive: table.alive().into(),
            no: u64::from(table.count(Class::No)) + asked.unresolved() as u64,
            unknown: table.count(Class::Unknown).into(),
            repeated: asked.repeated(),
            sent,
            elapsed,
            is_interrupted,
            rtt: rtts(table),
        }
    }
}

fn rtts(table: &Table) -> Option<Rtts> {
    let source = table.answers().map(|answer| answer.rtt_source).max()?;
    let mut all: Vec<u64> = table.answers().map(|answer| answer.rtt_ns).collect();
    all.sort_unstable();
    let count = all.len() as f64;
    let mean_ns = all.iter().map(|&ns| ns as f64).sum::<f64>() / count;
    let variance = all.iter().map(|&ns| (ns as f64 - mean_ns).powi(2)).sum::<f64>() / count;
    // The smallest that at least this share does not exceed (nearest rank).
    let share = |share: f64| all[((count * share).ceil() as usize).clamp(1, all.len()) - 1];
    Some(Rtts {
        source,
        min_ns: all[0],
        mean_ns,
        median_ns: share(0.5),
        p95_ns: share(0.95),
        p99_ns: share(0.99),
        max_ns: all[all.len() - 1],
        stddev_ns: variance.sqrt(),
    })
}
