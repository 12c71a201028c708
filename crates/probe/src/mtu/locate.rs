//! Which links are narrow: the hops that a size that does not reach the target still gets to, and
//! how much gets one hop farther.

use super::road::{Road, Turn};
use super::search::{ERROR_WIDTH, Settled};
use super::table::{Refusal, Standing, TARGET};
use super::{Doubt, Event, Evidence, Limit, Remark, Way};
use crate::Carrier;

/// Hops that are asked at once beyond the farthest that a size gets to; those that answer nothing
/// do not count.
const WINDOW: u8 = 8;

/// So many silent hops in a row end a road whose target is silent.
const SILENT_TAIL: u8 = 4;

/// How far narrow links have been found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walk {
    /// The size whose end is looked for; `None` at first, when it is the largest.
    bytes: Option<u32>,
    is_over: bool,
}

/// Where a size ends.
enum Place {
    /// Not known yet.
    Open,
    /// Behind the farthest hop that it gets to, and before this one.
    Before(u8),
    /// Nobody behind answers.
    Nowhere,
}

impl Road {
    /// Finds narrow links, each reported as soon as it is known; whether that was all. `settled` is
    /// how much gets to the target, and a deaf target answers nothing.
    pub fn locate(&mut self, turn: &mut Turn<'_>, settled: Option<Settled>, is_deaf: bool) -> bool {
        loop {
            if self.walk.is_over {
                return true;
            }
            let bytes = self.walk.bytes.unwrap_or(self.ceiling(turn.plan));
            let passed = self.table.passed(TARGET);
            if settled.is_some_and(|settled| bytes <= settled.mtu_bytes) {
                return true;
            }
            let doubtful = self.table.doubtful(TARGET, passed);
            if !is_deaf && doubtful.is_none_or(|doubtful| doubtful > bytes) {
                return false;
            }
            let limit = match self.place(turn, bytes, is_deaf) {
                Place::Open => return false,
                Place::Nowhere => None,
                Place::Before(next) => match self.measure(turn, next, bytes, settled) {
                    Measured::Open => return false,
                    Measured::Wider => continue,
                    Measured::Unknown => None,
                    Measured::Limit(limit) => Some(limit),
                },
            };
            let Some(limit) = limit else {
                self.walk.is_over = true;
                return true;
            };
            turn.report(Event::Limit(limit));
            self.walk.bytes = Some(limit.mtu_bytes);
        }
    }

    /// Where a size that does not reach the target ends.
    fn place(&mut self, turn: &Turn<'_>, bytes: u32, is_deaf: bool) -> Place {
        let reach = self.table.reach(bytes);
        let last = self.distance.map_or(turn.plan.hops_max, |distance| distance - 1);
        let needed = self.tries_needed(turn.plan, true);
        let mut mute = 0;
        let mut is_open = false;
        let mut next = None;
        let mut hop = reach + 1;
        let window = if is_deaf { SILENT_TAIL } else { WINDOW };
        while hop <= last && hop - reach <= window + mute {
            if self.may_be_target(turn, hop, is_open) {
                is_open = true;
                break;
            }
            match self.table.standing(hop, bytes) {
                Standing::Unasked => {
                    self.want(hop, bytes);
                    is_open = true;
                }
                Standing::Open => {
                    is_open = true;
                    if self.table.answers(hop) {
                        break;
                    }
                }
                Standing::Arrived => {}
                Standing::Refused => {
                    if self.is_final(turn, hop, bytes, needed) {
                        next = Some(hop);
                    } else {
                        self.try_again(turn, hop, bytes, false);
                        is_open = true;
                    }
                    break;
                }
                Standing::Silent if self.table.answers(hop) => {
                    if self.is_final(turn, hop, bytes, needed) {
                        next = Some(hop);
                        break;
                    }
                    if !self.is_given_up(turn.plan, hop, bytes) {
                        self.try_again(turn, hop, bytes, true);
                        is_open = true;
                        break;
                    }
                    mute += 1;
                }
                Standing::Silent if self.is_mute(turn.plan, hop) => mute += 1,
                Standing::Silent => {
                    self.ask_smallest(turn, hop);
                    is_open = true;
                }
            }
            if is_deaf && mute >= SILENT_TAIL {
                break;
            }
            hop += 1;
        }
        match next {
            _ if is_open => Place::Open,
            Some(hop) => Place::Before(hop),
            None if is_deaf => Place::Nowhere,
            None => Place::Before(TARGET),
        }
    }

    /// Whether a hop is where the target is expected, and not yet known to be another. So where
    /// hops are meant, the target is asked but once: its answers may be few.
    fn may_be_target(&mut self, turn: &Turn<'_>, hop: u8, is_nearer_open: bool) -> bool {
        if self.distance.is_some() || self.expected_distance != Some(hop) || is_nearer_open {
            return self.distance.is_none() && self.expected_distance == Some(hop);
        }
        self.ask_smallest(turn, hop);
        if self.table.answers(hop) || self.is_mute(turn.plan, hop) {
            self.expected_distance = None;
        }
        self.expected_distance.is_some()
    }

