//! Links one by one.

use super::*;
use crate::scenario::impairments::{Chance, Jitter, Queue, Rule, Shape, Wire};

fn odds(chance: Chance) -> Odds {
    Odds(vec![Rule { of: None, chance }])
}

fn link(there: Impairments) -> Link {
    let plan = LinkPlan {
        name: "a-b".to_string(),
        ends: Vec::new(),
        is_ethernet: false,
        networks: Vec::new(),
        there,
        back: Impairments::default(),
        at: 0,
    };
    Link::new(&plan, 1, &["a", "b"])
}

fn ms(n: u64) -> Time {
    Time(n * 1_000_000)
}

fn arrivals(link: &mut Link, end: usize, sends: &[Time]) -> Vec<Vec<Time>> {
    let times = |crossing: Crossing| match crossing.story.fate {
        Fate::Arrives(at) => vec![at; 1 + usize::from(crossing.twin.is_some())],
        Fate::Lost(_) => Vec::new(),
    };
    sends.iter().map(|now| times(link.cross(end, *now, vec![0; 8]))).collect()
}

#[test]
fn a_plain_link_delays() {
    let mut link = link(Impairments { delay: Duration::from_millis(5), ..Impairments::default() });
    let crossing = link.cross(0, ms(1), vec![1, 2, 3]);
    assert_eq!((crossing.bytes, crossing.twin), (vec![1, 2, 3], None));
    assert_eq!(crossing.story.fate, Fate::Arrives(ms(6)));
    assert_eq!(arrivals(&mut link, 1, &[ms(1)]), [[Time(1_100_000)]]);
}

#[test]
fn scripts_hit_exactly_the_numbered() {
    let mut link = link(Impairments {
        delay: Duration::from_millis(1),
        loss: odds(Chance::Numbers(vec![2])),
        duplicate: odds(Chance::Numbers(vec![3])),
        reorder: odds(Chance::Numbers(vec![4])),
        reorder_by: Duration::from_millis(20),
        ..Impairments::default()
    });
    let got = arrivals(&mut link, 0, &[ms(0), ms(1), ms(2), ms(3), ms(4)]);
    assert_eq!(got, [vec![ms(1)], vec![], vec![ms(3), ms(3)], vec![ms(24)], vec![ms(5)]]);
    let counts = link.counts(0);
    assert_eq!((counts.sent, counts.lost, counts.duplicated, counts.reordered), (5, 1, 1, 1));
    assert_eq!(link.counts(1), LinkCounts::default());
}

#[test]
fn corruption_flips_one_bit() {
    let mut link =
        link(Impairments { corrupt: odds(Chance::Share(1_000_000)), ..Impairments::default() });
    for _ in 0..100 {
        let crossing = link.cross(0, ms(0), vec![0; 16]);
        let ones: u32 = crossing.bytes.iter().map(|byte| byte.count_ones()).sum();
        assert_eq!(ones, 1);
    }
}

#[test]
fn jitter_keeps_the_order_unless_told_otherwise() {
    let jittery = |reorders| Impairments {
        jitter: Jitter { spread: Duration::from_millis(50), reorders, ..Jitter::default() },
        ..Impairments::default()
    };
    let sends: Vec<Time> = (0..200).map(ms).collect();
    let times = |mut link: Link| arrivals(&mut link, 0, &sends).concat();
    let kept = times(link(jittery(false)));
    assert!(kept.is_sorted());
    let free = times(link(jittery(true)));
    assert!(!free.is_sorted());
    let most = Duration::from_micros(50_100);
    assert!(free.iter().zip(&sends).all(|(out, sent)| out.since(*sent) <= most));
}

#[test]
fn shares_are_met() {
    let mut link =
        link(Impairments { loss: odds(Chance::Share(10_000)), ..Impairments::default() });
    for _ in 0..100_000 {
        link.cross(0, ms(0), Vec::new());
    }
    assert!((800..1_200).contains(&link.counts(0).lost), "{:?}", link.counts(0));
}

/// What is told of packets that are sent at one moment.
fn stories(link: &mut Link, sizes: &[usize]) -> Vec<String> {
    let told = |size: &usize| {
        let mut out = Vec::new();
        link.cross(0, ms(1), vec![0; *size]).story.tell(link, 0, &mut out);
        String::from_utf8(out).expect("stories are ASCII")
    };
    sizes.iter().map(told).collect()
}

