//! Listens to a run: keeps the book, writes the recording, and prints what is printed at once.

use super::book::Book;
use super::machine;
use super::record::Recorder;
use crate::failure::{Exit, Failure};
use crate::print::{Closed, Out};
use crate::road::Epoch;
use probe::trace::{Event, Outcome, Report, Trace};
use probe::{Engine, Observer, Signal, Time};
use std::io::{self, Write};
use std::process;

/// Who looks on while a run goes on, and may end an engine.
pub trait Watcher {
    /// Something has changed.
    fn changed(&mut self) {}

    /// The run has nothing to do; in a lab it is at `now`.
    fn idle(&mut self, _book: &Book, _now: Time) {}

    /// Whether this engine is to be ended.
    fn ends(&mut self, _book: &mut Book) -> bool {
        false
    }
}

/// Nobody looks on.
impl Watcher for () {}

/// The observer of a watched run.
pub struct Session<W> {
    /// What is known.
    pub book: Book,
    /// Where it is written.
    pub recorder: Option<Recorder>,
    /// Whether reports are printed as JSON.
    pub is_json: bool,
    /// Standard output.
    pub out: Out,
    /// The wall clock.
    pub epoch: Epoch,
    /// Whether standard output is written each time the run has nothing to do.
    pub is_live: bool,
    /// Where it stands with engines that are ended to be followed by others.
    pub leg: Leg,
    /// Who looks on.
    pub watcher: W,
    /// Whether a signal has ended the run.
    pub is_ended: bool,
}

/// The engines of a run: each change of plan begins another one, and their reports are told as
/// those of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leg {
    /// What the numbers of this engine's probes count from.
    base: u64,
    /// One more than the highest number so far.
    next: u64,
    /// How many engines have begun.
    pub count: u64,
    /// Rounds of the first road that are over.
    pub rounds: u64,
    /// Set once the engine has been ended, and another follows.
    pub is_over: bool,
}

impl Leg {
    /// The next engine begins.
    pub fn begin(&mut self) {
        self.base = self.next;
        self.count += 1;
        self.is_over = false;
    }

    /// A report as one of the whole run; `None` if it only says that an engine has ended.
    fn told(&mut self, mut report: Report) -> Option<Report> {
        match &mut report.event {
            Event::Probe(probe) => {
                probe.number += self.base;
                self.next = self.next.max(probe.number + 1);
                let is_cut_off = self.is_over && probe.outcome == Outcome::InFlight;
                (!is_cut_off).then_some(report)
            }
            Event::Verdict(_) | Event::Round { .. } if self.is_over => None,
            Event::Round { .. } => {
                self.rounds += u64::from(report.target == 0);
                Some(report)
            }
            _ => Some(report),
        }
    }
}

impl<W: Watcher> Session<W> {
    /// Takes a report of the run.
    pub fn take(&mut self, report: Report) {
        let Some(report) = self.leg.told(report) else { return };
        self.book.epoch_ns = self.epoch.ns();
        self.book.take(&report);
        self.watcher.changed();
        if let Some(recorder) = &mut self.recorder {
            recorder.report(&report);
        }
        if self.is_json {
            machine::report(&self.book, &report, &mut self.out.text);
            if let Err(closed) = self.out.relieve() {
                self.leave(closed);
            }
        }
    }

    /// Writes out what has gathered: a kill loses nothing that was found out before.
    pub fn flush(&mut self) {
        if self.book.names.asked.learn() {
            self.watcher.changed();
        }
        if let Some(recorder) = &mut self.recorder {
            let responders: Vec<_> = self.book.responders().collect();
            for (address, name) in self.book.names.news(responders.into_iter()) {
                recorder.name(address, &name);
            }
            recorder.flush();
        }
        if self.is_live
            && let Err(closed) = self.out.flush()
        {
            self.leave(closed);
        }
    }

    /// What the run comes to.
    pub fn exit(&self) -> Exit {
        let is_reached = self.book.roads.iter().all(|road| road.is_reached());
        if is_reached { Exit::Yes } else { Exit::No }
    }

    /// What went wrong with the recording.
    ///
    /// # Errors
    /// If something did.
    pub fn close(&mut self) -> Result<(), Failure> {
        match self.recorder.take() {
            Some(recorder) => recorder.close(),
            None => Ok(()),
        }
    }

    /// Nobody reads any more, so nothing is left to do: ends with what is known by now.
    fn leave(&mut self, closed: Closed) -> ! {
        let exit = match closed.failure().or_else(|| self.close().err()) {
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

impl<W: Watcher> Observer<Trace> for Session<W> {
    fn report(&mut self, _engine: &Trace, report: Report) {
        self.take(report);
    }

    fn idle(&mut self, _engine: &Trace, now: Time) {
        self.flush();
        self.watcher.idle(&self.book, now);
    }

    fn woken(&mut self, engine: &mut Trace, now: Time) {
        if !self.leg.is_over && self.watcher.ends(&mut self.book) {
            self.leg.is_over = true;
            engine.stop(now);
        }
    }

    fn signal(&mut self, engine: &mut Trace, now: Time, signal: Signal) {
        match signal {
            Signal::Interrupt | Signal::Terminate => {
                self.is_ended = true;
                engine.stop(now);
            }
            Signal::Status => {
                let rounds = self.book.roads.first().map_or(0, |road| road.ledger.rounds());
                // Nobody is left to tell if this fails.
                let _ = writeln!(io::stderr(), "{rounds} rounds");
            }
        }
    }
}
