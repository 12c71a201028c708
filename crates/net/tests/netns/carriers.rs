//! Probes of every carrier over chains of real routers, with and without rights.

use crate::{ask, order, reports};
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
            let kernel = "sent_by=Kernel received_by=Kernel";
            assert!(reports(&told)[2].ends_with(kernel), "{method} {told:?}");
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
            let flows = method != "tcp";
            assert!(told.contains(&format!("sees headers=false flows={flows}")), "{told:?}");
        }
    }
}
