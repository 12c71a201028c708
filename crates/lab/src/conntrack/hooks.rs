//! The five hooks: what a packet meets on its road, in the order of the stations' priorities.

use super::behaviour::{Hairpinning, Mapping, Quotes};
use super::index::NONE;
use super::rewrite::{Side, rewrite, rewrite_address, rewrite_quote};
use super::table::{Entry, status};
use super::tuple::{End, Layout, Tuple};
use super::why::{Hook, Station, What, headline};
use super::{SWEPT_BY_PACKET, Tracker};
use probe::Time;
use wire::icmp::Meaning;
use wire::offload::Sums;

/// Where a packet comes from or goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    /// Where addresses are not known elsewhere.
    Inside,
    /// Everywhere else.
    Outside,
    /// The gateway itself.
    Gateway,
}

/// What a packet has to do with the connections that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It begins one.
    New,
    /// It belongs to one.
    Established,
    /// It is an ICMP error about a packet of one.
    Related,
    /// It belongs to none and cannot begin one.
    Invalid,
    /// Nobody looks at it.
    Untracked,
}

/// What is to become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It is thrown away; why.
    Drop(&'static str),
    /// It is thrown away, and its sender is to hear this.
    Refuse(Meaning),
    /// It is kept here for a while: see [`Tracker::release`].
    Hold,
}

/// What a packet carries from hook to hook.
#[derive(Debug)]
pub struct Passage {
    pub(super) relation: Relation,
    /// 0 as the first packet of the connection went, 1 against it.
    pub(super) direction: usize,
    pub(super) from: Realm,
    pub(super) hook: Hook,
    pub(super) layout: Option<Layout>,
    /// The connection, if it is in the table, and its serial number.
    pub(super) number: u32,
    pub(super) serial: u32,
    /// The connection that it begins, or that it has just ended.
    pub(super) fresh: Option<Entry>,
    pub(super) is_over: bool,
}

impl Passage {
    /// Of a packet that has nothing to do with any connection, as far as is known.
    fn new(from: Realm, hook: Hook) -> Passage {
        Passage {
            relation: Relation::Invalid,
            direction: 0,
            from,
            hook,
            layout: None,
            number: NONE,
            serial: 0,
            fresh: None,
            is_over: false,
        }
    }

    /// The packet belongs to a connection, in that direction.
    pub(super) fn belongs(&mut self, layout: Layout, direction: usize) {
        (self.layout, self.direction) = (Some(layout), direction);
    }

    /// That connection is in the table.
    pub(super) fn is(&mut self, number: u32, serial: u32) {
        (self.number, self.serial) = (number, serial);
    }

    /// What the packet has to do with known connections.
    pub fn relation(&self) -> Relation {
        self.relation
    }

    /// Whether it goes against the direction of the connection's first packet.
    pub fn is_reply(&self) -> bool {
        self.direction == 1
    }
}

impl Tracker {
    /// A packet has come in.
    pub fn prerouting(&mut self, now: Time, bytes: &mut [u8], from: Realm) -> (Verdict, Passage) {
        self.enter(now, bytes, (from, Hook::Prerouting), Sums::Unknown)
    }

    /// Likewise, of whose checksum something is known. Of a partial one (TCP and UDP alone have
    /// such) only the part that is there is translated.
    pub fn prerouting_summed(
        &mut self,
        now: Time,
        bytes: &mut [u8],
        from: Realm,
        sums: Sums,
    ) -> (Verdict, Passage) {
        self.enter(now, bytes, (from, Hook::Prerouting), sums)
    }

    /// The gateway sends a packet.
    pub fn output(&mut self, now: Time, bytes: &mut [u8]) -> (Verdict, Passage) {
        self.enter(now, bytes, (Realm::Gateway, Hook::Output), Sums::Good)
    }

    /// A packet is for the gateway itself.
    pub fn input(&mut self, now: Time, bytes: &mut [u8], passage: &mut Passage) -> Verdict {
        self.leave(now, bytes, passage, Realm::Gateway, Hook::Input)
    }

    /// A packet is to be passed on, and filters let it.
    pub fn forward(&mut self, passage: &mut Passage) -> Verdict {
        passage.hook = Hook::Forward;
        self.note(Hook::Forward, Station::Filter, || What::Passed);
        Verdict::Accept
    }

    /// A packet is about to leave for a realm.
    pub fn postrouting(
        &mut self,
        now: Time,
        bytes: &mut [u8],
        passage: &mut Passage,
        to: Realm,
    ) -> Verdict {
        self.leave(now, bytes, passage, to, Hook::Postrouting)
    }

    /// All of a road through the gateway at once, for whoever does nothing between the hooks.
    pub fn through(&mut self, now: Time, bytes: &mut [u8], from: Realm, to: Realm) -> Verdict {
        let (verdict, mut passage) = self.prerouting(now, bytes, from);
        if verdict != Verdict::Accept {
            return verdict;
        }
        self.forward(&mut passage);
        self.postrouting(now, bytes, &mut passage, to)
    }

