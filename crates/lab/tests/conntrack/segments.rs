//! TCP from the middle, segment by segment: a line says who sends what, and what is believed then.
//! Sequences are those of the kernel's own tests of its tracker (netfilter/packetdrill), and of
//! RFC 9293 and RFC 5961.

use super::*;
use lab::conntrack::Relation;

/// Both ends of a connection, as they are outside and inside.
struct Talk {
    tracker: Tracker,
    now: Time,
}

const A: (&str, u16) = ("192.0.2.2", 4_000);
const S: (&str, u16) = ("198.51.100.2", 80);
const N: (&str, u16) = ("203.0.113.5", 4_000);

impl Talk {
    fn new() -> Talk {
        Talk { tracker: gateway(Personality::Linux), now: Time::ZERO }
    }

    /// Sends what a line says: `> S 100 0`, from inside, or `< SA 500 101 w0 +20`, from outside;
    /// flags, sequence number, acknowledgment, and window and payload bytes if they matter.
    fn send(&mut self, line: &str) -> Relation {
        let mut words = line.split_whitespace();
        let mut word = || words.next().unwrap_or_default().to_string();
        let (way, flags) = (word(), word());
        let [sequence, acknowledgment] = [word(), word()].map(|w| w.parse().expect("a number"));
        let (mut window, mut payload, mut options) = (1_000, Vec::new(), Vec::new());
        for more in line.split_whitespace().skip(4) {
            let number = more[1..].parse().expect("a number");
            match &more[..1] {
                "w" => window = number,
                "+" => payload = vec![0x78; usize::from(number)],
                "s" => options = vec![3, 3, number as u8, 1, 4, 2, 1, 1],
                "e" => {
                    // One block that is acknowledged selectively, up to there.
                    options = vec![1, 1, 5, 10];
                    options.extend(u32::from(number - 1).to_be_bytes());
                    options.extend(u32::from(number).to_be_bytes());
                }
                _ => panic!("{more}"),
            }
        }
        let bit = |letter| match letter {
            'S' => SYN,
            'A' => ACK,
            'F' => FIN,
            'R' => RST,
            _ => panic!("{letter}"),
        };
        let (from, to, realm) = match way.as_str() {
            ">" => (A, S, Realm::Inside),
            "<" => (S, N, Realm::Outside),
            _ => panic!("{way}"),
        };
        let segment = tcp::Segment {
            source_port: from.1,
            destination_port: to.1,
            sequence,
            acknowledgment,
            flags: flags.chars().map(bit).sum(),
            window,
            urgent: 0,
            options: &options,
            payload: &payload,
        };
        let (from, target) = (ip(from.0), ip(to.0));
        let mut bytes = Vec::new();
        segment.emit(from, target, &mut bytes).expect("fits");
        let mut bytes = datagram(from, target, protocol::TCP, &bytes);
        let (verdict, mut passage) = self.tracker.prerouting(self.now, &mut bytes, realm);
        assert_eq!(verdict, Verdict::Accept);
        let relation = passage.relation();
        let out = if realm == Realm::Inside { Realm::Outside } else { Realm::Inside };
        self.tracker.postrouting(self.now, &mut bytes, &mut passage, out);
        relation
    }

    /// Sends lines, each followed by the state after it: `> S 100 0 : SYN_SENT`; `!` before it if
    /// the segment is invalid.
    #[track_caller]
    fn go(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (segment, wanted) = line.split_once(" : ").expect("a state");
            let relation = self.send(segment);
            let (wanted, is_invalid) = match wanted.strip_prefix('!') {
                Some(wanted) => (wanted, true),
                None => (wanted, false),
            };
            assert_eq!(relation == Relation::Invalid, is_invalid, "{line}: {relation:?}");
            let states = self.tracker.list(self.now);
            let state = states.first().and_then(|c| c.state).map_or("gone", |state| state.name());
            assert_eq!(state, wanted, "{line}");
        }
    }

    fn left(&self) -> u64 {
        self.tracker.list(self.now)[0].left_seconds
    }
}

const OPEN: &str = "
    > S 100 0 : SYN_SENT
    < SA 500 101 : SYN_RECV
    > A 101 501 : ESTABLISHED";

