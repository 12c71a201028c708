//! Large packets as Linux cuts them, beside what the lab makes of them: a kernel passes them from a
//! device that gives such to one that takes none. `ASKWAY_BLESS=1` keeps what it made of the first
//! as goldens of the lab.

use super::shelter;
use net::live::{self, Internet};
use net::tun::{Frame, Setup, Tun};
use probe::Time;
use std::collections::VecDeque;
use std::fmt::Write;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use testbed::Dice;
use wire::ip::{Datagram, Header, protocol};
use wire::offload::{Shape, Sums};
use wire::tcp::{Segment, flag};
use wire::{Family, checksum};

/// Holds a seed, if this is the process in the namespace.
const VARIABLE: &str = "ASKWAY_SEGMENTS_TEST";

/// Packets in all, and those that become goldens, which are short.
const COUNT: usize = 160;
const GOLDENS: usize = 14;

/// The router between the devices is the kernel in the one, a node in the other.
const NETWORK: &str = r#"
[host]
a = {}
b = {}
[router]
r = {}
[[link]]
ends = ["a", "r"]
[[link]]
ends = ["r", "b"]
rate = "1gbit"
queue = 100000
"#;

/// A packet, what a device would say of it, and where its payload begins.
struct Large {
    bytes: Vec<u8>,
    segment_bytes: Option<u16>,
    from: u16,
    at: u16,
    payload_at: usize,
}

impl Large {
    fn shape(&self) -> Shape {
        let sums = Sums::Partial { from: self.from, at: self.at };
        Shape { sums, segment_bytes: self.segment_bytes }
    }
}

/// The ends of the two links, the routers' own in the middle.
fn addresses(family: Family) -> [IpAddr; 4] {
    let texts = match family {
        Family::V4 => ["192.0.2.1", "192.0.2.2", "192.0.2.5", "192.0.2.6"],
        Family::V6 => ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1", "2001:db8:0:2::2"],
    };
    texts.map(|text| text.parse().expect("an address"))
}

fn larges(seed: u64) -> Vec<Large> {
    let mut dice = Dice::seeded(seed);
    (0..COUNT).map(|number| large(&mut dice, number)).collect()
}

fn large(dice: &mut Dice, number: usize) -> Large {
    let family = if number.is_multiple_of(2) { Family::V4 } else { Family::V6 };
    let is_tcp = number % 4 < 2;
    let [from, _, _, to] = addresses(family);
    let mut header = Header::new(from, to, if is_tcp { protocol::TCP } else { protocol::UDP });
    header.hop_limit = 2 + dice.below(250) as u8;
    header.traffic_class = dice.below(256) as u8;
    header.identification = dice.below(1 << 16) as u16;
    header.dont_fragment = family == Family::V4 && dice.coin();
    if family == Family::V6 {
        header.flow_label = dice.below(1 << 20) as u32;
    }
    let is_short = number < GOLDENS;
    let (most, pieces) = if is_short { (60, 4) } else { (1_380, 44) };
    let segment = 24 + dice.below(most) as u16;
    let is_many = number % 16 < 12;
    let payload_bytes = match is_many {
        true => u64::from(segment) + 1 + dice.below(u64::from(segment) * pieces),
        false => 1 + dice.below(u64::from(segment)),
    };
    let payload: Vec<u8> = (0..payload_bytes).map(|_| dice.below(256) as u8).collect();
    let mut message = Vec::new();
    if is_tcp {
        let options: &[u8] =
            if dice.coin() { &[1, 1, 8, 10, 0, 0, 48, 57, 0, 1, 226, 64] } else { &[] };
        let flags = [flag::FIN, flag::PSH, flag::URG, flag::ECE, flag::CWR, flag::CWR];
        let segment = Segment {
            source_port: 1_024 + dice.below(60_000) as u16,
            destination_port: 5_201,
            // Near the end of the numbers too.
            sequence: (dice.below(1 << 32) as u32) | if dice.coin() { 0xffff_0000 } else { 0 },
            acknowledgment: dice.below(1 << 32) as u32,
            flags: flags.iter().fold(flag::ACK, |all, it| if dice.coin() { all | it } else { all }),
            window: dice.below(1 << 16) as u16,
            urgent: dice.below(2_000) as u16,
            options,
            payload: &payload,
        };
        segment.emit(from, to, &mut message).expect("it fits");
    } else {
        let ports = [1_024 + dice.below(60_000) as u16, 5_201, 8 + payload.len() as u16, 0];
        message.extend(ports.iter().flat_map(|word| word.to_be_bytes()));
        message.extend_from_slice(&payload);
    }
    let offset = if is_tcp { 16 } else { 6 };
    let sum = checksum::Sum::new().pseudo_header(from, to, header.protocol, message.len());
    message[offset..offset + 2].copy_from_slice(&(!sum.finish()).to_be_bytes());
    let mut bytes = Vec::new();
    header.emit(&message, &mut bytes).expect("it fits");
    let start = bytes.len() - message.len();
    Large {
        payload_at: bytes.len() - payload.len(),
        bytes,
        segment_bytes: is_many.then_some(segment),
        from: start as u16,
        at: (start + offset) as u16,
    }
}

