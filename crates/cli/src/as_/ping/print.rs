//! The lines of iputils ping, as a run reports.

use super::json::Object;
use super::names::Names;
use super::node_information;
use super::options::Options;
use super::route::{self, LastRoute};
use super::tally::Tally;
use super::words;
use crate::as_::console::{Console, system_words};
use probe::kind::Detail;
use probe::ping::{IcmpError, Outcome, Ping, Reply, Report};
use probe::{Observer, SendFault, SendFaultReason, Signal, Time};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::ip::Datagram;

/// Where the data begin that iputils checks: behind its time of sending.
const CHECKED_FROM: usize = 16;

/// The widest terminal on which a flood draws dots without end.
const DOTS_UNBOUNDED: u64 = u64::MAX;

/// Prints a run.
pub struct Printer<'a> {
    /// Where to.
    pub console: &'a mut Console,
    /// What was asked for.
    pub options: &'a Options,
    /// The target as it is called.
    pub host: String,
    /// Its address.
    pub target: IpAddr,
    /// How other addresses are called.
    pub names: Names,
    /// Whether many may answer: broadcast and multicast.
    pub is_multicast: bool,
    /// The identifier, if it is ours to choose.
    pub identifier: Option<u16>,
    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970.
    pub epoch_ns: i128,
    /// Columns of the terminal that a flood draws dots on; `None` if it is none.
    pub columns: Option<u64>,
    /// The counts.
    pub tally: Tally,
    /// Whether the user ended the run, and how.
    pub ended_by: Option<Signal>,
    last_route: LastRoute,
    /// The last probe sent, and whether it was answered; with reports of sends only.
    newest: Option<(u64, bool)>,
    /// Dots on the screen.
    dots: u64,
    /// The dot of a probe of which it is not known yet whether it left.
    next_dot: Option<u64>,
}

/// What is odd about an answer.
#[derive(Default)]
struct Oddity<'a> {
    is_duplicate: bool,
    is_elsewhere: bool,
    damage: Option<Damage<'a>>,
}

struct Damage<'a> {
    offset: usize,
    sent: u8,
    got: Option<u8>,
    payload: &'a [u8],
}

impl<'a> Printer<'a> {
    /// A printer at the start of a run.
    pub fn new(
        console: &'a mut Console,
        options: &'a Options,
        host: String,
        target: IpAddr,
        names: Names,
    ) -> Printer<'a> {
        Printer {
            console,
            options,
            host,
            target,
            names,
            is_multicast: false,
            identifier: None,
            epoch_ns: 0,
            columns: None,
            tally: Tally::default(),
            ended_by: None,
            last_route: LastRoute::default(),
            newest: None,
            dots: 0,
            next_dot: None,
        }
    }

    /// Prints the closing lines.
    pub fn close(&mut self, is_fast: bool) {
        let text = match self.options.json {
            true => self.closing_json(is_fast),
            false => self.tally.summary(&self.host, is_fast),
        };
        self.console.print(&text);
        self.console.flush();
    }

    fn closing_json(&self, is_fast: bool) -> String {
        let closing = self.tally.closing(is_fast);
        let mut object = Object::new()
            .text("host", &self.host)
            .number("transmitted", closing.transmitted)
            .number("received", self.tally.received)
            .number("duplicates", self.tally.duplicates)
            .number("corrupted", self.tally.corrupted)
            .number("errors", self.tally.errors)
            .number("in_flight", self.tally.in_flight)
            .number("dropped_here", self.tally.dropped);
        if let Some(loss) = &closing.loss_percent {
            object = object.raw("loss", loss).number("time", closing.time_ms);
        }
        if let Some([min, avg, max, mdev]) = &closing.rtt_ms {
            let rtt = Object::new().text("min", min).text("avg", avg);
            object = object.object("rtt", rtt.text("max", max).text("mdev", mdev));
        }
        if self.tally.pipe > 1 {
            object = object.number("pipe", self.tally.pipe);
        }
        if let Some([ipg, ewma]) = &closing.ipg_ewma_ms {
            object = object.text("ipg", ipg).text("ewma", ewma);
        }
        object.line()
    }

    /// A new object, with the time of it if lines carry one.
    fn object(&self, at: Time) -> Object {
        match self.options.stamp_lines {
            true => Object::new().text("timestamp", &self.wall_clock(at)),
            false => Object::new(),
        }
    }

    /// The time in front of a line, if lines carry one.
    fn stamp(&self, at: Time) -> String {
        match self.options.stamp_lines {
            true => format!("[{}] ", self.wall_clock(at)),
            false => String::new(),
        }
    }

    /// Seconds since 1970, with microseconds.
    fn wall_clock(&self, at: Time) -> String {
        let us = self.epoch_ns.saturating_add(at.0.into()) / 1000;
        format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
    }

    fn shown_time(&self, reply: &Reply) -> String {
        let us = words::microseconds(reply.rtt);
        match self.options.full_precision {
            true => words::milliseconds(us),
            false => words::rounded_milliseconds(us),
        }
    }
}

