//! The life of a neighbour, state by state.

use super::*;

const LINK: LinkAddress = [2, 0, 0, 0, 0, 1];
const OTHER: LinkAddress = [2, 0, 0, 0, 0, 9];
const ANSWER: Says = Says::Answer { is_solicited: true, overrides: true };

fn neighbours() -> Neighbours {
    Neighbours::new(Random::named(1, "test"))
}

fn key(last: u8) -> Key {
    Key { interface: 0, address: [192, 0, 2, last].into() }
}

fn s(seconds: u64) -> Time {
    Time(seconds * 1_000_000_000)
}

fn state(neighbours: &Neighbours, now: Time) -> Option<Reachability> {
    neighbours.list(now).first().map(|neighbour| neighbour.state)
}

/// One that has just answered.
fn reachable() -> Neighbours {
    let mut neighbours = neighbours();
    neighbours.send(s(0), key(1), vec![1]);
    neighbours.hears(s(0), key(1), LINK, ANSWER);
    neighbours
}

#[test]
fn packets_wait_for_the_answer_and_go_in_order() {
    let mut neighbours = neighbours();
    let first = neighbours.send(s(0), key(1), vec![1]);
    assert_eq!((first.packets.len(), first.asks), (0, Some(Asks::Everybody)));
    assert_eq!(first.timer, Some(Duration::from_secs(1)));
    assert_eq!(neighbours.send(s(0), key(1), vec![2]), Outcome::default(), "asked already");
    assert_eq!(state(&neighbours, s(0)), Some(Reachability::Incomplete));
    let answered = neighbours.hears(s(0), key(1), LINK, ANSWER);
    assert_eq!((answered.packets, answered.link), (vec![vec![1], vec![2]], LINK));
    assert_eq!(state(&neighbours, s(0)), Some(Reachability::Reachable));
    let third = neighbours.send(s(1), key(1), vec![3]);
    assert_eq!(third, Outcome { packets: vec![vec![3]], link: LINK, ..Outcome::default() });
}

#[test]
fn the_oldest_of_too_many_that_wait_is_lost() {
    let mut neighbours = neighbours();
    for number in 0..=WAITING_MAX as u8 {
        neighbours.send(s(0), key(1), vec![number]);
    }
    let answered = neighbours.hears(s(0), key(1), LINK, ANSWER);
    let expected: Vec<_> = (1..=WAITING_MAX as u8).map(|number| vec![number]).collect();
    assert_eq!(answered.packets, expected);
}

#[test]
fn after_three_questions_everything_that_waits_comes_back() {
    let mut neighbours = neighbours();
    neighbours.send(s(0), key(1), vec![1]);
    neighbours.send(s(0), key(1), vec![2]);
    for second in 1..=2 {
        let timer = neighbours.arm(key(1)).expect("an entry");
        let outcome = neighbours.fired(timer);
        assert_eq!(outcome.asks, Some(Asks::Everybody), "after {second} s");
    }
    let timer = neighbours.arm(key(1)).expect("an entry");
    let outcome = neighbours.fired(timer);
    assert!(outcome.is_lost && outcome.asks.is_none());
    assert_eq!(outcome.unreachable, [vec![1], vec![2]]);
    assert_eq!(state(&neighbours, s(3)), None);
    let again = neighbours.send(s(3), key(1), vec![3]);
    assert_eq!(again.asks, Some(Asks::Everybody), "the next packet asks anew");
}

