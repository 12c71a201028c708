//! The same traffic through Linux's own masquerade: what is told of it are the same lines.

use super::between;
use std::time::Duration;
use testbed::{Bed, Node};

/// A SYN to a port where nobody listens, and a datagram.
fn ask(inside: &Node) {
    for way in ["TCP4:203.0.113.2:81,sourceport=4000", "UDP4:203.0.113.2:9,sourceport=4001"] {
        inside.run("socat", &["-u", "OPEN:/etc/hosts", way]);
    }
}

/// What tells of a connection from a port, but for the second in which it was said.
fn lines(text: &str, port: &str) -> Vec<String> {
    let told = text.lines().filter(|line| line.contains(port));
    let masked = told.map(|line| {
        let same = |word: &str| ["119", "29"].map(|it| word == it);
        let words = line.split(' ').map(|word| match same(word) {
            [true, _] => "120",
            [_, true] => "30",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ")
    });
    masked.collect()
}

/// Names and signs of a line of counters.
fn counters(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

#[test]
fn events_and_counters_are_those_of_linux() {
    let programs = ["socat", "nft", "conntrack"];
    let Some(it) = between(&programs, &["--events", "--stats"]) else { return };
    ask(&it.inside);
    let ours = it.end();
    let Some(mut bed) = Bed::open(&programs) else { return };
    let [inside, gate, outside] = ["inside", "gate", "outside"].map(|name| bed.node(name));
    bed.link((&inside, "in0"), (&gate, "lan0"));
    bed.link((&gate, "wan0"), (&outside, "out0"));
    for (node, device, address) in [
        (&inside, "in0", "10.0.0.2/24"),
        (&gate, "lan0", "10.0.0.1/24"),
        (&gate, "wan0", "203.0.113.1/24"),
        (&outside, "out0", "203.0.113.2/24"),
    ] {
        node.address(device, address);
    }
    inside.route("default", "10.0.0.1");
    gate.forward();
    gate.nft(
        "table ip nat {\nchain post {\ntype nat hook postrouting priority 100;\n\
         oifname \"wan0\" masquerade\n}\n}",
    );
    let mut watch = gate.launch("conntrack").args(&["-E"]).limit(Duration::from_secs(60)).start();
    testbed::poll_until("somebody listens to netfilter", || {
        let sockets = gate.run("cat", &["/proc/net/netlink"]).stdout();
        // Protocol 12, and a group or more.
        let columns = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        columns.into_iter().any(|it| it.len() > 3 && it[1] == "12" && it[3] != "00000000")
    });
    ask(&inside);
    let counted = gate.run("conntrack", &["-S"]).stdout();
    watch.wait_for_stdout("sport=9 dport=4001");
    watch.signal("INT");
    let theirs = watch.finish().stdout();
    for port in ["sport=4000", "sport=4001"] {
        assert!(!lines(&theirs, port).is_empty(), "{theirs}");
        assert_eq!(lines(&ours, port), lines(&theirs, port));
    }
    let own = ours.lines().find(|line| line.starts_with("cpu=")).expect("counters");
    let first = counted.lines().next().expect("counters");
    assert_eq!(counters(own), counters(first));
    assert!(own.contains(" insert=0 ") && first.contains(" insert=0 "), "{first}");
}
