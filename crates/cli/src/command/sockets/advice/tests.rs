//! Each rule against tables made for it, on either side of its threshold, and all of it in words.

use super::*;
use crate::lang::Language;
use crate::print::sockets::Paper;
use net::diag::{Memory, Timer, TimerKind, Vitals};
use net::owners::Owners;
use std::time::Duration;

/// A machine with usual settings that serves port 80 and whose address is 192.0.2.1.
fn usual() -> Situation {
    let settings = Settings {
        port_range: Some((32_768, 60_999)),
        time_wait_reuse: Some(2),
        timestamps: Some(1),
        time_wait_max: Some(65_536),
        backlog_max: Some(4_096),
        syn_backlog_max: Some(512),
        syn_cookies: Some(1),
        orphans_max: Some(16_384),
        fin_timeout_s: Some(60),
        retries: Some(15),
        ..Settings::default()
    };
    let listeners = BTreeSet::from([end("0.0.0.0", 80)]);
    Situation { settings, listeners, ..Situation::default() }
}

fn end(address: &str, port: u16) -> Endpoint {
    Endpoint { address: address.parse().expect("an address"), port }
}

/// Quiet for a second, of good round trips.
fn info() -> Vitals {
    let mut info = Vitals::parse(&[0; 248]).expect("it is long enough");
    (info.rto_us, info.last_ack_ms, info.last_received_ms) = (204_000, 1_000, 1_000);
    info
}

fn socket(state: State, local: (&str, u16), peer: (&str, u16)) -> TcpSocket {
    // struct inet_diag_msg: family and state, everything else 0.
    let mut message = [0; 72];
    (message[0], message[1]) = (2, 1);
    let mut socket = TcpSocket::parse(&message).expect("a message");
    socket.state = state;
    socket.local = end(local.0, local.1);
    socket.peer = end(peer.0, peer.1);
    socket.inode = 7;
    socket.info = Some(Box::new(info()));
    socket
}

/// A connection of ours from a port that was given to it.
fn calling(state: State, index: u16) -> TcpSocket {
    socket(state, ("192.0.2.1", 32_768 + index), ("192.0.2.99", 443))
}

/// A connection to our port 80.
fn served(state: State, index: u16) -> TcpSocket {
    socket(state, ("192.0.2.1", 80), ("198.51.100.7", 1_024 + index))
}

fn with_timer(mut socket: TcpSocket, kind: TimerKind, tries: u8) -> TcpSocket {
    socket.timer = Some(Timer { kind, left: Duration::from_millis(500), tries });
    socket
}

fn listener(waiting: u32, limit: u32) -> TcpSocket {
    let mut listener = socket(State::Listen, ("0.0.0.0", 80), ("0.0.0.0", 0));
    (listener.receive_queue, listener.send_queue) = (waiting, limit);
    listener
}

fn of(sockets: impl IntoIterator<Item = TcpSocket>) -> Situation {
    Situation { sockets: sockets.into_iter().collect(), ..usual() }
}

fn rules(situation: &Situation) -> Vec<Rule> {
    find(situation).into_iter().map(|finding| finding.rule).collect()
}

#[track_caller]
fn check(sockets: impl IntoIterator<Item = TcpSocket>, wanted: &[Rule]) {
    assert_eq!(rules(&of(sockets)), wanted);
}

#[test]
fn time_wait_takes_ports_from_clients_alone() {
    let waiting = |count: u16| (0..count).map(|index| calling(State::TimeWait, index));
    check(waiting(7_057), &[]);
    check(waiting(7_058), &[Rule::TimeWaitPorts]);
    check((0..7_058).map(|index| served(State::TimeWait, index)), &[]);
    // Another destination has ports of its own.
    let elsewhere = |mut socket: TcpSocket| {
        socket.peer.port = 444 + socket.local.port % 2;
        socket
    };
    check(waiting(7_058).map(elsewhere), &[]);
    let mut reusing = of(waiting(20_000));
    reusing.settings.time_wait_reuse = Some(1);
    assert_eq!(rules(&reusing), []);
    // Without timestamps the setting has no effect.
    reusing.settings.timestamps = Some(0);
    let findings = find(&reusing);
    assert_eq!(findings[1].rule, Rule::TimeWaitPorts);
    assert!(findings[1].remedies.contains(&Remedy::TurnTimestampsOn));
    assert!(findings[1].remedies.contains(&Remedy::NoRecycle));
}

