//! Random packets beside a model that is clear and slow: maps of ends, no index, no wheel, no
//! incremental checksum. Verdicts, relations and translated packets must be the same. Where chance
//! chooses a port, the model checks that it was a right one, and goes on with it.

use lab::conntrack::{Hairpinning, Personality, Plan, Realm, Relation, Tracker, Verdict};
use probe::Time;
use std::collections::BTreeMap;
use std::net::IpAddr;
use wire::ip::{Datagram, Header, protocol};
use wire::{Family, icmp, udp};

/// Connections of the tracker at most.
const LIMIT: usize = 40;

/// Seconds after which UDP, queries and others are forgotten.
const UDP: u64 = 30;
const STREAM: u64 = 120;
const QUERY: u64 = 30;
const TUNNEL: u64 = 30;
const TUNNEL_STREAM: u64 = 180;

type End = (IpAddr, u16);

/// A packet's name: protocol, source, destination; an identifier is at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    protocol: u8,
    source: End,
    destination: End,
    /// Of a query: whether it is the answer.
    is_answer: bool,
}

impl Name {
    fn inverse(self) -> Name {
        let is_query = is_query(self.protocol);
        let is_answer = is_query != self.is_answer;
        Name { source: self.destination, destination: self.source, is_answer, ..self }
    }
}

fn is_query(number: u8) -> bool {
    matches!(number, protocol::ICMP | protocol::ICMPV6)
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    original: Name,
    reply: Name,
    born: u64,
    until: u64,
    is_answered: bool,
    is_assured: bool,
}

/// The model: Linux's masquerade of everything but TCP.
#[derive(Default)]
struct Model {
    connections: Vec<Connection>,
}

impl Model {
    fn find(&mut self, now: u64, name: Name) -> Option<(usize, bool)> {
        self.connections.retain(|connection| connection.until > now);
        let is_it = |c: &Connection| c.original == name || c.reply == name;
        let index = self.connections.iter().position(is_it)?;
        Some((index, self.connections[index].reply == name))
    }
}

/// Chance from bytes, as a fuzzer gives them.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

/// A packet that was sent, for errors to quote.
struct Sent {
    bytes: Vec<u8>,
    to: Realm,
}

/// Sends packets as the bytes say, and compares.
///
/// # Panics
/// If tracker and model differ.
pub fn check(input: &[u8]) {
    let mut bytes = Bytes(input);
    let is_v6 = bytes.next().is_some_and(|byte| byte & 1 == 1);
    let net = Net::new(is_v6);
    let mut behaviour = Personality::Linux.behaviour();
    behaviour.hairpinning = Hairpinning::None;
    behaviour.drops_early = false;
    let plan = Plan { pool: vec![net.outer], limit: LIMIT, ..Plan::new(behaviour) };
    let mut tracker = Tracker::new(plan, 7);
    let mut run = Run { net, model: Model::default(), now: 0, sent: Vec::new() };
    while let Some(action) = bytes.next() {
        let Some(detail) = bytes.next() else { break };
        run.act(&mut tracker, action, detail);
        assert!(tracker.len() <= LIMIT);
    }
    // Everything goes in the end.
    while let Some(due) = tracker.due() {
        tracker.sweep(due, 8);
    }
    assert!(tracker.is_empty());
    others(input);
}

