//! Socket filters (classic BPF): only answers that bear one of our identifiers or ports, and errors
//! that quote one, are copied to this program. An IPv4 raw socket's filter sees the datagram from
//! its IP header on, an IPv6 one's from the transport header.

use wire::Family;
use wire::icmp;
use wire::ip::protocol;

pub(crate) use wire::bpf::Instruction;

/// A block of identifiers or ports that one mask can tell from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// What the masked identifier must be.
    base: u16,
    mask: u16,
}

impl Block {
    /// All of them.
    const ALL: Block = Block { base: 0, mask: 0 };

    /// The smallest block that holds `first` to `last`.
    pub(crate) fn around(first: u16, last: u16) -> Block {
        let differing_bits = u16::BITS - (first ^ last).leading_zeros();
        let mask = u16::MAX.checked_shl(differing_bits).unwrap_or(0);
        Block { base: first & mask, mask }
    }
}

/// The ICMP types that may be answers or errors; the socket's type filter lets no other pass.
pub(crate) fn types(family: Family) -> &'static [u8] {
    match family {
        // Echo, timestamp and mask reply; unreachable, quench, redirect, expired, bad parameter.
        Family::V4 => &[0, 14, 18, 3, 4, 5, 11, 12],
        // Echo and node information reply; unreachable, too big, expired, bad parameter.
        Family::V6 => &[129, 140, 1, 2, 3, 4],
    }
}

/// The only ICMP type that a socket is to hear which looks for routers.
pub(crate) fn advertisements(family: Family) -> &'static [u8] {
    match family {
        Family::V4 => &[9],
        Family::V6 => &[134],
    }
}

/// The program for a socket that is to hear whatever its type filter lets pass.
pub(crate) const EVERYTHING: [Instruction; 1] =
    [Instruction { code: RETURN, jump_true: 0, jump_false: 0, k: u32::MAX }];

/// The program for a socket that is not to hear anything.
pub(crate) const NOTHING: [Instruction; 1] =
    [Instruction { code: RETURN, jump_true: 0, jump_false: 0, k: 0 }];

/// The program for a raw ICMP socket whose probes are ICMP.
pub(crate) fn program(family: Family, block: Block) -> Vec<Instruction> {
    let probes = Probes { protocol: icmp::protocol(family), name_at: 4, block };
    match family {
        Family::V4 => assemble(&v4(&probes, &[0, 14, 18])),
        Family::V6 => assemble(&v6(&probes, true)),
    }
}

/// The program for a raw ICMP socket that hears what comes of probes of another protocol: errors.
pub(crate) fn errors(family: Family, protocol: u8, ports: Block) -> Vec<Instruction> {
    let block = if has_ports(protocol) { ports } else { Block::ALL };
    let probes = Probes { protocol, name_at: 0, block };
    match family {
        Family::V4 => assemble(&v4(&probes, &[])),
        Family::V6 => assemble(&v6(&probes, false)),
    }
}

/// The program for a raw socket of a protocol with ports that hears what is sent to ours; `None`
/// where a filter would do harm, or could not choose.
pub(crate) fn answers(family: Family, protocol: u8, ports: Block) -> Option<Vec<Instruction>> {
    const TO_PORT: u32 = 2;
    let load = match family {
        _ if !has_ports(protocol) => return None,
        Family::V4 => LOAD_HALF_INDEXED,
        // With a filter, Linux throws away what does not sum up as TCP and UDP do.
        Family::V6 if !matches!(protocol, protocol::TCP | protocol::UDP) => return None,
        Family::V6 => LOAD_HALF,
    };
    let mut steps = vec![Do { code: LOAD_X_HEADER_LENGTH, k: 0 }, Do { code: load, k: TO_PORT }];
    steps.extend(check(ports));
    Some(assemble(&steps))
}

/// Whether a protocol's header begins with the sender's port and the receiver's.
pub(crate) fn has_ports(protocol: u8) -> bool {
    use protocol::{DCCP, SCTP, TCP, UDP, UDP_LITE};
    matches!(protocol, TCP | UDP | DCCP | SCTP | UDP_LITE)
}

