//! Two gateways under one trait: the kernel's, in namespaces, and ours.

use crate::child::{FENCE_PORT, VARIABLE, hex, parse};
use lab::conntrack::{Listed, Plan, Realm, Tracker, Verdict};
use probe::Time;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use testbed::{Bed, Node, Running};
use wire::checksum;
use wire::ip::{Header, protocol};
use wire::udp;

/// Hosts inside; the gateway; the server outside, and a router that speaks beside it.
pub const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub const B: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
pub const N: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 5);
pub const S: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
pub const R: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);

/// A gateway between two ends.
pub trait Gateway {
    /// Sends a datagram from one end; what arrives at the other.
    fn pass(&mut self, from: Realm, datagram: &[u8]) -> Vec<Vec<u8>>;

    /// The connections, as `conntrack -L` prints them.
    fn list(&mut self) -> Vec<String>;
}

/// Ours.
pub struct Ours {
    tracker: Tracker,
    now: Time,
}

impl Ours {
    pub fn new(plan: Plan) -> Ours {
        Ours { tracker: Tracker::new(plan, 3), now: Time::ZERO }
    }
}

impl Gateway for Ours {
    fn pass(&mut self, from: Realm, datagram: &[u8]) -> Vec<Vec<u8>> {
        // Some time passes with the kernel too, though nobody measures it.
        self.now = Time(self.now.0 + 1_000_000);
        let mut bytes = datagram.to_vec();
        let sum = fill_header_sum(&mut bytes);
        assert_eq!(sum, 0, "a header is whole");
        let (verdict, mut passage) = self.tracker.prerouting(self.now, &mut bytes, from);
        if verdict != Verdict::Accept {
            return Vec::new();
        }
        if bytes[16..20] == N.octets() {
            self.tracker.input(self.now, &mut bytes, &mut passage);
            return Vec::new();
        }
        self.tracker.forward(&mut passage);
        let is_inside = bytes[16..19] == A.octets()[..3];
        let to = if is_inside { Realm::Inside } else { Realm::Outside };
        match self.tracker.postrouting(self.now, &mut bytes, &mut passage, to) {
            Verdict::Accept if from != to => vec![bytes],
            _ => Vec::new(),
        }
    }

    fn list(&mut self) -> Vec<String> {
        self.tracker.list(self.now).iter().map(Listed::to_string).collect()
    }
}

