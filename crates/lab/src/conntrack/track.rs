//! The station at priority -200: which connection a packet belongs to, and what it tells of it.

use super::hooks::{Passage, Realm, Relation};
use super::index::NONE;
use super::list::EventKind;
use super::rewrite::{Side, quoted, sums_up};
use super::table::{Entry, status};
use super::tcp::{self, Connection, Outcome, Standing, State, Strictness};
use super::tuple::{Carried, Layout, Tuple, is_query_type, read};
use super::why::{Hook, Station, What};
use super::{Tracker, timers};
use crate::rules;
use probe::Time;
use std::time::Duration;
use wire::ip::protocol;
use wire::offload::Sums;
use wire::tcp::Segment;

/// UDP that goes on for longer than this, both ways, is a stream (Linux).
const STREAM_AFTER: Duration = Duration::from_secs(2);

/// Generic routing encapsulation (RFC 2784).
pub(super) const GRE: u8 = 47;

/// Slots that are looked at for a connection to forget, if there is no room.
const EARLY_DROP_SLOTS: usize = 64;

/// What tells a connection's fate.
enum Fate {
    /// It goes on.
    Kept,
    /// It ends with this packet, which is still translated.
    Over,
    /// This packet begins another.
    Again,
    /// This packet is none of its.
    Foreign(&'static str),
}

/// What tracking a packet comes to; the error is why there is no room for its connection.
type Tracked = Result<(), &'static str>;

/// A packet under way, as far as it was taken apart.
#[derive(Clone, Copy)]
struct Sight<'a> {
    now: Time,
    bytes: &'a [u8],
    layout: Layout,
    from: Realm,
    hook: Hook,
}

impl Tracker {
    /// Finds the connection of a packet, or begins one, and tells `passage`, which knows none yet.
    pub(super) fn track(
        &mut self,
        now: Time,
        bytes: &[u8],
        sums: Sums,
        passage: &mut Passage,
    ) -> Tracked {
        let (from, hook) = (passage.from, passage.hook);
        let Some((mut layout, carried)) = read(bytes, false) else {
            return self.invalid(hook, "not a datagram");
        };
        layout.is_partial = sums.is_partial();
        let sight = Sight { now, bytes, layout, from, hook };
        if layout.is_fragment {
            return self.invalid(hook, "a fragment");
        }
        let rules = rules::of(layout.family);
        if let Carried::Message(kind) = carried
            && rules.untracked.contains(&kind)
        {
            self.note(hook, Station::Tracking, || What::Untracked("of one link"));
            passage.relation = Relation::Untracked;
            return Ok(());
        }
        let may_be_wrong = sums == Sums::Unknown && hook == Hook::Prerouting;
        let checks = self.plan.checks_sums && may_be_wrong;
        if checks && !sums_up(bytes, &layout) {
            return self.invalid(hook, "its checksum is wrong");
        }
        match carried {
            Carried::Tuple(tuple) => self.belong(&sight, &tuple, passage),
            Carried::Message(kind) if rules.errors.contains(&kind) => self.relate(&sight, passage),
            Carried::Message(_) => self.invalid(hook, "no query and no error"),
            Carried::Cut => self.invalid(hook, "too short"),
        }
    }

    fn invalid(&mut self, hook: Hook, why: &'static str) -> Tracked {
        self.counts.invalid += 1;
        self.note(hook, Station::Tracking, || What::Invalid(why));
        Ok(())
    }

    /// An ICMP error: it belongs to the connection whose packet it quotes.
    fn relate(&mut self, sight: &Sight<'_>, passage: &mut Passage) -> Tracked {
        let Sight { now, hook, layout, bytes, .. } = *sight;
        let is_strict = self.plan.behaviour.drops_invalid;
        let quote =
            quoted(bytes, &layout).filter(|_| !is_strict || has_sound_quote(bytes, &layout));
        // The quoted packet's answer would come the error's way.
        let inverse = quote.and_then(|quote| quote.invert());
        let found = inverse.and_then(|inverse| self.find_live(now, &inverse));
        let Some((number, direction)) = found else {
            self.counts.error += 1;
            return self.invalid(hook, "an error about nothing known");
        };
        let entry = self.table.at(number);
        if !Side::Destination.has(bytes, &layout, entry.tuples[direction].destination()) {
            self.counts.error += 1;
            return self.invalid(hook, "an error for somebody else");
        }
        passage.relation = Relation::Related;
        passage.belongs(layout, direction);
        passage.is(number, entry.serial);
        self.note(hook, Station::Tracking, || What::Related);
        Ok(())
    }

