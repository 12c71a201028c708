//! The station at priority -100: who answers in the place of whom, and whom mappings let in.

use super::Tracker;
use super::behaviour::{Filtering, Forward};
use super::hooks::{Passage, Realm, UNSOLICITED, Verdict};
use super::mapping::{Held, Mappings};
use super::table::{Entry, by_peer, status};
use super::tcp::State;
use super::tuple::{End, Tuple};
use super::why::{Hook, Station, What};
use probe::Time;
use wire::ip::protocol;

impl Tracker {
    /// Chooses where the first packet of a connection goes to.
    pub(super) fn choose_destination(
        &mut self,
        now: Time,
        bytes: &[u8],
        passage: &mut Passage,
    ) -> Verdict {
        let Some(entry) = &mut passage.fresh else { return Verdict::Accept };
        let from = passage.from;
        let original = entry.tuples[0];
        if let Some(to) = self.forwarded(&original, from) {
            redirect(entry, to);
            entry.status |= if from == Realm::Inside { status::HAIRPIN } else { 0 };
            return Verdict::Accept;
        }
        let may_map = from == Realm::Outside || from == Realm::Inside && self.hairpins();
        let is_ours = self.is_outer(original.destination().address, original.family);
        if may_map && self.maps() && is_ours && !original.is_query() && !self.serves(&original) {
            let target = original.target();
            if let Some(number) = self.mappings.find_outer(original.protocol, target) {
                let held = *self.mappings.at(number);
                let is_let_in = held.fresh_until > now && self.lets_in(now, &original, &held, from);
                if !is_let_in {
                    return self.turn_away(now, bytes, passage.fresh.take());
                }
                entry.mapping = number;
                entry.status |= match from {
                    Realm::Inside => status::HAIRPIN | status::INBOUND,
                    _ => status::INBOUND,
                };
                redirect(entry, held.inner.source());
            } else if from == Realm::Outside && self.holds(entry) {
                return self.turn_away(now, bytes, passage.fresh.take());
            }
        }
        Verdict::Accept
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.plan.behaviour.holds_syns
            && entry.tuples[0].protocol == protocol::TCP
            && entry.tcp.state == State::SynSent
    }

    /// Nobody asked for it: a SYN is held, all else is dropped.
    fn turn_away(&mut self, now: Time, bytes: &[u8], entry: Option<Entry>) -> Verdict {
        let hook = Hook::Prerouting;
        if let Some(entry) = entry.filter(|entry| self.holds(entry)) {
            self.hold.add(now, entry.tuples[0], bytes);
            self.note(hook, Station::Destination, || What::Held);
            return Verdict::Hold;
        }
        self.note(hook, Station::Destination, || What::Dropped(UNSOLICITED));
        Verdict::Drop(UNSOLICITED)
    }

    /// Who answers by a rule.
    fn forwarded(&self, original: &Tuple, from: Realm) -> Option<End> {
        let target = original.destination();
        let is_open = from == Realm::Outside || from == Realm::Inside && self.hairpins();
        let concerns = |rule: &&Forward| {
            let is_asked = match rule.address {
                Some(address) => original.destination_ip() == address,
                None => self.is_outer(target.address, original.family),
            };
            (is_open || rule.is_anywhere)
                && is_asked
                && rule.protocol.is_none_or(|number| number == original.protocol)
                && rule.port.is_none_or(|port| port == target.port && original.has_ports())
                && wire::Family::of(rule.to) == original.family
        };
        let rule = self.plan.forwards.iter().find(concerns)?;
        Some(End { address: rule.to.into(), port: rule.to_port.unwrap_or(target.port) })
    }

    /// Whether the gateway itself listens there.
    pub(super) fn serves(&self, original: &Tuple) -> bool {
        let name = (original.protocol, original.destination().port);
        self.plan.served.contains(&name)
    }

    /// Whether a mapping's filter lets a packet in (RFC 4787 §5).
    fn lets_in(&self, now: Time, original: &Tuple, held: &Held, from: Realm) -> bool {
        let mut inward = *original;
        if from == Realm::Inside {
            // The other end has met the sender's outer end, if it has met it.
            let inner = Mappings::inner_of(original, self.plan.behaviour.mapping);
            let outer = match self.mappings.find_inner(&inner) {
                Some(number) => self.mappings.at(number).outer,
                None => End { address: self.address_for(original, held.outer), port: 0 },
            };
            inward = inward.from(outer);
        }
        match self.plan.behaviour.filtering {
            Filtering::EndpointIndependent => true,
            Filtering::AddressDependent => {
                let group = by_peer(&inward);
                let mut next = self.table.first_of(&group, super::peer_group);
                for _ in 0..64 {
                    let Some(number) = next else { break };
                    if self.table.at(number).expires > now {
                        return true;
                    }
                    next = self.table.next_of(number);
                }
                false
            }
            Filtering::AddressAndPortDependent => {
                let found = self.table.find(&inward);
                found.is_some_and(|(number, _)| self.table.at(number).expires > now)
            }
        }
    }
}

/// Sends a connection to another end.
fn redirect(entry: &mut Entry, to: End) {
    let original = entry.tuples[0];
    // What has an answer keeps it under another address.
    if let Some(reply) = original.to(to).invert() {
        entry.tuples[1] = reply;
    }
}
