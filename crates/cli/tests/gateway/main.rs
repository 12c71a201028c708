//! `askway gateway` between two namespaces, with the system's own programs on both sides.

#[path = "../cli/shape.rs"]
mod shape;

mod floods;
mod judged;
mod peer;

use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testbed::{Bed, Launch, Node, Ran, Running};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// The gateway's addresses inside and outside; the namespaces have the next ones.
const INSIDE: &str = "10.0.0.1/24,fd00::1/64";
const OUTSIDE: &str = "203.0.113.1/24,2001:db8:1::1/64";

/// Two namespaces, a gateway between them.
struct Between {
    inside: Node,
    outside: Node,
    gateway: Running,
    bed: Bed,
}

/// Starts a gateway with further options; `None`, said aloud, where no namespaces can be made.
fn between(programs: &[&str], options: &[&str]) -> Option<Between> {
    let mut bed = Bed::open(programs)?;
    let [inside, outside] = ["inside", "outside"].map(|name| bed.node(name));
    let gateway = start(&inside, &outside, options);
    Some(Between { inside, outside, gateway, bed })
}

fn start(inside: &Node, outside: &Node, options: &[&str]) -> Running {
    let ends = [(inside, "lan0", INSIDE), (outside, "wan0", OUTSIDE)];
    let [in_end, out_end] =
        ends.map(|(node, device, own)| format!("{device}@{}={own}", node.namespace()));
    let arguments = ["gateway", "--inside", &in_end, "--outside", &out_end];
    let launch = inside.launch(ASKWAY).args(&arguments).args(options);
    let mut gateway = launch.env("LC_ALL", "C").limit(Duration::from_secs(120)).start();
    gateway.wait_for_stdout("wan0");
    gateway
}

impl Between {
    /// Ends the gateway; what it said.
    fn end(self) -> String {
        self.gateway.signal("INT");
        let ran = self.gateway.finish();
        assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
        ran.stdout()
    }

    /// A file of this content.
    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.bed.scratch().join(name);
        fs::write(&path, content).expect("the scratch directory takes files");
        path
    }
}

/// A server of socat's that takes one connection, once it listens.
fn serve(node: &Node, listen: &str, action: &str) -> Running {
    // From a file that is written, nothing is read.
    let way = if action.starts_with("CREATE:") { "-u" } else { "-d" };
    let launch = node.launch("socat").args(&[way, "-d", "-d", listen, action]);
    let mut server = launch.limit(Duration::from_secs(60)).start();
    server.wait_for_stderr("listening on");
    server
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.stdout(), ran.stderr())
}

#[test]
fn bytes_arrive_as_they_were_sent() {
    let payload = testbed::noise(3_000_001);
    for options in [&[][..], &["--fast"], &["--personality", "cgnat"]] {
        let Some(it) = between(&["socat"], options) else { return };
        let sent = it.file("sent", &payload);
        for (listen, to) in [
            ("TCP4-LISTEN:5000", "TCP4:203.0.113.2:5000"),
            ("TCP6-LISTEN:5001", "TCP6:[2001:db8:1::2]:5001"),
        ] {
            let got = it.bed.scratch().join("got");
            let _ = fs::remove_file(&got);
            let action = format!("CREATE:{}", got.display());
            let server = serve(&it.outside, listen, &action);
            let from = format!("OPEN:{}", sent.display());
            let launch = it.inside.launch("socat").args(&["-u", &from, to]);
            let ran = launch.limit(Duration::from_secs(60)).run();
            assert_eq!(ran.code(), Some(0), "{to}: {}", said(&ran));
            assert_eq!(server.finish().code(), Some(0));
            assert!(fs::read(&got).expect("it was written") == payload, "{to} {options:?}");
        }
        it.end();
    }
}