#[test]
fn who_was_not_heard_for_long_is_used_then_asked_then_forgotten() {
    let mut neighbours = reachable();
    assert_eq!(state(&neighbours, s(14)), Some(Reachability::Reachable));
    assert_eq!(state(&neighbours, s(46)), Some(Reachability::Stale));
    let used = neighbours.send(s(46), key(1), vec![2]);
    assert_eq!((used.packets.len(), used.timer), (1, Some(Duration::from_secs(5))));
    assert_eq!(state(&neighbours, s(46)), Some(Reachability::Delay));
    for _ in 0..3 {
        let timer = neighbours.arm(key(1)).expect("an entry");
        assert_eq!(neighbours.fired(timer).asks, Some(Asks::Itself(LINK)));
        assert_eq!(state(&neighbours, s(51)), Some(Reachability::Probe));
    }
    let sent = neighbours.send(s(53), key(1), vec![3]);
    assert_eq!(sent.packets.len(), 1, "it is still used");
    let timer = neighbours.arm(key(1)).expect("an entry");
    assert!(neighbours.fired(timer).is_lost);
    assert_eq!(state(&neighbours, s(54)), None);
}

#[test]
fn an_answer_ends_the_doubt() {
    let mut neighbours = reachable();
    neighbours.send(s(46), key(1), vec![2]);
    let timer = neighbours.arm(key(1)).expect("an entry");
    neighbours.fired(timer);
    let late = neighbours.arm(key(1)).expect("an entry");
    neighbours.hears(s(51), key(1), LINK, ANSWER);
    assert_eq!(state(&neighbours, s(51)), Some(Reachability::Reachable));
    assert_eq!(neighbours.fired(late), Outcome::default(), "nothing is left to do");
    assert_eq!(neighbours.fired(timer), Outcome::default(), "an old timer does nothing");
}

#[test]
fn what_is_known_changes_as_the_standard_says() {
    // RFC 4861 §7.2.5: solicited, override, another address; the state and address after.
    let after = [
        (true, false, false, Reachability::Reachable, LINK),
        (true, true, true, Reachability::Reachable, OTHER),
        (true, false, true, Reachability::Stale, LINK),
        (false, true, true, Reachability::Stale, OTHER),
        (false, false, true, Reachability::Stale, LINK),
        (false, true, false, Reachability::Reachable, LINK),
    ];
    for (is_solicited, overrides, is_other, state, link) in after {
        let mut neighbours = reachable();
        let said = if is_other { OTHER } else { LINK };
        neighbours.hears(s(1), key(1), said, Says::Answer { is_solicited, overrides });
        let found = neighbours.list(s(1))[0];
        assert_eq!((found.state, found.link_address), (state, Some(link)));
    }
    // An answer that nobody asked for makes nobody known; a question does (§7.2.3).
    let mut neighbours = neighbours();
    neighbours.hears(s(0), key(1), LINK, ANSWER);
    assert_eq!(state(&neighbours, s(0)), None);
    neighbours.hears(s(0), key(1), LINK, Says::InPassing);
    assert_eq!(state(&neighbours, s(0)), Some(Reachability::Stale));
    // A question of one that is asked for is as good as an answer to begin with, but not sure.
    neighbours.send(s(0), key(2), vec![7]);
    let outcome = neighbours.hears(s(0), key(2), LINK, Says::InPassing);
    assert_eq!((outcome.packets, outcome.timer), (vec![vec![7]], Some(DELAY)));
}

#[test]
fn memory_is_bounded() {
    let mut neighbours = neighbours();
    let key = |number: u32| Key {
        interface: 0,
        address: std::net::Ipv4Addr::from_bits(0xc612_0000 | number).into(),
    };
    let most = NEIGHBOURS_MAX as u32;
    for number in 0..most {
        neighbours.hears(s(number.into()), key(number), LINK, Says::InPassing);
    }
    neighbours.hears(s(5_000), key(most), LINK, Says::InPassing);
    assert_eq!(neighbours.entries.len(), NEIGHBOURS_MAX);
    assert_eq!(neighbours.link_of(key(0)), None, "the oldest gave way");
    assert_eq!(neighbours.link_of(key(1)), Some(LINK));
    for number in 0..2 * most {
        neighbours.send(s(6_000), key(number), vec![1]);
    }
    assert_eq!(neighbours.entries.len(), NEIGHBOURS_MAX);
}
