//! From words to a filter. As in tcpdump, `and` and `or` bind alike, from left to right, and a
//! value without qualifiers has those of the one before it: `tcp port 80 or 443`.

use super::words::{End, Layer, Primitive, Relation, Scope};
use super::{DEPTH_MAX, Names, Node, Wrong};
use crate::Family;
use crate::ip::protocol;
use crate::link::ether_type;
use std::net::{IpAddr, Ipv4Addr};

const HINT: &str = "for example: icmp or (host 192.0.2.1 and tcp port 80)";

pub(super) fn expression(text: &str, names: &dyn Names) -> Result<Node, Wrong> {
    let words = split(text)?;
    let mut parser = Parser { words: &words, names, before: None, depth: 0 };
    if words.is_empty() {
        return Ok(Node::Always(true));
    }
    let node = parser.sequence()?;
    match parser.words {
        [] => Ok(node),
        [word, ..] => Err(wrong(format!("`{word}` is not expected there"), HINT)),
    }
}

fn wrong(message: String, hint: &str) -> Wrong {
    Wrong { message, hint: hint.to_owned() }
}

/// Words, brackets and operators.
fn split(text: &str) -> Result<Vec<String>, Wrong> {
    const PAIRS: [&str; 8] = ["&&", "||", "!=", "==", ">=", "<=", "<<", ">>"];
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let pair = PAIRS.iter().find(|pair| rest.starts_with(**pair));
        let end = if let Some(pair) = pair {
            pair.len()
        } else if "()!&|<>=[]+*,".contains(first) {
            1
        } else {
            // A colon belongs to an address, but stands for itself between brackets; a minus is
            // part of a name (tcp-syn), a slash of a network.
            let is_end = |c: char| c.is_whitespace() || "()!&|<>=[]+*,".contains(c);
            rest.find(is_end).unwrap_or(rest.len())
        };
        let (word, after) = rest.split_at(end);
        if word.chars().any(char::is_control) {
            return Err(wrong("the filter has control characters".to_owned(), HINT));
        }
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

/// What stands before a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Qualifiers {
    protocol: Option<Over>,
    end: Option<End>,
    kind: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Ether,
    Arp,
    ReverseArp,
    Ip(Family),
    Transport(u8),
    Icmp,
    Icmp6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Host,
    Net,
    Port,
    PortRange,
    Protocol,
}

