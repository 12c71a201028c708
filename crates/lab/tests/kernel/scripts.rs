//! What is sent, step by step. A script does not know which gateway it talks to; it answers what
//! arrives, so that a port which chance chose may differ.

use crate::worlds::{A, B, End, Gateway, Kernel, N, Ours, R, S, datagram, message};
use lab::conntrack::{Forward, Personality, Plan, Pooling, Realm};
use std::net::{IpAddr, Ipv4Addr};
use testbed::Dice;
use wire::ip::{Datagram, protocol};
use wire::tcp::{Segment, flag};
use wire::{icmp, tcp, udp};

/// A script's view of a gateway: sends, and keeps what is to be compared.
struct Stage<'a> {
    gateway: &'a mut dyn Gateway,
    told: Vec<String>,
    /// Ports that chance chose, the latest last.
    drawn: Vec<Drawn>,
}

/// A port that chance chose for a connection.
struct Drawn {
    /// Who is inside, and whom it speaks to.
    ends: (End, End),
    port: u16,
    /// What it is called: a number, so that two gateways need not draw the same.
    name: usize,
}

impl Stage<'_> {
    /// Sends from inside; what arrives outside, if one datagram does.
    fn out(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.pass(Realm::Inside, bytes)
    }

    /// Sends from outside; what arrives inside.
    fn back(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.pass(Realm::Outside, bytes)
    }

    fn pass(&mut self, from: Realm, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut arrived = self.gateway.pass(from, bytes);
        assert!(arrived.len() <= 1, "{arrived:x?}");
        let arrived = arrived.pop();
        let known = [A, B, N, S];
        if let (Some(arrived), Some(sent)) = (&arrived, ends(bytes))
            && let Some((source, _)) = ends(arrived)
            && source.1 != sent.0.1
            && known.contains(&source.0)
            && from == Realm::Inside
        {
            self.note_drawn(sent, source.1);
        }
        let text = arrived.as_deref().map_or("nothing arrives".to_string(), describe);
        let text = format!("{from:?} sends {}: {text} ", describe(bytes));
        self.told.push(self.with_names(&text));
        arrived
    }

    /// Notes what is listed, without the times that are left.
    fn list(&mut self) {
        let mut lines: Vec<String> = self.gateway.list().iter().map(|line| masked(line)).collect();
        lines = lines.iter().map(|line| self.with_names(line)).collect();
        lines.sort();
        self.told.extend(lines);
    }

    /// A port of a connection goes by one name, also if another is drawn for it later: one that is
    /// free again may be drawn for somebody else, so that ports alone name nothing.
    fn note_drawn(&mut self, ends: (End, End), port: u16) {
        let is_same = |it: &Drawn| it.ends.0 == ends.0 && (it.port == port || it.ends == ends);
        let names = self.drawn.iter().map(|it| it.name + 1).max().unwrap_or(0);
        let name = match self.drawn.iter().position(is_same) {
            Some(index) => self.drawn.remove(index).name,
            None => names,
        };
        self.drawn.push(Drawn { ends, port, name });
    }

    /// Ports that chance chose get names.
    fn with_names(&self, text: &str) -> String {
        self.drawn.iter().rev().fold(text.to_string(), |text, Drawn { port, name, .. }| {
            let name = format!("new{name}");
            ["port=", "id=", ":"].iter().fold(text, |text, before| {
                text.replace(&format!("{before}{port} "), &format!("{before}{name} "))
            })
        })
    }
}

/// A line of `conntrack -L` with its time masked.
fn masked(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if let Some(time) = words.get_mut(2) {
        *time = "TIME";
    }
    words.join(" ") + " "
}

fn ends(bytes: &[u8]) -> Option<(End, End)> {
    let datagram = Datagram::parse(bytes).ok()?;
    let (IpAddr::V4(from), IpAddr::V4(to)) = (datagram.source, datagram.destination) else {
        return None;
    };
    match icmp::Transport::parse(&datagram) {
        icmp::Transport::Ports { source, destination, .. } => {
            Some(((from, source), (to, destination)))
        }
        icmp::Transport::Query { identifier, .. } => Some(((from, identifier), (to, identifier))),
        icmp::Transport::Opaque(_) => None,
    }
}

