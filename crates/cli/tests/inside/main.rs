//! Real programs inside a lab: `askway lab run` and `askway lab up` around the tools of the system.
//! The lab says what they must see: delays, hop limits, refusals, MTUs.

mod device;
mod large;
mod segments;

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

/// A lab between two nodes of a bed, once its devices stand.
fn up(shelter: &Node, name: &str, ends: [(&Node, &str); 2], more: &[&str]) -> testbed::Running {
    let [a, b] = ends.map(|(node, at)| format!("{at}=lab0@{}", node.namespace()));
    let file = scenario(name);
    let file = file.to_str().expect("UTF-8");
    let arguments = ["lab", "up", file, "--tun", &a, "--tun", &b];
    let launch = shelter.launch(ASKWAY).args(&arguments).args(more).env("LC_ALL", "C");
    let mut lab = launch.limit(Duration::from_secs(60)).start();
    lab.wait_for_stdout(&format!("is {}", ends[1].1));
    lab
}

#[test]
fn mtr_sees_every_router() {
    let Some((_bed, node)) = shelter(&["mtr"]) else { return };
    let (ran, said) =
        inside(&node, "line", &["mtr", "-4", "-n", "-r", "-c", "2", "-i", "0.2", "r3"]);
    assert_eq!(ran.code(), Some(0), "{said}");
    for hop in ["192.0.2.2", "192.0.2.6", "192.0.2.10"] {
        let line = said.lines().find(|line| line.contains(hop));
        assert!(line.is_some_and(|line| line.contains(" 0.0%")), "{hop}: {said}");
    }
}

#[test]
fn pages_cross_a_translator_and_what_it_tracks_is_listed() {
    let Some((mut bed, node)) = shelter(&["curl", "socat"]) else { return };
    let [a, b] = ["a", "b"].map(|name| bed.node(name));
    let lab = up(&node, "nat", [(&a, "a"), (&b, "b")], &["--conntrack", "all", "--stats"]);
    let page = bed.scratch().join("page");
    fs::write(&page, "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
        .expect("it takes files");
    let answer = format!("SYSTEM:read line; cat {}", page.display());
    for (listen, family) in [("TCP4-LISTEN:80", "-4"), ("TCP6-LISTEN:81", "-6")] {
        let launch = b.launch("socat").args(&["-d", "-d", listen, &answer]);
        let mut server = launch.limit(Duration::from_secs(30)).start();
        server.wait_for_stderr("listening on");
        let shown = b.ip(&["-o", family, "address", "show", "dev", "lab0", "scope", "global"]);
        let address = shown.split_whitespace().nth(3).and_then(|it| it.split('/').next());
        let address = address.expect("it has an address");
        let url = match family {
            "-4" => format!("http://{address}:80/"),
            _ => format!("http://[{address}]:81/"),
        };
        let ran = a.run("curl", &["-sS", "--noproxy", "*", "--max-time", "9", &url]);
        assert_eq!(ran.stdout(), "hello\n", "{}", ran.stderr());
        drop(server.finish());
    }
    lab.signal("INT");
    let said = lab.finish().stdout();
    // Two translators, two families.
    for (router, count) in [("home: tcp ", 2), ("carrier: tcp ", 2), ("home: cpu=0", 1)] {
        let lines = said.lines().filter(|line| line.starts_with(router)).count();
        assert_eq!(lines, count, "{router}: {said}");
    }
}

#[test]
fn streams_cross_losses_whole() {
    let Some((mut bed, node)) = shelter(&["iperf3"]) else { return };
    let [a, b] = ["a", "b"].map(|name| bed.node(name));
    let lab = up(&node, "small-mtu", [(&a, "a"), (&b, "b")], &[]);
    let server = b.launch("iperf3").args(&["-s", "-1"]).limit(Duration::from_secs(30)).start();
    testbed::poll_until("iperf3 listens", || b.run("ss", &["-Hltn"]).stdout().contains(":5201"));
    let shown = b.ip(&["-o", "-4", "address", "show", "dev", "lab0"]);
    let address = shown.split_whitespace().nth(3).and_then(|it| it.split('/').next());
    let to = address.expect("it has an address");
    let launch = a.launch("iperf3").args(&["-c", to, "-n", "300K"]);
    let ran = launch.limit(Duration::from_secs(30)).run();
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("receiver"), "{}", ran.stdout());
    drop(server.finish());
    lab.signal("INT");
    assert_eq!(lab.finish().code(), Some(0));
}

#[test]
fn names_are_asked_of_a_server_of_the_lab() {
    let Some((_bed, node)) = shelter(&["dig"]) else { return };
    let addresses =
        [("A", "192.0.2.6\n192.0.2.9\n"), ("AAAA", "2001:db8:0:2::2\n2001:db8:0:3::1\n")];
    for (kind, answer) in addresses {
        let command = ["dig", "+short", "+tries=1", "@192.0.2.10", "r2.lab", kind];
        let (ran, said) = inside(&node, "names", &command);
        assert_eq!(ran.code(), Some(0), "{said}");
        assert_eq!(said, answer);
    }
}
