//! The other halves: this test binary once more. At the far ends of a node's wires it sends frames
//! as they are and tells of those that come; in the node's namespace it makes calls of sockets.

use crate::child::{hex, parse};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Hold the path of the socket of the file system.
pub const FAR_VARIABLE: &str = "ASKWAY_LAB_FAR_TEST";
pub const NEAR_VARIABLE: &str = "ASKWAY_LAB_NEAR_TEST";

/// Set, it has wires 2 and 3 be one: what comes by one of them goes out by the other.
pub const RELAY_VARIABLE: &str = "ASKWAY_LAB_RELAY_TEST";

/// The last byte of the link-layer address of a wire's end at the node: its number, from 1.
pub const OWN: [u8; 5] = [2, 0, 0, 0, 0];

/// Where the first socket is bound, as in the lab; each further one a port further.
const FIRST_PORT: u16 = 32_768;

/// ETH_P_ALL (linux/if_ether.h), as the kernel takes it.
const EVERYTHING: u16 = 3;

const ERRNOS: [(i32, &str); 9] = [
    (1, "EPERM"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (71, "EPROTO"),
    (90, "EMSGSIZE"),
    (92, "ENOPROTOOPT"),
    (101, "ENETUNREACH"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
];

/// Carries frames. A line is the wire's number and digits: an order to send, or what has come.
///
/// # Panics
/// If the system refuses anything.
pub fn carry(path: &str) {
    let everything = Protocol::from(i32::from(EVERYTHING.to_be()));
    let mut socket =
        Socket::new(Domain::PACKET, Type::RAW, Some(everything)).expect("a raw socket");
    socket.set_nonblocking(true).expect("not to wait");
    let listener = UnixListener::bind(path).expect("a place in the file system");
    println!("ready");
    let (visitor, _) = listener.accept().expect("a visitor");
    let mut told = visitor.try_clone().expect("both directions");
    visitor.set_read_timeout(Some(Duration::from_millis(1))).expect("to wait shortly");
    let mut orders = BufReader::new(visitor);
    let mut ends: [Option<SockAddr>; 4] = [const { None }; 4];
    let relays = std::env::var_os(RELAY_VARIABLE).is_some();
    let mut line = String::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match orders.read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => {
                let (wire, frame) = line.trim().split_once(' ').expect("a wire");
                let wire: usize = wire.parse().expect("a number");
                let end = ends[wire - 1].as_ref().expect("something has come from there");
                socket.send_to(&parse(frame), end).expect("it is sent");
                line.clear();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        while let Ok(end) = socket.peek_sender() {
            let count = socket.read(&mut buffer).expect("what was peeked at");
            let frame = &buffer[..count];
            let is_ip = matches!(frame[12..14], [0x08, 0] | [0x86, 0xdd]);
            if frame[6..11] != OWN || !is_ip || !matches!(frame[11], 1..=4) {
                continue;
            }
            // How to reach a device is learned from what comes by it.
            ends[usize::from(frame[11]) - 1] = Some(end);
            let other = if frame[11] == 2 { 3 } else { 2 };
            if relays
                && matches!(frame[11], 2 | 3)
                && let Some(end) = &ends[other - 1]
            {
                let mut frame = frame.to_vec();
                (frame[5], frame[11]) = (other as u8, 0xfe);
                socket.send_to(&frame, end).expect("it is sent");
            }
            writeln!(told, "{} {}", frame[11], hex(&frame[14..])).expect("the visitor listens");
        }
    }
}

/// Makes calls. An order is a line of digits: what is done, a socket, and its arguments.
///
/// # Panics
/// If the system refuses anything but a call.
pub fn call(path: &str) {
    let listener = UnixListener::bind(path).expect("a place in the file system");
    println!("ready");
    let (visitor, _) = listener.accept().expect("a visitor");
    let mut told = visitor.try_clone().expect("both directions");
    let mut sockets: Vec<(UdpSocket, SocketAddr, bool)> = Vec::new();
    for line in BufReader::new(visitor).lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let said = match words.as_slice() {
            ["greet", to] => {
                let socket = UdpSocket::bind("0.0.0.0:0").expect("a free port");
                socket.send_to(&[], to).expect("it is sent");
                String::new()
            }
            ["open", to, how] => {
                let to: SocketAddr = to.parse().expect("an address");
                let own = match to.is_ipv4() {
                    true => [0, 0, 0, 0].into(),
                    false => Ipv6Addr::UNSPECIFIED.into(),
                };
                let port = FIRST_PORT + sockets.len() as u16;
                let socket = UdpSocket::bind(SocketAddr::new(own, port)).expect("a free port");
                socket.set_nonblocking(true).expect("not to wait");
                let is_connected = *how == "connected";
                if is_connected {
                    socket.connect(to).expect("a way");
                }
                sockets.push((socket, to, is_connected));
                String::new()
            }
            ["send", index, bytes] => {
                let (socket, to, is_connected) =
                    &sockets[index.parse::<usize>().expect("a number")];
                let payload = vec![0; bytes.parse().expect("a number")];
                let sent = match is_connected {
                    true => socket.send(&payload),
                    false => socket.send_to(&payload, to),
                };
                sent.map_or_else(|error| errno(&error), |_| "sent".into())
            }
            ["recv", index] => {
                let socket = &sockets[index.parse::<usize>().expect("a number")].0;
                match socket.recv(&mut [0; 65_536]) {
                    Ok(_) => "datagram".into(),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => "nothing".into(),
                    Err(error) => errno(&error),
                }
            }
            _ => panic!("no order: {line}"),
        };
        writeln!(told, "{said}").expect("the visitor listens");
    }
}

fn errno(error: &std::io::Error) -> String {
    let number = error.raw_os_error().expect("of the system");
    let known = ERRNOS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_string())
}
