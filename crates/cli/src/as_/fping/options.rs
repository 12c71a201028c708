//! The command line of fping 5: its options, in the order in which they are read, its messages and
//! its exit codes.

use super::number;
use super::usage::{usage, version};
use crate::as_::getopt::{self, Found, Long, Style, Takes};
use crate::escape::defuse;
use crate::road::LabChoice;
use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use wire::Family;

/// The largest payload: a datagram of 65,536 bytes less 40 of IP header and 8 of ICMP.
const SIZE_MAX_BYTES: i64 = 65_488;

/// The longest timeout that follows the period by itself (`-c`, `-C`, `-l`).
const TIMEOUT_BY_PERIOD_MAX: Duration = Duration::from_millis(2000);

/// The shortest period: fping 5.5's.
const PERIOD_MIN: Duration = Duration::from_micros(1);

const SHORT: &str = "46aAb:B:c:C:dDef:ghH:i:I:Jk:lmMnNoO:p:qQ:r:RsS:t:T:uvx:X:";

// Options without a short form are known by a number from the private use area.
const TIMESTAMP_FORMAT: char = '\u{e000}';
const OUT_INTERFACE: char = '\u{e001}';
const ICMP_TIMESTAMP: char = '\u{e002}';
const CHECK_SOURCE: char = '\u{e003}';
const PRINT_TOS: char = '\u{e004}';
const PRINT_TTL: char = '\u{e005}';
const PRINT_DESTINATION: char = '\u{e006}';
const SEQMAP_TIMEOUT: char = '\u{e007}';
const LAB: char = '\u{e008}';
const FROM: char = '\u{e009}';
const SEED: char = '\u{e00a}';

const LONG: &[Long] = &[
    flag("ipv4", '4'),
    flag("ipv6", '6'),
    flag("alive", 'a'),
    flag("addr", 'A'),
    value("size", 'b'),
    value("backoff", 'B'),
    value("count", 'c'),
    value("vcount", 'C'),
    flag("rdns", 'd'),
    flag("timestamp", 'D'),
    value("timestamp-format", TIMESTAMP_FORMAT),
    flag("elapsed", 'e'),
    value("file", 'f'),
    flag("generate", 'g'),
    flag("help", 'h'),
    value("ttl", 'H'),
    value("interval", 'i'),
    value("iface", 'I'),
    value("oiface", OUT_INTERFACE),
    flag("json", 'J'),
    flag("icmp-timestamp", ICMP_TIMESTAMP),
    value("fwmark", 'k'),
    flag("loop", 'l'),
    flag("all", 'm'),
    flag("dontfrag", 'M'),
    flag("name", 'n'),
    flag("netdata", 'N'),
    flag("outage", 'o'),
    value("tos", 'O'),
    value("period", 'p'),
    flag("quiet", 'q'),
    value("squiet", 'Q'),
    value("retry", 'r'),
    flag("random", 'R'),
    flag("stats", 's'),
    value("src", 'S'),
    value("timeout", 't'),
    flag("unreach", 'u'),
    flag("version", 'v'),
    value("reachable", 'x'),
    value("fast-reachable", 'X'),
    flag("check-source", CHECK_SOURCE),
    flag("print-tos", PRINT_TOS),
    flag("print-ttl", PRINT_TTL),
    flag("print-srcaddr", PRINT_DESTINATION),
    flag("print-reply-dst", PRINT_DESTINATION),
    value("seqmap-timeout", SEQMAP_TIMEOUT),
    value("lab", LAB),
    value("from", FROM),
    value("seed", SEED),
];

const fn flag(name: &'static str, id: char) -> Long {
    Long { name, takes: Takes::Nothing, id }
}

const fn value(name: &'static str, id: char) -> Long {
    Long { name, takes: Takes::Argument, id }
}

/// What to find out about each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Whether it answers at all.
    Alive,
    /// That many probes (`-c`, `-C`).
    Count(u32),
    /// Probes without end (`-l`).
    Loop,
}

/// What a target is called in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As the user called it.
    #[default]
    AsGiven,
    /// By the reverse name if it was given as an address (`-n`).
    AddressesByName,
    /// By the reverse name in any case (`-d`).
    ByName,
}

