//! tracepath's lines.

use super::super::traceroute::names::Names;
use super::options::Options;
use crate::as_::console::{Console, system_words};
use probe::trace::{Answer, Says};
use probe::walk::{Event, Report, Walk};
use probe::{Engine, Observer, Signal, Time};
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// How wide the column of hosts is.
const HOST_COLUMN: usize = 52;

/// How wide it is where this host speaks.
const LOCALHOST_COLUMN: usize = 32;

/// Prints a run.
pub struct Printer<'a> {
    console: &'a mut Console,
    options: &'a Options,
    /// Whether this host says how soon it refused: only IPv6 hands the probe back.
    times_refusals: bool,
    names: Names,
    /// Findings that wait for names.
    waiting: VecDeque<Report>,
    /// How long probes may be.
    mtu_bytes: u32,
    /// Hops to the target and back, once it was reached.
    hops: Option<(u8, Option<u8>)>,
    /// Which signal ended the run.
    pub ended_by: Option<Signal>,
}

impl<'a> Printer<'a> {
    /// Prints what the options ask for.
    pub fn new(
        console: &'a mut Console,
        options: &'a Options,
        family: Family,
        names: Names,
        length: u32,
    ) -> Printer<'a> {
        Printer {
            console,
            options,
            times_refusals: family == Family::V6,
            names,
            waiting: VecDeque::new(),
            mtu_bytes: length,
            hops: None,
            ended_by: None,
        }
    }

    /// Prints what still waits, and the summary unless the run was interrupted.
    pub fn close(&mut self) {
        if self.ended_by.is_some() {
            self.names.stop();
        }
        self.print_ready();
        while !self.waiting.is_empty() && self.names.wait() {
            self.print_ready();
        }
        self.names.stop();
        self.print_ready();
        if self.ended_by.is_none() {
            self.console.print(&resume(self.mtu_bytes, self.hops));
        }
    }

    fn print_ready(&mut self) {
        self.names.learn();
        let is_ready = |names: &Names, report: &Report| {
            sender(&report.event).is_none_or(|from| !names.is_awaited(from))
        };
        while let Some(report) = self.waiting.pop_front_if(|next| is_ready(&self.names, next)) {
            self.print(&report);
        }
    }

    fn print(&mut self, report: &Report) {
        let hop = report.hop;
        match &report.event {
            Event::Narrow { mtu_bytes, took, by } => {
                self.mtu_bytes = *mtu_bytes;
                let start = match by {
                    Some((asked, answer)) => self.start(*asked, answer),
                    None => {
                        let time = if self.times_refusals { time(*took) } else { String::new() };
                        format!("{hop:2}?: {:<LOCALHOST_COLUMN$} {time}", "[LOCALHOST]")
                    }
                };
                self.console.print(&format!("{start}pmtu {mtu_bytes}\n"));
            }
            Event::Answer { asked, answer } => self.print_answer(hop, *asked, answer),
            Event::Silent { is_last: false } => {}
            Event::Silent { is_last: true } => {
                self.console.print(&format!("{hop:2}:  no reply\n"));
            }
            Event::Refused { .. } => self.console.print(&send_failed(hop)),
            Event::Exhausted => {
                let mtu_bytes = self.mtu_bytes;
                self.console.print(&format!("     Too many hops: pmtu {mtu_bytes}\n"));
            }
        }
    }

    fn print_answer(&mut self, hop: u8, asked: u8, answer: &Answer) {
        let Says::Error { kind, code, .. } = answer.says else {
            return self.console.print(&format!("{hop:2}?: reply received 8)\n"));
        };
        let start = self.start(asked, answer);
        let back = answer.hop_limit.map(hops_back);
        let end = match Meant::of(Family::of(answer.from), kind, code) {
            _ if answer.says.is_expired() => match back {
                Some(back) if back != asked => format!("asymm {back:2} \n"),
                _ => "\n".to_owned(),
            },
            Meant::Reached => {
                self.hops = Some((asked, back));
                "reached\n".to_owned()
            }
            Meant::Letter(letter) => format!("!{letter}\n"),
            Meant::Number(os_error) => {
                self.console.print(&format!("{start}\n"));
                let words = system_words(&io::Error::from_raw_os_error(os_error));
                return self.console.error(&format!("NET ERROR: {words}"));
            }
        };
        self.console.print(&format!("{start}{end}"));
    }

    /// The start of a line about an answer: hop, host, round trip.
    fn start(&self, asked: u8, answer: &Answer) -> String {
        let number = answer.from.to_string();
        let name = || self.names.of(answer.from).name.unwrap_or_else(|| "???".to_owned());
        let host = match (self.options.numeric, self.options.both) {
            (true, false) => number,
            (true, true) => format!("{number} ({})", name()),
            (false, false) => name(),
            (false, true) => format!("{} ({number})", name()),
        };
        let blanks = HOST_COLUMN.saturating_sub(host.chars().count()).max(1);
        format!("{asked:2}:  {host}{:blanks$}{}", "", time(answer.rtt))
    }
}

