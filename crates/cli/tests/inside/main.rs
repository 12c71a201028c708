//! Real programs inside a lab: `askway lab run` and `askway lab up` around the tools of the system.
//! The lab says what they must see: delays, hop limits, refusals, MTUs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testbed::{Bed, Launch, Node, Ran};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/scenarios").join(format!("{name}.toml"))
}

/// A node to run labs in, so that a mistake reaches no real network; `None`, said aloud, where no
/// namespaces can be made.
fn shelter(programs: &[&str]) -> Option<(Bed, Node)> {
    let mut bed = Bed::open(programs)?;
    let node = bed.node("shelter");
    Some((bed, node))
}

fn lab_run(node: &Node, name: &str, command: &[&str]) -> Launch {
    let file = scenario(name);
    let file = file.to_str().expect("UTF-8");
    let launch = node.launch(ASKWAY).args(&["lab", "run", file, "--"]).args(command);
    launch.env("LC_ALL", "C").limit(Duration::from_secs(60))
}

/// What a command in a lab said.
fn inside(node: &Node, name: &str, command: &[&str]) -> (Ran, String) {
    let ran = lab_run(node, name, command).run();
    let said = format!("{}{}", ran.stdout(), ran.stderr());
    (ran, said)
}

/// The round trip in the only answer of a ping, in milliseconds.
fn round_trip_ms(said: &str) -> f64 {
    let (_, rest) = said.split_once("time=").expect("an answer");
    rest.split_whitespace().next().expect("a number").parse().expect("a number")
}

#[test]
fn ping_sees_the_delays_and_hop_limits_of_the_file() {
    let Some((_bed, node)) = shelter(&["ping"]) else { return };
    for family in ["-4", "-6"] {
        let (ran, said) = inside(&node, "line", &["ping", family, "-n", "-c", "1", "r3"]);
        assert_eq!(ran.code(), Some(0), "{said}");
        // Never sooner than the links allow.
        assert!(said.contains("ttl=62") && round_trip_ms(&said) >= 70.0, "{said}");
    }
}

#[test]
fn a_hop_limit_that_runs_out_is_reported_by_the_router() {
    let Some((_bed, node)) = shelter(&["ping"]) else { return };
    for family in ["-4", "-6"] {
        let (ran, said) = inside(&node, "line", &["ping", family, "-c", "1", "-t", "1", "r3"]);
        assert_eq!(ran.code(), Some(1), "{said}");
        assert!(said.contains("From r1") && said.contains("ime"), "{said}");
    }
}

#[test]
fn closed_ports_refuse() {
    let Some((_bed, node)) = shelter(&["socat"]) else { return };
    for address in ["TCP4:r3:7", "TCP6:r3:7"] {
        let (ran, said) = inside(&node, "line", &["socat", "-u", "OPEN:/etc/hosts", address]);
        assert_eq!(ran.code(), Some(1), "{said}");
        assert!(said.contains("Connection refused"), "{said}");
    }
}

#[test]
fn tools_of_the_system_find_the_road() {
    let Some((_bed, node)) = shelter(&["traceroute", "tracepath"]) else { return };
    let (_, said) = inside(&node, "line", &["traceroute", "-4", "-n", "-q", "1", "r3"]);
    let hop = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let hops: Vec<String> = said.lines().skip(1).filter_map(hop).collect();
    assert_eq!(hops, ["192.0.2.2", "192.0.2.6", "192.0.2.10"], "{said}");
    let (_, said) = inside(&node, "small-mtu", &["tracepath", "-n", "-4", "b"]);
    assert!(said.contains("pmtu 1300"), "{said}");
}

#[test]
fn the_exit_code_is_the_commands() {
    let Some((_bed, node)) = shelter(&[]) else { return };
    for (command, code) in [("exit 7", 7), ("kill -KILL $$", 137), ("true", 0)] {
        let (ran, said) = inside(&node, "line", &["sh", "-c", command]);
        assert_eq!(ran.code(), Some(code), "{command}: {said}");
    }
    let (ran, said) = inside(&node, "line", &["/no/such/command"]);
    assert_eq!(ran.code(), Some(2), "{said}");
    assert!(said.starts_with("askway: cannot run /no/such/command: "), "{said}");
}

#[test]
fn nothing_outlives_the_lab() {
    let Some((_bed, node)) = shelter(&[]) else { return };
    // One in the background, and one that tells what to look for.
    let script = "sleep 471 & readlink /proc/self/ns/net; exec sleep 471";
    let mut lab = lab_run(&node, "line", &["sh", "-c", script]).start();
    lab.wait_for_stdout("]");
    let namespaces = namespaces_of_children(lab.pid());
    assert!(!namespaces.is_empty());
    lab.signal("KILL");
    // It ends when the last process that holds its output is gone.
    let ran = lab.finish();
    assert_eq!(ran.ended_by(), Some(9));
    let inner = ran.stdout().trim().to_owned();
    testbed::poll_until("no process is in the lab's network", || holders(&inner) == 0);
}

/// The network namespaces of a process's children.
fn namespaces_of_children(process: u32) -> Vec<PathBuf> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.expect("the process lives");
    let link = |child: &str| fs::read_link(format!("/proc/{child}/ns/net")).ok();
    children.split_whitespace().filter_map(link).collect()
}

/// How many processes are in a network namespace.
fn holders(namespace: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("/proc is there");
    let links = processes.flatten().filter_map(|it| fs::read_link(it.path().join("ns/net")).ok());
    links.filter(|link| link.to_string_lossy() == namespace).count()
}

#[test]
fn up_joins_namespaces_that_stand() {
    let Some((mut bed, node)) = shelter(&["ping"]) else { return };
    let [a, b] = ["a", "b"].map(|name| bed.node(name));
    let wires = [(&a, "a=lab0"), (&b, "r3=lab0")];
    let [first, second] = wires.map(|(node, wire)| format!("{wire}@{}", node.namespace()));
    let file = scenario("line");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["lab", "up", file, "--tun", &first, "--tun", &second];
    let mut lab = node.launch(ASKWAY).args(&arguments).limit(Duration::from_secs(60)).start();
    lab.wait_for_stdout("r3");
    let ran = a.run("ping", &["-n", "-c", "1", "192.0.2.10"]);
    lab.signal("INT");
    assert_eq!(lab.finish().code(), Some(0));
    // The kernel of the other namespace answered, two routers away.
    let said = ran.stdout();
    assert_eq!(ran.code(), Some(0), "{said}");
    assert!(said.contains("ttl=62") && round_trip_ms(&said) >= 70.0, "{said}");
}
