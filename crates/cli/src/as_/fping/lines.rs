//! What fping prints while it runs, a line for an answer, a timeout or an error, and what it counts
//! for the summaries.

use super::hosts::{Names, address_text};
use super::options::{Ask, Options};
use super::run::{Event, Run};
use super::tally::{Bits, Tally, Values};
use super::text::{At, Ms, Streams, json};
use super::words;
use probe::kind::Detail;
use probe::ping::{IcmpError, Outcome, Reply, Report};
use probe::targets::Target;
use probe::{Engine, Observer, SendFault, SendFaultReason, Signal, Time};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

/// Prints a run and keeps its counts.
#[derive(Debug)]
pub struct Printer<'a> {
    pub(super) options: &'a Options,
    pub(super) names: &'a Names,
    pub(super) streams: Streams,
    /// The wall clock when the run began, nanoseconds since 1970-01-01 UTC.
    epoch_ns: i128,
    width: OnceCell<usize>,
    pub(super) totals: Totals,
    pub(super) alive: Bits,
    /// Counts of the whole run and since the last report; empty until somebody wants them.
    pub(super) tallies: Vec<[Tally; 2]>,
    pub(super) values: Vec<Values>,
    /// Probes that an ICMP error ended: fping goes on waiting for them, so their timeouts are
    /// printed when they would have come.
    failed: BTreeSet<(Time, u32, u64)>,
    pub(super) charts_are_known: bool,
    /// Somebody ended the run before its time.
    pub(super) is_cut_short: bool,
}

/// What fping counts over all targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Targets that answered.
    pub alive: u32,
    /// Names without an address.
    pub unknown: u32,
    /// Probes that timed out.
    pub timeouts: u64,
    /// Answers, needless ones included.
    pub replies: u64,
    /// ICMP errors.
    pub other_icmp: u64,
    /// The round trips of all targets.
    pub rtt: Tally,
}

