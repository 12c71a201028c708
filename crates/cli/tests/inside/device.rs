//! The device of a program inside behaves like the node that it stands for: its errors, sources,
//! sizes, queue, names, clock and terminal.

use super::{ASKWAY, shelter};
use std::fs;
use std::time::Duration;
use testbed::{Bed, Launch, Node, Ran};

/// The first host of a segment with an absent one.
const SEGMENT: &str = r#"
[host]
a = {}
b = {}
gone = { absent = true }
[router]
r = {}
[[link]]
ends = ["a", "b", "gone", "r"]
delay = "1ms"
"#;

/// A host with a way of its own to each of two networks.
const TWO_WAYS: &str = r#"
[host]
srv = {}
b = { udp = [7] }
c = {}
[router]
r1 = {}
r2 = {}
[[link]]
ends = ["srv", "r1"]
[[link]]
ends = ["srv", "r2"]
[[link]]
ends = ["r1", "c"]
[[link]]
ends = ["r2", "b"]
"#;

const ADVERTISED: &str = r#"
[host]
a = {}
b = {}
[router]
r = { advertises = { every = "200ms", mtu = 1300 } }
[[link]]
ends = ["a", "r"]
kind = "ethernet"
[[link]]
ends = ["r", "b"]
"#;

const NARROW: &str = r#"
[host]
a = {}
b = {}
[router]
r = {}
[[link]]
ends = ["a", "r"]
mtu = 600
[[link]]
ends = ["r", "b"]
"#;

const SERVED: &str = r#"
from = "a"
[host]
a = {}
s = { services = ["dns", "daytime"] }
[router]
r = {}
[[link]]
ends = ["a", "r"]
[[link]]
ends = ["r", "s"]
"#;

/// A scenario as a file of the bed.
fn written(bed: &Bed, text: &str) -> String {
    let file = bed.scratch().join("lab.toml");
    fs::write(&file, text).expect("it takes files");
    file.to_str().expect("UTF-8").to_owned()
}

fn lab(node: &Node, words: &[&str]) -> Launch {
    let launch = node.launch(ASKWAY).args(&["lab"]).args(words);
    launch.env("LC_ALL", "C").limit(Duration::from_secs(60))
}

/// What a script in the place of a scenario's first host said, with its errors.
fn script(bed: &Bed, node: &Node, scenario: &str, script: &str) -> String {
    let file = written(bed, scenario);
    let script = format!("exec 2>&1; {script}");
    let ran = lab(node, &["run", &file, "--", "sh", "-c", &script]).run();
    assert!(ran.stderr().is_empty(), "{}", ran.stderr());
    ran.stdout()
}

