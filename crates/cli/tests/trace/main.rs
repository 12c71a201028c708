//! Traces over real kernels: every method, both families, with and without rights; silence,
//! refusal, a bleached class, many targets and an interrupt.

mod systems;

use serde_json::Value;
use std::time::Duration;
use testbed::{Bed, Chain, Launch, Ran};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

const KINDS: [&str; 3] = ["udp", "icmp", "tcp"];

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(300);

/// Client, two routers and a server that also answers for 203.0.113.0/24. All may report as much
/// as they like.
struct Network {
    chain: Chain,
    _bed: Bed,
}

impl Network {
    fn open() -> Option<Network> {
        Network::open_with(&["nft"])
    }

    /// With these programs, too.
    fn open_with(programs: &[&str]) -> Option<Network> {
        let mut bed = Bed::open(programs)?;
        let chain = bed.chain(&["client", "first", "second", "server"]);
        chain.answers_for("203.0.113.0/24");
        for node in 0..4 {
            chain[node].unlimited_errors();
        }
        Some(Network { chain, _bed: bed })
    }

    fn launch(&self, arguments: &str) -> Launch {
        let words: Vec<&str> = ["trace", "-n", "--patience", "3s"]
            .into_iter()
            .chain(arguments.split_whitespace())
            .collect();
        self.chain[0].launch(ASKWAY).args(&words).limit(LIMIT)
    }

    #[track_caller]
    fn trace(&self, arguments: &str) -> Ran {
        self.launch(arguments).run()
    }
}

fn objects(ran: &Ran) -> Vec<Value> {
    ran.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Who answered at each hop.
fn hops(objects: &[Value]) -> Vec<String> {
    let hops = objects.iter().filter(|object| object["type"] == "hop");
    hops.map(|hop| hop["responders"][0]["from"].as_str().unwrap_or("*").to_owned()).collect()
}

fn verdict(objects: &[Value]) -> &Value {
    objects.iter().find(|object| object["type"] == "verdict").expect("there is one")
}

#[test]
fn every_method_finds_the_road_with_and_without_rights() {
    let Some(network) = Network::open() else { return };
    network.chain[0].ping_group_range(0, i32::MAX as u32);
    for family in [0, 1] {
        let road: Vec<String> =
            (1..4).map(|node| network.chain.both(node)[family].to_string()).collect();
        for kind in KINDS {
            for is_privileged in [true, false] {
                let launch = network.launch(&format!("--json -k {kind} {}", road[2]));
                let ran = if is_privileged { launch } else { launch.as_nobody() }.run();
                let objects = objects(&ran);
                let place = format!("{kind} to {}, privileged: {is_privileged}", road[2]);
                assert_eq!(hops(&objects), road, "{place}: {}", ran.stderr());
                let verdict = verdict(&objects);
                assert_eq!(verdict["end"], "reached", "{place}");
                assert_eq!(verdict["hop"], 3, "{place}");
                assert_eq!(verdict["sees_quoted_headers"], is_privileged, "{place}");
                assert_eq!(verdict["is_steady"], is_privileged || kind != "tcp", "{place}");
                assert_eq!(ran.code(), Some(0), "{place}");
            }
        }
    }
}

#[test]
fn a_filter_that_says_so_is_named_and_one_that_does_not_is_silence() {
    let Some(network) = Network::open() else { return };
    network.chain[2].nft(
        "table ip t { chain forward { type filter hook forward priority 0;
            ip daddr 203.0.113.1 reject with icmp type admin-prohibited;
            ip daddr 203.0.113.2 drop;
        }; }",
    );
    let second = network.chain.v4(2);
    let ran = network.trace("203.0.113.1");
    // The filter looks at what is passed on, and so has hops left.
    let expected =
        format!("refused at hop 3 by {second}: communication prohibited by a filter (icmp 3/13)");
    assert!(ran.stdout().contains(&expected), "{}", ran.stdout());
    assert_eq!(ran.code(), Some(1));
    let ran = network.trace("203.0.113.2");
    let expected = format!("silent from hop 3 on; last heard of {second} at hop 2");
    assert!(ran.stdout().contains(&expected), "{}", ran.stdout());
    assert!(ran.stdout().contains("\n 3-30  *\n"), "{}", ran.stdout());
    assert_eq!(ran.code(), Some(1));
}

#[test]
fn a_bleached_class_is_seen_behind_whoever_bleached_it() {
    let Some(network) = Network::open() else { return };
    network.chain[1].nft(
        "table ip t { chain forward { type filter hook forward priority 0; ip dscp set cs0; }; }",
    );
    let ran = network.trace(&format!("--dscp ef {}", network.chain.v4(3)));
    let note = "TOS 0xb8 arrives as 0x00: DSCP 46 is 0 now (changed behind hop 1)";
    assert!(ran.stdout().contains(note), "{}", ran.stdout());
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
}

#[test]
fn many_roads_come_out_whole_and_in_order() {
    let Some(network) = Network::open() else { return };
    let ran = network.trace("-q 1 -z 0 --share-hops never 203.0.113.0/24");
    let text = ran.stdout();
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("trace ")).collect();
    assert_eq!(headings.len(), 254);
    for (heading, last) in headings.iter().zip(1..) {
        assert!(heading.starts_with(&format!("trace 203.0.113.{last} from ")), "{heading}");
    }
    let sections = text.split("\n\n").filter(|section| section.contains("reached in 3 hops"));
    assert_eq!(sections.count(), 254, "{text}");
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
}

#[test]
fn an_interrupt_leaves_what_is_known() {
    let Some(network) = Network::open() else { return };
    network.chain[2].nft(
        "table ip t { chain forward { type filter hook forward priority 0;
            ip daddr 203.0.113.2 drop;
        }; }",
    );
    let words = ["trace", "-n", "--json", "--patience", "1h", "-w", "1h", "203.0.113.2"];
    let mut trace = network.chain[0].launch(ASKWAY).args(&words).limit(LIMIT).start();
    trace.wait_for_stdout("\"hop\":2,\"is_end\"");
    trace.signal("INT");
    let ran = trace.finish();
    let objects = objects(&ran);
    assert_eq!(verdict(&objects)["end"], "unknown");
    assert_eq!(objects.last().expect("a summary")["type"], "summary");
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
}
