//! The parts that this test binary plays in namespaces: agents for address masks, and routers that
//! advertise themselves, rightly or not.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use wire::Family;
use wire::icmp::router::{Addresses, Advertisement, Offer};
use wire::icmp::{Mask, Message};
use wire::ip::Datagram;

/// Holds what is to be played.
pub const VARIABLE: &str = "ASKWAY_SEGMENT_TEST";

/// Plays what the variable says: `agent OWN MASK HOW`, where HOW is `unicast`, a broadcast address,
/// or so many bytes; `router OWN`; `announce4 OWN`; `announce6 INTERFACE HOP_LIMIT`.
pub fn play() {
    let Ok(orders) = std::env::var(VARIABLE) else { return };
    let words: Vec<&str> = orders.split(' ').collect();
    match words[..] {
        ["agent", own, mask, how] => agent(v4(own), v4(mask), how),
        ["router", own] => router(v4(own)),
        ["announce4", own] => announce_v4(&icmp_v4(), v4(own), EVERYBODY),
        ["announce6", index, hop_limit] => {
            announce_v6(index.parse().expect("a number"), hop_limit.parse().expect("a number"));
        }
        _ => panic!("nobody plays {orders}"),
    }
}

const EVERYBODY: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

fn v4(text: &str) -> Ipv4Addr {
    text.parse().expect("an address")
}

fn icmp_v4() -> Socket {
    let socket = Socket::new_raw(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4));
    let socket = socket.expect("root may");
    socket.set_broadcast(true).expect("it may broadcast");
    socket
}

/// Reads what comes until the test ends this process.
fn each(mut socket: &Socket, mut take: impl FnMut(&Datagram<'_>, &Message<'_>)) {
    println!("ready");
    let mut bytes = [0; 2_048];
    loop {
        let length = socket.read(&mut bytes).expect("a raw socket goes on");
        let Ok(datagram) = Datagram::parse(&bytes[..length]) else { continue };
        if let Ok(message) = Message::parse(Family::V4, datagram.payload) {
            take(&datagram, &message);
        }
    }
}

fn send(socket: &Socket, to: IpAddr, bytes: &[u8]) {
    let to = SockAddr::from(SocketAddr::new(to, 0));
    socket.send_to(bytes, &to).expect("it leaves");
}

fn agent(own: Ipv4Addr, mask: Ipv4Addr, how: &str) {
    let socket = icmp_v4();
    let sender = icmp_v4();
    sender.bind(&SockAddr::from(SocketAddr::new(own.into(), 0))).expect("the address is here");
    each(&socket, |datagram, message| {
        let Message::MaskRequest(asked) = message else { return };
        let mut bytes = Vec::new();
        Message::MaskReply(Mask { mask, ..*asked }).emit(Family::V4, &mut bytes);
        let (to, length) = match (how.parse::<Ipv4Addr>(), how.parse::<usize>()) {
            (Ok(broadcast), _) => (broadcast.into(), bytes.len()),
            (_, Ok(length)) => (datagram.source, length),
            _ => (datagram.source, bytes.len()),
        };
        bytes.resize(length, 0);
        wire::icmp::fill_checksum(own.into(), to, &mut bytes);
        send(&sender, to, &bytes);
    });
}

fn router(own: Ipv4Addr) {
    let socket = icmp_v4();
    socket.join_multicast_v4(&ROUTERS, &own).expect("the group takes it");
    each(&socket, |datagram, message| {
        let is_asked = matches!(message, Message::RouterSolicitation { .. });
        if let (true, IpAddr::V4(to)) = (is_asked, datagram.source) {
            announce_v4(&socket, own, to);
        }
    });
}

fn announce_v4(socket: &Socket, own: Ipv4Addr, to: Ipv4Addr) {
    let entries = [own.octets(), 7_i32.to_be_bytes()].concat();
    let addresses = Addresses { count: 1, entry_words: 2, entries: &entries };
    let offer = Offer::Addresses(addresses);
    let mut bytes = Vec::new();
    let advertisement = Advertisement { lifetime_s: 900, offer };
    Message::RouterAdvertisement(advertisement).emit(Family::V4, &mut bytes);
    socket.set_multicast_if_v4(&own).expect("the address is here");
    send(socket, to.into(), &bytes);
    println!("ready");
}

fn announce_v6(index: u32, hop_limit: u32) {
    let socket = Socket::new_raw(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6));
    let socket = socket.expect("root may");
    socket.set_multicast_hops_v6(hop_limit).expect("a hop limit");
    let offer = Offer::Sender {
        hop_limit: 64,
        flags: 0x08,
        reachable_ms: 0,
        retransmit_ms: 0,
        options: &[],
    };
    let mut bytes = Vec::new();
    let advertisement = Advertisement { lifetime_s: 9_000, offer };
    Message::RouterAdvertisement(advertisement).emit(Family::V6, &mut bytes);
    let everybody = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let to = SockAddr::from(SocketAddrV6::new(everybody, 0, 0, index));
    socket.send_to(&bytes, &to).expect("it leaves");
    println!("ready");
}
