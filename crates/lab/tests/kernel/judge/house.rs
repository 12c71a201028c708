//! A whole scenario, by the lab and by namespaces: every packet that a node puts on a link, and the
//! gateway's connections.

use super::notation::{self, address};
use super::real::{Line, frame, is_noise};
use super::script::{Act, Script, Step, Wire};
use super::shown::Seen;
use super::wires::{FAR_VARIABLE, NEAR_VARIABLE, RELAY_VARIABLE};
use crate::child::parse;
use lab::conntrack::Listed;
use lab::{NodeId, World};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::{Bed, Node};
use wire::pcapng::{Direction, Reader};

/// How long it takes the lab to be done with a packet.
const PATIENCE: Duration = Duration::from_millis(5);

/// The scenario's nodes by the lab.
pub struct OurHouse {
    world: World,
    gateway: NodeId,
    router: NodeId,
    seen: Seen,
}

impl OurHouse {
    pub fn new() -> OurHouse {
        let text = include_str!("../house.toml");
        let mut world = World::load(text, "house.toml", None).expect("a scenario");
        let [gateway, router] = ["gateway", "router"].map(|name| world.node(name).expect("there"));
        for name in ["client", "web", "server"] {
            let node = world.node(name).expect("there");
            world.attach(node);
        }
        OurHouse { world, gateway, router, seen: Seen::default() }
    }

    pub fn act(&mut self, step: &Step) -> Vec<String> {
        let (wire, bytes) = match &step.act {
            Act::Packet { wire, bytes, .. } => (*wire, bytes),
            Act::List => {
                let listed = self.world.conntrack(self.gateway);
                return listing(listed.iter().map(Listed::to_string));
            }
            other => panic!("not in a house: {other:?}"),
        };
        self.seen.sent.push(bytes.clone());
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&written);
        let sink = move |piece: &[u8]| sink.lock().expect("nobody panics").extend(piece);
        assert!(self.world.capture(&[], Box::new(sink)));
        let now = self.world.now();
        let (node, interface) = match wire {
            Wire::Left => (self.gateway, 0),
            Wire::Right => (self.router, 1),
        };
        self.world.arrive(now, node, interface, bytes, false);
        self.world.advance(now + PATIENCE);
        self.world.close_captures();
        while self.world.take_outgoing().is_some() {}
        let capture = written.lock().expect("nobody panics").clone();
        self.told(&capture)
    }

    fn told(&mut self, capture: &[u8]) -> Vec<String> {
        let mut reader = Reader::default();
        reader.push(capture);
        let mut told = Vec::new();
        while let Some(record) = reader.read().expect("well-formed") {
            let name = record.interface.name.clone().expect("links have names");
            let way = match (name.as_str(), record.packet.direction) {
                ("middle", Direction::Outbound) => "out",
                ("middle", _) => "in",
                ("left", _) => "left",
                _ => "right",
            };
            told.push(format!("{way} {}", self.seen.show(record.packet.bytes)));
        }
        by_link(told)
    }
}

/// The scenario's nodes by the kernel.
pub struct RealHouse {
    gateway: Node,
    far: Line,
    _near: [Line; 2],
    seen: Seen,
    _bed: Bed,
}

/// Echo requests that nobody tracks, to each router from its end; and what answers them.
const FENCES: [(usize, &str, &str); 2] = [
    (1, "p4 > h4 echo 65278 0", "left h4 > p4 ttl 64 reply 65278 0"),
    (4, "t4 > u4 echo 65278 0", "right u4 > t4 ttl 64 reply 65278 0"),
];

/// What the gateway does with packets, by family. Better hops are of another script: nobody is told
/// of them here.
fn rules() -> String {
    let family = |table: &str, icmp: &str, [outer, web]: [&str; 2]| {
        let [outer, web] = [outer, web].map(address);
        let web_port = if web.is_ipv6() { format!("[{web}]:80") } else { format!("{web}:80") };
        format!(
            "table {table} t {{\n\
             chain raw {{\n type filter hook prerouting priority -300\n\
             {icmp} id 65278 notrack\n udp dport 9 udp sport 1 notrack\n }}\n\
             chain own {{\n type filter hook output priority -300\n {icmp} id 65278 notrack\n\
             icmpv6 type nd-redirect drop\n }}\n\
             chain d {{\n type nat hook prerouting priority -100\n\
             {table} daddr {outer} udp dport 8080 dnat to {web_port}\n\
             {table} daddr {outer} tcp dport 8080 dnat to {web_port}\n }}\n\
             chain s {{\n type nat hook postrouting priority 100\n\
             oifname \"right\" masquerade\n\
             iifname \"left\" oifname \"left\" ct status dnat snat to {outer}\n }}\n}}\n"
        )
    };
    family("ip", "icmp", ["r4", "192.0.2.3"]) + &family("ip6", "icmpv6", ["r6", "2001:db8:1::3"])
}

