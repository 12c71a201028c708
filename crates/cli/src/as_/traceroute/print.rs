//! traceroute's lines, each as soon as its hop and the names in it are known.

use super::module::Way;
use super::names::Names;
use super::options::Options;
use super::words;
use crate::as_::console::{Console, system_words};
use probe::method::Greeting;
use probe::trace::{Answer, End, Event, Hop, Outcome, Probe, Report, Says, Trace};
use probe::{Engine, Observer, SendFault, SendFaultReason, Signal, Time};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// Prints a run.
pub struct Printer<'a> {
    console: &'a mut Console,
    options: &'a Options,
    shows_flags: bool,
    names: Names,
    /// Where the registry of AS numbers cannot be found: what to say.
    no_registry: Option<String>,
    /// Hops that wait for names.
    waiting: VecDeque<Hop>,
    /// The first probe that this host did not send, and after how long that was known.
    refusal: Option<(SendFault, Duration)>,
    /// Which signal ended the run.
    pub ended_by: Option<Signal>,
    /// Set if the program has to end with that code, whatever is still to come.
    pub exit: Option<u8>,
}

/// One answer, as it is shown.
struct Shown {
    from: IpAddr,
    /// Extensions or flags.
    extra: String,
    hop_limit: Option<u8>,
}

impl<'a> Printer<'a> {
    /// Prints what the options ask for.
    pub fn new(
        console: &'a mut Console,
        options: &'a Options,
        way: &Way,
        names: Names,
        no_registry: Option<String>,
    ) -> Printer<'a> {
        Printer {
            console,
            options,
            shows_flags: way.shows_flags,
            names,
            no_registry,
            waiting: VecDeque::new(),
            refusal: None,
            ended_by: None,
            exit: None,
        }
    }

    /// Prints what still waits, and the end of the last line.
    pub fn close(&mut self) {
        if self.ended_by.is_some() {
            self.names.stop();
        }
        self.print_ready();
        while self.exit.is_none() && !self.waiting.is_empty() && self.names.wait() {
            self.print_ready();
        }
        self.names.stop();
        self.print_ready();
        if self.exit.is_none() {
            self.console.print("\n");
        }
    }

    fn print_ready(&mut self) {
        self.names.learn();
        while self.exit.is_none() && self.waiting.front().is_some_and(|hop| self.is_ready(hop)) {
            let Some(hop) = self.waiting.pop_front() else { return };
            self.print_hop(&hop);
        }
    }

    fn is_ready(&self, hop: &Hop) -> bool {
        let answers = hop.probes.iter().filter_map(answer);
        !answers.into_iter().any(|answer| self.names.is_awaited(answer.from))
    }

    fn print_hop(&mut self, hop: &Hop) {
        self.console.print(&format!("\n{:2} ", hop.hop));
        let mut before: Option<Shown> = None;
        let missing = usize::from(self.options.queries).saturating_sub(hop.probes.len());
        for probe in &hop.probes {
            match &probe.outcome {
                Outcome::Answer(answer) => {
                    let shown = self.shown(answer);
                    let is_new = before.as_ref().is_none_or(|before| self.differs(before, &shown));
                    if is_new && !self.print_sender(hop.hop, &shown) {
                        return;
                    }
                    before = Some(shown);
                    self.console.print(&format!("  {}", milliseconds(answer.rtt)));
                    self.print_annotation(answer);
                }
                Outcome::SendError(fault) => self.print_refusal(*fault, Duration::ZERO),
                _ => self.console.print(" *"),
            }
        }
        self.console.print(&" *".repeat(missing));
    }

    fn shown(&self, answer: &Answer) -> Shown {
        let extra = match answer.says {
            Says::Greeting(Greeting::Segment { flags }) if self.shows_flags => words::flags(flags),
            _ if self.options.extensions => words::extensions(&answer.extensions),
            _ => String::new(),
        };
        Shown { from: answer.from, extra, hop_limit: answer.hop_limit }
    }

    fn differs(&self, before: &Shown, shown: &Shown) -> bool {
        before.from != shown.from
            || before.extra != shown.extra
            || self.options.back && before.hop_limit != shown.hop_limit
    }

    /// Prints who answered; `false` if the program has to end there.
    fn print_sender(&mut self, hop: u8, shown: &Shown) -> bool {
        let facts = self.names.of(shown.from);
        let mut text = match self.options.numeric {
            true => format!(" {}", shown.from),
            false => {
                let number = shown.from.to_string();
                format!(" {} ({number})", facts.name.as_ref().unwrap_or(&number))
            }
        };
        if let Some(message) = self.no_registry.as_ref().filter(|_| self.options.as_lookups) {
            self.console.print(&text);
            self.console.error_bare(&format!("{message}\n"));
            self.exit = Some(2);
            return false;
        }
        if let Some(origin) = facts.origin.filter(|_| self.options.as_lookups) {
            let _ = write!(text, " [{origin}]");
        }
        if !shown.extra.is_empty() {
            let _ = write!(text, " <{}>", shown.extra);
        }
        let back = shown.hop_limit.filter(|_| self.options.back).map(hops_back);
        if let Some(back) = back.filter(|back| *back != u16::from(hop)) {
            let _ = write!(text, " '-{back}'");
        }
        self.console.print(&text);
        true
    }

    fn print_annotation(&mut self, answer: &Answer) {
        let Says::Error { kind, code, mtu_bytes, .. } = answer.says else { return };
        if answer.says.is_expired() {
            return;
        }
        let text = words::annotation(Family::of(answer.from), kind, code, mtu_bytes);
        if !text.is_empty() {
            self.console.print(&format!(" {text}"));
        }
    }

    /// Prints that this host did not send a probe.
    fn print_refusal(&mut self, fault: SendFault, took: Duration) {
        match fault.reason {
            SendFaultReason::TooBig { mtu_bytes } => {
                let mtu_bytes = mtu_bytes.unwrap_or(0);
                self.console.print(&format!(" *  {} !F-{mtu_bytes}", milliseconds(took)));
            }
            _ => self.console.print(" *"),
        }
    }

    /// The road ends where it begins: too long for the first link, or this host sends nothing.
    fn print_unsendable(&mut self, fault: SendFault) {
        let took = self.refusal.map_or(Duration::ZERO, |(_, took)| took);
        if matches!(fault.reason, SendFaultReason::TooBig { .. }) {
            self.console.print(&format!("\n{:2} ", self.options.first_hop));
            for _ in 0..self.options.queries {
                self.print_refusal(fault, took);
            }
            return;
        }
        let error = io::Error::from_raw_os_error(fault.os_error);
        let why = match fault.os_error {
            0 => "Network is unreachable".to_owned(),
            _ => system_words(&error),
        };
        self.console.error_bare(&format!("\nconnect: {why}\n"));
        self.exit = Some(1);
    }

    fn take(&mut self, report: Report) {
        match report.event {
            Event::Probe(Probe { outcome: Outcome::SendError(fault), sent_at, .. }) => {
                self.refusal.get_or_insert((fault, report.at.since(sent_at)));
            }
            Event::Hop(hop) => {
                for answer in hop.probes.iter().filter_map(answer) {
                    self.names.want(answer.from);
                }
                self.waiting.push_back(hop);
            }
            Event::Verdict(verdict) => {
                if let End::Unsendable(fault) = verdict.end {
                    self.print_unsendable(fault);
                }
            }
            _ => {}
        }
    }
}

impl Observer<Trace> for Printer<'_> {
    fn report(&mut self, _: &Trace, report: Report) {
        self.take(report);
    }

    fn idle(&mut self, _: &Trace, _: Time) {
        self.print_ready();
        self.console.flush();
    }

    fn signal(&mut self, engine: &mut Trace, now: Time, signal: Signal) {
        if signal != Signal::Status {
            self.ended_by = Some(signal);
            engine.stop(now);
        }
    }

    fn woken(&mut self, _: &mut Trace, _: Time) {
        self.print_ready();
    }
}

fn answer(probe: &Probe) -> Option<&Answer> {
    match &probe.outcome {
        Outcome::Answer(answer) => Some(answer),
        _ => None,
    }
}

fn milliseconds(span: Duration) -> String {
    format!("{:.3} ms", span.as_secs_f64() * 1e3)
}

/// How many hops an answer has passed, if it began with 64, 128 or 255.
fn hops_back(hop_limit: u8) -> u16 {
    let first = match hop_limit {
        0..=64 => 64,
        65..=128 => 128,
        _ => 255,
    };
    first + 1 - u16::from(hop_limit)
}
