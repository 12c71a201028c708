//! The network of the goldens, and what is made to happen in it.
//!
//! host 192.0.2.1 -- router 192.0.2.254, 198.51.100.254 -- target 198.51.100.1, likewise in IPv6,
//! where networks are 2001:db8:1::/64 and 2001:db8:2::/64. The second link takes 1,300 bytes.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;
use testbed::{Bed, Node};
use wire::icmp::{Echo, ExtendedRequest, Message, Timestamp, fill_checksum};
use wire::ip::{Datagram, Header, options, protocol};
use wire::{Family, ext, tcp};

const HOST_V4: &str = "192.0.2.1";
const HOST_V6: &str = "2001:db8:1::1";
const ROUTER_V4: &str = "192.0.2.254";
const TARGET_V4: &str = "198.51.100.1";
const TARGET_V6: &str = "2001:db8:2::1";

/// The namespaces.
pub struct Net {
    bed: Bed,
    host: Node,
    router: Node,
    target: Node,
    bridge: Node,
    leaf: Node,
}

impl Net {
    /// Builds the network.
    pub fn new() -> Net {
        let mut bed = Bed::new();
        testbed::require(&["tcpdump", "ethtool", "ping", "bash", "radvd"]);
        let [host, router, target, bridge, leaf] =
            ["host", "router", "target", "bridge", "leaf"].map(|name| bed.node(name));
        bed.link((&host, "eth0"), (&router, "eth0"));
        bed.link((&router, "eth1"), (&target, "eth0"));
        bed.link((&bridge, "eth0"), (&leaf, "eth0"));
        let ends = [(&host, "eth0", 1), (&router, "eth0", 0xfe), (&router, "eth1", 0xff)];
        for (node, interface, last) in
            ends.into_iter().chain([(&target, "eth0", 2), (&bridge, "eth0", 3), (&leaf, "eth0", 4)])
        {
            node.ip(&["link", "set", interface, "down"]);
            node.ip(&["link", "set", interface, "address", &format!("02:00:00:00:00:{last:02x}")]);
            node.ip(&["link", "set", interface, "up"]);
            let ran =
                node.run("ethtool", &["-K", interface, "tx", "off", "tso", "off", "gso", "off"]);
            assert!(ran.code() == Some(0), "ethtool: {}", ran.stderr());
        }
        router.forward();
        let net = Net { bed, host, router, target, bridge, leaf };
        net.number();
        net
    }

    /// Addresses, routes and what else the kernels are told.
    fn number(&self) {
        self.addresses();
        self.router.address("eth0", "192.0.2.254/24");
        self.router.address("eth0", "2001:db8:1::fe/64");
        self.router.address("eth1", "198.51.100.254/24");
        self.router.address("eth1", "2001:db8:2::fe/64");
        self.target.address("eth0", "198.51.100.1/24");
        self.target.address("eth0", "2001:db8:2::1/64");
        self.target.route("default", "198.51.100.254");
        self.target.route("default", "2001:db8:2::fe");
        self.router.mtu("eth1", 1300);
        self.target.mtu("eth0", 1300);
        self.router.refuse("prohibit", "203.0.113.64/26");
        self.router.refuse("prohibit", "2001:db8:4::/64");
        self.router.route("203.0.113.128/25", "192.0.2.3");
        // Linux redirects to link-local addresses only (RFC 4861 §4.5).
        self.router.ip(&["route", "add", "2001:db8:3::/64", "via", "fe80::3", "dev", "eth0"]);
        for node in [&self.router, &self.target] {
            node.unlimited_errors();
            node.sysctls(&[
                ("net/ipv4/conf/all/accept_source_route", "1"),
                ("net/ipv4/conf/eth0/accept_source_route", "1"),
            ]);
        }
        self.target.sysctls(&[
            ("net/ipv4/icmp_echo_enable_probe", "1"),
            ("net/ipv4/ipfrag_time", "1"),
            ("net/ipv6/ip6frag_time", "1"),
        ]);
    }