impl RealHouse {
    /// `None` where namespaces cannot be had.
    pub fn new() -> Option<RealHouse> {
        let mut bed = Bed::open(&["nft", "conntrack", "taskset", "ethtool"])?;
        let [gateway, router, far] = ["gateway", "router", "far"].map(|name| bed.node(name));
        far.nft("table inet t { chain o { type filter hook output priority 0; drop; }; }");
        let ends = [
            (&gateway, "left", ["h4", "h6"], 1_500),
            (&gateway, "right", ["r4", "r6"], 1_400),
            (&router, "left", ["198.51.100.2", "2001:db8:2::2"], 1_400),
            (&router, "right", ["u4", "u6"], 1_300),
        ];
        for (index, (node, wire, own, mtu)) in ends.into_iter().enumerate() {
            let number = index + 1;
            let other = format!("far{number}");
            bed.link((node, wire), (&far, &other));
            node.ip(&["link", "set", wire, "address", &format!("02:00:00:00:00:0{number}")]);
            node.ip(&["link", "set", wire, "arp", "off"]);
            far.ip(&["link", "set", &other, "mtu", "9000"]);
            node.mtu(wire, mtu);
            for (name, bits) in own.iter().zip([24, 64]) {
                node.address(wire, &format!("{}/{bits}", address(name)));
            }
            let ran = node.run("ethtool", &["-K", wire, "tx", "off"]);
            assert_eq!(ran.code(), Some(0), "{ran:?}");
        }
        for node in [&gateway, &router] {
            node.forward();
            let names = ["all", "default", "left", "right"];
            let names = names.map(|name| format!("net/ipv4/conf/{name}/rp_filter"));
            let off = names.each_ref().map(|name| (name.as_str(), "0"));
            node.sysctls(&[&off[..], &[("net/ipv6/auto_flowlabels", "0")]].concat());
        }
        for (to, via) in [("203.0.113.0/24", "198.51.100.2"), ("2001:db8:3::/64", "2001:db8:2::2")]
        {
            gateway.route(to, via);
        }
        for (to, via) in [("192.0.2.0/24", "r4"), ("2001:db8:1::/64", "r6")] {
            router.route(to, address(via));
        }
        gateway.nft(&rules());
        let far =
            Line::with(&bed, &far, "judge::far", &[(FAR_VARIABLE, "far"), (RELAY_VARIABLE, "1")]);
        let near = [&gateway, &router].map(|node| {
            let name = if node.namespace() == gateway.namespace() { "near1" } else { "near2" };
            Line::with(&bed, node, "judge::near", &[(NEAR_VARIABLE, name)])
        });
        let mut house = RealHouse { gateway, far, _near: near, seen: Seen::default(), _bed: bed };
        house.greet();
        Some(house)
    }

    /// Lets each node send something by each wire, so that the far side learns of it.
    fn greet(&mut self) {
        let wanted = [("p4", 0), ("198.51.100.2", 0), ("r4", 1), ("t4", 1)];
        let mut greeted = 0;
        for (to, near) in wanted {
            self._near[near].say(&format!("greet {}:9", address(to)));
            self._near[near].hear(Duration::from_secs(10)).expect("the call returns");
            greeted += 1;
        }
        while greeted > 0 {
            let (_, text) = self.hear();
            greeted -= usize::from(text.contains(" udp ") && text.ends_with(" 9"));
        }
        self.settle();
        let ran = self.gateway.run("conntrack", &["-F"]);
        assert_eq!(ran.code(), Some(0), "{ran:?}");
        self.seen = Seen::default();
    }

    pub fn act(&mut self, step: &Step) -> Vec<String> {
        let (wire, bytes) = match &step.act {
            Act::Packet { wire, bytes, .. } => (*wire, bytes),
            Act::List => {
                let lists = ["ipv4", "ipv6"].map(|family| {
                    let ran = self.gateway.run("conntrack", &["-L", "-f", family]);
                    assert_eq!(ran.code(), Some(0), "{ran:?}");
                    ran.stdout().to_string()
                });
                return listing(lists.concat().lines().map(str::to_string));
            }
            other => panic!("not in a house: {other:?}"),
        };
        self.seen.sent.push(bytes.clone());
        let number = if wire == Wire::Left { 1 } else { 4 };
        self.far.say(&frame(number, false, bytes));
        self.settle()
    }

    /// Everything that comes until nothing more does: both routers answer, and say nothing else.
    fn settle(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let before = told.len();
            for (number, fence, answer) in FENCES {
                self.far.say(&frame(number, false, &notation::packet(fence)));
                loop {
                    let (_, text) = self.hear();
                    if text == answer {
                        break;
                    }
                    told.push(text);
                }
            }
            if told.len() == before {
                return by_link(told);
            }
        }
    }

    fn hear(&mut self) -> (usize, String) {
        loop {
            let line = self.far.hear(Duration::from_secs(10)).expect("something comes");
            let (number, bytes) = line.split_once(' ').expect("a wire");
            let number: usize = number.parse().expect("a number");
            let bytes = parse(bytes);
            if !is_noise(&bytes) {
                let way = ["left", "out", "in", "right"][number - 1];
                return (number, format!("{way} {}", self.seen.show(&bytes)));
            }
        }
    }
}

/// In the order of the links: what passes by two of them at the same time has no order.
fn by_link(mut told: Vec<String>) -> Vec<String> {
    told.sort_by_key(|text| {
        ["left", "out", "in", "right"].iter().position(|way| text.starts_with(way))
    });
    told
}

/// Connections without the times that are left.
fn listing(lines: impl Iterator<Item = String>) -> Vec<String> {
    let masked = |line: String| {
        let words = line.split_whitespace().enumerate();
        let words = words.map(|(index, word)| if index == 2 { "TIME" } else { word });
        format!("= {}", words.collect::<Vec<_>>().join(" "))
    };
    let mut lines: Vec<String> = lines.map(masked).collect();
    lines.sort();
    lines
}

/// The script of the house, and where it stands.
pub fn script() -> (Script, String, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/house.script");
    let text = std::fs::read_to_string(path).expect("it is there");
    (Script::parse(&text), path.to_string(), text)
}
