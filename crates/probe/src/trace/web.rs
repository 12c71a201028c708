//! Load-balanced paths: which flows to send where so that every branch is found with a stated
//! confidence, and the graph that comes of it.
//!
//! The multipath detection algorithm (Augustin, Friedman and Teixeira, 2007) in its light form
//! (Vermeulen et al., 2018): hops are probed side by side with the same flows, each until it has
//! had enough to show one branch more than were found; only where two neighbouring hops both have
//! several routers is each of these given flows enough of its own.

use super::{Graph, Layer, Path, Vertex};
use crate::Time;
use crate::stats::RoundTrips;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// How often a flow is sent to a hop that did not answer it; less often if the hop answers nobody.
const TRIES: u8 = 3;
const TRIES_AT_SILENCE: u8 = 2;

/// How long a router that answers others is left alone before it is asked again: it may limit its
/// replies.
const REST: Duration = Duration::from_millis(1_100);

/// What is known of the hops by flow.
#[derive(Clone, Debug)]
pub(super) struct Web {
    first_hop: u8,
    hops_max: u8,
    /// The chance with which a branch may be missed at one router.
    risk: f64,
    flows_max: u16,
    hops: Vec<HopWeb>,
    /// The last hop to ask; 0 while the first flow looks for the end.
    last: u8,
}

#[derive(Clone, Debug, Default)]
struct HopWeb {
    flows: BTreeMap<u16, Seen>,
    vertices: BTreeMap<IpAddr, Book>,
}

/// What a flow saw at a hop.
#[derive(Clone, Debug, Default)]
struct Seen {
    asked: u8,
    /// Probes that are neither answered nor overdue.
    waiting: u8,
    last_asked: Time,
    answers: Vec<IpAddr>,
}

/// What is known of somebody at a hop.
#[derive(Clone, Debug)]
struct Book {
    is_end: bool,
    trips: RoundTrips,
    answered: u64,
}

impl Web {
    pub fn new(first_hop: u8, hops_max: u8, risk: f64, flows_max: u16) -> Web {
        let hops = usize::from(hops_max - first_hop) + 1;
        let hops = vec![HopWeb::default(); hops];
        Web { first_hop, hops_max, risk, flows_max: flows_max.max(1), hops, last: 0 }
    }

    /// The first flow has found the end: from here on the others follow.
    pub fn begin(&mut self, last: u8) {
        self.last = last;
    }

    pub fn has_begun(&self) -> bool {
        self.last > 0
    }

    fn hop(&self, hop: u8) -> &HopWeb {
        &self.hops[usize::from(hop - self.first_hop)]
    }

    fn seen_mut(&mut self, hop: u8, flow: u16) -> &mut Seen {
        self.hops[usize::from(hop - self.first_hop)].flows.entry(flow).or_default()
    }

    pub fn ask(&mut self, hop: u8, flow: u16, now: Time) {
        let seen = self.seen_mut(hop, flow);
        seen.asked += 1;
        seen.waiting += 1;
        seen.last_asked = now;
    }