/// How `-D` writes a point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// Seconds since 1970 with five decimals.
    #[default]
    Unix,
    /// As `ctime(3)`, local time.
    Ctime,
    /// ISO 8601 with the offset from UTC.
    Iso,
    /// Date and time with a space between, local time.
    Rfc3339,
}

/// A command line, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of the program in its messages.
    pub called: String,
    /// `-4`, `-6`.
    pub family: Option<Family>,
    /// What to find out.
    pub ask: Ask,
    /// Say of each target whether it is alive (neither `-q`, `-a`, `-u`, `-x` nor `-c`, `-l`).
    pub verbose: bool,
    /// `-a`.
    pub alive: bool,
    /// `-u`.
    pub unreachable: bool,
    /// A line for each probe of `-c`, `-l`.
    pub each: bool,
    /// `-q`, `-Q`.
    pub quiet: bool,
    /// `-e`.
    pub elapsed: bool,
    /// `-s`.
    pub stats: bool,
    /// All round trips in the summary (`-C`).
    pub values: bool,
    /// `-o`.
    pub outage: bool,
    /// `-N`.
    pub netdata: bool,
    /// `-J`.
    pub json: bool,
    /// `-D` and its format.
    pub stamp: Option<Stamp>,
    /// `-Q SECS`.
    pub report_every: Option<Duration>,
    /// `-Q SECS,cumulative`.
    pub cumulative: bool,
    /// `-n`, `-d`.
    pub naming: Naming,
    /// `-A`.
    pub by_address: bool,
    /// `-m`.
    pub all_addresses: bool,
    /// `-i`.
    pub interval: Duration,
    /// `-p`.
    pub period: Duration,
    /// `-t`, or what follows from `-p`.
    pub timeout: Duration,
    /// `-r`.
    pub retries: u32,
    /// `-B`.
    pub backoff: f64,
    /// `-b`.
    pub size_bytes: usize,
    /// `-R`.
    pub random: bool,
    /// `--icmp-timestamp`.
    pub icmp_timestamp: bool,
    /// `-x`, `-X`.
    pub reachable_min: Option<u32>,
    /// `-X`: no longer than that takes.
    pub fast: bool,
    /// `--check-source`.
    pub check_source: bool,
    /// `--print-tos`.
    pub print_tos: bool,
    /// `--print-ttl`.
    pub print_ttl: bool,
    /// `--print-reply-dst`.
    pub print_destination: bool,
    /// `-H`.
    pub hop_limit: Option<u8>,
    /// `-O`.
    pub traffic_class: u8,
    /// `-M`.
    pub dont_fragment: bool,
    /// `-I`, `--oiface`.
    pub interface: Option<String>,
    /// `-k`.
    pub mark: Option<u32>,
    /// `-S`; of each family the last one counts.
    pub sources: Vec<IpAddr>,
    /// `-f`; `-` is standard input.
    pub file: Option<PathBuf>,
    /// `-g`.
    pub generate: bool,
    /// Targets on the command line.
    pub operands: Vec<String>,
    /// `--lab`, `--from`, `--seed`: no network but a lab.
    pub lab: Option<LabChoice>,
}

/// Why the program ends before it has probed anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// For standard output.
    pub stdout: String,
    /// For standard error.
    pub stderr: String,
    /// The exit code.
    pub code: u8,
}

impl Leave {
    /// A line or more on standard error, which may quote the command line.
    pub fn with(code: u8, line: impl Into<String>) -> Leave {
        let mut stderr = String::new();
        for line in line.into().lines() {
            stderr.push_str(&defuse(line));
            stderr.push('\n');
        }
        Leave { stdout: String::new(), stderr, code }
    }

    /// Without a word.
    pub fn silently(code: u8) -> Leave {
        Leave { stdout: String::new(), stderr: String::new(), code }
    }
}

