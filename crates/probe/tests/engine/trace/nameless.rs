//! Errors as an error queue gives them: ports, and no name of the probe.

use super::*;

fn nameless(seen: &Seen) -> Seen {
    let mut nameless = seen.clone();
    nameless.transmit.header.identification = None;
    nameless.message[6..8].fill(0);
    nameless
}

#[test]
fn a_quote_without_any_name_is_asked_for_one_by_one() {
    for family in Family::ALL {
        // As an error queue gives it: ports and nothing else.
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let (from, meaning) = match hop < 5 {
                true => (router(family, hop), Meaning::HopLimitExceeded),
                false => (target(family), Meaning::PortUnreachable),
            };
            let nameless = nameless(seen);
            let (from, protocol, payload) = error(&nameless, from, meaning, 8);
            vec![(MS * u32::from(hop.min(5)), from, protocol, payload)]
        };
        let mut road = Road::new(family, &method::UDP, respond);
        let plan = Plan { sees_quoted_headers: false, ..plan(&method::UDP) };
        let (reports, _) = road.run(plan);
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 5, .. }), "{reports:?}");
        for hop in hops(&reports) {
            assert_eq!(answers(hop).len(), 3);
            assert!(answers(hop).iter().all(|a| a.rtt == MS * u32::from(hop.hop)), "{hop:?}");
        }
    }
}

#[test]
fn the_token_names_what_the_error_queue_does_not() {
    for family in Family::ALL {
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let (from, meaning) = match hop < 9 {
                true => (router(family, hop), Meaning::HopLimitExceeded),
                false => (target(family), Meaning::PortUnreachable),
            };
            let nameless = nameless(seen);
            vec![with_delay(hop.min(9), error(&nameless, from, meaning, 500))]
        };
        let plan = Plan { sees_quoted_headers: false, ..plan(&method::UDP) };
        let (reports, end) = Road::new(family, &method::UDP, respond).run(plan);
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 9, .. }));
        assert!(end <= Time::ZERO + 27 * MS, "{end}");
        for hop in hops(&reports) {
            let is_exact = |a: &&Answer| a.rtt == MS * u32::from(hop.hop) && a.is_certain;
            assert_eq!(answers(hop).into_iter().filter(is_exact).count(), 3, "{hop:?}");
        }
    }
}

#[test]
fn a_strangers_token_is_not_taken_for_a_quote_without_names() {
    for family in Family::ALL {
        // One probe in the air, to which anything nameless would be put down.
        let mut chain = chain(3, MS);
        let respond = move |seen: &Seen| {
            let mut nameless = nameless(seen);
            nameless.message[8..16].fill(3);
            let from = router(family, 66);
            let mut back = chain(seen);
            back.push(with_delay(0, error(&nameless, from, Meaning::HopLimitExceeded, 500)));
            back
        };
        let plan = Plan { sees_quoted_headers: false, in_flight_max: 1, ..plan(&method::UDP) };
        let (reports, _) = Road::new(family, &method::UDP, respond).run(plan);
        assert!(matches!(verdict(&reports).end, End::Reached { hop: 3, .. }), "{reports:?}");
        for hop in hops(&reports) {
            let from = if hop.is_end { target(family) } else { router(family, hop.hop) };
            assert!(answers(hop).iter().all(|answer| answer.from == from), "{hop:?}");
        }
    }
}

#[test]
fn a_late_answer_without_a_name_holds_nothing_up() {
    let family = Family::V4;
    // When it comes, second probes of the first hops wait to be sent.
    let respond = move |seen: &Seen| match (seen.nth, hop_of(seen)) {
        (0, _) => {
            let from = router(family, 1);
            let (from, protocol, payload) =
                error(&nameless(seen), from, Meaning::HopLimitExceeded, 8);
            vec![(1_200 * MS, from, protocol, payload)]
        }
        (7.., 6) => vec![with_delay(6, arrival(seen))],
        _ => Vec::new(),
    };
    let plan = Plan { sees_quoted_headers: false, in_flight_max: 2, ..plan(&method::UDP) };
    let (reports, _) = Road::new(family, &method::UDP, respond).run(plan);
    assert!(matches!(verdict(&reports).end, End::Reached { hop: 6, .. }), "{reports:?}");
}

#[test]
fn paths_are_found_without_names() {
    for family in Family::ALL {
        let respond = move |seen: &Seen| {
            let hop = hop_of(seen);
            let (from, meaning) = match hop < 5 {
                true => (router(family, hop), Meaning::HopLimitExceeded),
                false => (target(family), Meaning::PortUnreachable),
            };
            let (from, protocol, payload) = error(&nameless(seen), from, meaning, 8);
            vec![(MS * u32::from(hop.min(5)), from, protocol, payload)]
        };
        let course = Course::Paths { risk: 0.05 };
        let plan = Plan { course, sees_quoted_headers: false, ..plan(&method::UDP) };
        let (reports, _) = Road::new(family, &method::UDP, respond).run(plan);
        let graph = reports.iter().find_map(|report| match &report.event {
            Event::Graph(graph) => Some(graph),
            _ => None,
        });
        let widths = graph.expect("a graph").layers.iter().map(|layer| layer.vertices.len());
        assert_eq!(widths.collect::<Vec<_>>(), [1; 5], "{family}");
    }
}