    /// The host's addresses and routes, which go when its interface does.
    fn addresses(&self) {
        self.host.address("eth0", "192.0.2.1/24");
        self.host.address("eth0", "2001:db8:1::1/64");
        self.host.route("default", ROUTER_V4);
        self.host.route("default", "2001:db8:1::fe");
    }

    /// A directory for captures.
    pub fn scratch(&self) -> &Path {
        self.bed.scratch()
    }

    /// Runs ping at the host, once; it may fail.
    fn ping(&self, arguments: &[&str]) {
        self.host.run("ping", &[&["-n", "-c", "1", "-W", "1"][..], arguments].concat());
    }

    /// Plays a part of our own at a node.
    fn play(&self, node: &Node, part: &[&str]) {
        let program = std::env::current_exe().expect("the program that runs has a path");
        let ran = node.run(program, &[&["capture", "play"][..], part].concat());
        assert!(ran.code() == Some(0), "{}", ran.stderr());
    }

    fn datagram(&self, destination: &str, header: &Header, payload: &[u8]) {
        let mut bytes = Vec::new();
        header.emit(payload, &mut bytes).expect("the scenes' headers are sound");
        self.play(&self.host, &["datagram", destination, &hex(&bytes)]);
    }

    fn message(&self, destination: &str, number: u8, bytes: &[u8]) {
        self.play(&self.host, &["message", destination, &number.to_string(), &hex(bytes)]);
    }

    /// Has the shell write to a port, which opens and closes a connection in TCP.
    fn write_to(&self, kind: &str, address: &str, port: u16) {
        let script = format!("echo hello > /dev/{kind}/{address}/{port}");
        self.host.run("bash", &["-c", &script]);
    }

    fn forget_neighbours(&self) {
        self.host.ip(&["neigh", "flush", "dev", "eth0"]);
        self.router.ip(&["neigh", "flush", "dev", "eth0"]);
    }
}

/// What radvd is told to advertise.
const RADVD: &str = "
interface eth0 {
    AdvSendAdvert on;
    AdvManagedFlag on;
    AdvDefaultPreference high;
    AdvLinkMTU 1400;
    prefix 2001:db8:1::/64 { AdvAutonomous off; };
    route 2001:db8:77::/48 { AdvRoutePreference low; AdvRouteLifetime 600; };
    RDNSS 2001:db8::53 2001:db8::54 { AdvRDNSSLifetime 900; };
    DNSSL lab.example example.net { AdvDNSSLLifetime 901; };
};
";

/// Has the router run radvd, which advertises as soon as it starts.
fn advertise(net: &Net) {
    let [settings, pid] = ["radvd.conf", "radvd.pid"].map(|name| net.scratch().join(name));
    std::fs::write(&settings, RADVD).expect("the scratch directory takes it");
    let [settings, pid] = [settings, pid].map(|path| path.display().to_string());
    let arguments = ["-n", "-m", "stderr", "-C", &settings, "-p", &pid];
    net.router.launch("radvd").args(&arguments).limit(Duration::from_secs(2)).run();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which packet a name stands for.
pub enum Pick {
    /// An ICMP message: protocol, type, code.
    Icmp(u8, u8, u8),
    /// A TCP segment to or from a port with exactly these flags.
    Tcp(u16, u16),
    /// A UDP message to a port, of IP version 4 or 6.
    Udp(u16, u8),
    /// A fragment of IP version 4 or 6: the first, or the last.
    Fragment(u8, bool),
    /// Any datagram of a protocol.
    Protocol(u8),
    /// An ARP packet of an operation.
    Arp(u8),
}

impl Pick {
    /// Whether a packet is one of those meant.
    pub fn fits(&self, packet: &[u8]) -> bool {
        if let Pick::Arp(operation) = self {
            return packet.starts_with(&[0, 1, 8, 0, 6, 4, 0, *operation]);
        }
        let Ok(datagram) = Datagram::parse(packet) else { return false };
        let version = packet[0] >> 4;
        let whole = datagram.fragment.is_none();
        match *self {
            Pick::Icmp(number, kind, code) => {
                whole && datagram.protocol == number && datagram.payload.starts_with(&[kind, code])
            }
            Pick::Tcp(port, flags) => {
                let segment = tcp::Segment::parse(datagram.payload);
                datagram.protocol == protocol::TCP
                    && segment.is_ok_and(|s| {
                        s.flags == flags && [s.source_port, s.destination_port].contains(&port)
                    })
            }
            Pick::Udp(port, wanted) => {
                let ports = datagram.payload.get(2..4);
                whole
                    && version == wanted
                    && datagram.protocol == protocol::UDP
                    && ports == Some(&port.to_be_bytes())
            }
            Pick::Fragment(wanted, first) => {
                let is_first = |f: wire::ip::Fragment| (f.offset_bytes == 0, f.more);
                let found = datagram.fragment.map(is_first);
                version == wanted && found == Some((first, first))
            }
            Pick::Protocol(number) => datagram.protocol == number,
            Pick::Arp(_) => false,
        }
    }
}

/// Something that is made to happen, and the packets that it should make.
pub struct Scene {
    /// Names and packets.
    pub wanted: &'static [(&'static str, Pick)],
    /// On whose `eth0` they pass.
    pub at: fn(&Net) -> &Node,
    /// Makes it happen.
    pub act: fn(&Net),
}