impl Options {
    /// Reads a command line without the program's name.
    ///
    /// # Errors
    /// If it asks for help or the version, or is wrong.
    pub fn parse(called: &str, arguments: Vec<OsString>) -> Result<Options, Leave> {
        let mut reading = Reading::new(called);
        let mut items = getopt::Options::new(Style::Optparse, SHORT, LONG, arguments);
        for item in items.by_ref() {
            match item {
                Ok(found) => reading.take(&found)?,
                Err(getopt::Fault(message)) => {
                    let hint = "see 'fping -h' for usage information";
                    return Err(Leave::with(1, format!("{called}: {message}\n{hint}")));
                }
            }
        }
        let operands = items.operands();
        reading.options.operands =
            operands.iter().map(|operand| operand.to_string_lossy().into_owned()).collect();
        reading.finish()
    }

    /// Whether probes are counted per target (`-c`, `-C`, `-l`).
    pub fn counts(&self) -> bool {
        self.ask != Ask::Alive
    }

    /// The usage text, for standard error because something was wrong.
    pub fn usage_error(&self) -> Leave {
        usage(&self.called, 1)
    }
}

/// Options while they are being read, and what later ones are checked against.
struct Reading {
    options: Options,
    counted: bool,
    looped: bool,
    timeout_given: bool,
    size: i64,
    size_given: bool,
    backoff: f64,
    hop_limit: u32,
    bound_interface: bool,
    out_interface: bool,
    stamped: bool,
    stamp: Stamp,
    lab: LabChoice,
    in_lab: bool,
}

impl Reading {
    fn new(called: &str) -> Reading {
        let options = Options {
            called: called.to_owned(),
            family: called.contains("fping6").then_some(Family::V6),
            ask: Ask::Alive,
            verbose: true,
            alive: false,
            unreachable: false,
            each: false,
            quiet: false,
            elapsed: false,
            stats: false,
            values: false,
            outage: false,
            netdata: false,
            json: false,
            stamp: None,
            report_every: None,
            cumulative: false,
            naming: Naming::AsGiven,
            by_address: false,
            all_addresses: false,
            interval: Duration::from_millis(10),
            period: Duration::from_millis(1000),
            timeout: Duration::from_millis(500),
            retries: 3,
            backoff: 1.5,
            size_bytes: 56,
            random: false,
            icmp_timestamp: false,
            reachable_min: None,
            fast: false,
            check_source: false,
            print_tos: false,
            print_ttl: false,
            print_destination: false,
            hop_limit: None,
            traffic_class: 0,
            dont_fragment: false,
            interface: None,
            mark: None,
            sources: Vec::new(),
            file: None,
            generate: false,
            operands: Vec::new(),
            lab: None,
        };
        Reading {
            options,
            counted: false,
            looped: false,
            timeout_given: false,
            size: 56,
            size_given: false,
            backoff: 1.5,
            hop_limit: 0,
            bound_interface: false,
            out_interface: false,
            stamped: false,
            stamp: Stamp::Unix,
            lab: LabChoice::default(),
            in_lab: false,
        }
    }

    fn take(&mut self, found: &Found) -> Result<(), Leave> {
        match &found.argument {
            Some(argument) => self.take_value(found.id, argument),
            None => self.take_flag(found.id),
        }
    }

    fn take_flag(&mut self, id: char) -> Result<(), Leave> {
        let options = &mut self.options;
        match id {
            '4' => return self.restrict(Family::V4, "can't specify both -4 and -6"),
            '6' => return self.restrict(Family::V6, "can't specify both -4 and -6"),
            'a' => options.alive = true,
            'A' => options.by_address = true,
            'd' => return self.name_by(Naming::ByName),
            'D' => self.stamped = true,
            'e' => options.elapsed = true,
            'g' => options.generate = true,
            'h' => return Err(usage(&options.called, 0)),
            'J' => options.json = true,
            'l' => self.looped = true,
            'm' => options.all_addresses = true,
            'M' => options.dont_fragment = true,
            'n' => return self.name_by(Naming::AddressesByName),
            'N' => options.netdata = true,
            'o' => options.outage = true,
            'q' => options.quiet = true,
            'R' => options.random = true,
            's' => options.stats = true,
            'u' => options.unreachable = true,
            'v' => return Err(version(&options.called)),
            ICMP_TIMESTAMP => {
                options.icmp_timestamp = true;
                return self.restrict(Family::V4, "ICMP Timestamp is IPv4 only");
            }
            CHECK_SOURCE => options.check_source = true,
            PRINT_TOS => options.print_tos = true,
            PRINT_TTL => options.print_ttl = true,
            PRINT_DESTINATION => options.print_destination = true,
            _ => return Err(self.usage()),
        }
        Ok(())
    }

