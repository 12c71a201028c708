//! Listens to a run: takes hops as they become known, lets them wait a short while for names, and
//! prints the roads in the order in which their targets were named.

use super::directory::Directory;
use super::route::Routes;
use crate::command::asked::Row;
use crate::failure::Exit;
use crate::print::trace::facts::Track;
use crate::print::trace::{Page, Printer, Totals, queries};
use crate::print::{Closed, Out, Unresolved};
use crate::road::Epoch;
use probe::trace::ledger::Ledger;
use probe::trace::{End, Event, Graph, Hop, Outcome, Plan, Report, Trace, Verdict};
use probe::{Observer, Signal, Time};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::IpAddr;
use std::process;

/// Fewer probes to a hop show no reply limit.
const TELLING_QUERIES: u8 = 8;

/// The observer of a trace.
pub struct Watch<'a> {
    routes: &'a Routes,
    plan: Plan,
    printer: Box<dyn Printer>,
    out: Out,
    book: Directory,
    epoch: Epoch,
    /// Whether standard output is written each time the run has nothing to do.
    is_live: bool,
    totals: Totals,
    /// What is still to be shown, in order, beginning with what is shown now.
    rows: VecDeque<Row<'a>>,
    /// Whether anything has been shown.
    has_shown: bool,
    sheets: BTreeMap<u32, Sheet>,
}

/// What is known of a road and not shown yet.
#[derive(Default)]
struct Sheet {
    page: Page,
    track: Track,
    /// What its probes say together, where they are enough to say something.
    ledger: Option<Ledger>,
    /// What waits for names.
    queue: VecDeque<Item>,
    is_begun: bool,
    is_closed: bool,
}

enum Item {
    Hop(Hop),
    Graph(Graph),
    Verdict(Verdict),
}

impl<'a> Watch<'a> {
    /// Listens to a run that follows this plan.
    pub fn new(
        routes: &'a Routes,
        plan: Plan,
        printer: Box<dyn Printer>,
        book: Directory,
        epoch: Epoch,
        is_live: bool,
    ) -> Watch<'a> {
        let rows: VecDeque<Row<'a>> = routes.rows().collect();
        let unresolved = rows.iter().filter(|row| matches!(row, Row::Unresolved(_))).count() as u64;
        let totals = Totals {
            targets: rows.len() as u64,
            unresolved,
            repeated: routes.repeated(),
            ..Totals::default()
        };
        let mut watch = Watch {
            routes,
            plan,
            printer,
            out: Out::default(),
            book,
            epoch,
            is_live,
            totals,
            rows,
            has_shown: false,
            sheets: BTreeMap::new(),
        };
        watch.printer.start(&mut watch.out.text);
        if watch.printer.mixes_roads() {
            watch.show_unresolved();
        }
        watch.show();
        watch
    }

    /// Shows the names without an address at once.
    fn show_unresolved(&mut self) {
        for row in std::mem::take(&mut self.rows) {
            if let Row::Unresolved(it) = row {
                self.printer.unresolved(&Unresolved::of(it), &mut self.out.text);
            }
        }
    }

    /// Shows whatever is next in order and known.
    fn show(&mut self) {
        if self.printer.mixes_roads() {
            for sheet in self.sheets.values_mut() {
                self.out.text.append(&mut sheet.page.text);
            }
            self.sheets.retain(|_, sheet| !sheet.is_closed);
            return;
        }
        while let Some(row) = self.rows.front() {
            if let Row::Target(target) = row {
                let road = self.routes.road_of(*target);
                let Some(sheet) = self.sheets.get_mut(&road) else { return };
                if !sheet.page.text.is_empty() {
                    self.has_shown = true;
                    self.out.text.append(&mut sheet.page.text);
                }
                if !sheet.is_closed {
                    return;
                }
                self.sheets.remove(&road);
            }
            if let Some(Row::Unresolved(it)) = self.rows.pop_front() {
                self.has_shown = true;
                self.printer.unresolved(&Unresolved::of(it), &mut self.out.text);
            }
            if !self.rows.is_empty() && self.has_shown {
                self.printer.separate(&mut self.out.text);
            }
        }
    }

    /// Writes whatever of a road waits for nothing any more.
    fn write(&mut self, road: u32, now: Time) {
        let Some(mut sheet) = self.sheets.remove(&road) else { return };
        let about = self.routes.road(road, &self.plan, self.epoch.ns(), &self.book);
        while let Some(item) = sheet.queue.front() {
            if item.addresses().any(|address| self.book.is_awaited(address, now)) {
                break;
            }
            match sheet.queue.pop_front() {
                Some(Item::Hop(hop)) => {
                    let facts = sheet.track.take(&hop);
                    self.printer.hop(&about, &hop, &facts, &mut sheet.page);
                }
                Some(Item::Graph(graph)) => {
                    self.printer.graph(&about, &graph, &mut sheet.page);
                }
                Some(Item::Verdict(verdict)) => {
                    let hops = sheet.ledger.take().map(|ledger| ledger.hops()).unwrap_or_default();
                    let limits = hops.iter().filter_map(|hop| Some((hop.hop, hop.limit?)));
                    sheet.page.limits = limits.collect();
                    self.printer.verdict(&about, &verdict, &mut sheet.page);
                    sheet.is_closed = true;
                }
                None => {}
            }
        }
        self.sheets.insert(road, sheet);
    }

    fn write_all(&mut self, now: Time) {
        self.book.learn();
        let waiting = self.sheets.iter().filter(|(_, sheet)| !sheet.queue.is_empty());
        let waiting: Vec<u32> = waiting.map(|(road, _)| *road).collect();
        for road in waiting {
            self.write(road, now);
        }
        self.show();
    }

    /// Waits for the last names, sums up and writes everything out. `now` reads the clock.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn finish(&mut self, now: impl Fn() -> Time) -> Result<(), Closed> {
        self.write_all(now());
        while self.sheets.values().any(|sheet| !sheet.queue.is_empty()) {
            self.book.wait();
            self.write_all(now());
        }
        self.printer.finish(&self.totals, &mut self.out.text);
        self.out.flush()
    }

    /// What to say at the end of what could not be found out.
    pub fn remark(&self) -> Option<String> {
        self.book.systems.remark()
    }

    /// What the run comes to: a name without an address weighs more than a road without an end.
    pub fn exit(&self) -> Exit {
        match self.totals {
            Totals { unresolved: 1.., .. } => Exit::NameNotFound,
            Totals { targets, reached, .. } if targets == reached && targets > 0 => Exit::Yes,
            _ => Exit::No,
        }
    }

    /// Nobody reads any more, so nothing is left to do: ends with what is known by now.
    fn leave(&self, closed: Closed) -> ! {
        let exit = match closed.failure() {
            None => self.exit(),
            Some(failure) => {
                // Nobody is left to tell if this fails too.
                let _ = writeln!(io::stderr(), "{failure}");
                failure.exit
            }
        };
        process::exit(exit.code().into())
    }
}