impl<'a> Printer<'a> {
    /// For a run over that many targets.
    pub fn new(
        options: &'a Options,
        names: &'a Names,
        targets: u32,
        unknown: u32,
        epoch_ns: i128,
    ) -> Printer<'a> {
        let count = targets as usize;
        let tallies =
            if options.counts() { vec![[Tally::default(); 2]; count] } else { Vec::new() };
        let values = if options.values { vec![Values::default(); count] } else { Vec::new() };
        Printer {
            options,
            names,
            streams: Streams::default(),
            epoch_ns,
            width: OnceCell::new(),
            totals: Totals { unknown, ..Totals::default() },
            alive: Bits::new(targets),
            tallies,
            values,
            failed: BTreeSet::new(),
            charts_are_known: false,
            is_cut_short: false,
        }
    }

    fn probe(&mut self, run: &Run, report: &Report) {
        if !self.failed.is_empty() {
            self.time_out_failed(run, report.at);
        }
        match &report.outcome {
            Outcome::Reply(reply) => self.answer(run, report, reply),
            Outcome::Late(reply) => self.late(run, report, reply),
            // fping takes any answer from anybody, but none of them too late.
            Outcome::WrongSource(reply) | Outcome::Corrupted { reply, .. } => {
                if report.at > report.sent_at + self.options.timeout {
                    self.late(run, report, reply);
                } else {
                    self.answer(run, report, reply);
                }
            }
            Outcome::Duplicate(reply) => {
                self.totals.replies += 1;
                self.duplicate(run, report, reply);
            }
            Outcome::IcmpError(error) => self.icmp_error(run, report, error),
            Outcome::Timeout | Outcome::LocalDrop => self.timeout(run, report),
            Outcome::SendError(fault) => self.send_error(run, report, fault),
            Outcome::Sent | Outcome::InFlight => {}
        }
    }

    fn answer(&mut self, run: &Run, report: &Report, reply: &Reply) {
        self.totals.replies += 1;
        if self.options.check_source && is_elsewhere(run, report, reply) {
            return self.fail(report);
        }
        let (target, rtt_ns) = (report.target, nanoseconds(reply.rtt));
        if !self.options.counts() && self.alive.has(target) {
            return self.duplicate(run, report, reply);
        }
        if let Some(tallies) = self.tallies.get_mut(target as usize) {
            tallies.iter_mut().for_each(|tally| tally.answer(rtt_ns));
        }
        if let (Some(values), Ok(probe)) =
            (self.values.get_mut(target as usize), usize::try_from(report.sequence))
        {
            values.set(probe, rtt_ns);
        }
        self.totals.rtt.answer(rtt_ns);
        if self.alive.set(target) {
            self.totals.alive += 1;
            if self.options.fast
                && self.options.reachable_min.is_some_and(|n| self.totals.alive >= n)
            {
                run.end();
                self.is_cut_short = true;
            }
            if self.options.verbose || self.options.alive {
                self.print_alive(run, report, reply);
            }
        }
        if self.options.each {
            self.print_answer(run, report, reply);
        }
    }

    /// fping takes no answer after the timeout; with retries, the timeout is that of the last one.
    fn late(&mut self, run: &Run, report: &Report, reply: &Reply) {
        let factor = self.options.backoff.powf(f64::from(self.options.retries));
        let patience_s = self.options.timeout.as_secs_f64() * factor;
        if self.options.ask == Ask::Alive && reply.rtt.as_secs_f64() <= patience_s {
            self.answer(run, report, reply);
        } else {
            self.totals.replies += 1;
        }
    }

    /// Loop mode prints an answer too many as any other; the other modes only say that it came,
    /// and nothing at all if they print each answer.
    fn duplicate(&mut self, run: &Run, report: &Report, reply: &Reply) {
        if self.options.ask == Ask::Loop {
            if self.options.each {
                self.print_answer(run, report, reply);
            }
            return;
        }
        if self.options.each || (self.options.check_source && is_elsewhere(run, report, reply)) {
            return;
        }
        let (number, rtt) = (self.shown_number(report), Ms(nanoseconds(reply.rtt)));
        let err = self.streams.err();
        self.names.show(run.ping().targets(), report.target, err);
        add(err, format_args!(" : duplicate for [{number}], {} bytes, {rtt} ms", reply.bytes));
        if is_elsewhere(run, report, reply) {
            add(err, format_args!(" [<- {}]", source(run, report, reply)));
        }
        err.push('\n');
    }

    fn timeout(&mut self, run: &Run, report: &Report) {
        let is_known_alive = !self.options.counts() && self.alive.has(report.target);
        // Nobody waited for what a run that is cut short leaves open.
        if is_known_alive || self.is_cut_short {
            return;
        }
        self.totals.timeouts += 1;
        self.lose(report.target);
        if self.options.each {
            self.print_timeout(run, report.target, report.sequence, report.at);
        }
    }

    fn icmp_error(&mut self, run: &Run, report: &Report, error: &IcmpError) {
        self.totals.other_icmp += 1;
        if !error.meaning.is_advice() {
            self.fail(report);
        }
        if self.options.quiet {
            return;
        }
        let err = self.streams.err();
        words::say(error, err);
        self.names.show(run.ping().targets(), report.target, err);
        err.push('\n');
    }

    fn send_error(&mut self, run: &Run, report: &Report, fault: &SendFault) {
        self.lose(report.target);
        if !self.options.verbose {
            return;
        }
        let reason = match (fault.os_error, fault.reason) {
            (0, SendFaultReason::TooBig { .. }) => "Message too long".to_owned(),
            (0, SendFaultReason::NoRoute) => "Network is unreachable".to_owned(),
            (0, SendFaultReason::Prohibited) => "Operation not permitted".to_owned(),
            (0, _) => "not sent".to_owned(),
            (code, _) => super::system_words(&std::io::Error::from_raw_os_error(code)),
        };
        let err = self.streams.err();
        self.names.show(run.ping().targets(), report.target, err);
        add(err, format_args!(": error while sending ping: {reason}\n"));
    }

    /// Keeps a probe that nothing more will be heard of until its timeout.
    fn fail(&mut self, report: &Report) {
        let deadline = report.sent_at + self.options.timeout;
        if !self.options.counts() {
            self.totals.timeouts += 1;
            self.lose(report.target);
        } else if report.at < deadline {
            self.failed.insert((deadline, report.target, report.sequence));
        }
    }

    /// Prints the timeouts of failed probes up to a point in time.
    pub(super) fn time_out_failed(&mut self, run: &Run, until: Time) {
        while let Some(&(deadline, target, sequence)) = self.failed.first()
            && deadline <= until
        {
            self.failed.pop_first();
            self.totals.timeouts += 1;
            self.lose(target);
            if self.options.each {
                self.print_timeout(run, target, sequence, deadline);
            }
        }
    }

    fn lose(&mut self, target: u32) {
        if let Some(tallies) = self.tallies.get_mut(target as usize) {
            tallies.iter_mut().for_each(Tally::lose);
        }
    }

    /// fping numbers probes in count and loop mode only.
    fn shown_number(&self, report: &Report) -> u64 {
        if self.options.counts() { report.sequence } else { 0 }
    }

    /// The wall clock at a point of the run, nanoseconds since 1970-01-01 UTC.
    pub(super) fn unix_ns(&self, at: Time) -> i128 {
        self.epoch_ns + i128::from(at.0)
    }

    /// How wide the names are made in tables.
    pub(super) fn width(&self, run: &Run) -> usize {
        *self.width.get_or_init(|| self.names.width(run.ping().targets()))
    }
}