#[test]
fn a_nodes_own_errors_reach_the_program() {
    let Some((bed, node)) = shelter(&["ping", "socat"]) else { return };
    let asked = "ping -4 -n -c 1 -W 9 gone; ping -4 -n -c 1 -W 9 10.99.0.1; \
                 ping -6 -n -c 1 -W 9 gone; ping -6 -n -c 1 -W 9 2001:db8:ffff::1; \
                 socat -u OPEN:/dev/null TCP4:gone:80";
    let said = script(&bed, &node, SEGMENT, asked);
    for line in [
        "From 192.0.2.1 icmp_seq=1 Destination Host Unreachable",
        "From 192.0.2.1 icmp_seq=1 Destination Net Unreachable",
        "From 2001:db8:0:1::1 icmp_seq=1 Destination unreachable: Address unreachable",
        "From 2001:db8:0:1::1 icmp_seq=1 Destination unreachable: No route",
        "No route to host",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn neighbours_answer_to_their_addresses_of_the_link() {
    let Some((bed, node)) = shelter(&["ping"]) else { return };
    let asked = |number: u8| format!("ping -6 -n -c 1 -W 9 fe80::{number}%lab0");
    for (scenario, router) in [(SEGMENT, 4), (NARROW, 2)] {
        let said = script(&bed, &node, scenario, &asked(router));
        assert!(said.contains(&format!("from fe80::{router}%lab0: icmp_seq=1 ttl=64")), "{said}");
        let said = script(&bed, &node, scenario, &asked(9));
        assert!(said.contains("icmp_seq=1 Destination unreachable: Address unreachable"), "{said}");
    }
}

/// The addresses that a node's instruments and its kernel send from to the same hosts.
fn sources(bed: &Bed, node: &Node, kernel: &dyn Fn(&str, &str) -> String) {
    let file = written(bed, TWO_WAYS);
    for (family, name) in ["-4", "-6"].iter().flat_map(|f| ["b", "c", "r1", "r2"].map(|n| (f, n))) {
        let ran = node.run(ASKWAY, &["ping", "--lab", &file, family, "-c", "1", "-n", name]);
        let said = ran.stdout();
        let words: Vec<&str> = said.split_whitespace().collect();
        let [_, _, to, _, from, ..] = words[..] else { panic!("{said}") };
        let (to, from) = (to.trim_matches(['(', ')']), from.trim_end_matches(':'));
        let route = kernel(family, to);
        assert!(route.contains(&format!(" src {from} ")), "{name}: {from}: {route}");
    }
}

#[test]
fn each_destination_is_sent_to_from_the_address_that_the_node_would_choose() {
    let Some((mut bed, node)) = shelter(&["ping"]) else { return };
    let file = written(&bed, TWO_WAYS);
    sources(&bed, &node, &|family, to| {
        let asked = ["run", &file, "--", "ip", "-o", family, "route", "get", to];
        lab(&node, &asked).run().stdout()
    });
    let said = script(&bed, &node, TWO_WAYS, "ping -4 -c 1 -W 9 b; ping -6 -c 1 -W 9 b");
    assert_eq!(said.matches("1 received").count(), 2, "{said}");
    // Likewise in a namespace that stands, and here.
    let srv = bed.node("srv");
    for (inside, wire) in
        [(&srv, format!("srv=lab0@{}", srv.namespace())), (&node, "srv=lab0".into())]
    {
        let mut up = lab(&node, &["up", &file, "--tun", &wire]).start();
        up.wait_for_stdout("is srv");
        sources(&bed, &node, &|family, to| inside.ip(&["-o", family, "route", "get", to]));
        up.signal("INT");
        assert_eq!(up.finish().code(), Some(0));
    }
}

#[test]
fn advertisements_change_nothing_and_nobody_solicits_any() {
    let Some((bed, node)) = shelter(&["ping"]) else { return };
    let captured = bed.scratch().join("all.pcapng");
    let captured = captured.to_str().expect("UTF-8");
    let file = written(&bed, ADVERTISED);
    let asked = "ping -6 -n -q -c 6 -i 0.2 -W 9 b; ip -6 -o address show dev lab0; \
                 ip -6 route show default";
    let command = ["run", &file, "--capture", captured, "--", "sh", "-c", asked];
    let said = lab(&node, &command).run().stdout();
    assert!(said.contains("6 received"), "{said}");
    let addresses: Vec<&str> = said
        .lines()
        .filter(|it| it.contains("inet6"))
        .filter_map(|it| it.split_whitespace().nth(3))
        .collect();
    assert_eq!(addresses, ["2001:db8:0:1::1/64", "fe80::1/64"], "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("default")).count(), 1, "{said}");
    let packets = node.run(ASKWAY, &["dump", "-n", "-r", captured]).stdout().to_lowercase();
    assert!(packets.contains("router advertisement"), "{packets}");
    assert!(!packets.contains("router solicitation"), "{packets}");
}

#[test]
fn what_ipv4_may_not_have_ipv6_has_below_1280_bytes() {
    let Some((bed, node)) = shelter(&["ping"]) else { return };
    let asked = "ping -6 -n -c 1 -s 1100 -W 9 b; ping -4 -n -c 1 -s 572 -M do -W 9 b; \
                 ping -4 -n -c 1 -s 573 -M do -W 9 b; ping -4 -n -c 1 -s 573 -W 9 b; \
                 ping -4 -n -c 1 -s 573 -M do -W 9 192.0.2.2";
    let said = script(&bed, &node, NARROW, asked);
    assert_eq!(said.matches("1 received").count(), 3, "{said}");
    assert_eq!(said.matches("message too long, mtu=600").count(), 2, "{said}");
}

#[test]
fn a_burst_finds_room_and_what_does_not_is_told() {
    let Some((mut bed, node)) = shelter(&["socat"]) else { return };
    let burst = bed.scratch().join("burst");
    fs::write(&burst, vec![0; 5_000_000]).expect("it takes files");
    let send = format!("socat -u -b 1000 OPEN:{} UDP4-DATAGRAM:192.0.2.14:7", burst.display());
    // A packet is counted when it is read, or dropped.
    let counted = "cd /sys/class/net/lab0/statistics; \
                   until [ $(($(cat tx_packets) + $(cat tx_dropped))) -ge 5000 ]; do :; done; \
                   cat tx_dropped";
    assert_eq!(script(&bed, &node, TWO_WAYS, &format!("{send}; {counted}")), "0\n");
    // While the lab stands still, nobody reads the device.
    let a = bed.node("a");
    let file = written(&bed, TWO_WAYS);
    let wire = format!("srv=lab0@{}", a.namespace());
    let mut up = lab(&node, &["up", &file, "--tun", &wire]).start();
    up.wait_for_stdout("is srv");
    up.signal("STOP");
    for _ in 0..3 {
        assert_eq!(a.run("sh", &["-c", &send]).code(), Some(0));
    }
    let dropped = a.run("cat", &["/sys/class/net/lab0/statistics/tx_dropped"]).stdout();
    let dropped: u64 = dropped.trim().parse().expect("a number");
    up.signal("CONT");
    up.signal("INT");
    let ran = up.finish();
    assert_eq!(ran.code(), Some(0));
    let told = ran.stderr();
    let count = told.strip_prefix("askway: lab0 dropped ").and_then(|it| it.split_once(' '));
    let (count, rest) = count.expect("a number");
    assert_eq!(rest, "packets: its queue was full\n");
    // The kernel may have had something to say meanwhile.
    assert!(dropped > 0 && count.parse::<u64>().expect("a number") >= dropped, "{told}");
}

#[test]
fn names_come_from_the_lab_alone() {
    let Some((bed, node)) = shelter(&["ping"]) else { return };
    let asked = "cat /etc/resolv.conf; grep hosts: /etc/nsswitch.conf; getent ahostsv4 r.lab; \
                 ping -c 1 nowhere.example";
    let said = script(&bed, &node, SERVED, asked);
    assert!(said.starts_with("nameserver 192.0.2.6\nhosts: files dns\n192.0.2."), "{said}");
    assert!(said.contains("nowhere.example: Name or service not known"), "{said}");
    // Without a server nobody is asked who would not answer.
    let said = script(&bed, &node, SEGMENT, asked);
    assert!(said.starts_with("hosts: files dns\nping: nowhere.example: "), "{said}");
}

#[test]
fn servers_live_in_real_time_unless_the_scenario_is_dated() {
    let Some((bed, node)) = shelter(&["socat"]) else { return };
    let asked = "date -u +%Y; echo | socat -t 9 - UDP4:s:13";
    let said = script(&bed, &node, SERVED, asked);
    let year = said.split_whitespace().next().expect("a year");
    assert!(said.trim_end().len() > year.len() && said.trim_end().ends_with(year), "{said}");
    let dated = format!("starts = \"2031-05-06T07:08:09Z\"\n{SERVED}");
    let said = script(&bed, &node, &dated, asked);
    assert!(said.trim_end().ends_with(" 2031"), "{said}");
}

/// What is seen on a terminal on which a command runs and something is typed, and how it ended.
fn typed(node: &Node, command: &str, keys: &str) -> (Ran, String) {
    let launch = node.launch("script").args(&["-q", "-e", "-c", command, "/dev/null"]);
    let ran = launch.stdin(keys).env("LC_ALL", "C").limit(Duration::from_secs(60)).run();
    let seen = ran.stdout();
    (ran, seen)
}

#[test]
fn shells_have_the_terminal_and_give_it_back() {
    let Some((bed, node)) = shelter(&["script", "dash"]) else { return };
    let file = written(&bed, SEGMENT);
    let (ran, seen) = typed(&node, &format!("{ASKWAY} lab run {file} -- dash"), "exit 5\n");
    assert_eq!(ran.code(), Some(5), "{seen}");
    assert!(!seen.contains("tty"), "{seen}");
    // Whoever comes next reads what is typed, also if there is no such command.
    for (command, keys) in [("dash", "exit 5\n6\n"), ("/no/such/command", "6\n")] {
        let next = format!("dash -c '{ASKWAY} lab run {file} -- {command}; read word; exit $word'");
        let (ran, seen) = typed(&node, &next, keys);
        assert_eq!(ran.code(), Some(6), "{command}: {seen}");
    }
}

#[test]
fn a_command_stops_and_goes_on_as_a_job() {
    let Some((bed, node)) = shelter(&["script", "dash"]) else { return };
    let file = written(&bed, SEGMENT);
    let job = format!("{ASKWAY} lab run {file} -- sh -c 'kill -STOP $$; read word; exit $word'");
    let (ran, seen) = typed(&node, "dash -i", &format!("{job}\nfg\n7\nexit $?\n"));
    assert_eq!(ran.code(), Some(7), "{seen}");
    assert!(seen.contains("Stopped"), "{seen}");
}

#[test]
fn a_command_ends_by_the_signal_that_ends_the_lab() {
    let Some((bed, node)) = shelter(&[]) else { return };
    let file = written(&bed, SEGMENT);
    for (signal, code) in [("HUP", 129), ("TERM", 143)] {
        let mut lab =
            lab(&node, &["run", &file, "--", "sh", "-c", "echo on; exec sleep 472"]).start();
        lab.wait_for_stdout("on");
        lab.signal(signal);
        assert_eq!(lab.finish().code(), Some(code), "{signal}");
    }
}

#[test]
fn a_name_that_no_device_can_have_is_explained() {
    let Some((bed, node)) = shelter(&[]) else { return };
    let file = written(&bed, SEGMENT);
    let ran = lab(&node, &["up", &file, "--tun", "a=sixteen-letters0"]).run();
    assert_eq!(ran.code(), Some(2));
    assert!(
        ran.stderr().contains("hint: a device's name has at most 15 bytes"),
        "{}",
        ran.stderr()
    );
}
