//! Address masks (ICMP types 17 and 18; RFC 950 Appendix I, RFC 1122 §3.2.2.9): IPv4 alone has
//! them.

use crate::Arrival;
use crate::gather::{Answer, Gather, Place, Reading, Says, Subject, To};
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::icmp::{self, Mask, Message, Transport};

/// The engine of a run that asks for masks.
pub type Masks = Gather<Question>;

/// What a mask request bears, and how answers to it are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose requests these are.
    pub identifier: u16,
    /// The sequence number of the first request.
    pub first_sequence: u16,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The mask.
    pub mask: Ipv4Addr,
}

/// ICMP type of a mask request.
const REQUEST: u8 = 17;
/// ICMP type of a mask reply.
const REPLY: u8 = 18;
/// A reply is type, code, checksum, identifier, sequence number and mask, and nothing else.
const REPLY_BYTES: usize = 12;

impl Subject for Question {
    type Finding = Found;

    fn ask(&mut self, place: &Place, question: u16, message: &mut Vec<u8>) {
        let sequence = self.first_sequence.wrapping_add(question);
        let mask = Mask { identifier: self.identifier, sequence, mask: Ipv4Addr::UNSPECIFIED };
        Message::MaskRequest(mask).emit(Family::of(place.to), message);
    }

    fn read(&mut self, _places: &[Place], arrival: &Arrival<'_>) -> Reading<Found> {
        let (family, bytes) = (Family::of(arrival.source), arrival.payload);
        if !arrival.source.is_ipv4() || arrival.protocol != icmp::protocol(family) {
            return Reading::Stray;
        }
        let message = Message::parse(family, bytes);
        if let Ok(Message::Error(error)) = message {
            return self.read_error(&error);
        }
        if bytes.first() != Some(&REPLY) {
            return Reading::Stray;
        }
        // Another asker's answer is nobody's business here, however it looks.
        let identifier = bytes.get(4..6);
        if identifier.is_some_and(|it| it != self.identifier.to_be_bytes()) {
            return Reading::Stray;
        }
        let sums = arrival.destination.is_none_or(|to| icmp::verify(arrival.source, to, bytes));
        let Ok(Message::MaskReply(reply)) = message else { return Reading::Malformed };
        if !sums || bytes.len() != REPLY_BYTES {
            return Reading::Malformed;
        }
        let question = reply.sequence.wrapping_sub(self.first_sequence);
        let finding = Found { mask: reply.mask };
        Reading::Answer { to: To::Question(question), finding, settles: true }
    }
}

impl Question {
    fn read_error(&self, error: &icmp::Error<'_>) -> Reading<Found> {
        let Ok(quoted) = error.parse_quoted() else { return Reading::Stray };
        match quoted.transport {
            Transport::Query { kind: REQUEST, identifier, sequence, .. }
                if identifier == self.identifier =>
            {
                let says = Says { meaning: error.meaning, kind: error.kind, code: error.code };
                let question = sequence.wrapping_sub(self.first_sequence);
                Reading::Error { question, says }
            }
            _ => Reading::Stray,
        }
    }
}

/// What this host knows of the network that is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// This host's own addresses.
    pub own: Vec<Ipv4Addr>,
    /// The mask of its interface on that network; `None` if it has none there.
    pub mask: Option<Ipv4Addr>,
    /// The broadcast address of that network.
    pub broadcast: Option<Ipv4Addr>,
    /// Whether requests bear no source address, so that answers are rightly broadcast.
    pub asks_from_nowhere: bool,
}

/// What is to be said of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It is this host's own.
    OwnHost,
    /// It is one more answer of the same sender to the same question.
    Duplicate,
    /// It comes from an address that was not asked.
    Elsewhere,
    /// It was broadcast, although the request bore a source address (RFC 1122 §3.2.2.9).
    Broadcast,
    /// The mask is another than that of this host's interface, which is this.
    Differs(Ipv4Addr),
    /// The mask is that of the sender's class (RFC 791 §3.2), as hosts have that know no better.
    Classful,
    /// The mask has ones behind zeros, which no network of today has.
    NotContiguous,
    /// The mask is all zeros.
    Zeros,
    /// The mask is all ones: a network of one address.
    Ones,
}

/// What is to be said of an answer, what matters most first.
pub fn remarks(answer: &Answer<Found>, expected: &Expectation) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut note = |holds: bool, remark: Remark| {
        if holds {
            remarks.push(remark);
        }
    };
    let IpAddr::V4(from) = answer.from else { return Vec::new() };
    let mask = answer.finding.mask;
    note(expected.own.contains(&from), Remark::OwnHost);
    note(answer.number > 1, Remark::Duplicate);
    note(answer.is_elsewhere, Remark::Elsewhere);
    let is_broadcast = answer.to.is_some_and(|to| match to {
        IpAddr::V4(to) => to.is_broadcast() || Some(to) == expected.broadcast,
        IpAddr::V6(_) => false,
    });
    note(is_broadcast && !expected.asks_from_nowhere, Remark::Broadcast);
    let other = expected.mask.filter(|own| *own != mask);
    if let Some(own) = other {
        note(true, Remark::Differs(own));
    }
    note(other.is_some() && classful(from) == Some(mask), Remark::Classful);
    note(prefix_bits(mask).is_none(), Remark::NotContiguous);
    note(mask == Ipv4Addr::UNSPECIFIED, Remark::Zeros);
    note(mask == Ipv4Addr::BROADCAST && expected.mask != Some(mask), Remark::Ones);
    remarks
}

/// How many ones a mask has; `None` if zeros stand before some of them.
pub fn prefix_bits(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    (bits.leading_ones() == bits.count_ones()).then_some(bits.count_ones() as u8)
}

/// The mask of an address by its class (RFC 791 §3.2); `None` for what is no network of hosts.
pub fn classful(address: Ipv4Addr) -> Option<Ipv4Addr> {
    match address.octets()[0] {
        0..=127 => Some(Ipv4Addr::new(255, 0, 0, 0)),
        128..=191 => Some(Ipv4Addr::new(255, 255, 0, 0)),
        192..=223 => Some(Ipv4Addr::new(255, 255, 255, 0)),
        _ => None,
    }
}

/// The broadcast address of the network that an address and a mask make.
pub fn broadcast(address: Ipv4Addr, mask: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() | !mask.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_told_by_their_shape() {
        let bits = |text: &str| prefix_bits(text.parse().expect("a mask"));
        assert_eq!(bits("0.0.0.0"), Some(0));
        assert_eq!(bits("255.255.254.0"), Some(23));
        assert_eq!(bits("255.255.255.255"), Some(32));
        for odd in ["255.0.255.0", "0.255.255.255", "255.255.255.1", "0.0.0.1"] {
            assert_eq!(bits(odd), None, "{odd}");
        }
    }

    #[test]
    fn classes_end_where_networks_of_hosts_do() {
        let class = |text: &str| classful(text.parse().expect("an address"));
        assert_eq!(class("10.1.2.3"), Some(Ipv4Addr::new(255, 0, 0, 0)));
        assert_eq!(class("128.0.0.1"), Some(Ipv4Addr::new(255, 255, 0, 0)));
        assert_eq!(class("223.255.255.1"), Some(Ipv4Addr::new(255, 255, 255, 0)));
        assert_eq!(class("224.0.0.1"), None);
        let [address, mask] = ["192.0.2.77", "255.255.255.192"].map(|it| it.parse().expect("one"));
        assert_eq!(broadcast(address, mask), Ipv4Addr::new(192, 0, 2, 127));
    }
}
