//! Probes of every carrier over chains of real routers, with and without rights.

use crate::child::VARIABLE;
use crate::{ask, lines, order, reports};
use testbed::{Bed, Chain};

const METHODS: [&str; 3] = ["udp", "icmp", "tcp"];

const RAW: (&str, bool) = ("access=raw", false);

/// Without any right, or the range of ports that would help.
const NOBODY: (&str, bool) = ("access=auto", true);

/// A chain of a client, two routers and a server.
fn chain(bed: &mut Bed) -> Chain {
    let chain = bed.chain(&["client", "one", "two", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain
}

/// What a target without servers answers by itself.
fn end(method: &str) -> &'static str {
    match method {
        "udp" => "error PortUnreachable",
        "icmp" => "answer EchoReply",
        _ => "answer Reset",
    }
}

#[track_caller]
fn check_road(told: &[String], family: usize, chain: &Chain, end: &str) {
    let reports = reports(told);
    assert_eq!(reports.len(), 3, "{told:?}");
    for hop in 0..3 {
        let from = chain.both(hop + 1)[family];
        let line = reports.iter().find(|line| line.starts_with(&format!("{hop} ")));
        let line = line.unwrap_or_else(|| panic!("nothing of hop {hop}: {told:?}"));
        let what = if hop < 2 { "error HopLimitExceeded" } else { end };
        assert!(line.starts_with(&format!("{hop} {what} ")), "{what}: {told:?}");
        assert!(line.contains(&format!(" from={from} ")), "{from}: {told:?}");
        assert!(line.contains(" rtt=sane ") && !line.contains("sum=false"), "{told:?}");
    }
}

/// Nothing but answers was let in.
#[track_caller]
fn check_quiet(told: &[String]) {
    assert!(told.contains(&"end sent=3 strangers=0".into()), "{told:?}");
}

#[test]
fn raw_sockets_hear_every_hop_and_the_end() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in METHODS {
        for (family, to) in chain.both(3).into_iter().enumerate() {
            let orders = format!("trace={method} to={to} hops=3 gap_ms=10 own_label=74565 lanes=3");
            let told = ask(&chain[0], RAW, &orders);
            check_road(&told, family, &chain, end(method));
            check_quiet(&told);
            assert!(told.contains(&"sees headers=true flows=true".into()), "{told:?}");
            for line in reports(&told).iter().filter(|line| line.contains(" error ")) {
                let ticket: usize = line[..1].parse().expect("a ticket");
                let own = match family {
                    0 => format!("ttl=1 id={:#x} label=0x0 ", 0x7000 | ticket),
                    _ => "ttl=1 id=0x0 label=0x12345 ".into(),
                };
                assert!(line.contains(&own), "{own}: {line}");
                assert!(line.contains(&format!("lane=Some({ticket}) ")), "{line}");
            }
        }
    }
}

#[test]
fn servers_are_heard() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    let mut server = order(&chain[3], "serve=7007").start();
    server.wait_for_stdout("serving");
    for (method, greeting) in [("udp", "answer Datagram"), ("tcp", "answer SynAck")] {
        for (family, to) in chain.both(3).into_iter().enumerate() {
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={to} hops=3 port=7007");
                let told = ask(&chain[0], access, &orders);
                check_road(&told, family, &chain, greeting);
                check_quiet(&told);
            }
        }
    }
}

#[test]
fn sockets_without_rights_hear_every_hop_and_the_end() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in METHODS {
        for (family, to) in chain.both(3).into_iter().enumerate() {
            let orders = format!("trace={method} to={to} hops=3 gap_ms=10");
            let told = ask(&chain[0], NOBODY, &orders);
            check_road(&told, family, &chain, end(method));
            check_quiet(&told);
            let flows = method != "tcp";
            assert!(told.contains(&format!("sees headers=false flows={flows}")), "{told:?}");
        }
    }
}

#[test]
fn the_kernel_stamps_what_it_can() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in METHODS {
        for to in chain.both(3) {
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={to} hops=1 queries=30 gap_ms=10");
                let told = ask(&chain[0], access, &orders);
                // Linux stamps no segment that begins a connection.
                let sent_by =
                    if (method, access) == ("tcp", NOBODY) { "Program" } else { "Kernel" };
                let stamps = format!("sent_by={sent_by} received_by=Kernel");
                assert!(reports(&told)[29].ends_with(&stamps), "{access:?} {told:?}");
            }
        }
    }
}

