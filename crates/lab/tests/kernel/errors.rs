//! ICMP errors about datagrams of UDP: what a socket of the kernel hears of each type and code, and
//! what one of the lab does.

use crate::child::{hex, parse};
use crate::worlds::{Wire, datagram, message};
use lab::{SocketEvent, World};
use probe::Time;
use socket2::{Domain, Socket, Type};
use std::io::{BufRead, BufReader, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixListener;
use testbed::Bed;
use wire::Family;
use wire::icmp::{self, Message};
use wire::ip::protocol;

/// Holds the path of the listener's socket of the file system.
pub const VARIABLE: &str = "ASKWAY_LAB_LISTENER_TEST";

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PORTS: (u16, u16) = (41_000, 9);

/// Orders to the listener: open a socket, or tell what its next call to receive says.
const OPEN_FREE: u8 = 0;
const OPEN_CONNECTED: u8 = 1;
const RECEIVE: u8 = 2;

/// Errnos of Linux, and their names.
const ERRNOS: [(i32, &str); 9] = [
    (0, "-"),
    (64, "ENONET"),
    (71, "EPROTO"),
    (90, "EMSGSIZE"),
    (92, "ENOPROTOOPT"),
    (101, "ENETUNREACH"),
    (111, "ECONNREFUSED"),
    (112, "EHOSTDOWN"),
    (113, "EHOSTUNREACH"),
];

/// Opens sockets, sends one datagram from each, and tells what they hear: 0 for a datagram, or an
/// errno.
///
/// # Panics
/// If the system refuses anything.
pub fn listen(path: &str) {
    let listener = UnixListener::bind(path).expect("a place in the file system");
    println!("ready");
    let (visitor, _) = listener.accept().expect("a visitor");
    let mut told = visitor.try_clone().expect("both directions");
    let own = SocketAddrV4::new(HOST, PORTS.0).into();
    let peer = SocketAddrV4::new(PEER, PORTS.1).into();
    let mut socket = None;
    for line in BufReader::new(visitor).lines().map_while(Result::ok) {
        let said = match parse(&line)[0] {
            RECEIVE => {
                let open: Socket = socket.take().expect("it is open");
                let error = open.recv(&mut [MaybeUninit::uninit(); 64]).err();
                error.map_or(0, |error| error.raw_os_error().expect("of the system"))
            }
            how => {
                let open = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
                open.bind(&own).expect("a free port");
                if how == OPEN_CONNECTED {
                    open.connect(&peer).expect("a way");
                    open.send(b"x").expect("it is sent");
                } else {
                    open.send_to(b"x", &peer).expect("it is sent");
                }
                socket = Some(open);
                0
            }
        };
        let said = u8::try_from(said).expect("a small number");
        writeln!(told, "{}", hex(&[said])).expect("the visitor listens");
    }
}

/// What a socket of the kernel hears of an error: a datagram comes behind it in any case.
fn kernel_hears(host: &mut Wire, peer: &mut Wire, how: u8, (kind, code): (u8, u8)) -> &'static str {
    host.send(&[how]);
    host.hear();
    let quote = message((HOST, PORTS.0), (PEER, PORTS.1));
    let word = if kind == 5 { PEER.to_bits() + 1 } else { 0 };
    let meaning = icmp::Meaning::of(Family::V4, kind, code);
    let error = icmp::Error { meaning, kind, code, word, body: &quote };
    let mut bytes = Vec::new();
    Message::Error(error).emit(Family::V4, &mut bytes);
    peer.send(&datagram(PEER, HOST, protocol::ICMP, &bytes));
    peer.send(&message((PEER, PORTS.1), (HOST, PORTS.0)));
    host.send(&[RECEIVE]);
    let errno = host.hear()[0];
    let known = ERRNOS.iter().find(|(number, _)| *number == i32::from(errno));
    known.expect("a known errno").1
}

/// What a socket of the lab hears of it.
fn lab_hears(is_connected: bool, (kind, code): (u8, u8)) -> &'static str {
    let text = format!(
        r#"
        [host]
        a = {{}}
        b = {{}}
        [router]
        r = {{ refuses = {{ kind = {kind}, code = {code} }} }}
        [[link]]
        ends = ["a", "r"]
        [[link]]
        ends = ["r", "b"]
        [[traffic]]
        from = "a"
        to = "b"
        udp = 9
        families = ["v4"]
        connected = {is_connected}
        "#
    );
    let mut world = World::load(&text, "test", None).expect("a scenario");
    world.advance(Time(1_000_000_000));
    let socket = world.sockets().next().expect("a socket");
    match socket.events.last() {
        Some((_, SocketEvent::Failed { errno, .. })) => errno.name(),
        Some((_, SocketEvent::Deaf { .. })) => "-",
        other => panic!("{other:?}"),
    }
}

#[test]
fn sockets_hear_what_the_kernels_do() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let [host, peer] = ["host", "peer"].map(|name| bed.node(name));
    bed.link((&host, "h0"), (&peer, "p0"));
    host.address("h0", "192.0.2.1/24");
    peer.address("p0", "192.0.2.2/24");
    // What the peer's own kernel would answer.
    peer.nft(
        "table ip t {\n chain o {\n type filter hook output priority 0\n \
         ip protocol { icmp, udp } meta mark != 7 drop\n }\n}\n",
    );
    let mut peer = Wire::new(&bed, &peer, "peer");
    let mut host = Wire::to(&bed, &host, "host", ("listener", VARIABLE));
    let codes = |kind: u8, count: u8| (0..count).map(move |code| (kind, code));
    let all = codes(3, 17).chain(codes(4, 1)).chain(codes(5, 4)).chain(codes(11, 2));
    for numbers in all.chain(codes(12, 3)) {
        for how in [OPEN_FREE, OPEN_CONNECTED] {
            let heard = kernel_hears(&mut host, &mut peer, how, numbers);
            let ours = lab_hears(how == OPEN_CONNECTED, numbers);
            assert_eq!(ours, heard, "{numbers:?}, connected: {}", how == OPEN_CONNECTED);
        }
    }
}