    fn take_value(&mut self, id: char, argument: &OsStr) -> Result<(), Leave> {
        let text = &*argument.to_string_lossy();
        match id {
            'b' => {
                self.size = self.unsigned(text)?;
                self.size_given = true;
            }
            'B' => match number::float(text) {
                Some(backoff) if backoff != 0.0 => self.backoff = backoff,
                _ => return Err(self.usage()),
            },
            'c' | 'C' => {
                self.options.ask = Ask::Count(self.positive(text)?);
                self.options.values |= id == 'C';
                self.counted = true;
            }
            'f' => self.options.file = Some(argument.into()),
            'H' => self.hop_limit = self.positive(text)?,
            'i' => self.options.interval = self.milliseconds(text)?,
            'I' => self.bind_to(text)?,
            'k' => self.options.mark = Some(self.positive(text)?),
            'O' => match number::integer_any_base(text) {
                Some(class) => self.options.traffic_class = class as u8,
                None => return Err(self.usage()),
            },
            'p' => self.options.period = self.milliseconds(text)?,
            'Q' => self.report_every(text)?,
            // The number of tries is one more, and wraps.
            'r' => {
                self.options.retries =
                    (self.unsigned(text)? as u32).wrapping_add(1).saturating_sub(1)
            }
            'S' => self.source(text)?,
            't' => {
                self.options.timeout = self.milliseconds(text)?;
                self.timeout_given = true;
            }
            // Once a timeout of the whole program, long without a meaning.
            'T' => {}
            'x' | 'X' => {
                self.options.reachable_min = Some(self.positive(text)?);
                self.options.fast |= id == 'X';
            }
            TIMESTAMP_FORMAT => self.stamp = self.stamp_format(text)?,
            OUT_INTERFACE => {
                self.bind_to(text)?;
                self.bound_interface = false;
                self.out_interface = true;
            }
            // Sequence numbers are matched with tokens here and need no time to be forgotten.
            SEQMAP_TIMEOUT => drop(self.milliseconds(text)?),
            LAB => {
                self.lab.file = argument.into();
                self.in_lab = true;
            }
            FROM => self.lab.from = Some(text.to_owned()),
            SEED => self.lab.seed = Some(text.parse().map_err(|_| self.usage())?),
            _ => return Err(self.usage()),
        }
        Ok(())
    }

    /// Checks what only the whole command line shows, in fping's order.
    fn finish(mut self) -> Result<Options, Leave> {
        self.check_values()?;
        let options = &mut self.options;
        options.verbose = !options.quiet
            && !options.alive
            && !options.unreachable
            && options.reachable_min.is_none();
        if self.counted {
            options.each = options.verbose;
        }
        if self.looped {
            options.ask = Ask::Loop;
            options.each = options.report_every.is_none();
        }
        if options.counts() {
            options.alive = false;
            options.unreachable = false;
            options.verbose = false;
            if !self.timeout_given {
                options.timeout = options.period.min(TIMEOUT_BY_PERIOD_MAX);
            }
        }
        options.period = options.period.max(PERIOD_MIN);
        options.values &= !self.looped;
        options.stamp = self.stamped.then_some(self.stamp);
        options.backoff = self.backoff;
        options.size_bytes = usize::try_from(self.size).expect("the size has been checked");
        options.hop_limit = u8::try_from(self.hop_limit).ok().filter(|&limit| limit > 0);
        options.lab = self.in_lab.then_some(self.lab);
        let (has_file, has_operands) = (options.file.is_some(), !options.operands.is_empty());
        let is_ambiguous = if has_file {
            has_operands || options.generate
        } else {
            options.generate && !has_operands
        };
        if is_ambiguous {
            return Err(options.usage_error());
        }
        Ok(self.options)
    }

