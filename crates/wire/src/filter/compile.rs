//! From a filter to classic BPF. Every test jumps to one of two labels; conditional jumps that
//! reach too far are lengthened when labels become numbers.

use super::words::{End, Layer, Primitive, Relation, Scope};
use super::{Node, Place};
use crate::Family;
use crate::bpf::{INSTRUCTIONS_MAX, Instruction, PROTOCOL_AT, code};
use crate::ip::protocol;
use crate::link::ether_type;
use crate::pcapng::link;
use std::net::IpAddr;

/// Why there is no program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unable {
    /// There is no link header to look at.
    Link,
    /// It becomes too long.
    Long,
}

type Label = usize;

enum Step {
    Mark(Label),
    Do { code: u16, k: u32 },
    Test { code: u16, k: u32, then: Label, otherwise: Label },
}

use Step::{Do, Mark, Test};

/// The program of a filter: returns `snaplen` for what it wants, else 0. Tests of what errors quote
/// are taken for true where that passes more packets, never less.
pub(super) fn program(node: &Node, place: Place, snaplen: u32) -> Result<Vec<Instruction>, Unable> {
    let mut writer = Compiler { steps: Vec::new(), labels: 0, place };
    let (accept, reject) = (writer.label(), writer.label());
    writer.node(node, true, accept, reject)?;
    writer.steps.extend([
        Mark(accept),
        Do { code: code::RETURN, k: snaplen },
        Mark(reject),
        Do { code: code::RETURN, k: 0 },
    ]);
    assemble(&writer.steps, writer.labels)
}

struct Compiler {
    steps: Vec<Step>,
    labels: usize,
    place: Place,
}

/// Where a packet has what.
#[derive(Clone, Copy)]
struct Layout {
    /// The type of what follows; `None` if IP's version tells.
    ether_type: Option<u32>,
    /// Where that begins.
    network: u32,
}

impl Compiler {
    fn label(&mut self) -> Label {
        self.labels += 1;
        self.labels - 1
    }

    fn layout(&self) -> Layout {
        match self.place {
            Place::Cooked => Layout { ether_type: Some(PROTOCOL_AT), network: 0 },
            Place::Link(link::ETHERNET) => Layout { ether_type: Some(12), network: 14 },
            Place::Link(link::LINUX_SLL) => Layout { ether_type: Some(14), network: 16 },
            Place::Link(link::LINUX_SLL2) => Layout { ether_type: Some(0), network: 20 },
            Place::Link(link::NULL) => Layout { ether_type: None, network: 4 },
            Place::Link(_) => Layout { ether_type: None, network: 0 },
        }
    }

    fn load(&mut self, code: u16, k: u32) {
        self.steps.push(Do { code, k });
    }

    fn test(&mut self, code: u16, k: u32, then: Label, otherwise: Label) {
        self.steps.push(Test { code, k, then, otherwise });
    }

    fn is(&mut self, k: u32, then: Label, otherwise: Label) {
        self.test(code::JUMP_EQUAL, k, then, otherwise);
    }

    /// Goes on if A is that, else to a label.
    fn must_be(&mut self, k: u32, otherwise: Label) {
        let next = self.label();
        self.is(k, next, otherwise);
        self.steps.push(Mark(next));
    }

    fn node(&mut self, node: &Node, upward: bool, yes: Label, no: Label) -> Result<(), Unable> {
        match node {
            Node::Always(true) => self.steps.push(Do { code: code::JUMP, k: yes as u32 }),
            Node::Always(false) => self.steps.push(Do { code: code::JUMP, k: no as u32 }),
            Node::Primitive(primitive) => self.primitive(primitive, yes, no)?,
            Node::Not(inner) => self.node(inner, !upward, no, yes)?,
            Node::And(a, b) => {
                let next = self.label();
                self.node(a, upward, next, no)?;
                self.steps.push(Mark(next));
                self.node(b, upward, yes, no)?;
            }
            Node::Or(a, b) => {
                let next = self.label();
                self.node(a, upward, yes, next)?;
                self.steps.push(Mark(next));
                self.node(b, upward, yes, no)?;
            }
            Node::Quotes(_) if upward => self.is_error(yes, no),
            Node::Quotes(_) => self.steps.push(Do { code: code::JUMP, k: no as u32 }),
        }
        Ok(())
    }