    fn enter(
        &mut self,
        now: Time,
        bytes: &mut [u8],
        (from, hook): (Realm, Hook),
        sums: Sums,
    ) -> (Verdict, Passage) {
        if self.steps.is_some() {
            self.finish_road();
            self.steps = Some(Vec::new());
            self.headline = Some((now, headline(bytes)));
        }
        self.sweep(now, SWEPT_BY_PACKET);
        self.mappings.wake(now);
        let mut passage = Passage::new(from, hook);
        if let Err(why) = self.track(now, bytes, sums, &mut passage) {
            self.counts.drop += 1;
            self.note(hook, Station::Tracking, || What::Dropped(why));
            return (self.refusal(why), passage);
        }
        let drops = self.plan.behaviour.drops_invalid && from != Realm::Gateway;
        if passage.relation == Relation::Invalid && drops {
            self.note(hook, Station::Filter, || What::Dropped("invalid"));
            return (Verdict::Drop("invalid"), passage);
        }
        let verdict = match passage.fresh {
            Some(_) if !passage.is_over && hook == Hook::Prerouting => {
                self.choose_destination(now, bytes, &mut passage)
            }
            _ => Verdict::Accept,
        };
        if verdict == Verdict::Accept {
            self.translate(bytes, &passage, Side::Destination, "destination");
        }
        (verdict, passage)
    }

    fn leave(
        &mut self,
        now: Time,
        bytes: &mut [u8],
        passage: &mut Passage,
        to: Realm,
        hook: Hook,
    ) -> Verdict {
        passage.hook = hook;
        let is_inward = passage.from == Realm::Outside && to == Realm::Inside;
        if passage.relation == Relation::Invalid && is_inward && self.drops_unasked() {
            self.note(hook, Station::Filter, || What::Dropped("invalid"));
            return Verdict::Drop("invalid");
        }
        let mut rule = "source";
        if let Some(entry) = passage.fresh.as_mut().filter(|_| !passage.is_over) {
            match self.choose_source(now, entry, passage.from, to) {
                Ok(named) => rule = named,
                Err(why) => {
                    passage.fresh = None;
                    self.counts.drop += 1;
                    self.note(hook, Station::Source, || What::Dropped(why));
                    return self.refusal(why);
                }
            }
        }
        self.translate(bytes, passage, Side::Source, rule);
        self.confirm(now, passage)
    }

    /// What a sender hears if there is no room.
    fn refusal(&self, why: &'static str) -> Verdict {
        use super::behaviour::OnExhaustion;
        match self.plan.behaviour.on_exhaustion {
            _ if why == UNSOLICITED => Verdict::Drop(why),
            OnExhaustion::Silence => Verdict::Drop(why),
            OnExhaustion::Prohibited => Verdict::Refuse(Meaning::CommunicationProhibited),
            OnExhaustion::HostUnreachable => Verdict::Refuse(Meaning::HostUnreachable),
        }
    }

    /// The connection of a packet, in the table or not.
    pub(super) fn entry_of<'a>(&'a self, passage: &'a Passage) -> Option<&'a Entry> {
        if let Some(entry) = &passage.fresh {
            return Some(entry);
        }
        let number = Some(passage.number).filter(|number| *number != NONE)?;
        let entry = self.table.at(number);
        (entry.is(status::LIVE) && entry.serial == passage.serial).then_some(entry)
    }

    /// Replaces one end of a packet by what its connection says, and of what it quotes the other.
    fn translate(&mut self, bytes: &mut [u8], passage: &Passage, side: Side, rule: &'static str) {
        let Some(layout) = passage.layout else { return };
        let Some(entry) = self.entry_of(passage) else { return };
        // Only whoever translates sources gives queries another identifier.
        let is_sources = (side == Side::Source) == (passage.direction == 0);
        if !entry.is_translated(is_sources) {
            return;
        }
        let comes = entry.tuples[passage.direction];
        let leaves = entry.leaves(passage.direction);
        let (from, mut to) = (side.of(&comes), side.of(&leaves));
        if comes.is_query() {
            // The identifier is at both ends.
            to.port = leaves.source().port;
        }
        if passage.relation == Relation::Related {
            // The quoted packet went the other way.
            let plan = &self.plan;
            let quotes = if is_sources { plan.quotes } else { plan.forward_quotes };
            let is_end = side == Side::Destination
                || passage.direction == 0
                || plan.hides_routers
                || quotes != Quotes::Untouched && Side::Source.has(bytes, &layout, comes.source());
            rewrite_quote(bytes, &layout, side.other(), to, quotes);
            if is_end {
                rewrite_address(bytes, &layout, side, to);
            }
            self.say(passage.hook, side, rule, &comes, (from, to));
            return;
        }
        rewrite(bytes, &layout, side, to);
        self.say(passage.hook, side, rule, &comes, (from, to));
    }

    fn say(
        &mut self,
        hook: Hook,
        side: Side,
        rule: &'static str,
        comes: &Tuple,
        (from, to): (End, End),
    ) {
        let family = comes.family;
        let name = |end: End| if comes.is_query() { comes.source().port } else { end.port };
        let shown = |end: End, port| (end.address.ip(family), port);
        let station = if side == Side::Source { Station::Source } else { Station::Destination };
        self.note(hook, station, || What::Translated {
            rule,
            from: shown(from, name(from)),
            to: shown(to, to.port),
        });
    }

    /// Whether packets from inside to outer addresses go back in.
    pub(super) fn hairpins(&self) -> bool {
        self.plan.behaviour.hairpinning == Hairpinning::ExternalSource
    }

    /// Whether what nobody inside has asked for is dropped.
    pub(super) fn drops_unasked(&self) -> bool {
        self.plan.masquerades && self.plan.drops_unasked.unwrap_or_else(|| self.maps())
    }

    /// Whether it has mappings that outlast a connection.
    pub(super) fn maps(&self) -> bool {
        self.plan.behaviour.mapping != Mapping::PerConnection
    }
}

/// Why a packet from outside is dropped that nobody asked for.
pub(super) const UNSOLICITED: &str = "unsolicited";
