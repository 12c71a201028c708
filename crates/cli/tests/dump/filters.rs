//! Our filters against those that libpcap makes of the same words: each runs over every packet of
//! every capture of its link type.

use crate::captures::{ASKWAY, all, folder, run, stdout};
use testbed::require;
use wire::bpf::{self, Instruction};
use wire::filter::{Expression, Nobody, Place};
use wire::pcapng::{Reader, link};

/// One a line; `ethernet: ` stands before what only Ethernet has.
const FILTERS: &str = include_str!("filters.txt");

/// Packets of a link type: bytes and length.
type Packets = Vec<(Vec<u8>, u32)>;

fn packets(of: u16) -> Packets {
    let mut packets = Packets::new();
    for capture in all() {
        let mut reader = Reader::default();
        reader.push(&std::fs::read(folder().join(capture)).expect("a capture"));
        while let Some(record) = reader.read().expect("it is whole") {
            if record.interface.link == of {
                packets.push((record.packet.bytes.to_vec(), record.packet.original_bytes));
            }
        }
    }
    packets
}

/// What libpcap makes of a filter, for the link type of a capture.
fn theirs(capture: &str, filter: &str) -> Vec<Instruction> {
    let ran = run("tcpdump", &["-ddd", "-r", capture, filter]);
    let said = String::from_utf8_lossy(&ran.stderr);
    if said.contains("expression rejects all packets") {
        return Vec::new();
    }
    assert!(ran.status.success(), "{filter}: {said}");
    let text = stdout(&ran);
    let instructions = text.lines().skip(1).map(|line| {
        let numbers: Vec<u32> =
            line.split(' ').map(|word| word.parse().expect("a number")).collect();
        let [code, jump_true, jump_false, k] = numbers[..] else { panic!("{line}") };
        let [jump_true, jump_false] = [jump_true, jump_false].map(|it| it as u8);
        Instruction { code: code as u16, jump_true, jump_false, k }
    });
    instructions.collect()
}

#[test]
fn filters_want_what_libpcaps_want() {
    require(&["tcpdump"]);
    let kinds = [
        (link::ETHERNET, "icmp.pcap"),
        (link::LINUX_SLL, "cooked.pcap"),
        (link::LINUX_SLL2, "any.pcap"),
        (link::RAW, "goldens.pcap"),
    ];
    for (kind, capture) in kinds {
        let packets = packets(kind);
        assert!(packets.len() >= 6, "{kind}");
        for filter in FILTERS.lines() {
            let filter = match filter.strip_prefix("ethernet: ") {
                Some(filter) if kind == link::ETHERNET => filter,
                Some(_) => continue,
                None => filter,
            };
            let expression = Expression::parse(filter, &Nobody).expect(filter);
            let ours = expression.compile(kind).expect(filter);
            let theirs = theirs(capture, filter);
            for (packet, length) in &packets {
                let wanted = bpf::run(&theirs, packet, *length) != 0;
                assert_eq!(ours.wants(packet, *length), wanted, "{kind}: {filter}: {packet:02x?}");
            }
        }
    }
}

#[test]
fn what_errors_quote_is_looked_at() {
    let count = |filter: &str| {
        let ran = run(ASKWAY, &["dump", "--no-quotes", "-r", "udp.pcap", filter]);
        stdout(&ran).lines().count()
    };
    assert_eq!(count("port 7779"), 2);
    assert_eq!(count("quotes port 7779"), 2);
    assert_eq!(count("quotes src port 7779"), 0);
    assert_eq!(count("quotes (ip and dst host 192.0.2.130)"), 1);
    assert_eq!(count("about port 7779"), 4);
    assert_eq!(count("not quotes port 7779"), 10);
    assert_eq!(count("icmp6 and not quotes tcp"), 1);
}

#[test]
fn the_kernels_program_passes_whatever_is_wanted() {
    let filters = ["quotes port 7779", "not quotes udp", "about host 192.0.2.130 and not tcp"];
    for filter in filters {
        let expression = Expression::parse(filter, &Nobody).expect(filter);
        let wide = expression.program(Place::Link(link::ETHERNET), 96).expect(filter);
        let exact = expression.compile(link::ETHERNET).expect(filter);
        assert!(expression.needs_more());
        for (packet, length) in packets(link::ETHERNET) {
            if exact.wants(&packet, length) {
                assert_eq!(bpf::run(&wide, &packet, length), 96, "{filter}");
            }
        }
    }
}

#[test]
fn long_filters_jump_far_and_too_long_ones_are_refused() {
    let hosts: Vec<String> = (0..120).map(|n| format!("host 198.51.100.{n}")).collect();
    let long = hosts.join(" or ") + " or host 192.0.2.130";
    let expression = Expression::parse(&long, &Nobody).expect("a filter");
    let filter = expression.compile(link::ETHERNET).expect("it fits");
    let wanted = packets(link::ETHERNET).iter().filter(|(it, n)| filter.wants(it, *n)).count();
    let plain = Expression::parse("host 192.0.2.130 or host 198.51.100.1", &Nobody);
    let plain = plain.expect("a filter").compile(link::ETHERNET).expect("it fits");
    assert_eq!(
        wanted,
        packets(link::ETHERNET).iter().filter(|(it, n)| plain.wants(it, *n)).count()
    );
    assert!(wanted > 50, "{wanted}");
    let hosts: Vec<String> =
        (0..2_000).map(|n| format!("host 10.0.{}.{}", n / 200, n % 200)).collect();
    let expression = Expression::parse(&hosts.join(" or "), &Nobody).expect("a filter");
    assert!(expression.compile(link::ETHERNET).is_err());
    let deep = "not ".repeat(5_000) + "icmp";
    assert!(Expression::parse(&deep, &Nobody).is_err());
}