/// A datagram in words: everything that a gateway could change, and whether its sums are right.
fn describe(bytes: &[u8]) -> String {
    let Ok(datagram) = Datagram::parse(bytes) else { return format!("{bytes:x?}") };
    let whole = wire::ip::verify_header(bytes);
    let Datagram { source, destination, payload, .. } = datagram;
    let (sum, detail) = match datagram.protocol {
        protocol::TCP => {
            let segment = Segment::parse(payload).expect("a segment");
            let Segment { flags, sequence, acknowledgment, .. } = segment;
            let sum = tcp::verify(source, destination, payload);
            (sum, format!("flags {flags:#x} seq {sequence} ack {acknowledgment}"))
        }
        protocol::UDP => {
            let sum = udp::verify(source, destination, payload);
            (sum, format!("{} bytes, sum {}", payload.len(), payload[6] | payload[7] != 0))
        }
        protocol::ICMP => {
            let sum = icmp::verify(source, destination, payload);
            let quote = match icmp::Message::parse(wire::Family::of(source), payload) {
                Ok(icmp::Message::Error(error)) => {
                    let quoted = Datagram::parse_quoted(error.body).map(|_| quoted(error.body));
                    quoted.unwrap_or_else(|_| "a broken quote".into())
                }
                _ => String::new(),
            };
            (sum, format!("type {} code {} {quote}", payload[0], payload[1]))
        }
        _ => (true, format!("{payload:x?}")),
    };
    let ports = match ends(bytes) {
        Some((from, to)) => format!(":{} > {destination}:{} ", from.1, to.1),
        None => format!(" > {destination} "),
    };
    format!("{source}{ports} {detail} sums {sum} {whole}")
}

fn quoted(quote: &[u8]) -> String {
    let datagram = Datagram::parse_quoted(quote).expect("it was parsed before");
    let header = wire::ip::verify_header(quote);
    let (source, destination) = (datagram.source, datagram.destination);
    let ports = match icmp::Transport::parse(&datagram) {
        icmp::Transport::Ports { source, destination, .. } => {
            format!(":{source} > :{destination} ")
        }
        icmp::Transport::Query { identifier, .. } => format!(":{identifier} "),
        icmp::Transport::Opaque(_) => String::new(),
    };
    let is_whole = datagram.total_bytes <= quote.len();
    let sum = match datagram.protocol {
        protocol::UDP if is_whole => udp::verify(source, destination, datagram.payload),
        protocol::TCP if is_whole => tcp::verify(source, destination, datagram.payload),
        protocol::ICMP if is_whole => icmp::verify(source, destination, datagram.payload),
        _ => true,
    };
    format!("[{source} > {destination} {ports} sums {header} {sum}]")
}

fn segment(from: End, to: End, flags: u16, sequence: u32, acknowledgment: u32) -> Vec<u8> {
    let segment = Segment {
        source_port: from.1,
        destination_port: to.1,
        sequence,
        acknowledgment,
        flags,
        window: 1_000,
        urgent: 0,
        options: &[],
        payload: &[],
    };
    let mut bytes = Vec::new();
    segment.emit(from.0.into(), to.0.into(), &mut bytes).expect("it fits");
    datagram(from.0, to.0, protocol::TCP, &bytes)
}

fn echo(from: Ipv4Addr, to: Ipv4Addr, identifier: u16, kind: u8) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(identifier.to_be_bytes());
    bytes.extend([0, 1, 0x70]);
    icmp::fill_checksum(from.into(), to.into(), &mut bytes);
    datagram(from, to, protocol::ICMP, &bytes)
}

