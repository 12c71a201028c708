//! The other half of each test: this test binary once more, in a namespace, making sockets and
//! holding them until it is killed.
#![expect(
    clippy::disallowed_methods,
    reason = "sockets are held for as long as they are looked at"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Holds what the child is to make: words, separated by blanks.
pub const VARIABLE: &str = "ASKWAY_SOCKETS_TEST";

/// Printed when everything stands.
pub const READY: &str = "the sockets stand";

/// Makes what is ordered, says so, and waits for its end.
pub fn run(orders: &str) {
    let mut held = Held::default();
    for order in orders.split_whitespace() {
        held.make(order);
    }
    println!("{READY}");
    std::thread::sleep(Duration::from_secs(120));
}

/// What must not be closed.
#[derive(Default)]
struct Held {
    listeners: Vec<TcpListener>,
    streams: Vec<TcpStream>,
}

impl Held {
    /// One order: `WHAT=ADDRESS:PORT`, or with a count in front: `close_wait*60=...`.
    fn make(&mut self, order: &str) {
        let (what, at) = order.split_once('=').expect("WHAT=ADDRESS:PORT");
        let (what, count) = match what.split_once('*') {
            Some((what, count)) => (what, count.parse().expect("a count")),
            None => (what, 1),
        };
        let at: SocketAddr = at.parse().expect("an address and a port");
        match what {
            "listen" => self.listeners.push(TcpListener::bind(at).expect("a listener")),
            "full" => self.fill(at, count),
            "ask" => (0..count).for_each(|_| ask(at)),
            _ => {
                let listener = TcpListener::bind(at).expect("a listener");
                let to = listener.local_addr().expect("an address");
                // A listener on all addresses of both families is asked by IPv4.
                let to = match to.ip().is_unspecified() {
                    true => SocketAddr::from(([127, 0, 0, 1], to.port())),
                    false => to,
                };
                for _ in 0..count {
                    let client = TcpStream::connect(to).expect("a connection");
                    let (server, _) = listener.accept().expect("a connection");
                    self.play(what, client, server);
                }
                self.listeners.push(listener);
            }
        }
    }

    /// Brings a connection into the state that is wanted.
    fn play(&mut self, what: &str, mut client: TcpStream, mut server: TcpStream) {
        match what {
            "established" => exchange(&mut client, &mut server),
            "unread" => client.write_all(&[7; 1_000]).expect("room"),
            "zero_window" => stuff(&mut client),
            // The server's data gets lost.
            "lossy" => server.write_all(&[7; 100]).expect("room"),
            "time_wait" => {
                drop(client);
                end(&mut server);
                return;
            }
            "close_wait" => {
                client.shutdown(Shutdown::Write).expect("a connection");
                end(&mut server);
            }
            "orphan" => {
                drop(client);
                end(&mut server);
                return self.streams.push(server);
            }
            // The server's FIN gets lost.
            "fin_wait_1" => {
                drop(server);
                return self.streams.push(client);
            }
            "last_ack" => {
                client.shutdown(Shutdown::Write).expect("a connection");
                end(&mut server);
                drop(server);
                return self.streams.push(client);
            }
            other => panic!("no such play: {other}"),
        }
        self.streams.extend([client, server]);
    }

    /// A listener that nobody accepts from, and more connections than it takes.
    fn fill(&mut self, at: SocketAddr, count: usize) {
        let listener = TcpListener::bind(at).expect("a listener");
        for _ in 0..count {
            let patience = Duration::from_secs(5);
            let stream = TcpStream::connect_timeout(&at, patience).expect("a connection");
            self.streams.push(stream);
        }
        self.listeners.push(listener);
    }
}

/// Asks for a connection that does not come about.
fn ask(at: SocketAddr) {
    std::thread::spawn(move || drop(TcpStream::connect(at)));
}

/// Bytes both ways, all of them read.
fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
    let mut bytes = [0; 3_000];
    for _ in 0..20 {
        client.write_all(&bytes[..500]).expect("room");
        server.read_exact(&mut bytes[..500]).expect("bytes");
        server.write_all(&bytes).expect("room");
        client.read_exact(&mut bytes).expect("bytes");
    }
}

/// Writes until nothing more fits.
fn stuff(client: &mut TcpStream) {
    client.set_nonblocking(true).expect("a socket");
    let chunk = [7; 65_536];
    // What is underway makes room again: full is what stays full.
    let mut refusals = 0;
    while refusals < 20 {
        match client.write(&chunk) {
            Ok(_) => refusals = 0,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads to the end.
fn end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an end");
}
