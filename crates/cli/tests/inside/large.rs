//! `--fast`: what programs see of a lab is what they see without, whether links carry large packets
//! whole or not.

use super::{ASKWAY, scenario, shelter};
use std::fs;
use std::path::Path;
use std::time::Duration;
use testbed::{Bed, Launch, Node, Ran};

/// A pure road, one that loses and doubles, and one whose second link takes less than the first.
const ROADS: [(&str, &str); 4] = [
    ("pure", "delay = \"200us\""),
    ("lossy", "delay = \"200us\"\nloss = \"1%\"\nduplicate = \"1%\""),
    ("slow", "delay = \"200us\"\nrate = \"200mbit\"\njitter = \"300us\""),
    ("narrow", "delay = \"200us\"\nmtu = 1300"),
];

fn network(first: &str, second: &str) -> String {
    format!(
        "[host]\na = {{}}\nb = {{ udp = [7] }}\n[router]\nr = {{}}\n\
         [[link]]\nends = [\"a\", \"r\"]\n{first}\n[[link]]\nends = [\"r\", \"b\"]\n{second}\n"
    )
}

/// Two namespaces, and a lab between them; what it takes and gives is large.
struct Between {
    ends: [Node; 2],
    lab: testbed::Running,
    bed: Bed,
}

impl Between {
    fn open(programs: &[&str], text: &str, options: &[&str]) -> Option<Between> {
        let mut bed = Bed::open(programs)?;
        let ends = ["a", "b"].map(|name| bed.node(name));
        let file = bed.scratch().join("network.toml");
        fs::write(&file, text).expect("the scratch directory takes files");
        let tuns = ["a", "b"].map(|name| {
            let node = if name == "a" { &ends[0] } else { &ends[1] };
            format!("{name}=lab0@{}", node.namespace())
        });
        let file = file.to_str().expect("UTF-8");
        let arguments = ["lab", "up", file, "--tun", &tuns[0], "--tun", &tuns[1]];
        let launch = ends[0].launch(ASKWAY).args(&arguments).args(options).env("LC_ALL", "C");
        let mut lab = launch.limit(Duration::from_secs(120)).start();
        lab.wait_for_stdout("is b");
        Some(Between { ends, lab, bed })
    }

    /// The addresses of a node's device.
    fn address(&self, end: usize, family: &str) -> String {
        let arguments = ["-o", family, "address", "show", "dev", "lab0", "scope", "global"];
        let shown = self.ends[end].ip(&arguments);
        let address = shown.split_whitespace().nth(3).and_then(|it| it.split('/').next());
        address.expect("it has an address").to_owned()
    }

    /// Sends a file from a to b; what arrived.
    fn carry(&self, payload: &[u8], family: &str) -> Vec<u8> {
        let [sent, got] = ["sent", "got"].map(|name| self.bed.scratch().join(name));
        fs::write(&sent, payload).expect("the scratch directory takes files");
        let _ = fs::remove_file(&got);
        let kind = family.trim_start_matches('-');
        let (listen, to) = (format!("TCP{kind}-LISTEN:5000,reuseaddr"), self.address(1, family));
        let to = match kind {
            "4" => format!("TCP4:{to}:5000"),
            _ => format!("TCP6:[{to}]:5000"),
        };
        let create = format!("CREATE:{}", got.display());
        // Large writes make large packets.
        let launch = self.ends[1].launch("socat").args(&["-u", "-d", "-d", &listen, &create]);
        let mut server = launch.limit(Duration::from_secs(60)).start();
        server.wait_for_stderr("listening on");
        let open = format!("OPEN:{}", sent.display());
        let client = self.ends[0].launch("socat").args(&["-u", "-b", "200000", &open, &to]);
        let ran = client.limit(Duration::from_secs(60)).run();
        assert_eq!(ran.code(), Some(0), "{to}: {}{}", ran.stdout(), ran.stderr());
        assert_eq!(server.finish().code(), Some(0));
        fs::read(&got).expect("it was written")
    }