impl Observer<Walk> for Printer<'_> {
    fn report(&mut self, _: &Walk, report: Report) {
        if let Some(from) = sender(&report.event) {
            self.names.want(from);
        }
        self.waiting.push_back(report);
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

/// The line of a probe that this host does not send.
pub fn send_failed(hop: u8) -> String {
    format!("{hop:2}:  send failed\n")
}

/// The last line.
pub fn resume(mtu_bytes: u32, hops: Option<(u8, Option<u8>)>) -> String {
    let to = hops.map(|(to, _)| format!("hops {to} ")).unwrap_or_default();
    let back = hops.and_then(|(_, back)| back).map(|back| format!("back {back} "));
    format!("     Resume: pmtu {mtu_bytes} {to}{}\n", back.unwrap_or_default())
}

/// Who is shown in a line.
fn sender(event: &Event) -> Option<IpAddr> {
    match event {
        Event::Narrow { by: Some((_, answer)), .. } | Event::Answer { answer, .. } => {
            Some(answer.from)
        }
        _ => None,
    }
}

fn time(span: Duration) -> String {
    let us = span.as_micros();
    format!("{:3}.{:03}ms ", us / 1_000, us % 1_000)
}

/// How many hops an answer has passed, if it began with 64, 128 or 255.
fn hops_back(hop_limit: u8) -> u8 {
    match hop_limit {
        0..=64 => 65 - hop_limit,
        65..=128 => 129 - hop_limit,
        129..=255 => (256 - u16::from(hop_limit)) as u8,
    }
}

/// What Linux makes of an error.
enum Meant {
    Reached,
    Letter(char),
    /// An error number of the system's.
    Number(i32),
}

impl Meant {
    fn of(family: Family, kind: u8, code: u8) -> Meant {
        const ENONET: i32 = 64;
        const ENOPROTOOPT: i32 = 92;
        const EOPNOTSUPP: i32 = 95;
        const EHOSTDOWN: i32 = 112;
        match (family, kind, code) {
            (Family::V4, 3, 3) | (Family::V6, 1, 4) => Meant::Reached,
            (Family::V4, 3, 2) => Meant::Number(ENOPROTOOPT),
            (Family::V4, 3, 5) => Meant::Number(EOPNOTSUPP),
            (Family::V4, 3, 7) => Meant::Number(EHOSTDOWN),
            (Family::V4, 3, 8) => Meant::Number(ENONET),
            (Family::V4, 3, 0 | 6 | 9 | 11) | (Family::V6, 1, 0) => Meant::Letter('N'),
            (Family::V6, 1, 1 | 5 | 6) => Meant::Letter('A'),
            (Family::V4, 12, _) | (Family::V6, 4, _) => Meant::Letter('P'),
            _ => Meant::Letter('H'),
        }
    }
}