/// The other personalities have no model: they must not panic, and give everything back.
fn others(input: &[u8]) {
    for (_, personality) in Personality::ALL {
        let net = Net::new(false);
        let plan = Plan {
            pool: vec![net.outer],
            limit: LIMIT,
            ports: Some(2_000..=2_019),
            ..Plan::new(personality.behaviour())
        };
        let mut tracker = Tracker::new(plan, 7);
        tracker.explain(true);
        tracker.watch(true);
        let mut now = Time::ZERO;
        let mut last = Vec::new();
        for chunk in input.chunks(6) {
            let at = |index: usize| chunk.get(index).copied().unwrap_or(0);
            now = Time(now.0 + u64::from(at(0)) * 100_000_000);
            let mut packet = net.anything(at(1), at(2), at(3), &last);
            // Damage, sometimes.
            if at(4) < 64
                && let Some(byte) = packet.get_mut(usize::from(at(5)))
            {
                *byte ^= at(4);
            }
            let realm = |bit: u8| if bit & 1 == 0 { Realm::Inside } else { Realm::Outside };
            let _ = tracker.through(now, &mut packet, realm(at(1)), realm(at(1) >> 1));
            last = packet;
            assert!(tracker.len() <= LIMIT);
        }
        tracker.flush(now);
        assert_eq!((tracker.len(), tracker.mappings()), (0, 0));
        while tracker.release(Time::NEVER).is_some() {}
        assert_eq!(tracker.take_events().filter(|e| e.to_string().is_empty()).count(), 0);
    }
}

struct Net {
    inner: Vec<IpAddr>,
    outer: IpAddr,
    far: Vec<IpAddr>,
}

impl Net {
    fn new(is_v6: bool) -> Net {
        let parse = |text: &str| text.parse().expect("an address");
        match is_v6 {
            false => Net {
                inner: ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(parse).to_vec(),
                outer: parse("203.0.113.5"),
                far: ["198.51.100.1", "198.51.100.2"].map(parse).to_vec(),
            },
            true => Net {
                inner: ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(parse).to_vec(),
                outer: parse("2001:db8:1::5"),
                far: ["2001:db8:2::1", "2001:db8:2::2"].map(parse).to_vec(),
            },
        }
    }

    /// Any packet between any of the hosts; an error about the last one too.
    fn anything(&self, kind: u8, hosts: u8, ports: u8, last: &[u8]) -> Vec<u8> {
        let all: Vec<IpAddr> =
            self.inner.iter().chain(&self.far).chain([&self.outer]).copied().collect();
        let host = |index: u8| all[usize::from(index) % all.len()];
        let (from, to) = (host(hosts >> 4), host(hosts));
        let port = |index: u8| 2_000 + u16::from(index & 0x0f);
        let (source, target) = ((from, port(ports >> 4)), (to, port(ports)));
        match kind >> 3 & 7 {
            0..=2 => segment(source, target, kind),
            3 => message(source, target),
            4 => echo(from, to, source.1, kind & 4 != 0),
            5 => error(from, to, last),
            6 => datagram(from, to, kind, &[ports; 12]),
            _ => last.iter().rev().copied().collect(),
        }
    }
}

struct Run {
    net: Net,
    model: Model,
    now: u64,
    sent: Vec<Sent>,
}

impl Run {
    fn act(&mut self, tracker: &mut Tracker, action: u8, detail: u8) {
        let inner = self.net.inner[usize::from(detail & 3) % 3];
        let far = self.net.far[usize::from(detail >> 2 & 1)];
        let (a, s) =
            ((inner, 1_000 + u16::from(detail >> 4 & 3)), (far, 50 + u16::from(detail >> 6)));
        let outer = self.net.outer;
        match action % 8 {
            0 => self.now += u64::from(detail % 16),
            1 | 2 => self.pass(tracker, message(a, s), Realm::Inside),
            3 => self.pass(tracker, echo(inner, far, a.1, false), Realm::Inside),
            4 => self.pass(tracker, datagram(inner, far, 47, b"a tunnel"), Realm::Inside),
            5 => self.answer(tracker, detail),
            6 => self.pass(tracker, message((far, s.1), (outer, a.1)), Realm::Outside),
            _ => self.complain(tracker, detail),
        }
    }

    /// Somebody answers what arrived.
    fn answer(&mut self, tracker: &mut Tracker, detail: u8) {
        let Some(sent) = self.sent.get(usize::from(detail) % self.sent.len().max(1)) else {
            return;
        };
        let name = name_of(&sent.bytes).expect("it was sent");
        let (from, to) = (name.destination, name.source);
        let realm = sent.to;
        let answer = match name.protocol {
            protocol::UDP => message(from, to),
            number if is_query(number) => echo(from.0, to.0, from.1, !name.is_answer),
            number => datagram(from.0, to.0, number, b"a tunnel"),
        };
        self.pass(tracker, answer, realm);
    }