const fn scene(wanted: &'static [(&'static str, Pick)], act: fn(&Net)) -> Scene {
    Scene { wanted, at: |net| &net.host, act }
}

use Pick::{Arp, Fragment, Icmp, Protocol, Tcp, Udp};

/// Every scene. Those that take the host's interface down are the last.
pub const SCENES: &[Scene] = &[
    scene(&[("echo-request-v4", Icmp(1, 8, 0)), ("echo-reply-v4", Icmp(1, 0, 0))], |net| {
        net.ping(&[TARGET_V4]);
    }),
    scene(&[("echo-request-v6", Icmp(58, 128, 0)), ("echo-reply-v6", Icmp(58, 129, 0))], |net| {
        net.ping(&[TARGET_V6]);
    }),
    scene(&[("echo-request-class-v4", Icmp(1, 8, 0))], |net| {
        net.ping(&["-Q", "0xb8", "-t", "17", "-s", "5", TARGET_V4]);
    }),
    scene(&[("echo-request-class-v6", Icmp(58, 128, 0))], |net| {
        net.ping(&["-Q", "0xb8", "-t", "17", "-s", "5", "-F", "0x12345", TARGET_V6]);
    }),
    scene(
        &[("echo-request-record-route", Icmp(1, 8, 0)), ("echo-reply-record-route", Icmp(1, 0, 0))],
        |net| net.ping(&["-R", TARGET_V4]),
    ),
    scene(&[("echo-reply-times", Icmp(1, 0, 0))], |net| net.ping(&["-T", "tsonly", TARGET_V4])),
    scene(
        &[
            ("echo-request-times-with-addresses", Icmp(1, 8, 0)),
            ("echo-reply-times-with-addresses", Icmp(1, 0, 0)),
        ],
        |net| net.ping(&["-T", "tsandaddr", TARGET_V4]),
    ),
    scene(&[("echo-reply-times-prespecified", Icmp(1, 0, 0))], |net| {
        net.ping(&["-T", "tsprespec", ROUTER_V4, "192.0.2.77", TARGET_V4]);
    }),
    scene(&[("echo-reply-times-overflow", Icmp(1, 0, 0))], |net| {
        let options = options::timestamp(options::TimestampForm::TimeOnly, 1);
        echo_with(net, TARGET_V4, options.expect("one entry fits"));
    }),
    scene(
        &[
            ("echo-request-loose-source-route", Icmp(1, 8, 0)),
            ("echo-reply-loose-source-route", Icmp(1, 0, 0)),
        ],
        |net| {
            let options = options::loose_source_route(&[Ipv4Addr::new(198, 51, 100, 1)]);
            echo_with(net, ROUTER_V4, options.expect("one address fits"));
        },
    ),
    scene(&[("source-route-failed", Icmp(1, 3, 5))], |net| {
        let beyond = Ipv4Addr::new(203, 0, 113, 200);
        let options = options::strict_source_route(&[beyond]);
        echo_with(net, ROUTER_V4, options.expect("one address fits"));
    }),
    scene(&[("parameter-problem-v4", Icmp(1, 12, 0))], |net| {
        echo_with(net, TARGET_V4, vec![7, 7, 3, 0, 0, 0, 0, 0]);
    }),
    scene(&[("timestamp-request", Icmp(1, 13, 0)), ("timestamp-reply", Icmp(1, 14, 0))], |net| {
        let (identifier, sequence) = (0x4157, 1);
        let stamp =
            Timestamp { identifier, sequence, originate: 43_200_000, receive: 0, transmit: 0 };
        net.message(TARGET_V4, 1, &message(TARGET_V4, &Message::TimestampRequest(stamp)));
    }),
    scene(
        &[("extended-echo-request-v4", Icmp(1, 42, 0)), ("extended-echo-reply-v4", Icmp(1, 43, 0))],
        |net| extended(net, TARGET_V4),
    ),
    scene(
        &[
            ("extended-echo-request-v6", Icmp(58, 160, 0)),
            ("extended-echo-reply-v6", Icmp(58, 161, 0)),
        ],
        |net| extended(net, TARGET_V6),
    ),
    scene(&[("udp-v4", Udp(33_434, 4)), ("port-unreachable-v4", Icmp(1, 3, 3))], |net| {
        net.write_to("udp", TARGET_V4, 33_434)
    }),
    scene(&[("udp-v6", Udp(33_434, 6)), ("port-unreachable-v6", Icmp(58, 1, 4))], |net| {
        net.write_to("udp", TARGET_V6, 33_434)
    }),
    scene(&[("router-advertisement-radvd", Icmp(58, 134, 0))], advertise),
    scene(&[("host-unreachable-v4", Icmp(1, 3, 1))], |net| net.ping(&["198.51.100.77"])),
    scene(&[("host-unreachable-v6", Icmp(58, 1, 3))], |net| net.ping(&["2001:db8:2::77"])),
    scene(&[("network-unreachable-v4", Icmp(1, 3, 0))], |net| net.ping(&["203.0.113.1"])),
    scene(&[("network-unreachable-v6", Icmp(58, 1, 0))], |net| net.ping(&["2001:db8:9::1"])),
    scene(&[("prohibited-v4", Icmp(1, 3, 13))], |net| net.ping(&["203.0.113.65"])),
    scene(&[("prohibited-v6", Icmp(58, 1, 1))], |net| net.ping(&["2001:db8:4::1"])),
    scene(
        &[("protocol-unreachable-v4", Icmp(1, 3, 2)), ("protocol-253-v4", Protocol(253))],
        |net| {
            net.message(TARGET_V4, 253, b"experimental");
        },
    ),
    scene(&[("next-header-unknown-v6", Icmp(58, 4, 1))], |net| {
        net.message(TARGET_V6, 253, b"experimental");
    }),
    scene(&[("option-unknown-v6", Icmp(58, 4, 2))], |net| {
        net.message(TARGET_V6, protocol::DESTINATION_OPTIONS, &[59, 0, 0x9e, 4, 1, 2, 3, 4]);
    }),
    scene(
        &[
            ("echo-request-destination-options-v6", Protocol(58)),
            ("echo-reply-to-destination-options-v6", Icmp(58, 129, 0)),
        ],
        |net| {
            let mut bytes = vec![protocol::ICMPV6, 0, 1, 4, 0, 0, 0, 0];
            bytes.extend_from_slice(&echo(TARGET_V6));
            net.message(TARGET_V6, protocol::DESTINATION_OPTIONS, &bytes);
        },
    ),
    scene(&[("time-exceeded-v4", Icmp(1, 11, 0))], |net| net.ping(&["-t", "1", TARGET_V4])),
    scene(&[("time-exceeded-v6", Icmp(58, 3, 0))], |net| net.ping(&["-t", "1", TARGET_V6])),
    scene(&[("fragmentation-needed-v4", Icmp(1, 3, 4))], |net| {
        net.host.ip(&["-4", "route", "flush", "cache"]);
        net.ping(&["-M", "do", "-s", "1400", TARGET_V4]);
    }),
    scene(&[("packet-too-big-v6", Icmp(58, 2, 0))], |net| {
        net.host.ip(&["-6", "route", "flush", "cache"]);
        net.ping(&["-M", "do", "-s", "1400", TARGET_V6]);
    }),
    scene(
        &[("fragment-first-v4", Fragment(4, true)), ("fragment-last-v4", Fragment(4, false))],
        |net| net.ping(&["-s", "1500", TARGET_V4]),
    ),
    scene(
        &[("fragment-first-v6", Fragment(6, true)), ("fragment-last-v6", Fragment(6, false))],
        |net| net.ping(&["-s", "1500", TARGET_V6]),
    ),
    scene(&[("reassembly-time-exceeded-v4", Icmp(1, 11, 1))], |net| {
        let mut header = header(TARGET_V4);
        let identification = 0x4157;
        header.fragment = Some(wire::ip::Fragment { identification, offset_bytes: 0, more: true });
        net.datagram(TARGET_V4, &header, &echo(TARGET_V4)[..16]);
    }),
    scene(&[("reassembly-time-exceeded-v6", Icmp(58, 3, 1))], |net| {
        let mut bytes = vec![protocol::ICMPV6, 0, 0, 1, 0, 0, 0x41, 0x57];
        bytes.extend_from_slice(&echo(TARGET_V6)[..16]);
        net.message(TARGET_V6, protocol::FRAGMENT, &bytes);
    }),
    scene(&[("redirect-v4", Icmp(1, 5, 1))], |net| net.ping(&["203.0.113.129"])),
    scene(&[("redirect-v6", Icmp(58, 137, 0))], |net| net.ping(&["2001:db8:3::9"])),
    scene(&[("tcp-syn-v4", Tcp(81, tcp::flag::SYN)), ("tcp-reset-v4", Tcp(81, 0x14))], |net| {
        net.write_to("tcp", TARGET_V4, 81);
    }),
    scene(&[("tcp-syn-v6", Tcp(81, tcp::flag::SYN)), ("tcp-reset-v6", Tcp(81, 0x14))], |net| {
        net.write_to("tcp", TARGET_V6, 81);
    }),
    scene(
        &[
            ("tcp-syn-ack-v4", Tcp(80, 0x12)),
            ("tcp-data-v4", Tcp(80, 0x18)),
            ("tcp-fin-v4", Tcp(80, 0x11)),
        ],
        |net| connect(net, TARGET_V4),
    ),
    scene(&[("tcp-syn-ack-v6", Tcp(80, 0x12))], |net| connect(net, TARGET_V6)),
    scene(&[("arp-request", Arp(1)), ("arp-reply", Arp(2))], |net| {
        net.forget_neighbours();
        net.ping(&[TARGET_V4]);
    }),
    scene(
        &[
            ("neighbour-solicitation", Icmp(58, 135, 0)),
            ("neighbour-advertisement", Icmp(58, 136, 0)),
        ],
        |net| {
            net.forget_neighbours();
            net.ping(&[TARGET_V6]);
        },
    ),
    scene(&[("node-query-name", Icmp(58, 139, 0))], |net| net.ping(&["-N", "name", TARGET_V6])),
    scene(&[("node-query-addresses", Icmp(58, 139, 0))], |net| {
        net.ping(&["-N", "ipv6-all", TARGET_V6]);
    }),
    Scene {
        wanted: &[
            ("listener-query-v2", Icmp(58, 130, 0)),
            ("igmp-query-router-alert", Protocol(2)),
        ],
        at: |net| &net.leaf,
        act: |net| bridge(net, "2"),
    },
    Scene {
        wanted: &[("listener-query-v1", Icmp(58, 130, 0))],
        at: |net| &net.leaf,
        act: |net| bridge(net, "1"),
    },
    scene(
        &[("router-solicitation-v6", Icmp(58, 133, 0)), ("listener-reports-v2", Icmp(58, 143, 0))],
        |net| bounce(net, "0"),
    ),
    scene(
        &[("listener-report-v1", Icmp(58, 131, 0)), ("listener-done-v1", Icmp(58, 132, 0))],
        |net| {
            bounce(net, "1");
            net.host.ip(&["address", "add", "2001:db8:1::5/64", "dev", "eth0", "nodad"]);
            net.host.ip(&["address", "del", "2001:db8:1::5/64", "dev", "eth0"]);
        },
    ),
];

