//! What fping prints of all targets at once: reports while it runs, and the summaries at its end.

use super::lines::{Printer, add, show_padded};
use super::run::Run;
use super::tally::Tally;
use super::text::{Ms, clock};
use probe::Time;

/// Which of a target's two tallies.
const WHOLE: usize = 0;
const SINCE_REPORT: usize = 1;

impl Printer<'_> {
    /// `-Q` and SIGQUIT: a line for each target with what happened since the last report.
    pub(super) fn print_report(&mut self, run: &Run) {
        if self.tallies.is_empty() {
            let known = (0..run.ping().targets().len()).map(|index| run.ping().summary(index));
            self.tallies = known.map(|summary| [Tally::of(&summary); 2]).collect();
        }
        if !self.options.json {
            if self.options.verbose || self.options.each {
                self.streams.err().push('\n');
            }
            let head = clock(self.unix_ns(run.now()));
            add(self.streams.err(), format_args!("[{head}]\n"));
        }
        for target in 0..run.ping().targets().len() {
            let tally = self.tallies[target as usize][SINCE_REPORT];
            if self.options.json {
                self.print_report_json(run, target, &tally);
            } else {
                self.start_summary(run, target);
                self.print_counts(&tally);
            }
            if !self.options.cumulative {
                self.tallies[target as usize][SINCE_REPORT] = Tally::default();
            }
        }
    }

    /// `-N`: the lines that netdata reads; the charts are described once.
    pub(super) fn print_netdata(&mut self, run: &Run) {
        let every_s = self.options.report_every.map_or(0.0, |every| every.as_secs_f64());
        for target in 0..run.ping().targets().len() {
            let (mut key, mut host) = (String::new(), String::new());
            self.names.show_key(run.ping().targets(), target, &mut key);
            self.names.show(run.ping().targets(), target, &mut host);
            let is_new = !self.charts_are_known;
            let tally = std::mem::take(&mut self.tallies[target as usize][SINCE_REPORT]);
            let out = self.streams.out();
            let chart = |out: &mut String, chart: &Chart| {
                let Chart { name, title, unit, kind, priority, dimensions } = chart;
                if is_new {
                    add(
                        out,
                        format_args!(
                            "CHART fping.{key}_{name} '' 'FPing {title} for host {host}' {unit} \
                             '{host}' fping.{name} {kind} {priority} {every_s:.0}\n{dimensions}"
                        ),
                    );
                }
                add(out, format_args!("BEGIN fping.{key}_{name}\n"));
            };
            chart(out, &PACKETS);
            add(out, format_args!("SET xmt = {}\nSET rcv = {}\nEND\n", tally.sent, tally.received));
            chart(out, &QUALITY);
            let returned = (tally.received * 100).checked_div(tally.sent).unwrap_or(0);
            add(out, format_args!("SET returned = {returned}\nEND\n"));
            chart(out, &LATENCY);
            if tally.received > 0 {
                let (min, mean, max) = (tally.min_ns, tally.mean_ns(), tally.max_ns);
                add(out, format_args!("SET min = {min}\nSET avg = {mean}\nSET max = {max}\n"));
            }
            out.push_str("END\n");
        }
        self.charts_are_known = true;
    }

    /// Everything that comes at the end; returns the exit code.
    pub fn finish(&mut self, run: &Run, now: Time) -> u8 {
        let until = if self.is_cut_short { now } else { Time::NEVER };
        self.time_out_failed(run, until);
        let targets = run.ping().targets().len();
        let unreachable = targets - self.totals.alive;
        if self.options.verbose || self.options.unreachable {
            self.print_unreachable(run);
        }
        if self.options.counts() {
            self.print_summaries(run);
        }
        if self.options.stats && self.options.json {
            self.print_totals_json(run, unreachable, now);
        } else if self.options.stats {
            self.print_totals(run, unreachable, now);
        }
        let code = match self.options.reachable_min {
            Some(least) => {
                let (word, code) =
                    if self.totals.alive >= least { ("Enough", 0) } else { ("Not enough", 1) };
                let alive = self.totals.alive;
                add(
                    self.streams.out(),
                    format_args!(
                        "{word} hosts reachable (required: {least}, reachable: {alive})\n"
                    ),
                );
                code
            }
            None if self.totals.unknown > 0 => 2,
            None => u8::from(unreachable > 0),
        };
        self.streams.flush();
        code
    }

    fn print_unreachable(&mut self, run: &Run) {
        for target in 0..run.ping().targets().len() {
            if self.alive.has(target) {
                continue;
            }
            let verbose = self.options.verbose;
            let out = self.streams.out();
            self.names.show(run.ping().targets(), target, out);
            out.push_str(if verbose { " is unreachable\n" } else { "\n" });
        }
    }

    /// The last lines of `-c`, `-C` and `-l`.
    fn print_summaries(&mut self, run: &Run) {
        if self.options.each && !self.options.json {
            self.streams.err().push('\n');
        }
        for target in 0..run.ping().targets().len() {
            let tally = self.tallies[target as usize][WHOLE];
            match (self.options.json, self.options.values) {
                (true, true) => self.print_values_json(run, target, &tally),
                (true, false) => self.print_summary_json(run, target, &tally),
                (false, true) => {
                    self.start_summary(run, target);
                    self.print_values(target, &tally);
                }
                (false, false) => {
                    self.start_summary(run, target);
                    self.print_counts(&tally);
                }
            }
        }
    }

    fn start_summary(&mut self, run: &Run, target: u32) {
        let width = self.width(run);
        let err = self.streams.err();
        show_padded(self.names, run, target, width, err);
        err.push_str(" :");
    }

    fn print_counts(&mut self, tally: &Tally) {
        let outage_ms = self.outage_ms(tally);
        let err = self.streams.err();
        let (sent, received, loss) = (tally.sent, tally.received, tally.loss_percent());
        add(err, format_args!(" xmt/rcv/%loss = {sent}/{received}/{loss}%"));
        if let Some(outage_ms) = outage_ms {
            add(err, format_args!(", outage(ms) = {outage_ms}"));
        }
        if received > 0 {
            let (min, mean, max) = (Ms(tally.min_ns), Ms(tally.mean_ns()), Ms(tally.max_ns));
            add(err, format_args!(", min/avg/max = {min}/{mean}/{max}"));
        }
        err.push('\n');
    }

    fn print_values(&mut self, target: u32, tally: &Tally) {
        let err = self.streams.err();
        let values = &self.values[target as usize];
        for probe in 0..usize::try_from(tally.sent).unwrap_or(usize::MAX) {
            match values.at(probe) {
                Some(rtt_ns) => add(err, format_args!(" {}", Ms(rtt_ns))),
                None => err.push_str(" -"),
            }
        }
        err.push('\n');
    }

    /// `-o`: lost probes times the period.
    fn outage_ms(&self, tally: &Tally) -> Option<u64> {
        let lost_s = tally.lost() as f64 * self.options.period.as_secs_f64();
        self.options.outage.then_some((lost_s * 1e3) as u64)
    }

    fn print_totals(&mut self, run: &Run, unreachable: u32, now: Time) {
        let targets = run.ping().targets().len();
        let (totals, sent) = (self.totals, run.ping().probes_sent());
        let (min, max) = (Ms(totals.rtt.min_ns), Ms(totals.rtt.max_ns));
        let (mean, elapsed_s) = (Ms(totals.rtt.mean_ns()), now.0 as f64 / 1e9);
        let err = self.streams.err();
        err.push('\n');
        add(err, format_args!(" {targets:>7} targets\n"));
        add(err, format_args!(" {:>7} alive\n", totals.alive));
        add(err, format_args!(" {unreachable:>7} unreachable\n"));
        add(err, format_args!(" {:>7} unknown addresses\n\n", totals.unknown));
        add(err, format_args!(" {:>7} timeouts (waiting for response)\n", totals.timeouts));
        add(err, format_args!(" {sent:>7} ICMP Echos sent\n"));
        add(err, format_args!(" {:>7} ICMP Echo Replies received\n", totals.replies));
        add(err, format_args!(" {:>7} other ICMP received\n\n", totals.other_icmp));
        add(err, format_args!(" {min} ms (min round trip time)\n"));
        add(err, format_args!(" {mean} ms (avg round trip time)\n"));
        add(err, format_args!(" {max} ms (max round trip time)\n"));
        add(err, format_args!(" {elapsed_s:>12.3} sec (elapsed real time)\n\n"));
    }
}

