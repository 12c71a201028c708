//! A running ping against a peer that sends what no host should, and against an impatient user:
//! real sockets in namespaces, real ICMP.

use serde_json::Value;
use std::net::IpAddr;
use testbed::{Bed, Chain, Node};
use wire::icmp::{Echo, Message, echo_reply_type, echo_request_type};
use wire::ip::Header;
use wire::{Family, checksum, ip::protocol};

/// The identifier that the pings here are told to use, so that what is thrown passes the kernel's
/// filter and reaches the program.
const IDENTIFIER: u16 = 0x4a17;

/// A sequence number that the pings here never reach.
const SEQUENCE: u16 = 60_000;

#[test]
fn malformed_icmp_has_no_effect() {
    let Some(mut bed) = Bed::open(&["socat"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    for to in chain.both(1) {
        let family = Family::of(to);
        let thrown = missiles(family, &chain);
        assert!(thrown.len() >= 14);
        let count = (thrown.len() + 5).to_string();
        let identifier = IDENTIFIER.to_string();
        let to = to.to_string();
        let arguments =
            ["ping", &to, "--json", "-i", "50ms", "-c", &count, "--identifier", &identifier];
        let mut ping = chain[0].launch(env!("CARGO_BIN_EXE_askway")).args(&arguments).start();
        ping.wait_for_stdout("\"seq\":2");
        for (name, message) in &thrown {
            throw(&chain[1], family, &chain, name, message);
        }
        let ran = ping.finish();
        assert_eq!(ran.code(), Some(0), "{family}: {}{}", ran.stdout(), ran.stderr());
        let lines = parse(&ran.stdout());
        let summary = lines.last().expect("a summary");
        assert_eq!(summary["type"], "summary");
        for (field, expected) in [
            ("sent", thrown.len() + 5),
            ("received", thrown.len() + 5),
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

/// Sends one ICMP message from `node` to the client through a raw socket; the kernel adds the IP
/// header.
fn throw(node: &Node, family: Family, chain: &Chain, name: &str, message: &[u8]) {
    let (client, kind, number) = match family {
        Family::V4 => (chain.v4(0).to_string(), "ip4-sendto", protocol::ICMP),
        Family::V6 => (format!("[{}]", chain.v6(0)), "ip6-sendto", protocol::ICMPV6),
    };
    let to = format!("{kind}:{client}:{number}");
    let ran = node.launch("socat").args(&["-u", "-b", "65536", "-", &to]).stdin(message).run();
    assert_eq!(ran.code(), Some(0), "{name}: {}", ran.stderr());
}

/// ICMP messages that no host should send, or that are not what they seem.
fn missiles(family: Family, chain: &Chain) -> Vec<(&'static str, Vec<u8>)> {
    let (unreachable, exceeded, problem) = match family {
        Family::V4 => (3, 11, 12),
        Family::V6 => (1, 3, 4),
    };
    let quoted = quote(family, chain);
    let inner = |change: fn(&mut Vec<u8>)| {
        let mut bytes = quoted.clone();
        change(&mut bytes);
        error(family, exceeded, 0, &bytes)
    };
    let probe = echo(family, echo_reply_type(family), &[]);
    // The sender's kernel wants to see the type, and in IPv6 the checksum that it fills in.
    let least = if family == Family::V4 { 2 } else { 4 };
    let mut bad_sum = echo(family, echo_reply_type(family), &[7; 56]);
    bad_sum[2] ^= 0x55;
    let mut extended = quoted.clone();
    extended.resize(128, 0);
    let object = |length: u16, class: u8| {
        let [high, low] = length.to_be_bytes();
        let mut bytes = extended.clone();
        bytes.extend_from_slice(&[0x20, 0, 0, 0, high, low, class, 1, 0, 0, 0x11, 0xff]);
        error(family, exceeded, word(family, 128), &bytes)
    };
    vec![
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
                q[6] = protocol::UDP;
                q[9] = protocol::UDP;
            }),
        ),
        ("a quote cut within the probe", inner(|q| q.truncate(q.len() - 60))),
        (
            "a length attribute beyond the message",
            error(family, exceeded, word(family, 1_020), &quoted),
        ),
        ("an extension object of no length", object(0, 1)),
        ("an extension object longer than all", object(0xffff, 1)),
        ("an extension object of an odd length", object(5, 2)),
        ("a pointer beyond the packet", error(family, problem, u32::MAX, &quoted)),
        ("a type that nobody knows", error(family, 99, 0, &quoted)),
    ]
}

/// An echo request as the client would have sent it, with a sequence number that it never does.
fn quote(family: Family, chain: &Chain) -> Vec<u8> {
    let (source, to, number): (IpAddr, IpAddr, u8) = match family {
        Family::V4 => (chain.v4(0), chain.v4(1), protocol::ICMP),
        Family::V6 => (chain.v6(0), chain.v6(1), protocol::ICMPV6),
    };
    let mut bytes = Vec::new();
    Header::new(source, to, number)
        .emit(&echo(family, echo_request_type(family), &[3; 56]), &mut bytes)
        .expect("fits");
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