#[test]
fn pages_are_fetched_through_it_and_from_behind_it() {
    let rules = ["--forward", "tcp:8080=10.0.0.2:80", "--forward", "tcp:8080=[fd00::2]:80"];
    let Some(it) = between(&["socat", "curl"], &rules) else { return };
    let page = it.file("page", b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
    let answer = format!("SYSTEM:read line; cat {}", page.display());
    let ways = [
        (&it.outside, "TCP4-LISTEN:80", &it.inside, "http://203.0.113.2/"),
        (&it.outside, "TCP6-LISTEN:80", &it.inside, "http://[2001:db8:1::2]/"),
        (&it.inside, "TCP4-LISTEN:80", &it.outside, "http://203.0.113.1:8080/"),
        (&it.inside, "TCP6-LISTEN:80", &it.outside, "http://[2001:db8:1::1]:8080/"),
    ];
    for (server, listen, client, url) in ways {
        let server = serve(server, &format!("{listen},reuseaddr"), &answer);
        let ran = client.run("curl", &["-sS", "--noproxy", "*", "--max-time", "8", url]);
        assert_eq!(ran.stdout(), "hello\n", "{url}: {}", said(&ran));
        drop(server.finish());
    }
    it.end();
}

#[test]
fn hop_limits_are_counted_and_ports_refuse() {
    let Some(it) = between(&["ping", "socat"], &[]) else { return };
    for (family, far, near) in
        [("-4", "203.0.113.2", "10.0.0.1"), ("-6", "2001:db8:1::2", "fd00::1")]
    {
        let ran = it.inside.run("ping", &[family, "-n", "-c", "1", "-t", "1", far]);
        let expected = format!("From {near}");
        assert!(ran.stdout().contains(&expected) && ran.code() == Some(1), "{}", said(&ran));
        let ran = it.inside.run("ping", &[family, "-n", "-c", "1", "-s", "3000", far]);
        assert!(ran.stdout().contains("ttl=63") && ran.code() == Some(0), "{}", said(&ran));
        let ran = it.inside.run("ping", &[family, "-n", "-c", "1", near]);
        assert!(ran.stdout().contains("ttl=64") && ran.code() == Some(0), "{}", said(&ran));
    }
    for to in
        ["TCP4:203.0.113.2:9", "TCP6:[2001:db8:1::2]:9", "TCP4:10.0.0.1:9", "TCP6:[fd00::1]:9"]
    {
        let ran = it.inside.run("socat", &["-u", "OPEN:/etc/hosts", to]);
        assert!(said(&ran).contains("Connection refused"), "{to}: {}", said(&ran));
    }
    // The kernel over there answers by ICMP, which is translated with what it quotes.
    for to in ["UDP4:203.0.113.2:9", "UDP6:[2001:db8:1::2]:9"] {
        let ran = it.inside.launch("socat").args(&["-T1", "STDIO", to]).stdin("x").run();
        assert!(said(&ran).contains("Connection refused"), "{to}: {}", said(&ran));
    }
    it.end();
}

#[test]
fn routers_behind_it_are_seen() {
    let Some(it) = between(&["traceroute", "tracepath"], &["--mtu", "1400"]) else { return };
    let ran = it.inside.run("traceroute", &["-4", "-n", "-q", "1", "203.0.113.2"]);
    let lines: Vec<String> = ran.stdout().lines().skip(1).map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{}", said(&ran));
    assert!(lines[0].contains("10.0.0.1") && lines[1].contains("203.0.113.2"), "{lines:?}");
    let ran = it.inside.run("tracepath", &["-n", "-4", "203.0.113.2"]);
    assert!(ran.stdout().contains("pmtu 1400"), "{}", said(&ran));
    it.end();
}

#[test]
fn datagrams_keep_their_mapping() {
    let Some(it) = between(&["socat"], &["--personality", "full-cone", "--events"]) else { return };
    let echo = it.outside.launch("socat").args(&["-d", "-d", "UDP4-RECVFROM:7000", "SYSTEM:cat"]);
    let mut server = echo.limit(Duration::from_secs(30)).start();
    server.wait_for_stderr("receiving on");
    let launch =
        it.inside.launch("socat").args(&["-T1", "STDIO", "UDP4:203.0.113.2:7000,sourceport=4000"]);
    let ran = launch.stdin("there and back").run();
    assert_eq!(ran.stdout(), "there and back", "{}", said(&ran));
    let text = it.end();
    let new = "[NEW] udp      17 300 src=10.0.0.2 dst=203.0.113.2 sport=4000 dport=7000 \
               [UNREPLIED] src=203.0.113.2 dst=203.0.113.1 sport=7000 dport=4000";
    assert!(text.contains(new) && text.contains("[UPDATE] udp"), "{text}");
    server.signal("TERM");
    drop(server.finish());
}

#[test]
fn nothing_gets_in_that_was_not_asked_for() {
    let Some(it) = between(&["ping"], &["--stats", "--json"]) else { return };
    it.outside.ip(&["route", "add", "10.0.0.0/24", "via", "203.0.113.1"]);
    let ran = it.outside.run("ping", &["-n", "-c", "1", "-W", "1", "10.0.0.2"]);
    assert_eq!(ran.code(), Some(1), "{}", said(&ran));
    // Nor does anybody outside pass for somebody inside.
    it.outside.ip(&["address", "add", "10.0.0.9/32", "dev", "lo"]);
    let ran =
        it.outside.run("ping", &["-n", "-c", "1", "-W", "1", "-I", "10.0.0.9", "203.0.113.1"]);
    assert_eq!(ran.code(), Some(1), "{}", said(&ran));
    let text = it.end();
    let last = text.lines().last().expect("the counts");
    let counts: Map<String, Value> = serde_json::from_str(last).expect("an object");
    assert_eq!((&counts["refused"], &counts["spoofed"]), (&1.into(), &1.into()), "{last}");
}

#[test]
fn lines_for_machines_are_as_the_schema_says() {
    let options = ["--json", "--events", "--why", "--table", "--stats"];
    let Some(it) = between(&["ping", "socat"], &options) else { return };
    it.inside.run("ping", &["-n", "-c", "1", "203.0.113.2"]);
    it.inside.run("socat", &["-u", "OPEN:/etc/hosts", "TCP6:[2001:db8:1::2]:9"]);
    let schema = include_str!("../../../../docs/schema/gateway.json");
    let schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    let text = it.end();
    let mut seen = std::collections::BTreeSet::new();
    for line in text.lines() {
        let object: Map<String, Value> = serde_json::from_str(line).expect("an object a line");
        if let Err(fault) = shape::check(&schema, &object) {
            panic!("{fault}: {line}");
        }
        seen.insert(object["type"].as_str().expect("a word").to_owned());
    }
    let defined = schema["$defs"].as_object().expect("definitions");
    assert!(defined.keys().all(|kind| seen.contains(kind)), "{seen:?}");
}

#[test]
fn what_becomes_of_a_packet_is_told() {
    let Some(it) = between(&["ping"], &["--why"]) else { return };
    it.inside.run("ping", &["-n", "-c", "1", "203.0.113.2"]);
    let text = it.end();
    let road = text.lines().find(|line| line.starts_with("icmp type 8")).expect("a road");
    let middle = ": PREROUTING: new; FORWARD: passed; POSTROUTING: masquerade 10.0.0.2:";
    assert!(road.contains(middle) && road.ends_with("; confirmed"), "{road}");
}

#[test]
fn no_device_outlives_it() {
    let Some(it) = between(&[], &[]) else { return };
    let links = |node: &Node| node.ip(&["-o", "link", "show"]);
    assert!(links(&it.inside).contains("lan0") && links(&it.outside).contains("wan0"));
    it.gateway.signal("KILL");
    assert_eq!(it.gateway.finish().ended_by(), Some(9));
    testbed::poll_until("the devices are gone", || {
        !links(&it.inside).contains("lan0") && !links(&it.outside).contains("wan0")
    });
}

#[test]
fn mistakes_are_told_before_anything_is_done() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("here");
    let good = ["--inside", "x0=10.0.0.1/24", "--outside", "x1=203.0.113.1/24"];
    let bad = |options: &[&str]| {
        let launch: Launch = node.launch(ASKWAY).args(&["gateway"]).args(options);
        let ran = launch.env("LC_ALL", "C").run();
        assert_eq!(ran.code(), Some(2), "{options:?}: {}", said(&ran));
        ran.stderr()
    };
    bad(&["--inside", "x0=10.0.0.1/32", "--outside", "x1=203.0.113.1/24"]);
    bad(&["--inside", "x0=10.0.0.1/24", "--outside", "x1=10.0.0.9/16"]);
    bad(&[&good[..], &["--forward", "tcp:1=192.0.2.1"]].concat());
    bad(&[&good[..], &["--personality", "kind"]].concat());
    bad(&[&good[..], &["--mtu", "20"]].concat());
    bad(&[&good[..], &["--csv"]].concat());
    for (inside, outside, told) in [
        ("10.0.0.1/33", "203.0.113.1/24", "has no prefix of 0 to 32 bits"),
        ("fd00::1/129", "203.0.113.1/24", "has no prefix of 0 to 128 bits"),
        ("10.0.0.255/24", "203.0.113.1/24", "names the broadcast address of 10.0.0.0/24"),
        ("10.0.0.0/24", "203.0.113.1/24", "names the network itself, 10.0.0.0/24"),
        ("127.0.0.1/24", "203.0.113.1/24", "has addresses of no device: loopback"),
        ("10.0.0.1/24", "224.0.0.1/24", "has addresses of no device: multicast"),
        ("fd00::1/64", "203.0.113.1/24", "inside is IPv6 only, outside IPv4 only"),
    ] {
        let ends = [format!("x0={inside}"), format!("x1={outside}")];
        let said = bad(&["--inside", &ends[0], "--outside", &ends[1]]);
        assert!(said.contains(told), "{said}");
    }
    let twice = ["--forward", "tcp:1=10.0.0.2", "--forward", "tcp:1=10.0.0.3"];
    assert!(bad(&[&good[..], &twice].concat()).contains("names a port twice"));
    let spared = ["--families", "v6", "--forward", "tcp:1=10.0.0.2"];
    assert!(bad(&[&good[..], &spared].concat()).contains("not translated"));
    bad(&[&good[..], &["--families", "v5"]].concat());
    let missing = ["--inside", "x0@no-such-one=10.0.0.1/24", "--outside", "x1=203.0.113.1/24"];
    assert!(bad(&missing).contains("no-such-one"));
    assert!(!Path::new("/sys/class/net/x0").exists());
}
