//! The rules for errors that hosts and routers follow, each by its own test where `super` has none:
//! RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4, RFC 8200 §4.

use super::*;
use wire::ip::extensions::Ipv6Option;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The one error that `a` gets for a datagram, meaning and word; `None` if it gets nothing.
fn answer(text: &str, bytes: Vec<u8>, to: &str) -> Option<(Meaning, u32)> {
    let mut world = load(text);
    let to = Recipient::Node(world.named(to));
    let back = world.exchange(bytes, to);
    assert!(back.len() < 2, "{back:?}");
    back.first().map(|bytes| {
        let (meaning, word, _) = error(bytes);
        (meaning, word)
    })
}

#[test]
fn no_error_about_a_redirect() {
    for family in Family::ALL {
        let world = load(LINE);
        let mut header = world.header("b", family, rules::of(family).icmp);
        header.hop_limit = 1;
        let meaning = Meaning::RedirectHost;
        let (kind, code) = meaning.numbers(family).expect("both say it");
        let about = udp(&world.header("b", family, protocol::UDP), b"quoted");
        let body = match family {
            Family::V4 => about,
            Family::V6 => [0; 32].to_vec(),
        };
        let error = Message::Error(icmp::Error { meaning, kind, code, word: 0, body: &body });
        assert_eq!(answer(LINE, emit(&header, &message(&header, &error)), "r"), None, "{family}");
    }
}

#[test]
fn no_error_about_an_error_of_a_kind_that_nobody_knows() {
    // RFC 4443 §2.4 (b): types below 128 are errors, known or not. In IPv4 Linux takes for one what
    // it does not know, and the messages of routers.
    for (family, kind, expected) in [
        (Family::V6, 99, None),
        (Family::V6, 200, Some(Meaning::HopLimitExceeded)),
        (Family::V4, 9, None),
        (Family::V4, 10, None),
        (Family::V4, 44, None),
    ] {
        let world = load(LINE);
        let mut header = world.header("b", family, rules::of(family).icmp);
        header.hop_limit = 1;
        let said = answer(LINE, emit(&header, &[kind, 0, 0, 0, 0, 0, 0, 0]), "r");
        assert_eq!(said.map(|(meaning, _)| meaning), expected, "{kind}");
    }
}

#[test]
fn an_error_may_be_about_every_query() {
    for family in Family::ALL {
        let kinds = match family {
            Family::V4 => &[0, 8, 13, 14, 15, 16, 17, 18][..],
            Family::V6 => &[128, 129, 133, 134, 135, 136, 139, 140][..],
        };
        for kind in kinds {
            let world = load(LINE);
            let mut header = world.header("b", family, rules::of(family).icmp);
            header.hop_limit = 1;
            let mut query = [0; 40];
            query[0] = *kind;
            let said = answer(LINE, emit(&header, &query), "r");
            assert_eq!(said.map(|(meaning, _)| meaning), Some(Meaning::HopLimitExceeded), "{kind}");
        }
    }
}

#[test]
fn no_error_to_a_broadcast_or_multicast_destination() {
    // 192.0.2.0/30 and 192.0.2.4/30 are the links; both forms of broadcast, limited and directed.
    let many = [
        "192.0.2.3",
        "192.0.2.0",
        "192.0.2.7",
        "255.255.255.255",
        "224.0.0.1",
        "224.0.0.9",
        "239.1.2.3",
        "ff02::1",
        "ff02::2",
        "ff05::7",
        "ff0e::1",
    ];
    for destination in many.map(ip) {
        let world = load(LINE);
        let family = Family::of(destination);
        for hop_limit in [1, 64] {
            let header = world.header("b", family, protocol::UDP);
            let header = Header { destination, hop_limit, ..header };
            let sent = udp(&header, b"to many");
            assert_silence(LINE, "r", sent, Recipient::Node(world.named("r")), "it went to many");
        }
    }
}

#[test]
fn no_error_about_a_link_layer_broadcast_or_multicast() {
    let text = SEGMENT.replace("[[link]]", "[[link]]\nkind = \"ethernet\"");
    for family in Family::ALL {
        let world = load(&text);
        let sent = udp(&world.header("b", family, protocol::UDP), b"by link-layer broadcast");
        assert_silence(&text, "b", sent.clone(), Recipient::Everyone, "it went to all");
        let group = Recipient::Stranger([1, 0, 0x5e, 0, 0, 1]);
        assert_silence(&text, "b", sent, group, "it went to a group");
    }
}

#[test]
fn no_error_to_a_source_of_class_e() {
    for source in ["240.0.0.1", "255.255.255.254", "0.1.2.3", "127.8.9.10", "239.255.0.1"].map(ip) {
        let world = load(LINE);
        let to = Recipient::Node(world.named("r"));
        let header = world.header("b", Family::V4, protocol::UDP);
        let header = Header { source, hop_limit: 1, ..header };
        assert_silence(LINE, "r", udp(&header, b"x"), to, &source.to_string());
    }
}

