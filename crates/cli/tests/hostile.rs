//! Running pings and traces against peers that send what no host should, and against an impatient
//! user: real sockets in namespaces, real ICMP.

use serde_json::Value;
use std::net::IpAddr;
use testbed::{Bed, Chain, Node, Running};
use wire::icmp::{Echo, Message, echo_reply_type, echo_request_type};
use wire::ip::Header;
use wire::tcp::{Segment, flag};
use wire::{Family, checksum, ip::protocol, udp};

/// The identifier or port that the runs here are told to use, so that what is thrown passes the
/// kernel's filter and reaches the program.
const IDENTIFIER: u16 = 0x4a17;

/// A sequence number that the pings here never reach.
const SEQUENCE: u16 = 60_000;

#[test]
fn malformed_icmp_has_no_effect() {
    let Some(mut bed) = Bed::open(&["socat"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    for to in chain.both(1) {
        let family = Family::of(to);
        let thrown = missiles(family, &quote(family, protocol_of(family, "icmp"), &chain, 1));
        assert!(thrown.len() >= 14);
        let pings = thrown.len() + 5;
        let count = pings.to_string();
        let identifier = IDENTIFIER.to_string();
        let to = to.to_string();
        let arguments =
            ["ping", &to, "--json", "-i", "50ms", "-c", &count, "--identifier", &identifier];
        let mut ping = chain[0].launch(env!("CARGO_BIN_EXE_askway")).args(&arguments).start();
        ping.wait_for_stdout("\"seq\":2");
        for thrown in thrown {
            throw(&chain[1], &chain, family, thrown).finish();
        }
        let ran = ping.finish();
        assert_eq!(ran.code(), Some(0), "{family}: {}{}", ran.stdout(), ran.stderr());
        let lines = parse(&ran.stdout());
        let summary = lines.last().expect("a summary");
        assert_eq!(summary["type"], "summary");
        for (field, expected) in [
            ("sent", pings),
            ("received", pings),
            ("lost", 0),
            ("corrupted", 0),
            ("duplicates", 0),
            ("wrong_source", 0),
            ("icmp_errors", 0),
        ] {
            assert_eq!(summary[field], expected, "{family}, {field}: {summary}");
        }
        assert!(lines[..lines.len() - 1].iter().all(|line| line["type"] == "reply"), "{family}");
    }
}

/// What tells that a trace has come so far that hostile answers may come.
const SECOND_HOP: &str = "\"type\":\"hop\",\"target\":\"TO\",\"address\":\"TO\",\"hop\":2,";

#[test]
fn malformed_answers_leave_a_trace_as_it_is() {
    let Some(mut bed) = Bed::open(&["socat", "nft", "setpriv"]) else { return };
    let chain = bed.chain(&["client", "r1", "r2", "server"]);
    chain[0].ping_group_range(0, 65_535);
    // The target gives no answer of its own, so that a trace waits for as long as is needed.
    chain[3].nft(
        "table inet silence { chain input { type filter hook input priority 0
            udp dport 33434 drop
            tcp dport 80 drop
            icmp type echo-request drop
            icmpv6 type echo-request drop
        }
        }",
    );
    for to in chain.both(3) {
        let family = Family::of(to);
        for method in ["udp", "icmp", "tcp"] {
            for is_nobody in [false, true] {
                let [quiet, hostile] = [false, true].map(|is_hostile| {
                    let mut trace = start_trace(&chain, to, method, is_nobody);
                    trace.wait_for_stdout(&SECOND_HOP.replace("TO", &to.to_string()));
                    if is_hostile {
                        bombard(&chain, family, method);
                    }
                    trace.signal("INT");
                    let ran = trace.finish();
                    (ran.code(), heard(&ran.stdout()), ran.stderr())
                });
                assert!(quiet.1.len() >= 9, "{quiet:?}");
                let what = format!("{family} {method}, unprivileged: {is_nobody}");
                for (quiet, hostile) in quiet.1.iter().zip(&hostile.1) {
                    assert_eq!(quiet, hostile, "{what}");
                }
                assert_eq!(quiet, hostile, "{what}");
            }
        }
    }
}

