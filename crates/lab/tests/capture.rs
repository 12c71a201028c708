//! Captures: every packet's own story, whole chunks, and nothing from the heap for a packet.

use lab::World;
use probe::Time;
use std::sync::{Arc, Mutex};
use wire::pcapng::Reader;

fn load(scenario: &str) -> World {
    World::load(scenario, "test", None).expect("a scenario")
}

/// Captures all links; the pieces in which the capture is written.
fn captured(world: &mut World) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let pieces = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&pieces);
    let sink = move |piece: &[u8]| sink.lock().expect("nobody panics").push(piece.to_vec());
    assert!(world.capture(&[], Box::new(sink)));
    pieces
}

/// The link and the comment of every packet.
fn comments(file: &[u8]) -> Vec<String> {
    let mut reader = Reader::default();
    reader.push(file);
    let mut comments = Vec::new();
    while let Some(record) = reader.read().expect("well-formed") {
        let link = record.interface.name.as_deref().expect("links have names");
        let comment = record.packet.comment.expect("every packet has one");
        comments.push(format!("{link}, {}", String::from_utf8_lossy(comment)));
    }
    reader.finish().expect("whole");
    comments
}

/// A link of three ends and one of two, which change.
const VARIED: &str = r#"
[host]
a = {}
b = {}
c = {}
d = {}
[[link]]
name = "lan"
ends = ["a", "b", "c"]
delay = "1ms"
[[link]]
name = "line"
ends = ["a", "d"]
delay = "2ms"
loss = [3]
duplicate = [5]
[[traffic]]
from = "a"
to = "b"
udp = 9
count = 3
families = ["v4"]
[[traffic]]
from = "a"
to = "c"
udp = 9
count = 3
start = "500ms"
families = ["v4"]
[[traffic]]
from = "a"
to = "d"
udp = 9
count = 13
every = "400ms"
families = ["v4"]
[[at]]
time = "1400ms"
link = "lan"
delay = "3ms"
[[at]]
time = "3500ms"
link = "line"
loss = { of = "udp", numbers = [1] }
[[at]]
time = "4500ms"
link = "line"
delay = "5ms"
"#;

#[test]
fn every_packet_has_its_own_story_whatever_the_one_before_had() {
    let mut world = load(VARIED);
    let pieces = captured(&mut world);
    world.advance(Time(4_900_000_000));
    world.close_captures();
    let told = comments(&pieces.lock().expect("nobody panics").concat());
    let of =
        |link: &str| -> Vec<&str> { told.iter().filter_map(|it| it.strip_prefix(link)).collect() };
    let lan = [
        "a -> all: arrives after 1 ms",
        "b -> a: arrives after 1 ms",
        "a -> b: arrives after 1 ms",
        "b -> a: arrives after 1 ms",
        "a -> all: arrives after 1 ms",
        "c -> a: arrives after 1 ms",
        "a -> c: arrives after 1 ms",
        "c -> a: arrives after 1 ms",
        "a -> b: arrives after 1 ms",
        "b -> a: arrives after 1 ms",
        "a -> c: arrives after 3 ms",
        "c -> a: arrives after 3 ms",
        "a -> b: arrives after 3 ms",
        "b -> a: arrives after 3 ms",
        "a -> c: arrives after 3 ms",
        "c -> a: arrives after 3 ms",
    ];
    assert_eq!(of("lan, "), lan);
    let there: Vec<&str> =
        of("line, ").into_iter().filter_map(|it| it.strip_prefix("a -> d: ")).collect();
    let mut expected = ["arrives after 2 ms"; 13];
    (expected[2], expected[9], expected[12]) = ("lost (#3)", "lost (udp #1)", "arrives after 5 ms");
    assert_eq!(there, expected);
    // The fifth of each end.
    assert_eq!(of("line, ").iter().filter(|it| **it == "duplicate").count(), 2);
}

/// Two hosts on two links; one sends a datagram of 1,000 bytes each millisecond.
const BUSY: &str = r#"
[host]
a = {}
b = {}
[router]
r = {}
[[link]]
ends = ["a", "r"]
delay = "1ms"
[[link]]
ends = ["r", "b"]
delay = "1ms"
rate = "20mbit"
jitter = "1ms"
[[traffic]]
from = "a"
to = "b"
udp = 9
count = 1_500
every = "1ms"
bytes = 1_000
"#;

#[test]
fn pieces_are_whole_chunks_of_the_file() {
    let mut world = load(BUSY);
    let pieces = captured(&mut world);
    world.flush_captures();
    world.advance(Time(2_000_000_000));
    world.close_captures();
    let pieces = pieces.lock().expect("nobody panics");
    let [head, chunks @ .., _] = &pieces[..] else { panic!("{} pieces", pieces.len()) };
    assert!(chunks.len() > 50, "{}", chunks.len());
    let mut end = head.len();
    for chunk in chunks {
        end += chunk.len();
        assert_eq!(end % 65_536, 0);
    }
    assert!(comments(&pieces.concat()).len() > 6_000);
}

#[test]
fn a_captured_packet_takes_nothing_from_the_heap() {
    let allocations = |is_captured: bool| {
        let mut world = load(BUSY);
        if is_captured {
            assert!(world.capture(&[], Box::new(|_| {})));
        }
        world.advance(Time(500_000_000));
        allocation_counter::measure(|| world.advance(Time(1_500_000_000))).count_total
    };
    let plain = allocations(false);
    assert!(plain > 0, "the counter counts");
    assert_eq!(allocations(true), plain);
}