    fn primitive(&mut self, primitive: &Primitive, yes: Label, no: Label) -> Result<(), Unable> {
        match *primitive {
            Primitive::EtherType(number) => {
                self.ether_type(number, yes, no);
            }
            Primitive::Protocol { family, number } => self.protocol(family, number, yes, no),
            Primitive::Net { scope, end, network, bits } => {
                self.net(scope, end, network, bits, yes, no);
            }
            Primitive::Ether { end, address } => {
                self.ether_header()?;
                self.either_end(end, yes, no, |it, is_source, yes, no| {
                    let at = if is_source { 6 } else { 0 };
                    let [a, b, c, d, e, f] = address;
                    it.load(code::LOAD_WORD, at + 2);
                    it.must_be(u32::from_be_bytes([c, d, e, f]), no);
                    it.load(code::LOAD_HALF, at);
                    it.is(u32::from_be_bytes([0, 0, a, b]), yes, no);
                });
            }
            Primitive::Ports { transport, family, end, first, last } => {
                self.ports(transport, family, (end, first, last), yes, no);
            }
            Primitive::Length { relation, bytes } => {
                self.load(code::LOAD_LENGTH, 0);
                self.relate(relation, bytes, yes, no);
            }
            Primitive::EtherGroup { to_all: false } => {
                self.ether_header()?;
                self.load(code::LOAD_BYTE, 0);
                self.test(code::JUMP_ANY_BIT, 1, yes, no);
            }
            Primitive::EtherGroup { to_all: true } => {
                let address = [0xff; 6];
                let end = End::Destination;
                return self.primitive(&Primitive::Ether { end, address }, yes, no);
            }
            Primitive::Group(family) => {
                let next = self.label();
                self.family(family, next, no);
                self.steps.push(Mark(next));
                let network = self.layout().network;
                match family {
                    Family::V4 => {
                        self.load(code::LOAD_BYTE, network + 16);
                        self.test(code::JUMP_AT_LEAST, 0xe0, yes, no);
                    }
                    Family::V6 => {
                        self.load(code::LOAD_BYTE, network + 24);
                        self.is(0xff, yes, no);
                    }
                }
            }
            Primitive::Bytes { header, at, size, mask, relation, value } => {
                self.bytes(header, at, size, no)?;
                if let Some(mask) = mask {
                    self.load(code::AND, mask);
                }
                self.relate(relation, value, yes, no);
            }
        }
        Ok(())
    }

    fn ether_header(&self) -> Result<(), Unable> {
        match self.place {
            Place::Link(link::ETHERNET) => Ok(()),
            _ => Err(Unable::Link),
        }
    }

    fn ether_type(&mut self, number: u16, yes: Label, no: Label) {
        match self.layout() {
            Layout { ether_type: Some(at), .. } => {
                self.load(code::LOAD_HALF, at);
                self.is(number.into(), yes, no);
            }
            Layout { network, .. } => {
                let version = match number {
                    ether_type::IPV4 => 0x40,
                    ether_type::IPV6 => 0x60,
                    _ => return self.steps.push(Do { code: code::JUMP, k: no as u32 }),
                };
                self.load(code::LOAD_BYTE, network);
                self.load(code::AND, 0xf0);
                self.is(version, yes, no);
            }
        }
    }

    fn family(&mut self, family: Family, yes: Label, no: Label) {
        let number = match family {
            Family::V4 => ether_type::IPV4,
            Family::V6 => ether_type::IPV6,
        };
        self.ether_type(number, yes, no);
    }

    /// Tries the families that are meant one after the other.
    fn families(
        &mut self,
        only: Option<Family>,
        yes: Label,
        no: Label,
        mut test: impl FnMut(&mut Compiler, Family, Label, Label),
    ) {
        let wanted = |family: &Family| only.is_none_or(|only| only == *family);
        let families: Vec<Family> = Family::ALL.into_iter().filter(wanted).collect();
        for (index, family) in families.iter().enumerate() {
            let is_last = index + 1 == families.len();
            let (inside, other) = (self.label(), if is_last { no } else { self.label() });
            self.family(*family, inside, other);
            self.steps.push(Mark(inside));
            test(self, *family, yes, other);
            if !is_last {
                self.steps.push(Mark(other));
            }
        }
    }

