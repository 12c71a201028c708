//! The addresses of a run, by index. Consecutive addresses cost nothing, so a whole prefix is as
//! cheap as one host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One address to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// IPv6 zone (interface index) of a link-local address, else 0.
    pub zone: u32,
}

/// A list of targets. Indexes are 0-based and never change.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    runs: Vec<Run>,
    len: u32,
}

/// Consecutive addresses, up to the next run's start.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u32,
    first: Target,
}

/// More targets than an index can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Targets {
    /// How many there are.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one; its index is the former length.
    ///
    /// # Errors
    /// If there are 2^32 - 1 already.
    pub fn push(&mut self, target: Target) -> Result<u32, TooMany> {
        self.push_consecutive(target, 1)
    }

    /// Adds `count` addresses counting up from `first`; the first one's index is the former length.
    ///
    /// # Errors
    /// If there would be more than 2^32 - 1, or the addresses would wrap; then none is added.
    pub fn push_consecutive(&mut self, first: Target, count: u32) -> Result<u32, TooMany> {
        let start = self.len;
        let len = start.checked_add(count).ok_or(TooMany)?;
        if count > 0 && offset(first.address, count - 1).is_none() {
            return Err(TooMany);
        }
        let continues = self.runs.last().is_some_and(|run| {
            run.first.zone == first.zone
                && offset(run.first.address, start - run.start) == Some(first.address)
        });
        if !continues && count > 0 {
            self.runs.push(Run { start, first });
        }
        self.len = len;
        Ok(start)
    }

    /// The target at `index`.
    ///
    /// # Panics
    /// If there is none: indexes come from this list.
    pub fn at(&self, index: u32) -> Target {
        assert!(index < self.len, "index {index} of {} targets", self.len);
        let run = match &self.runs[..] {
            [only] => only,
            runs => &runs[runs.partition_point(|run| run.start <= index) - 1],
        };
        let address =
            offset(run.first.address, index - run.start).expect("push checked the whole run");
        Target { address, zone: run.first.zone }
    }

    /// Runs of consecutive addresses in order: the first one and how many.
    pub fn runs(&self) -> impl Iterator<Item = (Target, u32)> + '_ {
        let ends = self.runs.iter().skip(1).map(|run| run.start).chain([self.len]);
        self.runs.iter().zip(ends).map(|(run, end)| (run.first, end - run.start))
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = Target> + '_ {
        (0..self.len).map(|index| self.at(index))
    }
}

fn offset(address: IpAddr, by: u32) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => Some(Ipv4Addr::from_bits(a.to_bits().checked_add(by)?).into()),
        IpAddr::V6(a) => Some(Ipv6Addr::from_bits(a.to_bits().checked_add(by.into())?).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(address: &str) -> Target {
        Target { address: address.parse().expect("an address"), zone: 0 }
    }

    #[test]
    fn runs_merge_and_indexes_stay() {
        let mut targets = Targets::default();
        targets.push_consecutive(target("192.0.2.0"), 256).expect("fits");
        targets.push(target("192.0.3.0")).expect("fits");
        targets.push(target("2001:db8::1")).expect("fits");
        targets.push(target("2001:db8::1")).expect("fits");
        assert_eq!(targets.len(), 259);
        assert_eq!(targets.runs.len(), 3);
        assert_eq!(targets.at(0), target("192.0.2.0"));
        assert_eq!(targets.at(256), target("192.0.3.0"));
        assert_eq!(targets.at(258), target("2001:db8::1"));
        let counts: Vec<u32> = targets.runs().map(|(_, count)| count).collect();
        assert_eq!(counts, [257, 1, 1]);
    }

    #[test]
    fn an_address_space_does_not_wrap() {
        let mut targets = Targets::default();
        assert_eq!(targets.push_consecutive(target("255.255.255.254"), 3), Err(TooMany));
        assert!(targets.is_empty());
        assert_eq!(targets.push_consecutive(target("255.255.255.254"), 2), Ok(0));
    }
}
