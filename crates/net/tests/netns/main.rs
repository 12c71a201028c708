//! The sockets against real kernels: what a raw socket tells, a datagram socket tells too.

mod carriers;
mod checks;
mod child;
mod tracer;

use child::{Orders, VARIABLE};
use std::net::IpAddr;
use testbed::{Bed, Launch, Node, Ran, replay};

/// Not a test of its own: what [`order`] starts.
#[test]
fn child() {
    if let Some(orders) = Orders::read() {
        child::run(&orders);
    }
}

#[test]
fn the_corpus_of_control_messages_breaks_nothing() {
    assert!(replay("control", checks::control) > 0);
}

#[test]
fn the_corpus_of_netlink_breaks_nothing() {
    assert!(replay("netlink", checks::netlink) > 5);
}

/// This binary once more, in a node.
fn order(node: &Node, orders: &str) -> Launch {
    let program = std::env::current_exe().expect("this program has a path");
    node.launch(program).args(&["--exact", "child", "--nocapture"]).env(VARIABLE, orders)
}

/// What the child printed of its own.
fn lines(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code(), Some(0), "{}\n{}", ran.stdout(), ran.stderr());
    let noise = ["running ", "test ", "test result", ""];
    let stdout = ran.stdout();
    let told = stdout.lines().filter(|line| {
        !noise.iter().any(|n| if n.is_empty() { line.is_empty() } else { line.starts_with(n) })
    });
    told.map(|line| line.trim_start_matches("test child ... ").to_owned()).collect()
}

/// Both kinds of socket: the orders' part, and whether it runs without any right.
const ACCESSES: [(&str, bool); 2] = [("access=raw", false), ("access=datagram", true)];

fn ask(node: &Node, access: (&str, bool), orders: &str) -> Vec<String> {
    let launch = order(node, &format!("{} {orders}", access.0));
    lines(&if access.1 { launch.as_nobody().run() } else { launch.run() })
}

fn reports(lines: &[String]) -> Vec<&str> {
    let is_report = |line: &&String| line.starts_with(|first: char| first.is_ascii_digit());
    lines.iter().filter(is_report).map(String::as_str).collect()
}

#[test]
fn replies_tell_the_same_on_both_sockets() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "router", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for (to, ours) in chain.both(2).into_iter().zip(chain.both(0)) {
            let told =
                ask(&chain[0], access, &format!("to={to} count=30 interval_ms=10 class=184"));
            let reports = reports(&told);
            assert_eq!(reports.len(), 30, "{told:?}");
            for report in &reports {
                let expected = format!(
                    "reply from={to} to=Some({ours}) hop_limit=Some(63) class=Some(184) bytes=64 \
                     rtt=sane options=0"
                );
                assert!(report.contains(&expected), "{access:?} {report}");
            }
            // The kernel begins to stamp a little after it is asked to.
            let last = reports[29];
            assert!(last.ends_with("by=kernel"), "{access:?} {last}");
            assert!(told.contains(&"end sent=30 foreign=0 woken=0".into()), "{told:?}");
            assert!(told.contains(&"rights raw=false".into()), "{told:?}");
            assert!(told.contains(&format!("open raw={}", !access.1)), "{told:?}");
        }
    }
}