fn address(text: &str) -> IpAddr {
    text.parse().expect("the scenes' addresses are written out")
}

fn header(destination: &str) -> Header {
    Header::new(address(HOST_V4), address(destination), protocol::ICMP)
}

/// A message to a destination, checksum included.
fn message(destination: &str, message: &Message<'_>) -> Vec<u8> {
    let to = address(destination);
    let from = if to.is_ipv4() { HOST_V4 } else { HOST_V6 };
    let mut bytes = Vec::new();
    message.emit(Family::of(to), &mut bytes);
    fill_checksum(address(from), to, &mut bytes);
    bytes
}

fn echo(destination: &str) -> Vec<u8> {
    let echo = Echo { identifier: 0x4157, sequence: 1, payload: b"a stone down the road" };
    message(destination, &Message::EchoRequest(echo))
}

/// Sends an echo request with options of our own.
fn echo_with(net: &Net, destination: &str, options: Vec<u8>) {
    let header = Header { options, ..header(destination) };
    net.datagram(destination, &header, &echo(destination));
}

/// Asks after the target's interface by its name.
fn extended(net: &Net, destination: &str) {
    let mut object = Vec::new();
    let named = ext::Object { class: 3, kind: 1, body: b"eth0" };
    named.emit(&mut object).expect("a name of 4 bytes fits");
    let mut extension = Vec::new();
    ext::Structure { has_checksum: true, bytes: &object }.emit(&mut extension);
    let request =
        ExtendedRequest { identifier: 0x4157, sequence: 1, is_local: true, extension: &extension };
    let request = Message::ExtendedEchoRequest(request);
    let number = if address(destination).is_ipv4() { protocol::ICMP } else { protocol::ICMPV6 };
    net.message(destination, number, &message(destination, &request));
}