    /// How much gets to `next`, where `bytes` do not.
    fn measure(
        &mut self,
        turn: &mut Turn<'_>,
        next: u8,
        bytes: u32,
        settled: Option<Settled>,
    ) -> Measured {
        let asked = match next {
            TARGET => Some(TARGET),
            hop if self.is_mute(turn.plan, hop) => self.table.next_answering(hop),
            hop => Some(hop),
        };
        let found = match asked {
            Some(TARGET) if settled.is_none() => return Measured::Open,
            Some(TARGET) => settled,
            Some(hop) => match self.settle(turn, hop, bytes, ERROR_WIDTH) {
                None => return Measured::Open,
                found => found,
            },
            None => None,
        };
        let passed = found.map_or(0, |found| found.mtu_bytes);
        if passed >= bytes {
            return Measured::Wider;
        }
        let said = self.said(next, passed, bytes, asked == Some(next));
        let mtu_bytes = match (found, said) {
            (Some(found), _) if asked == Some(next) => found.mtu_bytes,
            (_, Some(Refusal { mtu_bytes: Some(named), is_sound: true, .. })) if named > passed => {
                named
            }
            (Some(found), _) => found.mtu_bytes,
            (None, _) => return Measured::Unknown,
        };
        let is_exact = found.is_some_and(|found| found.is_sure && found.mtu_bytes == mtu_bytes);
        let silent = asked.map_or(0, |hop| self.vanished(turn, hop, found));
        let evidence = match said {
            Some(Refusal { from, kind, code, mtu_bytes, .. }) => {
                Evidence::Said { from, kind, code, mtu_bytes }
            }
            None => Evidence::Silence { tries: silent },
        };
        if let Some(said) = said.filter(|said| is_exact && said.is_sound) {
            self.check_word(turn, said, bytes, mtu_bytes);
        }
        let said_by = said.map(|said| said.from);
        let reach = self.table.reach(bytes);
        // Who says so stands before the link, even if its other answers were lost.
        let mut before = (reach..next.min(reach.saturating_add(WINDOW))).rev();
        let named = before.find(|hop| said_by.is_some() && self.table.from(*hop) == said_by);
        let hop = named.unwrap_or(reach);
        let behind = asked.filter(|hop| *hop != TARGET);
        let is_back_possible =
            next == TARGET && said.is_none() && turn.plan.method.carrier() == Carrier::Icmp;
        Measured::Limit(Limit {
            hop,
            from: said_by.or(self.table.from(hop)).filter(|_| hop > 0 || said_by.is_some()),
            next_hop: behind,
            next: asked.and_then(|hop| self.table.from(hop)),
            mtu_bytes,
            is_exact,
            evidence,
            way: if is_back_possible { Way::ThereOrBack } else { Way::There },
        })
    }

    /// What was said about sizes up to `bytes` that get no farther than to `next`: the word that
    /// names what was measured, or else the first.
    fn said(&self, next: u8, passed: u32, bytes: u32, is_measured: bool) -> Option<Refusal> {
        let mut first = None;
        let honest = |refusal: &Refusal| !self.is_liar(refusal.from);
        for refusal in self.table.refusals(next, passed, bytes).filter(honest) {
            if is_measured && refusal.is_sound && refusal.mtu_bytes == Some(passed) {
                return Some(refusal);
            }
            first = first.or(Some(refusal));
        }
        // What was said about another hop's probe may have been said farther on.
        let here = self.table.refusal(next, bytes).filter(honest);
        let least = self.table.refusal(next, passed + 1).filter(honest);
        here.or(if is_measured { least } else { first })
    }

    /// How many tries vanished of the smallest size that does not get to a hop.
    fn vanished(&self, turn: &Turn<'_>, hop: u8, found: Option<Settled>) -> u32 {
        let Some(bytes) = found.and_then(|found| found.refused_bytes) else { return 0 };
        let tries = self.table.tries(hop, bytes, self.overdue_after(turn.plan));
        tries.vanished + tries.refused
    }

    /// Remarks on a word that names another size than what passes.
    fn check_word(&mut self, turn: &mut Turn<'_>, said: Refusal, bytes: u32, mtu_bytes: u32) {
        if said.mtu_bytes.is_none_or(|named| named == mtu_bytes) {
            return;
        }
        let Refusal { from, kind, code, mtu_bytes: named, .. } = said;
        let why = Doubt::Inaccurate { mtu_bytes };
        self.remark(turn, Remark { from, bytes, kind, code, mtu_bytes: named, why });
    }
}

/// What is known of a narrow link.
enum Measured {
    Open,
    /// The size got there after all.
    Wider,
    Unknown,
    Limit(Limit),
}