/// Lines.
impl Printer<'_> {
    fn print_alive(&mut self, run: &Run, report: &Report, reply: &Reply) {
        self.print_elsewhere(run, report, reply);
        let (options, received_ns) = (self.options, self.received_ns(report, reply));
        let out = self.streams.out();
        self.names.show(run.ping().targets(), report.target, out);
        if options.verbose {
            out.push_str(" is alive");
        }
        say_more(options, reply, received_ns, out);
        out.push('\n');
    }

    fn print_answer(&mut self, run: &Run, report: &Report, reply: &Reply) {
        self.print_elsewhere(run, report, reply);
        let (options, received_ns) = (self.options, self.received_ns(report, reply));
        let tally = self.tallies[report.target as usize][0];
        let (number, bytes, rtt) = (report.sequence, reply.bytes, Ms(nanoseconds(reply.rtt)));
        if options.json {
            let host = self.json_name(run, report.target);
            let out = self.streams.out();
            out.push_str("{\"resp\": {");
            if let Some(stamp) = options.stamp {
                add(out, format_args!("\"timestamp\": \"{}\", ", At(received_ns, stamp)));
            }
            add(
                out,
                format_args!(
                    "\"host\": {host}, \"seq\": {number}, \"size\": {bytes}, \"rtt\": {rtt}"
                ),
            );
            say_more_json(options, reply, received_ns, out);
            out.push_str("}}\n");
            return;
        }
        self.start_line(run, report.target, received_ns);
        let out = self.streams.out();
        let (mean, loss) = (Ms(tally.mean_ns()), tally.loss_percent());
        add(out, format_args!("[{number}], {bytes} bytes, {rtt} ms ({mean} avg, {loss}% loss)"));
        say_more(options, reply, received_ns, out);
        out.push('\n');
    }

    fn print_timeout(&mut self, run: &Run, target: u32, number: u64, at: Time) {
        let (options, unix_ns) = (self.options, self.unix_ns(at));
        if options.json {
            let host = self.json_name(run, target);
            let out = self.streams.out();
            out.push_str("{\"timeout\": {");
            if let Some(stamp) = options.stamp {
                add(out, format_args!("\"timestamp\": \"{}\", ", At(unix_ns, stamp)));
            }
            add(out, format_args!("\"host\": {host}, \"seq\": {number}}}}}\n"));
            return;
        }
        let tally = self.tallies[target as usize][0];
        self.start_line(run, target, unix_ns);
        let out = self.streams.out();
        add(out, format_args!("[{number}], timed out ("));
        match tally.received {
            0 => out.push_str("NaN"),
            _ => add(out, format_args!("{}", Ms(tally.mean_ns()))),
        }
        add(out, format_args!(" avg, {}% loss)\n", tally.loss_percent()));
    }

    fn start_line(&mut self, run: &Run, target: u32, unix_ns: i128) {
        let (stamp, width) = (self.options.stamp, self.width(run));
        let out = self.streams.out();
        if let Some(stamp) = stamp {
            add(out, format_args!("[{}] ", At(unix_ns, stamp)));
        }
        show_padded(self.names, run, target, width, out);
        out.push_str(" : ");
    }

    /// Who answered if not the target. It goes to standard error and so comes before the line.
    fn print_elsewhere(&mut self, run: &Run, report: &Report, reply: &Reply) {
        if is_elsewhere(run, report, reply) {
            add(self.streams.err(), format_args!(" [<- {}]", source(run, report, reply)));
        }
    }

    /// When an answer came, nanoseconds since 1970-01-01 UTC.
    fn received_ns(&self, report: &Report, reply: &Reply) -> i128 {
        self.unix_ns(report.sent_at + reply.rtt)
    }

    pub(super) fn json_name(&self, run: &Run, target: u32) -> String {
        let mut name = String::new();
        self.names.show(run.ping().targets(), target, &mut name);
        json(&name)
    }
}