#[test]
fn errors_tell_the_same_on_both_sockets() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "router", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain[1].refuse("unreachable", "198.51.100.0/24");
    chain[1].refuse("unreachable", "2001:db8:99::/64");
    chain[0].route("198.51.100.0/24", chain.v4(1));
    chain[0].route("2001:db8:99::/64", chain.v6(1));
    chain[1].mtu("right", 1_400);
    let far: [IpAddr; 2] =
        ["198.51.100.7", "2001:db8:99::7"].map(|a| a.parse().expect("an address"));
    let cases = [
        ("hop_limit=1", chain.both(2), ["HopLimitExceeded 11/0", "HopLimitExceeded 3/0"]),
        ("", far, ["HostUnreachable 3/1", "NetworkUnreachable 1/0"]),
        ("size=1440 fragment=never", chain.both(2), ["PacketTooBig 3/4", "PacketTooBig 2/0"]),
    ];
    for (orders, to, meanings) in cases {
        for family in 0..2 {
            // A path MTU is remembered: forget it, so that the router is asked again.
            chain[0].ip(&["route", "flush", "cache"]);
            chain[0].ip(&["-6", "route", "flush", "cache"]);
            let orders = format!("to={} count=1 {orders}", to[family]);
            let told: Vec<Vec<String>> = ACCESSES
                .iter()
                .map(|access| {
                    let told = ask(&chain[0], *access, &orders);
                    chain[0].ip(&["route", "flush", "cache"]);
                    chain[0].ip(&["-6", "route", "flush", "cache"]);
                    told
                })
                .collect();
            let [raw, datagram] = [reports(&told[0]), reports(&told[1])];
            let router = chain.both(1)[family];
            let expected = format!("1 error from={router} {} ", meanings[family]);
            assert!(raw.len() == 1 && raw[0].starts_with(&expected), "{orders}: {told:?}");
            assert_eq!(without_source(raw[0]), without_source(datagram[0]), "{orders}");
        }
    }
}

/// Without the last word, which says what clocks measured.
fn without_source(report: &str) -> &str {
    report.rsplit_once(' ').map_or(report, |(head, _)| head)
}

#[test]
fn an_error_does_not_eat_the_next_probe() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "router", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for to in chain.both(2) {
        for orders in ["preload=40", "preload=40 many", "interval_ms=1"] {
            let orders = format!("to={to} count=40 hop_limit=1 {orders}");
            for access in ACCESSES {
                let told = ask(&chain[0], access, &orders);
                let reports = reports(&told);
                let errors = reports.iter().filter(|r| r.contains("HopLimitExceeded")).count();
                assert_eq!((reports.len(), errors), (40, 40), "{access:?} {orders} {told:?}");
            }
        }
    }
}

#[test]
fn what_this_host_refuses_is_named() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for (to, nowhere) in chain.both(1).into_iter().zip(["203.0.113.1", "2001:db8:ffff::1"]) {
            let orders = format!("to={to} count=2 size=1900 fragment=never");
            let told = ask(&chain[0], access, &orders);
            let too_big = "send error TooBig { mtu_bytes: Some(1500) }";
            assert_eq!(reports(&told), [format!("1 {too_big}"), format!("2 {too_big}")]);
            let told = ask(&chain[0], access, &format!("to={nowhere} count=1"));
            assert_eq!(reports(&told), ["1 send error NoRoute"]);
        }
    }
    chain[0].nft(
        "table inet t { chain c {
            type filter hook output priority 0; meta l4proto { icmp, icmpv6 } drop;
        }; }",
    );
    for access in ACCESSES {
        let told = ask(&chain[0], access, &format!("to={} count=1", chain.v4(1)));
        assert_eq!(reports(&told), ["1 send error Prohibited"]);
    }
}

#[test]
fn a_failed_send_does_not_shift_the_stamps() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for (to, nowhere) in chain.both(1).into_iter().zip(["203.0.113.1", "2001:db8:ffff::1"]) {
            let told =
                ask(&chain[0], access, &format!("to={to},{nowhere},{to} count=20 interval_ms=10"));
            let reports = reports(&told);
            let refused = reports.iter().filter(|r| r.ends_with("send error NoRoute")).count();
            assert_eq!((reports.len(), refused), (60, 20), "{told:?}");
            let replies: Vec<_> = reports.iter().filter(|r| r.contains("reply")).collect();
            assert!(replies[39].ends_with("by=kernel"), "{access:?} {}", replies[39]);
            assert!(replies.iter().all(|r| r.contains("rtt=sane")), "{told:?}");
        }
    }
}

