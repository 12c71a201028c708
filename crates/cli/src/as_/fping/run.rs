//! The ping engine with fping's extra timer: reports every so often (`-Q`), and an end as soon as
//! enough targets are alive (`-X`).

use probe::ping::{Ping, Report};
use probe::{Arrival, Engine, Output, SendFault, Stamp, Ticket, Time};
use std::cell::Cell;
use std::time::Duration;

/// Reports come no more often than that: more would leave no time for anything else.
const REPORT_LEAST: Duration = Duration::from_millis(1);

/// What comes out of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// What became of a probe.
    Probe(Report),
    /// A report is due.
    Due,
}

/// A run.
#[derive(Debug)]
pub struct Run {
    ping: Ping,
    next_report: Time,
    report_every: Duration,
    now: Time,
    is_enough: Cell<bool>,
}

impl Run {
    /// Reports every so often, if at all, counted from `now`.
    pub fn new(ping: Ping, report_every: Option<Duration>, now: Time) -> Run {
        let every = report_every.map(|every| every.max(REPORT_LEAST));
        Run {
            ping,
            next_report: every.map_or(Time::NEVER, |every| now + every),
            report_every: every.unwrap_or(Duration::MAX),
            now,
            is_enough: Cell::new(false),
        }
    }

    /// The engine.
    pub fn ping(&self) -> &Ping {
        &self.ping
    }

    /// When it was last polled.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Ends the run at the next poll: whoever watches it knows enough.
    pub fn end(&self) {
        self.is_enough.set(true);
    }
}

impl Engine for Run {
    type Report = Event;

    fn poll(&mut self, now: Time, datagram: &mut Vec<u8>) -> Output<Event> {
        self.now = now;
        if self.is_enough.take() {
            self.ping.stop(now);
        }
        if self.next_report <= now {
            // Reports that were missed are not made up for.
            let missed =
                now.since(self.next_report).as_nanos() / self.report_every.as_nanos().max(1);
            let skip = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
            self.next_report =
                self.next_report + self.report_every.checked_mul(skip).unwrap_or(Duration::MAX);
            return Output::Report(Event::Due);
        }
        match self.ping.poll(now, datagram) {
            Output::Send(transmit) => Output::Send(transmit),
            Output::Report(report) => Output::Report(Event::Probe(report)),
            Output::Wait { until, .. } if self.next_report < until => {
                Output::Wait { until: self.next_report, why: "report" }
            }
            Output::Wait { until, why } => Output::Wait { until, why },
            Output::Done => Output::Done,
        }
    }

    fn receive(&mut self, now: Time, arrival: &Arrival<'_>) {
        self.ping.receive(now, arrival);
    }

    fn sent(&mut self, ticket: Ticket, stamp: Stamp) {
        self.ping.sent(ticket, stamp);
    }

    fn send_failed(&mut self, now: Time, ticket: Ticket, fault: SendFault) {
        self.ping.send_failed(now, ticket, fault);
    }

    fn receive_dropped(&mut self, count: u32) {
        self.ping.receive_dropped(count);
    }

    fn stop(&mut self, now: Time) {
        self.ping.stop(now);
    }

    fn is_endless(&self) -> bool {
        self.ping.is_endless()
    }
}