fn fill_header_sum(bytes: &mut [u8]) -> u16 {
    let end = usize::from(bytes[0] & 0x0f) * 4;
    bytes[10..12].fill(0);
    let sum = checksum::of(&bytes[..end]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    checksum::of(&bytes[..end])
}

/// The kernel's: three namespaces in a row.
pub struct Kernel {
    gateway: Node,
    inside: Wire,
    outside: Wire,
    fences: u16,
    _bed: Bed,
}

/// A child in a namespace, and the line to it.
pub struct Wire {
    to: UnixStream,
    from: BufReader<UnixStream>,
    _child: Running,
}

impl Wire {
    pub fn new(bed: &Bed, node: &Node, name: &str) -> Wire {
        Wire::to(bed, node, name, ("child", VARIABLE))
    }

    /// To a child that is another test of this program, called so, which is told the path in a
    /// variable of the environment.
    pub fn to(bed: &Bed, node: &Node, name: &str, (test, variable): (&str, &str)) -> Wire {
        let path = bed.scratch().join(name);
        let program = std::env::current_exe().expect("this program has a path");
        // On one processor nothing overtakes.
        let launch = node.launch("taskset").args(&["-c", "0"]).args(&[program.as_os_str()]);
        let launch = launch.args(&["--exact", test, "--nocapture"]);
        let launch = launch.env(variable, path.to_str().expect("plain letters"));
        let mut child = launch.limit(std::time::Duration::from_secs(120)).start();
        child.wait_for_stdout("ready");
        let to = UnixStream::connect(&path).expect("the child listens");
        let from = BufReader::new(to.try_clone().expect("both directions"));
        Wire { to, from, _child: child }
    }

    pub fn send(&mut self, datagram: &[u8]) {
        writeln!(self.to, "{}", hex(datagram)).expect("the child listens");
    }

    pub fn hear(&mut self) -> Vec<u8> {
        let mut line = String::new();
        self.from.read_line(&mut line).expect("the child speaks");
        assert!(!line.is_empty(), "the child has ended");
        parse(line.trim())
    }
}

impl Kernel {
    /// A gateway with these rules in its chains of addresses: of destinations, and of sources.
    pub fn new(destinations: &str, sources: &str, sysctls: &[(&str, &str)]) -> Option<Kernel> {
        let mut bed = Bed::open(&["nft", "conntrack"])?;
        let [client, gateway, server] = ["client", "gateway", "server"].map(|name| bed.node(name));
        bed.link((&client, "c0"), (&gateway, "g0"));
        bed.link((&gateway, "g1"), (&server, "s0"));
        client.address("c0", "192.0.2.2/24");
        client.address("c0", "192.0.2.3/24");
        gateway.address("g0", "192.0.2.1/24");
        gateway.address("g1", "203.0.113.5/24");
        server.address("s0", "203.0.113.9/24");
        server.address("s0", "203.0.113.77/24");
        client.route("default", "192.0.2.1");
        server.route("192.0.2.0/24", N);
        gateway.forward();
        for node in [&client, &gateway, &server] {
            node.sysctls(&[
                ("net/ipv4/conf/all/rp_filter", "0"),
                ("net/ipv4/conf/default/rp_filter", "0"),
            ]);
        }
        // What the ends' own kernels answer would disturb.
        let quiet = "table ip t {\n chain o {\n type filter hook output priority 0\n \
                     ip protocol { icmp, tcp, udp, 47 } meta mark != 7 drop\n }\n}\n";
        client.nft(quiet);
        server.nft(quiet);
        gateway.nft(&format!(
            "table ip t {{\n\
             chain raw {{\n type filter hook prerouting priority -300\n\
             udp dport {FENCE_PORT} notrack\n }}\n\
             chain own {{\n type filter hook output priority -300\n\
             ip protocol {{ icmp, tcp, udp, 47 }} drop\n }}\n\
             chain d {{\n type nat hook prerouting priority -100\n {destinations}\n }}\n\
             chain s {{\n type nat hook postrouting priority 100\n {sources}\n }}\n}}\n"
        ));
        gateway.sysctls(sysctls);
        let inside = Wire::new(&bed, &client, "inside");
        let outside = Wire::new(&bed, &server, "outside");
        Some(Kernel { gateway, inside, outside, fences: 0, _bed: bed })
    }
}

impl Gateway for Kernel {
    fn pass(&mut self, from: Realm, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.fences += 1;
        let (sender, hearer, source, target) = match from {
            Realm::Inside => (&mut self.inside, &mut self.outside, A, S),
            _ => (&mut self.outside, &mut self.inside, S, A),
        };
        let fence = message((source, self.fences), (target, FENCE_PORT));
        sender.send(datagram);
        sender.send(&fence);
        let mut heard = Vec::new();
        loop {
            let next = hearer.hear();
            if next[20..24] == fence[20..24] {
                return heard;
            }
            heard.push(next);
        }
    }

    fn list(&mut self) -> Vec<String> {
        let ran = self.gateway.run("conntrack", &["-L"]);
        assert_eq!(ran.code(), Some(0), "{ran:?}");
        ran.stdout().lines().map(str::to_string).collect()
    }
}

pub type End = (Ipv4Addr, u16);

pub fn datagram(from: Ipv4Addr, to: Ipv4Addr, number: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = Header::new(IpAddr::V4(from), IpAddr::V4(to), number);
    header.identification = 0x1234;
    let mut bytes = Vec::new();
    header.emit(payload, &mut bytes).expect("it fits");
    bytes
}

pub fn message(from: End, to: End) -> Vec<u8> {
    let message = udp::Message {
        source_port: from.1,
        destination_port: to.1,
        has_checksum: true,
        payload: b"payload",
    };
    let mut bytes = Vec::new();
    message.emit(from.0.into(), to.0.into(), &mut bytes).expect("it fits");
    datagram(from.0, to.0, protocol::UDP, &bytes)
}
