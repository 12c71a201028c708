//! What processes hear of ICMP errors about what they sent, by stack, type and code; and what hosts
//! learn of paths.

use lab::{Deaf, Socket, SocketEvent, World};
use probe::Time;
use wire::Family;

/// ICMP of IPv4: type, code; what a socket hears on Linux if it is connected, and if it asked for
/// all errors (IP_RECVERR), connected or not; what a connected one hears on 4.4BSD. Linux 6.18 was
/// asked: each error was fed to it through a TUN device, and SO_ERROR read. 4.4BSD is TCP/IP
/// Illustrated, volume 1, chapter 6.
const V4: &str = "
3 0 - ENETUNREACH EHOSTUNREACH
3 1 - EHOSTUNREACH EHOSTUNREACH
3 2 ENOPROTOOPT ENOPROTOOPT ECONNREFUSED
3 3 ECONNREFUSED ECONNREFUSED ECONNREFUSED
3 4 EMSGSIZE EMSGSIZE EMSGSIZE
3 5 - EOPNOTSUPP EHOSTUNREACH
3 6 ENETUNREACH ENETUNREACH EHOSTUNREACH
3 7 EHOSTDOWN EHOSTDOWN EHOSTUNREACH
3 8 ENONET ENONET EHOSTUNREACH
3 9 ENETUNREACH ENETUNREACH EHOSTUNREACH
3 10 EHOSTUNREACH EHOSTUNREACH EHOSTUNREACH
3 11 - ENETUNREACH EHOSTUNREACH
3 12 - EHOSTUNREACH EHOSTUNREACH
3 13 EHOSTUNREACH EHOSTUNREACH -
3 14 EHOSTUNREACH EHOSTUNREACH -
3 15 EHOSTUNREACH EHOSTUNREACH -
3 16 - - -
4 0 - - -
5 0 - - -
5 1 - - -
5 2 - - -
5 3 - - -
11 0 - EHOSTUNREACH -
11 1 - - -
12 0 EPROTO EPROTO ENOPROTOOPT
12 1 EPROTO EPROTO ENOPROTOOPT
12 2 EPROTO EPROTO ENOPROTOOPT
";

/// Likewise of IPv6; the last column is what the KAME project's code does.
const V6: &str = "
1 0 - ENETUNREACH EHOSTUNREACH
1 1 EACCES EACCES ECONNREFUSED
1 2 - EHOSTUNREACH ENOPROTOOPT
1 3 - EHOSTUNREACH EHOSTDOWN
1 4 ECONNREFUSED ECONNREFUSED ECONNREFUSED
1 5 EACCES EACCES -
1 6 EACCES EACCES -
1 7 EPROTO EPROTO -
1 8 EPROTO EPROTO -
2 0 EMSGSIZE EMSGSIZE EMSGSIZE
3 0 - EHOSTUNREACH -
3 1 - EHOSTUNREACH -
4 0 EPROTO EPROTO ENOPROTOOPT
4 1 EPROTO EPROTO ECONNREFUSED
4 2 EPROTO EPROTO ENOPROTOOPT
4 3 EPROTO EPROTO -
";

/// A host that sends one datagram through a router to another; what else there is.
fn run(stack: &str, router: &str, traffic: &str) -> World {
    let text = format!(
        r#"
        [host]
        a = {{ stack = "{stack}" }}
        b = {{ udp = [7] }}
        [router]
        r = {{ {router} }}
        [[link]]
        ends = ["a", "r"]
        [[link]]
        ends = ["r", "b"]
        [[traffic]]
        from = "a"
        to = "b"
        {traffic}
        "#
    );
    let mut world = World::load(&text, "test", None).expect("a scenario");
    world.advance(Time(60_000_000_000));
    world
}

/// The one socket of a world; what has happened to it after the first datagram left.
fn fate(world: &World) -> Vec<SocketEvent> {
    let sockets: Vec<&Socket> = world.sockets().collect();
    let [socket] = sockets.as_slice() else { panic!("{sockets:?}") };
    assert_eq!(socket.events[0].1, SocketEvent::Sent);
    socket.events[1..].iter().map(|(_, event)| *event).collect()
}

