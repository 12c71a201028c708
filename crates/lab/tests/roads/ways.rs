//! Roads that change, differ there and back, say little, or are narrow.

use super::*;
use probe::method::by_name;

fn udp() -> &'static dyn Method {
    by_name("udp").expect("udp")
}

#[test]
fn roads_change_when_the_scenario_says_so() {
    let text = include_str!("../../scenarios/path-change.toml");
    each(|method, family| {
        let second = trip(method, family, 1).repeated(2, 20, Duration::from_secs(1));
        let names = second.over(text).names();
        let expected =
            [("short", 5), ("long1", 5), ("short", 5), ("long1", 5)].map(|(n, c)| vec![n; c]);
        assert_eq!(names, expected.concat(), "{method:?} {family}");
        let end = trip(method, family, 1).repeated(9, 20, Duration::from_secs(1));
        let ride = end.over(text);
        let rtt = |number| ride.heard(number).rtt.as_millis();
        // Beyond 15 s the way back goes over the link that is up again.
        assert_eq!([rtt(0), rtt(6), rtt(11), rtt(16)], [24, 64, 64, 64]);
    });
}

#[test]
fn a_link_that_is_down_is_no_way() {
    let text = line("", "") + "[[at]]\ntime = \"1s\"\nlink = \"r2-r3\"\ndown = true\n";
    each(|method, family| {
        let ride = trip(method, family, 1).repeated(4, 3, Duration::from_millis(700)).over(&text);
        assert_eq!(ride.names(), ["b", "b", "r1"]);
        assert_eq!(ride.heard(2).meaning(), Some(Meaning::NetworkUnreachable));
    });
}

#[test]
fn a_change_may_make_a_link_lossy_narrow_or_a_node_silent() {
    each(|method, family| {
        let ask = |change: &str, hop| {
            let text = format!("{}[[at]]\ntime = \"1s\"\n{change}\n", line("", ""));
            let mut trip = trip(method, family, 1).repeated(hop, 2, Duration::from_secs(2));
            trip.asks.iter_mut().for_each(|ask| ask.payload_bytes = 1_350);
            trip.over(&text).names()
        };
        assert_eq!(ask("link = \"r1-r2\"\nthere = { loss = \"100%\" }", 4), ["b", "*"]);
        assert_eq!(ask("link = \"r1-r2\"\nback = { loss = \"100%\" }", 4), ["b", "*"]);
        assert_eq!(ask("node = \"r2\"\nsilent = true", 2), ["r2", "*"]);
        let narrow = ask("link = \"r1-r2\"\nmtu = 1300", 4);
        assert_eq!(narrow, ["b", if method.carries_payload() { "r1" } else { "b" }]);
    });
}

#[test]
fn mistakes_in_changes_are_shown() {
    for (change, message) in [
        ("link = \"r1-r3\"", "no link is named `r1-r3`"),
        ("node = \"r9\"", "no node is named `r9`"),
        ("link = \"r1-r2\"\nnode = \"r1\"", "a change needs either"),
        ("link = \"r1-r2\"\nsilent = true", "unknown key `silent`"),
        ("node = \"r1\"\nroutes = [{ to = \"b\", via = \"r3\" }]", "no link joins"),
    ] {
        let text = format!("{}[[at]]\ntime = \"1s\"\n{change}\n", line("", ""));
        let fault = World::load(&text, "test", None).expect_err("a mistake");
        assert!(fault.message.starts_with(message), "{fault}");
    }
}

#[test]
fn roads_back_may_be_longer_and_lossy() {
    let text = include_str!("../../scenarios/asymmetric.toml");
    each(|method, family| {
        let lossless = text.replace("10%", "0%");
        let ride = trip(method, family, 4).over(&lossless);
        assert_eq!(ride.names(), ["r1", "r2", "r3", "b"]);
        let seen = |number| (ride.heard(number).rtt.as_millis(), ride.heard(number).hop_limit);
        // The third and the end answer by way of two routers more.
        assert_eq!([seen(0), seen(1)], [(2, 64), (6, 63)]);
        assert_eq!([seen(2), seen(3)], [(36, 61), (38, 60)]);
        let ride = trip(method, family, 1).repeated(4, 200, Duration::from_millis(5)).over(text);
        assert!((160..195).contains(&ride.prober.heard.len()), "{}", ride.prober.heard.len());
    });
}

#[test]
fn limits_are_kept() {
    let text = include_str!("../../scenarios/limits.toml");
    each(|method, family| {
        let heard = |hop| {
            // Forty probes in four seconds.
            let trip = trip(method, family, 1).repeated(hop, 40, Duration::from_millis(100));
            trip.over(text).prober.heard.len()
        };
        assert_eq!([heard(1), heard(2), heard(3), heard(4), heard(5)], [9, 1, 9, 0, 40]);
    });
}

#[test]
fn narrow_links_speak_keep_silent_or_lie() {
    let text = include_str!("../../scenarios/black-hole-mtu.toml");
    for family in Family::ALL {
        let ask = |to, total: usize| {
            let mut trip = trip(udp(), family, 9);
            trip.asks.drain(..8);
            trip.to = to;
            let headers = if family == Family::V4 { 28 } else { 48 };
            trip.asks[0].payload_bytes = total - headers;
            let ride = trip.over(text);
            if ride.prober.heard.is_empty() {
                return ("*".to_string(), None, None);
            }
            let error = ride.heard(0).error();
            (ride.name(0), Some(error.meaning), error.mtu_bytes())
        };
        let too_big = Some(Meaning::PacketTooBig);
        let arrived = Some(Meaning::PortUnreachable);
        assert_eq!(ask("b", 9_000), ("honest".into(), too_big, Some(1_500)));
        assert_eq!(ask("b", 1_500), ("*".into(), None, None));
        assert_eq!(ask("b", 1_401), ("*".into(), None, None));
        assert_eq!(ask("b", 1_400), ("b".into(), arrived, None));
        assert_eq!(ask("c", 1_500), ("old".into(), too_big, None));
        assert_eq!(ask("c", 1_300), ("c".into(), arrived, None));
    }
    let text = text.replace("lies_mtu = 0", "lies_mtu = 1450");
    let mut trip = trip(udp(), Family::V6, 9);
    trip.to = "c";
    trip.asks[8].payload_bytes = 1_400;
    let ride = trip.over(&text);
    assert_eq!(ride.heard(8).error().mtu_bytes(), Some(1_450));
}

#[test]
fn sizes_may_differ_there_and_back() {
    let wide = line("", "").replace("delay = \"2ms\"", "delay = \"2ms\"\nback = { mtu = 1300 }");
    for family in Family::ALL {
        let mut there = trip(by_name("icmp").expect("icmp"), family, 4);
        there.asks.drain(..3);
        there.asks[0].payload_bytes = 1_400;
        let ride = there.over(&wide);
        // It arrives; its answer is cut, or in IPv6 does not come back the first time.
        let expected = if family == Family::V4 { "b" } else { "*" };
        assert_eq!(ride.names(), [expected]);
        let narrow = wide.replace("back = {", "there = {");
        assert_eq!(there.over(&narrow).names(), ["r1"]);
    }
}

#[test]
fn jumbo_datagrams_cross_jumbo_links() {
    let text = "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\nmtu = 65535\n";
    for family in Family::ALL {
        let mut trip = trip(by_name("icmp").expect("icmp"), family, 1);
        trip.asks[0].payload_bytes = 65_535 - 48;
        assert_eq!(trip.over(text).names(), ["b"], "{family}");
    }
}
