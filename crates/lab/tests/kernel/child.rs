//! The other half: this test binary once more, in a namespace. It sends datagrams as they are, and
//! tells of those that arrive, over a socket of the file system.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixListener;
use std::time::Duration;

/// Holds the path of the socket.
pub const VARIABLE: &str = "ASKWAY_LAB_KERNEL_TEST";

/// Where fences go: a datagram of UDP that nobody tracks, behind which everything has arrived.
pub const FENCE_PORT: u16 = 65_000;

/// What lets a datagram of ours pass where the kernel's own are dropped.
pub const MARK: u32 = 7;

/// The protocols that are heard.
const HEARD: [i32; 4] = [1, 6, 17, 47];

/// Serves one visitor: lines of hexadecimal digits are sent, those that arrive are told.
///
/// # Panics
/// If the system refuses anything.
pub fn run(path: &str) {
    let raw = |number: i32| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(number)));
        let socket = socket.expect("a raw socket");
        socket.set_nonblocking(true).expect("not to wait");
        socket
    };
    let sender = raw(255);
    sender.set_mark(MARK).expect("a mark");
    let mut ears: Vec<Socket> = HEARD.map(raw).into_iter().collect();
    let listener = UnixListener::bind(path).expect("a place in the file system");
    println!("ready");
    let (visitor, _) = listener.accept().expect("a visitor");
    let mut told = visitor.try_clone().expect("both directions");
    visitor.set_read_timeout(Some(Duration::from_millis(1))).expect("to wait shortly");
    let mut orders = BufReader::new(visitor);
    let mut line = String::new();
    loop {
        match orders.read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => {
                send(&sender, &parse(line.trim()));
                line.clear();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        hear(&mut ears, &mut told);
    }
}

fn send(sender: &Socket, datagram: &[u8]) {
    let to = Ipv4Addr::new(datagram[16], datagram[17], datagram[18], datagram[19]);
    let to = SockAddr::from(SocketAddrV4::new(to, 0));
    sender.send_to(datagram, &to).expect("it is sent");
}

/// Tells of all that has arrived; fences last, since what is before them has arrived too.
fn hear(ears: &mut [Socket], told: &mut impl Write) {
    let mut fences = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let known = fences.len();
        for ear in ears.iter_mut() {
            while let Ok(count) = ear.read(&mut buffer) {
                let datagram = &buffer[..count];
                let port = datagram.get(22..24).map(|port| u16::from_be_bytes([port[0], port[1]]));
                if datagram[9] == 17 && port == Some(FENCE_PORT) {
                    fences.push(datagram.to_vec());
                } else {
                    tell(told, datagram);
                }
            }
        }
        // What was before a fence may have been looked for before that came.
        if fences.len() == known {
            break;
        }
    }
    fences.iter().for_each(|fence| tell(told, fence));
}

fn tell(told: &mut impl Write, datagram: &[u8]) {
    writeln!(told, "{}", hex(datagram)).expect("the visitor listens");
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn parse(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().as_chunks::<2>().0.iter();
    let byte = |pair: &[u8; 2]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("digits")
    };
    pairs.map(byte).collect()
}
