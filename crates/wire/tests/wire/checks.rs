//! What must hold for any bytes; what is fuzzed, and what the tests feed with goldens and corpus.
//!
//! Bytes need not come back as they were, because reserved fields are written as 0; what is parsed,
//! emitted and parsed again must.

use std::net::Ipv4Addr;
use wire::bpf::{self, Instruction, code};
use wire::dump::{Captured, Printer, View};
use wire::ext::{Content, Structure};
use wire::filter::{Expression, Nobody, Place};
use wire::icmp::{Message, listener, neighbour};
use wire::ip::extensions::{self, Extensions};
use wire::ip::options::{self, Ipv4Option};
use wire::ip::{Datagram, protocol};
use wire::pcapng::{Broken, Direction, Interface, Packet, Reader, Writer, link};
use wire::sight::Sight;
use wire::{Family, arp, dns, icmp, ip, tcp, text, tftp, udp};

/// A check of any bytes.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target.
pub const ALL: &[(&str, Check)] = &[
    ("reply", reply),
    ("quoted", quoted),
    ("options", options),
    ("dns", dns),
    ("pcapng", pcapng),
    ("dump", dump),
    ("filter", filter),
    ("tftp", packet),
];

/// The check of a fuzz target.
pub fn of(target: &str) -> Check {
    let found = ALL.iter().find(|(name, _)| *name == target);
    found.unwrap_or_else(|| panic!("no check is named {target}")).1
}

/// The bytes are a datagram that somebody sent us.
fn reply(bytes: &[u8]) {
    let _ = text::describe(bytes);
    let _ = text::describe_arp(bytes);
    if let Ok(packet) = arp::Packet::parse(bytes) {
        let mut out = Vec::new();
        packet.emit(&mut out);
        assert_eq!(out, bytes[..28]);
    }
    let Ok(datagram) = Datagram::parse(bytes) else { return };
    let mut out = Vec::new();
    datagram.emit(&mut out).expect("what was parsed fits its fields");
    assert_eq!(Datagram::parse(&out), Ok(datagram));
    assert!(ip::verify_header(&out));
    let mut again = Vec::new();
    datagram.header().emit(datagram.payload, &mut again).expect("the header fits its payload");
    assert_eq!(again, out);
    if datagram.family() == Family::V4 {
        // The reserved flag is dropped, and the checksum is right whatever it was.
        out[6] |= bytes[6] & 0x80;
        out[10..12].copy_from_slice(&bytes[10..12]);
    }
    assert_eq!(out, bytes[..datagram.total_bytes]);
    if datagram.fragment.is_none() {
        payload(&datagram);
    }
}

fn payload(datagram: &Datagram<'_>) {
    let Datagram { source, destination, payload, .. } = *datagram;
    let family = datagram.family();
    let mut out = Vec::new();
    match datagram.protocol {
        protocol::UDP => {
            let Ok(message) = udp::Message::parse(payload) else { return };
            message.emit(source, destination, &mut out).expect("it fitted before");
            assert_eq!(udp::Message::parse(&out), Ok(message));
            assert!(udp::verify(source, destination, &out));
        }
        protocol::TCP => {
            let Ok(segment) = tcp::Segment::parse(payload) else { return };
            segment.emit(source, destination, &mut out).expect("it fitted before");
            assert_eq!(tcp::Segment::parse(&out), Ok(segment));
            assert!(tcp::verify(source, destination, &out));
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let Some(message) = message(family, payload) else { return };
            message.emit(family, &mut out);
            icmp::fill_checksum(source, destination, &mut out);
            assert!(icmp::verify(source, destination, &out));
        }
        _ => {}
    }
}

/// The bytes are a TFTP packet.
fn packet(bytes: &[u8]) {
    let Ok(packet) = tftp::Packet::parse(bytes) else { return };
    let mut out = Vec::new();
    packet.emit(&mut out);
    assert_eq!(tftp::Packet::parse(&out), Ok(packet));
    if let tftp::Packet::OptionAcknowledgment { options } = packet {
        for (name, value) in options.iter() {
            assert!(!name.contains(&0) && !value.contains(&0));
            let _ = tftp::number(value);
        }
    }
}