    fn belong(&mut self, sight: &Sight<'_>, tuple: &Tuple, passage: &mut Passage) -> Tracked {
        let Sight { now, hook, layout, .. } = *sight;
        let segment = match tuple.protocol {
            protocol::TCP => match segment(sight) {
                Ok(segment) => Some(segment),
                Err(why) => return self.invalid(hook, why),
            },
            _ => None,
        };
        let tag = self.tag(tuple);
        if let Some((number, direction)) = self.find_live_tagged(now, tag, tuple) {
            let mut entry = self.table.at(number).clone_state();
            match self.hear(sight, &mut entry, direction, segment.as_ref()) {
                Fate::Foreign(why) => {
                    self.table.at_mut(number).put_state(&entry);
                    return self.invalid(hook, why);
                }
                Fate::Over => {
                    let ended = self.table.at_mut(number);
                    ended.put_state(&entry);
                    ended.count(direction, layout.end);
                    passage.fresh = Some(self.forget(now, number));
                    passage.is_over = true;
                }
                Fate::Kept => {
                    self.keep(now, number, &entry, direction, sight);
                    passage.is(number, self.table.at(number).serial);
                }
                Fate::Again => {
                    self.forget(now, number);
                    return self.begin(sight, (tuple, tag), segment.as_ref(), passage);
                }
            }
            passage.relation = Relation::Established;
            passage.belongs(layout, direction);
            let is_reply = direction == 1;
            self.note(hook, Station::Tracking, || What::Established { is_reply });
            return Ok(());
        }
        self.begin(sight, (tuple, tag), segment.as_ref(), passage)
    }

    /// The first packet of a connection.
    fn begin(
        &mut self,
        sight: &Sight<'_>,
        (tuple, tag): (&Tuple, u32),
        segment: Option<&Segment<'_>>,
        passage: &mut Passage,
    ) -> Tracked {
        let Sight { now, hook, layout, .. } = *sight;
        let Some(reply) = tuple.invert() else {
            return self.invalid(hook, "nothing answers it");
        };
        if tuple.is_query() && !is_query_type(tuple.family, tuple.kind()) {
            return self.invalid(hook, "an answer to nothing known");
        }
        let begun = segment.map(|segment| Connection::begin(segment, self.strictness()));
        let Some(tcp) = begun.unwrap_or_else(|| Some(Connection::default())) else {
            return self.invalid(hook, "a segment of no known connection");
        };
        if self.table.len() >= self.plan.limit && !self.make_room(now, tuple) {
            return Err("the table is full");
        }
        let mut state = Mutable { expires: now, born: now, status: 0, tcp };
        if !matches!(self.hear(sight, &mut state, 0, segment), Fate::Kept) {
            return self.invalid(hook, "nothing that begins a connection");
        }
        let entry = passage.fresh.insert(Entry::new(now, (*tuple, tag), reply));
        entry.put_state(&state);
        entry.count(0, layout.end);
        passage.relation = Relation::New;
        passage.belongs(layout, 0);
        self.note(hook, Station::Tracking, || What::New);
        Ok(())
    }

    /// Forgets a connection near a new one's place that is not assured.
    fn make_room(&mut self, now: Time, tuple: &Tuple) -> bool {
        let near: Vec<u32> = match self.plan.behaviour.drops_early {
            true => self.table.near(tuple, EARLY_DROP_SLOTS).collect(),
            false => Vec::new(),
        };
        let victim = near.into_iter().find(|number| {
            let entry = self.table.at(*number);
            !entry.is(status::ASSURED) || entry.expires <= now
        });
        let Some(victim) = victim else { return self.sweep_for_room(now) };
        if self.table.at(victim).expires > now {
            self.counts.early_drop += 1;
        }
        self.forget(now, victim);
        true
    }

    /// What has expired makes room anyway, if it is found soon.
    fn sweep_for_room(&mut self, now: Time) -> bool {
        self.sweep(now, EARLY_DROP_SLOTS);
        self.table.len() < self.plan.limit
    }

    fn strictness(&self) -> Strictness {
        Strictness { is_loose: self.plan.behaviour.is_loose, is_liberal: false }
    }

    /// What a packet tells of its connection.
    fn hear(
        &mut self,
        sight: &Sight<'_>,
        state: &mut Mutable,
        direction: usize,
        segment: Option<&Segment<'_>>,
    ) -> Fate {
        let (now, timers) = (sight.now, self.plan.behaviour.timers);
        if let Some(segment) = segment {
            let fate = hear_segment(now, state, direction, segment, self.strictness(), &timers);
            return match fate {
                // RFC 7857 §2.2: what was reset is remembered for a while.
                Fate::Over if self.maps() => {
                    state.expires = now + timers::seconds(timers.tcp[State::Close as usize]);
                    Fate::Kept
                }
                fate => fate,
            };
        }
        let is_answered = state.is(status::ANSWERED);
        let seconds = match sight.layout.protocol {
            protocol::UDP | protocol::UDP_LITE => {
                let is_stream = is_answered && now.since(state.born) > STREAM_AFTER;
                state.status |= if is_stream { status::ASSURED } else { 0 };
                if is_stream { timers.udp_stream } else { timers.udp }
            }
            protocol::SCTP | protocol::DCCP => timers.other_transport,
            number if number == rules::of(sight.layout.family).icmp => timers.icmp,
            GRE => {
                state.status |= if is_answered { status::ASSURED } else { 0 };
                if is_answered { timers.gre_stream } else { timers.gre }
            }
            _ => timers.generic,
        };
        let is_inward = direction == usize::from(!state.is(status::INBOUND));
        let refreshes = self.plan.behaviour.inbound_refreshes
            || !self.maps()
            || !is_inward
            || sight.from != Realm::Outside;
        if refreshes {
            state.expires = now + timers::seconds(seconds);
        }
        Fate::Kept
    }