    fn protocol(&mut self, family: Option<Family>, number: u8, yes: Label, no: Label) {
        self.families(family, yes, no, |it, family, yes, no| {
            let network = it.layout().network;
            match family {
                Family::V4 => {
                    it.load(code::LOAD_BYTE, network + 9);
                    it.is(number.into(), yes, no);
                }
                Family::V6 => {
                    // Of extension headers, as libpcap does, only a fragment's is looked behind.
                    let other = it.label();
                    it.load(code::LOAD_BYTE, network + 6);
                    it.is(number.into(), yes, other);
                    it.steps.push(Mark(other));
                    it.must_be(protocol::FRAGMENT.into(), no);
                    it.load(code::LOAD_BYTE, network + 40);
                    it.is(number.into(), yes, no);
                }
            }
        });
    }

    /// Tests the source, the destination, one of them or both.
    fn either_end(
        &mut self,
        end: End,
        yes: Label,
        no: Label,
        test: impl Fn(&mut Compiler, bool, Label, Label),
    ) {
        match end {
            End::Source => test(self, true, yes, no),
            End::Destination => test(self, false, yes, no),
            End::Either => {
                let other = self.label();
                test(self, true, yes, other);
                self.steps.push(Mark(other));
                test(self, false, yes, no);
            }
            End::Both => {
                let other = self.label();
                test(self, true, other, no);
                self.steps.push(Mark(other));
                test(self, false, yes, no);
            }
        }
    }

    fn net(&mut self, scope: Scope, end: End, network: IpAddr, bits: u8, yes: Label, no: Label) {
        let start = self.layout().network;
        let family = Family::of(network);
        let (octets, source, destination) = match network {
            IpAddr::V4(address) => (address.octets().to_vec(), 12, 16),
            IpAddr::V6(address) => (address.octets().to_vec(), 8, 24),
        };
        let compare = |it: &mut Compiler, at: u32, yes: Label, no: Label| {
            compare(it, at, &octets, bits, yes, no);
        };
        if scope != Scope::Arp {
            let has_more = scope == Scope::Any && family == Family::V4;
            let (inside, other) = (self.label(), if has_more { self.label() } else { no });
            self.family(family, inside, other);
            self.steps.push(Mark(inside));
            self.either_end(end, yes, no, |it, is_source, yes, no| {
                compare(it, start + if is_source { source } else { destination }, yes, no);
            });
            if !has_more {
                return;
            }
            self.steps.push(Mark(other));
        }
        // Reverse ARP has the addresses where ARP has them.
        const REVERSE_ARP: u16 = 0x8035;
        let (inside, other) = (self.label(), self.label());
        self.ether_type(ether_type::ARP, inside, other);
        self.steps.push(Mark(other));
        match scope {
            Scope::Any => self.ether_type(REVERSE_ARP, inside, no),
            _ => self.steps.push(Do { code: code::JUMP, k: no as u32 }),
        }
        self.steps.push(Mark(inside));
        self.either_end(end, yes, no, |it, is_source, yes, no| {
            compare(it, start + if is_source { 14 } else { 24 }, yes, no);
        });
    }

