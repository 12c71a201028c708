//! Parts that this program plays itself inside a namespace, where no common tool does.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Plays one part.
///
/// # Errors
/// If the system refuses, or there is no such part.
pub fn run(part: &[&str]) -> Result<(), String> {
    let played = match part {
        ["datagram", destination, hex] => datagram(destination, hex),
        ["message", destination, protocol, hex] => message(destination, protocol, hex),
        ["listen", address] => listen(address),
        _ => return Err(format!("nobody plays {}", part.join(" "))),
    };
    played.map_err(|e| format!("{}: {e}", part.join(" ")))
}

type Played = Result<(), Box<dyn std::error::Error>>;

/// Sends a whole IPv4 datagram, header included.
fn datagram(destination: &str, hex: &str) -> Played {
    let socket = Socket::new_raw(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
    socket.set_header_included_v4(true)?;
    send(&socket, destination, hex)
}

/// Sends a transport message; the kernel writes the IP header, and the checksum of ICMPv6.
fn message(destination: &str, protocol: &str, hex: &str) -> Played {
    let domain = Domain::for_address(SocketAddr::new(destination.parse()?, 0));
    let socket =
        Socket::new_raw(domain, Type::RAW, Some(Protocol::from(protocol.parse::<i32>()?)))?;
    send(&socket, destination, hex)
}

fn send(socket: &Socket, destination: &str, hex: &str) -> Played {
    let destination: IpAddr = destination.parse()?;
    let bytes: Result<Vec<u8>, _> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16)).collect();
    socket.send_to(&bytes?, &SockAddr::from(SocketAddr::new(destination, 0)))?;
    Ok(())
}

/// Accepts one TCP connection and reads what comes. Anything said back, and not read before the
/// other side closes, would make it end with a reset.
fn listen(address: &str) -> Played {
    let listener = TcpListener::bind(address)?;
    println!("ready");
    let (mut stream, _) = listener.accept()?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