/// A connection to port 80 of the target, with a few bytes one way.
fn connect(net: &Net, destination: &str) {
    let program = std::env::current_exe().expect("the program that runs has a path");
    let listen = std::net::SocketAddr::new(address(destination), 80).to_string();
    let mut server =
        net.target.launch(program).args(&["capture", "play", "listen", &listen]).start();
    server.wait_for_stdout("ready");
    net.write_to("tcp", destination, 80);
    server.finish();
}

/// Makes the bridge ask its links who listens.
fn bridge(net: &Net, version: &str) {
    let make = ["link", "add", "br0", "type", "bridge", "mcast_snooping", "1"];
    // A bridge's first query comes before it has an address to ask from; ask again after a second.
    let ask = ["mcast_querier", "1", "mcast_startup_query_interval", "100"];
    net.bridge.ip(&[&make[..], &ask, &["mcast_mld_version", version]].concat());
    net.bridge.ip(&["link", "set", "eth0", "master", "br0"]);
    net.bridge.ip(&["link", "set", "br0", "up"]);
    net.leaf.run("sleep", &["3"]);
    net.bridge.ip(&["link", "delete", "br0"]);
}

/// Takes the host's interface down and up, so that it looks for routers and tells its groups.
fn bounce(net: &Net, listener_version: &str) {
    net.host.sysctls(&[
        ("net/ipv6/conf/eth0/router_solicitations", "3"),
        ("net/ipv6/conf/eth0/router_solicitation_delay", "0"),
        ("net/ipv6/conf/eth0/force_mld_version", listener_version),
    ]);
    net.host.ip(&["link", "set", "eth0", "down"]);
    net.host.ip(&["address", "flush", "dev", "eth0"]);
    net.host.ip(&["link", "set", "eth0", "up"]);
    net.addresses();
}