/// What the socket came to hear: a name or `-`, and why nothing.
fn heard(
    stack: &str,
    family: &str,
    (kind, code): (u8, u8),
    socket: &str,
) -> (String, Option<Deaf>) {
    let router = format!("refuses = {{ kind = {kind}, code = {code} }}");
    let traffic = format!("udp = 9\nfamilies = [\"{family}\"]\n{socket}");
    let fate = fate(&run(stack, &router, &traffic));
    let [event] = fate.as_slice() else { panic!("{kind}/{code} on {stack}: {fate:?}") };
    match event {
        SocketEvent::Failed { errno, kind: k, code: c } => {
            assert_eq!((*k, *c), (kind, code));
            (errno.name().to_string(), None)
        }
        SocketEvent::Deaf { kind: k, code: c, why } => {
            assert_eq!((*k, *c), (kind, code));
            ("-".to_string(), Some(*why))
        }
        other => panic!("{kind}/{code} on {stack}: {other:?}"),
    }
}

#[test]
fn every_error_is_heard_as_the_stack_has_it() {
    let mut rows = 0;
    for (family, table) in [("v4", V4), ("v6", V6)] {
        for line in table.lines().filter(|line| !line.is_empty()) {
            let columns: Vec<&str> = line.split(' ').collect();
            let [kind, code, linux, all, bsd] = columns.as_slice() else { panic!("{line}") };
            let number = |text: &str| text.parse::<u8>().expect("a number");
            let numbers = (number(kind), number(code));
            let hears = |stack, socket| heard(stack, family, numbers, socket).0;
            let at = format!("{family} {kind}/{code}");
            assert_eq!(hears("linux", "connected = true"), *linux, "{at} on Linux, connected");
            assert_eq!(hears("linux", ""), "-", "{at} on Linux, not connected");
            assert_eq!(hears("linux", "recverr = true"), *all, "{at} on Linux, IP_RECVERR");
            let both = "connected = true\nrecverr = true";
            assert_eq!(hears("linux", both), *all, "{at} on Linux, both");
            assert_eq!(hears("bsd", "connected = true"), *bsd, "{at} on BSD, connected");
            assert_eq!(hears("bsd", ""), "-", "{at} on BSD, not connected");
            rows += 1;
        }
    }
    assert_eq!(rows, 43);
}

#[test]
fn the_deaf_are_told_apart() {
    let why = |stack, numbers, socket| heard(stack, "v4", numbers, socket).1;
    assert_eq!(why("linux", (3, 3), ""), Some(Deaf::Unconnected));
    assert_eq!(why("bsd", (3, 3), ""), Some(Deaf::Unconnected));
    assert_eq!(why("linux", (3, 0), "connected = true"), Some(Deaf::Soft));
    assert_eq!(why("linux", (4, 0), "connected = true"), Some(Deaf::Ignored), "RFC 6633");
    assert_eq!(why("bsd", (4, 0), "connected = true"), Some(Deaf::Kernel), "it is for TCP");
    assert_eq!(why("linux", (5, 1), "connected = true"), Some(Deaf::Kernel));
    assert_eq!(why("bsd", (11, 0), "connected = true"), Some(Deaf::Ignored));
}

#[test]
fn an_unconnected_socket_never_hears_that_nobody_is_there() {
    for family in ["v4", "v6"] {
        let ask = |port: u16, socket: &str| {
            let traffic = format!("udp = {port}\nfamilies = [\"{family}\"]\n{socket}");
            fate(&run("linux", "", &traffic))
        };
        assert_eq!(ask(7, ""), [SocketEvent::Received]);
        assert_eq!(ask(7, "connected = true"), [SocketEvent::Received]);
        let deaf = ask(9, "");
        assert!(matches!(deaf[..], [SocketEvent::Deaf { why: Deaf::Unconnected, .. }]), "{deaf:?}");
        let told = ask(9, "connected = true");
        let [SocketEvent::Failed { errno, .. }] = told[..] else { panic!("{told:?}") };
        assert_eq!(errno.name(), "ECONNREFUSED");
    }
}