    fn check_values(&self) -> Result<(), Leave> {
        let options = &self.options;
        let complaint = if self.hop_limit > 255 {
            format!("ttl {} out of range", self.hop_limit)
        } else if options.unreachable && options.alive {
            "specify only one of a, u".to_owned()
        } else if self.out_interface && self.bound_interface {
            "specify only --oiface or -I, --iface".to_owned()
        } else if self.counted && self.looped {
            "specify only one of c, l".to_owned()
        } else if options.json && !self.counted && !self.looped {
            "option -J, --json requires -c, -C, or -l".to_owned()
        } else if self.size > SIZE_MAX_BYTES {
            format!("data size {} not valid, must be lower than {SIZE_MAX_BYTES}", self.size)
        } else if !(1.0..=5.0).contains(&self.backoff) {
            format!("backoff factor {:.1} not valid, must be between 1.0 and 5.0", self.backoff)
        } else if options.icmp_timestamp && self.size_given {
            "cannot change ICMP Timestamp size".to_owned()
        } else {
            return Ok(());
        };
        Err(self.complain(&complaint))
    }

    fn restrict(&mut self, family: Family, complaint: &str) -> Result<(), Leave> {
        if self.options.family.is_some_and(|other| other != family) {
            return Err(self.complain(complaint));
        }
        self.options.family = Some(family);
        Ok(())
    }

    fn name_by(&mut self, naming: Naming) -> Result<(), Leave> {
        if self.options.naming != Naming::AsGiven && self.options.naming != naming {
            return Err(self.complain("use either one of -d or -n"));
        }
        self.options.naming = naming;
        Ok(())
    }

    fn bind_to(&mut self, name: &str) -> Result<(), Leave> {
        if net::interface_index(name).is_none() {
            let doing = "binding to specific interface (SO_BINTODEVICE)";
            return Err(Leave::with(1, format!("{doing}: No such device")));
        }
        self.options.interface = Some(name.to_owned());
        self.bound_interface = true;
        Ok(())
    }

    fn source(&mut self, text: &str) -> Result<(), Leave> {
        match text.parse() {
            Ok(source) => self.options.sources.push(source),
            Err(_) => return Err(self.complain(&format!("can't parse source address: {text}"))),
        }
        Ok(())
    }

    /// `-Q SECS[,cumulative]`; what else stands behind the number is passed over.
    fn report_every(&mut self, text: &str) -> Result<(), Leave> {
        let seconds =
            number::float(text).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let every = seconds.ok_or_else(|| self.usage())?;
        self.options.report_every = (!every.is_zero()).then_some(every);
        self.options.quiet = true;
        self.options.cumulative |=
            text.split_once(',').is_some_and(|(_, word)| word == "cumulative");
        Ok(())
    }

    fn stamp_format(&self, text: &str) -> Result<Stamp, Leave> {
        match text {
            "ctime" => Ok(Stamp::Ctime),
            "iso" => Ok(Stamp::Iso),
            "rfc3339" => Ok(Stamp::Rfc3339),
            _ => Err(self.usage()),
        }
    }

