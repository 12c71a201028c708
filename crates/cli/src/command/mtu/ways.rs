//! The sockets of both methods. Opening some gives up the rights of its thread, so all but the last
//! are opened, and used, on threads of their own.

use super::options::Options;
use crate::args::Common;
use crate::failure::Failure;
use crate::road::{LabChoice, Road};
use probe::method::Method;
use probe::mtu::{Destination, Event, Expectation, Mtu, Report};
use probe::{Engine, Observer, Signal, Time};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use wire::Family;

/// Where to ask, and what to expect there.
pub struct Job {
    pub destinations: Vec<Destination>,
    pub expectations: Vec<Option<Expectation>>,
}

/// What was reported, by destination.
pub struct Told {
    pub events: Vec<Vec<Event>>,
    pub is_interrupted: bool,
}

/// A method with its road.
struct Way {
    method: &'static dyn Method,
    road: Road,
    options: Options,
    families: Vec<Family>,
}

/// A method whose road is on another thread.
struct Mate {
    method: &'static dyn Method,
    jobs: Sender<Job>,
    results: Receiver<Result<Told, Failure>>,
}

/// All methods that can be had.
pub struct Ways {
    here: Way,
    elsewhere: Vec<Mate>,
}

impl Ways {
    /// Opens what the user asked for; where that is no method by name, one that opens will do.
    ///
    /// # Errors
    /// If none opens, or the lab is wrong.
    pub fn open(families: &[Family], options: &Options, common: &Common) -> Result<Ways, Failure> {
        let lab = common.lab_choice();
        let methods = options.methods();
        let (first, others) = methods.split_first().expect("there is a method");
        let way = |method| Way::open(method, families, options, lab.as_ref());
        let mates = others.iter().map(|method| {
            let (options, families, lab) = (options.clone(), families.to_vec(), lab.clone());
            Mate::start(*method, families, options, lab)
        });
        let elsewhere: Vec<Mate> = mates.filter_map(Result::ok).collect();
        match (way(*first), others.first()) {
            (Ok(here), _) => Ok(Ways { here, elsewhere }),
            (Err(failure), None) => Err(failure),
            (Err(failure), Some(other)) => {
                let here = way(*other).map_err(|_| failure)?;
                Ok(Ways { here, elsewhere: Vec::new() })
            }
        }
    }

    /// A road, for everything but probes.
    pub fn road(&self) -> &Road {
        &self.here.road
    }

    /// Whether a method can be had.
    pub fn has(&self, method: &dyn Method) -> bool {
        let mut methods = self.elsewhere.iter().map(|mate| mate.method);
        self.here.method.name() == method.name() || methods.any(|it| it.name() == method.name())
    }

    /// Asks by a method that can be had.
    ///
    /// # Errors
    /// If the operating system fails.
    pub fn ask(&mut self, method: &dyn Method, job: Job) -> Result<Told, Failure> {
        let mate = self.elsewhere.iter().find(|mate| mate.method.name() == method.name());
        let Some(mate) = mate else { return self.here.ask(job) };
        mate.jobs.send(job).expect("the thread waits for jobs");
        mate.results.recv().expect("the thread answers each job")
    }
}

impl Mate {
    /// Starts the thread, which opens its road at once.
    fn start(
        method: &'static dyn Method,
        families: Vec<Family>,
        options: Options,
        lab: Option<LabChoice>,
    ) -> Result<Mate, Failure> {
        let (jobs, waiting) = channel::<Job>();
        let (answer, results) = channel();
        let (open, opened) = channel();
        thread::spawn(move || {
            let mut way = match Way::open(method, &families, &options, lab.as_ref()) {
                Ok(way) => way,
                // Whoever waits for it takes it.
                Err(failure) => return drop(open.send(Err(failure))),
            };
            let _ = open.send(Ok(()));
            while let Ok(job) = waiting.recv() {
                if answer.send(way.ask(job)).is_err() {
                    return;
                }
            }
        });
        opened.recv().expect("the thread says whether it opened")?;
        Ok(Mate { method, jobs, results })
    }
}

impl Way {
    fn open(
        method: &'static dyn Method,
        families: &[Family],
        options: &Options,
        lab: Option<&LabChoice>,
    ) -> Result<Way, Failure> {
        let road = Road::open(&options.want(method, families.to_vec()), lab)?;
        Ok(Way { method, road, options: options.clone(), families: families.to_vec() })
    }

    fn ask(&mut self, job: Job) -> Result<Told, Failure> {
        let targets = job.destinations.len();
        let plan = self.options.plan(&self.road, self.method, &self.families, targets);
        let mut engine = Mtu::new(plan, job.destinations, self.road.now());
        for (target, expectation) in (0..).zip(job.expectations) {
            if let Some(expectation) = expectation {
                engine.expect(target, expectation);
            }
        }
        let mut told = Told { events: vec![Vec::new(); targets], is_interrupted: false };
        self.road.drive(&mut engine, &mut told)?;
        Ok(told)
    }
}

impl Observer<Mtu> for Told {
    fn report(&mut self, _engine: &Mtu, report: Report) {
        self.events[report.target as usize].push(report.event);
    }

    fn signal(&mut self, engine: &mut Mtu, now: Time, signal: Signal) {
        if signal != Signal::Status {
            self.is_interrupted = true;
            engine.stop(now);
        }
    }
}