    /// A router says that what arrived, or never was, is unreachable.
    fn complain(&mut self, tracker: &mut Tracker, detail: u8) {
        let index = usize::from(detail) % (self.sent.len() + 1);
        let (quote, realm) = match self.sent.get(index) {
            Some(sent) => (sent.bytes.clone(), sent.to),
            None => (message((self.net.outer, 9), (self.net.far[0], 9)), Realm::Outside),
        };
        let name = name_of(&quote).expect("it was sent");
        let from = if detail & 1 == 0 { name.destination.0 } else { self.net.far[1] };
        let from = if realm == Realm::Inside { name.destination.0 } else { from };
        let packet = error(from, name.source.0, &quote);
        let mut bytes = packet.clone();
        let now = Time(self.now * 1_000_000_000);
        let (_, mut passage) = tracker.prerouting(now, &mut bytes, realm);
        let found = self.model.find(self.now, name.inverse());
        let Some((index, is_reply)) = found else {
            assert_eq!(passage.relation(), Relation::Invalid);
            assert_eq!(bytes, packet);
            return;
        };
        assert_eq!(passage.relation(), Relation::Related);
        let to = if realm == Realm::Inside { Realm::Outside } else { Realm::Inside };
        assert_eq!(tracker.postrouting(now, &mut bytes, &mut passage, to), Verdict::Accept);
        // The quote is what it was before it was translated, the error goes to its source.
        let Connection { original, reply, .. } = self.model.connections[index];
        let (seen, before) = if is_reply { (reply, original) } else { (original, reply) };
        let leaves = before.inverse();
        let is_kept = seen.source.0 == leaves.source.0;
        let source = if is_kept { from } else { leaves.source.0 };
        let quote = renamed(&quote, before);
        assert_eq!(bytes, error(source, before.source.0, &quote));
    }

    /// A packet takes its road, here and in the model.
    fn pass(&mut self, tracker: &mut Tracker, packet: Vec<u8>, from: Realm) {
        let name = name_of(&packet).expect("it has a name");
        let now = Time(self.now * 1_000_000_000);
        let mut bytes = packet.clone();
        let (verdict, mut passage) = tracker.prerouting(now, &mut bytes, from);
        if let Some((index, is_reply)) = self.model.find(self.now, name) {
            assert_eq!(passage.relation(), Relation::Established, "{name:?}");
            let to = if from == Realm::Inside { Realm::Outside } else { Realm::Inside };
            let verdict = tracker.postrouting(now, &mut bytes, &mut passage, to);
            assert_eq!(verdict, Verdict::Accept);
            let connection = self.model.hear(self.now, index, is_reply);
            let leaves = if is_reply { connection.original } else { connection.reply }.inverse();
            assert_eq!(bytes, renamed(&packet, leaves));
            self.compare(tracker, now);
            return self.remember(bytes, to);
        }
        if is_query(name.protocol) && name.is_answer {
            return assert_eq!(passage.relation(), Relation::Invalid);
        }
        if self.model.connections.len() >= LIMIT {
            return assert_eq!(verdict, Verdict::Drop("the table is full"));
        }
        assert_eq!((verdict, passage.relation()), (Verdict::Accept, Relation::New));
        if from == Realm::Outside {
            // It is for the gateway itself.
            let verdict = tracker.input(now, &mut bytes, &mut passage);
            let is_free = self.model.find(self.now, name.inverse()).is_none();
            if is_free {
                assert_eq!((verdict, &bytes), (Verdict::Accept, &packet));
                self.model.begin(self.now, name, name.inverse());
            } else if verdict == Verdict::Accept {
                let leaves = name_of(&bytes).expect("a packet");
                self.adopt(name, leaves);
            }
            return self.compare(tracker, now);
        }
        let verdict = tracker.postrouting(now, &mut bytes, &mut passage, Realm::Outside);
        let leaves = Name { source: (self.net.outer, name.source.1), ..name };
        let has_ports = name.protocol == protocol::UDP || is_query(name.protocol);
        let is_free = self.model.find(self.now, leaves.inverse()).is_none();
        if !is_free && !has_ports {
            return assert_eq!(verdict, Verdict::Drop("its name is taken"));
        }
        assert_eq!(verdict, Verdict::Accept, "{name:?}");
        let chosen = name_of(&bytes).expect("a packet");
        assert_eq!(bytes, renamed(&packet, chosen));
        assert_eq!(chosen.source.0, self.net.outer);
        if let Some(known) = self.model.known(name) {
            // Another connection of the same source lends its port, if that is free.
            let lent = Name { source: known, ..name };
            if self.model.find(self.now, lent.inverse()).is_none() {
                assert_eq!(chosen.source, known);
            }
        } else if is_free {
            assert_eq!(chosen, leaves, "{name:?}");
        }
        self.adopt(name, chosen);
        self.compare(tracker, now);
        self.remember(bytes, Realm::Outside);
    }