fn at_a_rate(rate_bits: u64, packets: u64) -> Impairments {
    let queue = Queue { packets: Some(packets), bytes: None };
    Impairments {
        delay: Duration::from_millis(3),
        wire: Wire { rate_bits: Some(rate_bits), queue, overhead_bytes: 0 },
        ..Impairments::default()
    }
}

#[test]
fn a_rate_makes_packets_wait_and_tells_it() {
    let mut link = link(at_a_rate(1_000_000, 1));
    assert_eq!(
        stories(&mut link, &[1_000; 3]),
        [
            "arrives after 11 ms: sending 8 ms, delay 3 ms",
            "arrives after 19 ms: queue 8 ms, sending 8 ms, delay 3 ms",
            "dropped: the queue is full",
        ]
    );
    let counts = link.counts(0);
    assert_eq!((counts.sent, counts.sent_bytes, counts.queued), (3, 3_000, 1));
    assert_eq!((counts.dropped, counts.lost), (1, 0));
}

#[test]
fn a_lost_packet_has_taken_its_time() {
    let mut link =
        link(Impairments { loss: odds(Chance::Numbers(vec![1])), ..at_a_rate(1_000_000, 9) });
    assert_eq!(
        stories(&mut link, &[1_000; 2]),
        ["lost (#1)", "arrives after 19 ms: queue 8 ms, sending 8 ms, delay 3 ms",]
    );
}

#[test]
fn bursts_and_kinds_are_told() {
    let burst = crate::scenario::impairments::Burst {
        worsens: 1_000_000,
        recovers: 0,
        in_bad: 1_000_000,
        in_good: 0,
    };
    let mut link = link(Impairments { loss: odds(Chance::Burst(burst)), ..Impairments::default() });
    let told = stories(&mut link, &[10; 3]);
    assert_eq!(told[1..], ["lost (1st of a burst)", "lost (2nd of a burst)"]);
    link.change(true, Impairments::default(), Impairments::default());
    assert_eq!(stories(&mut link, &[10]), ["lost: the link is down"]);
}

#[test]
fn correlated_jitter_repeats_itself() {
    let jitter = |correlation_ppm| Jitter {
        spread: Duration::from_millis(10),
        shape: Shape::Normal,
        reorders: true,
        correlation_ppm,
    };
    let repeats = |correlation_ppm| {
        let mut link =
            link(Impairments { jitter: jitter(correlation_ppm), ..Impairments::default() });
        let sends = [ms(0); 10_000];
        let times = arrivals(&mut link, 0, &sends).concat();
        times.windows(2).filter(|pair| pair[0] == pair[1] && pair[0].0 > 1_000).count()
    };
    assert!(repeats(0) < 20, "{}", repeats(0));
    let half = repeats(750_000);
    // Of a normal jitter around a delay of 0.1 ms, half would arrive before they are sent.
    assert!((3_400..4_200).contains(&half), "{half}");
}

#[test]
fn one_rule_does_not_move_the_dice_of_another() {
    let base = Impairments {
        jitter: Jitter { spread: Duration::from_millis(5), reorders: true, ..Jitter::default() },
        ..Impairments::default()
    };
    let sends: Vec<Time> = (0..500).map(ms).collect();
    let plain = arrivals(&mut link(base.clone()), 0, &sends);
    let rules = vec![
        Rule { of: None, chance: Chance::Share(100_000) },
        Rule { of: Some(select::Selector::Udp), chance: Chance::Share(500_000) },
    ];
    let lossy = Impairments { loss: Odds(rules), ..base };
    let holey = arrivals(&mut link(lossy), 0, &sends);
    assert!(holey.iter().any(Vec::is_empty));
    for (plain, holey) in plain.iter().zip(&holey).filter(|(_, holey)| !holey.is_empty()) {
        assert_eq!(plain, holey);
    }
}

#[test]
fn rules_that_stay_go_on_counting() {
    let rule = Rule { of: Some(select::Selector::V4), chance: Chance::Numbers(vec![3]) };
    let rules = Impairments { loss: Odds(vec![rule]), ..Impairments::default() };
    let mut link = link(rules.clone());
    let mut bytes = vec![0; 20];
    (bytes[0], bytes[3]) = (0x45, 20);
    let is_lost =
        |link: &mut Link| matches!(link.cross(0, ms(0), bytes.clone()).story.fate, Fate::Lost(_));
    assert!(!is_lost(&mut link) && !is_lost(&mut link));
    let slower = Impairments { delay: Duration::from_millis(9), ..rules };
    link.change(false, slower, Impairments::default());
    assert!(is_lost(&mut link) && !is_lost(&mut link));
}