    pub fn answer(&mut self, hop: u8, flow: u16, from: IpAddr, is_end: bool, rtt: Duration) {
        let seen = self.seen_mut(hop, flow);
        seen.waiting = seen.waiting.saturating_sub(1);
        seen.answers.push(from);
        let rtt_ns = u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX);
        let vertices = &mut self.hops[usize::from(hop - self.first_hop)].vertices;
        match vertices.get_mut(&from) {
            Some(book) => {
                book.answered += 1;
                book.is_end |= is_end;
                book.trips.push(rtt_ns);
            }
            None => {
                let trips = RoundTrips::first(rtt_ns);
                vertices.insert(from, Book { is_end, trips, answered: 1 });
            }
        }
    }

    pub fn silent(&mut self, hop: u8, flow: u16) {
        let seen = self.seen_mut(hop, flow);
        seen.waiting = seen.waiting.saturating_sub(1);
    }

    /// A probe is as if it had never been sent.
    pub fn forget(&mut self, hop: u8, flow: u16) {
        let seen = self.seen_mut(hop, flow);
        seen.waiting = seen.waiting.saturating_sub(1);
        seen.asked = seen.asked.saturating_sub(1);
        if seen.asked == 0 {
            self.hops[usize::from(hop - self.first_hop)].flows.remove(&flow);
        }
    }

    /// What is to be asked now, hop and flow, and when there may be more to ask.
    pub fn wants(&mut self, now: Time) -> (Vec<(u8, u16)>, Time) {
        let (mut wants, mut due) = (BTreeSet::new(), Time::NEVER);
        self.extend();
        for hop in self.first_hop..=self.last {
            self.want_again(hop, now, &mut wants, &mut due);
            self.want_enough(hop, &mut wants);
            if hop > self.first_hop {
                self.want_successors(hop, &mut wants);
            }
            self.want_repeats(hop, &mut wants);
        }
        (wants.into_iter().collect(), due)
    }

    /// Branches may be longer than the first flow's.
    fn extend(&mut self) {
        let last = self.hop(self.last);
        let goes_on = last.vertices.values().any(|book| !book.is_end);
        let is_known = self.last > self.first_hop && last.vertices.values().any(|book| book.is_end);
        if goes_on && is_known && self.last < self.hops_max {
            self.last += 1;
        }
    }

    /// Flows that got no answer are sent again.
    fn want_again(&self, hop: u8, now: Time, wants: &mut BTreeSet<(u8, u16)>, due: &mut Time) {
        let here = self.hop(hop);
        let is_silent = here.vertices.is_empty();
        let tries = if is_silent { TRIES_AT_SILENCE } else { TRIES };
        for (flow, seen) in &here.flows {
            if !seen.answers.is_empty() || seen.waiting > 0 || seen.asked >= tries {
                continue;
            }
            let at = if is_silent { now } else { seen.last_asked + REST };
            if at <= now {
                wants.insert((hop, *flow));
            } else {
                *due = (*due).min(at);
            }
        }
    }

    /// Flows until one branch more would have shown.
    fn want_enough(&self, hop: u8, wants: &mut BTreeSet<(u8, u16)>) {
        let here = self.hop(hop);
        let routers = here.routers().count();
        let enough = match routers {
            // The target, or nobody at all: one flow is enough.
            0 => 1,
            found => stopping_point(found, self.risk),
        };
        let asked = here.flows.len();
        let unasked = (0..self.flows_max).filter(|flow| !here.flows.contains_key(flow));
        for flow in unasked.take(enough.saturating_sub(asked)) {
            wants.insert((hop, flow));
        }
    }

    /// Flows so that each router of the hop before has a successor here; and if both hops have
    /// several routers, so many that it would have shown another.
    fn want_successors(&self, hop: u8, wants: &mut BTreeSet<(u8, u16)>) {
        let (before, here) = (self.hop(hop - 1), self.hop(hop));
        let is_wide = before.routers().count() > 1 && here.routers().count() > 1;
        for router in before.routers() {
            let through: Vec<u16> = before.flows_through(router).collect();
            let (tried, untried): (Vec<u16>, Vec<u16>) =
                through.iter().partition(|flow| here.flows.contains_key(flow));
            let successors: BTreeSet<IpAddr> =
                tried.iter().flat_map(|flow| &here.flows[flow].answers).copied().collect();
            let enough = match is_wide {
                true => stopping_point(successors.len().max(1), self.risk),
                false => 1,
            };
            let missing = enough.saturating_sub(tried.len());
            let on_the_way = wants.iter().filter(|(at, f)| *at == hop && untried.contains(f));
            let missing = missing.saturating_sub(on_the_way.count());
            for flow in untried.iter().take(missing) {
                wants.insert((hop, *flow));
            }
            if missing > untried.len() && before.flows.values().all(|seen| seen.waiting == 0) {
                // No flow is known to go this way: more must be looked for.
                let unasked = (0..self.flows_max).filter(|f| !before.flows.contains_key(f));
                for flow in unasked.take(missing - untried.len()) {
                    wants.insert((hop - 1, flow));
                }
            }
        }
    }

    /// Where a road parts, some flows are sent once more: if a flow meets different routers, it is
    /// packets that are balanced and not flows.
    fn want_repeats(&self, hop: u8, wants: &mut BTreeSet<(u8, u16)>) {
        let here = self.hop(hop);
        let routers = here.routers().count();
        let parts_here = hop == self.first_hop || self.hop(hop - 1).routers().count() <= 1;
        if routers < 2 || !parts_here || here.is_per_packet() {
            return;
        }
        let enough = self.risk.ln() / (1.0 / routers as f64).ln();
        let answered = here.flows.iter().filter(|(_, seen)| !seen.answers.is_empty());
        for (flow, seen) in answered.take(enough.ceil() as usize) {
            if seen.asked < TRIES && seen.answers.len() + usize::from(seen.waiting) < 2 {
                wants.insert((hop, *flow));
            }
        }
    }

    /// What was found.
    pub fn graph(&self) -> Graph {
        let last = self.last.max(self.first_hop);
        let mut layers: Vec<Layer> = (self.first_hop..=last).map(|hop| self.layer(hop)).collect();
        while layers.len() > 1 && layers.last().is_some_and(|layer| layer.vertices.is_empty()) {
            layers.pop();
        }
        let paths = self.paths(&layers);
        for path in &paths {
            let steps = path.vertices.windows(2).zip(0..);
            for (pair, index) in steps {
                let layer: &mut Layer = &mut layers[index];
                if let (Some(from), Some(to)) = (pair[0], pair[1]) {
                    let next = &mut layer.vertices[from].next;
                    if !next.contains(&to) {
                        next.push(to);
                        next.sort_unstable();
                    }
                }
            }
        }
        Graph { risk: self.risk, layers, paths }
    }

    fn layer(&self, hop: u8) -> Layer {
        let here = self.hop(hop);
        let vertex = |(from, book): (&IpAddr, &Book)| Vertex {
            from: *from,
            is_end: book.is_end,
            answered: book.answered,
            flows: here.flows_through(*from).collect(),
            rtt: book.trips.summary(),
            next: Vec::new(),
        };
        Layer {
            hop,
            vertices: here.vertices.iter().map(vertex).collect(),
            flows: here.flows.len(),
            sent: here.flows.values().map(|seen| u64::from(seen.asked)).sum(),
            is_per_packet: here.is_per_packet(),
        }
    }

    /// The ways that flows went, each with its flows, the most frequent first. Where a flow was not
    /// sent, the only router of the hop stands for it.
    fn paths(&self, layers: &[Layer]) -> Vec<Path> {
        let flows: BTreeSet<u16> =
            self.hops.iter().flat_map(|hop| hop.flows.keys().copied()).collect();
        let mut ways: BTreeMap<Vec<Option<usize>>, Vec<u16>> = BTreeMap::new();
        for flow in flows {
            let mut way = Vec::with_capacity(layers.len());
            for layer in layers {
                let at = self.position(layer, flow);
                way.push(at);
                if at.is_some_and(|at| layer.vertices[at].is_end) {
                    break;
                }
            }
            ways.entry(way).or_default().push(flow);
        }
        let is_vague = |way: &[Option<usize>]| {
            way.iter().zip(layers).any(|(at, layer)| at.is_none() && !layer.vertices.is_empty())
        };
        let vague: Vec<Vec<Option<usize>>> =
            ways.keys().filter(|way| is_vague(way)).cloned().collect();
        if vague.len() < ways.len() {
            // Flows that were sent to some hops only tell nothing that others do not.
            for way in vague {
                ways.remove(&way);
            }
        }
        let mut paths: Vec<Path> =
            ways.into_iter().map(|(way, flows)| self.path(layers, way, flows)).collect();
        paths.sort_by_key(|path| (std::cmp::Reverse(path.flows.len()), path.flows.clone()));
        paths
    }

    fn path(&self, layers: &[Layer], vertices: Vec<Option<usize>>, flows: Vec<u16>) -> Path {
        let mut path = Path { vertices, flows, sent: 0, answered: 0, rtt: None, rtt_hop: 0 };
        for (layer, at) in layers.iter().zip(&path.vertices) {
            let seen = path.flows.iter().filter_map(|flow| self.hop(layer.hop).flows.get(flow));
            for seen in seen {
                path.sent += u64::from(seen.asked - seen.waiting.min(seen.asked));
                path.answered += seen.answers.len() as u64;
                if let Some(at) = at.filter(|_| !seen.answers.is_empty()) {
                    path.rtt = Some(Duration::from_nanos(layer.vertices[at].rtt.median_ns));
                    path.rtt_hop = layer.hop;
                }
            }
        }
        path
    }

    /// The place among a layer's vertices that a flow passes.
    fn position(&self, layer: &Layer, flow: u16) -> Option<usize> {
        let seen = self.hop(layer.hop).flows.get(&flow);
        let from = match (seen.and_then(|seen| seen.answers.first()), &layer.vertices[..]) {
            (Some(from), _) => *from,
            (None, [only]) => only.from,
            (None, _) => return None,
        };
        layer.vertices.iter().position(|vertex| vertex.from == from)
    }
}

