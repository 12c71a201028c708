//! What paths carry, as "packet too big" tells (RFC 1191, RFC 8201): how much is believed, what is
//! guessed where nothing is said, and for how long.

use crate::bounded::has_room;
use crate::rules;
use crate::socket::disposition::Stack;
use probe::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// How long it is believed (RFC 1191 §6.3).
const LIFE: Duration = Duration::from_secs(600);

/// Destinations that are remembered at most.
const DESTINATIONS_MAX: usize = 4_096;

/// Sizes that links are likely to carry (RFC 1191 §7.1).
const PLATEAUS: [u32; 11] =
    [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, 68];

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathMtu {
    pub(crate) bytes: u32,
    /// Whether routers may cut what is larger all the same: they carry less than is believed.
    pub(crate) is_locked: bool,
    until: Time,
}

/// What is known of all paths.
#[derive(Debug, Default)]
pub(crate) struct PathMtus {
    known: BTreeMap<IpAddr, PathMtu>,
}

impl PathMtus {
    /// What is known of the path to a destination.
    pub(crate) fn of(&self, now: Time, to: IpAddr) -> Option<PathMtu> {
        self.known.get(&to).copied().filter(|known| known.until > now)
    }

    /// Learns that a datagram of `sent_bytes` was too big, and what the router said it carries; 0
    /// if it did not say. Nothing makes a path wider than it is known to be.
    pub(crate) fn learn(
        &mut self,
        now: Time,
        stack: Stack,
        to: IpAddr,
        (said_bytes, sent_bytes): (u32, u32),
    ) {
        let rules = rules::of(Family::of(to));
        let least = rules.path_mtu_least_bytes;
        let (bytes, is_locked) = match (said_bytes, stack) {
            // RFC 8201 §4: no link carries less.
            (said, _) if said < least && !rules.routers_fragment => return,
            (0, Stack::Bsd) => {
                let smaller = PLATEAUS.iter().find(|plateau| **plateau < sent_bytes);
                (smaller.copied().unwrap_or(68), false)
            }
            // Linux's min_pmtu: what is smaller is cut on the way.
            (said, Stack::Linux) if said < least => (least, true),
            (said, _) => (said, false),
        };
        let known = self.of(now, to);
        // Linux does not look how large that was.
        let is_absurd = stack == Stack::Bsd && bytes >= sent_bytes;
        if is_absurd || known.is_some_and(|known| known.bytes < bytes) {
            return;
        }
        if has_room(&mut self.known, &to, DESTINATIONS_MAX, |known| known.until > now) {
            self.known.insert(to, PathMtu { bytes, is_locked, until: now + LIFE });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

    fn ip(index: usize) -> IpAddr {
        TO[index].parse().expect("an address")
    }

    /// What is known after a router refused 1,300 bytes and said this.
    fn after(stack: Stack, index: usize, said: u32) -> Option<(u32, bool)> {
        let mut paths = PathMtus::default();
        paths.learn(Time::ZERO, stack, ip(index), (said, 1_328));
        paths.of(Time::ZERO, ip(index)).map(|known| (known.bytes, known.is_locked))
    }

    #[test]
    fn linux_believes_as_it_was_measured() {
        // `ip route get` of Linux 6.18 after a datagram of 1,328 bytes: "mtu lock 552" or "mtu N".
        for said in [0, 1, 68, 300, 551] {
            assert_eq!(after(Stack::Linux, 0, said), Some((552, true)), "{said}");
        }
        assert_eq!(after(Stack::Linux, 0, 552), Some((552, false)));
        assert_eq!(after(Stack::Linux, 0, 600), Some((600, false)));
        for said in [0, 1, 1_279] {
            assert_eq!(after(Stack::Linux, 1, said), None, "{said}");
        }
        assert_eq!(after(Stack::Linux, 1, 1_280), Some((1_280, false)));
        assert_eq!(after(Stack::Linux, 1, 1_290), Some((1_290, false)));
    }

    #[test]
    fn bsd_goes_down_the_plateaus() {
        let mut paths = PathMtus::default();
        let mut sent = 65_535;
        for expected in PLATEAUS.into_iter().skip(1) {
            paths.learn(Time::ZERO, Stack::Bsd, ip(0), (0, sent));
            let known = paths.of(Time::ZERO, ip(0)).expect("it is known");
            assert_eq!((known.bytes, known.is_locked), (expected, false));
            sent = known.bytes;
        }
        assert_eq!(after(Stack::Bsd, 0, 300), Some((300, false)));
        assert_eq!(after(Stack::Bsd, 1, 0), None);
    }

    #[test]
    fn nothing_makes_a_path_wider_but_time() {
        let mut paths = PathMtus::default();
        paths.learn(Time::ZERO, Stack::Linux, ip(0), (1_000, 1_500));
        let later = Time(599_000_000_000);
        paths.learn(later, Stack::Linux, ip(0), (1_400, 1_500));
        assert_eq!(paths.of(later, ip(0)).map(|known| known.bytes), Some(1_000));
        assert_eq!(paths.of(Time(600_000_000_000), ip(0)), None);
        paths.learn(later, Stack::Linux, ip(0), (1_400, 1_400));
        assert_eq!(paths.of(later, ip(0)).map(|known| known.bytes), Some(1_000));
    }

    #[test]
    fn memory_is_bounded() {
        let mut paths = PathMtus::default();
        for number in 0..5_000_u32 {
            let to = std::net::Ipv4Addr::from_bits(0xc612_0000 | number).into();
            paths.learn(Time::ZERO, Stack::Linux, to, (1_000, 1_500));
        }
        assert_eq!(paths.known.len(), DESTINATIONS_MAX);
    }
}
