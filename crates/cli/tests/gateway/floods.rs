//! Floods against a gateway with a small table: an established connection goes on. What sends them
//! is this test binary once more, in a namespace.
#![expect(clippy::disallowed_methods, reason = "a process of its own waits for the test's word")]

use super::{between, serve};
use socket2::{Domain, Protocol, Socket, Type};
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;
use testbed::noise;
use testbed::{Launch, Node};
use wire::ip::{Header, protocol};
use wire::tcp::{Segment, flag};

/// Connections that the gateway remembers, and packets of a flood: bounded, and far more.
const LIMIT: &str = "256";
const PACKETS: u16 = 4_000;

/// Holds what the child is to do: words, separated by blanks.
const VARIABLE: &str = "ASKWAY_GATEWAY_TEST";

/// Printed when a connection has carried something.
const READY: &str = "it carries";

/// How long the child waits for the test's word at most.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_flood_of_syns_from_either_side_leaves_a_connection_be() {
    flood("bcp127", "syns");
    flood("linux", "syns");
}

#[test]
fn a_spray_of_datagrams_from_either_side_leaves_a_connection_be() {
    flood("linux", "datagrams");
    flood("full-cone", "datagrams");
}

fn flood(personality: &str, what: &str) {
    let options = ["--personality", personality, "--limit", LIMIT, "--stats", "--json"];
    let Some(it) = between(&["socat"], &options) else { return };
    let server = serve(&it.outside, "TCP4-LISTEN:5000", "EXEC:cat");
    let word = it.bed.scratch().join("word");
    let order = format!("exchange 203.0.113.2:5000 {}", word.display());
    let mut client = child(&it.inside, &order).start();
    client.wait_for_stdout(READY);
    for (node, to) in [(&it.outside, "203.0.113.1:0"), (&it.inside, "203.0.113.2:0")] {
        let ran = child(node, &format!("{what} {to}")).run();
        assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    }
    fs::write(&word, "go on").expect("the scratch directory takes files");
    let ran = client.finish();
    assert_eq!(ran.code(), Some(0), "{personality}: {}{}", ran.stdout(), ran.stderr());
    drop(server.finish());
    let said = it.end();
    let counts = said.lines().last().expect("the counts");
    let counts: serde_json::Value = serde_json::from_str(counts).expect("an object");
    let count = |name: &str| counts[name].as_u64().expect("a number");
    assert!(count("connections") <= 256, "{counts}");
    assert!(count("received_outside") > u64::from(PACKETS) / 8, "the flood came: {counts}");
}

/// This program in a namespace, with an order.
fn child(node: &Node, order: &str) -> Launch {
    let ourselves = std::env::current_exe().expect("this program has a path");
    let launch =
        node.launch(ourselves).args(&["floods::does_as_ordered", "--exact", "--nocapture"]);
    launch.env(VARIABLE, order).limit(PATIENCE)
}

/// Does nothing unless it is a child.
#[test]
fn does_as_ordered() {
    let Ok(order) = std::env::var(VARIABLE) else { return };
    let words: Vec<&str> = order.split_whitespace().collect();
    let to: SocketAddr = words[1].parse().expect("an address and a port");
    match words[0] {
        "exchange" => exchange(to, Path::new(words[2])),
        "syns" => syns(to.ip()),
        _ => datagrams(to.ip()),
    }
}

/// Sends something and gets it back, before a file is there and after.
fn exchange(to: SocketAddr, word: &Path) {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE).expect("it is let through");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    carry(&mut stream);
    println!("{READY}");
    while !word.exists() {
        thread::sleep(Duration::from_millis(5));
    }
    carry(&mut stream);
}

fn carry(stream: &mut TcpStream) {
    let sent = noise(20_000);
    let mut got = vec![0; sent.len()];
    stream.write_all(&sent).expect("the kernel takes it");
    stream.read_exact(&mut got).expect("it comes back");
    assert!(got == sent);
}

/// SYNs to one port from many.
fn syns(to: IpAddr) {
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))).expect("root may");
    let probe = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    probe.connect((to, 9)).expect("there is a way");
    let from = probe.local_addr().expect("it has one").ip();
    for port in 0..PACKETS {
        let segment = Segment {
            source_port: 10_000 + port,
            destination_port: 7_000,
            sequence: u32::from(port),
            acknowledgment: 0,
            flags: flag::SYN,
            window: 1_024,
            urgent: 0,
            options: &[],
            payload: &[],
        };
        let (mut message, mut bytes) = (Vec::new(), Vec::new());
        segment.emit(from, to, &mut message).expect("it fits");
        Header::new(from, to, protocol::TCP).emit(&message, &mut bytes).expect("it fits");
        // What does not leave is no fault of the gateway's.
        let _ = raw.send_to(&bytes, &SocketAddr::new(to, 0).into());
    }
}

/// Datagrams to as many ports.
fn datagrams(to: IpAddr) {
    for first in 0..16 {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
        for port in (0..PACKETS).skip(first).step_by(16) {
            let _ = socket.send_to(b"spray", (to, 10_000 + port));
        }
    }
}