struct Parser<'a> {
    words: &'a [String],
    names: &'a dyn Names,
    /// The qualifiers of the value before.
    before: Option<Qualifiers>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.clone())
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let is_it = self.peek().is_some_and(|word| words.contains(&word));
        if is_it {
            self.words = &self.words[1..];
        }
        is_it
    }

    fn sequence(&mut self) -> Result<Node, Wrong> {
        let mut node = self.term()?;
        loop {
            if self.takes(&["and", "&&"]) {
                node = Node::And(Box::new(node), Box::new(self.term()?));
            } else if self.takes(&["or", "||"]) {
                node = Node::Or(Box::new(node), Box::new(self.term()?));
            } else {
                return Ok(node);
            }
        }
    }

    fn term(&mut self) -> Result<Node, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(wrong("the filter is nested too deeply".to_owned(), HINT));
        }
        let node = self.inner()?;
        self.depth -= 1;
        Ok(node)
    }

    fn inner(&mut self) -> Result<Node, Wrong> {
        if self.takes(&["not", "!"]) {
            return Ok(Node::Not(Box::new(self.term()?)));
        }
        if self.takes(&["("]) {
            let node = self.sequence()?;
            return match self.next() {
                Some(word) if word == ")" => Ok(node),
                _ => Err(wrong("a parenthesis is not closed".to_owned(), HINT)),
            };
        }
        if self.takes(&["quotes"]) {
            return Ok(Node::Quotes(Box::new(self.term()?)));
        }
        if self.takes(&["about"]) {
            let node = self.term()?;
            let quotes = Node::Quotes(Box::new(node.clone()));
            return Ok(Node::Or(Box::new(node), Box::new(quotes)));
        }
        self.primitive()
    }

    fn primitive(&mut self) -> Result<Node, Wrong> {
        if self.takes(&["less"]) {
            let bytes = self.number(u32::MAX)?;
            return Ok(length(Relation::AtMost, bytes));
        }
        if self.takes(&["greater"]) {
            let bytes = self.number(u32::MAX)?;
            return Ok(length(Relation::AtLeast, bytes));
        }
        if self.takes(&["len"]) {
            let (mask, relation, value) = self.comparison()?;
            return match mask {
                None => Ok(length(relation, value)),
                Some(_) => Err(wrong("`len` takes no mask".to_owned(), "len > 100")),
            };
        }
        if let [_, bracket, ..] = self.words
            && bracket == "["
        {
            return self.bytes();
        }
        let mut qualifiers = Qualifiers { protocol: self.over(), ..Qualifiers::default() };
        if self.takes(&["broadcast"]) {
            return self.group(qualifiers.protocol, true);
        }
        if self.takes(&["multicast"]) {
            return self.group(qualifiers.protocol, false);
        }
        qualifiers.end = self.end();
        qualifiers.kind = self.kind();
        let is_bare = qualifiers.end.is_none() && qualifiers.kind.is_none();
        if let Some(over) = qualifiers.protocol
            && is_bare
            && self.is_over()
        {
            self.before = None;
            return Ok(protocol_alone(over));
        }
        if is_bare && qualifiers.protocol.is_none() {
            qualifiers = self.before.unwrap_or_default();
        }
        let value = match self.next() {
            Some(value) if value != ")" => value,
            _ => return Err(wrong("something is missing in the filter".to_owned(), HINT)),
        };
        let node = self.value(qualifiers, &value)?;
        self.before = Some(qualifiers);
        Ok(node)
    }

    /// Whether nothing follows that could be a value.
    fn is_over(&self) -> bool {
        matches!(self.peek(), None | Some("and" | "&&" | "or" | "||" | ")"))
    }

    fn over(&mut self) -> Option<Over> {
        let over = match self.peek()? {
            "ether" => Over::Ether,
            "arp" => Over::Arp,
            "rarp" => Over::ReverseArp,
            "ip" => Over::Ip(Family::V4),
            "ip6" => Over::Ip(Family::V6),
            "tcp" => Over::Transport(protocol::TCP),
            "udp" => Over::Transport(protocol::UDP),
            "sctp" => Over::Transport(protocol::SCTP),
            "icmp" => Over::Icmp,
            "icmp6" => Over::Icmp6,
            _ => return None,
        };
        self.words = &self.words[1..];
        Some(over)
    }

    fn end(&mut self) -> Option<End> {
        let end = match self.peek()? {
            "src" => End::Source,
            "dst" => End::Destination,
            _ => return None,
        };
        self.words = &self.words[1..];
        // `src or dst host`, `src and dst host`.
        let [joint, other, ..] = self.words else { return Some(end) };
        let is_other = matches!(other.as_str(), "src" | "dst");
        let both = match joint.as_str() {
            "or" | "||" if is_other => End::Either,
            "and" | "&&" if is_other => End::Both,
            _ => return Some(end),
        };
        self.words = &self.words[2..];
        Some(both)
    }

    fn kind(&mut self) -> Option<Kind> {
        let kind = match self.peek()? {
            "host" => Kind::Host,
            "net" => Kind::Net,
            "port" => Kind::Port,
            "portrange" => Kind::PortRange,
            "proto" => Kind::Protocol,
            _ => return None,
        };
        self.words = &self.words[1..];
        Some(kind)
    }

    fn value(&mut self, qualifiers: Qualifiers, value: &str) -> Result<Node, Wrong> {
        let Qualifiers { protocol, end, kind } = qualifiers;
        let end = end.unwrap_or_default();
        match kind.unwrap_or(Kind::Host) {
            Kind::Port | Kind::PortRange => self.ports(protocol, end, value),
            Kind::Protocol => by_number(protocol, value),
            Kind::Host if protocol == Some(Over::Ether) => {
                let address = ether_address(value).ok_or_else(|| {
                    wrong(format!("{value} is no Ethernet address"), "ether host 02:00:00:00:00:01")
                })?;
                Ok(Node::Primitive(Primitive::Ether { end, address }))
            }
            Kind::Host => {
                let addresses = match value.parse() {
                    Ok(address) => vec![address],
                    Err(_) => self.names.host(value),
                };
                let scope = scope(protocol)?;
                let nodes = addresses.iter().filter(|it| fits(protocol, **it)).map(|address| {
                    let bits = if address.is_ipv4() { 32 } else { 128 };
                    Node::Primitive(Primitive::Net { scope, end, network: *address, bits })
                });
                any(nodes)
                    .ok_or_else(|| wrong(format!("{value} is no address and no known name"), HINT))
            }
            Kind::Net => {
                let (network, bits) = self.network(value)?;
                let scope = scope(protocol)?;
                if !fits(protocol, network) {
                    let hint = "leave out `ip` or `ip6`";
                    return Err(wrong(format!("{value} is of the other family"), hint));
                }
                Ok(Node::Primitive(Primitive::Net { scope, end, network, bits }))
            }
        }
    }

    fn network(&mut self, value: &str) -> Result<(IpAddr, u8), Wrong> {
        let bad = || wrong(format!("{value} is no network"), "net 192.0.2.0/24, net 2001:db8::/32");
        let (address, bits) = match value.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| bad())?)),
            None => (value, None),
        };
        let (address, whole): (IpAddr, u8) = match address.parse::<IpAddr>() {
            Ok(address) => (address, if address.is_ipv4() { 32 } else { 128 }),
            // As tcpdump: 10 is 10.0.0.0/8, 192.0.2 is 192.0.2.0/24.
            Err(_) => {
                let parts: Option<Vec<u8>> =
                    address.split('.').map(|part| part.parse().ok()).collect();
                let parts = parts.filter(|parts| parts.len() < 4).ok_or_else(bad)?;
                let mut octets = [0; 4];
                octets[..parts.len()].copy_from_slice(&parts);
                (Ipv4Addr::from(octets).into(), parts.len() as u8 * 8)
            }
        };
        if bits.is_none() && self.takes(&["mask"]) {
            let mask: Option<Ipv4Addr> = self.next().and_then(|mask| mask.parse().ok());
            let mask =
                mask.map(Ipv4Addr::to_bits).filter(|mask| mask.leading_ones() == mask.count_ones());
            let mask = mask.filter(|_| address.is_ipv4()).ok_or_else(bad)?;
            return outside(address, mask.count_ones() as u8).ok_or_else(bad);
        }
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(whole);
        if bits > most {
            return Err(bad());
        }
        outside(address, bits).ok_or_else(|| {
            wrong(format!("{value} has bits outside its network"), "net 192.0.2.0/24")
        })
    }

    fn ports(&self, over: Option<Over>, end: End, value: &str) -> Result<Node, Wrong> {
        let bad = || wrong(format!("{value} is no port"), "port 53, portrange 1-1023");
        let one = |text: &str| -> Option<u16> {
            text.parse().ok().or_else(|| well_known(text)).or_else(|| self.names.port(text))
        };
        let (first, last) = match one(value) {
            Some(port) => (port, port),
            None => {
                let (first, last) = value.split_once('-').ok_or_else(bad)?;
                (one(first).ok_or_else(bad)?, one(last).ok_or_else(bad)?)
            }
        };
        let (first, last) = (first.min(last), first.max(last));
        let (transport, family) = match over {
            None => (None, None),
            Some(Over::Transport(number)) => (Some(number), None),
            Some(Over::Ip(family)) => (None, Some(family)),
            Some(_) => {
                return Err(wrong("only TCP, UDP and SCTP have ports".to_owned(), "tcp port 80"));
            }
        };
        Ok(Node::Primitive(Primitive::Ports { transport, family, end, first, last }))
    }

    fn number(&mut self, most: u32) -> Result<u32, Wrong> {
        let word = self.next().unwrap_or_default();
        number(&word)
            .filter(|number| *number <= most)
            .ok_or_else(|| wrong(format!("`{word}` is no number"), HINT))
    }

    fn group(&mut self, over: Option<Over>, to_all: bool) -> Result<Node, Wrong> {
        self.before = None;
        Ok(Node::Primitive(match (over, to_all) {
            (None | Some(Over::Ether), to_all) => Primitive::EtherGroup { to_all },
            (Some(Over::Ip(family)), false) => Primitive::Group(family),
            _ => {
                let hint = "ether broadcast, ether multicast, ip multicast, ip6 multicast";
                return Err(wrong("there is no such test".to_owned(), hint));
            }
        }))
    }

    /// `tcp[13] & 2 != 0`, `ip[6:2] & 0x1fff = 0`.
    fn bytes(&mut self) -> Result<Node, Wrong> {
        const EXAMPLE: &str = "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0, ip[8] < 5, icmp[0] = 8";
        let name = self.next().unwrap_or_default();
        self.takes(&["["]);
        let header = match name.as_str() {
            "ether" => Layer::Ether,
            "arp" => Layer::Arp,
            "ip" => Layer::Ip(Family::V4),
            "ip6" => Layer::Ip(Family::V6),
            "tcp" => Layer::Above(Family::V4, protocol::TCP),
            "udp" => Layer::Above(Family::V4, protocol::UDP),
            "icmp" => Layer::Above(Family::V4, protocol::ICMP),
            "icmp6" => Layer::Above(Family::V6, protocol::ICMPV6),
            _ => return Err(wrong(format!("`{name}` has no bytes to look at"), EXAMPLE)),
        };
        let inside = self.next().unwrap_or_default();
        let (at, size) = match inside.split_once(':') {
            Some((at, size)) => (at, size),
            None => (inside.as_str(), "1"),
        };
        let size: u8 =
            size.parse().ok().filter(|size| matches!(size, 1 | 2 | 4)).ok_or_else(|| {
                wrong(format!("`{inside}` looks at other than 1, 2 or 4 bytes"), EXAMPLE)
            })?;
        let at = constant(at)
            .filter(|at| *at <= 0xffff)
            .ok_or_else(|| wrong(format!("`{at}` is no place in a header"), EXAMPLE))?;
        if !self.takes(&["]"]) {
            return Err(wrong("a bracket is not closed".to_owned(), EXAMPLE));
        }
        let (mask, relation, value) = self.comparison()?;
        self.before = None;
        Ok(Node::Primitive(Primitive::Bytes { header, at, size, mask, relation, value }))
    }

    /// `[& MASK] RELATION VALUE`.
    fn comparison(&mut self) -> Result<(Option<u32>, Relation, u32), Wrong> {
        let mask = if self.takes(&["&"]) { Some(self.constants()?) } else { None };
        let word = self.next().unwrap_or_default();
        let relation = match word.as_str() {
            "=" | "==" => Relation::Equal,
            "!=" => Relation::NotEqual,
            ">" => Relation::Greater,
            ">=" => Relation::AtLeast,
            "<" => Relation::Less,
            "<=" => Relation::AtMost,
            _ => return Err(wrong(format!("`{word}` compares nothing"), "=, !=, >, >=, < or <=")),
        };
        Ok((mask, relation, self.constants()?))
    }

    /// A number, or several joined by a bar; parentheses around.
    fn constants(&mut self) -> Result<u32, Wrong> {
        let is_open = self.takes(&["("]);
        let mut value = 0;
        loop {
            let word = self.next().unwrap_or_default();
            value |= constant(&word)
                .ok_or_else(|| wrong(format!("`{word}` is no number"), "tcp-syn, 0x12, 18"))?;
            if !self.takes(&["|"]) {
                break;
            }
        }
        if is_open && !self.takes(&[")"]) {
            return Err(wrong("a parenthesis is not closed".to_owned(), HINT));
        }
        Ok(value)
    }
}

