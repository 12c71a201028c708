//! Eight real routers in a row, two narrow links among them: routers that say so, black holes, a
//! way back that is narrower, with rights and without.

use serde_json::Value;
use std::time::Duration;
use testbed::{Bed, Chain};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(120);

const NAMES: [&str; 10] = ["client", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "server"];

/// What makes a router a black hole: it keeps to itself what is too big.
const HOLE: &str = "table inet hole { chain out { type filter hook output priority 0;
    icmp type destination-unreachable icmp code frag-needed drop;
    icmpv6 type packet-too-big drop;
}; }";

/// The links behind the fourth and the seventh router are narrow.
fn chain(bed: &mut Bed) -> Chain {
    let chain = bed.chain(&NAMES);
    chain[0].ping_group_range(0, 65_534);
    chain[4].mtu("right", 1_400);
    chain[7].mtu("right", 1_300);
    chain
}

/// Runs askway in the client; its objects.
fn measure(chain: &Chain, arguments: &str, is_nobody: bool) -> Vec<Value> {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let launch = chain[0].launch(ASKWAY).args(&["mtu", "--json", "-n"]).args(&words).limit(LIMIT);
    let ran = if is_nobody { launch.as_nobody().run() } else { launch.run() };
    assert_eq!(ran.code(), Some(0), "{arguments}: {}{}", ran.stdout(), ran.stderr());
    ran.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of_type<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["type"] == wanted).collect()
}

/// Hop, size and evidence of each limit.
fn limits(objects: &[Value]) -> Vec<(u64, u64, &str)> {
    let number = |it: &Value, field: &str| it[field].as_u64().expect("a number");
    let limits = of_type(objects, "limit");
    let limit = |it: &&'_ Value| (number(it, "hop"), number(it, "mtu_bytes"));
    let words = limits.iter().map(|it| it["evidence"].as_str().expect("a word"));
    limits.iter().map(limit).zip(words).map(|((hop, mtu), word)| (hop, mtu, word)).collect()
}

#[track_caller]
fn check(objects: &[Value], evidence: &str) {
    let wanted = [(0, 1_500, "local"), (4, 1_400, evidence), (7, 1_300, evidence)];
    assert_eq!(limits(objects), wanted, "{objects:?}");
    let verdict = of_type(objects, "verdict")[0];
    assert_eq!(
        (&verdict["forward_bytes"], &verdict["forward_exact"]),
        (&1_300.into(), &true.into())
    );
    assert_eq!(of_type(objects, "remark").len(), 0, "{objects:?}");
}

#[test]
fn routers_say_how_narrow_their_links_are() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = chain(&mut bed);
    for to in chain.both(9) {
        for kind in ["", "-k icmp", "-k udp"] {
            for is_nobody in [false, true] {
                check(&measure(&chain, &format!("{to} {kind}"), is_nobody), "said");
            }
        }
    }
}

#[test]
fn black_holes_are_named() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let chain = chain(&mut bed);
    for router in 1..=8 {
        chain[router].nft(HOLE);
        chain[router].unlimited_errors();
    }
    for to in chain.both(9) {
        for kind in ["", "-k icmp", "-k udp"] {
            for is_nobody in [false, true] {
                let objects = measure(&chain, &format!("{to} {kind}"), is_nobody);
                check(&objects, "silence");
                let took_ns = of_type(&objects, "verdict")[0]["duration_ns"].as_u64();
                assert!(took_ns.is_some_and(|ns| ns < 5_000_000_000), "{to} {kind}: {took_ns:?}");
            }
        }
    }
}

#[test]
fn black_holes_are_named_by_routers_that_answer_once_a_second() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let chain = chain(&mut bed);
    for router in 1..=8 {
        chain[router].nft(HOLE);
    }
    for to in chain.both(9) {
        check(&measure(&chain, &to.to_string(), false), "silence");
    }
}

#[test]
fn a_narrow_way_back_is_told_from_the_way_there() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let chain = bed.chain(&["client", "one", "two", "server"]);
    chain[0].ping_group_range(0, 65_534);
    chain[1].nft(
        "table inet back { chain through { type filter hook forward priority 0;
            iifname \"right\" meta length > 1350 drop;
        }; }",
    );
    for to in chain.both(3) {
        for is_nobody in [false, true] {
            let objects = measure(&chain, &to.to_string(), is_nobody);
            let verdict = of_type(&objects, "verdict")[0];
            assert_eq!(verdict["forward_bytes"], 1_500, "{objects:?}");
            assert_eq!(verdict["both_bytes"], 1_350, "{objects:?}");
            let back: Vec<&Value> =
                of_type(&objects, "limit").into_iter().filter(|it| it["way"] == "back").collect();
            assert_eq!(back.len(), 1, "{objects:?}");
        }
    }
}