/// An ICMP error of some type and code about as many bytes of a datagram.
fn error(from: Ipv4Addr, to: Ipv4Addr, kind: (u8, u8), about: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind.0, kind.1, 0, 0, 0, 0, 5, 0];
    bytes.extend(about);
    icmp::fill_checksum(from.into(), to.into(), &mut bytes);
    datagram(from, to, protocol::ICMP, &bytes)
}

const SYN: u16 = flag::SYN;
const ACK: u16 = flag::ACK;
const FIN: u16 = flag::FIN;
const RST: u16 = flag::RST;

fn plan() -> Plan {
    Plan { pool: vec![N.into()], ..Plan::new(Personality::Linux.behaviour()) }
}

const MASQUERADE: &str = "oifname \"g1\" masquerade";

/// Runs a script over both, and compares line by line.
#[track_caller]
fn compare(kernel: Option<Kernel>, plan: Plan, script: fn(&mut Stage<'_>)) {
    let Some(mut kernel) = kernel else { return };
    let run = |gateway: &mut dyn Gateway| {
        let mut stage = Stage { gateway, told: Vec::new(), drawn: Vec::new() };
        script(&mut stage);
        stage.told
    };
    let theirs = run(&mut kernel);
    let ours = run(&mut Ours::new(plan));
    for (index, (line, ours)) in theirs.iter().zip(&ours).enumerate() {
        let before = theirs[index.saturating_sub(16)..index].join("\n");
        assert_eq!(ours, line, "the kernel's on the right; before:\n{before}");
    }
    assert_eq!(ours.len(), theirs.len());
    assert!(theirs.len() > 3, "{theirs:?}");
}

#[test]
fn udp_and_queries() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        let (a, s) = ((A, 4_000), (S, 53));
        stage.out(&message(a, s));
        stage.list();
        stage.back(&message(s, (N, 4_000)));
        stage.list();
        stage.out(&message(a, s));
        stage.out(&echo(A, S, 77, 8));
        stage.back(&echo(S, N, 77, 0));
        stage.back(&echo(S, N, 78, 0));
        // Timestamps are queries too; a router's advertisement is none.
        stage.out(&echo(A, S, 79, 13));
        stage.out(&echo(A, S, 80, 9));
        // Without a checksum, and with a wrong one.
        let mut bare = message((A, 4_001), s);
        bare[26..28].fill(0);
        stage.out(&bare);
        let mut wrong = message((A, 4_002), s);
        wrong[30] ^= 1;
        stage.out(&wrong);
        let mut wrong = echo(A, S, 81, 8);
        wrong[28] ^= 1;
        stage.out(&wrong);
        stage.out(&datagram(A, S, 47, &[0, 0, 8, 0, 1, 2, 3, 4]));
        stage.back(&datagram(S, N, 47, &[0, 0, 8, 0, 1, 2, 3, 4]));
        stage.list();
        // Nobody asked for these.
        stage.back(&message((S, 54), (N, 4_000)));
        stage.back(&message((R, 53), (N, 4_000)));
        stage.list();
    });
}

#[test]
fn tcp_opens_closes_and_is_refused() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        let (a, s, n) = ((A, 4_000), (S, 80), (N, 4_000));
        stage.out(&segment(a, s, SYN, 100, 0));
        stage.list();
        stage.back(&segment(s, n, SYN | ACK, 500, 101));
        stage.list();
        stage.out(&segment(a, s, ACK, 101, 501));
        stage.list();
        // Out of the window, both ways, and an acknowledgment of what nobody sent.
        stage.out(&segment(a, s, ACK, 900_000, 501));
        stage.back(&segment(s, n, ACK, 900_000, 101));
        stage.back(&segment(s, n, ACK, 501, 70_000));
        stage.back(&segment(s, n, RST, 400, 0));
        stage.list();
        stage.out(&segment(a, s, FIN | ACK, 101, 501));
        stage.list();
        stage.back(&segment(s, n, ACK, 501, 102));
        stage.list();
        stage.back(&segment(s, n, FIN | ACK, 501, 102));
        stage.list();
        stage.out(&segment(a, s, ACK, 102, 502));
        stage.list();
        // The same name again.
        stage.out(&segment(a, s, SYN, 9_000, 0));
        stage.list();
        // Refused: all that comes back is a reset.
        let (a, n) = ((A, 4_001), (N, 4_001));
        stage.out(&segment(a, s, SYN, 100, 0));
        stage.back(&segment(s, n, RST | ACK, 0, 101));
        stage.list();
        // Flags that do not go together.
        for flags in [0, SYN | FIN, SYN | RST, FIN, FIN | RST] {
            stage.out(&segment((A, 4_002), s, flags, 100, 0));
        }
        stage.list();
    });
}

