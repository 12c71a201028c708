//! The kernel's node: a namespace, at whose wires another one sends and hears frames.

use super::notation;
use super::script::{Act, Script, Step, Wire};
use super::shown::Seen;
use super::wires::{FAR_VARIABLE, NEAR_VARIABLE};
use crate::child::{hex, parse};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use testbed::{Bed, Node, Running};
use wire::ip::{Datagram, protocol};

/// How long something may take that does come.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is put behind a packet: when it is answered, all that came before it is done.
const FENCE: &str = "p4 > h4 echo 65278 0";
const FENCE_ANSWER: &str = "left h4 > p4 ttl 64 reply 65278 0";

/// A node of the kernel.
pub struct Real {
    far: Line,
    near: Line,
    seen: Seen,
    _bed: Bed,
}

/// A child and the line to it.
pub struct Line {
    to: UnixStream,
    from: BufReader<UnixStream>,
    _child: Running,
}

impl Line {
    fn to(bed: &Bed, node: &Node, test: &str, variable: &str) -> Line {
        Line::with(bed, node, test, &[(variable, test)])
    }

    /// To a child that is another test of this program: the first variable is to hold the path of
    /// the socket, of which the name is given; the others are as they are.
    pub fn with(bed: &Bed, node: &Node, test: &str, variables: &[(&str, &str)]) -> Line {
        let path = bed.scratch().join(variables[0].1.replace(':', "-"));
        let program = std::env::current_exe().expect("this program has a path");
        // On one processor nothing overtakes.
        let launch = node.launch("taskset").args(&["-c", "0"]).args(&[program.as_os_str()]);
        let mut launch = launch.args(&["--exact", test, "--nocapture"]);
        for (name, value) in &variables[1..] {
            launch = launch.env(name, value);
        }
        let launch = launch.env(variables[0].0, path.to_str().expect("plain letters"));
        let mut child = launch.limit(Duration::from_secs(60)).start();
        child.wait_for_stdout("ready");
        let to = UnixStream::connect(&path).expect("the child listens");
        let from = BufReader::new(to.try_clone().expect("both directions"));
        Line { to, from, _child: child }
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.to, "{line}").expect("the child listens");
    }

    /// The next line; `None` if none comes in time.
    pub fn hear(&mut self, patience: Duration) -> Option<String> {
        self.to.set_read_timeout(Some(patience)).expect("to wait");
        let mut line = String::new();
        match self.from.read_line(&mut line) {
            Ok(0) => panic!("the child has ended"),
            Ok(_) => Some(line.trim_end().to_string()),
            Err(_) => None,
        }
    }
}

impl Real {
    /// The script's node; `None` where namespaces cannot be had.
    pub fn new(script: &Script) -> Option<Real> {
        let mut bed = Bed::open(&["nft", "taskset", "ethtool"])?;
        let [node, far] = ["node", "far"].map(|name| bed.node(name));
        far.nft("table inet t { chain o { type filter hook output priority 0; drop; }; }");
        let wires = if script.is_router { 2 } else { 1 };
        for (wire, own) in [("left", ["h4", "h6"]), ("right", ["r4", "r6"])].iter().take(wires) {
            bed.link((&node, wire), (&far, wire));
            let number = if *wire == "left" { 1 } else { 2 };
            node.ip(&["link", "set", wire, "address", &format!("02:00:00:00:00:0{number}")]);
            // Nobody is asked who is who, and everybody may be there.
            node.ip(&["link", "set", wire, "arp", "off"]);
            far.ip(&["link", "set", wire, "mtu", "9000"]);
            node.ip(&["link", "set", wire, "mtu", "1500"]);
            node.ip(&["-6", "address", "flush", "dev", wire, "scope", "link"]);
            node.address(wire, "fe80::1/64");
            for (name, bits) in own.iter().zip([24, 64]) {
                node.address(wire, &format!("{}/{bits}", notation::address(name)));
            }
            let ran = node.run("ethtool", &["-K", wire, "tx", "off"]);
            assert_eq!(ran.code(), Some(0), "{ran:?}");
        }
        if script.is_router {
            node.sysctls(&[("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1")]);
        }
        node.unlimited_errors();
        set_up(script, &node);
        let far = Line::to(&bed, &far, "judge::far", FAR_VARIABLE);
        let near = Line::to(&bed, &node, "judge::near", NEAR_VARIABLE);
        let mut real = Real { far, near, seen: Seen::default(), _bed: bed };
        real.greet(wires);
        Some(real)
    }