impl Observer<Run> for Printer<'_> {
    fn report(&mut self, run: &Run, event: Event) {
        match event {
            Event::Probe(report) => self.probe(run, &report),
            Event::Due if !self.options.counts() => {}
            Event::Due if self.options.netdata => self.print_netdata(run),
            Event::Due => self.print_report(run),
        }
    }

    fn idle(&mut self, run: &Run, now: Time) {
        self.time_out_failed(run, now);
        self.streams.flush();
    }

    fn signal(&mut self, run: &mut Run, now: Time, signal: Signal) {
        match signal {
            Signal::Interrupt => {
                run.stop(now);
                self.is_cut_short = true;
            }
            Signal::Status => self.print_report(run),
            Signal::Terminate => {
                // fping does not catch SIGTERM: it ends without a summary.
                self.streams.flush();
                std::process::exit(128 + 15);
            }
        }
    }
}

/// Appends a name and spaces up to a width.
pub(super) fn show_padded(names: &Names, run: &Run, target: u32, width: usize, out: &mut String) {
    let start = out.len();
    names.show(run.ping().targets(), target, out);
    let shown = out.len() - start;
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(shown)));
}

/// Appends formatted text.
pub(super) fn add(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

fn is_elsewhere(run: &Run, report: &Report, reply: &Reply) -> bool {
    reply.from != run.ping().targets().at(report.target).address
}

/// Who answered. Link-local addresses answer on the link that was asked.
fn source(run: &Run, report: &Report, reply: &Reply) -> String {
    let is_on_link = matches!(reply.from, IpAddr::V6(from) if from.is_unicast_link_local());
    let zone = if is_on_link { run.ping().targets().at(report.target).zone } else { 0 };
    address_text(Target { address: reply.from, zone })
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since midnight UTC, as ICMP timestamps have them.
fn since_midnight_ms(unix_ns: i128) -> i128 {
    unix_ns.div_euclid(1_000_000).rem_euclid(86_400_000)
}

/// What `--icmp-timestamp`, `--print-...` and `-e` add to a line.
fn say_more(options: &Options, reply: &Reply, received_ns: i128, out: &mut String) {
    if let Detail::Timestamps { originate, receive, transmit } = reply.detail {
        let comma = if options.alive { "" } else { "," };
        let local = since_midnight_ms(received_ns);
        add(
            out,
            format_args!(
                "{comma} timestamps: Originate={originate} Receive={receive} Transmit={transmit} \
                 Localreceive={local}"
            ),
        );
    }
    if options.print_destination {
        add(out, format_args!(" (SRC {})", destination(reply)));
    }
    for (is_wanted, name, value) in [
        (options.print_tos, "TOS", reply.traffic_class),
        (options.print_ttl, "TTL", reply.hop_limit),
    ] {
        match (is_wanted, value) {
            (false, _) => {}
            (true, Some(value)) => add(out, format_args!(" ({name} {value})")),
            (true, None) => add(out, format_args!(" ({name} unknown)")),
        }
    }
    if options.elapsed && !options.each {
        add(out, format_args!(" ({} ms)", Ms(nanoseconds(reply.rtt))));
    }
}

fn say_more_json(options: &Options, reply: &Reply, received_ns: i128, out: &mut String) {
    if let Detail::Timestamps { originate, receive, transmit } = reply.detail {
        let local = since_midnight_ms(received_ns);
        add(
            out,
            format_args!(
                ", \"timestamps\": {{\"originate\": {originate}, \"receive\": {receive}, \
                 \"transmit\": {transmit}, \"localreceive\": {local}}}"
            ),
        );
    }
    if options.print_destination {
        add(out, format_args!(", \"replyDst\": \"{}\"", destination(reply)));
    }
    for (is_wanted, name, value) in [
        (options.print_tos, "tos", reply.traffic_class),
        (options.print_ttl, "ttl", reply.hop_limit),
    ] {
        if is_wanted {
            add(out, format_args!(", \"{name}\": {}", value.map_or(-1, i16::from)));
        }
    }
}

fn destination(reply: &Reply) -> String {
    reply.to.map_or_else(|| "unknown".to_owned(), |to: IpAddr| to.to_string())
}
