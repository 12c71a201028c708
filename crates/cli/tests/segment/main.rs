//! `askway mask` and `askway routers` on real segments: hosts that answer for themselves, since no
//! kernel of today's does, and a real router of IPv6 (radvd).

mod masks;
mod part;
mod routers;

use serde_json::Value;
use std::time::Duration;
use testbed::{Bed, Node, Running};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

/// Plays a part in a namespace, if it is asked to; see [`part`].
#[test]
fn child() {
    part::play();
}

/// Hosts on one segment. `eth0` of each leads there; names are those of the nodes.
struct Segment {
    bed: Bed,
    nodes: Vec<Node>,
}

impl Segment {
    /// Nodes joined by a bridge, with these IPv4 addresses.
    fn new(mut bed: Bed, hosts: &[(&str, &str)]) -> Segment {
        let switch = bed.node("switch");
        switch.ip(&["link", "add", "br0", "type", "bridge"]);
        switch.ip(&["link", "set", "br0", "up"]);
        let mut nodes = Vec::new();
        for (index, (name, address)) in hosts.iter().enumerate() {
            let node = bed.node(name);
            let port = format!("port{index}");
            bed.link((&node, "eth0"), (&switch, &port));
            switch.ip(&["link", "set", &port, "master", "br0"]);
            let (plain, length) = address.split_once('/').expect("a prefix length");
            let with_broadcast = [address, "broadcast", "+", "dev", "eth0"];
            node.ip(&[&["address", "add"][..], &with_broadcast].concat());
            assert!(!plain.is_empty() && !length.is_empty(), "{address}");
            nodes.push(node);
        }
        Segment { bed, nodes }
    }

    /// Starts a part at a node; it is ready when this returns.
    fn start(&self, node: usize, orders: &str) -> Running {
        let program = std::env::current_exe().expect("a test has a path");
        let launch = self.nodes[node].launch(program).args(&["--exact", "child", "--nocapture"]);
        let mut running = launch.env(part::VARIABLE, orders).limit(LIMIT).start();
        running.wait_for_stdout("ready");
        running
    }

    /// Runs askway at the first node; its objects and its exit code.
    fn askway(&self, arguments: &str) -> (Vec<Value>, Option<i32>) {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let ran = self.nodes[0].launch(ASKWAY).args(&words).limit(LIMIT).run();
        assert_eq!(ran.stderr(), "", "{arguments}");
        let stdout = ran.stdout();
        let objects = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        (objects.collect(), ran.code())
    }
}

/// The objects of a type.
fn of_type<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["type"] == wanted).collect()
}

#[test]
fn without_rights_the_remedy_is_named() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let [node, other] = ["asker", "other"].map(|name| bed.node(name));
    bed.link((&node, "eth0"), (&other, "eth0"));
    node.address("eth0", "192.0.2.1/24");
    for arguments in [&["mask", "192.0.2.7"][..], &["routers"], &["routers", "-6", "--listen"]] {
        let ran = node.launch(ASKWAY).args(arguments).limit(LIMIT).as_nobody().run();
        assert_eq!(ran.code(), Some(3), "{arguments:?}: {}", ran.stderr());
        assert!(ran.stderr().contains("setcap cap_net_raw+ep"), "{}", ran.stderr());
        assert_eq!(ran.stderr().lines().count(), 2, "{}", ran.stderr());
        assert_eq!(ran.stdout(), "");
    }
}
