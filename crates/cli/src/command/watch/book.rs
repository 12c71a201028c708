//! What is known of the roads that are watched, and of who is who on them.

use crate::command::trace::directory::Directory;
use crate::print::Whom;
use crate::print::human::{named, plain};
use crate::print::trace::{self, Book as _, System};
use probe::Time;
use probe::targets::Target;
use probe::trace::ledger::{HopSummary, Ledger};
use probe::trace::{Answer, End, Event, Outcome, Plan, Report, Verdict};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Everything that is known of a run.
pub struct Book {
    /// The roads, by index.
    pub roads: Vec<Watched>,
    /// What the host is called that asks; safe for a terminal.
    pub host: String,
    /// Whether its clock is in no time zone, as that of a lab.
    pub utc: bool,
    /// How they are asked.
    pub plan: Plan,
    /// Whether all probes of a road can belong to one flow.
    pub holds_flows: bool,
    /// The wall clock at the run's start, nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
    /// When the figures begin.
    pub since: Time,
    /// When something was last found out.
    pub now: Time,
    /// Who is who.
    pub names: Naming,
}

/// One road that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The target's name as the user gave it; `None` for a literal address.
    pub name: Option<String>,
    /// The target.
    pub target: Target,
    /// Our address towards it, where there is a route.
    pub source: Option<IpAddr>,
    /// Its figures.
    pub ledger: Ledger,
}

/// Who is who: names that are found out while the run goes on, and names that are given.
pub struct Naming {
    /// What is being found out.
    pub asked: Directory,
    /// Names that a recording has; safe for a terminal.
    pub given: BTreeMap<IpAddr, String>,
    /// Names that were told to whoever records.
    told: BTreeMap<IpAddr, String>,
}

impl Naming {
    /// What is found out by and by.
    pub fn asking(asked: Directory) -> Naming {
        Naming { asked, given: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// Names that nobody was told of yet, of these addresses.
    pub fn news(&mut self, of: impl Iterator<Item = IpAddr>) -> Vec<(IpAddr, String)> {
        let mut news = Vec::new();
        for address in of {
            let Some(name) = self.name(address).map(str::to_owned) else { continue };
            if self.told.get(&address) != Some(&name) {
                self.told.insert(address, name.clone());
                news.push((address, name));
            }
        }
        news
    }
}

impl trace::Book for Naming {
    fn system(&self, address: IpAddr) -> Option<System> {
        self.asked.system(address)
    }

    fn name(&self, address: IpAddr) -> Option<&str> {
        self.given.get(&address).map(String::as_str).or_else(|| self.asked.name(address))
    }
}

impl Watched {
    /// Whom it leads to.
    pub fn whom(&self) -> Whom<'_> {
        Whom { name: self.name.as_deref(), target: Some(self.target) }
    }

    /// The target as the user named it; safe for a terminal.
    pub fn label(&self) -> String {
        plain(self.whom())
    }

    /// The target, its address in parentheses if it was named; safe for a terminal.
    pub fn heading(&self) -> String {
        named(self.whom(), None)
    }

    /// Whether the target answered, as far as is known.
    pub fn is_reached(&self) -> bool {
        matches!(self.ledger.end(), Some(End::Reached { .. }))
    }

    /// The last hop to show: the road's end, or the first silent one behind those that answered.
    pub fn hops(&self, hops_max: u8) -> u8 {
        match self.ledger.end() {
            Some(End::Reached { hop, .. } | End::Refused { hop, .. }) => *hop,
            _ => self.ledger.length().saturating_add(1).min(hops_max),
        }
    }
}

impl Book {
    /// Takes a report into the figures of its road.
    pub fn take(&mut self, report: &Report) {
        self.now = self.now.max(report.at);
        if let Some(answer) = answer_of(report) {
            self.names.asked.want(answer.from, report.at);
        }
        if let Some(road) = self.roads.get_mut(report.target as usize) {
            road.ledger.take(report);
        }
    }

    /// Forgets all figures.
    pub fn reset(&mut self) {
        for road in &mut self.roads {
            road.ledger = Ledger::default();
        }
        self.since = self.now;
    }

    /// What is known of a road's hops, from the first that is asked to the last to show.
    pub fn summaries(&self, index: usize) -> Vec<HopSummary> {
        let road = &self.roads[index];
        let mut summaries = road.ledger.hops();
        let known = summaries.len() as u8;
        let last = road.hops(self.plan.hops_max);
        summaries.extend((known.saturating_add(1)..=last).filter_map(|hop| road.ledger.hop(hop)));
        summaries.retain(|summary| summary.hop >= self.plan.first_hop);
        summaries
    }

    /// A road as printers of traces know it.
    pub fn road(&self, index: usize) -> trace::Road<'_> {
        let road = &self.roads[index];
        trace::Road {
            whom: road.whom(),
            source: road.source,
            plan: &self.plan,
            holds_flows: self.holds_flows,
            epoch_ns: self.epoch_ns,
            book: &self.names,
        }
    }

    /// How a road ends, as the verdict of a trace would have it; `None` while nothing is known.
    pub fn verdict(&self, index: usize) -> Option<Verdict> {
        let ledger = &self.roads[index].ledger;
        let (sent, answered) = ledger.counts();
        let took = self.now.since(self.since);
        Some(Verdict { end: ledger.end()?.clone(), sent, answered, took })
    }

    /// Whoever answered at a hop last, by name and address as they are wanted.
    pub fn who(&self, address: IpAddr, style: Who) -> String {
        match (self.names.name(address), style) {
            (Some(name), Who::Name) => name.to_owned(),
            (Some(name), Who::Both) => format!("{name} ({address})"),
            (None, _) | (_, Who::Address) => address.to_string(),
        }
    }

    /// The number of somebody's autonomous system in a column of its own, as mtr has it.
    pub fn system(&self, address: Option<IpAddr>) -> String {
        let number = address.and_then(|address| self.names.system(address));
        let number = number.map_or_else(|| "???".to_owned(), |system| system.number.to_string());
        format!("AS{number:7}")
    }

    /// Everybody who answered.
    pub fn responders(&self) -> impl Iterator<Item = IpAddr> {
        self.roads.iter().flat_map(|road| {
            let hops = 1..=road.ledger.length();
            hops.flat_map(|hop| road.ledger.responders(hop)).map(|responder| responder.from)
        })
    }
}

/// How somebody is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// By name, if there is one.
    Name,
    /// By address.
    Address,
    /// By both.
    Both,
}

/// The answer that a report is about.
pub fn answer_of(report: &Report) -> Option<&Answer> {
    match &report.event {
        Event::Probe(probe) => match &probe.outcome {
            Outcome::Answer(answer) => Some(answer),
            _ => None,
        },
        _ => None,
    }
}