    fn end(self) {
        self.lab.signal("INT");
        assert_eq!(self.lab.finish().code(), Some(0));
    }
}

#[test]
fn bytes_arrive_as_they_were_sent_over_any_road() {
    let payload = testbed::noise(4_000_003);
    for (name, second) in ROADS {
        let text = network("delay = \"200us\"", second);
        let Some(it) = Between::open(&["socat"], &text, &["--fast"]) else { return };
        for family in ["-4", "-6"] {
            assert!(it.carry(&payload, family) == payload, "{name} {family}");
        }
        it.end();
    }
}

/// Sends 7,500 bytes to be cut into datagrams of 1,000 (UDP_SEGMENT), and hears them back.
const CUT: &str = r#"
use Socket qw(:all);
my ($family, $to, $sent) = (AF_INET, $ARGV[0], join '', map { chr(rand 256) } 1 .. 7500);
$family = AF_INET6 if $to =~ /:/;
my $packed = inet_pton($family, $to);
my $end = $family == AF_INET ? pack_sockaddr_in(7, $packed) : pack_sockaddr_in6(7, $packed);
socket(my $socket, $family, SOCK_DGRAM, 0) or die "no socket: $!";
connect($socket, $end) or die "no way: $!";
setsockopt($socket, 17, 103, pack('i', 1000)) or die "no segments: $!";
alarm 20;
send($socket, $sent, 0) == 7500 or die "not sent: $!";
for my $part (unpack '(a1000)*', $sent) {
    my $came;
    recv($socket, $came, 2000, 0);
    $came eq $part or die 'another came back';
    print "came back\n";
}
"#;

#[test]
fn nothing_is_large_for_a_node_of_the_lab() {
    let Some((bed, node)) = shelter(&["perl"]) else { return };
    let file = bed.scratch().join("network.toml");
    fs::write(&file, network("", "")).expect("the scratch directory takes files");
    let file = file.to_str().expect("UTF-8");
    for to in ["192.0.2.6", "2001:db8:0:2::2"] {
        let arguments = ["lab", "run", file, "--fast", "--", "perl", "-e", CUT, to];
        let ran = node.launch(ASKWAY).args(&arguments).limit(Duration::from_secs(60)).run();
        assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
        assert_eq!(ran.stdout().matches("came back").count(), 8, "{}", ran.stdout());
    }
}

/// What a command in a lab said.
fn inside(node: &Node, name: &str, command: &[&str]) -> (Ran, String) {
    let file = scenario(name);
    let file = file.to_str().expect("UTF-8");
    let launch: Launch = node.launch(ASKWAY).args(&["lab", "run", file, "--fast", "--"]);
    let ran = launch.args(command).env("LC_ALL", "C").limit(Duration::from_secs(60)).run();
    let said = format!("{}{}", ran.stdout(), ran.stderr());
    (ran, said)
}

#[test]
fn what_asks_the_way_sees_no_difference() {
    let Some((_bed, node)) = shelter(&["ping", "traceroute", "tracepath", "socat"]) else { return };
    for family in ["-4", "-6"] {
        let (ran, said) = inside(&node, "line", &["ping", family, "-n", "-c", "1", "r3"]);
        assert!(ran.code() == Some(0) && said.contains("ttl=62"), "{said}");
        let (ran, said) = inside(&node, "line", &["ping", family, "-c", "1", "-t", "1", "r3"]);
        assert!(ran.code() == Some(1) && said.contains("From r1"), "{said}");
    }
    for way in [&["-T"][..], &["-U"], &["-I"]] {
        let command = [&["traceroute", "-4", "-n", "-q", "1"][..], way, &["r3"]].concat();
        let (_, said) = inside(&node, "line", &command);
        let hop = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
        let hops: Vec<String> = said.lines().skip(1).filter_map(hop).collect();
        assert_eq!(hops, ["192.0.2.2", "192.0.2.6", "192.0.2.10"], "{said}");
    }
    let (_, said) = inside(&node, "small-mtu", &["tracepath", "-n", "-4", "b"]);
    assert!(said.contains("pmtu 1300"), "{said}");
    for address in ["TCP4:r3:7", "TCP6:r3:7"] {
        let (ran, said) = inside(&node, "line", &["socat", "-u", "OPEN:/etc/hosts", address]);
        assert!(ran.code() == Some(1) && said.contains("Connection refused"), "{said}");
    }
}