    /// Writes down what a packet has told of a connection in the table.
    fn keep(
        &mut self,
        now: Time,
        number: u32,
        state: &Mutable,
        direction: usize,
        sight: &Sight<'_>,
    ) {
        let before = self.table.at(number);
        let answers = direction == 1 && !before.is(status::ANSWERED);
        let has_news = answers
            || before.tcp.state != state.tcp.state
            || before.status & status::ASSURED != state.status & status::ASSURED;
        let entry = self.table.at_mut(number);
        entry.put_state(state);
        if answers {
            entry.status |= status::ANSWERED;
        }
        if self.plan.counts {
            entry.count(direction, sight.layout.end);
        }
        let expires = entry.expires;
        // Of a connection that comes back in, each end has its own.
        let mapping = match entry.is(status::HAIRPIN) && direction == 0 {
            true => entry.second_mapping,
            false => entry.mapping,
        };
        let meets = answers && entry.is(status::INBOUND) && !entry.is(status::GROUPED);
        if mapping != NONE && sight.from != Realm::Outside {
            let fresh = &mut self.mappings.at_mut(mapping).fresh_until;
            *fresh = expires.max(*fresh);
        }
        if meets && self.maps() {
            self.join_group(number);
        }
        if has_news && self.events.is_some() {
            let entry = self.table.at(number).clone();
            self.tell(now, EventKind::Update, &entry);
        }
    }
}

/// What packets change of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutable {
    expires: Time,
    born: Time,
    status: u16,
    tcp: Connection,
}

impl Mutable {
    fn is(&self, status: u16) -> bool {
        self.status & status != 0
    }
}

impl Entry {
    pub(super) fn clone_state(&self) -> Mutable {
        Mutable { expires: self.expires, born: self.born, status: self.status, tcp: self.tcp }
    }

    pub(super) fn put_state(&mut self, state: &Mutable) {
        (self.expires, self.status, self.tcp) = (state.expires, state.status, state.tcp);
    }

    fn count(&mut self, direction: usize, bytes: usize) {
        self.counts[direction].packets += 1;
        self.counts[direction].bytes += bytes as u64;
    }
}

fn hear_segment(
    now: Time,
    state: &mut Mutable,
    direction: usize,
    segment: &Segment<'_>,
    rules: Strictness,
    timers: &timers::Timers,
) -> Fate {
    let standing = Standing {
        is_answered: state.is(status::ANSWERED),
        is_assured: state.is(status::ASSURED),
        left_seconds: state.expires.since(now).as_secs(),
    };
    match state.tcp.receive(direction, segment, rules, standing, timers) {
        Outcome::Accepted { seconds, assures } => {
            state.expires = now + timers::seconds(seconds);
            if assures {
                state.status |= status::ASSURED;
            }
            Fate::Kept
        }
        Outcome::Ignored(_) => Fate::Kept,
        Outcome::Invalid { why, seconds } => {
            if let Some(seconds) = seconds {
                state.expires = now + timers::seconds(seconds);
            }
            Fate::Foreign(why)
        }
        Outcome::Reopened => Fate::Again,
        Outcome::Refused => Fate::Over,
    }
}

/// The TCP segment of a datagram, if its header is whole and its flags go together.
fn segment<'a>(sight: &Sight<'a>) -> Result<Segment<'a>, &'static str> {
    let layout = &sight.layout;
    let payload = sight.bytes.get(layout.transport_at..layout.end);
    let segment = payload.and_then(|payload| Segment::parse(payload).ok());
    let segment = segment.ok_or("a cut TCP header")?;
    match tcp::has_sound_flags(segment.flags) {
        true => Ok(segment),
        false => Err("TCP flags that do not go together"),
    }
}

/// Whether the checksum of the IP header that an error quotes is right (RFC 5508 REQ-3a). Linux
/// does not look, and some hosts forget to turn a field back before they quote.
fn has_sound_quote(bytes: &[u8], layout: &Layout) -> bool {
    let quote = bytes.get(layout.transport_at + 8..layout.end);
    quote.is_some_and(wire::ip::verify_header)
}