impl Item {
    /// Addresses that it shows.
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let probes = match self {
            Item::Hop(hop) => &hop.probes[..],
            Item::Graph(_) | Item::Verdict(_) => &[],
        };
        let vertices = match self {
            Item::Graph(graph) => &graph.layers[..],
            _ => &[],
        };
        let vertices = vertices.iter().flat_map(|layer| &layer.vertices).map(|vertex| vertex.from);
        let end = match self {
            Item::Hop(hop) => hop.shared.and_then(|shared| shared.from),
            Item::Verdict(Verdict { end: End::Reached { from, .. }, .. })
            | Item::Verdict(Verdict { end: End::Refused { from, .. }, .. }) => Some(*from),
            _ => None,
        };
        probes.iter().filter_map(|probe| from(&probe.outcome)).chain(end).chain(vertices)
    }
}

/// Whoever answered.
fn from(outcome: &Outcome) -> Option<IpAddr> {
    match outcome {
        Outcome::Answer(answer) => Some(answer.from),
        _ => None,
    }
}

/// Whether it comes after its probe was decided.
fn is_afterthought(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer(answer) if answer.is_late || answer.is_duplicate)
}

impl Observer<Trace> for Watch<'_> {
    fn report(&mut self, _engine: &Trace, report: Report) {
        let road = report.target;
        let about = self.routes.road(road, &self.plan, self.epoch.ns(), &self.book);
        let is_over = self.routes.is_behind(road, self.rows.front());
        if is_over && !self.printer.mixes_roads() {
            return;
        }
        if let Event::Probe(probe) = &report.event
            && is_afterthought(&probe.outcome)
            && self.sheets.get(&road).is_none_or(|sheet| sheet.is_closed)
        {
            // The verdict is out; whoever takes objects gets this one too.
            if self.printer.mixes_roads() {
                let mut page = Page::default();
                self.printer.probe(&about, probe, &mut page);
                self.out.text.append(&mut page.text);
            }
            return;
        }
        let sheet = self.sheets.entry(road).or_default();
        if !std::mem::replace(&mut sheet.is_begun, true) {
            self.printer.begin(&about, &mut sheet.page);
            sheet.ledger = (queries(&self.plan) >= TELLING_QUERIES).then(Ledger::default);
        }
        if let Some(ledger) = &mut sheet.ledger {
            ledger.take(&report);
        }
        match report.event {
            Event::Probe(probe) => {
                self.printer.probe(&about, &probe, &mut sheet.page);
                if let Some(from) = from(&probe.outcome) {
                    self.book.want(from, report.at);
                }
            }
            Event::Hop(hop) => {
                if let Some(from) = hop.shared.and_then(|shared| shared.from) {
                    self.book.want(from, report.at);
                }
                sheet.queue.push_back(Item::Hop(hop));
            }
            Event::Verdict(verdict) => {
                self.totals.sent += verdict.sent;
                self.totals.answered += verdict.answered;
                self.totals.reached += u64::from(matches!(verdict.end, End::Reached { .. }));
                sheet.queue.push_back(Item::Verdict(verdict));
            }
            Event::Graph(graph) => sheet.queue.push_back(Item::Graph(graph)),
            Event::Round { .. } => {}
        }
        self.book.learn();
        self.write(road, report.at);
        self.show();
        if let Err(closed) = self.out.relieve() {
            self.leave(closed);
        }
    }

    fn idle(&mut self, _engine: &Trace, _now: Time) {
        if self.is_live
            && let Err(closed) = self.out.flush()
        {
            self.leave(closed);
        }
    }

    fn woken(&mut self, _engine: &mut Trace, now: Time) {
        self.write_all(now);
    }

    fn signal(&mut self, engine: &mut Trace, now: Time, signal: Signal) {
        use probe::Engine as _;
        match signal {
            Signal::Interrupt | Signal::Terminate => engine.stop(now),
            Signal::Status => {
                let Totals { targets, reached, .. } = self.totals;
                // Nobody is left to tell if this fails.
                let _ = writeln!(io::stderr(), "{reached} of {targets} reached");
            }
        }
    }
}