#[test]
fn what_this_host_drops_is_not_called_loss() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain[0].sysctls(&[("net/ipv4/icmp_ratelimit", "0")]);
    for access in ACCESSES {
        for to in chain.both(1) {
            // Sixty-four answers of that size do not fit the receive buffer, and they all arrive
            // before the send call returns.
            let orders = format!("to={to} count=64 preload=64 size=12000 many stamps=receive");
            let told = ask(&chain[0], access, &orders);
            let reports = reports(&told);
            let replies = reports.iter().filter(|r| r.contains(" reply ")).count();
            let drops = reports.iter().filter(|r| r.ends_with(" LocalDrop")).count();
            assert_eq!(replies + drops, 64, "{access:?} {told:?}");
            assert!(replies > 0 && drops > 0, "{access:?} {told:?}");
        }
    }
}

#[test]
fn another_pingers_packets_stay_outside() {
    let Some(mut bed) = Bed::open(&["ping"]) else { return };
    let chain = bed.chain(&["client", "router", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for to in chain.both(2) {
            let to = to.to_string();
            let mut other = chain[0].launch("ping").args(&["-n", "-i", "0.002", &to]).start();
            other.wait_for_stdout("bytes from");
            let told = ask(&chain[0], access, &format!("to={to} count=60 interval_ms=4"));
            assert!(told.contains(&"end sent=60 foreign=0 woken=0".into()), "{access:?} {told:?}");
            other.signal("INT");
            assert_eq!(other.finish().code(), Some(0));
        }
    }
}

#[test]
fn every_lane_and_family_shares_its_identifier() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    let to = chain.both(1).map(|to| to.to_string()).join(",");
    for access in ACCESSES {
        for orders in ["lanes=3 many", "lanes=1 identifier=4711", "lanes=4 identifier=4711"] {
            let told = ask(&chain[0], access, &format!("to={to} count=20 {orders}"));
            let replies = reports(&told).iter().filter(|r| r.contains("reply")).count();
            assert_eq!(replies, 40, "{access:?} {orders} {told:?}");
        }
    }
}

#[test]
fn the_envelope_is_as_asked() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain[0].address("right", "192.0.2.9/28");
    chain[0].address("right", "2001:db8::9/64");
    chain[1].nft(
        "table inet t {
            counter labels { }
            chain c {
                type filter hook input priority 0;
                ip6 flowlabel 0x12345 counter name labels;
            }
        }",
    );
    for access in ACCESSES {
        let to = chain.v4(1);
        let orders = format!("to={to} count=1 record_route source=192.0.2.9 interface=right");
        let told = ask(&chain[0], access, &orders);
        let expected = format!("1 reply from={to} to=Some(192.0.2.9) hop_limit=Some(64)");
        assert!(reports(&told)[0].starts_with(&expected), "{access:?} {told:?}");
        assert!(reports(&told)[0].contains("options=20"), "{access:?} {told:?}");

        let to = chain.v6(1);
        let orders = format!("to={to} count=3 label=74565 source=2001:db8::9");
        let told = ask(&chain[0], access, &orders);
        let expected = format!("1 reply from={to} to=Some(2001:db8::9) hop_limit=Some(64)");
        assert!(reports(&told)[0].starts_with(&expected), "{access:?} {told:?}");
    }
    let counted = chain[1].run("nft", &["list", "counter", "inet", "t", "labels"]).stdout();
    assert!(counted.contains("packets 6 "), "{counted}");
}

#[test]
fn marks_and_link_local_addresses_work() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain[1].address("left", "fe80::99/64");
    for access in ACCESSES {
        let told = ask(&chain[0], access, "to=fe80::99 count=1 interface=right");
        assert!(reports(&told)[0].starts_with("1 reply from=fe80::99"), "{access:?} {told:?}");
    }
    let marked = format!("to={} count=1 mark=7", chain.v4(1));
    chain[0].ip(&["rule", "add", "fwmark", "7", "table", "7"]);
    chain[0].ip(&["route", "add", "unreachable", "default", "table", "7"]);
    let told = ask(&chain[0], ACCESSES[0], &marked);
    assert_eq!(reports(&told), ["1 send error NoRoute"]);
    let told = ask(&chain[0], ACCESSES[1], &marked);
    assert!(told[0].starts_with("fault Rights cannot set the mark 7: "), "{told:?}");
}