/// A datagram with one extension header, of those options.
fn optional(world: &World, to: IpAddr, kind: u8, options: &[u8]) -> Vec<u8> {
    let mut header = world.header("b", Family::V6, protocol::UDP);
    header.destination = to;
    let mut bytes = vec![0, 0];
    bytes.extend_from_slice(options);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes[1] = (bytes.len() / 8 - 1) as u8;
    header.extensions = vec![(kind, bytes)];
    udp(&header, b"with options")
}

#[test]
fn an_unknown_option_is_what_its_kind_says() {
    // RFC 8200 §4.2: 00 is skipped, 01 discards, 10 speaks, 11 speaks but of what went to many.
    let said = |kind: u8, header: u8, to: IpAddr| {
        let world = load(SEGMENT);
        let mut options = Vec::new();
        Ipv6Option::PadN(2).emit(&mut options).expect("fits");
        Ipv6Option::Unknown { kind, body: &[1, 2] }.emit(&mut options).expect("fits");
        let bytes = optional(&world, to, header, &options);
        answer(SEGMENT, bytes, "b")
    };
    let one = load(SEGMENT).address("b", Family::V6);
    let unknown = Some((Meaning::OptionUnknown, 44));
    for header in [protocol::HOP_BY_HOP, protocol::DESTINATION_OPTIONS] {
        let port = said(0x1e, header, one).map(|(meaning, _)| meaning);
        assert_eq!(port, Some(Meaning::PortUnreachable));
        assert_eq!(said(0x5e, header, one), None);
        assert_eq!(said(0x9e, header, one), unknown);
        assert_eq!(said(0xde, header, one), unknown);
        // The exception of RFC 4443 §2.4 (e.3): parameter problem, code 2, about multicast.
        let many = ip("ff02::1");
        assert_eq!(said(0x1e, header, many), None);
        assert_eq!(said(0x9e, header, many), unknown);
        assert_eq!(said(0xde, header, many), None);
    }
}

#[test]
fn routers_look_at_the_options_for_every_hop_alone() {
    let world = load(LINE);
    let b = world.address("b", Family::V6);
    let options = [0x9e, 2, 1, 2, 0, 0];
    let every = optional(&world, b, protocol::HOP_BY_HOP, &options);
    let mut world = load(LINE);
    let r = Recipient::Node(world.named("r"));
    let back = world.exchange(every, r);
    assert_eq!(Datagram::parse(&back[0]).expect("whole").source, world.address("r", Family::V6));
    let last = optional(&world, b, protocol::DESTINATION_OPTIONS, &options);
    let back = world.exchange(last, r);
    assert_eq!(Datagram::parse(&back[0]).expect("whole").source, b);
    assert_eq!(error(&back[0]).0, Meaning::OptionUnknown);
    let alert = [5, 2, 0, 0, 1, 0];
    let known = optional(&world, b, protocol::HOP_BY_HOP, &alert);
    assert_eq!(error(&world.exchange(known, r)[0]).0, Meaning::PortUnreachable);
    let cut = optional(&world, b, protocol::HOP_BY_HOP, &[0x1e, 9, 0, 0, 0, 0]);
    assert!(world.exchange(cut, r).is_empty(), "an option that ends behind its header");
}

#[test]
fn packet_too_big_may_be_about_multicast() {
    // RFC 4443 §2.4 (e.3). Routers of the lab pass no multicast on, so one is asked to speak of it.
    for (family, many) in [(Family::V4, "224.1.2.3"), (Family::V6, "ff0e::1")] {
        let mut world = load(LINE);
        let header = world.header("b", family, protocol::UDP);
        let about = udp(&Header { destination: ip(many), ..header }, b"about");
        let r = world.named("r");
        world.turn(r, |node, turn| {
            node.complain(turn, Subject::of(&about), Meaning::PacketTooBig, 1_280);
            node.complain(turn, Subject::of(&about), Meaning::HopLimitExceeded, 0);
        });
        assert_eq!(world.sent_by("r"), u64::from(family == Family::V6), "{family}");
    }
}

#[test]
fn a_routing_header_that_nobody_follows_is_reported_at_its_type() {
    let world = load(LINE);
    for (segments_left, expected) in
        [(0, (Meaning::PortUnreachable, 0)), (1, (Meaning::HeaderField, 42))]
    {
        for kind in [0, 2, 4, 253] {
            let mut header = world.header("b", Family::V6, protocol::UDP);
            header.extensions =
                vec![(protocol::ROUTING, vec![0, 0, kind, segments_left, 0, 0, 0, 0])];
            let said = answer(LINE, udp(&header, b"routed"), "r");
            assert_eq!(said, Some(expected), "type {kind}");
        }
    }
}