/// An ICMP message that reads back as written.
fn message(family: Family, bytes: &[u8]) -> Option<Message<'_>> {
    let message = Message::parse(family, bytes).ok()?;
    let mut out = Vec::new();
    message.emit(family, &mut out);
    assert_eq!(Message::parse(family, &out), Ok(message));
    Some(message)
}

/// The bytes are a family (by the lowest bit of the first) and an ICMP message that quotes.
fn quoted(bytes: &[u8]) {
    let Some((family, bytes)) = bytes.split_first() else { return };
    let family = Family::ALL[usize::from(family & 1)];
    match message(family, bytes) {
        Some(Message::Error(error)) => {
            let _ = (error.mtu_bytes(), error.gateway(), error.pointer());
            let Ok(quoted) = error.parse_quoted() else { return };
            let bytes = quoted.datagram.payload.len() + quoted.extension.map_or(0, <[u8]>::len);
            assert!(bytes <= error.body.len());
            let mut header = Vec::new();
            quoted.datagram.emit(&mut header).expect("what was parsed fits its fields");
            assert_eq!(Datagram::parse_quoted(&header), Ok(quoted.datagram));
            quoted.extension.into_iter().for_each(structure);
        }
        Some(Message::ExtendedEchoRequest(request)) => structure(request.extension),
        _ => {}
    }
}

/// An RFC 4884 structure that reads back as written, and so does what it contains.
fn structure(bytes: &[u8]) {
    let Ok(structure) = Structure::parse(bytes) else { return };
    let mut out = Vec::new();
    structure.emit(&mut out);
    assert_eq!(Structure::parse(&out), Ok(structure));
    let mut objects = Vec::new();
    for object in structure.objects().map_while(Result::ok) {
        object.emit(&mut objects).expect("it fitted before");
        match object.content() {
            Ok(Content::Mpls(labels)) => {
                let emitted: Vec<u8> = labels.iter().flat_map(|label| label.bytes()).collect();
                assert_eq!(emitted, object.body);
            }
            Ok(Content::Interface(interface)) => {
                let mut again = vec![0x20, 0, 0, 0];
                interface.emit(&mut again);
                let again = Structure::parse(&again).expect("the header is sound");
                let again = again.objects().next().expect("one was written").expect("it is sound");
                assert_eq!(again.content(), Ok(Content::Interface(interface)));
            }
            _ => {}
        }
    }
    assert!(structure.bytes.starts_with(&objects));
}

/// The bytes are what stands in a list of options or headers, of which kind says the first.
fn options(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    match which % 5 {
        0 => ipv4_options(&bytes[..bytes.len().min(ip::OPTIONS_MAX_BYTES)]),
        1 => extension_headers(bytes),
        2 => tcp_options(&bytes[..bytes.len().min(tcp::OPTIONS_MAX_BYTES)]),
        3 => discovery(bytes),
        _ => records(bytes),
    }
}

fn ipv4_options(bytes: &[u8]) {
    let mut out = Vec::new();
    for option in options::Options::new(bytes).map_while(Result::ok) {
        option.emit(&mut out).expect("it fitted before");
        match option {
            Ipv4Option::Timestamp(stamps) => assert!(stamps.entries().count() <= 9),
            Ipv4Option::RecordRoute(route) => {
                assert_eq!(route.recorded().count() + route.ahead().count(), route.slots.len() / 4);
            }
            _ => {}
        }
    }
    assert!(bytes.starts_with(&out));
    let own = Ipv4Addr::new(192, 0, 2, 1);
    let mut passed = bytes.to_vec();
    let _ = options::pass(&mut passed, own, |address| address == own, 1);
    let _ = options::turn(&mut passed, own);
    assert_eq!(option_ends(&passed), option_ends(bytes));
}

/// Where each option ends, and whether it is sound.
fn option_ends(bytes: &[u8]) -> Vec<(usize, bool)> {
    let mut list = options::Options::new(bytes);
    let mut ends = Vec::new();
    while let Some(option) = list.next() {
        ends.push((list.offset(), option.is_ok()));
    }
    ends
}

fn extension_headers(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let mut out = Vec::new();
    for header in Extensions::new(*first, bytes).map_while(Result::ok) {
        out.extend_from_slice(header.bytes);
        if let Ok(extensions::Content::HopByHop(list) | extensions::Content::Destination(list)) =
            header.content()
        {
            let mut emitted = Vec::new();
            for option in list.map_while(Result::ok) {
                option.emit(&mut emitted).expect("it fitted before");
            }
            let read: Vec<_> = list.map_while(Result::ok).collect();
            let again: Vec<_> = extensions::Options::new(&emitted).map_while(Result::ok).collect();
            assert_eq!(again, read);
        }
    }
    assert!(bytes.starts_with(&out));
}