#[test]
fn floods_are_answered_in_step_and_in_batches() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for to in chain.both(1) {
            for orders in ["in_flight=1", "in_flight=64 many"] {
                let orders = format!("to={to} count=2000 stamps=receive {orders}");
                let told = ask(&chain[0], access, &orders);
                let replies = reports(&told).iter().filter(|r| r.contains("reply")).count();
                assert_eq!(replies, 2_000, "{access:?} {orders}");
            }
        }
    }
}

#[test]
fn a_floods_headers_are_those_that_the_kernel_writes() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "router", "server"]);
    chain[0].address("right", "192.0.2.9/28");
    let (router, server) = (chain.v4(1).to_string(), chain.v4(2).to_string());
    let plain = "ip ttl 64 ip dscp 0 ip frag-off & 0x4000 == 0x4000";
    let fragments = "ip ttl 64 ip frag-off & 0x4000 == 0";
    for (discovers, to, envelope, header) in [
        (true, &*server, "size=524", &*format!("{plain} ip length 552")),
        (true, &server, "source=192.0.2.9", &format!("{plain} ip saddr 192.0.2.9")),
        (true, &server, "hop_limit=9 class=184", "ip ttl 9 ip dscp 46"),
        (true, &router, "size=56", &format!("{plain} ip saddr {}", chain.v4(0))),
        (true, "224.0.0.1", "size=56", "ip ttl 1 ip frag-off & 0x4000 == 0x4000"),
        (true, "224.0.0.1", "hop_limit=9", "ip ttl 9 ip dscp 0"),
        (false, &server, "size=56", fragments),
        (false, &server, "fragment=never", plain),
    ] {
        let off = if discovers { "0" } else { "1" };
        chain[0].sysctls(&[("net/ipv4/ip_no_pmtu_disc", off)]);
        chain[1].nft(&format!(
            "table ip t {{ chain c {{
                type filter hook prerouting priority 0;
                ip daddr {to} icmp type echo-request {header} counter
            }}; }}"
        ));
        let orders = format!("to={to} count=1 timeout_ms=50 interface=right {envelope}");
        let count = |more: &str| {
            ask(&chain[0], ACCESSES[0], &format!("{orders} {more}"));
            chain[1].run("nft", &["list", "chain", "ip", "t", "c"]).stdout()
        };
        let by_kernel = count("");
        assert!(by_kernel.contains("packets 1 "), "{orders} {by_kernel}");
        let by_us = count("stamps=receive");
        assert!(by_us.contains("packets 2 "), "{orders} {by_us}");
        assert_eq!(chain[1].run("nft", &["delete", "table", "ip", "t"]).code(), Some(0));
    }
}

#[test]
fn a_flood_is_fragmented_where_its_device_takes_less() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ip(&["link", "set", "right", "mtu", "300"]);
    chain[1].ip(&["link", "set", "left", "mtu", "300"]);
    let orders = format!("to={} count=20 size=500 stamps=receive many preload=20", chain.v4(1));
    let told = ask(&chain[0], ACCESSES[0], &orders);
    let replies = reports(&told).iter().filter(|r| r.contains(" reply ")).count();
    assert_eq!(replies, 20, "{told:?}");
    let told = ask(&chain[0], ACCESSES[0], &format!("{orders} fragment=never"));
    let too_big = "send error TooBig { mtu_bytes: Some(300) }";
    assert!(reports(&told).iter().all(|report| report.ends_with(too_big)), "{told:?}");
}