#[test]
fn a_pending_error_eats_no_probe() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in METHODS {
        for to in chain.both(3) {
            for orders in ["queries=40", "queries=40 many", "queries=40 gap_ms=1 lanes=2"] {
                let orders = format!("trace={method} to={to} hops=1 {orders}");
                for access in [RAW, NOBODY] {
                    let told = ask(&chain[0], access, &orders);
                    let reports = reports(&told);
                    let errors = reports.iter().filter(|r| r.contains("HopLimitExceeded"));
                    let count = errors.count();
                    assert_eq!((reports.len(), count), (40, 40), "{access:?} {orders} {told:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_refused_on_the_way_is_told() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    chain[2].nft(
        "table inet t { chain c {
            type filter hook forward priority 0; reject with icmpx admin-prohibited;
        }; }",
    );
    for method in METHODS {
        for (family, to) in chain.both(3).into_iter().enumerate() {
            for access in [RAW, NOBODY] {
                let told = ask(&chain[0], access, &format!("trace={method} to={to} hops=3"));
                let reports = reports(&told);
                assert_eq!(reports.len(), 3, "{told:?}");
                let from = chain.both(2)[family];
                let refused = reports.iter().find(|report| report.starts_with("2 "));
                let refused = refused.expect("a report of the last probe");
                assert!(refused.starts_with("2 error CommunicationProhibited "), "{refused}");
                assert!(refused.contains(&format!(" from={from} ")), "{method} {refused}");
            }
        }
    }
}

#[test]
fn extensions_reach_sockets_without_rights_too() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for to in chain.both(3) {
        for access in [RAW, NOBODY] {
            let mut forger = order(&chain[3], &format!("forge=7008 to={to} access=raw")).start();
            forger.wait_for_stdout("forging");
            let orders = format!("trace=udp to={to} hops=3 port=7008");
            let told = ask(&chain[0], access, &orders);
            let forged = reports(&told).into_iter().find(|report| report.starts_with("2 "));
            let forged = forged.unwrap_or_else(|| panic!("{access:?} {told:?}"));
            assert!(forged.starts_with("2 error HopLimitExceeded "), "{forged}");
            let label = "00, 08, 01, 01, 00, 04, d1, 01] ";
            assert!(forged.contains(label), "{access:?} {forged}");
            assert!(forged.contains(" bytes=40 ") && forged.contains(" sum=true "), "{forged}");
            assert_eq!(forger.finish().code(), Some(0));
        }
    }
}

#[test]
fn what_does_not_fit_is_cut_unless_forbidden() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in ["udp", "icmp"] {
        for (family, to) in chain.both(3).into_iter().enumerate() {
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={to} hops=3 size=4000");
                let told = ask(&chain[0], access, &orders);
                check_road(&told, family, &chain, end(method));
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_here() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for method in ["udp", "icmp"] {
        for to in chain.both(3) {
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={to} hops=1 size=1900 fragment=never");
                let told = ask(&chain[0], access, &orders);
                let too_big = "0 send error TooBig { mtu_bytes: Some(1500) }";
                assert_eq!(reports(&told), [too_big], "{access:?} {orders}");
            }
        }
    }
    for method in METHODS {
        for nowhere in ["203.0.113.1", "2001:db8:ffff::1"] {
            let source = if nowhere.contains(':') { chain.v6(0) } else { chain.v4(0) };
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={nowhere} hops=1 assumed={source}");
                let told = ask(&chain[0], access, &orders);
                assert_eq!(reports(&told), ["0 send error NoRoute"], "{access:?} {orders}");
            }
        }
    }
}