/// Answers.
impl Printer<'_> {
    fn answer(&mut self, engine: &Ping, report: &Report, reply: &Reply, oddity: &Oddity<'_>) {
        if reply.bad_checksum {
            self.tally.corrupted += 1;
            self.tally.unanswered += u64::from(!oddity.is_duplicate);
        } else {
            self.tally.received += u64::from(!oddity.is_duplicate);
            self.tally.duplicates += u64::from(oddity.is_duplicate);
            self.tally.round_trip(reply.rtt);
            self.acknowledge(engine, report.sequence);
        }
        if let Some((newest, is_answered)) = &mut self.newest {
            *is_answered |= *newest == report.sequence;
        }
        if self.options.quiet {
            return;
        }
        if self.options.json {
            let line = self.answer_json(report, reply, oddity);
            return self.console.print(&line);
        }
        let bell = if self.options.audible { "\x07" } else { "" };
        if self.options.flood {
            self.dots = self.dots.saturating_sub(1);
            self.console.print(if reply.bad_checksum { "\x08C" } else { "\x08 \x08" });
            return self.console.print(bell);
        }
        let mut line = self.answer_head(report, reply);
        let cut = oddity.damage.as_ref().is_some_and(|damage| damage.got.is_none());
        if cut {
            line.push_str(" (truncated)\n");
            return self.console.print(&line);
        }
        line.push_str(&format!(" time={} ms", self.shown_time(reply)));
        if oddity.is_duplicate && (!self.is_multicast || self.options.verbose) {
            line.push_str(" (DUP!)");
        }
        if reply.bad_checksum {
            line.push_str(" (BAD CHECKSUM!)");
        }
        if oddity.is_elsewhere {
            line.push_str(" (DIFFERENT ADDRESS!)");
        }
        if let Some(damage) = &oddity.damage {
            line.push_str(&damage.lines());
        }
        line.push_str(bell);
        if let Some(options) = &reply.options {
            line.push_str(&route::lines(options, &mut self.last_route, &mut self.names));
        }
        line.push('\n');
        self.console.print(&line);
    }

    /// The start of an answer's line: who, which, from how far.
    fn answer_head(&mut self, report: &Report, reply: &Reply) -> String {
        let from = self.names.of(reply.from);
        let mut line = format!("{}{} bytes from {from}:", self.stamp(report.at), reply.bytes);
        match &reply.detail {
            Detail::NodeInformation(message) => {
                line.push_str(&node_information::line(message, wrapped(report.sequence)));
            }
            _ => line.push_str(&format!(" icmp_seq={}", wrapped(report.sequence))),
        }
        if let Some(identifier) = self.identifier
            && self.options.verbose
        {
            line.push_str(&format!(" ident={identifier}"));
        }
        if let Some(hop_limit) = reply.hop_limit {
            line.push_str(&format!(" ttl={hop_limit}"));
        }
        line
    }

    fn answer_json(&mut self, report: &Report, reply: &Reply, oddity: &Oddity<'_>) -> String {
        let from = self.names.of(reply.from);
        let mut object = self.object(report.at).number("bytes", reply.bytes as u64);
        object = object.text("host", &from).number("seq", wrapped(report.sequence));
        if let Detail::NodeInformation(message) = &reply.detail {
            let said = node_information::line(message, wrapped(report.sequence));
            object = object.text("node_information", said.trim());
        }
        if let Some(identifier) = self.identifier
            && self.options.verbose
        {
            object = object.number("ident", identifier.into());
        }
        if let Some(hop_limit) = reply.hop_limit {
            object = object.number("ttl", hop_limit.into());
        }
        object = object.text("time", &self.shown_time(reply));
        let cut = oddity.damage.as_ref().is_some_and(|damage| damage.got.is_none());
        for (is_so, info) in [
            (oddity.is_duplicate, "duplicate"),
            (reply.bad_checksum, "bad_checksum"),
            (oddity.is_elsewhere, "different_address"),
            (cut, "truncated"),
        ] {
            if is_so {
                object = object.raw(info, "true");
            }
        }
        if let Some(Damage { offset, .. }) = oddity.damage {
            object = object.number("wrong_data_byte", offset as u64);
        }
        if let Some(options) = &reply.options {
            object = route::fields(options, &mut self.names, object);
        }
        object.line()
    }

    fn acknowledge(&mut self, engine: &Ping, sequence: u64) {
        let first = u64::from(engine.plan().first_sequence);
        let newest = first.saturating_add(engine.probes_sent()).saturating_sub(1);
        self.tally.pipe(newest.saturating_sub(sequence));
    }
}

