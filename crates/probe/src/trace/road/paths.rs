//! A road of which every load-balanced path is looked for: the first flow finds the end, then the
//! [`Web`](crate::trace::web::Web) says which flows to send where.

use super::{PATHS_WINDOW, Road, State, Turn};
use crate::Time;
use crate::trace::{Event, Plan};

impl Road {
    pub(super) fn advance_paths(&mut self, turn: &mut Turn<'_>) {
        self.due = Time::NEVER;
        let Some(mut web) = self.web.take() else { return };
        for (hop, flow) in self.settle(turn, |flight| flight.state == State::Overdue) {
            web.silent(hop, flow);
        }
        if !web.has_begun() {
            self.widen_slowly(turn.plan);
            let is_over = match self.ending {
                Some(_) => self.wanted.is_empty() && self.flights.in_flight() == 0,
                None => self.is_hopeless(turn),
            };
            if is_over {
                let last = self.ending.map_or(self.heard, |ending| ending.hop);
                web.begin(last.max(self.first_hop));
            }
        }
        if web.has_begun() && self.wanted.is_empty() {
            let (wants, due) = web.wants(turn.now);
            for (hop, flow) in &wants {
                self.want(*hop, *flow);
            }
            self.due = self.due.min(due);
            if wants.is_empty() && due == Time::NEVER && self.flights.in_flight() == 0 {
                turn.report(Event::Graph(web.graph()));
                let end = self.end(turn.plan);
                self.finish(turn, end);
            }
        }
        self.web = Some(web);
    }

    /// Widens the window when all of it is decided, twice as far each time: what outruns the end
    /// tells nothing about paths.
    fn widen_slowly(&mut self, plan: &Plan) {
        let is_decided = self.wanted.is_empty() && self.flights.in_flight() == 0;
        if self.ending.is_some() || !is_decided {
            return;
        }
        let asked = self.frontier - (self.first_hop - 1);
        let limit = match self.heard < self.frontier && asked > 0 {
            // Silence: as far as it goes.
            true => plan.hops_max,
            false => self.frontier.saturating_add(asked.max(PATHS_WINDOW)).min(plan.hops_max),
        };
        self.is_desperate |= limit == plan.hops_max;
        while self.frontier < limit {
            self.frontier += 1;
            self.want(self.frontier, 0);
        }
    }

    /// Asks again where probes that looked for paths are forgotten.
    pub(super) fn look_again(&mut self, forgotten: &[(u8, u16)]) {
        let Some(web) = &mut self.web else { return };
        for (hop, flow) in forgotten {
            web.forget(*hop, *flow);
        }
        if web.has_begun() {
            return;
        }
        for hop in self.first_hop..=self.frontier {
            if self.hop(hop).asked == 0 {
                self.want(hop, 0);
            }
        }
    }
}