#[test]
fn missing_rights_are_named_with_both_remedies() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("client");
    node.ping_group_range(1, 0);
    for to in ["127.0.0.1", "::1"] {
        let told = ask(&node, ("access=auto", true), &format!("to={to} count=1"));
        assert!(told[0].starts_with("fault Rights cannot open a datagram ICMP socket"), "{told:?}");
        assert!(told[0].contains("net.ipv4.ping_group_range"), "{told:?}");
        assert!(told[0].contains("setcap cap_net_raw+ep"), "{told:?}");
        let told = ask(&node, ("access=auto", true), &format!("to={to} count=1 raw_only"));
        assert!(told[0].starts_with("fault Rights cannot open a raw ICMP socket"), "{told:?}");
        assert!(!told[0].contains("ping_group_range"), "{told:?}");
    }
    node.ping_group_range(0, 65_534);
    let told = ask(&node, ("access=auto", true), "to=127.0.0.1 count=1");
    assert!(told.contains(&"open raw=false".into()), "{told:?}");
    let told = ask(&node, ("access=auto", false), "to=127.0.0.1 count=1");
    assert!(told.contains(&"open raw=true".into()), "{told:?}");
}

#[test]
fn mistakes_are_the_users() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("client");
    for (orders, expected) in [
        ("to=127.0.0.1 source=203.0.113.9", "fault Usage cannot send from 203.0.113.9: "),
        ("to=127.0.0.1 interface=absent0", "fault Usage cannot use the interface absent0: "),
        ("to=127.0.0.1 hop_limit=0", "fault Usage cannot set the hop limit to 0: "),
    ] {
        let told = ask(&node, ACCESSES[0], orders);
        assert!(told[0].starts_with(expected), "{told:?}");
    }
}

#[test]
fn signals_and_wakes_reach_the_observer() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("client");
    node.ping_group_range(0, 65_534);
    for signal in ["INT", "TERM", "HUP"] {
        let mut running = order(&node, "to=127.0.0.1 interval_ms=60000").start();
        running.wait_for_stdout("1 reply");
        running.signal(signal);
        let told = lines(&running.finish());
        assert!(told.contains(&"end sent=1 foreign=0 woken=0".into()), "{signal} {told:?}");
    }
    let mut running = order(&node, "to=127.0.0.1 interval_ms=60000").start();
    running.wait_for_stdout("1 reply");
    running.signal("QUIT");
    running.wait_for_stdout("signal Status");
    running.signal("INT");
    assert_eq!(running.finish().code(), Some(0));
    let told = ask(&node, ACCESSES[1], "to=127.0.0.1 interval_ms=5 wake");
    assert!(told.last().is_some_and(|line| line.ends_with("woken=3")), "{told:?}");
}

#[test]
fn a_run_that_does_not_end_can_be_killed() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("client");
    let mut running = order(&node, "to=127.0.0.1 interval_ms=60000 stubborn").start();
    running.wait_for_stdout("1 reply");
    running.signal("INT");
    running.wait_for_stdout("signal Interrupt");
    let stat = format!("/proc/{}/stat", running.pid());
    testbed::poll_until("the process has ended", || {
        running.signal("INT");
        std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "))
    });
    let ran = running.finish();
    assert_eq!(ran.ended_by(), Some(2), "{}", ran.stdout());
}

#[test]
fn routes_are_told() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let (to, ours) = (chain.both(1), chain.both(0));
    for family in 0..2 {
        let told = ask(&chain[0], ("routes", true), &format!("to={}", to[family]));
        assert_eq!(told, [format!("route from={}", ours[family]), "broadcast=false".into()]);
    }
    let told = ask(&chain[0], ("routes", true), "to=192.0.2.15");
    assert_eq!(told[1], "broadcast=true");
    let told = ask(&chain[0], ("routes", true), "to=203.0.113.1");
    assert!(told[0].starts_with("fault cannot find a route to 203.0.113.1: "), "{told:?}");
}

#[test]
fn what_this_program_was_too_slow_to_read_is_not_lost() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[0].ping_group_range(0, 65_534);
    for access in ACCESSES {
        for to in chain.both(1) {
            let orders = format!("to={to} count=5 interval_ms=40 timeout_ms=20 paused");
            let told = ask(&chain[0], access, &orders);
            let reports = reports(&told);
            assert_eq!(reports.len(), 5, "{told:?}");
            assert!(reports.iter().all(|report| report.contains("reply from=")), "{told:?}");
        }
    }
}