fn length(relation: Relation, bytes: u32) -> Node {
    Node::Primitive(Primitive::Length { relation, bytes })
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

/// A number, or the name of one.
fn constant(text: &str) -> Option<u32> {
    Some(match text {
        "tcpflags" => 13,
        "icmptype" | "icmp6type" => 0,
        "icmpcode" | "icmp6code" => 1,
        "tcp-fin" => 0x01,
        "tcp-syn" => 0x02,
        "tcp-rst" => 0x04,
        "tcp-push" => 0x08,
        "tcp-ack" => 0x10,
        "tcp-urg" => 0x20,
        "tcp-ece" => 0x40,
        "tcp-cwr" => 0x80,
        "icmp-echoreply" => 0,
        "icmp-unreach" => 3,
        "icmp-sourcequench" => 4,
        "icmp-redirect" => 5,
        "icmp-echo" => 8,
        "icmp-routeradvert" => 9,
        "icmp-routersolicit" => 10,
        "icmp-timxceed" => 11,
        "icmp-paramprob" => 12,
        "icmp-tstamp" => 13,
        "icmp-tstampreply" => 14,
        "icmp-ireq" => 15,
        "icmp-ireqreply" => 16,
        "icmp-maskreq" => 17,
        "icmp-maskreply" => 18,
        "icmp6-destinationunreach" => 1,
        "icmp6-packettoobig" => 2,
        "icmp6-timeexceeded" => 3,
        "icmp6-parameterproblem" => 4,
        "icmp6-echo" => 128,
        "icmp6-echoreply" => 129,
        "icmp6-routersolicit" => 133,
        "icmp6-routeradvert" => 134,
        "icmp6-neighborsolicit" => 135,
        "icmp6-neighboradvert" => 136,
        "icmp6-redirect" => 137,
        _ => return number(text),
    })
}

/// Ports that need no look-up, so that a filter means the same everywhere (IANA's registry).
fn well_known(name: &str) -> Option<u16> {
    Some(match name {
        "ftp" => 21,
        "ssh" => 22,
        "telnet" => 23,
        "smtp" => 25,
        "domain" => 53,
        "bootps" => 67,
        "bootpc" => 68,
        "tftp" => 69,
        "http" => 80,
        "pop3" => 110,
        "ntp" => 123,
        "imap2" => 143,
        "snmp" => 161,
        "bgp" => 179,
        "ldap" => 389,
        "https" => 443,
        "syslog" => 514,
        _ => return None,
    })
}

fn ether_address(text: &str) -> Option<[u8; 6]> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()))?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(octets)
}

