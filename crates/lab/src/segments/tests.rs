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

/// A packet, what a device says of it, where its checksum begins and belongs; and what the kernel
/// made of it.
type Golden = (Vec<u8>, Shape, (u16, u16), Vec<Vec<u8>>);

fn golden() -> Vec<Golden> {
    let mut all = Vec::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["-", part] = words[..] {
            let (.., parts): &mut (_, _, _, Vec<_>) = all.last_mut().expect("of a packet");
            parts.push(bytes(part));
            continue;
        }
        let number = |at: usize| words[at].parse::<u16>().expect("a number");
        let segment_bytes = Some(number(0)).filter(|it| *it > 0);
        let shape = Shape { sums: Sums::Partial, segment_bytes };
        all.push((bytes(words[3]), shape, (number(1), number(2)), Vec::new()));
    }
    all
}

#[test]
fn packets_are_cut_as_the_kernel_cut_them() {
    let golden = golden();
    assert!(golden.len() >= 10);
    for (mut bytes, shape, sum, parts) in golden {
        // It passed them on.
        packet::decrement_hop_limit(&mut bytes);
        assert_eq!(sum_place(&bytes), Some(sum));
        let total: usize = parts.iter().map(Vec::len).sum();
        if shape.segment_bytes.is_some() {
            assert_eq!(largest_bytes(&bytes, shape), parts[0].len());
        }
        let packet = Packet::of(bytes, shape, Some(sum)).expect("a large packet");
        assert_eq!(packet.shape(), shape);
        assert_eq!(amount(&packet), (parts.len() as u64, total as u64));
        assert_eq!(packet.first(), parts[0]);
        assert_eq!(cut(packet), parts);
    }
}

#[test]
fn the_whole_sum_is_as_good_as_one_that_is_begun() {
    for (bytes, shape, sum, _) in golden() {
        let expected = cut(Packet::of(bytes.clone(), shape, Some(sum)).expect("large"));
        for sums in [Sums::Unknown, Sums::Good] {
            if shape.segment_bytes.is_some() {
                let shape = Shape { sums, ..shape };
                let packet = Packet::of(bytes.clone(), shape, None).expect("large");
                assert_eq!(cut(packet), expected);
            }
        }
    }
}

#[test]
fn what_is_no_large_packet_is_none() {
    let (bytes, shape, sum, _) = golden().remove(0);
    let of = |bytes: &[u8], shape, sum| Packet::of(bytes.to_vec(), shape, sum);
    assert_eq!(of(&bytes, Shape { segment_bytes: Some(0), ..shape }, Some(sum)), None);
    assert_eq!(of(&bytes[..bytes.len() - 1], shape, Some(sum)), None);
    assert_eq!(of(b"?", shape, Some(sum)), None);
    let whole = Shape { segment_bytes: Some(u16::MAX), ..shape };
    let packet = of(&bytes, whole, Some(sum)).expect("a packet");
    assert_eq!(packet.shape(), Shape { segment_bytes: None, ..shape });
    // A sum of something inside is completed where it is.
    let single = Shape { segment_bytes: None, ..shape };
    let packet = of(&bytes, single, Some((sum.0 + 8, sum.1 + 10))).expect("a packet");
    assert_eq!(packet.shape(), Shape::PLAIN);
    let (from, at) = (usize::from(sum.0) + 8, usize::from(sum.1) + 10);
    // What was there is the sum of a header that is not.
    let begun = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    assert_eq!(wire::checksum::of(&packet.bytes[from..]), begun);
    for odd in [None, Some((9, 8)), Some((0, u16::MAX)), Some((u16::MAX, 0))] {
        assert_eq!(of(&bytes, single, odd), Some(bytes.clone().into()));
    }
}