impl HopWeb {
    /// Who answered here, the target left out.
    fn routers(&self) -> impl Iterator<Item = IpAddr> {
        self.vertices.iter().filter(|(_, book)| !book.is_end).map(|(from, _)| *from)
    }

    fn flows_through(&self, router: IpAddr) -> impl Iterator<Item = u16> {
        let passes = move |seen: &Seen| seen.answers.first() == Some(&router);
        self.flows.iter().filter(move |(_, seen)| passes(seen)).map(|(flow, _)| *flow)
    }

    fn is_per_packet(&self) -> bool {
        self.flows.values().any(|seen| seen.answers.iter().any(|from| *from != seen.answers[0]))
    }
}

/// How many flows must have met `found` routers before there is no further one but with a chance of
/// `risk`: the least n with (found + 1) (found / (found + 1))^n <= risk (Augustin et al., 2007).
fn stopping_point(found: usize, risk: f64) -> usize {
    let branches = found as f64 + 1.0;
    let flows = (risk / branches).ln() / (found as f64 / branches).ln();
    flows.ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_points_are_those_of_the_literature() {
        let points = |risk| -> Vec<usize> { (1..=9).map(|k| stopping_point(k, risk)).collect() };
        assert_eq!(points(0.05), [6, 11, 16, 21, 27, 33, 39, 45, 51]);
        assert_eq!(points(0.01), [8, 15, 21, 28, 36, 43, 51, 58, 66]);
    }
}