/// Begins a trace that waits for a silent target.
fn start_trace(chain: &Chain, to: IpAddr, method: &str, is_nobody: bool) -> Running {
    let (to, identifier) = (to.to_string(), IDENTIFIER.to_string());
    let arguments = ["trace", "--json", "-n", "-k", method, "--source-port", &identifier];
    let waiting = ["--timeout", "1m", "--patience", "1m", &to];
    let launch = chain[0].launch(env!("CARGO_BIN_EXE_askway")).args(&arguments).args(&waiting);
    if is_nobody { launch.as_nobody().start() } else { launch.start() }
}

/// Throws everything at a trace at once, from its target and from the first router in turn.
fn bombard(chain: &Chain, family: Family, method: &str) {
    let number = protocol_of(family, method);
    let mut thrown = missiles(family, &quote(family, number, chain, 3));
    thrown.extend(answers(chain, family, number));
    assert!(thrown.len() >= 25);
    let from = [3, 1].into_iter().cycle();
    let flying: Vec<(&str, Running)> = thrown
        .into_iter()
        .zip(from)
        .map(|(missile, from)| (missile.0, throw(&chain[from], chain, family, missile)))
        .collect();
    for (name, flying) in flying {
        let ran = flying.finish();
        assert_eq!(ran.code(), Some(0), "{name}: {}", ran.stderr());
    }
}

/// What a trace reports that does not depend on when: hops, answers and the verdict.
fn heard(stdout: &str) -> Vec<Value> {
    let mut lines = parse(stdout);
    lines.retain(|line| line["outcome"].is_null() || !line["from"].is_null());
    lines.retain(|line| line["type"] != "summary");
    for line in &mut lines {
        let fields = line.as_object_mut().expect("every line is an object");
        let depends = ["sent_at", "sent", "seq", "rtt_source", "duration_ns", "rtt_ns"];
        fields.retain(|name, _| !depends.contains(&&**name));
        for responder in line["responders"].as_array_mut().into_iter().flatten() {
            responder["rtt_ns"].take();
        }
    }
    lines.sort_by_key(Value::to_string);
    lines
}