fn scope(over: Option<Over>) -> Result<Scope, Wrong> {
    match over {
        None => Ok(Scope::Any),
        Some(Over::Ip(_)) => Ok(Scope::Ip),
        Some(Over::Arp) => Ok(Scope::Arp),
        Some(_) => Err(wrong("only ip, ip6 and arp have such addresses".to_owned(), HINT)),
    }
}

fn fits(over: Option<Over>, address: IpAddr) -> bool {
    match over {
        Some(Over::Ip(family)) => Family::of(address) == family,
        Some(Over::Arp) => address.is_ipv4(),
        _ => true,
    }
}

/// The network, if the address has no bits outside it.
fn outside(address: IpAddr, bits: u8) -> Option<(IpAddr, u8)> {
    let is_clean = match address {
        IpAddr::V4(it) => it.to_bits().checked_shl(bits.into()).unwrap_or(0) == 0,
        IpAddr::V6(it) => it.to_bits().checked_shl(bits.into()).unwrap_or(0) == 0,
    };
    is_clean.then_some((address, bits))
}

fn any(mut nodes: impl Iterator<Item = Node>) -> Option<Node> {
    let first = nodes.next()?;
    Some(nodes.fold(first, |all, node| Node::Or(Box::new(all), Box::new(node))))
}