#[test]
fn what_is_captured_is_single_packets_and_the_same_stream() {
    let payload = testbed::noise(300_007);
    let mut streams = Vec::new();
    for options in [&[][..], &["--fast"]] {
        let text = network("delay = \"1ms\"", "delay = \"1ms\"");
        let file = captured();
        let file = file.to_str().expect("UTF-8");
        let all = [&["--capture", file][..], options].concat();
        let Some(it) = Between::open(&["socat"], &text, &all) else { return };
        assert!(it.carry(&payload, "-4") == payload);
        it.end();
        streams.push(stream(Path::new(file)));
        fs::remove_file(file).expect("it was written");
    }
    let [slow, fast] = streams.try_into().expect("two");
    assert!(slow.bytes == payload && fast.bytes == payload);
    assert_eq!((slow.headers, slow.largest), (fast.headers, fast.largest));
}

/// Where a capture goes.
fn captured() -> std::path::PathBuf {
    std::env::temp_dir().join(format!("askway-large-{}.pcapng", std::process::id()))
}

/// What a captured transfer from the first node to the last was.
#[derive(Debug)]
struct Stream {
    bytes: Vec<u8>,
    /// What segments with data have besides: hop limit, traffic class, flags, bytes of options.
    headers: Vec<(u8, u8, u16, usize)>,
    largest: usize,
}

/// Reads a capture; every packet in it is as on a wire.
fn stream(path: &Path) -> Stream {
    use wire::ip::{Datagram, protocol};
    use wire::tcp::{Segment, flag, verify};
    let bytes = fs::read(path).expect("it was written");
    let mut stream = Stream { bytes: Vec::new(), headers: Vec::new(), largest: 0 };
    let mut first = None;
    let mut identifications = Vec::new();
    for packet in packets(&bytes) {
        assert!(wire::ip::verify_header(&packet) && packet.len() <= 1_500, "{packet:?}");
        let datagram = Datagram::parse(&packet).expect("a datagram");
        if datagram.protocol != protocol::TCP {
            continue;
        }
        let (from, to) = (datagram.source, datagram.destination);
        assert!(verify(from, to, datagram.payload), "a checksum is wrong");
        let segment = Segment::parse(datagram.payload).expect("a segment");
        // On the first link alone, and towards the server alone.
        if segment.destination_port != 5_000 || datagram.hop_limit != 64 {
            continue;
        }
        if segment.flags & flag::SYN != 0 {
            first = Some(segment.sequence.wrapping_add(1));
            continue;
        }
        if segment.payload.is_empty() {
            continue;
        }
        let at = segment.sequence.wrapping_sub(first.expect("a SYN")) as usize;
        let end = at + segment.payload.len();
        stream.bytes.resize(stream.bytes.len().max(end), 0);
        stream.bytes[at..end].copy_from_slice(segment.payload);
        stream.largest = stream.largest.max(packet.len());
        let flags = segment.flags & !(flag::PSH | flag::FIN);
        let head = (datagram.hop_limit, datagram.traffic_class, flags, segment.options.len());
        if !stream.headers.contains(&head) {
            stream.headers.push(head);
        }
        identifications.push(datagram.identification);
    }
    // One after the other, whoever cut them.
    let follow = |pair: &[u32]| pair[1] == (pair[0] + 1) & 0xffff;
    let strays = identifications.windows(2).filter(|pair| !follow(pair)).count();
    assert!(strays * 10 < identifications.len(), "{strays} of {}", identifications.len());
    stream
}

/// The packets of a capture file.
fn packets(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = wire::pcapng::Reader::default();
    reader.push(bytes);
    let mut packets = Vec::new();
    while let Some(record) = reader.read().expect("a capture") {
        packets.push(record.packet.bytes.to_vec());
    }
    packets
}