#[test]
fn options_for_every_hop_come_first_or_not_at_all() {
    let world = load(LINE);
    let mut header = world.header("b", Family::V6, protocol::UDP);
    let pad = vec![0, 0, 1, 4, 0, 0, 0, 0];
    header.extensions =
        vec![(protocol::DESTINATION_OPTIONS, pad.clone()), (protocol::HOP_BY_HOP, pad)];
    let said = answer(LINE, udp(&header, b"late"), "r");
    assert_eq!(said, Some((Meaning::NextHeaderUnknown, 40)), "where the first names the second");
}

#[test]
fn fragments_of_impossible_length_are_reported_in_ipv6() {
    for family in Family::ALL {
        let world = load(LINE);
        let said = |offset_bytes, payload: &[u8]| {
            let mut header = world.header("b", family, protocol::UDP);
            header.fragment = Some(Fragment { identification: 7, offset_bytes, more: true });
            let mut world = load(LINE);
            let to = Recipient::Node(world.named("r"));
            let a = world.named("a");
            world.watched = Some(Watch { node: a, carrier: Carrier::Icmp });
            let bytes = emit(&header, payload);
            world.turn(a, |_, turn| {
                turn.actions.push(Action::Send { interface: 0, to, bytes });
            });
            world.advance(Time(1_000_000_000));
            world.inbox.pop_front().map(|bytes| {
                let (meaning, word, _) = error(&bytes);
                (meaning, word)
            })
        };
        let is_v6 = family == Family::V6;
        assert_eq!(said(0, &[0; 12]), is_v6.then_some((Meaning::HeaderField, 4)));
        assert_eq!(said(0, &[0; 16]), None);
        // Behind the largest datagram: the pointer is at the offset.
        assert_eq!(said(65_528, &[0; 16]), is_v6.then_some((Meaning::HeaderField, 42)));
    }
}

#[test]
fn a_loose_source_route_that_leads_nowhere_has_failed() {
    let world = load(LINE);
    let mut header = world.header("r", Family::V4, protocol::ICMP);
    header.options = options::loose_source_route(&[Ipv4Addr::new(203, 0, 113, 99)]).expect("fits");
    let said = answer(LINE, emit(&header, &message(&header, &ECHO)), "r");
    assert_eq!(said, Some((Meaning::SourceRouteFailed, 0)));
}

#[test]
fn errors_come_from_who_was_asked_or_the_interface_by_which_they_leave() {
    // RFC 1812 §4.3.2.4 would have the latter alone; Linux answers as who was asked.
    for family in Family::ALL {
        let mut world = load(LINE);
        let r = world.named("r");
        let header = world.header("b", family, protocol::UDP);
        let [near, far] = world.addresses(r, family)[..] else { panic!("two links") };
        let expired = Header { hop_limit: 1, ..header.clone() };
        let back = world.exchange(udp(&expired, b"beyond it"), Recipient::Node(r));
        assert_eq!(Datagram::parse(&back[0]).expect("whole").source, near);
        let header = Header { destination: far, ..header };
        let back = world.exchange(udp(&header, b"to its other side"), Recipient::Node(r));
        assert_eq!(Datagram::parse(&back[0]).expect("whole").source, far);
    }
}

#[test]
fn errors_keep_the_type_of_service_and_have_precedence_six() {
    // RFC 1812 §4.3.2.5, and Linux leaves the lowest bit out; in IPv6 they have none.
    for family in Family::ALL {
        for (class, expected) in [(0x00, 0xc0), (0x10, 0xd0), (0xb9, 0xd8), (0xff, 0xde)] {
            let mut world = load(LINE);
            let header = world.header("b", family, protocol::UDP);
            let header = Header { traffic_class: class, ..header };
            let r = Recipient::Node(world.named("r"));
            let back = world.exchange(udp(&header, b"x"), r);
            let got = Datagram::parse(&back[0]).expect("whole").traffic_class;
            assert_eq!(got, if family == Family::V4 { expected } else { 0 }, "{class:x}");
        }
    }
}

#[test]
fn fragments_that_stay_incomplete_are_reported_if_the_first_has_come() {
    for (family, seconds) in [(Family::V4, 30), (Family::V6, 60)] {
        for (offset_bytes, is_said) in [(0, true), (8, false)] {
            let mut world = load(SEGMENT);
            let mut header = world.header("b", family, protocol::UDP);
            header.fragment = Some(Fragment { identification: 7, offset_bytes, more: true });
            let to = Recipient::Node(world.named("b"));
            let back = world.exchange(emit(&header, &[5; 64]), to);
            assert!(world.now >= Time(seconds * 1_000_000_000));
            assert_eq!(back.len(), usize::from(is_said));
            if is_said {
                let (meaning, word, quote) = error(&back[0]);
                assert_eq!((meaning, word), (Meaning::ReassemblyTimeExceeded, 0));
                assert_eq!(quote, emit(&header, &[5; 64]), "it quotes the first fragment");
            }
        }
    }
}
