//! How much gets as far as one hop: several sizes in each round trip, and certainty about the
//! smallest that does not.

use super::road::{Road, Turn};
use super::table::{Refusal, Standing, TARGET, Tries};
use super::{BYTES_MIN, Plan, plateau};
use crate::Carrier;
use std::time::Duration;

/// Sizes that the target is asked in one round trip.
const ECHO_WIDTH: usize = 6;

/// Likewise where the answers are errors, which are often limited.
pub(super) const ERROR_WIDTH: usize = 3;

/// Tries beside controls that go in one round trip.
const PAIRS: usize = 2;

/// Tries that say nothing, because nothing else was answered beside them, are spaced more and more,
/// up to this: limits of answers are often one a second.
const SPACING_MAX: Duration = Duration::from_millis(1_100);

/// After so many times the tries that would do, a size is given up undecided.
const GIVE_UP_FACTOR: u32 = 5;

/// How much gets as far as a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settled {
    /// The largest that does.
    pub mtu_bytes: u32,
    /// The smallest that does not; `None` if all does that was to be tried.
    pub refused_bytes: Option<u32>,
    /// Whether both are certain.
    pub is_sure: bool,
}

impl Road {
    /// How much gets to the target, once that is known.
    pub fn settle_target(&mut self, turn: &Turn<'_>) -> Option<Settled> {
        let ceiling = self.ceiling(turn.plan);
        let expected = self.expectation.map(|expected| expected.mtu_bytes);
        if let Some(expected) = expected.filter(|bytes| *bytes < ceiling)
            && self.table.standing(TARGET, expected + 1) == Standing::Unasked
        {
            self.want(TARGET, expected + 1);
            self.want(TARGET, expected);
        }
        let is_icmp = turn.plan.method.carrier() == Carrier::Icmp;
        self.settle(turn, TARGET, ceiling, if is_icmp { ECHO_WIDTH } else { ERROR_WIDTH })
    }

    /// How much gets as far as a hop, of sizes up to `ceiling`, once that is known.
    pub fn settle(
        &mut self,
        turn: &Turn<'_>,
        hop: u8,
        ceiling: u32,
        width: usize,
    ) -> Option<Settled> {
        let passed = self.table.passed(hop);
        if passed >= ceiling {
            return Some(Settled { mtu_bytes: ceiling, refused_bytes: None, is_sure: true });
        }
        self.table.unlimit(hop, SPACING_MAX / 2);
        if self.table.is_limited(hop) {
            self.table.void_unproven(hop, self.overdue_after(turn.plan));
        }
        let doubtful = self.table.doubtful(hop, passed).filter(|bytes| *bytes <= ceiling);
        if self.table.is_limited(hop) && self.table.refusal(hop, doubtful.unwrap_or(0)).is_none() {
            return self.settle_slowly(turn, hop, (passed, doubtful, ceiling));
        }
        let Some(doubtful) = doubtful else {
            if !self.table.is_asking(hop, passed, ceiling + 1) && self.wanted.is_empty() {
                self.want(hop, ceiling);
            }
            if !self.table.answers(hop) {
                self.ask_smallest(turn, hop);
            }
            return None;
        };
        if !self.table.answers(hop) {
            self.ask_smallest(turn, hop);
            if passed == 0 {
                return None;
            }
        }
        let needed = self.tries_needed(turn.plan, self.is_likely(hop, passed));
        let is_final = self.is_final(turn, hop, doubtful, needed);
        if doubtful - passed > 1 {
            let tries = self.table.tries(hop, doubtful, self.overdue_after(turn.plan));
            if tries.unproven > 1 && !is_final {
                // Nothing beside it was answered: what is asked now may not be, either.
                self.try_again(turn, hop, doubtful, true);
                self.suspect_limit(turn, hop, tries);
            } else if !self.table.is_asking(hop, passed, doubtful) {
                if !is_final {
                    self.try_again(turn, hop, doubtful, false);
                }
                let width = if self.is_one_by_one { 1 } else { width };
                let hints = self.hints();
                for bytes in plateau::between(passed, doubtful, &hints, width) {
                    if self.table.standing(hop, bytes) == Standing::Unasked {
                        self.want(hop, bytes);
                    }
                }
            }
            return None;
        }
        let settled =
            Settled { mtu_bytes: passed, refused_bytes: Some(doubtful), is_sure: is_final };
        if is_final || self.is_given_up(turn.plan, hop, doubtful) {
            return Some(settled);
        }
        self.try_again(turn, hop, doubtful, true);
        self.suspect_limit(
            turn,
            hop,
            self.table.tries(hop, doubtful, self.overdue_after(turn.plan)),
        );
        None
    }

    /// Where controls go unanswered again and again, it is the answers that are few.
    fn suspect_limit(&mut self, turn: &Turn<'_>, hop: u8, tries: Tries) {
        if tries.unproven > PAIRS as u32 && self.table.answers(hop) {
            self.table.limit(hop);
            self.wanted.retain(|(wanted, _)| *wanted != hop);
            self.look_at(turn.now + Duration::from_millis(1));
        }
    }

