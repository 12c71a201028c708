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
        if let Some(expected) = turn.plan.expected_bytes.filter(|bytes| *bytes < ceiling)
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
        let doubtful = self.table.doubtful(hop, passed).filter(|bytes| *bytes <= ceiling);
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
        let is_final = self.is_final(turn, hop, doubtful);
        if doubtful - passed > 1 {
            let tries = self.table.tries(hop, doubtful, self.overdue_after(turn.plan));
            if tries.unproven > 1 && !is_final {
                // Nothing beside it was answered: what is asked now may not be, either.
                self.try_again(turn, hop, doubtful, true);
            } else if !self.table.is_asking(hop, passed, doubtful) {
                if !is_final {
                    self.try_again(turn, hop, doubtful, false);
                }
                let width = if self.is_one_by_one { 1 } else { width };
                let hints = self.hints(turn.plan);
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
        None
    }

    /// Sizes that somebody named, or that were found elsewhere.
    fn hints(&self, plan: &Plan) -> Vec<u32> {
        let mut hints = self.table.named();
        hints.extend(plan.expected_bytes);
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

    /// Whether it is certain that a size does not get as far as a hop. Looks again if time alone
    /// is missing.
    pub fn is_final(&mut self, turn: &Turn<'_>, hop: u8, bytes: u32) -> bool {
        let tries = self.table.tries(hop, bytes, self.overdue_after(turn.plan));
        let needed = self.tries_needed(turn.plan);
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

    fn tries_needed(&self, plan: &Plan) -> u32 {
        u32::from(plan.tries) * if self.table.has_losses() { 2 } else { 1 }
    }

    /// Whether a size remains undecided: all tries say nothing.
    pub fn is_given_up(&self, plan: &Plan, hop: u8, bytes: u32) -> bool {
        let tries = self.table.tries(hop, bytes, Duration::ZERO);
        self.table.standing(hop, bytes) != Standing::Open
            && tries.count() >= self.tries_needed(plan) * GIVE_UP_FACTOR
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
        self.want(hop, bytes);
        if with_control {
            let control = self.table.passed(hop).max(BYTES_MIN);
            self.wanted.push_back((hop, control));
        }
    }
}

/// Whether a word needs no other beside it: what cannot be true needs a second one.
fn is_confirmed(refusal: Refusal, tries: Tries) -> bool {
    refusal.is_sound || tries.refused + tries.vanished > 1
}
