//! Load-balanced roads.

use super::*;
use probe::trace::Graph;

/// What a balancer makes of a probe: the first four bytes of its transport header and the flow
/// label.
fn hash(seen: &Seen, salt: u64) -> u64 {
    let mut sum = salt ^ 0x9e37_79b9_7f4a_7c15;
    let label = seen.transmit.header.flow_label.unwrap_or(0).to_be_bytes();
    for byte in seen.message[..4].iter().chain(&label) {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        sum ^= sum >> 29;
    }
    sum >> 7
}

/// The answer to a probe that reaches a router of its hop, counted from 0, or the target.
fn answer_at(seen: &Seen, place: Option<u8>, hop: u8) -> Back {
    let family = Family::of(seen.transmit.to);
    match place {
        Some(place) => {
            let from = address(family, hop * 10 + place);
            with_delay(hop, error(seen, from, Meaning::HopLimitExceeded, 500))
        }
        None => with_delay(hop, arrival(seen)),
    }
}

fn paths_plan(method: &'static dyn Method) -> Plan {
    let identifiers = (0..200).map(|lane| PORT + lane).collect();
    Plan { identifiers, course: Course::Paths { risk: 0.05 }, ..plan(method) }
}

fn graph(reports: &[Report]) -> &Graph {
    let graph = reports.iter().find_map(|report| match &report.event {
        Event::Graph(graph) => Some(graph),
        _ => None,
    });
    graph.expect("a graph")
}

fn widths(graph: &Graph) -> Vec<usize> {
    graph.layers.iter().map(|layer| layer.vertices.len()).collect()
}

#[test]
fn a_diamond_of_four_is_found_with_few_probes() {
    let mut probes = Vec::new();
    for salt in 0..40 {
        everywhere(|family, method| {
            let respond = move |seen: &Seen| {
                let place = match hop_of(seen) {
                    2 => Some((hash(seen, salt) % 4) as u8),
                    1 | 3 => Some(0),
                    _ => None,
                };
                vec![answer_at(seen, place, hop_of(seen).min(4))]
            };
            let mut road = Road::new(family, method, respond);
            let (reports, end) = road.run(paths_plan(method));
            let graph = graph(&reports);
            assert!(end <= Time::ZERO + MS * 4 * 10, "{end}");
            probes.push(road.sent.len());
            // A chance of 5 % to miss one is what the plan allows.
            if widths(graph) != [1, 4, 1, 1] {
                probes.push(1_000);
                return;
            }
            assert!(!graph.layers[1].is_per_packet);
            assert_eq!(graph.layers[0].vertices[0].next, [0, 1, 2, 3]);
            assert!(graph.layers[1].vertices.iter().all(|vertex| vertex.next == [0]));
            assert_eq!(graph.paths.len(), 4);
            assert!(matches!(verdict(&reports).end, End::Reached { hop: 4, .. }));
        });
    }
    let missed = probes.iter().filter(|count| **count == 1_000).count();
    assert!(missed <= 12, "{missed} of 240 missed a branch");
    probes.retain(|count| *count < 1_000);
    probes.sort_unstable();
    let (median, most) = (probes[probes.len() / 2], probes[probes.len() - 1]);
    assert!(median <= 40 && most <= 44, "{median} probes, {most} at most");
}

#[test]
fn packets_that_are_balanced_are_no_flows() {
    everywhere(|family, method| {
        let respond = move |seen: &Seen| {
            let place = match hop_of(seen) {
                2 => Some((seen.nth * 7 % 3) as u8),
                1 | 3 => Some(0),
                _ => None,
            };
            vec![answer_at(seen, place, hop_of(seen).min(4))]
        };
        let (reports, _) = Road::new(family, method, respond).run(paths_plan(method));
        let graph = graph(&reports);
        assert_eq!(widths(graph), [1, 3, 1, 1]);
        assert!(graph.layers[1].is_per_packet);
    });
}

#[test]
fn branches_of_branches_are_found() {
    // 1 -> 2 -> 2 x 2 -> 1: each router of hop 2 has two successors of its own.
    let mut missed = 0;
    for salt in 0..30 {
        everywhere(|family, method| {
            let respond = move |seen: &Seen| {
                let first = (hash(seen, salt) % 2) as u8;
                let second = (hash(seen, salt + 1_000) / 3 % 2) as u8;
                let place = match hop_of(seen) {
                    1 | 4 => Some(0),
                    2 => Some(first),
                    3 => Some(first * 2 + second),
                    _ => None,
                };
                vec![answer_at(seen, place, hop_of(seen).min(5))]
            };
            let (reports, _) = Road::new(family, method, respond).run(paths_plan(method));
            let graph = graph(&reports);
            let is_whole = widths(graph) == [1, 2, 4, 1, 1]
                && graph.layers[1].vertices[0].next == [0, 1]
                && graph.layers[1].vertices[1].next == [2, 3];
            missed += usize::from(!is_whole);
        });
    }
    assert!(missed <= 18, "{missed} of 180 graphs are not whole");
}

#[test]
fn branches_may_differ_in_length() {
    everywhere(|family, method| {
        let respond = move |seen: &Seen| {
            let is_long = hash(seen, 3).is_multiple_of(2);
            let hop = hop_of(seen);
            let place = match (hop, is_long) {
                (1, _) => Some(0),
                (2, _) => Some(u8::from(is_long)),
                (3, true) => Some(5),
                _ => None,
            };
            vec![answer_at(seen, place, hop.min(4))]
        };
        let (reports, _) = Road::new(family, method, respond).run(paths_plan(method));
        let graph = graph(&reports);
        assert_eq!(widths(graph)[..2], [1, 2]);
        assert_eq!(graph.paths.len(), 2, "{family} {method:?} {graph:?}");
        let mut lengths: Vec<usize> = graph.paths.iter().map(|path| path.vertices.len()).collect();
        lengths.sort_unstable();
        assert_eq!(lengths, [3, 4], "{graph:?}");
    });
}

#[test]
fn a_reply_limit_hides_no_branch() {
    for family in Family::ALL {
        // Six answers at once from the first router, then one a second.
        let mut tokens = 6;
        let respond = move |seen: &Seen| {
            let place = match hop_of(seen) {
                2 => Some((hash(seen, 9) % 2) as u8),
                1 | 3 => Some(0),
                _ => None,
            };
            if hop_of(seen) == 1 {
                tokens -= 1;
                if tokens < 0 && tokens > -3 {
                    return Vec::new();
                }
            }
            vec![answer_at(seen, place, hop_of(seen).min(4))]
        };
        let method = &method::UDP;
        let (reports, _) = Road::new(family, method, respond).run(paths_plan(method));
        assert_eq!(widths(graph(&reports)), [1, 2, 1, 1]);
    }
}

#[test]
fn a_silent_hop_is_a_gap_in_the_graph() {
    everywhere(|family, method| {
        let respond = move |seen: &Seen| match hop_of(seen) {
            2 => Vec::new(),
            1 | 3 => vec![answer_at(seen, Some(0), hop_of(seen))],
            _ => vec![answer_at(seen, None, 4)],
        };
        let (reports, _) = Road::new(family, method, respond).run(paths_plan(method));
        assert_eq!(widths(graph(&reports)), [1, 0, 1, 1]);
        assert_eq!(graph(&reports).paths.len(), 1);
    });
}
