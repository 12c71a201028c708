//! The noise: it is there, it comes near, and it is never ours.

use super::*;
use std::collections::BTreeMap;
use wire::icmp::Transport;
use wire::tcp::{Segment, flag};
use wire::udp;

/// What was not recognised, by what it is.
fn kinds(ride: &Ride) -> BTreeMap<&'static str, usize> {
    let mut kinds = BTreeMap::new();
    for (from, message) in &ride.prober.strange {
        let family = Family::of(*from);
        let is_icmp = Message::parse(family, message).ok().filter(|parsed| {
            let source = ride.prober.source;
            wire::icmp::verify(*from, source, message) && !matches!(parsed, Message::Other { .. })
        });
        let kind = match is_icmp {
            Some(Message::Error(error)) => match error.parse_quoted().map(|q| q.transport) {
                Ok(Transport::Ports { source: 41_000, .. }) => "our port quoted",
                Ok(Transport::Query { identifier: 41_000, .. }) => "our port quoted",
                _ => "quoted",
            },
            Some(_) => "answer",
            None => answer_kind(ride, message),
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    kinds
}

fn answer_kind(ride: &Ride, message: &[u8]) -> &'static str {
    match ride.prober.method.carrier() {
        Carrier::Tcp => match Segment::parse(message) {
            Ok(segment) if segment.flags & flag::SYN != 0 => "stranger's SYN-ACK",
            Ok(_) => "stranger's reset",
            Err(_) => "rubbish",
        },
        Carrier::Udp if udp::Message::parse(message).is_ok() => "stranger's datagram",
        _ => "rubbish",
    }
}

#[test]
fn near_misses_surround_every_method() {
    each(|method, family| {
        let trip = trip(method, family, 1).repeated(4, 400, Duration::from_millis(1));
        let ride = trip.over(&line("", "tcp = [80], udp = [33434]"));
        assert_eq!(ride.prober.heard.len(), 400, "{method:?} {family}");
        let kinds = kinds(&ride);
        let expected: &[&str] = match method.carrier() {
            Carrier::Tcp => &["our port quoted", "stranger's SYN-ACK", "stranger's reset"],
            Carrier::Udp => &["our port quoted", "quoted", "stranger's datagram"],
            _ => &["our port quoted", "quoted", "answer"],
        };
        for kind in expected {
            assert!(kinds.get(kind) >= Some(&8), "{method:?} {family}: {kinds:?}");
        }
    });
}

#[test]
fn short_probes_have_noise_of_their_own() {
    for family in Family::ALL {
        let udp = method::by_name("udp").expect("udp");
        let mut trip = trip(udp, family, 1).repeated(2, 100, Duration::from_millis(1));
        trip.asks.iter_mut().for_each(|ask| ask.payload_bytes = 2);
        let ride = trip.over(&line("", ""));
        assert_eq!(ride.prober.heard.len(), 100);
        assert_eq!(kinds(&ride).get("our port quoted"), None);
        assert!(kinds(&ride).get("quoted") >= Some(&8));
    }
}