fn tcp_options(bytes: &[u8]) {
    let mut out = Vec::new();
    for option in tcp::Options::new(bytes).map_while(Result::ok) {
        option.emit(&mut out).expect("it fitted before");
        let _ = option.to_string();
    }
    assert!(bytes.starts_with(&out));
}

fn discovery(bytes: &[u8]) {
    let mut out = Vec::new();
    let read: Vec<_> = neighbour::Options::new(bytes).map_while(Result::ok).collect();
    for option in &read {
        option.emit(&mut out).expect("it fitted before");
    }
    let again: Vec<_> = neighbour::Options::new(&out).map_while(Result::ok).collect();
    assert_eq!(again, read);
    assert!(out.len() <= bytes.len());
}

fn records(bytes: &[u8]) {
    let reports = listener::Reports { count: u16::MAX, bytes };
    let mut out = Vec::new();
    for record in reports.records().map_while(Result::ok) {
        record.emit(&mut out).expect("it fitted before");
    }
    assert!(bytes.starts_with(&out));
}

/// The bytes are a DNS message.
fn dns(bytes: &[u8]) {
    let Ok(message) = dns::Message::parse(bytes) else { return };
    let mut out = Vec::new();
    message.header.emit(&mut out);
    assert_eq!(dns::Header::parse(&out), Ok(message.header));
    let questions: Vec<_> = message.questions().collect();
    let answers: Vec<_> = message.answers().collect();
    assert!(questions.len() <= message.header.questions.into());
    assert!(answers.len() <= usize::from(message.header.answers).max(1));
    for question in questions.into_iter().flatten() {
        name(question.name);
    }
    for record in answers.into_iter().flatten() {
        name(record.name);
        match record.content {
            dns::Content::Name(pointed) => name(pointed),
            dns::Content::Text(text) => {
                let mut strings = text.strings();
                assert!(strings.all(|string| string.len() <= 255) && strings.next().is_none());
            }
            dns::Content::Address(_) | dns::Content::Other(_) => {}
        }
    }
}

/// A name that is within bounds, and reads back as written if it can be.
fn name(name: dns::Name<'_>) {
    let bytes: usize = name.labels().map(|label| label.len() + 1).sum();
    assert!(bytes < dns::NAME_MAX_BYTES);
    let shown = name.to_string();
    if !shown.is_empty() && !shown.contains('\\') {
        let mut out = Vec::new();
        dns::emit_name(&shown, &mut out).expect("it was a name before");
        let (again, end) = dns::Name::parse(&out, 0).expect("it was written just now");
        assert_eq!((again, end), (name, out.len()));
        assert!(again.is(&shown));
    }
}

/// The bytes are a capture file, the first of them how large the pieces are in which it comes.
fn pcapng(bytes: &[u8]) {
    let Some((piece, file)) = bytes.split_first() else { return };
    let whole = capture(file, file.len());
    assert_eq!(capture(file, usize::from(*piece)), whole, "in pieces");
    // What was read is written, as far as nanoseconds reach, and read again.
    let mut out = Vec::new();
    let mut writer = Writer::new("a check", &mut out);
    let interface = Interface { link: 1, snaplen: 0, name: None, description: None };
    writer.interface(&interface, &mut out);
    let again: Vec<Kept> = whole
        .0
        .into_iter()
        .map(|kept| {
            let time_ns = kept.time_ns.map(|ns| ns.clamp(0, u64::MAX.into()));
            let is_simple =
                kept.comment.is_none() && kept.original_bytes as usize == kept.bytes.len();
            let time_ns = if is_simple { time_ns } else { time_ns.or(Some(0)) };
            Kept { time_ns, ..kept }
        })
        .collect();
    for kept in &again {
        let packet = Packet {
            interface: 0,
            time_ns: kept.time_ns,
            direction: kept.direction,
            comment: kept.comment.as_deref(),
            original_bytes: kept.original_bytes,
            bytes: &kept.bytes,
        };
        writer.packet(&packet, &mut out);
    }
    assert_eq!(capture(&out, out.len()), (again, Ok(())));
}