    /// Lets the node send something by each wire, so that the far side learns of it.
    fn greet(&mut self, wires: usize) {
        for to in ["p4", "s4"].iter().take(wires) {
            self.call(&format!("greet {}:9", notation::address(to)));
        }
        let mut greetings = 0;
        while greetings < wires {
            let next = self.hear(PATIENCE).expect("the node is there");
            greetings += usize::from(next.ends_with(" 9"));
        }
        self.seen = Seen::default();
    }

    fn call(&mut self, order: &str) -> String {
        self.near.say(order);
        self.near.hear(PATIENCE).expect("the call returns")
    }

    /// Does a step; what comes of it.
    pub fn act(&mut self, step: &Step) -> Vec<String> {
        let mut said = Vec::new();
        match &step.act {
            Act::Packet { wire, is_to_many, bytes } => {
                self.seen.sent.push(bytes.clone());
                self.send(*wire, *is_to_many, bytes);
            }
            Act::Wait { real, .. } => said.extend(self.hear(*real)),
            Act::Open { to, is_connected } => {
                let how = if *is_connected { "connected" } else { "free" };
                self.call(&format!("open {}:{} {how}", bracketed(to.0), to.1));
            }
            Act::Send { socket, bytes } => {
                said.push(format!("= {}", self.call(&format!("send {socket} {bytes}"))));
            }
            Act::List => panic!("nothing is tracked here"),
            Act::Receive { socket } => {
                said.push(format!("= {}", self.call(&format!("recv {socket}"))));
            }
        }
        self.send(Wire::Left, false, &notation::packet(FENCE));
        loop {
            let next = self.hear(PATIENCE).expect("the fence is answered");
            if next == FENCE_ANSWER {
                return said;
            }
            said.push(next);
        }
    }

    fn send(&mut self, wire: Wire, is_to_many: bool, packet: &[u8]) {
        self.far.say(&frame(wire as usize + 1, is_to_many, packet));
    }

    /// The next packet of the node's, but for what it says to its neighbours by itself.
    fn hear(&mut self, patience: Duration) -> Option<String> {
        loop {
            let line = self.far.hear(patience)?;
            let (wire, bytes) = line.split_once(' ').expect("a wire");
            let bytes = parse(bytes);
            if !is_noise(&bytes) {
                let wire = if wire == "1" { Wire::Left } else { Wire::Right };
                return Some(format!("{} {}", wire.name(), self.seen.show(&bytes)));
            }
        }
    }
}

/// The order to send a packet by a wire, 1-based.
pub fn frame(number: usize, is_to_many: bool, packet: &[u8]) -> String {
    let to = match (is_to_many, packet[0] >> 4) {
        (false, _) => format!("02000000000{number}"),
        (true, 4) if (224..240).contains(&packet[16]) => {
            format!("01005e{}", hex(&[packet[17] & 0x7f, packet[18], packet[19]]))
        }
        (true, 6) => format!("3333{}", hex(&packet[36..40])),
        (true, _) => "ffffffffffff".into(),
    };
    let kind = if packet[0] >> 4 == 6 { "86dd" } else { "0800" };
    format!("{number} {to}0200000000fe{kind}{}", hex(packet))
}

/// All that a script asks of the node.
fn set_up(script: &Script, node: &Node) {
    let filters = ["all", "default", "left", "right"];
    let names = filters.map(|name| format!("net/ipv4/conf/{name}/rp_filter"));
    let wires = if script.is_router { 4 } else { 3 };
    let mut settings: Vec<(&str, &str)> =
        names.iter().take(wires).map(|name| (name.as_str(), "0")).collect();
    settings.push(("net/ipv6/auto_flowlabels", "0"));
    let own = script.sysctls.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    settings.extend(own);
    node.sysctls(&settings);
    for (wire, mtu) in &script.mtus {
        node.ip(&["link", "set", wire.name(), "mtu", &mtu.to_string()]);
    }
    for (prefix, how) in &script.routes {
        match how.strip_prefix("via ") {
            Some(hop) if hop.starts_with("fe80:") => {
                node.ip(&["-6", "route", "add", prefix, "via", hop, "dev", "left"]);
            }
            Some(hop) => node.route(prefix, notation::address(hop)),
            None => node.refuse(how, prefix),
        }
    }
}

fn bracketed(address: std::net::IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// Listeners, routers and neighbours, of whom a kernel speaks unasked.
pub fn is_noise(bytes: &[u8]) -> bool {
    let Ok(datagram) = Datagram::parse(bytes) else { return false };
    match datagram.protocol {
        2 => true,
        protocol::ICMPV6 => {
            let kind = datagram.payload.first().copied().unwrap_or_default();
            datagram.source.is_ipv6() && matches!(kind, 130..=136 | 143)
        }
        _ => false,
    }
}
