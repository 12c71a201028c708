//! Two runs together: what gets there, and what gets there and back.

use super::{End, Evidence, Finding, Limit, Way};

/// What two runs say of a road.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// The largest IP datagram that gets to the target; `None` if nothing did.
    pub forward_bytes: Option<u32>,
    /// Whether one byte more is known not to, or was not to be tried; else more may.
    pub forward_is_exact: bool,
    /// The largest that gets there and comes back as large; `None` if nothing did.
    pub both_bytes: Option<u32>,
    /// As for `forward_bytes`.
    pub both_is_exact: bool,
    /// Narrow links, in the order of the hops; of those that two runs found, the surer one.
    pub limits: Vec<Limit>,
    /// Whether the target itself answered.
    pub is_reached: bool,
}

impl Conclusion {
    /// The link that decides how much gets to the target.
    pub fn narrowest(&self) -> Option<&Limit> {
        let forward = self.limits.iter().filter(|limit| limit.way == Way::There);
        forward.min_by_key(|limit| limit.mtu_bytes)
    }

    /// Whether less comes back than gets there.
    pub fn is_narrower_back(&self) -> bool {
        matches!((self.forward_bytes, self.both_bytes), (Some(there), Some(both)) if both < there)
    }
}

/// What a run by echo (`both`) and a run by a method whose answers are small (`forward`) say
/// together. Either may be missing.
pub fn conclude(both: Option<&Finding>, forward: Option<&Finding>) -> Conclusion {
    let reached = |finding: &&Finding| matches!(finding.verdict.end, End::Reached { .. });
    let both_reached = both.filter(reached);
    let forward_reached = forward.filter(reached);
    let both_bytes = both_reached.and_then(|finding| finding.verdict.mtu_bytes);
    let mut limits = merge(both, forward);
    let measured = forward_reached.and_then(|finding| finding.verdict.mtu_bytes);
    // What came back got there.
    let forward_bytes = measured.max(both_bytes);
    if let (Some(there), Some(finding)) = (forward_bytes, forward_reached)
        && finding.verdict.is_exact
    {
        for limit in limits.iter_mut().filter(|limit| limit.mtu_bytes >= there) {
            limit.way = Way::There;
        }
    }
    let is_measured = forward_reached.is_some_and(|finding| finding.verdict.is_exact);
    // Where every narrow link is known to be on the way there, what comes back tells all of it.
    let is_implied = both_reached.is_some_and(|finding| finding.verdict.is_exact)
        && limits.iter().all(|limit| limit.way == Way::There);
    Conclusion {
        forward_bytes,
        forward_is_exact: is_measured || (measured.is_none() && is_implied),
        both_bytes,
        both_is_exact: both_reached.is_some_and(|finding| finding.verdict.is_exact),
        limits,
        is_reached: both_reached.is_some() || forward_reached.is_some(),
    }
}

/// The limits of both runs, each place once.
fn merge(both: Option<&Finding>, forward: Option<&Finding>) -> Vec<Limit> {
    let found = [forward, both].into_iter().flatten();
    let mut limits: Vec<Limit> = Vec::new();
    for limit in found.flat_map(|finding| &finding.limits) {
        let same = |old: &&mut Limit| old.hop == limit.hop || old.mtu_bytes == limit.mtu_bytes;
        match limits.iter_mut().find(same) {
            Some(old) if is_surer(limit, old) => *old = *limit,
            Some(_) => {}
            None => limits.push(*limit),
        }
    }
    limits.sort_by_key(|limit| (limit.hop, std::cmp::Reverse(limit.mtu_bytes)));
    limits
}

fn is_surer(new: &Limit, old: &Limit) -> bool {
    let rank = |limit: &Limit| {
        let is_said = !matches!(limit.evidence, Evidence::Silence { .. });
        (limit.way == Way::There, limit.is_exact, is_said)
    };
    rank(new) > rank(old)
}