/// What our probes look like where an error quotes them.
struct Probes {
    protocol: u8,
    /// Where in the transport header the identifier or source port stands.
    name_at: u32,
    block: Block,
}

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Next,
    Any,
    Answer,
    Nonce,
    Error,
    Quoted,
    Check,
    Accept,
    Reject,
}

enum Step {
    Mark(Label),
    Do { code: u16, k: u32 },
    Test { code: u16, k: u32, then: Label, otherwise: Label },
}

// Operations, from linux/bpf_common.h: class, size and mode or operation and source.
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_INDEXED: u16 = 0x48;
const LOAD_BYTE_INDEXED: u16 = 0x50;
const LOAD_X_HEADER_LENGTH: u16 = 0xb1;
const AND: u16 = 0x54;
const SHIFT_LEFT: u16 = 0x64;
const ADD_X: u16 = 0x0c;
const A_TO_X: u16 = 0x07;
const RETURN: u16 = 0x06;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_ANY_BIT: u16 = 0x45;

use Step::{Do, Mark, Test};

fn is(k: u32, then: Label) -> Step {
    Test { code: JUMP_EQUAL, k, then, otherwise: Label::Next }
}

fn must_be(k: u32) -> Step {
    Test { code: JUMP_EQUAL, k, then: Label::Next, otherwise: Label::Reject }
}

fn go_to(label: Label) -> Step {
    Test { code: JUMP_EQUAL, k: 0, then: label, otherwise: label }
}

/// Both header lengths are read from the packet: the outer one's, then the quoted one's.
fn v4(probes: &Probes, answers: &[u32]) -> Vec<Step> {
    let mut steps = if answers.is_empty() { Vec::new() } else { plain_replies() };
    steps.extend([Do { code: LOAD_X_HEADER_LENGTH, k: 0 }, Do { code: LOAD_BYTE_INDEXED, k: 0 }]);
    steps.extend(answers.iter().map(|kind| is(*kind, Label::Answer)));
    steps.extend([
        is(3, Label::Error),
        is(4, Label::Error),
        is(5, Label::Error),
        is(11, Label::Error),
        must_be(12),
        // The quoted header stands behind 8 bytes of ICMP. A later fragment bears no identifier.
        Mark(Label::Error),
        Do { code: LOAD_BYTE_INDEXED, k: 8 + 9 },
        must_be(probes.protocol.into()),
        Do { code: LOAD_HALF_INDEXED, k: 8 + 6 },
        Test { code: JUMP_ANY_BIT, k: 0x1fff, then: Label::Reject, otherwise: Label::Next },
        Do { code: LOAD_BYTE_INDEXED, k: 8 },
        Do { code: AND, k: 0x0f },
        Do { code: SHIFT_LEFT, k: 2 },
        Do { code: ADD_X, k: 0 },
        Do { code: A_TO_X, k: 0 },
        Do { code: LOAD_HALF_INDEXED, k: 8 + probes.name_at },
        go_to(Label::Check),
        Mark(Label::Answer),
        Do { code: LOAD_HALF_INDEXED, k: 4 },
    ]);
    steps.extend(check(probes.block));
    steps
}

/// Echo replies without options, of which a flood consists, are read at fixed offsets: the kernel
/// compiles those loads, and calls a function for the others.
fn plain_replies() -> Vec<Step> {
    vec![
        Do { code: LOAD_BYTE, k: 0 },
        Test { code: JUMP_EQUAL, k: 0x45, then: Label::Next, otherwise: Label::Any },
        Do { code: LOAD_BYTE, k: 20 },
        Test { code: JUMP_EQUAL, k: 0, then: Label::Next, otherwise: Label::Any },
        Do { code: LOAD_HALF, k: 20 + 4 },
        go_to(Label::Check),
        Mark(Label::Any),
    ]
}