/// JSON, on standard output.
impl Printer<'_> {
    fn print_report_json(&mut self, run: &Run, target: u32, tally: &Tally) {
        let host = self.json_name(run, target);
        let unix_s = self.unix_ns(run.now()).div_euclid(1_000_000_000);
        let out = self.streams.out();
        add(out, format_args!("{{\"intSum\": {{\"time\": {unix_s},\"host\": {host}, "));
        self.add_counts_json(tally);
    }

    fn print_summary_json(&mut self, run: &Run, target: u32, tally: &Tally) {
        let host = self.json_name(run, target);
        add(self.streams.out(), format_args!("{{\"summary\": {{\"host\": {host}, "));
        self.add_counts_json(tally);
    }

    fn add_counts_json(&mut self, tally: &Tally) {
        let outage_ms = self.outage_ms(tally);
        let out = self.streams.out();
        let (sent, received, loss) = (tally.sent, tally.received, tally.loss_percent());
        add(out, format_args!("\"xmt\": {sent}, \"rcv\": {received}, \"loss\": {loss}"));
        if let Some(outage_ms) = outage_ms {
            add(out, format_args!(", \"outage(ms)\": {outage_ms}"));
        }
        if received > 0 {
            let (min, mean, max) = (Ms(tally.min_ns), Ms(tally.mean_ns()), Ms(tally.max_ns));
            add(out, format_args!(", \"rttMin\": {min}, \"rttAvg\": {mean}, \"rttMax\": {max}"));
        }
        out.push_str("}}\n");
    }

    fn print_values_json(&mut self, run: &Run, target: u32, tally: &Tally) {
        let host = self.json_name(run, target);
        let values = &self.values[target as usize];
        let out = self.streams.out();
        add(out, format_args!("{{\"vSum\": {{\"host\": {host}, \"values\": ["));
        for probe in 0..usize::try_from(tally.sent).unwrap_or(usize::MAX) {
            let comma = if probe == 0 { "" } else { ", " };
            match values.at(probe) {
                Some(rtt_ns) => add(out, format_args!("{comma}{}", Ms(rtt_ns))),
                None => add(out, format_args!("{comma}null")),
            }
        }
        out.push_str("]}}\n");
    }

    fn print_totals_json(&mut self, run: &Run, unreachable: u32, now: Time) {
        let targets = run.ping().targets().len();
        let (totals, sent) = (self.totals, run.ping().probes_sent());
        let (min, max) = (Ms(totals.rtt.min_ns), Ms(totals.rtt.max_ns));
        let (mean, elapsed_s) = (Ms(totals.rtt.mean_ns()), now.0 as f64 / 1e9);
        let out = self.streams.out();
        add(out, format_args!("{{\"stats\": {{\"targets\": {targets}, "));
        add(out, format_args!("\"alive\": {}, \"unreachable\": {unreachable}, ", totals.alive));
        add(out, format_args!("\"unknownAddresses\": {}, ", totals.unknown));
        add(out, format_args!("\"timeouts\": {}, \"icmpEchosSent\": {sent}, ", totals.timeouts));
        add(out, format_args!("\"icmpEchoRepliesReceived\": {}, ", totals.replies));
        add(out, format_args!("\"otherIcmpReceived\": {}, ", totals.other_icmp));
        add(out, format_args!("\"rttMin\": {min}, \"rttAvg\": {mean}, \"rttMax\": {max}, "));
        add(out, format_args!("\"elapsed\": {elapsed_s:.3}}}}}\n"));
    }
}

/// A chart of netdata's, without the host.
struct Chart {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    kind: &'static str,
    priority: u32,
    dimensions: &'static str,
}

const PACKETS: Chart = Chart {
    name: "packets",
    title: "Packets",
    unit: "packets",
    kind: "line",
    priority: 110_020,
    dimensions: "DIMENSION xmt sent absolute 1 1\nDIMENSION rcv received absolute 1 1\n",
};
const QUALITY: Chart = Chart {
    name: "quality",
    title: "Quality",
    unit: "percentage",
    kind: "area",
    priority: 110_010,
    dimensions: "DIMENSION returned '' absolute 1 1\n",
};
const LATENCY: Chart = Chart {
    name: "latency",
    title: "Latency",
    unit: "ms",
    kind: "area",
    priority: 110_000,
    dimensions: "DIMENSION min minimum absolute 1 1000000\n\
                 DIMENSION max maximum absolute 1 1000000\n\
                 DIMENSION avg average absolute 1 1000000\n",
};