    fn ports(
        &mut self,
        transport: Option<u8>,
        family: Option<Family>,
        (end, first, last): (End, u16, u16),
        yes: Label,
        no: Label,
    ) {
        self.families(family, yes, no, |it, family, yes, no| {
            let network = it.layout().network;
            it.load(code::LOAD_BYTE, network + if family == Family::V4 { 9 } else { 6 });
            match transport {
                Some(number) => it.must_be(number.into(), no),
                None => {
                    let with_ports = it.label();
                    for number in [protocol::SCTP, protocol::TCP] {
                        let next = it.label();
                        it.is(number.into(), with_ports, next);
                        it.steps.push(Mark(next));
                    }
                    it.is(protocol::UDP.into(), with_ports, no);
                    it.steps.push(Mark(with_ports));
                }
            }
            let (load, at) = match family {
                Family::V4 => {
                    let whole = it.label();
                    it.load(code::LOAD_HALF, network + 6);
                    it.test(code::JUMP_ANY_BIT, 0x1fff, no, whole);
                    it.steps.push(Mark(whole));
                    it.load(code::LOAD_X_HEADER_LENGTH, network);
                    (code::LOAD_HALF_INDEXED, network)
                }
                Family::V6 => (code::LOAD_HALF, network + 40),
            };
            it.either_end(end, yes, no, |it, is_source, yes, no| {
                it.load(load, at + if is_source { 0 } else { 2 });
                if first == last {
                    return it.is(first.into(), yes, no);
                }
                let next = it.label();
                it.test(code::JUMP_AT_LEAST, first.into(), next, no);
                it.steps.push(Mark(next));
                it.test(code::JUMP_GREATER, last.into(), no, yes);
            });
        });
    }

    /// Loads bytes of a header, or goes where it does not exist.
    fn bytes(&mut self, header: Layer, at: u32, size: u8, no: Label) -> Result<(), Unable> {
        let network = self.layout().network;
        let (fixed, indexed) = match size {
            1 => (code::LOAD_BYTE, code::LOAD_BYTE_INDEXED),
            2 => (code::LOAD_HALF, code::LOAD_HALF_INDEXED),
            _ => (code::LOAD_WORD, code::LOAD_WORD_INDEXED),
        };
        let next = self.label();
        let (code, start) = match header {
            Layer::Ether => {
                self.ether_header()?;
                self.steps.push(Mark(next));
                (fixed, 0)
            }
            Layer::Arp => {
                self.ether_type(ether_type::ARP, next, no);
                self.steps.push(Mark(next));
                (fixed, network)
            }
            Layer::Ip(family) => {
                self.family(family, next, no);
                self.steps.push(Mark(next));
                (fixed, network)
            }
            Layer::Above(family, number) => {
                self.protocol(Some(family), number, next, no);
                self.steps.push(Mark(next));
                match family {
                    Family::V4 => {
                        let whole = self.label();
                        self.load(code::LOAD_HALF, network + 6);
                        self.test(code::JUMP_ANY_BIT, 0x1fff, no, whole);
                        self.steps.push(Mark(whole));
                        self.load(code::LOAD_X_HEADER_LENGTH, network);
                        (indexed, network)
                    }
                    Family::V6 => (fixed, network + 40),
                }
            }
        };
        self.load(code, start.saturating_add(at));
        Ok(())
    }

    fn relate(&mut self, relation: Relation, k: u32, yes: Label, no: Label) {
        match relation {
            Relation::Equal => self.is(k, yes, no),
            Relation::NotEqual => self.is(k, no, yes),
            Relation::Greater => self.test(code::JUMP_GREATER, k, yes, no),
            Relation::AtLeast => self.test(code::JUMP_AT_LEAST, k, yes, no),
            Relation::Less => self.test(code::JUMP_AT_LEAST, k, no, yes),
            Relation::AtMost => self.test(code::JUMP_GREATER, k, no, yes),
        }
    }

    /// Whether it is an ICMP error of either family, or may be one behind extension headers.
    fn is_error(&mut self, yes: Label, no: Label) {
        self.families(None, yes, no, |it, family, yes, no| {
            let network = it.layout().network;
            match family {
                Family::V4 => {
                    it.load(code::LOAD_BYTE, network + 9);
                    it.must_be(protocol::ICMP.into(), no);
                    it.load(code::LOAD_X_HEADER_LENGTH, network);
                    it.load(code::LOAD_BYTE_INDEXED, network);
                    for kind in [3, 4, 5, 11] {
                        let next = it.label();
                        it.is(kind, yes, next);
                        it.steps.push(Mark(next));
                    }
                    it.is(12, yes, no);
                }
                Family::V6 => {
                    let other = it.label();
                    it.load(code::LOAD_BYTE, network + 6);
                    let icmp = it.label();
                    it.is(protocol::ICMPV6.into(), icmp, other);
                    it.steps.push(Mark(icmp));
                    it.load(code::LOAD_BYTE, network + 40);
                    let asks = it.label();
                    it.test(code::JUMP_AT_LEAST, 128, asks, yes);
                    it.steps.push(Mark(asks));
                    it.is(137, yes, no);
                    it.steps.push(Mark(other));
                    for kind in [0, 43, 44, 51] {
                        let next = it.label();
                        it.is(kind, yes, next);
                        it.steps.push(Mark(next));
                    }
                    it.is(60, yes, no);
                }
            }
        });
    }
}