#[test]
fn large_packets_are_cut_as_the_kernel_cuts_them() {
    let Some((_bed, node)) = shelter(&[]) else { return };
    node.forward();
    let seed = std::process::id().into();
    let seed = if std::env::var_os("ASKWAY_BLESS").is_some() { 1 } else { seed };
    println!("seed {seed}");
    let ourselves = std::env::current_exe().expect("this program has a path");
    let launch = node.launch(ourselves).args(&["segments::cuts_if_told", "--exact", "--nocapture"]);
    let launch = launch.env(VARIABLE, &u64::to_string(&seed));
    let mut child = launch.limit(Duration::from_secs(120)).start();
    child.wait_for_stdout("done");
    child.signal("INT");
    let ran = child.finish();
    let said = ran.stdout();
    let parts: Vec<Vec<&str>> = said
        .split("large\n")
        .skip(1)
        .map(|it| it.lines().filter_map(|line| line.strip_prefix("part ")).collect())
        .collect();
    let larges = larges(seed);
    assert_eq!(parts.len(), larges.len(), "{}", ran.stderr());
    for (number, (large, parts)) in larges.iter().zip(&parts).enumerate() {
        assert_eq!(&ours(large), parts, "packet {number}: {}", hex(&large.bytes));
    }
    if std::env::var_os("ASKWAY_BLESS").is_some() {
        bless(&larges, &parts);
    }
}

/// What the lab makes of a packet.
fn ours(large: &Large) -> Vec<String> {
    let mut world = lab::World::load(NETWORK, "test", None).expect("a network");
    let ends = ["a", "b"].map(|name| world.node(name).expect("it is there"));
    for end in ends {
        world.attach(end);
    }
    world.inject(Time::ZERO, ends[0], large.bytes.clone(), large.shape());
    world.advance(Time(1_000_000_000));
    let outgoing = std::iter::from_fn(|| world.take_outgoing());
    outgoing
        .map(|(node, bytes, shape)| {
            assert_eq!((node, shape), (ends[1], Shape::PLAIN));
            hex(&bytes)
        })
        .collect()
}

fn bless(larges: &[Large], parts: &[Vec<&str>]) {
    let mut text = String::from(
        "# Large packets, and what Linux 6.18 made of them that passed them on: the payload of a\n\
         # segment, where the checksum begins and belongs, the packet; then the segments.\n",
    );
    for (large, parts) in larges.iter().zip(parts).take(GOLDENS) {
        let segment = large.segment_bytes.unwrap_or(0);
        let _ = writeln!(text, "{segment} {} {} {}", large.from, large.at, hex(&large.bytes));
        for part in parts {
            let _ = writeln!(text, "- {part}");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/tests/golden/segments.txt");
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("the tree takes files");
    std::fs::write(path, text).expect("the tree takes files");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Hands large packets to the kernel, one after the other, and tells what comes out.
struct Cutting {
    waiting: VecDeque<Large>,
    /// What has not come out yet of the one under way, and where its payload begins.
    left_bytes: usize,
    payload_at: usize,
    is_done: bool,
}

impl Internet for Cutting {
    fn receive(&mut self, _: Time, device: usize, frame: &mut Frame) -> Option<usize> {
        let (packet, _) = frame.packet();
        // The kernel has something to say, too.
        let source = Datagram::parse(packet).ok().map(|datagram| datagram.source);
        let is_passed = source.is_some_and(|it| it == addresses(Family::of(it))[0]);
        if device == 1 && is_passed {
            println!("part {}", hex(packet));
            self.left_bytes = self.left_bytes.saturating_sub(packet.len() - self.payload_at);
        }
        None
    }

    fn advance(&mut self, _: Time) {
        if self.waiting.is_empty() && self.left_bytes == 0 && !self.is_done {
            self.is_done = true;
            println!("done");
        }
    }

    fn due(&self) -> Time {
        Time::NEVER
    }

    fn take(&mut self, packet: &mut Vec<u8>) -> Option<(usize, Shape)> {
        if self.left_bytes > 0 {
            return None;
        }
        let large = self.waiting.pop_front()?;
        println!("large");
        self.payload_at = large.payload_at;
        self.left_bytes = large.bytes.len() - large.payload_at;
        let shape = large.shape();
        *packet = large.bytes;
        Some((0, shape))
    }
}

/// Does nothing unless it is the process in the namespace.
#[test]
fn cuts_if_told() {
    let Ok(seed) = std::env::var(VARIABLE) else { return };
    let open = |name: &str, own: usize, is_fast: bool| {
        let own = Family::ALL.map(|family| (family, addresses(family)[own]));
        let addresses = own.map(|(family, own)| (own, if family == Family::V4 { 30 } else { 64 }));
        let setup =
            Setup { addresses: addresses.into(), mtu_bytes: 1_500, routes: vec![], is_fast };
        Tun::open(name, None, &setup).expect("a device")
    };
    let tuns = [open("in0", 1, true), open("out0", 2, false)];
    let waiting = larges(seed.parse().expect("a number")).into();
    let mut cutting = Cutting { waiting, left_bytes: 0, payload_at: 0, is_done: false };
    live::run(&tuns, &mut cutting).expect("the devices work");
}
