//! Packets cut as a kernel has cut them, and what is none.

use super::*;

/// Written by a test of the program with the kernel's own words.
const GOLDEN: &str = include_str!("../../tests/golden/segments.txt");

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn cut(packet: Packet) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    packet.each(|part| parts.push(part));
    parts
}

/// A packet, what a device says of it, and what the kernel made of it.
type Golden = (Vec<u8>, Shape, Vec<Vec<u8>>);

fn golden() -> Vec<Golden> {
    let mut all = Vec::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["-", part] = words[..] {
            let (.., parts): &mut Golden = all.last_mut().expect("of a packet");
            parts.push(bytes(part));
            continue;
        }
        let number = |at: usize| words[at].parse::<u16>().expect("a number");
        let segment_bytes = Some(number(0)).filter(|it| *it > 0);
        let sums = Sums::Partial { from: number(1), at: number(2) };
        all.push((bytes(words[3]), Shape { sums, segment_bytes }, Vec::new()));
    }
    all
}

#[test]
fn packets_are_cut_as_the_kernel_cut_them() {
    let golden = golden();
    assert!(golden.len() >= 10);
    for (mut bytes, shape, parts) in golden {
        // It passed them on.
        packet::decrement_hop_limit(&mut bytes);
        let total: usize = parts.iter().map(Vec::len).sum();
        if shape.segment_bytes.is_some() {
            assert_eq!(largest_bytes(&bytes, shape), parts[0].len());
        }
        let packet = Packet::of(bytes, shape).expect("a large packet");
        assert_eq!(packet.shape(), shape);
        assert_eq!(amount(&packet), (parts.len() as u64, total as u64));
        assert_eq!(packet.first(), parts[0]);
        assert_eq!(cut(packet), parts);
    }
}

#[test]
fn the_whole_sum_is_as_good_as_one_that_is_begun() {
    for (bytes, shape, _) in golden() {
        let expected = cut(Packet::of(bytes.clone(), shape).expect("large"));
        for sums in [Sums::Unknown, Sums::Good] {
            if shape.segment_bytes.is_some() {
                let shape = Shape { sums, ..shape };
                let packet = Packet::of(bytes.clone(), shape).expect("large");
                assert_eq!(cut(packet), expected);
            }
        }
    }
}

#[test]
fn what_is_no_large_packet_is_none() {
    let (bytes, shape, _) = golden().remove(0);
    let of = |bytes: &[u8], shape| Packet::of(bytes.to_vec(), shape);
    assert_eq!(of(&bytes, Shape { segment_bytes: Some(0), ..shape }), None);
    assert_eq!(of(&bytes[..bytes.len() - 1], shape), None);
    assert_eq!(of(b"?", shape), None);
    let whole = Shape { segment_bytes: Some(u16::MAX), ..shape };
    let packet = of(&bytes, whole).expect("a packet");
    assert_eq!(packet.shape(), Shape { segment_bytes: None, ..shape });
    // A sum of something inside is completed where it is.
    let single = |from, at| Shape { sums: Sums::Partial { from, at }, segment_bytes: None };
    let Sums::Partial { from, at } = shape.sums else { panic!("goldens are begun") };
    let (from, at) = (from + 8, at + 10);
    let packet = of(&bytes, single(from, at)).expect("a packet");
    assert_eq!(packet.shape(), Shape::PLAIN);
    let (begin, at) = (usize::from(from), usize::from(at));
    // What was there is the sum of a header that is not.
    let begun = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    assert_eq!(wire::checksum::of(&packet.bytes[begin..]), begun);
    for (from, at) in [(9, 8), (0, u16::MAX), (u16::MAX, 0)] {
        assert_eq!(of(&bytes, single(from, at)), Some(bytes.clone().into()));
    }
}