/// Compares the first bits of an address that stands there, a word at a time.
fn compare(it: &mut Compiler, at: u32, octets: &[u8], bits: u8, yes: Label, no: Label) {
    let mut left = u32::from(bits);
    for (index, word) in octets.as_chunks::<4>().0.iter().enumerate() {
        let here = left.min(32);
        left -= here;
        if here == 0 {
            break;
        }
        let mask = u32::MAX << (32 - here);
        it.load(code::LOAD_WORD, at + index as u32 * 4);
        if mask != u32::MAX {
            it.load(code::AND, mask);
        }
        it.must_be(u32::from_be_bytes(*word) & mask, no);
    }
    it.steps.push(Do { code: code::JUMP, k: yes as u32 });
}

/// Turns labels into numbers. A jump that reaches too far skips to one that reaches anywhere.
fn assemble(steps: &[Step], labels: usize) -> Result<Vec<Instruction>, Unable> {
    let mut is_long = vec![false; steps.len()];
    loop {
        let marks = marks(steps, labels, &is_long)?;
        let mut at = 0;
        let mut grew = false;
        for (index, step) in steps.iter().enumerate() {
            if let Test { then, otherwise, .. } = step
                && !is_long[index]
            {
                let far = marks[*then].max(marks[*otherwise]).saturating_sub(at + 1);
                if far > u8::MAX.into() {
                    is_long[index] = true;
                    grew = true;
                }
            }
            at += size(step, is_long[index]);
        }
        if !grew {
            return Ok(write(steps, &marks, &is_long));
        }
    }
}

fn size(step: &Step, is_long: bool) -> usize {
    match step {
        Mark(_) => 0,
        Test { .. } if is_long => 3,
        Do { .. } | Test { .. } => 1,
    }
}

fn marks(steps: &[Step], labels: usize, is_long: &[bool]) -> Result<Vec<usize>, Unable> {
    let mut marks = vec![0; labels];
    let mut at = 0;
    for (step, is_long) in steps.iter().zip(is_long) {
        if let Mark(label) = step {
            marks[*label] = at;
        }
        at += size(step, *is_long);
    }
    if at > INSTRUCTIONS_MAX { Err(Unable::Long) } else { Ok(marks) }
}

fn write(steps: &[Step], marks: &[usize], is_long: &[bool]) -> Vec<Instruction> {
    let mut out: Vec<Instruction> = Vec::new();
    let go = |here: usize, to: Label| {
        let k = (marks[to] - here - 1) as u32;
        Instruction { code: code::JUMP, jump_true: 0, jump_false: 0, k }
    };
    for (step, is_long) in steps.iter().zip(is_long) {
        let here = out.len();
        match *step {
            Mark(_) => {}
            Do { code: code::JUMP, k } => out.push(go(here, k as usize)),
            Do { code, k } => out.push(Instruction { code, jump_true: 0, jump_false: 0, k }),
            Test { code, k, then, otherwise } if *is_long => {
                out.push(Instruction { code, jump_true: 0, jump_false: 1, k });
                out.push(go(here + 1, then));
                out.push(go(here + 2, otherwise));
            }
            Test { code, k, then, otherwise } => {
                let skip = |to: Label| (marks[to] - here - 1) as u8;
                let (jump_true, jump_false) = (skip(then), skip(otherwise));
                out.push(Instruction { code, jump_true, jump_false, k });
            }
        }
    }
    out
}