fn protocol_alone(over: Over) -> Node {
    // No header to look for, so every packet of the link is one.
    let of = |family, number| Node::Primitive(Primitive::Protocol { family, number });
    match over {
        Over::Ether => Node::Always(true),
        Over::Arp => Node::Primitive(Primitive::EtherType(ether_type::ARP)),
        Over::ReverseArp => Node::Primitive(Primitive::EtherType(0x8035)),
        Over::Ip(Family::V4) => Node::Primitive(Primitive::EtherType(ether_type::IPV4)),
        Over::Ip(Family::V6) => Node::Primitive(Primitive::EtherType(ether_type::IPV6)),
        Over::Transport(number) => of(None, number),
        Over::Icmp => of(Some(Family::V4), protocol::ICMP),
        Over::Icmp6 => of(Some(Family::V6), protocol::ICMPV6),
    }
}

fn by_number(over: Option<Over>, value: &str) -> Result<Node, Wrong> {
    let bad = || wrong(format!("{value} is no protocol"), "ip proto 89, ether proto 0x88cc");
    let named = || match value.trim_start_matches('\\') {
        "icmp" => Some(1),
        "tcp" => Some(6),
        "udp" => Some(17),
        "icmp6" => Some(58),
        "sctp" => Some(132),
        _ => None,
    };
    let number = number(value).or_else(named).ok_or_else(bad)?;
    Ok(Node::Primitive(match over {
        Some(Over::Ether) => Primitive::EtherType(number.try_into().map_err(|_| bad())?),
        None | Some(Over::Ip(_)) => {
            let family = match over {
                Some(Over::Ip(family)) => Some(family),
                _ => None,
            };
            Primitive::Protocol { family, number: number.try_into().map_err(|_| bad())? }
        }
        Some(_) => return Err(bad()),
    }))
}
