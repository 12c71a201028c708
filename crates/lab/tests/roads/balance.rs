//! Several ways that are as good: which packets go which.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

const DIAMOND: &str = include_str!("../../scenarios/ecmp.toml");

/// Who answers at a hop, by probe, when each probe's port (or ICMP flow) differs or not.
fn answerers(
    text: &str,
    method: &'static dyn Method,
    family: Family,
    hop: u8,
    vary: impl Fn(&mut Ask, u16),
) -> Vec<String> {
    let gap = Duration::from_millis(20);
    let mut trip = trip(method, family, 1).repeated(hop, 64, gap);
    for (number, ask) in trip.asks.iter_mut().enumerate() {
        vary(ask, number as u16);
    }
    trip.over(text).names()
}

fn distinct(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

#[test]
fn a_flow_goes_one_way_and_flows_go_all() {
    each(|method, family| {
        let one = answerers(DIAMOND, method, family, 3, |_, _| {});
        assert_eq!(distinct(&one).len(), 1, "{method:?} {family}");
        let many = answerers(DIAMOND, method, family, 3, |ask, number| {
            ask.port += number;
            ask.flow = number;
        });
        assert_eq!(distinct(&many), BTreeSet::from(["n1", "n2", "n3", "n4"]));
        let mut counts = BTreeMap::new();
        many.iter().for_each(|name| *counts.entry(name).or_insert(0) += 1);
        assert!(counts.values().all(|count| *count >= 6), "{counts:?}");
        // Everybody behind the diamond is one, whatever the way.
        let behind = answerers(DIAMOND, method, family, 4, |ask, number| ask.port += number);
        assert_eq!(distinct(&behind), BTreeSet::from(["right"]));
    });
}

#[test]
fn a_router_may_look_at_addresses_alone_or_throw_dice() {
    each(|method, family| {
        let by = |how: &str| {
            let text = DIAMOND.replace("\"flow\"", &format!("\"{how}\""));
            answerers(&text, method, family, 3, |ask, number| ask.port += number % 2)
        };
        assert_eq!(distinct(&by("destination")).len(), 1);
        assert_eq!(distinct(&by("packet")).len(), 4);
    });
}

#[test]
fn the_road_back_is_balanced_too() {
    // The ways back differ in delay, so what comes back by dice comes at different times.
    let text = DIAMOND.replace("right = { balance = \"flow\"", "right = { balance = \"packet\"");
    each(|method, family| {
        let trip = trip(method, family, 1).repeated(6, 64, Duration::from_millis(20));
        let ride = trip.over(&text);
        let rtts: BTreeSet<_> = ride.prober.heard.iter().map(|heard| heard.rtt).collect();
        assert_eq!(rtts.len(), 4, "{method:?} {family}: {rtts:?}");
    });
}

#[test]
fn stated_ways_may_differ_in_length() {
    let text = r#"
        [host]
        a = {}
        b = {}
        [router]
        left = { routes = [{ to = "b", via = ["short", "long1"] }] }
        short = {}
        long1 = { routes = [{ to = "b", via = "long2" }] }
        long2 = {}
        right = {}
        [[link]]
        ends = ["a", "left"]
        [[link]]
        ends = ["left", "short"]
        [[link]]
        ends = ["left", "long1"]
        [[link]]
        ends = ["long1", "long2"]
        [[link]]
        ends = ["short", "right"]
        [[link]]
        ends = ["long2", "right"]
        [[link]]
        ends = ["right", "b"]
    "#;
    each(|method, family| {
        let vary = |ask: &mut Ask, number| {
            ask.port += number;
            ask.flow = number;
        };
        let at = |hop| answerers(text, method, family, hop, vary);
        let (second, third, fourth) = (at(2), at(3), at(4));
        assert_eq!(distinct(&second), BTreeSet::from(["short", "long1"]));
        assert_eq!(distinct(&third), BTreeSet::from(["right", "long2"]));
        assert_eq!(distinct(&fourth), BTreeSet::from(["b", "right"]));
        for (near, far) in second.iter().zip(&third) {
            assert_eq!(near == "short", far == "right");
        }
    });
}

#[test]
fn without_balance_the_first_way_is_gone() {
    let text = DIAMOND.replace("{ balance = \"flow\" }", "{}");
    each(|method, family| {
        let names = answerers(&text, method, family, 3, |ask, number| ask.port += number);
        assert_eq!(distinct(&names), BTreeSet::from(["n1"]));
    });
}

#[test]
fn salts_come_from_the_seed() {
    each(|method, family| {
        let names = |seed| {
            let text = format!("seed = {seed}\n{DIAMOND}");
            answerers(&text, method, family, 3, |ask, number| {
                ask.port += number;
                ask.flow = number;
            })
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    });
}