#[test]
fn time_wait_at_a_service_is_told_when_there_is_very_much() {
    let waiting = |count: u16| (0..count).map(|index| served(State::TimeWait, index));
    check(waiting(9_999), &[]);
    check(waiting(10_000), &[Rule::TimeWaitMany]);
    let mut small = of(waiting(100));
    small.settings.time_wait_max = Some(200);
    assert_eq!(rules(&small), [Rule::TimeWaitMany]);
}

#[test]
fn ports_are_counted_for_each_destination_without_reserved_ones() {
    let standing = |count: u16| (0..count).map(|index| calling(State::Established, index));
    check(standing(14_115), &[]);
    check(standing(14_116), &[Rule::PortsLow]);
    let mut reserved = of(standing(10_000));
    reserved.settings.reserved_ports = vec![(42_768, 60_999)];
    let finding = &find(&reserved)[0];
    assert_eq!((finding.rule, finding.figure("left")), (Rule::PortsLow, Some(0)));
}

#[test]
fn an_accept_queue_is_told_when_it_is_nearly_full() {
    check([listener(95, 128)], &[]);
    check([listener(96, 128)], &[Rule::AcceptQueue]);
    check([listener(1, 1)], &[Rule::AcceptQueue]);
    check([listener(0, 0)], &[]);
    let capped = &find(&of([listener(4_097, 4_096)]))[0];
    assert!(capped.remedies.contains(&Remedy::RaiseSomaxconn));
}

#[test]
fn half_open_connections_are_held_against_the_backlog() {
    let half_open = |count: u16| {
        let asking = (0..count).map(|index| served(State::SynReceived, index));
        of(asking.chain([listener(0, 128)]))
    };
    assert_eq!(rules(&half_open(63)), []);
    let finding = &find(&half_open(64))[0];
    assert_eq!((finding.rule, finding.local.port), (Rule::SynBacklog, Some(80)));
    assert!(finding.remedies.contains(&Remedy::CookiesWork));
    let mut without = half_open(16);
    without.settings.syn_cookies = Some(0);
    without.settings.syn_backlog_max = Some(32);
    let finding = &find(&without)[0];
    assert_eq!(finding.figure("limit"), Some(32));
    assert!(finding.remedies.contains(&Remedy::TurnCookiesOn));
    assert!(finding.remedies.contains(&Remedy::RaiseSynBacklog));
}

#[test]
fn what_is_sent_again_is_told_by_how_often() {
    let again = |state, tries| with_timer(calling(state, 0), TimerKind::Retransmit, tries);
    check([again(State::SynSent, 0)], &[]);
    check([again(State::SynSent, 1)], &[Rule::SynUnanswered]);
    check([again(State::Established, 2)], &[]);
    check([again(State::Established, 3)], &[Rule::Unacknowledged]);
    check([again(State::LastAck, 3)], &[Rule::Unacknowledged]);
    let lossy = |again: u32, sent: u32| {
        let mut socket = calling(State::Established, 0);
        let info = socket.info.as_mut().expect("it is there");
        (info.retransmitted, info.data_segments_sent) = (again, Some(sent));
        socket
    };
    check([lossy(2, 100), lossy(50, 99)], &[]);
    check([lossy(3, 100)], &[Rule::Lossy]);
}

#[test]
fn who_does_not_read_is_told_on_both_sides() {
    let closed = |tries| with_timer(calling(State::Established, 0), TimerKind::Persist, tries);
    check([closed(0)], &[]);
    check([closed(1)], &[Rule::ZeroWindow]);
    let unread = |ms: u32, full: u32| {
        let mut socket = served(State::Established, 0);
        socket.receive_queue = 1;
        socket.info.as_mut().expect("it is there").last_received_ms = ms;
        socket.memory = Some(Memory {
            receive_bytes: full,
            receive_max_bytes: 100,
            send_bytes: 0,
            send_max_bytes: 0,
            queued_bytes: 0,
            backlog_bytes: 0,
            drops: 0,
        });
        socket
    };
    check([unread(9_999, 74), unread(999, 100)], &[]);
    check([unread(10_000, 0)], &[Rule::NotReading]);
    check([unread(1_000, 75)], &[Rule::NotReading]);
}