    /// As [`Road::settle`], of a hop that answers but once a second: one size at a time, and what
    /// is known to pass right behind it, so that whichever passes takes the answer.
    fn settle_slowly(
        &mut self,
        turn: &Turn<'_>,
        hop: u8,
        (passed, doubtful, ceiling): (u32, Option<u32>, u32),
    ) -> Option<Settled> {
        let high = doubtful.unwrap_or(ceiling + 1);
        if let Some(doubtful) = doubtful.filter(|doubtful| doubtful - passed == 1) {
            let needed = self.tries_needed(turn.plan, self.is_likely(hop, passed));
            let is_final = self.is_final(turn, hop, doubtful, needed);
            if is_final || self.is_given_up(turn.plan, hop, doubtful) {
                let refused_bytes = Some(doubtful);
                return Some(Settled { mtu_bytes: passed, refused_bytes, is_sure: is_final });
            }
        }
        let at = self.table.asked_at(hop).map_or(turn.now, |last| last + SPACING_MAX);
        if at > turn.now {
            self.look_at(at);
            return None;
        }
        let middle = || plateau::between(passed, high, &self.hints(), 1).first().copied();
        let bytes = match doubtful {
            None => ceiling,
            Some(doubtful) => middle().unwrap_or(doubtful),
        };
        self.wanted.extend([(hop, bytes), (hop, passed.max(BYTES_MIN))]);
        None
    }

    /// Sizes that somebody named, or that were found elsewhere.
    fn hints(&self) -> Vec<u32> {
        let mut hints = self.table.named();
        hints.extend(self.expectation.map(|expected| expected.mtu_bytes));
        hints
    }

    /// Asks a hop that has not answered yet by the smallest probe.
    pub fn ask_smallest(&mut self, turn: &Turn<'_>, hop: u8) {
        match self.table.standing(hop, BYTES_MIN) {
            Standing::Unasked => self.want(hop, BYTES_MIN),
            Standing::Silent if !self.is_mute(turn.plan, hop) => self.want(hop, BYTES_MIN),
            _ => {}
        }
    }

    /// Whether a hop answers nothing at all.
    pub fn is_mute(&self, plan: &Plan, hop: u8) -> bool {
        let tries = self.table.tries(hop, BYTES_MIN, Duration::ZERO);
        // One more than for a size: nothing is known yet of what this road loses.
        let is_over = self.table.standing(hop, BYTES_MIN) == Standing::Silent;
        is_over && tries.count() > u32::from(plan.tries) && !self.table.answers(hop)
    }

    /// Whether it is certain that a size does not get as far as a hop: `needed` tries of it
    /// vanished, or somebody says so. Looks again if time alone is missing.
    pub fn is_final(&mut self, turn: &Turn<'_>, hop: u8, bytes: u32, needed: u32) -> bool {
        let tries = self.table.tries(hop, bytes, self.overdue_after(turn.plan));
        let Some(refusal) = self.table.refusal(hop, bytes) else {
            return tries.vanished >= needed;
        };
        // Whoever forges such a message is faster than the answer that gives him the lie.
        let surely_at = tries.last_sent + self.surely_after();
        if surely_at > turn.now {
            self.look_at(surely_at);
        }
        is_confirmed(refusal, tries) && surely_at <= turn.now
    }

    /// How many tries have to vanish. Where nothing speaks for the size but these, or packets get
    /// lost, twice as many.
    pub fn tries_needed(&self, plan: &Plan, is_likely: bool) -> u32 {
        let is_safe = is_likely && !self.table.has_losses();
        u32::from(plan.tries) * if is_safe { 1 } else { 2 }
    }

    /// Whether links like to end at a size, or somebody named it; and no hop tells another story of
    /// what gets to the target.
    fn is_likely(&self, hop: u8, bytes: u32) -> bool {
        let heard = self.table.heard();
        let passes_all = hop == TARGET && heard > 0 && self.table.reach(bytes + 1) == heard;
        !passes_all && (plateau::is_one(bytes) || self.hints().contains(&bytes))
    }

    /// Whether a size remains undecided: all tries say nothing.
    pub fn is_given_up(&self, plan: &Plan, hop: u8, bytes: u32) -> bool {
        let tries = self.table.tries(hop, bytes, Duration::ZERO);
        self.table.standing(hop, bytes) != Standing::Open
            && tries.count() >= self.tries_needed(plan, true) * GIVE_UP_FACTOR
    }

    /// Asks a doubtful size again once it is time, with a size right behind it that is known to
    /// pass, so that silence says something.
    pub fn try_again(&mut self, turn: &Turn<'_>, hop: u8, bytes: u32, with_control: bool) {
        if self.table.standing(hop, bytes) == Standing::Open {
            return;
        }
        let overdue_after = self.overdue_after(turn.plan);
        let tries = self.table.tries(hop, bytes, overdue_after);
        if self.table.refusal(hop, bytes).is_some_and(|refusal| is_confirmed(refusal, tries)) {
            return;
        }
        // The first try had nothing beside it.
        let doublings = tries.unproven.saturating_sub(1).min(4);
        let spacing = (overdue_after * (1 << doublings)).min(SPACING_MAX.max(overdue_after));
        let at = tries.last_sent + if tries.unproven > 1 { spacing } else { Duration::ZERO };
        if at > turn.now {
            return self.look_at(at);
        }
        if !with_control {
            return self.want(hop, bytes);
        }
        let control = self.table.passed(hop).max(BYTES_MIN);
        for _ in 0..if tries.unproven > 1 { 1 } else { PAIRS } {
            self.wanted.extend([(hop, bytes), (hop, control)]);
        }
    }
}

/// Whether a word needs no other beside it: what cannot be true needs a second one.
fn is_confirmed(refusal: Refusal, tries: Tries) -> bool {
    refusal.is_sound || tries.refused + tries.vanished > 1
}
