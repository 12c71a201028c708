//! The sockets of all ways. Opening some gives up the rights of its thread, so each way's are
//! opened, and used, on a thread of their own, but for those of a run that watches.

use super::options::Options;
use crate::failure::Failure;
use crate::road::{LabChoice, Road};
use probe::clock::way::Way;
use probe::clock::{Asked, Clock, Event, Report, Verdict};
use probe::{Engine, Observer, Signal, Time};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use wire::Family;

/// What was reported, by target.
#[derive(Default)]
pub struct Told {
    /// Everything but verdicts, in order.
    pub events: Vec<Vec<Event>>,
    /// What all answers say together.
    pub verdicts: Vec<Option<Verdict>>,
    /// The wall clock at the start of the run.
    pub epoch_ns: i128,
    /// The user has seen enough.
    pub is_interrupted: bool,
}

/// A way whose sockets are open on another thread.
struct Mate {
    jobs: Sender<Vec<Asked>>,
    results: Receiver<Result<Told, Failure>>,
}

/// All ways, in order.
pub struct Ways(Vec<(&'static dyn Way, Result<Mate, Failure>)>);

impl Ways {
    /// Opens the sockets of all ways.
    pub fn open(families: &[Family], options: &Options, lab: Option<&LabChoice>) -> Ways {
        let open = |way: &'static dyn Way| {
            let spoken: Vec<Family> =
                families.iter().copied().filter(|family| way.speaks(*family)).collect();
            (way, Mate::start(way, spoken, options.clone(), lab.cloned()))
        };
        Ways(options.ways().into_iter().map(open).collect())
    }

    /// The ways, and why those that cannot be had cannot.
    pub fn all(&self) -> impl Iterator<Item = (&'static dyn Way, Option<&Failure>)> {
        self.0.iter().map(|(way, mate)| (*way, mate.as_ref().err()))
    }

    /// Asks by the way of that place in the list, which can be had.
    ///
    /// # Errors
    /// If the operating system fails.
    pub fn ask(&self, at: usize, targets: Vec<Asked>) -> Result<Told, Failure> {
        let Ok(mate) = &self.0[at].1 else { return Ok(Told::default()) };
        mate.jobs.send(targets).expect("the thread waits for jobs");
        mate.results.recv().expect("the thread answers each job")
    }
}

impl Mate {
    /// Starts the thread, which opens its road at once if there is a family to speak.
    fn start(
        way: &'static dyn Way,
        families: Vec<Family>,
        options: Options,
        lab: Option<LabChoice>,
    ) -> Result<Mate, Failure> {
        let (jobs, waiting) = channel::<Vec<Asked>>();
        let (answer, results) = channel();
        let (open, opened) = channel();
        thread::spawn(move || {
            let mut road = None;
            if !families.is_empty() {
                match Road::open(&options.want(way, families), lab.as_ref()) {
                    Ok(opened) => road = Some(opened),
                    // Whoever waits for it takes it.
                    Err(failure) => return drop(open.send(Err(failure))),
                }
            }
            let _ = open.send(Ok(()));
            while let Ok(targets) = waiting.recv() {
                let told = match &mut road {
                    Some(road) => ask(road, way, targets, &options),
                    None => Ok(Told::default()),
                };
                if answer.send(told).is_err() {
                    return;
                }
            }
        });
        opened.recv().expect("the thread says whether it opened")?;
        Ok(Mate { jobs, results })
    }
}

fn ask(
    road: &mut Road,
    way: &'static dyn Way,
    targets: Vec<Asked>,
    options: &Options,
) -> Result<Told, Failure> {
    let mut told = Told {
        events: vec![Vec::new(); targets.len()],
        verdicts: vec![None; targets.len()],
        epoch_ns: road.epoch_ns(),
        is_interrupted: false,
    };
    let mut engine = Clock::new(options.plan(road, way), targets, road.now());
    road.drive(&mut engine, &mut told)?;
    Ok(told)
}

impl Observer<Clock> for Told {
    fn report(&mut self, _engine: &Clock, report: Report) {
        let index = report.target as usize;
        match report.event {
            Event::Verdict(verdict) => self.verdicts[index] = Some(*verdict),
            event => self.events[index].push(event),
        }
    }

    fn signal(&mut self, engine: &mut Clock, now: Time, signal: Signal) {
        if signal != Signal::Status {
            self.is_interrupted = true;
            engine.stop(now);
        }
    }
}
