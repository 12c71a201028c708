//! Listens to a run: prints what comes about, takes in names as they resolve, and sums up.

use super::names::Names;
use super::roster::{Roster, State};
use crate::failure::Exit;
use crate::print::human::percent;
use crate::print::{Closed, End, Event, Out, Printer, Totals, Unresolved, Whom};
use crate::resolve::Lookups;
use crate::road::Epoch;
use probe::ping::{Outcome, Ping, Report};
use probe::stats::Summary;
use probe::stats::loss_ratio;
use probe::{Engine, Observer, RttSource, Signal, Time};
use std::io::{self, Write};
use std::net::IpAddr;
use std::process;

/// The observer of a ping run.
pub struct Watch {
    /// Who is asked.
    pub roster: Roster,
    /// The printer.
    pub printer: Box<dyn Printer>,
    /// What it prints to.
    pub out: Out,
    /// Names still being resolved, with the entries that they belong to.
    pub lookups: Option<(Lookups, Vec<usize>)>,
    /// Names of addresses that answer, if asked for.
    pub names: Option<Names>,
    /// What is kept of each target.
    pub notes: Vec<Note>,
    /// The wall clock.
    pub epoch: Epoch,
    /// Take every address of a name.
    pub all_addresses: bool,
    /// The zone of link-local addresses that resolve without one.
    pub zone: u32,
    /// Say that a probe is unanswered when the next one goes.
    pub outstanding: bool,
    /// Whether standard output is written each time the run has nothing to do.
    pub is_live: bool,
    /// Whether the answers decide by `--until`.
    pub has_until: bool,
}

/// What is kept of a target besides its statistics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Note {
    rtt_source: Option<RttSource>,
    hop_limit: Option<u8>,
    /// The highest sequence number that something came of.
    decided: u64,
}

impl Watch {
    fn note(&mut self, report: &Report) {
        let index = report.target as usize;
        if self.notes.len() <= index {
            self.notes.resize(index + 1, Note::default());
        }
        let note = &mut self.notes[index];
        if report.outcome != Outcome::Sent {
            note.decided = note.decided.max(report.sequence);
        }
        if let Outcome::Reply(reply) | Outcome::Late(reply) = &report.outcome {
            note.rtt_source = note.rtt_source.max(Some(reply.rtt_source));
            note.hop_limit = reply.hop_limit.or(note.hop_limit);
        }
    }

    /// Whether the probe before the one just sent is still unanswered.
    fn is_outstanding(&self, engine: &Ping, report: &Report) -> bool {
        let decided = self.notes[report.target as usize].decided;
        self.outstanding
            && report.outcome == Outcome::Sent
            && report.sequence > u64::from(engine.plan().first_sequence)
            && decided + 1 < report.sequence
    }

    /// Takes in a name that has been resolved.
    fn settle(&mut self, engine: &mut Ping) {
        let Some((lookups, entries)) = &mut self.lookups else { return };
        while let Some((index, resolved)) = lookups.next() {
            if let Err(unresolved) = &resolved {
                let crate::resolve::Unresolved { name, reason, code } = unresolved;
                let shown = Unresolved { name, reason, code: *code };
                self.printer.unresolved(&shown, &mut self.out.text);
            }
            let entry = entries[index];
            let push = |target| engine.add_target(target);
            // More targets than an index can count: those that fit are asked.
            let _ = self.roster.settle(entry, resolved, self.all_addresses, self.zone, push);
        }
        engine.expect_targets(lookups.pending() > 0);
    }