#[test]
fn processes_send_as_often_as_they_are_told() {
    let world = run("linux", "", "udp = 7\ncount = 3\nevery = \"2s\"\nstart = \"1s\"");
    let mut families = Vec::new();
    for socket in world.sockets() {
        families.push(Family::of(socket.to.0));
        let sent = socket.events.iter().filter(|(_, event)| *event == SocketEvent::Sent);
        let times: Vec<u64> = sent.map(|(at, _)| at.0 / 1_000_000_000).collect();
        assert_eq!(times, [1, 3, 5]);
        assert_eq!(socket.events.len(), 6);
        assert_eq!(world.name(socket.node), "a");
    }
    assert_eq!(families, Family::ALL);
}

#[test]
fn time_exceeded_reaches_those_that_ask_for_it() {
    for family in ["v4", "v6"] {
        let traffic = |more| {
            format!("udp = 7\nhop_limit = 1\nfamilies = [\"{family}\"]\nconnected = true\n{more}")
        };
        let fate = |more| fate(&run("linux", "", &traffic(more)));
        assert!(matches!(fate("")[..], [SocketEvent::Deaf { why: Deaf::Soft, .. }]));
        let told = fate("recverr = true");
        let [SocketEvent::Failed { errno, .. }] = told[..] else { panic!("{told:?}") };
        assert_eq!(errno.name(), "EHOSTUNREACH");
    }
}

/// What a socket fares that sends three large datagrams over a narrow link.
fn narrow(stack: &str, family: &str, mtu: u32, lie: &str) -> (Vec<String>, Vec<u64>) {
    let text = format!(
        r#"
        [host]
        a = {{ stack = "{stack}" }}
        b = {{ udp = [7] }}
        [router]
        r = {{ {lie} }}
        [[link]]
        ends = ["a", "r"]
        [[link]]
        ends = ["r", "b"]
        mtu = {mtu}
        [[traffic]]
        from = "a"
        to = "b"
        udp = 7
        bytes = 1400
        count = 3
        connected = true
        families = ["{family}"]
        "#
    );
    let mut world = World::load(&text, "test", None).expect("a scenario");
    world.advance(Time(60_000_000_000));
    let socket = world.sockets().next().expect("a socket");
    let name = |event: &SocketEvent| match event {
        SocketEvent::Sent => "sent".to_string(),
        SocketEvent::Received => "received".to_string(),
        SocketEvent::Failed { errno, .. } | SocketEvent::Refused(errno) => errno.name().to_string(),
        SocketEvent::Deaf { .. } => "deaf".to_string(),
    };
    let events = socket.events.iter().map(|(_, event)| name(event)).collect();
    let sent = world.link_counts().filter(|(_, node, _)| world.name(*node) == "a");
    (events, sent.map(|(.., counts)| counts.sent).collect())
}

#[test]
fn what_a_path_carries_is_learned_from_errors() {
    let learned = ["sent", "EMSGSIZE", "sent", "received", "sent", "received"];
    for stack in ["linux", "bsd"] {
        for family in ["v4", "v6"] {
            let (events, packets) = narrow(stack, family, 1_300, "");
            assert_eq!(events, learned, "{stack} {family}");
            assert_eq!(packets, [5], "one whole, two in two pieces each");
        }
    }
    // A router that does not say what it carries: Linux takes 552 and lets routers cut, in pieces
    // of 528 bytes of payload; BSD tries the next size of its table, here 1,006.
    let (events, packets) = narrow("linux", "v4", 1_300, "lies_mtu = 0");
    assert_eq!((events, packets), (learned.map(str::to_string).to_vec(), vec![7]));
    let (events, packets) = narrow("bsd", "v4", 1_300, "lies_mtu = 0");
    assert_eq!((events, packets), (learned.map(str::to_string).to_vec(), vec![5]));
    // In IPv6 no link carries less than 1,280 bytes, so it is not believed.
    for lie in ["lies_mtu = 0", "lies_mtu = 1000"] {
        let (events, _) = narrow("linux", "v6", 1_300, lie);
        assert_eq!(events, ["sent", "EMSGSIZE", "sent", "EMSGSIZE", "sent", "EMSGSIZE"]);
    }
}

#[test]
fn a_black_hole_is_never_heard_of() {
    for family in ["v4", "v6"] {
        let (events, _) = narrow("linux", family, 1_300, "silent_mtu = true");
        assert_eq!(events, ["sent"; 3]);
    }
}
