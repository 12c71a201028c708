//! What else arrives at an instrument's node: answers to other programs' probes, errors about other
//! programs' packets, messages that are none, and near misses of the run's own probes. Always on,
//! from streams of its own; whoever counts any of it is wrong.

use crate::map::Map;
use crate::random::Random;
use crate::{NodeId, rules};
use probe::{Carrier, Time};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::icmp::{self, Echo, Message, NUMBERS};
use wire::ip::{Header, protocol};

mod near;

/// A stray datagram arrives at most this long after the probe that it resembles.
const SPREAD: Duration = Duration::from_millis(400);

/// Makes noise.
#[derive(Debug)]
pub(crate) struct Noise {
    random: Random,
    /// Of what is said about probes with a name of their own; apart, so that pings hear the same
    /// noise whatever is added there.
    near: Random,
    /// Identifiers and source ports that the run has used, so that none of the noise is the run's.
    used: BTreeSet<u16>,
}

/// A probe that goes out: what the noise takes after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model<'a> {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) carrier: Carrier,
    /// Whether it bears a name where errors quote it, as those of traces do.
    pub(crate) is_named: bool,
    /// Its transport message.
    pub(crate) message: &'a [u8],
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Noise {
        let [random, near] = ["noise", "near misses"].map(|name| Random::named(seed, name));
        Noise { random, near, used: BTreeSet::new() }
    }

    /// Datagrams that resemble a probe and are none of its answers, and when they arrive.
    pub(crate) fn provoke(
        &mut self,
        now: Time,
        map: &Map,
        model: Model<'_>,
    ) -> Vec<(Time, Vec<u8>)> {
        let port_at = if model.carrier == Carrier::Icmp { 4 } else { 0 };
        if let Some([high, low]) = model.message.get(port_at..port_at + 2) {
            self.used.insert(u16::from_be_bytes([*high, *low]));
        }
        let usual = match model.carrier {
            Carrier::Icmp => self.stranger(now, map, model),
            _ => None,
        };
        let near = if model.is_named { self.near_miss(now, map, model) } else { None };
        usual.into_iter().chain(near).collect()
    }

    /// Perhaps something about another program's ping.
    fn stranger(&mut self, now: Time, map: &Map, model: Model<'_>) -> Option<(Time, Vec<u8>)> {
        let family = Family::of(model.source);
        let [chance, shape, when] = std::array::from_fn(|_| self.random.next());
        if chance % 2 == 0 {
            return None;
        }
        // A stranger's ping with the payload of a trace's probe would bear its token, which nobody
        // else can make; near misses take its place.
        if model.is_named && shape % 5 < 3 {
            return None;
        }
        let sender = somebody(&mut self.random, map, family)?;
        let (sender, message) = match shape % 5 {
            0 => (model.destination, self.stranger_reply(family, model)?),
            1 => (sender, self.stranger_reply(family, model)?),
            2 => (sender, self.stranger_error(family, model)?),
            3 => (sender, self.unrelated_error(family, model)),
            _ => (sender, self.rubbish()),
        };
        let sender = if sender.is_multicast() { model.source } else { sender };
        let mut message = message;
        icmp::fill_checksum(sender, model.source, &mut message);
        let header = Header::new(sender, model.source, rules::of(family).icmp);
        let mut bytes = Vec::new();
        header.emit(&message, &mut bytes).ok()?;
        let spread = SPREAD.as_nanos() as u64;
        Some((now + Duration::from_nanos(1 + when % spread), bytes))
    }

    /// An identifier that the run has not used; `None` if it seems to use them all.
    fn foreign_identifier(&mut self) -> Option<u16> {
        let draw = (0..8).map(|_| self.random.next() as u16).find(|n| !self.used.contains(n));
        draw.filter(|_| self.used.len() < 60_000)
    }

    /// The answer to another program's echo request: same sequence number, same payload.
    fn stranger_reply(&mut self, family: Family, model: Model<'_>) -> Option<Vec<u8>> {
        let echo = self.stranger_echo(model)?;
        let mut message = Vec::new();
        Message::EchoReply(echo).emit(family, &mut message);
        Some(message)
    }

    fn stranger_echo<'a>(&mut self, model: Model<'a>) -> Option<Echo<'a>> {
        let identifier = self.foreign_identifier()?;
        let sequence = model.message.get(6..8)?;
        let sequence = u16::from_be_bytes([sequence[0], sequence[1]]);
        Some(Echo { identifier, sequence, payload: &model.message[8..] })
    }

    /// An error about another program's echo request to the same destination.
    fn stranger_error(&mut self, family: Family, model: Model<'_>) -> Option<Vec<u8>> {
        let echo = self.stranger_echo(model)?;
        let mut request = Vec::new();
        Message::EchoRequest(echo).emit(family, &mut request);
        let header = Header::new(model.source, model.destination, rules::of(family).icmp);
        Some(error(&mut self.random, family, &header, &request))
    }

    /// An error about a UDP datagram to somewhere else.
    fn unrelated_error(&mut self, family: Family, model: Model<'_>) -> Vec<u8> {
        let ports = self.random.next().to_be_bytes();
        let header = Header::new(model.source, elsewhere(model.destination), protocol::UDP);
        error(&mut self.random, family, &header, &ports)
    }

    /// Bytes too few for any message.
    fn rubbish(&mut self) -> Vec<u8> {
        let bytes = self.random.next().to_be_bytes();
        bytes[..4 + (self.random.next() % 4) as usize].to_vec()
    }
}

/// An address of some node.
fn somebody(random: &mut Random, map: &Map, family: Family) -> Option<IpAddr> {
    let index = random.below(map.nodes() as u64) as u32;
    map.addresses(NodeId(index), family).first().copied()
}

/// Some error that quotes this.
fn error(random: &mut Random, family: Family, header: &Header, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    // What does not fit quotes nothing, which is noise too.
    header.emit(payload, &mut body).ok();
    body.truncate(rules::of(family).error_max_bytes - rules::of(family).header_bytes - 8);
    let sayable: Vec<_> = NUMBERS
        .iter()
        .filter_map(|(meaning, ..)| Some((*meaning, meaning.numbers(family)?)))
        .collect();
    let (meaning, (kind, code)) = sayable[random.below(sayable.len() as u64) as usize];
    let word = random.below(1_500) as u32;
    let mut message = Vec::new();
    let error = icmp::Error { meaning, kind, code, word, body: &body };
    Message::Error(error).emit(family, &mut message);
    message
}

/// Another address near this one.
pub(crate) fn elsewhere(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(a) => std::net::Ipv4Addr::from_bits(a.to_bits() ^ 0x80).into(),
        IpAddr::V6(a) => std::net::Ipv6Addr::from_bits(a.to_bits() ^ 0x80_0000).into(),
    }
}