    /// A port that chance chose is a right one.
    fn adopt(&mut self, name: Name, chosen: Name) {
        assert!(self.model.find(self.now, chosen.inverse()).is_none(), "{name:?} {chosen:?}");
        let class = match name.source.1 {
            _ if is_query(name.protocol) => 0..=65_535,
            _ if name.protocol != protocol::UDP => 0..=0,
            0..=511 => 1..=511,
            512..=1_023 => 512..=1_023,
            _ => 1_024..=65_535,
        };
        assert!(class.contains(&chosen.source.1), "{name:?} {chosen:?}");
        self.model.begin(self.now, name, chosen.inverse());
    }

    fn remember(&mut self, bytes: Vec<u8>, to: Realm) {
        if self.sent.len() > 30 {
            self.sent.remove(0);
        }
        self.sent.push(Sent { bytes, to });
    }

    fn compare(&mut self, tracker: &Tracker, now: Time) {
        let at = self.now;
        self.model.connections.retain(|connection| connection.until > at);
        let mut ours = BTreeMap::new();
        for c in &self.model.connections {
            ours.insert(c.original, (c.until - at, c.is_answered, c.is_assured));
        }
        let theirs = tracker.list(now);
        assert_eq!(theirs.len(), ours.len());
        for listed in theirs {
            let tuple = listed.original;
            let (first, second) = tuple.ports();
            let second = if is_query(tuple.protocol()) { first } else { second };
            let name = Name {
                protocol: tuple.protocol(),
                source: (tuple.source_ip(), first),
                destination: (tuple.destination_ip(), second),
                is_answer: false,
            };
            let seen = (listed.left_seconds, listed.is_answered, listed.is_assured);
            assert_eq!(ours.get(&name), Some(&seen), "{name:?}");
        }
    }
}

impl Model {
    fn begin(&mut self, now: u64, original: Name, reply: Name) {
        let until = now + seconds(original.protocol, false);
        let (is_answered, is_assured) = (false, false);
        let new = Connection { original, reply, born: now, until, is_answered, is_assured };
        self.connections.push(new);
    }

    fn hear(&mut self, now: u64, index: usize, is_reply: bool) -> Connection {
        let connection = &mut self.connections[index];
        let number = connection.original.protocol;
        let is_stream = match number {
            protocol::UDP => connection.is_answered && now > connection.born + 2,
            number => connection.is_answered && !is_query(number),
        };
        connection.is_assured |= is_stream;
        connection.until = now + seconds(number, is_stream);
        connection.is_answered |= is_reply;
        *connection
    }

    /// The outer end of the latest connection from a source that has one outside.
    fn known(&self, name: Name) -> Option<End> {
        let is_it = |c: &&Connection| {
            (c.original.protocol, c.original.source) == (name.protocol, name.source)
        };
        self.connections.iter().rev().find(is_it).map(|c| c.reply.destination)
    }
}

