//! Filters: which packets somebody wants to see, in the words of tcpdump (pcap-filter(7)).
//!
//! A filter becomes classic BPF ([`crate::bpf`]), which the kernel runs on what it captures and
//! this program on what it reads. `quotes FILTER`, which tcpdump does not have, is true of an ICMP
//! error about a packet that the filter in it wants, and `about FILTER` of both: what an error
//! quotes is behind too much for BPF, so the kernel passes all errors and the rest is decided here.

use crate::bpf::{self, Instruction};
use crate::icmp::{Error, Message};
use crate::ip::{Datagram, protocol};
use crate::link::{Frame, ether_type};
use crate::pcapng::link;
use std::fmt;
use std::net::IpAddr;

mod compile;
mod parse;
mod words;

use compile::Unable;
use words::Primitive;

/// Filters are no deeper: parentheses, `not` and `quotes` within one another.
const DEPTH_MAX: usize = 64;

/// Looks up what a filter names.
pub trait Names {
    /// The addresses of a host.
    fn host(&self, name: &str) -> Vec<IpAddr>;
    /// The port of a service.
    fn port(&self, name: &str) -> Option<u16>;
}

/// Knows no name.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Names for Nobody {
    fn host(&self, _name: &str) -> Vec<IpAddr> {
        Vec::new()
    }

    fn port(&self, _name: &str) -> Option<u16> {
        None
    }
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong; it quotes the text as it is.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Wrong {}

/// What a filter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// True of everything, or of nothing.
    Always(bool),
    Primitive(Primitive),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Quotes(Box<Node>),
}

/// What a packet begins with, where a filter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, or on an interface that is captured with its link headers: a number of [`link`].
    Link(u16),
    /// In the kernel, on a socket that leaves link headers out.
    Cooked,
}

impl Expression {
    /// Reads a filter. An empty one wants everything.
    ///
    /// # Errors
    /// If it is none, with what is wrong and what would be right.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Expression, Wrong> {
        parse::expression(text, names).map(Expression)
    }

    /// A program for the kernel that passes everything that this wants; more where it
    /// [`Expression::needs_more`]. `snaplen` is how many bytes of a packet it passes.
    ///
    /// # Errors
    /// If a part makes no sense there, or it becomes too long.
    pub fn program(&self, place: Place, snaplen: u32) -> Result<Vec<Instruction>, Wrong> {
        compile::program(&self.0, place, snaplen).map_err(wrong)
    }

    /// Whether BPF alone cannot decide.
    pub fn needs_more(&self) -> bool {
        self.0.quotes()
    }

    /// Whether every packet is wanted.
    pub fn is_everything(&self) -> bool {
        self.0 == Node::Always(true)
    }

    /// Makes it ready for packets of a link type.
    ///
    /// # Errors
    /// As [`Expression::program`].
    pub fn compile(&self, link: u16) -> Result<Filter, Wrong> {
        let test = self.0.compile(Place::Link(link)).map_err(wrong)?;
        Ok(Filter { link, test })
    }
}

impl Node {
    fn quotes(&self) -> bool {
        match self {
            Node::Always(_) | Node::Primitive(_) => false,
            Node::Not(inner) => inner.quotes(),
            Node::And(a, b) | Node::Or(a, b) => a.quotes() || b.quotes(),
            Node::Quotes(_) => true,
        }
    }

    fn compile(&self, place: Place) -> Result<Test, Unable> {
        if !self.quotes() {
            return compile::program(self, place, u32::MAX).map(Test::Program);
        }
        Ok(match self {
            Node::Not(inner) => Test::Not(Box::new(inner.compile(place)?)),
            Node::And(a, b) => Test::Both(Box::new(a.compile(place)?), Box::new(b.compile(place)?)),
            Node::Or(a, b) => {
                Test::Either(Box::new(a.compile(place)?), Box::new(b.compile(place)?))
            }
            Node::Quotes(inner) => Test::Quotes(Box::new(inner.compile(Place::Link(link::RAW))?)),
            Node::Always(_) | Node::Primitive(_) => Test::Program(Vec::new()),
        })
    }
}

fn wrong(unable: Unable) -> Wrong {
    match unable {
        Unable::Link => Wrong {
            message: "packets of this capture have no Ethernet header to look at".to_owned(),
            hint: "leave `ether` out, or capture on one Ethernet interface".to_owned(),
        },
        Unable::Long => Wrong {
            message: format!("the filter needs more than {} steps", bpf::INSTRUCTIONS_MAX),
            hint: "shorten it, for example with `net`".to_owned(),
        },
    }
}

/// A filter that is ready for packets of one link type.
#[derive(Clone, Debug)]
pub struct Filter {
    link: u16,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Program(Vec<Instruction>),
    Not(Box<Test>),
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
    Quotes(Box<Test>),
}

impl Filter {
    /// Whether a packet is wanted; `length` is its length on the wire.
    pub fn wants(&self, packet: &[u8], length: u32) -> bool {
        self.test.holds(self.link, packet, length)
    }
}

impl Test {
    fn holds(&self, link: u16, packet: &[u8], length: u32) -> bool {
        match self {
            Test::Program(program) => bpf::run(program, packet, length) != 0,
            Test::Not(inner) => !inner.holds(link, packet, length),
            Test::Both(a, b) => a.holds(link, packet, length) && b.holds(link, packet, length),
            Test::Either(a, b) => a.holds(link, packet, length) || b.holds(link, packet, length),
            Test::Quotes(inner) => quoted(link, packet)
                .is_some_and(|quote| inner.holds(link::RAW, quote, quote.len() as u32)),
        }
    }
}

/// What an ICMP error quotes.
fn quoted(link: u16, packet: &[u8]) -> Option<&[u8]> {
    let frame = Frame::parse(link, packet).ok()?;
    if !matches!(frame.ether_type, ether_type::IPV4 | ether_type::IPV6) {
        return None;
    }
    let datagram = Datagram::parse_quoted(frame.payload).ok()?;
    if datagram.is_later_fragment()
        || !matches!(datagram.protocol, protocol::ICMP | protocol::ICMPV6)
    {
        return None;
    }
    match Message::parse(datagram.family(), datagram.payload).ok()? {
        Message::Error(error) => quote(&error),
        _ => None,
    }
}

fn quote<'a>(error: &Error<'a>) -> Option<&'a [u8]> {
    let extension = error.parse_quoted().ok()?.extension.map_or(0, <[u8]>::len);
    let start = if error.kind == 137 { redirected(error)? } else { 0 };
    error.body.get(start..error.body.len().checked_sub(extension)?)
}

/// Where in a redirect the quote begins: behind two addresses and the options before it.
fn redirected(error: &Error<'_>) -> Option<usize> {
    let mut at = 32;
    loop {
        let [kind, units, ..] = *error.body.get(at..)? else { return None };
        match (kind, units) {
            (_, 0) => return None,
            (4, _) => return Some(at + 8),
            _ => at += usize::from(units) * 8,
        }
    }
}