#[test]
fn tcp_out_of_step() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        let (a, s, n) = ((A, 4_000), (S, 80), (N, 4_000));
        let open = |stage: &mut Stage<'_>| {
            stage.out(&segment(a, s, SYN, 100, 0));
            stage.back(&segment(s, n, SYN | ACK, 500, 101));
            stage.out(&segment(a, s, ACK, 101, 501));
        };
        open(stage);
        // A SYN within a connection, its challenge, the reset, and the new one.
        stage.out(&segment(a, s, SYN, 7_000, 0));
        stage.list();
        stage.back(&segment(s, n, ACK, 501, 101));
        stage.out(&segment(a, s, RST, 101, 0));
        stage.list();
        stage.out(&segment(a, s, SYN, 7_000, 0));
        stage.back(&segment(s, n, SYN | ACK, 900, 7_001));
        stage.out(&segment(a, s, ACK, 7_001, 901));
        stage.list();
        // One that the server takes for new.
        stage.out(&segment(a, s, SYN, 50_000, 0));
        stage.back(&segment(s, n, SYN | ACK, 70_000, 50_001));
        stage.list();
        stage.out(&segment(a, s, ACK, 50_001, 70_001));
        stage.list();
        // A reset that is not exact, and one that is.
        stage.back(&segment(s, n, ACK, 70_001, 50_001));
        stage.back(&segment(s, n, RST, 70_100, 0));
        stage.list();
        stage.back(&segment(s, n, RST, 70_001, 0));
        stage.list();
        // Both open at once.
        let (a, n) = ((A, 4_005), (N, 4_005));
        stage.out(&segment(a, s, SYN, 100, 0));
        stage.back(&segment(s, n, SYN, 500, 0));
        stage.list();
        stage.out(&segment(a, s, SYN | ACK, 100, 501));
        stage.back(&segment(s, n, SYN | ACK, 500, 101));
        stage.list();
        stage.out(&segment(a, s, ACK, 101, 501));
        stage.list();
        // The server has an old connection.
        let (a, n) = ((A, 4_006), (N, 4_006));
        stage.out(&segment(a, s, SYN, 100, 0));
        stage.back(&segment(s, n, ACK, 77_777, 55_555));
        stage.list();
        stage.out(&segment(a, s, RST, 55_555, 0));
        stage.list();
    });
}

#[test]
fn strays_are_picked_up_or_not() {
    let script = |stage: &mut Stage<'_>| {
        let s = (S, 80);
        stage.out(&segment((A, 4_000), s, ACK, 100, 200));
        stage.back(&segment(s, (N, 4_000), ACK, 200, 100));
        stage.list();
        stage.out(&segment((A, 4_001), s, FIN | ACK, 100, 200));
        stage.out(&segment((A, 4_002), s, RST, 100, 0));
        stage.out(&segment((A, 4_003), s, SYN | ACK, 100, 200));
        stage.back(&segment(s, (N, 4_004), ACK, 100, 200));
        stage.list();
        stage.out(&message((A, 1), (S, 1)));
    };
    compare(Kernel::new("", MASQUERADE, &[]), plan(), script);
    let mut strict = plan();
    strict.behaviour.is_loose = false;
    let loose = [("net/netfilter/nf_conntrack_tcp_loose", "0")];
    compare(Kernel::new("", MASQUERADE, &loose), strict, script);
}