    /// Prints the summary of every target and writes everything out.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn finish(&mut self, engine: &Ping) -> Result<(), Closed> {
        if let Some(names) = &mut self.names {
            names.finish();
        }
        let mut totals = Totals::default();
        let empty = Summary::default();
        for entry in self.roster.entries() {
            let reason = match &entry.state {
                State::Addresses(..) => None,
                State::Pending => Some("interrupted before it was resolved"),
                State::Unresolved(it) => Some(&*it.reason),
            };
            if reason.is_some() {
                let whom = Whom { name: entry.name.as_deref(), target: None };
                self.printer.summary(&nobody(whom, reason, &empty), &mut self.out.text);
                totals.targets += 1;
                totals.unresolved += 1;
            }
            let State::Addresses(first, count) = entry.state else { continue };
            for index in first..first + count {
                let summary = engine.summary(index);
                totals.add(&summary);
                let whom = self.roster.whom(index, engine.targets());
                let note = self.notes.get(index as usize).copied().unwrap_or_default();
                let address = engine.targets().at(index).address;
                let end = End {
                    whom,
                    summary: &summary,
                    rtt_source: note.rtt_source,
                    hop_limit: note.hop_limit,
                    address_name: self.names.as_mut().and_then(|names| names.of(address)),
                    until_met: self.has_until.then(|| engine.until_met(index)),
                    unresolved: None,
                };
                self.printer.summary(&end, &mut self.out.text);
                self.out.relieve()?;
            }
        }
        self.printer.finish(&totals, &mut self.out.text);
        self.out.flush()
    }

    /// What the run comes to: a name without an address weighs more than a loss.
    pub fn exit(&self, engine: &Ping) -> Exit {
        let mut totals = Totals::default();
        let mut met = 0;
        for index in 0..engine.targets().len() {
            totals.add(&engine.summary(index));
            met += u64::from(engine.until_met(index));
        }
        let lacks_address =
            self.roster.entries().iter().any(|entry| matches!(entry.state, State::Unresolved(_)));
        let all_were_asked = self.roster.pending().next().is_none();
        let good = if self.has_until { met } else { totals.complete };
        if lacks_address {
            Exit::NameNotFound
        } else if good == totals.targets && totals.targets > 0 && all_were_asked {
            Exit::Yes
        } else {
            Exit::No
        }
    }

    /// Nobody reads any more, so nothing is left to do: ends with what is known by now.
    fn leave(&self, engine: &Ping, closed: Closed) -> ! {
        let exit = match closed.failure() {
            None => self.exit(engine),
            Some(failure) => {
                // Nobody is left to tell if this fails too.
                let _ = writeln!(io::stderr(), "{failure}");
                failure.exit
            }
        };
        process::exit(exit.code().into())
    }

    /// Where things stand, in one line on standard error.
    fn status(&self, engine: &Ping) {
        let mut totals = Totals::default();
        let mut rtt = None;
        for index in 0..engine.targets().len() {
            let summary = engine.summary(index);
            rtt = summary.rtt.or(rtt);
            totals.add(&summary);
        }
        let Totals { sent, received, in_flight, lost, targets, .. } = totals;
        let ratio = percent(loss_ratio(received, lost));
        let mut line = format!("{received}/{sent} answered, {ratio} lost");
        if in_flight > 0 {
            line += &format!(", {in_flight} in flight");
        }
        match rtt {
            Some(rtt) if targets == 1 => {
                let [min, mean, max] =
                    [rtt.min_ns as f64, rtt.mean_ns, rtt.max_ns as f64].map(|ns| ns / 1e6);
                line += &format!(", min/avg/max {min:.4}/{mean:.4}/{max:.4} ms");
            }
            _ => line += &format!(", {} of {targets} targets answering", totals.answering),
        }
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

impl Observer<Ping> for Watch {
    fn report(&mut self, engine: &Ping, report: Report) {
        self.note(&report);
        let whom = self.roster.whom(report.target, engine.targets());
        if self.is_outstanding(engine, &report) {
            self.printer.outstanding(whom, report.sequence - 1, &mut self.out.text);
        }
        let from_name = match (&mut self.names, from(&report.outcome)) {
            (Some(names), Some(from)) => names.of(from),
            _ => None,
        };
        let event = Event { whom, report: &report, epoch_ns: self.epoch.ns(), from_name };
        self.printer.event(&event, &mut self.out.text);
        if let Err(closed) = self.out.relieve() {
            self.leave(engine, closed);
        }
    }

    fn idle(&mut self, engine: &Ping, _now: Time) {
        if self.is_live
            && let Err(closed) = self.out.flush()
        {
            self.leave(engine, closed);
        }
    }

    fn signal(&mut self, engine: &mut Ping, now: Time, signal: Signal) {
        match signal {
            Signal::Status => self.status(engine),
            Signal::Interrupt | Signal::Terminate => engine.stop(now),
        }
    }

    fn woken(&mut self, engine: &mut Ping, _now: Time) {
        self.settle(engine);
    }
}

/// The end of a name without an address.
fn nobody<'a>(whom: Whom<'a>, reason: Option<&'a str>, summary: &'a Summary) -> End<'a> {
    End {
        whom,
        summary,
        rtt_source: None,
        hop_limit: None,
        address_name: None,
        until_met: None,
        unresolved: reason,
    }
}

fn from(outcome: &Outcome) -> Option<IpAddr> {
    match outcome {
        Outcome::Reply(reply)
        | Outcome::Late(reply)
        | Outcome::Duplicate(reply)
        | Outcome::WrongSource(reply)
        | Outcome::Corrupted { reply, .. } => Some(reply.from),
        Outcome::IcmpError(error) => Some(error.from),
        _ => None,
    }
}