/// The quoted header has a fixed length, but extension headers may follow it: those are left to the
/// engine's parser.
fn v6(probes: &Probes, has_answers: bool) -> Vec<Step> {
    const QUOTED: u32 = 8;
    const EXTENSIONS: [u32; 4] = [0, 43, 44, 60];
    let mut steps = vec![Do { code: LOAD_BYTE, k: 0 }];
    if has_answers {
        steps.extend([is(129, Label::Answer), is(140, Label::Nonce)]);
    }
    steps.extend([
        is(1, Label::Error),
        is(2, Label::Error),
        is(3, Label::Error),
        must_be(4),
        Mark(Label::Error),
        Do { code: LOAD_BYTE, k: QUOTED + 6 },
        is(probes.protocol.into(), Label::Quoted),
    ]);
    steps.extend(EXTENSIONS.map(|next_header| is(next_header, Label::Accept)));
    steps.extend([
        Do { code: RETURN, k: 0 },
        // Node information (RFC 4620 §4) has no identifier; ours opens the nonce.
        Mark(Label::Nonce),
        Do { code: LOAD_HALF, k: 8 },
        go_to(Label::Check),
        Mark(Label::Quoted),
        Do { code: LOAD_HALF, k: QUOTED + 40 + probes.name_at },
        go_to(Label::Check),
        Mark(Label::Answer),
        Do { code: LOAD_HALF, k: 4 },
    ]);
    steps.extend(check(probes.block));
    steps
}

fn check(block: Block) -> [Step; 7] {
    [
        Mark(Label::Check),
        Do { code: AND, k: block.mask.into() },
        must_be(block.base.into()),
        Mark(Label::Accept),
        Do { code: RETURN, k: u32::MAX },
        Mark(Label::Reject),
        Do { code: RETURN, k: 0 },
    ]
}