#[test]
fn errors_inward_and_outward() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        let (a, s, n) = ((A, 4_000), (S, 53), (N, 4_000));
        let sent = stage.out(&message(a, s)).expect("it leaves");
        for (kind, from) in [((3, 3), S), ((11, 0), R), ((3, 4), R), ((12, 0), S), ((3, 13), R)] {
            stage.back(&error(from, N, kind, &sent));
            stage.back(&error(from, N, kind, &sent[..28]));
        }
        let came = stage.back(&message(s, n)).expect("it comes");
        stage.out(&error(A, S, (3, 3), &came));
        // A router inside.
        stage.out(&error(B, S, (11, 0), &came[..28]));
        let syn = stage.out(&segment(a, (S, 80), SYN, 100, 0)).expect("it leaves");
        stage.back(&error(R, N, (3, 1), &syn));
        stage.back(&error(R, N, (3, 1), &syn[..28]));
        let query = stage.out(&echo(A, S, 77, 8)).expect("it leaves");
        stage.back(&error(R, N, (11, 0), &query));
        // About nothing that is known, and for somebody else.
        stage.back(&error(S, N, (3, 3), &message((N, 9), s)));
        stage.out(&error(A, S, (3, 3), &message(s, (A, 9))));
        stage.back(&error(S, A, (3, 3), &sent));
        // Cut before the ports, and damaged.
        stage.back(&error(S, N, (3, 3), &sent[..22]));
        let mut damaged = error(S, N, (3, 3), &sent);
        damaged[40] ^= 1;
        stage.back(&damaged);
        stage.list();
    });
}

#[test]
fn ports_clash_and_are_lent() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        // Ports from 512 to 599 are never given out: no name of a new one is taken for another.
        for (port, to) in [(4_000, 553), (80, 553), (700, 553)] {
            let s = (S, to);
            stage.out(&message((A, port), s));
            let sent = stage.out(&message((B, port), s)).expect("it leaves");
            let (outer, _) = ends(&sent).expect("ports");
            let class = match port {
                0..=511 => 1..=511,
                512..=1_023 => 600..=1_023,
                _ => 1_024..=65_535,
            };
            assert!(class.contains(&outer.1), "{port} became {}", outer.1);
            stage.back(&message(s, outer));
            stage.back(&error(R, N, (11, 0), &sent));
            // To another port of the same host: the mapping is lent.
            stage.out(&message((B, port), (S, to + 1)));
        }
        stage.out(&echo(A, S, 555, 8));
        let sent = stage.out(&echo(B, S, 555, 8)).expect("it leaves");
        let (outer, _) = ends(&sent).expect("an identifier");
        stage.back(&echo(S, N, outer.1, 0));
        stage.back(&error(R, N, (11, 0), &sent));
        stage.out(&segment((A, 4_000), (S, 80), SYN, 1, 0));
        let sent = stage.out(&segment((B, 4_000), (S, 80), SYN, 1, 0)).expect("it leaves");
        let (outer, _) = ends(&sent).expect("ports");
        stage.back(&segment((S, 80), outer, SYN | ACK, 7, 2));
        stage.list();
        // What has no ports has nothing to give.
        stage.out(&datagram(A, S, 47, &[0; 8]));
        stage.out(&datagram(B, S, 47, &[0; 8]));
        stage.list();
    });
}