fn seconds(number: u8, is_stream: bool) -> u64 {
    match number {
        protocol::UDP if is_stream => STREAM,
        protocol::UDP => UDP,
        number if is_query(number) => QUERY,
        _ if is_stream => TUNNEL_STREAM,
        _ => TUNNEL,
    }
}

fn datagram(from: IpAddr, to: IpAddr, number: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let emitted = Header::new(from, to, number).emit(payload, &mut bytes);
    emitted.expect("it fits");
    bytes
}

fn message(from: End, to: End) -> Vec<u8> {
    let message = udp::Message {
        source_port: from.1,
        destination_port: to.1,
        has_checksum: true,
        payload: b"odd",
    };
    let mut bytes = Vec::new();
    message.emit(from.0, to.0, &mut bytes).expect("it fits");
    datagram(from.0, to.0, protocol::UDP, &bytes)
}

fn segment(from: End, to: End, flags: u8) -> Vec<u8> {
    let segment = wire::tcp::Segment {
        source_port: from.1,
        destination_port: to.1,
        sequence: u32::from(flags & 3),
        acknowledgment: u32::from(flags >> 2 & 3),
        flags: [0x02, 0x12, 0x10, 0x11, 0x04, 0x14, 0x18, 0x00][usize::from(flags & 7)],
        window: 10,
        urgent: 0,
        options: &[],
        payload: &[],
    };
    let mut bytes = Vec::new();
    segment.emit(from.0, to.0, &mut bytes).expect("it fits");
    datagram(from.0, to.0, protocol::TCP, &bytes)
}

fn echo(from: IpAddr, to: IpAddr, identifier: u16, is_reply: bool) -> Vec<u8> {
    let family = Family::of(from);
    let kind = match is_reply {
        true => icmp::echo_reply_type(family),
        false => icmp::echo_request_type(family),
    };
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(identifier.to_be_bytes());
    bytes.extend([0, 1, 0x70]);
    icmp::fill_checksum(from, to, &mut bytes);
    datagram(from, to, icmp::protocol(family), &bytes)
}

fn error(from: IpAddr, to: IpAddr, about: &[u8]) -> Vec<u8> {
    let family = Family::of(from);
    let (kind, code) = icmp::Meaning::PortUnreachable.numbers(family).expect("it has numbers");
    let mut bytes = vec![kind, code, 0, 0, 0, 0, 0, 0];
    bytes.extend(about);
    icmp::fill_checksum(from, to, &mut bytes);
    datagram(from, to, icmp::protocol(family), &bytes)
}

fn name_of(bytes: &[u8]) -> Option<Name> {
    let datagram = Datagram::parse(bytes).ok()?;
    let (source, destination, is_answer) = match icmp::Transport::parse(&datagram) {
        icmp::Transport::Ports { source, destination, .. } => (source, destination, false),
        icmp::Transport::Query { kind, identifier, .. } => {
            let is_answer = kind == icmp::echo_reply_type(datagram.family());
            (identifier, identifier, is_answer)
        }
        icmp::Transport::Opaque(_) => (0, 0, false),
    };
    Some(Name {
        protocol: datagram.protocol,
        source: (datagram.source, source),
        destination: (datagram.destination, destination),
        is_answer,
    })
}

/// The packet as it would have been sent under another name.
fn renamed(bytes: &[u8], name: Name) -> Vec<u8> {
    match name.protocol {
        protocol::UDP => message(name.source, name.destination),
        number if is_query(number) => {
            echo(name.source.0, name.destination.0, name.source.1, name.is_answer)
        }
        number => {
            let datagram_of = Datagram::parse(bytes).expect("whole");
            datagram(name.source.0, name.destination.0, number, datagram_of.payload)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn random_packets_fare_as_in_the_model() {
        let noise = testbed::noise((0..120).sum::<usize>() * 12);
        let mut rest = &noise[..];
        for length in 0..120 {
            let input;
            (input, rest) = rest.split_at(length * 12);
            check(input);
        }
    }

    #[test]
    fn the_corpus_fares_as_in_the_model() {
        assert!(testbed::replay("conntrack", check) > 0);
    }
}