fn assemble(steps: &[Step]) -> Vec<Instruction> {
    let mut marks = Vec::new();
    let mut at = 0;
    for step in steps {
        match step {
            Mark(label) => marks.push((*label, at)),
            _ => at += 1,
        }
    }
    let skip = |here: usize, to: Label| -> u8 {
        if to == Label::Next {
            return 0;
        }
        let (_, at) = marks.iter().find(|(label, _)| *label == to).expect("every label is marked");
        u8::try_from(at - here - 1).expect("programs are short and jump forward")
    };
    let mut out = Vec::new();
    for step in steps {
        match *step {
            Mark(_) => {}
            Do { code, k } => out.push(Instruction { code, jump_true: 0, jump_false: 0, k }),
            Test { code, k, then, otherwise } => out.push(Instruction {
                code,
                jump_true: skip(out.len(), then),
                jump_false: skip(out.len(), otherwise),
                k,
            }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::icmp::{Echo, Error, Mask, Meaning, Message, Timestamp};
    use wire::ip::Header;

    const BLOCK: Block = Block { base: 0x1230, mask: 0xfffc };

    /// What the kernel does with a program; a load beyond the packet rejects.
    fn run(program: &[Instruction], packet: &[u8]) -> bool {
        let (mut a, mut x, mut at) = (0u32, 0u32, 0);
        loop {
            let Instruction { code, jump_true, jump_false, k } = program[at];
            at += 1;
            let load = |offset: u32, bytes: usize| -> Option<u32> {
                let slice = packet.get(offset as usize..offset as usize + bytes)?;
                Some(slice.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
            };
            let loaded = match code {
                LOAD_HALF => load(k, 2),
                LOAD_BYTE => load(k, 1),
                LOAD_HALF_INDEXED => load(x + k, 2),
                LOAD_BYTE_INDEXED => load(x + k, 1),
                LOAD_X_HEADER_LENGTH => {
                    let Some(byte) = load(k, 1) else { return false };
                    x = (byte & 0x0f) * 4;
                    Some(a)
                }
                AND => Some(a & k),
                SHIFT_LEFT => Some(a << k),
                ADD_X => Some(a + x),
                A_TO_X => {
                    x = a;
                    Some(a)
                }
                JUMP_EQUAL | JUMP_ANY_BIT => {
                    let holds = if code == JUMP_EQUAL { a == k } else { a & k != 0 };
                    at += usize::from(if holds { jump_true } else { jump_false });
                    Some(a)
                }
                RETURN => return k != 0,
                _ => panic!("operation {code:#x}"),
            };
            match loaded {
                Some(value) => a = value,
                None => return false,
            }
        }
    }

    fn message(family: Family, message: &Message<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        message.emit(family, &mut out);
        out
    }

    fn echo(identifier: u16) -> Echo<'static> {
        Echo { identifier, sequence: 1, payload: &[1, 2, 3, 4] }
    }

    fn datagram(family: Family, protocol: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let (source, destination) = match family {
            Family::V4 => ("192.0.2.1", "198.51.100.1"),
            Family::V6 => ("2001:db8::1", "2001:db8::2"),
        };
        let source = source.parse().expect("an address");
        let destination = destination.parse().expect("an address");
        let mut header = Header::new(source, destination, protocol);
        header.options = options.to_vec();
        let mut out = Vec::new();
        header.emit(payload, &mut out).expect("a header");
        out
    }

    /// Whether a raw socket's filter lets an ICMP message pass, with every IPv4 header length.
    fn passes(family: Family, message: &[u8]) -> bool {
        let program = program(family, BLOCK);
        if family == Family::V6 {
            return run(&program, message);
        }
        let verdicts: Vec<bool> = (0..=10)
            .map(|words| {
                run(&program, &datagram(family, protocol::ICMP, &vec![1; words * 4], message))
            })
            .collect();
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
        verdicts[0]
    }

    fn error(family: Family, meaning: Meaning, quoted: &[u8]) -> Vec<u8> {
        let (kind, code) = meaning.numbers(family).expect("exists");
        message(family, &Message::Error(Error { meaning, kind, code, word: 0, body: quoted }))
    }

    #[test]
    fn answers_pass_by_identifier() {
        for family in Family::ALL {
            for (identifier, ours) in
                [(0x122f, false), (0x1230, true), (0x1233, true), (0x1234, false), (0x3012, false)]
            {
                let reply = message(family, &Message::EchoReply(echo(identifier)));
                assert_eq!(passes(family, &reply), ours, "{family} {identifier:#x}");
                let request = message(family, &Message::EchoRequest(echo(identifier)));
                assert!(!passes(family, &request));
            }
        }
    }

    #[test]
    fn timestamp_mask_and_node_information_replies_pass() {
        for (identifier, ours) in [(0x1231, true), (0x1331, false)] {
            let stamps =
                Timestamp { identifier, sequence: 0, originate: 0, receive: 0, transmit: 0 };
            let reply = message(Family::V4, &Message::TimestampReply(stamps));
            assert_eq!(passes(Family::V4, &reply), ours);
            let mask = Mask { identifier, sequence: 0, mask: [255, 0, 0, 0].into() };
            assert_eq!(passes(Family::V4, &message(Family::V4, &Message::MaskReply(mask))), ours);
            let mut node = vec![140, 0, 0, 0, 0, 2, 0, 0];
            node.extend_from_slice(&identifier.to_be_bytes());
            node.resize(20, 7);
            assert_eq!(passes(Family::V6, &node), ours);
        }
    }

    #[test]
    fn errors_pass_by_what_they_quote() {
        use Meaning::{HeaderField, HopLimitExceeded, PacketTooBig, PortUnreachable};
        for family in Family::ALL {
            for (identifier, ours) in [(0x1232, true), (0x1238, false)] {
                let probe = message(family, &Message::EchoRequest(echo(identifier)));
                for meaning in [PortUnreachable, PacketTooBig, HopLimitExceeded, HeaderField] {
                    let quoted = datagram(family, icmp::protocol(family), &[], &probe);
                    assert_eq!(passes(family, &error(family, meaning, &quoted)), ours);
                    let udp = datagram(family, protocol::UDP, &[], &probe);
                    assert!(!passes(family, &error(family, meaning, &udp)));
                }
            }
        }
    }

    #[test]
    fn a_quoted_header_may_have_options() {
        let probe = message(Family::V4, &Message::EchoRequest(echo(0x1230)));
        for words in 0..=10 {
            let quoted = datagram(Family::V4, protocol::ICMP, &vec![1; words * 4], &probe);
            assert!(passes(Family::V4, &error(Family::V4, Meaning::HopLimitExceeded, &quoted)));
        }
    }

    #[test]
    fn a_quoted_extension_header_is_left_to_the_parser() {
        for next_header in [0, 43, 44, 60] {
            let quoted = datagram(Family::V6, next_header, &[], &[0; 16]);
            assert!(passes(Family::V6, &error(Family::V6, Meaning::HopLimitExceeded, &quoted)));
        }
    }

    #[test]
    fn a_quoted_later_fragment_bears_no_identifier() {
        let probe = message(Family::V4, &Message::EchoRequest(echo(0x1230)));
        let mut quoted = datagram(Family::V4, protocol::ICMP, &[], &probe);
        quoted[7] = 9;
        assert!(!passes(Family::V4, &error(Family::V4, Meaning::HopLimitExceeded, &quoted)));
        quoted[6..8].copy_from_slice(&[0x20, 0]);
        assert!(passes(Family::V4, &error(Family::V4, Meaning::HopLimitExceeded, &quoted)));
    }

    #[test]
    fn other_types_and_short_packets_do_not_pass() {
        for family in Family::ALL {
            for kind in 0..=255 {
                let passes = passes(family, &[kind, 0, 0, 0, 0x12, 0x30, 0, 1]);
                let is_answer = kind == wire::icmp::echo_reply_type(family)
                    || (family == Family::V4 && matches!(kind, 14 | 18));
                assert_eq!(passes, is_answer, "{family} {kind}");
            }
            let program = program(family, BLOCK);
            for length in 0..6 {
                assert!(!run(&program, &[129, 0, 0, 0, 0x12, 0x30][..length]));
            }
        }
    }

    #[test]
    fn errors_about_other_protocols_pass_by_their_source_port() {
        let cases = [
            (protocol::UDP, 0x1233, true),
            (protocol::UDP, 0x1234, false),
            (protocol::TCP, 0x1230, true),
            (protocol::TCP, 0x3012, false),
            // A protocol without ports.
            (47, 0x3012, true),
        ];
        for family in Family::ALL {
            for (protocol, port, ours) in cases {
                let probe = [&u16::to_be_bytes(port)[..], &[0x82, 0x9a, 0, 8, 0, 0]].concat();
                let program = errors(family, protocol, BLOCK);
                let wrapped = |message: &[u8]| match family {
                    Family::V4 => datagram(family, protocol::ICMP, &[1; 4], message),
                    Family::V6 => message.to_vec(),
                };
                let quoted = datagram(family, protocol, &[], &probe);
                let expired = error(family, Meaning::HopLimitExceeded, &quoted);
                assert_eq!(run(&program, &wrapped(&expired)), ours, "{family} {protocol} {port}");
                let other = datagram(family, protocol::DCCP, &[], &probe);
                let expired = error(family, Meaning::HopLimitExceeded, &other);
                assert!(!run(&program, &wrapped(&expired)));
                let reply = message(family, &Message::EchoReply(echo(0x1230)));
                assert!(!run(&program, &wrapped(&reply)));
            }
        }
    }

    #[test]
    fn answers_of_other_protocols_pass_by_our_port() {
        for (port, ours) in [(0x122f, false), (0x1230, true), (0x1233, true), (0x1234, false)] {
            let answer = [&[0x82, 0x9a][..], &u16::to_be_bytes(port), &[0, 8, 0, 0]].concat();
            for protocol in [protocol::UDP, protocol::TCP] {
                for words in 0..=10 {
                    let program = answers(Family::V4, protocol, BLOCK).expect("has ports");
                    let whole = datagram(Family::V4, protocol, &vec![1; words * 4], &answer);
                    assert_eq!(run(&program, &whole), ours, "{protocol} {port}");
                }
                let program = answers(Family::V6, protocol, BLOCK).expect("has ports");
                assert_eq!(run(&program, &answer), ours, "{protocol} {port}");
                assert!(!run(&program, &answer[..3]));
            }
        }
        assert_eq!(answers(Family::V6, protocol::SCTP, BLOCK), None);
        assert_eq!(answers(Family::V4, 47, BLOCK), None);
    }

    #[test]
    fn blocks_hold_what_they_must() {
        assert_eq!(Block::around(0x1230, 0x1233), BLOCK);
        assert_eq!(Block::around(0x1231, 0x1233), BLOCK);
        assert_eq!(Block::around(9, 9), Block { base: 9, mask: 0xffff });
        assert_eq!(Block::around(0x7fff, 0x8000), Block { base: 0, mask: 0 });
    }

    #[test]
    fn a_single_identifier_is_a_block_too() {
        let program = program(Family::V6, Block::around(7, 7));
        assert!(run(&program, &[129, 0, 0, 0, 0, 7, 0, 1]));
        assert!(!run(&program, &[129, 0, 0, 0, 0, 6, 0, 1]));
    }
}
