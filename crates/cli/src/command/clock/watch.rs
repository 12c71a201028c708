//! `askway clock --watch`: answers as they come, and what all say when it ends.

use super::options::Options;
use super::{Verdicts, explained, open, printer};
use crate::args::Common;
use crate::command::asked::{Asked, Row};
use crate::command::trace::route::Routes;
use crate::failure::{Exit, Failure};
use crate::print::clock::{Outcome, Printer, Told, Tries};
use crate::print::{Closed, Out, Unresolved};
use crate::road::LabChoice;
use probe::clock::way::Way;
use probe::clock::{Clock, Event, Report};
use probe::{Carrier, Engine, Observer, Signal, Time};
use std::io::{self, Write as _};
use std::process;
use wire::Family;

/// Shows what is reported at once.
struct Live<'a> {
    printer: Box<dyn Printer>,
    out: Out,
    routes: &'a Routes,
    /// By index of the engine's targets.
    roads: &'a [u32],
    way: &'static dyn Way,
    tries: Vec<Tries>,
}

/// Runs it.
pub fn run(
    asked: Asked,
    families: &[Family],
    options: &Options,
    common: &Common,
    lab: Option<&LabChoice>,
) -> Result<Exit, Failure> {
    let way = options.ways()[0];
    let spoken: Vec<Family> = families.iter().copied().filter(|it| way.speaks(*it)).collect();
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let mut road = match spoken.is_empty() {
        true => None,
        false => Some(open(way, &spoken, options, lab).map_err(|failure| explained(way, failure))?),
    };
    let source = |target| road.as_ref().and_then(|road| road.source_towards(target));
    let routes = Routes::new(asked, zone, source, true);
    let speaks =
        |road: &u32| way.speaks(Family::of(routes.destinations()[*road as usize].target.address));
    let roads: Vec<u32> = (0..routes.destinations().len() as u32).filter(speaks).collect();
    let mut live = Live {
        printer: printer(options, common),
        out: Out::default(),
        routes: &routes,
        roads: &roads,
        way,
        tries: Vec::new(),
    };
    live.printer.start(&mut live.out.text);
    if let Some(road) = &mut road {
        let transport = if way.carrier() == Carrier::Icmp { "icmp" } else { "udp" };
        let epoch_ns = road.epoch_ns();
        let tries = || Tries { transport, epoch_ns, ..Tries::default() };
        live.tries = roads.iter().map(|_| tries()).collect();
        let targets = roads.iter().map(|it| routes.destinations()[*it as usize]).collect();
        let mut engine = Clock::new(options.plan(road, way), targets, road.now());
        road.drive(&mut engine, &mut live)?;
    }
    live.end()
}

impl Live<'_> {
    fn end(mut self) -> Result<Exit, Failure> {
        let mut verdicts = Verdicts::default();
        let mut tries = self.tries.into_iter();
        for (at, row) in self.routes.rows().enumerate() {
            let out = &mut self.out.text;
            if at > 0 {
                self.printer.separate(out);
            }
            match row {
                Row::Unresolved(it) => {
                    verdicts.is_unnamed = true;
                    self.printer.unresolved(&Unresolved::of(it), out);
                }
                Row::Target(target) => {
                    let road = self.routes.road_of(target);
                    let outcome = match self.roads.contains(&road) {
                        true => Outcome::Asked(Box::new(tries.next().unwrap_or_default())),
                        false => Outcome::Unspoken,
                    };
                    verdicts.take(&outcome);
                    let ways = [(self.way, outcome)];
                    let source = self.routes.destinations()[road as usize].source;
                    let whom = self.routes.whom(road);
                    self.printer.target(&Told { whom, source, ways: &ways }, out);
                }
            }
        }
        self.printer.finish(&mut self.out.text);
        verdicts.exit(self.out)
    }
}

/// Ends the program: nobody reads on, and the run would go on for ever.
fn leave(closed: Closed) -> ! {
    let exit = match closed.failure() {
        Some(failure) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit
        }
        None => Exit::Yes,
    };
    process::exit(exit.code().into())
}

impl Observer<Clock> for Live<'_> {
    fn report(&mut self, _engine: &Clock, report: Report) {
        let tries = &mut self.tries[report.target as usize];
        match report.event {
            Event::Verdict(verdict) => tries.verdict = Some(*verdict),
            event => {
                let whom = self.routes.whom(self.roads[report.target as usize]);
                self.printer.event(whom, self.way, tries, &event, &mut self.out.text);
            }
        }
    }

    fn idle(&mut self, _engine: &Clock, _now: Time) {
        if let Err(closed) = self.out.flush() {
            leave(closed);
        }
    }

    fn signal(&mut self, engine: &mut Clock, now: Time, signal: Signal) {
        if signal != Signal::Status {
            engine.stop(now);
        }
    }
}
