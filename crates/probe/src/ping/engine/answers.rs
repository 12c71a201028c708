//! What arrives: which probe it belongs to, whether it proves so, and what it says.

use super::Ping;
use crate::flight::{Slot, State};
use crate::kind::Answer;
use crate::ping::account::Mark;
use crate::ping::proof::Proof;
use crate::ping::{IcmpError, Outcome, QUOTED_MAX_BYTES, Reply};
use crate::stats::round_trip;
use crate::{Arrival, Ticket, Time};
use std::net::IpAddr;
use wire::checksum;
use wire::icmp::Error;
use wire::ip::options::Ipv4Option;
use wire::ip::{Datagram, protocol};

impl Ping {
    pub(super) fn receive_answer(
        &mut self,
        now: Time,
        arrival: &Arrival<'_>,
        answer: &Answer<'_>,
    ) -> Option<()> {
        let ticket = self.ticket(answer.identifier, answer.sequence)?;
        let flight = *self.flights.find(ticket)?;
        let target = self.targets.at(flight.target);
        let token = self.token(ticket, target.address);
        let proof = match answer.payload {
            Some(payload) => self.payload.check(token, payload),
            None => Proof::Whole,
        };
        if proof == Proof::Foreign {
            return None;
        }
        let is_elsewhere = arrival.source != target.address;
        let any_source = self.plan.any_source || stands_for_many(target.address);
        if is_elsewhere && !any_source && answer.payload.is_none_or(<[u8]>::is_empty) {
            // Without a token, only the address says that it is ours.
            return None;
        }
        let (rtt, rtt_source) = round_trip(flight.stamp(), flight.sent_at(), arrival.received);
        let mut reply = Reply {
            from: arrival.source,
            to: arrival.destination,
            bytes: arrival.payload.len(),
            hop_limit: arrival.hop_limit,
            traffic_class: arrival.traffic_class,
            rtt,
            rtt_source,
            reordered: false,
            bad_checksum: arrival.protocol == protocol::ICMP && checksum::of(arrival.payload) != 0,
            options: (!arrival.options.is_empty()).then(|| arrival.options.into()),
            detail: answer.detail.clone(),
        };
        let account = &mut self.accounts[flight.target as usize];
        if flight.state == State::Answered {
            account.mark(Mark::Duplicate, now);
            self.report(&flight, now, Outcome::Duplicate(reply));
            return Some(());
        }
        reply.reordered = account.answer(&flight, rtt, now);
        if matches!(proof, Proof::Damaged { .. }) || reply.bad_checksum {
            account.mark(Mark::Corrupted, now);
        }
        let is_late = matches!(flight.state, State::TimedOut | State::Dropped);
        if is_late {
            account.mark(Mark::Late, now);
        }
        if is_elsewhere && !any_source {
            account.mark(Mark::WrongSource, now);
        }
        let rtt_ns = u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX);
        self.rtt_max_ns = self.rtt_max_ns.max(Some(rtt_ns));
        self.flights.settle(ticket, State::Answered);
        let outcome = match proof {
            Proof::Damaged { offset, sent, got } => {
                let payload = answer.payload.unwrap_or_default().into();
                Outcome::Corrupted { reply, offset, sent, got, payload }
            }
            _ if is_elsewhere && !any_source => Outcome::WrongSource(reply),
            _ if is_late => Outcome::Late(reply),
            _ => Outcome::Reply(reply),
        };
        self.report(&flight, now, outcome);
        self.judge(&flight, true);
        Some(())
    }

    pub(super) fn receive_error(
        &mut self,
        now: Time,
        arrival: &Arrival<'_>,
        error: &Error<'_>,
    ) -> Option<()> {
        let quoted = error.parse_quoted().ok()?.datagram;
        let family = quoted.family();
        if quoted.protocol != self.plan.kind.protocol(family) {
            return None;
        }
        let question = self.plan.kind.recognise_quoted(family, quoted.payload)?;
        let ticket = self.ticket(question.identifier, question.sequence)?;
        let flight = *self.flights.find(ticket)?;
        let target = self.targets.at(flight.target);
        let token = self.token(ticket, target.address);
        let is_ours = (went_to(&quoted, target.address) || target.address.is_unspecified())
            && question.payload.is_none_or(|payload| self.payload.quotes(token, payload));
        if !is_ours {
            return None;
        }
        let (rtt, rtt_source) = round_trip(flight.stamp(), flight.sent_at(), arrival.received);
        let report = IcmpError {
            from: arrival.source,
            meaning: error.meaning,
            kind: error.kind,
            code: error.code,
            word: error.word,
            mtu_bytes: error.mtu_bytes(),
            hop_limit: arrival.hop_limit,
            rtt,
            rtt_source,
            quoted: error.body[..error.body.len().min(QUOTED_MAX_BYTES)].into(),
        };
        if error.meaning.is_advice() {
            self.report(&flight, now, Outcome::IcmpError(Box::new(report)));
            return Some(());
        }
        if !matches!(flight.state, State::InFlight | State::TimedOut) {
            return None;
        }
        let depth = self.depth();
        self.accounts[flight.target as usize].fail(&flight, depth, now);
        self.flights.settle(ticket, State::Failed);
        self.report(&flight, now, Outcome::IcmpError(Box::new(report)));
        self.judge(&flight, false);
        Some(())
    }

    fn token(&self, ticket: Ticket, to: IpAddr) -> u64 {
        match self.last_token {
            (last, token) if last == ticket => token,
            _ => self.plan.key.token(ticket, to),
        }
    }

    /// The newest probe with that identifier and sequence number.
    fn ticket(&self, identifier: u16, sequence: u16) -> Option<Ticket> {
        let at = self.lanes.binary_search_by_key(&identifier, |(known, _)| *known).ok()?;
        self.flights.at_slot(Slot { lane: self.lanes[at].1, sequence })
    }
}

/// Whether a quoted probe was on its way to an address, perhaps by the stops of a source route: its
/// destination is the next stop then, and the last is among those to come (RFC 791 §3.1).
fn went_to(quoted: &Datagram<'_>, to: IpAddr) -> bool {
    let routes_to = |option| match option {
        Ok(Ipv4Option::LooseSourceRoute(route) | Ipv4Option::StrictSourceRoute(route)) => {
            route.addresses().any(|stop| IpAddr::from(stop) == to)
        }
        _ => false,
    };
    quoted.destination == to || quoted.ipv4_options().any(routes_to)
}

/// Whether answers from other addresses than the one asked are to be expected.
fn stands_for_many(address: IpAddr) -> bool {
    address.is_multicast()
        || address.is_unspecified()
        || matches!(address, IpAddr::V4(address) if address.is_broadcast())
}
