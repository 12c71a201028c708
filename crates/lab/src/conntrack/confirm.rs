//! The last station: a new connection is kept, if nobody else took its names in the meantime.

use super::Tracker;
use super::hooks::{Passage, Realm, Verdict};
use super::index::NONE;
use super::list::EventKind;
use super::table::{Entry, status};
use super::why::{Station, What};
use probe::Time;
use wire::ip::protocol;

impl Tracker {
    /// Keeps the connection that a packet begins.
    pub(super) fn confirm(&mut self, now: Time, passage: &mut Passage) -> Verdict {
        if passage.is_over {
            return Verdict::Accept;
        }
        let Some(entry) = passage.fresh.take() else { return Verdict::Accept };
        let [original, reply] = entry.tuples;
        let hook = passage.hook;
        let tags = self.table.tags_of(&entry);
        let taken = self.find_live_tagged(now, tags[0], &original);
        let taken = taken.or_else(|| self.find_live_tagged(now, tags[1], &reply));
        let is_void = entry.mapping != NONE && !self.is_current(&entry);
        if let Some((number, _)) = taken {
            return self.clash(now, passage, &entry, number);
        }
        if is_void {
            self.counts.insert_failed += 1;
            self.drop_unused(now, &entry);
            self.note(hook, Station::Confirmation, || What::Dropped("its mapping is gone"));
            return Verdict::Drop("its mapping is gone");
        }
        if original.protocol == protocol::TCP && passage.from != Realm::Outside {
            self.hold.meet(&reply);
        }
        let (expires, mappings) = (entry.expires, [entry.mapping, entry.second_mapping]);
        let number = self.table.insert(entry, tags);
        for mapping in mappings.into_iter().filter(|mapping| *mapping != NONE) {
            self.mappings.take(mapping);
        }
        self.wheel.hang(&mut self.table, number, expires);
        self.join_group(number);
        self.counts.confirmed += 1;
        passage.number = number;
        passage.serial = self.table.at(number).serial;
        self.note(hook, Station::Confirmation, || What::Confirmed);
        if self.events.is_some() {
            let entry = self.table.at(number).clone();
            self.tell(now, EventKind::New, &entry);
        }
        Verdict::Accept
    }

    /// Whether the mappings of a connection that is not kept yet are still what they were.
    fn is_current(&self, entry: &Entry) -> bool {
        let [original, reply] = entry.tuples;
        let is_inbound = entry.is(status::INBOUND);
        let target = if is_inbound { original.target() } else { reply.target() };
        self.mappings.find_outer(original.protocol, target) == Some(entry.mapping)
    }

    /// A mapping that was made for a connection and that nobody uses goes with it.
    fn drop_unused(&mut self, now: Time, entry: &Entry) {
        for mapping in [entry.mapping, entry.second_mapping] {
            self.mappings.drop_unused(now, mapping);
        }
    }

    /// One of a new connection's names is another's by now.
    fn clash(&mut self, now: Time, passage: &mut Passage, entry: &Entry, number: u32) -> Verdict {
        let hook = passage.hook;
        let winner = self.table.at(number);
        let may_join = matches!(entry.tuples[0].protocol, protocol::UDP | protocol::UDP_LITE);
        if may_join && winner.tuples == entry.tuples {
            self.counts.clash_resolve += 1;
            passage.number = number;
            passage.serial = winner.serial;
            self.note(hook, Station::Confirmation, || What::Passed);
            return Verdict::Accept;
        }
        self.counts.insert_failed += 1;
        self.counts.drop += 1;
        self.drop_unused(now, entry);
        self.note(hook, Station::Confirmation, || What::Dropped("its name is taken"));
        Verdict::Drop("its name is taken")
    }
}