#[test]
fn what_needs_rights_says_so() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("client");
    node.ping_group_range(1, 0);
    let told = ask(&node, NOBODY, "to=127.0.0.1 protocol=132");
    assert!(told[0].starts_with("fault Rights cannot send datagrams of IP protocol"), "{told:?}");
    assert!(told[0].contains("setcap cap_net_raw+ep"), "{told:?}");
    let told = ask(&node, ("access=raw", true), "to=127.0.0.1 trace=udp hops=1");
    assert!(told[0].starts_with("fault Rights cannot open a raw ICMP socket"), "{told:?}");
    let told = ask(&node, NOBODY, "to=127.0.0.1 trace=tcp hops=1 identifier=7");
    assert!(told[0].starts_with("fault Rights cannot use the source port 7"), "{told:?}");
    let told = ask(&node, RAW, "to=127.0.0.1 trace=udp hops=1 identifier=0");
    assert!(told[0].starts_with("fault Usage cannot use the source port 0"), "{told:?}");
    // Neither needs more than a socket that anybody may open.
    for method in ["udp", "tcp"] {
        for to in ["127.0.0.1", "::1"] {
            let told = ask(&node, NOBODY, &format!("to={to} trace={method} hops=1"));
            assert!(reports(&told)[0].starts_with(&format!("0 {} ", end(method))), "{told:?}");
        }
    }
}

#[test]
fn source_port_and_address_are_as_asked() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    chain[0].address("right", "192.0.2.9/28");
    chain[0].address("right", "2001:db8::9/64");
    let rules = "table inet t {
        counter ours { }
        chain c {
            type filter hook input priority 0;
            ip saddr 192.0.2.9 udp sport 4242 counter name ours;
            ip saddr 192.0.2.9 tcp sport 4242 counter name ours;
            ip6 saddr 2001:db8::9 udp sport 4242 counter name ours;
            ip6 saddr 2001:db8::9 tcp sport 4242 counter name ours;
        }
    }";
    chain[3].nft(rules);
    for method in ["udp", "tcp"] {
        for (to, source) in chain.both(3).into_iter().zip(["192.0.2.9", "2001:db8::9"]) {
            for access in [RAW, NOBODY] {
                let orders = format!("trace={method} to={to} hops=3 source={source}");
                let told = ask(&chain[0], access, &format!("{orders} identifier=4242 gap_ms=5"));
                assert_eq!(reports(&told).len(), 3, "{access:?} {told:?}");
                assert!(told.iter().all(|line| !line.contains("rtt=absurd")), "{told:?}");
            }
        }
    }
    let counted = chain[3].run("nft", &["list", "counter", "inet", "t", "ours"]).stdout();
    assert!(counted.contains("packets 8 "), "{counted}");
}

#[test]
fn link_local_targets_and_options_work() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    chain[1].address("left", "fe80::99/64");
    for method in METHODS {
        for access in [RAW, NOBODY] {
            let orders = format!("trace={method} to=fe80::99 hops=1 interface=right");
            let told = ask(&chain[0], access, &orders);
            assert!(reports(&told)[0].starts_with(&format!("0 {} ", end(method))), "{told:?}");
            let to = chain.v4(3);
            let orders = format!("trace={method} to={to} hops=3 record_route");
            let told = ask(&chain[0], access, &orders);
            check_road(&told, 0, &chain, end(method));
        }
    }
}

#[test]
fn silent_connections_end_before_they_speak_again() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    chain[1].nft(
        "table inet t { counter seen { }; chain c {
            type filter hook forward priority 0; meta l4proto tcp counter name seen drop;
        }; }",
    );
    for to in chain.both(3) {
        let orders = format!("trace=tcp to={to} hops=3 timeout_ms=1500");
        let told = ask(&chain[0], NOBODY, &orders);
        assert_eq!(reports(&told).len(), 1, "{told:?}");
    }
    let counted = chain[1].run("nft", &["list", "counter", "inet", "t", "seen"]).stdout();
    assert!(counted.contains("packets 4 "), "{counted}");
    // The oldest makes room for the newest, and that is said.
    let orders = format!("access=datagram trace=tcp to={} hops=2 queries=40", chain.v4(3));
    let limited = "ulimit -n 40; exec \"$0\" --exact child --nocapture";
    let program = std::env::current_exe().expect("this program has a path");
    let launch = chain[0].launch("sh").args(&["-c", limited]).args(&[program]);
    let told = lines(&launch.env(VARIABLE, &orders).run());
    let dropped = told.iter().filter(|line| *line == "dropped 1").count();
    assert!((1..=60).contains(&dropped), "{told:?}");
    assert!(told.contains(&"end sent=80 strangers=0".into()), "{told:?}");
}