#[test]
fn an_interrupt_at_any_moment_gives_a_true_summary() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let to = chain.v4(1).to_string();
    for last_seen in [1, 2, 3, 7, 20, 41] {
        let arguments = ["ping", &to, "--json", "-i", "2ms"];
        let mut ping = chain[0].launch(env!("CARGO_BIN_EXE_askway")).args(&arguments).start();
        ping.wait_for_stdout(&format!("\"seq\":{last_seen},"));
        ping.signal("INT");
        let ran = ping.finish();
        let lines = parse(&ran.stdout());
        let (summary, replies) = lines.split_last().expect("a summary");
        let replies: Vec<_> = replies.iter().filter(|line| line["type"] == "reply").collect();
        assert_eq!(summary["received"], replies.len(), "{}", ran.stdout());
        let counts = ["sent", "received", "in_flight"].map(|name| summary[name].as_u64());
        let [Some(sent), Some(received), Some(in_flight)] = counts else { panic!("{summary}") };
        assert_eq!(sent, received + in_flight, "what is in flight is not lost");
        assert_eq!(summary["lost"], 0);
        let seqs: Vec<_> = replies.iter().map(|line| line["seq"].as_u64()).collect();
        assert_eq!(seqs, (1..=replies.len() as u64).map(Some).collect::<Vec<_>>());
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    }
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// A name, a protocol and what stands behind the IP header.
type Missile = (&'static str, u8, Vec<u8>);

/// Sends a missile from `node` to the client through a raw socket; the kernel adds the IP header.
fn throw(node: &Node, chain: &Chain, family: Family, missile: Missile) -> Running {
    let (_, number, message) = missile;
    let (client, kind) = match family {
        Family::V4 => (chain.v4(0).to_string(), "ip4-sendto"),
        Family::V6 => (format!("[{}]", chain.v6(0)), "ip6-sendto"),
    };
    let to = format!("{kind}:{client}:{number}");
    node.launch("socat").args(&["-u", "-b", "65536", "-", &to]).stdin(message).start()
}

fn protocol_of(family: Family, method: &str) -> u8 {
    match method {
        "udp" => protocol::UDP,
        "tcp" => protocol::TCP,
        _ => wire::icmp::protocol(family),
    }
}

/// An error with an extension object that states that length and class.
fn extended(family: Family, kind: u8, quoted: &[u8], (length, class): (u16, u8)) -> Vec<u8> {
    let [high, low] = length.to_be_bytes();
    let mut bytes = quoted.to_vec();
    bytes.resize(128, 0);
    bytes.extend_from_slice(&[0x20, 0, 0, 0, high, low, class, 1, 0, 0, 0x11, 0xff]);
    error(family, kind, word(family, 128), &bytes)
}

/// ICMP messages that no host should send, or that are not what they seem.
fn missiles(family: Family, quoted: &[u8]) -> Vec<Missile> {
    let (unreachable, exceeded, problem) = match family {
        Family::V4 => (3, 11, 12),
        Family::V6 => (1, 3, 4),
    };
    let inner = |change: fn(&mut Vec<u8>)| {
        let mut bytes = quoted.to_vec();
        change(&mut bytes);
        error(family, exceeded, 0, &bytes)
    };
    let probe = echo(family, echo_reply_type(family), &[]);
    // The sender's kernel wants to see the type, and in IPv6 the checksum that it fills in.
    let least = if family == Family::V4 { 2 } else { 4 };
    let mut bad_sum = echo(family, echo_reply_type(family), &[7; 56]);
    bad_sum[2] ^= 0x55;
    let object = |length, class| extended(family, exceeded, quoted, (length, class));
    let missiles = vec![
        ("a type and a code and hardly more", probe[..least].to_vec()),
        ("a header cut short", probe[..5].to_vec()),
        ("a reply without the payload that was sent", probe.clone()),
        ("a reply with a stranger's payload", echo(family, echo_reply_type(family), &[0; 56])),
        ("a reply with a hostile time stamp", echo(family, echo_reply_type(family), &[0xff; 56])),
        ("a reply with a wrong checksum", bad_sum),
        ("a reply of the largest size", echo(family, echo_reply_type(family), &[1; 60_000])),
        ("our own request come back", echo(family, echo_request_type(family), &[2; 56])),
        ("an error that quotes nothing", error(family, exceeded, 0, &[])),
        ("an error that quotes four bytes", error(family, unreachable, 0, &quoted[..4])),
        ("an error that quotes ten bytes", error(family, exceeded, 0, &quoted[..10])),
        (
            "a quoted header length beyond the quote",
            inner(|q| {
                q[0] |= 0x0f;
                q.truncate(28);
            }),
        ),
        ("a quoted header length of nothing", inner(|q| q[0] &= 0xf0)),
        ("a quote of another IP version", inner(|q| q[0] ^= 0x20)),
        ("a quoted total length of nothing", inner(|q| q[2..6].fill(0))),
        (
            "a quoted protocol that is not ours",
            inner(|q| {
                q[6] = protocol::SCTP;
                q[9] = protocol::SCTP;
            }),
        ),
        ("a quote cut within the ports", inner(|q| q.truncate(q.len() - PROBE_BYTES + 2))),
        ("a quote cut behind the ports", inner(|q| q.truncate(q.len() - PROBE_BYTES + 4))),
        (
            "a quoted UDP length of nothing",
            inner(|q| {
                let at = q.len() - PROBE_BYTES;
                q[at + 4..at + 6].fill(0);
            }),
        ),
        (
            "a length attribute beyond the message",
            error(family, exceeded, word(family, 1_020), quoted),
        ),
        ("an extension object of no length", object(0, 1)),
        ("an extension object shorter than its header", object(3, 1)),
        ("an extension object longer than all", object(0xffff, 1)),
        ("an extension object of an odd length", object(5, 2)),
        ("a pointer beyond the packet", error(family, problem, u32::MAX, quoted)),
        ("a type that nobody knows", error(family, 99, 0, quoted)),
    ];
    let number = wire::icmp::protocol(family);
    missiles.into_iter().map(|(name, message)| (name, number, message)).collect()
}

/// UDP messages and TCP segments to our port that are none, or acknowledge nothing of ours.
fn answers(chain: &Chain, family: Family, number: u8) -> Vec<Missile> {
    let (from, to) = match family {
        Family::V4 => (chain.v4(3), chain.v4(0)),
        Family::V6 => (chain.v6(3), chain.v6(0)),
    };
    let mut bytes = Vec::new();
    match number {
        protocol::UDP => {
            let message = udp::Message {
                source_port: 33_434,
                destination_port: IDENTIFIER,
                has_checksum: true,
                payload: &[5; 32],
            };
            message.emit(from, to, &mut bytes).expect("fits");
            let with = |change: fn(&mut Vec<u8>)| {
                let mut bytes = bytes.clone();
                change(&mut bytes);
                bytes
            };
            vec![
                ("a UDP header cut short", number, bytes[..6].to_vec()),
                ("a UDP length beyond the message", number, with(|m| m[4] = 0xff)),
                ("a UDP length shorter than its header", number, with(|m| m[5] = 7)),
            ]
        }
        protocol::TCP => {
            let segment = Segment {
                source_port: 80,
                destination_port: IDENTIFIER,
                sequence: 7,
                acknowledgment: 0,
                flags: flag::SYN | flag::ACK,
                window: 0,
                urgent: 0,
                options: &[],
                payload: &[],
            };
            segment.emit(from, to, &mut bytes).expect("fits");
            let mut no_header = bytes.clone();
            no_header[12] = 0;
            let mut long_header = bytes.clone();
            long_header[12] = 0xf0;
            vec![
                ("a TCP header cut short", number, bytes[..12].to_vec()),
                ("a TCP header of no length", number, no_header),
                ("a TCP header beyond the segment", number, long_header),
                ("a SYN-ACK to nothing", number, bytes),
            ]
        }
        _ => Vec::new(),
    }
}

/// Bytes of a quoted probe, header and payload.
const PROBE_BYTES: usize = 64;

/// A probe as the client would have sent it to a node, with a name that it never bears.
fn quote(family: Family, number: u8, chain: &Chain, node: usize) -> Vec<u8> {
    let (source, to): (IpAddr, IpAddr) = match family {
        Family::V4 => (chain.v4(0), chain.v4(node)),
        Family::V6 => (chain.v6(0), chain.v6(node)),
    };
    let mut message = Vec::new();
    match number {
        protocol::UDP => {
            let probe = udp::Message {
                source_port: IDENTIFIER,
                destination_port: 33_434,
                has_checksum: true,
                payload: &[3; PROBE_BYTES - 8],
            };
            probe.emit(source, to, &mut message).expect("fits");
            // A checksum that is no probe's mark.
            message[6..8].fill(0xff);
        }
        protocol::TCP => {
            let probe = Segment {
                source_port: IDENTIFIER,
                destination_port: 80,
                sequence: u32::MAX,
                acknowledgment: 0,
                flags: flag::SYN,
                window: 0,
                urgent: 0,
                options: &[],
                payload: &[3; PROBE_BYTES - 20],
            };
            probe.emit(source, to, &mut message).expect("fits");
        }
        _ => message = echo(family, echo_request_type(family), &[3; PROBE_BYTES - 8]),
    }
    let mut bytes = Vec::new();
    Header::new(source, to, number).emit(&message, &mut bytes).expect("fits");
    bytes
}

fn echo(family: Family, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let fields = Echo { identifier: IDENTIFIER, sequence: SEQUENCE, payload };
    Message::EchoReply(fields).emit(family, &mut message);
    message[0] = kind;
    seal(family, &mut message);
    message
}

fn error(family: Family, kind: u8, word: u32, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend_from_slice(&word.to_be_bytes());
    message.extend_from_slice(body);
    seal(family, &mut message);
    message
}

/// RFC 4884's length attribute: in units of 4 bytes in the second byte of the word in ICMPv4, of 8
/// in the first in ICMPv6.
fn word(family: Family, length_bytes: u32) -> u32 {
    match family {
        Family::V4 => (length_bytes / 4) << 16,
        Family::V6 => (length_bytes / 8) << 24,
    }
}

/// Completes the checksum in IPv4; the kernel does in IPv6.
fn seal(family: Family, message: &mut [u8]) {
    if family == Family::V4 {
        message[2..4].fill(0);
        let sum = checksum::of(message);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
    }
}