impl Damage<'_> {
    /// The first byte that is wrong, and all of them from where iputils checks.
    fn lines(&self) -> String {
        let Damage { offset, sent, got, payload } = self;
        let got = got.unwrap_or(0);
        let mut text =
            format!("\nwrong data byte #{offset} should be 0x{sent:x} but was 0x{got:x}");
        for (at, byte) in payload.iter().enumerate().skip(CHECKED_FROM) {
            if at % 32 == CHECKED_FROM {
                text.push_str(&format!("\n#{at}\t"));
            }
            text.push_str(&format!("{byte:x} "));
        }
        text
    }
}

/// Everything else that becomes of probes.
impl Printer<'_> {
    fn sent(&mut self, report: &Report) {
        if self.options.outstanding
            && let Some((sequence, false)) = self.newest
        {
            let sequence = wrapped(sequence);
            let line = match self.options.json {
                true => {
                    let object = self.object(report.at).number("seq", sequence);
                    object.text("info", "no answer yet").line()
                }
                false => {
                    format!("{}no answer yet for icmp_seq={sequence}\n", self.stamp(report.at))
                }
            };
            self.console.print(&line);
        }
        self.newest = Some((report.sequence, false));
        if self.draws_dots() {
            self.next_dot = Some(report.sequence);
        }
    }

    /// Draws the dot of the newest probe, if it left.
    fn dot(&mut self, report: Option<&Report>) {
        let Some(sequence) = self.next_dot.take() else { return };
        let never_left = report.is_some_and(|report| {
            report.sequence == sequence
                && matches!(report.outcome, Outcome::SendError(_) | Outcome::LocalDrop)
        });
        if !never_left && self.dots < self.columns.unwrap_or(DOTS_UNBOUNDED) {
            self.dots += 1;
            self.console.print(".");
        }
    }

    fn draws_dots(&self) -> bool {
        self.options.flood && !self.options.quiet && !self.options.json
    }

    fn icmp_error(&mut self, engine: &Ping, report: &Report, error: &IcmpError) {
        let family = Family::of(error.from);
        let tells_of_another_road = family == Family::V4 && matches!(error.kind, 4 | 5);
        if !tells_of_another_road {
            self.tally.errors += 1;
            self.tally.unanswered += 1;
            if family == Family::V4 {
                self.acknowledge(engine, report.sequence);
            }
        }
        if self.options.quiet {
            return;
        }
        let said = words::icmp_error(family, error.kind, error.code, error.word);
        let from = self.names.of(error.from);
        let sequence = wrapped(report.sequence);
        if self.options.json {
            let object = self.object(report.at).text("host", &from).number("seq", sequence);
            let line = object.text("error", &said).line();
            return self.console.print(&line);
        }
        let mut line = self.stamp(report.at);
        match (tells_of_another_road, self.options.flood) {
            (true, true) => return,
            (false, true) => return self.console.print("\x08E"),
            (false, false) => line.push_str(&format!("From {from} icmp_seq={sequence} {said}\n")),
            (true, false) => {
                line.push_str(&format!("From {from}: icmp_seq={sequence} {said}"));
                if error.kind == 5 {
                    let gateway = self.names.of(Ipv4Addr::from_bits(error.word).into());
                    line.push_str(&format!("(New nexthop: {gateway})"));
                }
                line.push('\n');
                if self.options.verbose {
                    line.push_str(&self.quoted(&error.quoted));
                }
            }
        }
        self.console.print(&line);
    }

    /// The header of a quoted datagram, field by field.
    fn quoted(&mut self, quoted: &[u8]) -> String {
        let Ok(datagram) = Datagram::parse_quoted(quoted) else { return String::new() };
        let [first, .., c0, c1] = quoted[..12] else { return String::new() };
        let flags = u16::from_be_bytes([quoted[6], quoted[7]]);
        let mut text = format!(
            "Vr HL TOS  Len   ID Flg  off TTL Pro  cks      Src      Dst Data\n \
             {:x}  {:x}  {:02x} {:04x} {:04x}   {:x} {:04x}  {:02x}  {:02x} {:04x} {}  {} \n",
            first >> 4,
            first & 0xf,
            datagram.traffic_class,
            datagram.total_bytes,
            datagram.identification,
            flags >> 13,
            flags & 0x1fff,
            datagram.hop_limit,
            datagram.protocol,
            u16::from_be_bytes([c0, c1]),
            datagram.source,
            datagram.destination,
        );
        text.push_str(&route::lines(datagram.options, &mut self.last_route, &mut self.names));
        text
    }

    fn send_error(&mut self, report: &Report, fault: SendFault) {
        self.tally.unanswered += 1;
        let too_big = match fault.reason {
            SendFaultReason::TooBig { mtu_bytes } => Some(mtu_bytes),
            _ => None,
        };
        self.tally.errors += u64::from(too_big.is_some());
        if self.options.quiet {
            return;
        }
        if self.draws_dots() {
            return self.console.print("E");
        }
        let message = match (too_big, Family::of(self.target)) {
            (Some(Some(mtu)), Family::V4) => {
                format!("local error: message too long, mtu={mtu}")
            }
            (Some(Some(mtu)), Family::V6) => {
                format!("local error: message too long, mtu: {mtu}")
            }
            (Some(None), _) => "local error: message too long".to_owned(),
            (None, _) => format!("sendmsg: {}", send_words(fault)),
        };
        if self.options.json {
            let object = self.object(report.at).number("seq", wrapped(report.sequence));
            let line = object.text("error", &message).line();
            return self.console.print(&line);
        }
        self.console.error(&message);
    }
}