#[test]
fn a_connection_opens_and_closes() {
    let mut talk = Talk::new();
    talk.go(OPEN);
    assert_eq!(talk.left(), 432_000);
    talk.go("
        > A 101 501 +10 : ESTABLISHED");
    // What is not acknowledged is not waited for as long.
    assert_eq!(talk.left(), 300);
    talk.go("
        < A 501 111 : ESTABLISHED");
    assert_eq!(talk.left(), 432_000);
    talk.go("
        > FA 111 501 : FIN_WAIT
        < A 501 112 : CLOSE_WAIT
        < FA 501 112 : LAST_ACK
        > A 112 502 : TIME_WAIT");
    assert_eq!(talk.left(), 120);
    // The name is used again.
    talk.go("
        > S 9000 0 : SYN_SENT");
    assert_eq!(talk.tracker.len(), 1);
}

#[test]
fn both_may_close_at_once() {
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > FA 101 501 : FIN_WAIT
        < FA 501 101 : LAST_ACK
        > A 102 502 : TIME_WAIT
        < A 502 102 : TIME_WAIT");
}

#[test]
fn both_may_open_at_once() {
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 : SYN_SENT
        < S 500 0 : SYN_SENT2
        > SA 100 501 : SYN_RECV
        < SA 500 101 : SYN_RECV
        > A 101 501 : ESTABLISHED");
}

#[test]
fn segments_outside_of_the_window_are_invalid() {
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > A 101 501 +500 : ESTABLISHED
        > A 5000 501 +10 : !ESTABLISHED
        < A 501 5000 : !ESTABLISHED
        < A 400000 601 : !ESTABLISHED
        < A 501 601 : ESTABLISHED
        > A 101 501 +500 : ESTABLISHED");
    // A little too much is let through, and its acknowledgment is no surprise then.
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > A 1102 501 +10 : ESTABLISHED
        < A 501 1112 : ESTABLISHED");
}

#[test]
fn windows_are_scaled_if_both_say_so() {
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 s7 : SYN_SENT
        < SA 500 101 s7 : SYN_RECV
        > A 101 501 : ESTABLISHED
        < A 501 101 : ESTABLISHED
        > A 101 501 +1400 : ESTABLISHED
        > A 50000 501 +1400 : ESTABLISHED");
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 s7 : SYN_SENT
        < SA 500 101 : SYN_RECV
        > A 101 501 : ESTABLISHED
        < A 501 101 : ESTABLISHED
        > A 101 501 +900 : ESTABLISHED
        > A 50000 501 +1400 : !ESTABLISHED");
}

#[test]
fn selective_acknowledgments_count() {
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 s0 : SYN_SENT
        < SA 500 101 s0 : SYN_RECV
        > A 101 501 : ESTABLISHED
        > A 101 501 +600 : ESTABLISHED
        < A 501 101 e700 : ESTABLISHED
        < A 501 101 e9000 : !ESTABLISHED");
}

#[test]
fn resets_are_judged_by_their_number() {
    for (reset, state) in [
        // Exactly the next number.
        ("< R 501 0 : CLOSE", "exact"),
        // Below what was acknowledged.
        ("< R 400 0 : !ESTABLISHED", "below"),
        // In the window, but not exact: the end may challenge it.
        ("< R 700 0 : ESTABLISHED", "inexact"),
        ("< R 70000 0 : !ESTABLISHED", "beyond"),
    ] {
        let mut talk = Talk::new();
        talk.go(OPEN);
        talk.go("
            < A 501 101 : ESTABLISHED");
        talk.go(reset);
        if state == "inexact" {
            assert_eq!(talk.left(), 10);
            // The challenge, and then the right one.
            talk.go("
                > A 101 501 : ESTABLISHED");
            assert_eq!(talk.left(), 300);
            talk.go("< R 501 0 : CLOSE");
        }
    }
}

#[test]
fn a_refused_connection_is_gone() {
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 : SYN_SENT
        < RA 0 101 : gone");
}

#[test]
fn a_syn_within_a_connection_may_be_challenged() {
    // RFC 5961 §4: the server challenges, the client resets, and opens anew.
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > S 7000 0 : ESTABLISHED
        < A 501 101 : ESTABLISHED
        > R 101 0 : CLOSE
        > S 7000 0 : SYN_SENT
        < SA 900 7001 : SYN_RECV
        > A 7001 901 : ESTABLISHED");
    // The server knows nothing of the old one: its answer shows who was out of step.
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > S 7000 0 : ESTABLISHED
        < SA 900 7001 : SYN_RECV
        > A 7001 901 : ESTABLISHED");
}

#[test]
fn a_late_challenge_is_not_the_last_acknowledgment() {
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("
        > FA 101 501 : FIN_WAIT
        < FA 501 102 : LAST_ACK
        > S 7000 0 : LAST_ACK
        < A 502 102 : LAST_ACK
        > A 102 502 : TIME_WAIT");
}

#[test]
fn a_half_open_connection_is_found_out() {
    // The server has an old connection: it acknowledges what nobody sent, and is reset.
    let mut talk = Talk::new();
    talk.go("
        > S 100 0 : SYN_SENT
        < A 77777 55555 : SYN_SENT
        > RA 55555 77777 : CLOSE
        > S 100 0 : SYN_SENT
        < SA 500 101 : SYN_RECV");
}

#[test]
fn retransmissions_without_end_are_given_up() {
    let mut talk = Talk::new();
    talk.go(OPEN);
    for _ in 0..4 {
        talk.go("> A 101 501 +10 : ESTABLISHED");
    }
    assert_eq!(talk.left(), 300);
    // A closed window is not believed for five days either.
    let mut talk = Talk::new();
    talk.go(OPEN);
    talk.go("< A 501 101 w0 : ESTABLISHED");
    assert_eq!(talk.left(), 300);
}

#[test]
fn numbers_wrap() {
    let mut talk = Talk::new();
    talk.go("
        > S 4294967290 0 : SYN_SENT
        < SA 4294967295 4294967291 : SYN_RECV
        > A 4294967291 0 : ESTABLISHED
        > A 4294967291 0 +100 : ESTABLISHED
        < A 0 95 : ESTABLISHED
        < FA 0 95 : FIN_WAIT
        > A 95 1 : CLOSE_WAIT
        > FA 95 1 : LAST_ACK
        < A 1 96 : TIME_WAIT");
}

#[test]
fn picked_up_connections_are_believed() {
    let mut talk = Talk::new();
    talk.go("
        > A 1000 2000 +50 : ESTABLISHED
        < A 2000 1050 w30000 : ESTABLISHED
        < A 99999 1050 : ESTABLISHED
        > FA 1050 2000 : FIN_WAIT");
}
