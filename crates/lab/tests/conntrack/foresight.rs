//! What is foreseen is fetched and nothing else: packets fare as if nobody had looked ahead.

use super::*;

/// More connections than it takes to look ahead at all.
const COUNT: u16 = 6_000;

#[test]
fn whoever_looks_ahead_does_the_same() {
    for personality in [Personality::Linux, Personality::Bcp127] {
        for net in [v4(), v6()] {
            // The other tracker is asked for the same, and never told what comes.
            let mut trackers = [gateway(personality), gateway(personality)];
            let mut packets: Vec<Vec<u8>> = (0..COUNT)
                .map(|number| udp((net.a, 1_024 + number), (net.s, 53 + number % 3)))
                .collect();
            pass(&mut trackers, &packets, |_| true);
            // Known ones, new ones, answers to some, and one that is cut, mixed.
            for number in 0..COUNT / 2 {
                packets.push(udp((net.b, 1_024 + number), (net.t, 53)));
                packets.push(udp((net.s, 53), (net.n, 1_024 + number * 2)));
            }
            packets.rotate_left(usize::from(COUNT) / 3);
            packets.push(packets[0][..21].to_vec());
            // Each third packet is foreseen and does not come.
            pass(&mut trackers, &packets, |number| number % 3 != 0);
            let [one, other] = trackers;
            assert_eq!(one.list(seconds(1)), other.list(seconds(1)));
            assert_eq!(one.statistics(), other.statistics());
            assert!(one.len() > usize::from(COUNT));
        }
    }
}

fn pass(trackers: &mut [Tracker; 2], packets: &[Vec<u8>], comes: impl Fn(usize) -> bool) {
    let (foreseeing, blind) = trackers.split_at_mut(1);
    let mut number = 0;
    for burst in packets.chunks(8) {
        foreseeing[0].foresee(burst.iter().map(Vec::as_slice));
        for packet in burst {
            number += 1;
            if comes(number) {
                let outcomes = [&mut foreseeing[0], &mut blind[0]].map(|tracker| {
                    let mut packet = packet.clone();
                    let (from, to) = match is_answer(&packet) {
                        true => (Realm::Outside, Realm::Inside),
                        false => (Realm::Inside, Realm::Outside),
                    };
                    (tracker.through(seconds(1), &mut packet, from, to), packet)
                });
                assert_eq!(outcomes[0], outcomes[1]);
            }
        }
    }
}

/// Whether it comes from a server.
fn is_answer(packet: &[u8]) -> bool {
    let source = Datagram::parse(packet).map(|datagram| datagram.source);
    source.is_ok_and(|source| [v4().s, v6().s].contains(&source))
}
