//! Many roads in one run.

use super::*;

/// The target of that number: 200 to a network.
fn numbered(family: Family, number: u32) -> IpAddr {
    let (network, host) = (number / 200, number % 200 + 1);
    match family {
        Family::V4 => IpAddr::from([198, 18, network as u8, host as u8]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, network as u16 + 9, 0, 0, 0, host as u16]),
    }
}

/// Routers that answer six times at once and then once a second, as Linux's do; targets do not.
struct Limited {
    tokens: BTreeMap<u8, i64>,
}

impl Limited {
    fn allows(&mut self, hop: u8) -> bool {
        let tokens = self.tokens.entry(hop).or_insert(6);
        *tokens -= 1;
        *tokens >= 0
    }
}

fn shared_plan(method: &'static dyn Method) -> Plan {
    Plan { shares_hops: true, ..plan(method) }
}

/// The routers of a road, whoever asked them.
fn routers(reports: &[Report], target: u32) -> Vec<Option<IpAddr>> {
    let mut own: Vec<Option<IpAddr>> = Vec::new();
    for report in reports.iter().filter(|report| report.target == target) {
        if let Event::Hop(hop) = &report.event {
            assert_eq!(usize::from(hop.hop), own.len() + 1, "hops come in order");
            own.push(match hop.shared {
                Some(shared) => shared.from,
                None => answers(hop).first().map(|answer| answer.from),
            });
        }
    }
    own
}

#[test]
fn reply_limits_hide_no_hop_of_a_shared_road() {
    everywhere(|family, method| {
        let mut limits = Limited { tokens: BTreeMap::new() };
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            if hop >= 8 {
                return vec![with_delay(8, arrival(seen))];
            }
            let back = error(seen, router(family, hop), Meaning::HopLimitExceeded, 500);
            if limits.allows(hop) { vec![with_delay(hop, back)] } else { Vec::new() }
        };
        let mut road = Road::new(family, method, respond);
        road.targets = (0..1_000).map(|number| numbered(family, number)).collect();
        let (reports, _) = road.run(shared_plan(method));
        for number in 0..1_000 {
            let mut wanted: Vec<Option<IpAddr>> =
                (1..8).map(|hop| Some(router(family, hop))).collect();
            wanted.push(Some(numbered(family, number)));
            assert_eq!(routers(&reports, number), wanted, "{family} {method:?} {number}");
        }

        assert!(road.sent.len() < 3_200, "{} probes", road.sent.len());
    });
}

#[test]
fn a_silent_target_shares_the_way_to_it() {
    for family in Family::ALL {
        let method = &method::UDP;
        let mut limits = Limited { tokens: BTreeMap::new() };
        let mute: Vec<IpAddr> = (50..100).map(|number| numbered(family, number)).collect();
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            if hop >= 5 {
                let answers = !mute.contains(&seen.transmit.to);
                return answers.then(|| with_delay(5, arrival(seen))).into_iter().collect();
            }
            let back = error(seen, router(family, hop), Meaning::HopLimitExceeded, 500);
            if limits.allows(hop) { vec![with_delay(hop, back)] } else { Vec::new() }
        };
        let mut road = Road::new(family, method, respond);
        road.targets = (0..100).map(|number| numbered(family, number)).collect();
        let (reports, end) = road.run(shared_plan(method));
        let wanted: Vec<Option<IpAddr>> = (1..5).map(|hop| Some(router(family, hop))).collect();
        for number in 0..100 {
            assert_eq!(routers(&reports, number)[..4], wanted, "{family} {number}");
        }
        let silent = reports.iter().filter(|report| {
            matches!(&report.event, Event::Verdict(v) if v.end == End::Silent { from_hop: 5 })
        });
        assert_eq!(silent.count(), 50);
        assert!(end <= Time::ZERO + 4_000 * MS, "{end}");
        assert!(road.sent.len() < 1_000, "{} probes", road.sent.len());
    }
}

#[test]
fn a_road_that_differs_is_asked_itself() {
    for family in Family::ALL {
        let method = &method::ICMP;
        // The second network lies behind other routers from hop 3 on; one host is farther away.
        let odd = numbered(family, 7);
        let respond = move |seen: &Seen| {
            let to = seen.transmit.to;
            let is_other = (200..400).any(|number| numbered(family, number) == to);
            let length = if to == odd { 7 } else { 5 };
            let hop = hop_of(seen);
            if hop >= length {
                return vec![with_delay(length, arrival(seen))];
            }
            let from = router(family, if is_other && hop > 2 { hop + 100 } else { hop });
            vec![with_delay(hop, error(seen, from, Meaning::HopLimitExceeded, 500))]
        };
        let mut road = Road::new(family, method, respond);
        road.targets = [0, 1, 7, 8, 200, 201].map(|number| numbered(family, number)).to_vec();
        let (reports, _) = road.run(shared_plan(method));
        let lengths: Vec<usize> = (0..6).map(|target| routers(&reports, target).len()).collect();
        assert_eq!(lengths, [5, 5, 7, 5, 5, 5]);
        for target in [4, 5] {
            assert_eq!(routers(&reports, target)[3], Some(router(family, 104)));
        }
        assert_eq!(routers(&reports, 3)[3], Some(router(family, 4)));
    }
}

#[test]
fn an_interrupt_ends_every_road_once() {
    for stop_ms in [0, 1, 5, 9, 20, 100] {
        let family = Family::V4;
        let mut road = Road::new(family, &method::UDP, chain(8, MS));
        road.targets = (0..300).map(|number| numbered(family, number)).collect();
        road.stop_at = Some(Time::ZERO + MS * stop_ms);
        let plan = Plan { roads_max: 10, ..shared_plan(&method::UDP) };
        let (reports, _) = road.run(plan);
        let verdicts = reports.iter().filter(|r| matches!(r.event, Event::Verdict(_)));
        assert_eq!(verdicts.count(), 300, "stopped after {stop_ms} ms");
    }
}
