//! traceroute's lines, each as soon as its hop and the names in it are known.

use super::module::Way;
use super::names::Names;
use super::options::Options;
use super::words;
use crate::as_::console::{Console, system_words};
use probe::method::Greeting;
use probe::trace::{Answer, End, Event, Hop, Outcome, Probe, Report, Says, Trace};
use probe::walk::{self, Walk};
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
    /// Lines that wait for names.
    waiting: VecDeque<Line>,
    /// The line that is being made on a walk, and the MTU that its next probe found out.
    growing: Option<Line>,
    narrowed: Option<u32>,
    /// The first probe that this host did not send, and after how long that was known.
    refusal: Option<(SendFault, Duration)>,
    /// Which signal ended the run.
    pub ended_by: Option<Signal>,
    /// Set if the program has to end with that code, whatever is still to come.
    pub exit: Option<u8>,
}

/// What is shown of a hop.
struct Line {
    hop: u8,
    probes: Vec<Cell>,
}

/// What is shown of a probe.
struct Cell {
    fate: Fate,
    /// The MTU that it found out.
    narrowed: Option<u32>,
}

enum Fate {
    Answer(Box<Answer>),
    Silent,
    /// This host does not send it, which was known so soon.
    Refused(SendFault, Duration),
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
            growing: None,
            narrowed: None,
            refusal: None,
            ended_by: None,
            exit: None,
        }
    }

    /// Prints what still waits, and the end of the last line.
    pub fn close(&mut self) {
        self.end_growth();
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
        while self.exit.is_none() && self.waiting.front().is_some_and(|line| self.is_ready(line)) {
            let Some(line) = self.waiting.pop_front() else { return };
            self.print_line(&line);
        }
    }

    fn is_ready(&self, line: &Line) -> bool {
        !line.probes.iter().any(|cell| match &cell.fate {
            Fate::Answer(answer) => self.names.is_awaited(answer.from),
            _ => false,
        })
    }

    fn print_line(&mut self, line: &Line) {
        self.console.print(&format!("\n{:2} ", line.hop));
        let mut before: Option<Shown> = None;
        for cell in &line.probes {
            match &cell.fate {
                Fate::Answer(answer) => {
                    let shown = self.shown(answer);
                    let is_new = before.as_ref().is_none_or(|before| self.differs(before, &shown));
                    if is_new && !self.print_sender(line.hop, &shown) {
                        return;
                    }
                    before = Some(shown);
                    self.console.print(&format!("  {}", milliseconds(answer.rtt)));
                    self.print_note(Some(answer), cell.narrowed);
                }
                Fate::Refused(fault, took) => self.print_refusal(*fault, *took),
                Fate::Silent => {
                    self.console.print(" *");
                    self.print_note(None, cell.narrowed);
                }
            }
        }
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

    /// Prints what stands behind a probe's time: how it ends the road, or what it found out.
    fn print_note(&mut self, answer: Option<&Answer>, narrowed: Option<u32>) {
        let error = match answer.map(|answer| (answer, answer.says)) {
            Some((answer, says @ Says::Error { kind, code, mtu_bytes, .. }))
                if !says.is_expired() =>
            {
                words::annotation(Family::of(answer.from), kind, code, mtu_bytes)
            }
            _ => String::new(),
        };
        match narrowed {
            _ if !error.is_empty() => self.console.print(&format!(" {error}")),
            Some(mtu_bytes) => self.console.print(&format!(" F={mtu_bytes}")),
            None => {}
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

    /// Makes a hop's line. What was never asked is silent.
    fn line(&self, hop: Hop) -> Line {
        let fate = |outcome| match outcome {
            Outcome::Answer(answer) => Fate::Answer(answer),
            Outcome::SendError(fault) => Fate::Refused(fault, Duration::ZERO),
            _ => Fate::Silent,
        };
        let cell = |fate| Cell { fate, narrowed: None };
        let asked = hop.probes.into_iter().map(|probe| fate(probe.outcome));
        let silence = std::iter::repeat_with(|| Fate::Silent);
        let queries = usize::from(self.options.queries);
        let probes = asked.chain(silence).take(queries).map(cell).collect();
        Line { hop: hop.hop, probes }
    }

    fn put(&mut self, line: Line) {
        for cell in &line.probes {
            if let Fate::Answer(answer) = &cell.fate {
                self.names.want(answer.from);
            }
        }
        self.waiting.push_back(line);
    }

    /// Takes what became of the next probe of a walk.
    fn grow(&mut self, hop: u8, fate: Fate) {
        let narrowed = self.narrowed.take();
        let line = self.growing.get_or_insert_with(|| Line { hop, probes: Vec::new() });
        line.probes.push(Cell { fate, narrowed });
        if line.probes.len() == usize::from(self.options.queries) {
            self.end_growth();
        }
    }

    fn end_growth(&mut self) {
        if let Some(line) = self.growing.take() {
            self.put(line);
        }
    }

    fn take_step(&mut self, report: walk::Report) {
        match report.event {
            walk::Event::Narrow { mtu_bytes, .. } => self.narrowed = Some(mtu_bytes),
            walk::Event::Answer { answer, .. } => self.grow(report.hop, Fate::Answer(answer)),
            walk::Event::Silent { .. } => self.grow(report.hop, Fate::Silent),
            walk::Event::Refused { fault, took } => {
                self.refusal.get_or_insert((fault, took));
                self.end_growth();
                self.print_unsendable(fault);
            }
            walk::Event::Exhausted => {}
        }
    }

    fn take(&mut self, report: Report) {
        match report.event {
            Event::Probe(Probe { outcome: Outcome::SendError(fault), sent_at, .. }) => {
                self.refusal.get_or_insert((fault, report.at.since(sent_at)));
            }
            Event::Hop(hop) => self.put(self.line(hop)),
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

impl Observer<Walk> for Printer<'_> {
    fn report(&mut self, _: &Walk, report: walk::Report) {
        self.take_step(report);
    }

    fn idle(&mut self, _: &Walk, _: Time) {
        self.print_ready();
        self.console.flush();
    }

    fn signal(&mut self, engine: &mut Walk, now: Time, signal: Signal) {
        if signal != Signal::Status {
            self.ended_by = Some(signal);
            engine.stop(now);
        }
    }

    fn woken(&mut self, _: &mut Walk, _: Time) {
        self.print_ready();
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