#[derive(Debug, PartialEq)]
struct Kept {
    time_ns: Option<i128>,
    direction: Direction,
    comment: Option<Vec<u8>>,
    original_bytes: u32,
    bytes: Vec<u8>,
}

fn capture(file: &[u8], piece: usize) -> (Vec<Kept>, Result<(), Broken>) {
    let mut reader = Reader::default();
    let mut packets = Vec::new();
    for piece in file.chunks(piece.max(1)) {
        reader.push(piece);
        loop {
            let packet = match reader.read() {
                Ok(Some(record)) => record.packet,
                Ok(None) => break,
                Err(broken) => return (packets, Err(broken)),
            };
            packets.push(Kept {
                time_ns: packet.time_ns,
                direction: packet.direction,
                comment: packet.comment.map(<[u8]>::to_vec),
                original_bytes: packet.original_bytes,
                bytes: packet.bytes.to_vec(),
            });
        }
    }
    let ended = reader.finish();
    (packets, ended)
}

const LINKS: [u16; 8] = [
    link::ETHERNET,
    link::RAW,
    link::LINUX_SLL,
    link::LINUX_SLL2,
    link::NULL,
    link::IPV4,
    link::IPV6,
    0xffff,
];

/// The bytes are a link type, how much is to be shown, and packets: each its length and itself.
fn dump(bytes: &[u8]) {
    let [kind, how, rest @ ..] = bytes else { return };
    let link = LINKS[usize::from(kind % 8)];
    let view = View {
        detail: how & 3,
        link_header: how & 4 != 0,
        quotes: how & 8 != 0,
        absolute: how & 16 != 0,
    };
    let mut printer = Printer::new(view);
    let mut rest = rest;
    while let [a, b, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*a, *b])).min(after.len());
        let (packet, behind) = after.split_at(length);
        rest = behind;
        let original_bytes = packet.len() + usize::from(how >> 5);
        let captured = Captured { link, bytes: packet, original_bytes, interface: None };
        let mut out = String::new();
        printer.packet(&captured, &mut out);
        let is_plain = |byte: u8| matches!(byte, b'\n' | b'\t' | 0x20..0x7f);
        assert!(out.bytes().all(is_plain), "{out:?}");
        // A byte becomes a few characters, at most once a quote.
        assert!(out.len() < 2_000 + packet.len() * 400, "{} for {}", out.len(), packet.len());
        if let Some(sight) = Sight::of(link, packet) {
            assert!(sight.flow().is_none() || sight.quoted_flow().is_none());
        }
    }
}

/// The bytes are a filter, and behind a zero byte a packet.
fn filter(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let packet = bytes.get(end + 1..).unwrap_or_default();
    let Ok(text) = str::from_utf8(&bytes[..end]) else { return };
    let Ok(expression) = Expression::parse(text, &Nobody) else { return };
    for link in LINKS {
        let place = Place::Link(link);
        let (Ok(program), Ok(filter)) = (expression.program(place, 96), expression.compile(link))
        else {
            continue;
        };
        would_be_taken(&program);
        let length = packet.len() as u32;
        let passed = bpf::run(&program, packet, length);
        let is_wanted = filter.wants(packet, length);
        assert!(passed == 0 || passed == 96);
        match expression.needs_more() {
            // A packet that is cut may end the kernel's program before it has decided.
            true => {}
            false => assert_eq!(is_wanted, passed == 96, "{text}"),
        }
    }
    if let Ok(program) = expression.program(Place::Cooked, 96) {
        would_be_taken(&program);
    }
}

/// What the kernel demands of a program: jumps stay within, and it ends with a return.
fn would_be_taken(program: &[Instruction]) {
    assert!(program.len() <= bpf::INSTRUCTIONS_MAX);
    assert_eq!(program.last().map(|last| last.code), Some(code::RETURN));
    for (at, instruction) in program.iter().enumerate() {
        let farthest = match instruction.code {
            code::JUMP => instruction.k as usize,
            code::JUMP_EQUAL | code::JUMP_GREATER | code::JUMP_AT_LEAST | code::JUMP_ANY_BIT => {
                usize::from(instruction.jump_true.max(instruction.jump_false))
            }
            _ => 0,
        };
        assert!(at + 1 + farthest < program.len() || instruction.code == code::RETURN);
    }
}
