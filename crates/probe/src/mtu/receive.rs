//! What arrives: which probe it belongs to, whether it proves so, and what it says.

use super::Says;
use super::engine::Mtu;
use super::road::Arrived;
use super::table::{Flight, State, TARGET};
use crate::method::{Proof, Trail};
use crate::{Arrival, Carrier, Time};
use wire::Family;
use wire::icmp::{self, Error, Meaning, Message, Quoted};
use wire::ip::Header;

impl Mtu {
    /// Takes what arrived; `None` if it has nothing to do with this run.
    pub(super) fn take(&mut self, now: Time, arrival: &Arrival<'_>) -> Option<()> {
        let family = Family::of(arrival.source);
        let carrier = self.plan.method.carrier();
        if arrival.protocol == icmp::protocol(family) {
            match Message::parse(family, arrival.payload).ok()? {
                Message::Error(error) if error.meaning.is_advice() => return None,
                Message::Error(error) => return self.take_error(now, arrival, &error),
                _ if carrier != Carrier::Icmp => return None,
                _ => {}
            }
        } else if arrival.protocol != carrier.protocol(family) {
            return None;
        }
        let (trail, greeting) = self.plan.method.recognise_answer(arrival.payload)?;
        let (index, number) = self.about_answer(arrival, &trail)?;
        self.arrive(now, arrival, (index, number), Says::Greeting(greeting), None)
    }

    fn take_error(&mut self, now: Time, arrival: &Arrival<'_>, error: &Error<'_>) -> Option<()> {
        let quoted = error.parse_quoted().ok()?;
        let datagram = &quoted.datagram;
        let carrier = self.plan.method.carrier();
        if datagram.protocol != carrier.protocol(datagram.family()) || datagram.is_later_fragment()
        {
            return None;
        }
        let trail = self.plan.method.recognise_quoted(datagram.payload)?;
        let (index, number) = self.about_quote(now, &quoted, &trail)?;
        let from = arrival.source;
        match error.meaning {
            Meaning::HopLimitExceeded => {
                let rtt = self.rtt(arrival, index, number)?;
                self.visit(index, now, |road, turn| road.take_expired(turn, number, from, rtt));
            }
            Meaning::PacketTooBig => {
                let sent_bytes = self.flight(index, number)?.bytes;
                let quoted_bytes = datagram.total_bytes as u32;
                let is_other = self.plan.sees_quoted_headers && quoted_bytes != sent_bytes;
                self.visit(index, now, |road, turn| match is_other {
                    true => road.take_misquote(turn, number, from, error, quoted_bytes),
                    false => road.take_refusal(turn, number, from, error),
                });
            }
            // Others had to put it together: it was sent whole.
            Meaning::ReassemblyTimeExceeded => return None,
            meaning => {
                let (kind, code, mtu_bytes) = (error.kind, error.code, None);
                let says = Says::Error { meaning, kind, code, mtu_bytes };
                let flight = self.flight(index, number)?;
                let distance = self.distance_shown(flight, datagram.hop_limit);
                self.arrive(now, arrival, (index, number), says, distance)?;
            }
        }
        Some(())
    }

    fn arrive(
        &mut self,
        now: Time,
        arrival: &Arrival<'_>,
        (index, number): (u32, u64),
        says: Says,
        distance: Option<u8>,
    ) -> Option<()> {
        let rtt = self.rtt(arrival, index, number)?;
        let distance = distance.or(arrival.hop_limit.and_then(distance_guessed));
        let arrived = Arrived { from: arrival.source, says, rtt, distance };
        self.visit(index, now, |road, turn| road.take_arrival(turn, number, &arrived));
        Some(())
    }

    /// How far a probe got, by the hop limit that was left of it.
    fn distance_shown(&self, flight: &Flight, left: u8) -> Option<u8> {
        let sent = if flight.hop == TARGET { self.plan.hop_limit } else { flight.hop };
        let is_seen = self.plan.sees_quoted_headers && left > 0;
        sent.checked_sub(left).filter(|_| is_seen).map(|passed| passed.saturating_add(1))
    }

    fn flight(&self, index: u32, number: u64) -> Option<&Flight> {
        self.roads.get(index as usize)?.table.find(number)
    }

    fn rtt(&self, arrival: &Arrival<'_>, index: u32, number: u64) -> Option<std::time::Duration> {
        let flight = self.flight(index, number)?;
        Some(flight.departure.round_trip(arrival.received).0)
    }