impl Observer<Ping> for Printer<'_> {
    fn report(&mut self, engine: &Ping, report: Report) {
        if !matches!(report.outcome, Outcome::LocalDrop) {
            self.tally.sent(report.sent_at);
        }
        self.dot(Some(&report));
        match &report.outcome {
            Outcome::Sent => self.sent(&report),
            Outcome::Reply(reply) => self.answer(engine, &report, reply, &Oddity::default()),
            Outcome::Late(reply) => {
                // The loss that was counted is taken back.
                self.tally.unanswered = self.tally.unanswered.saturating_sub(1);
                self.answer(engine, &report, reply, &Oddity::default());
            }
            Outcome::Duplicate(reply) => {
                let oddity = Oddity { is_duplicate: true, ..Oddity::default() };
                self.answer(engine, &report, reply, &oddity);
            }
            Outcome::WrongSource(reply) => {
                let oddity = Oddity { is_elsewhere: true, ..Oddity::default() };
                self.answer(engine, &report, reply, &oddity);
            }
            Outcome::Corrupted { reply, offset, sent, got, payload } => {
                let damage = Damage { offset: *offset, sent: *sent, got: *got, payload };
                let oddity = Oddity { damage: Some(damage), ..Oddity::default() };
                self.answer(engine, &report, reply, &oddity);
            }
            Outcome::IcmpError(error) => self.icmp_error(engine, &report, error),
            Outcome::SendError(fault) => self.send_error(&report, *fault),
            Outcome::Timeout => self.tally.unanswered += 1,
            Outcome::LocalDrop => self.tally.dropped += 1,
            Outcome::InFlight => self.tally.in_flight += 1,
        }
    }

    fn idle(&mut self, _engine: &Ping, _now: Time) {
        self.dot(None);
        self.console.flush();
    }

    fn signal(&mut self, engine: &mut Ping, now: Time, signal: Signal) {
        if signal == Signal::Status {
            let line = self.tally.status(engine.probes_sent());
            return self.console.error_bare(&line);
        }
        self.ended_by = Some(signal);
        self.names.stop();
        probe::Engine::stop(engine, now);
    }
}

/// The sequence number as it stands on the wire.
fn wrapped(sequence: u64) -> u64 {
    sequence & 0xffff
}

/// Why a probe did not leave, in the system's words.
fn send_words(fault: SendFault) -> String {
    match (fault.os_error, fault.reason) {
        (0, SendFaultReason::NoRoute) => "Network is unreachable".to_owned(),
        (0, _) => "Operation not permitted".to_owned(),
        (number, _) => system_words(&io::Error::from_raw_os_error(number)),
    }
}