#[test]
fn destinations_are_forwarded() {
    let rules = "iifname \"g1\" tcp dport 8080 dnat to 192.0.2.2:80\n \
                 iifname \"g1\" udp dport 5353 dnat to 192.0.2.3";
    let rule = |protocol, port, to: Ipv4Addr, to_port| Forward {
        protocol: Some(protocol),
        address: None,
        port: Some(port),
        to: to.into(),
        to_port,
        is_anywhere: false,
    };
    let forwards =
        vec![rule(protocol::TCP, 8_080, A, Some(80)), rule(protocol::UDP, 5_353, B, None)];
    let plan = Plan { forwards, ..plan() };
    compare(Kernel::new(rules, MASQUERADE, &[]), plan, |stage| {
        let (s, n, a) = ((S, 4_000), (N, 8_080), (A, 80));
        stage.back(&segment(s, n, SYN, 100, 0));
        stage.list();
        stage.out(&segment(a, s, SYN | ACK, 500, 101));
        let came = stage.back(&segment(s, n, ACK, 101, 501)).expect("it comes");
        stage.list();
        // From the server inside, and from a router before it.
        stage.out(&error(A, S, (3, 3), &came));
        stage.out(&error(B, S, (11, 0), &came[..28]));
        let answer = stage.out(&segment(a, s, ACK, 501, 101)).expect("it leaves");
        stage.back(&error(S, N, (3, 3), &answer));
        stage.back(&message((S, 9), (N, 5_353)));
        stage.out(&message((B, 5_353), (S, 9)));
        stage.back(&message((S, 9), (N, 5_354)));
        stage.list();
    });
}

#[test]
fn pools_are_chosen_from_alike() {
    let pool: Vec<IpAddr> = (20..24).map(|last| IpAddr::from([203, 0, 113, last])).collect();
    let script = |stage: &mut Stage<'_>| {
        for host in 2..40 {
            let inner = Ipv4Addr::new(192, 0, 2, host);
            for to in [S, R] {
                stage.out(&message(
                    (inner, 4_000 + u16::from(host) + u16::from(to == R) * 100),
                    (to, 53),
                ));
            }
        }
        stage.list();
    };
    for (pooling, rule) in [
        (Pooling::Arbitrary, "oifname \"g1\" snat to 203.0.113.20-203.0.113.23"),
        (Pooling::Paired, "oifname \"g1\" snat to 203.0.113.20-203.0.113.23 persistent"),
    ] {
        let mut plan = Plan { pool: pool.clone(), ..plan() };
        plan.behaviour.pooling = pooling;
        compare(Kernel::new("", rule, &[]), plan, script);
    }
}

/// Random segments, near what would be right: as good a question as any that one thinks of.
#[test]
fn random_segments_fare_alike() {
    compare(Kernel::new("", MASQUERADE, &[]), plan(), |stage| {
        let mut dice = Dice::seeded(0x2545_f491_4f6c_dd1d);
        // Each end's next number, as it would be if all went well.
        // From a class whose new ports are others (600 to 1023), so that names stay unique.
        for port in 520..560 {
            let (a, s, n) = ((A, port), (S, 80), (N, port));
            let mut next = [100_u32, 500].map(|number| match dice.below(3) {
                0 => number.wrapping_add(0x7fff_ff00),
                1 => number.wrapping_add(0xffff_fd00),
                _ => number,
            });
            for _ in 0..16 {
                let end = dice.below(2) as usize;
                let flags = match dice.below(16) {
                    0..=1 => SYN,
                    2..=3 => SYN | ACK,
                    4..=9 => ACK,
                    10..=12 => FIN | ACK,
                    13 => RST,
                    14 => RST | ACK,
                    _ => ACK | flag::PSH,
                };
                let off = |dice: &mut Dice| match dice.below(6) {
                    0 => dice.below(2_000) as u32,
                    1 => (dice.below(2_000) as u32).wrapping_neg(),
                    2 => dice.below(200_000) as u32,
                    _ => 0,
                };
                let sequence = next[end].wrapping_add(off(&mut dice));
                let acknowledgment = match flags & ACK {
                    0 => 0,
                    _ => next[1 - end].wrapping_add(off(&mut dice)),
                };
                let packet = match end {
                    0 => segment(a, s, flags, sequence, acknowledgment),
                    _ => segment(s, n, flags, sequence, acknowledgment),
                };
                let arrived = match end {
                    0 => stage.out(&packet),
                    _ => stage.back(&packet),
                };
                if arrived.is_some() && flags & (SYN | FIN) != 0 {
                    next[end] = sequence.wrapping_add(1);
                }
            }
            if port % 8 == 7 {
                stage.list();
            }
        }
    });
}
