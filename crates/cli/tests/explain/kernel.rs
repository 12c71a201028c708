//! Each error to a real kernel: a server rejects every datagram, and its error is rewritten to the
//! type and code that the port names. What the sockets of the client see is what the table says.

use super::explain;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;
use testbed::{Bed, poll_until};

/// Tells the child what to ask.
const VARIABLE: &str = "ASKWAY_EXPLAIN_CHILD";

/// Nothing is seen.
const NOTHING: &str = "-";

/// Far beyond what it takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(120);

/// What the table says of one message.
struct Row {
    family: String,
    kind: u64,
    code: u64,
    udp: String,
    tcp: String,
}

impl Row {
    /// The port whose datagrams are answered with it.
    fn port(&self) -> u64 {
        30_000 + self.kind * 100 + self.code
    }

    /// The rule that makes it of "host unreachable". The quoted destination port stands behind 8
    /// bytes of ICMP, the IP header, and the source port.
    fn rule(&self) -> String {
        let (protocol, bits) = match self.family.as_str() {
            "IPv4" => ("icmp", (8 + 20 + 2) * 8),
            _ => ("icmpv6", (8 + 40 + 2) * 8),
        };
        format!(
            "{protocol} type destination-unreachable @th,{bits},16 {} {protocol} code set {} \
             {protocol} type set {}\n",
            self.port(),
            self.code,
            self.kind
        )
    }
}

/// Every error that may come from anybody; ICMPv6 redirects are taken from the first hop only.
fn rows() -> Vec<Row> {
    let (objects, code) = explain("ipv4\nipv6\n");
    assert_eq!(code, Some(0));
    let errors = objects.iter().filter(|it| it["class"] == "error");
    let row = |it: &Value| {
        let seen = |socket: &str| {
            let rows = it["sockets"].as_array().expect("sockets");
            let row = rows.iter().find(|row| row["socket"] == socket).expect("the socket");
            let errno = row["linux"].as_str().unwrap_or(NOTHING);
            // What the kernel sees to itself is nothing that a program sees.
            if errno.starts_with('E') { errno.to_owned() } else { NOTHING.to_owned() }
        };
        Row {
            family: it["family"].as_str().expect("a family").to_owned(),
            kind: it["icmp_type"].as_u64().expect("a type"),
            code: it["icmp_code"].as_u64().unwrap_or(0),
            udp: seen("udp"),
            tcp: seen("tcp_connecting"),
        }
    };
    errors.map(row).filter(|row| row.kind < 128).collect()
}

/// The numbers of errnos, as the program tells them.
fn numbers(rows: &[Row]) -> BTreeMap<String, i32> {
    let names = rows.iter().flat_map(|row| [&row.udp, &row.tcp]);
    let names = names.filter(|name| *name != NOTHING);
    let number = |name: &String| {
        let (objects, _) = explain(name);
        let number = objects[0]["number"].as_i64().expect("a number");
        (name.clone(), i32::try_from(number).expect("an errno"))
    };
    names.map(number).collect()
}

#[test]
fn sockets_see_what_the_table_says() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    chain[1].unlimited_errors();
    let rows = rows();
    assert!(rows.len() > 45, "{} rows", rows.len());
    let rules: String = rows.iter().map(Row::rule).collect();
    chain[1].nft(&format!(
        "table inet t {{
            chain in {{ type filter hook input priority 0;
                udp dport 30000-42000 reject with icmpx type host-unreachable
                tcp dport 30000-42000 reject with icmpx type host-unreachable
            }}
            chain out {{ type filter hook output priority 0;
                {rules}
            }}
        }}"
    ));
    let numbers = numbers(&rows);
    let [v4, v6] = chain.both(1);
    let number = |name: &str| numbers.get(name).copied().unwrap_or(0);
    let orders: Vec<String> = rows
        .iter()
        .map(|row| {
            let to = if row.family == "IPv4" { v4 } else { v6 };
            format!("{to} {} {} {}", row.port(), number(&row.udp), number(&row.tcp))
        })
        .collect();
    let program = std::env::current_exe().expect("this program has a path");
    let launch = chain[0].launch(program).args(&["--exact", "kernel::child", "--nocapture"]);
    let ran = launch.env(VARIABLE, &orders.join("\n")).limit(LIMIT).run();
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains(&format!("asked {}", rows.len())), "{}", ran.stdout());
}

/// Not a test of its own: what runs in the client's namespace.
#[test]
fn child() {
    let Ok(orders) = std::env::var(VARIABLE) else { return };
    let orders: Vec<(SocketAddr, i32, i32)> = orders.lines().map(order).collect();
    for (to, udp, _) in &orders {
        ask_udp(*to, *udp);
    }
    // At once, because an error that comes while connect() still holds the socket is kept until the
    // kernel has tried again, a second later.
    std::thread::scope(|scope| {
        for (to, _, tcp) in &orders {
            scope.spawn(|| ask_tcp(*to, *tcp));
        }
    });
    println!("asked {}", orders.len());
}

/// An address, a port, and the errnos of UDP and TCP.
fn order(line: &str) -> (SocketAddr, i32, i32) {
    let words: Vec<&str> = line.split(' ').collect();
    let [address, port, udp, tcp] = words.as_slice() else { panic!("{line}") };
    let address: IpAddr = address.parse().expect("an address");
    let to = SocketAddr::new(address, port.parse().expect("a port"));
    (to, udp.parse().expect("a number"), tcp.parse().expect("a number"))
}

/// Sends a datagram, and sees that errno, or none (0) though the error has come.
fn ask_udp(to: SocketAddr, wanted: i32) {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket");
    socket.connect(to).expect("a route");
    let before = errors_heard(to);
    socket.send(b"?").expect("a route");
    poll_until(&format!("an error about {to}"), || errors_heard(to) > before);
    let mut seen = None;
    if wanted != 0 {
        poll_until(&format!("errno {wanted} of {to}"), || {
            seen = socket.take_error().expect("an option").and_then(|error| error.raw_os_error());
            seen.is_some()
        });
    } else {
        seen = socket.take_error().expect("an option").and_then(|error| error.raw_os_error());
    }
    assert_eq!(seen.unwrap_or(0), wanted, "UDP to {to}");
}

/// Connects, and fails with that errno. What the kernel keeps to itself ends in a timeout of
/// minutes, which is not waited for.
fn ask_tcp(to: SocketAddr, wanted: i32) {
    if wanted != 0 {
        let error = TcpStream::connect(to).expect_err("it is rejected");
        assert_eq!(error.raw_os_error(), Some(wanted), "TCP to {to}");
    }
}

/// How many ICMP messages this namespace's kernel has received.
fn errors_heard(to: SocketAddr) -> u64 {
    let (path, name) = match to {
        SocketAddr::V4(_) => ("/proc/net/snmp", "Icmp:"),
        SocketAddr::V6(_) => ("/proc/net/snmp6", "Icmp6InMsgs"),
    };
    let text = std::fs::read_to_string(path).expect("counters");
    let mut lines = text.lines().filter(|line| line.starts_with(name));
    let words = lines.next_back().expect("the counter").split_whitespace().nth(1);
    words.and_then(|word| word.parse().ok()).expect("a number")
}
