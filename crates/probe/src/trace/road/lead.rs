//! A road that goes by another of the same run: it begins where that one ended, checks that it is
//! right to, and lets it stand for the hops before.

use super::{BEYOND_LEAD, Road, Turn};
use crate::trace::share::{Lead, Model};
use crate::trace::{Event, Hop, Plan, Shared};
use std::net::IpAddr;

impl Road {
    /// Begins where another road ended.
    pub(super) fn go_by(&mut self, lead: Lead, plan: &Plan) {
        let Some(hop) = lead.first_hop(plan).filter(|hop| *hop <= plan.hops_max) else { return };
        if hop <= self.first_hop {
            return;
        }
        self.lowest = hop;
        self.frontier = hop - 1;
        self.lead = Some((lead, false));
    }

    /// What it teaches other roads, if it teaches anything.
    pub fn model(&self, target: u32) -> Option<Model> {
        let reached = self.ending.filter(|e| e.from == self.destination.target.address);
        let last = match (reached, self.ending) {
            (Some(ending), _) => ending.hop - 1,
            // Somebody refused: for this address, perhaps not for others.
            (None, Some(_)) => return None,
            (None, None) => self.heard,
        };
        let own = self.hops.iter().take(usize::from(last - (self.first_hop - 1)));
        let mut routers: Vec<Option<IpAddr>> = own.map(|hop| hop.from).collect();
        if let Some((lead, true)) = &self.lead {
            let known = lead.model.routers.iter().take(usize::from(self.lowest - self.first_hop));
            for (router, known) in routers.iter_mut().zip(known) {
                *router = *known;
            }
        }
        let hop_limit = reached.and(self.end_hop_limit);
        routers.iter().any(Option::is_some).then_some(Model { target, routers, hop_limit })
    }

    /// The last hop that is ever asked: where another road shows the end, not far beyond it.
    pub(super) fn horizon(&self, plan: &Plan) -> u8 {
        match self.lead {
            Some(_) => self.lowest.saturating_add(BEYOND_LEAD).min(plan.hops_max),
            None => plan.hops_max,
        }
    }

    /// Judges the road that this one goes by, once the hop that it began with is decided.
    pub(super) fn check_lead(&mut self, plan: &Plan) {
        let Some((lead, false)) = &self.lead else { return };
        let hop = self.lowest;
        if self.flights.decided_at(hop) == 0 {
            return;
        }
        let from = self.hops[usize::from(hop - self.first_hop)].from;
        let target = self.destination.target.address;
        let is_right = match (lead.router(plan, hop), from) {
            (Some(router), Some(from)) => router == from,
            // In the same network silence is the router's limit.
            (Some(_), None) => lead.is_near,
            (None, Some(from)) => from == target && lead.model.hop_limit == self.end_hop_limit,
            // Nor does a silent target say that the way there is another.
            (None, None) => lead.is_near,
        };
        if is_right {
            self.lead = self.lead.take().map(|(lead, _)| (lead, true));
            return;
        }
        self.lead = None;
        self.lowest = self.first_hop;
        for missed in self.first_hop..hop {
            self.want(missed, 0);
        }
    }

    pub(super) fn report_shared(&mut self, turn: &mut Turn<'_>, hop: u8) {
        let Some((lead, _)) = &self.lead else { return };
        let from = lead.router(turn.plan, hop);
        let shared = Some(Shared { target: lead.model.target, from });
        self.reported = hop;
        turn.report(Event::Hop(Hop { hop, probes: Vec::new(), is_end: false, shared }));
    }
}
