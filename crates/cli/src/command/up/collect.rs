//! Listens to the run: keeps the verdicts, shows hosts as they answer, and draws progress.

use super::machine::Machine;
use super::progress::Progress;
use super::verdict::{Table, Verdict};
use crate::command::asked::Asked;
use probe::ping::{Ping, Report};
use probe::{Engine, Observer, Signal, Time};
use std::io;

/// The listener.
pub struct Collector<'a> {
    /// What is known.
    pub table: Table,
    /// When the newest thing happened.
    pub latest: Time,
    /// The user asked for the run to end.
    pub is_interrupted: bool,
    /// Why nothing is printed any more.
    pub broken: Option<io::Error>,
    asked: &'a Asked,
    /// JSON or CSV, which show a host as soon as it answers.
    machine: Option<&'a mut Machine>,
    progress: Progress,
}

impl<'a> Collector<'a> {
    /// Listens from `now` on.
    pub fn new(
        asked: &'a Asked,
        table: Table,
        machine: Option<&'a mut Machine>,
        progress: Progress,
        now: Time,
    ) -> Collector<'a> {
        Collector {
            table,
            latest: now,
            is_interrupted: false,
            broken: None,
            asked,
            machine,
            progress,
        }
    }

    /// Prints what goes before the first line.
    pub fn begin(&mut self) {
        self.print(Machine::begin);
    }

    /// Takes the progress line away.
    pub fn finish(&mut self) {
        self.progress.erase();
    }

    fn print(&mut self, write: impl FnOnce(&mut Machine) -> io::Result<()>) {
        if let Some(machine) = &mut self.machine
            && self.broken.is_none()
        {
            self.broken = write(machine).err();
        }
    }
}

impl Observer<Ping> for Collector<'_> {
    fn report(&mut self, engine: &Ping, report: Report) {
        self.latest = self.latest.max(report.at);
        if let Some(answer) = self.table.take(&report) {
            let asked = self.asked;
            self.print(|machine| {
                machine.target(asked, report.target, Verdict::Alive(answer), Some(report.sent_at))
            });
        }
        self.progress.draw(engine, self.table.alive(), report.at);
    }

    fn idle(&mut self, engine: &Ping, now: Time) {
        self.latest = self.latest.max(now);
        self.print(Machine::flush);
        self.progress.draw(engine, self.table.alive(), now);
    }

    fn signal(&mut self, engine: &mut Ping, now: Time, signal: Signal) {
        match signal {
            Signal::Status => self.progress.state(engine, self.table.alive(), now),
            Signal::Interrupt | Signal::Terminate => {
                self.is_interrupted = true;
                engine.stop(now);
            }
        }
    }
}