    fn milliseconds(&self, text: &str) -> Result<Duration, Leave> {
        number::float(text)
            .and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok())
            .ok_or_else(|| self.usage())
    }

    /// A number that C would keep in an `unsigned int`: negative ones wrap.
    fn unsigned(&self, text: &str) -> Result<i64, Leave> {
        number::integer(text).map(|number| i64::from(number as u32)).ok_or_else(|| self.usage())
    }

    /// A number from 1.
    fn positive(&self, text: &str) -> Result<u32, Leave> {
        let number = number::integer(text).unwrap_or(0);
        match u32::try_from(number) {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(self.usage()),
        }
    }

    fn usage(&self) -> Leave {
        self.options.usage_error()
    }

    fn complain(&self, what: &str) -> Leave {
        Leave::with(1, format!("{}: {what}", self.options.called))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_::fping::{check, usage::USAGE};

    fn parse(line: &str) -> Result<Options, Leave> {
        Options::parse("fping", line.split_whitespace().map(OsString::from).collect())
    }

    fn good(line: &str) -> Options {
        parse(line).unwrap_or_else(|leave| panic!("{line}: {leave:?}"))
    }

    #[track_caller]
    fn complains(line: &str, stderr: &str) {
        let leave = parse(line).expect_err(line);
        assert_eq!((leave.code, leave.stdout.as_str()), (1, ""), "{line}");
        assert!(leave.stderr.starts_with(stderr), "{line}: {}", leave.stderr);
    }

    #[test]
    fn the_timeout_follows_the_period_in_count_and_loop_mode() {
        let timeout_ms = |line| good(line).timeout.as_millis();
        assert_eq!(timeout_ms("h"), 500);
        assert_eq!(timeout_ms("-p 20 h"), 500);
        assert_eq!(timeout_ms("-c 3 h"), 1000);
        assert_eq!(timeout_ms("-p 20 -C 3 h"), 20);
        assert_eq!(timeout_ms("-l -p 5000 h"), 2000);
        assert_eq!(timeout_ms("-c 3 -p 5000 -t 4000 h"), 4000);
    }

    #[test]
    fn modes_decide_what_is_shown() {
        let shown = |line| {
            let options = good(line);
            (options.verbose, options.alive, options.unreachable, options.each)
        };
        assert_eq!(shown("h"), (true, false, false, false));
        assert_eq!(shown("-a h"), (false, true, false, false));
        assert_eq!(shown("-u -q h"), (false, false, true, false));
        assert_eq!(shown("-c 1 h"), (false, false, false, true));
        assert_eq!(shown("-c 1 -a h"), (false, false, false, false));
        assert_eq!(shown("-C 1 -q h"), (false, false, false, false));
        assert_eq!(shown("-l -q h"), (false, false, false, true));
        assert_eq!(shown("-l -Q 1 h"), (false, false, false, false));
    }

    #[test]
    fn bad_command_lines_exit_1_as_fping_does() {
        complains("--bogus=1 h", "fping: invalid option -- 'bogus=1'\nsee 'fping -h'");
        complains("-c abc h", "Usage: fping [options] [targets...]\n\nProbing options:\n");
        complains("-c", "fping: option requires an argument -- 'c'\n");
        complains("-H 300 h", "fping: ttl 300 out of range\n");
        complains("-a -u h", "fping: specify only one of a, u\n");
        complains("-c 1 -l h", "fping: specify only one of c, l\n");
        complains("-b 65489 h", "fping: data size 65489 not valid, must be lower than 65488\n");
        complains("-b -2 h", "fping: data size 4294967294 not valid, must be lower than 65488\n");
        complains("-B 5.1 h", "fping: backoff factor 5.1 not valid, must be between 1.0 and 5.0\n");
        complains("-4 -6 h", "fping: can't specify both -4 and -6\n");
        complains("-d -n h", "fping: use either one of -d or -n\n");
        complains("-S 1.2.3 h", "fping: can't parse source address: 1.2.3\n");
        complains("-J h", "fping: option -J, --json requires -c, -C, or -l\n");
        complains("-g", "Usage: ");
        complains("-f x h", "Usage: ");
        complains("-g -f x", "Usage: ");
    }

    #[test]
    fn every_long_option_is_in_the_usage_text() {
        let hidden = ["print-srcaddr"];
        for long in LONG.iter().filter(|long| !hidden.contains(&long.name)) {
            let spelling = format!("--{}", long.name);
            assert!(USAGE.contains(&spelling), "{spelling}");
        }
    }

    #[test]
    fn help_and_version_go_to_standard_output() {
        let help = parse("-h").expect_err("help");
        assert!(help.stdout.starts_with("Usage: fping"), "{help:?}");
        assert_eq!(help.code, 0);
        let version = parse("-v h").expect_err("version");
        assert!(version.stdout.starts_with("fping: Version 5."), "{version:?}");
    }

    /// What the fuzzer found worth keeping.
    #[test]
    fn the_corpus_breaks_nothing() {
        assert!(testbed::replay("fping", check::of) > 0);
    }
}