#[test]
fn who_does_not_close_is_told() {
    let waiting = |index, ms| {
        let mut socket = served(State::CloseWait, index);
        socket.info.as_mut().expect("it is there").last_ack_ms = ms;
        socket
    };
    check((0..49).map(|index| waiting(index, 59_999)), &[]);
    check((0..50).map(|index| waiting(index, 1)), &[Rule::CloseWait]);
    check([waiting(0, 60_000)], &[Rule::CloseWait]);
    let ending = |state, count: u16| (0..count).map(move |index| served(state, index));
    check(ending(State::FinWait2, 999), &[]);
    check(ending(State::FinWait2, 1_000), &[Rule::FinWait2]);
    check(ending(State::LastAck, 49), &[]);
    check(ending(State::LastAck, 50), &[Rule::LastAck]);
    let orphan = |mut socket: TcpSocket| {
        socket.inode = 0;
        socket
    };
    check(ending(State::FinWait1, 4_096).map(orphan), &[Rule::Orphans]);
    check(ending(State::FinWait1, 4_096), &[]);
    check(ending(State::FinWait1, 4_095).map(orphan), &[]);
}

#[test]
fn an_empty_machine_has_no_trouble() {
    assert_eq!(find(&Situation::default()), []);
    check([], &[]);
}

/// Every trouble at a time.
fn everything() -> Situation {
    let timer = |state, kind, tries| with_timer(calling(state, 9), kind, tries);
    let mut sockets = vec![listener(129, 128)];
    sockets.extend((0..100).map(|index| served(State::SynReceived, index)));
    sockets.extend((0..8_000).map(|index| calling(State::TimeWait, index)));
    sockets.extend((8_000..15_000).map(|index| calling(State::Established, index)));
    sockets.extend((0..10_000).map(|index| served(State::TimeWait, index)));
    sockets.push(timer(State::SynSent, TimerKind::Retransmit, 4));
    let mut slow = timer(State::Established, TimerKind::Retransmit, 5);
    slow.send_queue = 4_344;
    let info = slow.info.as_mut().expect("it is there");
    (info.retransmitted, info.data_segments_sent) = (40, Some(1_000));
    (info.rto_us, info.backoff, info.last_ack_ms) = (6_528_000, 5, 125_000);
    sockets.push(slow);
    let mut closed = timer(State::Established, TimerKind::Persist, 1);
    closed.send_queue = 87_040;
    sockets.push(closed);
    let mut unread = served(State::Established, 1);
    unread.receive_queue = 1_000;
    unread.info.as_mut().expect("it is there").last_received_ms = 90_000;
    sockets.push(unread);
    sockets.extend((0..60).map(|index| served(State::CloseWait, index)));
    let orphan = |index| TcpSocket { inode: 0, ..served(State::FinWait2, index) };
    sockets.extend((0..4_100).map(orphan));
    sockets.extend((0..50).map(|index| served(State::LastAck, index)));
    of(sockets)
}

#[test]
fn every_rule_has_its_words() {
    let situation = everything();
    let findings = find(&situation);
    let mut told: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    told.sort_unstable();
    assert_eq!(told.len(), Rule::LastAck as usize + 1, "{told:?}");
    assert!(told.is_sorted_by(|before, after| before < after), "{told:?}");
    let paper = Paper { situation: &situation, owners: &Owners::default() };
    let mut out = Vec::new();
    for language in [Language::English, Language::Chinese] {
        paper.write(&findings, language, false, &mut out);
        paper.write(&[], language, false, &mut out);
    }
    let shown = String::from_utf8(out).expect("UTF-8");
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sockets/advice.txt");
    if std::env::var_os("ASKWAY_BLESS").is_some() {
        std::fs::write(golden, &shown).expect("it can be written");
    }
    let wanted = std::fs::read_to_string(golden).unwrap_or_default();
    assert!(shown == wanted, "{shown}");
}