    /// The probe that a target's own answer is to.
    fn about_answer(&self, arrival: &Arrival<'_>, trail: &Trail) -> Option<(u32, u64)> {
        let index = *self.by_address.get(&arrival.source)?;
        let is_plain = trail.port == self.plan.identifiers[0]
            && trail.to_port.is_none_or(|port| port == self.plan.port);
        if !is_plain {
            return None;
        }
        let Some(mark) = trail.mark else {
            // A program that answers by UDP names no probe.
            return Some((index, self.least(index)?));
        };
        let table = &self.roads[index as usize].table;
        let number = self.identity.number_of_mark(mark, table.count())?;
        let flight = table.find(number)?;
        let token = self.identity.token(number, arrival.source);
        // What comes back shorter than it went does not show how much gets back.
        let header = Header::new(arrival.source, arrival.source, arrival.protocol);
        let is_whole = header.bytes() + arrival.payload.len() == flight.bytes as usize;
        (trail.proof.agrees(token) && is_whole).then_some((index, number))
    }

    /// The probe that an error quotes.
    fn about_quote(&mut self, now: Time, quoted: &Quoted<'_>, trail: &Trail) -> Option<(u32, u64)> {
        let datagram = &quoted.datagram;
        let known = self.by_address.get(&datagram.destination).copied();
        let index = match known {
            Some(index) => index,
            // A translator may have changed it; then the token must be there.
            None if self.roads.len() == 1 => 0,
            None => return None,
        };
        let road = self.roads.get(index as usize)?;
        let to = road.destination.target.address;
        let count = road.table.count();
        let by_mark = trail.mark.map(|mark| self.identity.number_of_mark(mark, count));
        if let Proof::Token(token) = trail.proof {
            let ours = |number: &u64| self.identity.token(*number, to) == token;
            let others = (0..count).rev();
            return by_mark.flatten().into_iter().chain(others).find(ours).map(|n| (index, n));
        }
        let is_plain = known.is_some()
            && trail.port == self.plan.identifiers[0]
            && trail.to_port.is_none_or(|port| port == self.plan.port);
        if !is_plain {
            return None;
        }
        let by_header = self.number_of_header(quoted, count);
        let found = match (by_mark, by_header) {
            // Two names that disagree are a translator's work, or a forger's: the header's has to
            // fit the size, too.
            (Some(mark), Some(header)) if mark != header => {
                let size = |number: &u64| self.flight(index, *number).map(|flight| flight.bytes);
                header.filter(|number| size(number) == Some(datagram.total_bytes as u32))
            }
            (Some(mark), _) => mark,
            (None, Some(header)) => header,
            (None, None) => return self.only_one(now, index),
        };
        let number = found.filter(|number| self.flight(index, *number).is_some())?;
        Some((index, number))
    }

    /// The probe that a quoted IPv4 identification names; the outer `None` if there is none to
    /// read.
    fn number_of_header(&self, quoted: &Quoted<'_>, count: u64) -> Option<Option<u64>> {
        let datagram = &quoted.datagram;
        let is_there = datagram.destination.is_ipv4() && self.plan.sees_quoted_headers;
        let identification = datagram.identification as u16;
        let number = |name| self.identity.number_of_identification(name, count);
        // Some routers quote it with its bytes swapped.
        is_there.then(|| number(identification).or(number(identification.swap_bytes())))
    }

    /// The probe under way, if there is just one; else nobody can tell, and there will be.
    fn only_one(&mut self, now: Time, index: u32) -> Option<(u32, u64)> {
        let under_way = self.roads[index as usize].table.flights();
        let mut under_way = under_way.filter(|(_, flight)| flight.state == State::InFlight);
        let (number, _) = under_way.next()?;
        if under_way.next().is_some() {
            drop(under_way);
            self.visit(index, now, |road, turn| road.cannot_tell(turn));
            return None;
        }
        Some((index, number))
    }

    /// The smallest probe for the target that is unanswered: if several got there, it did.
    fn least(&self, index: u32) -> Option<u64> {
        let open = self.roads.get(index as usize)?.table.flights();
        let open = open.filter(|(_, flight)| flight.is_open() && flight.hop == TARGET);
        open.min_by_key(|(_, flight)| flight.bytes).map(|(number, _)| number)
    }
}

/// Hop limits that systems send with.
const USUAL_HOP_LIMITS: [u8; 4] = [32, 64, 128, 255];

/// How far away somebody is whose answer came with that hop limit, if both ways are as long.
fn distance_guessed(hop_limit: u8) -> Option<u8> {
    let sent = USUAL_HOP_LIMITS.into_iter().find(|usual| *usual >= hop_limit)?;
    (sent - hop_limit).checked_add(1)
}
