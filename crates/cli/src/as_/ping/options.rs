//! The command line of iputils ping, its limits and its error messages.

use super::node_information::Query;
use super::number::{fraction, integer};
use super::words;
use crate::as_::console::Console;
use crate::as_::getopt::{self, Found, Long, Style, Takes};
use crate::road::LabChoice;
use probe::Fragmentation;
use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use wire::Family;
use wire::ip::options::TimestampForm;

const SHORT: &str = "h?4bRT:6F:N:3aABc:CdDe:fHi:I:jl:Lm:M:nOp:qQ:rs:S:t:UvVw:W:";

const LAB: char = '\u{100}';
const FROM: char = '\u{101}';
const SEED: char = '\u{102}';

/// What iputils has no words for.
const LONG: &[Long] = &[
    Long { name: "lab", takes: Takes::Argument, id: LAB },
    Long { name: "from", takes: Takes::Argument, id: FROM },
    Long { name: "seed", takes: Takes::Argument, id: SEED },
];

/// Milliseconds of the largest interval and waiting time, in C's `int`.
const SECONDS_MAX: f64 = (i32::MAX / 1000) as f64;

/// A command line, taken apart; checked but for what depends on the target.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-4`, `-6`, or the digit at the end of the program's name.
    pub family: Option<Family>,
    /// `-3`: times with three decimals, whatever their size.
    pub full_precision: bool,
    /// `-a`: a bell for each answer.
    pub audible: bool,
    /// `-A`: as fast as answers come.
    pub adaptive: bool,
    /// `-b`: the target may be a broadcast address.
    pub broadcast: bool,
    /// `-B`, or a source address: keep to it.
    pub strict_source: bool,
    /// `-c`.
    pub count: Option<u64>,
    /// `-d`: debugging of the socket.
    pub debug: bool,
    /// `-D`: the time in front of each line.
    pub stamp_lines: bool,
    /// `-e`: the identifier.
    pub identifier: Option<u16>,
    /// `-f`: flood.
    pub flood: bool,
    /// `-F`: the flow label.
    pub flow_label: Option<u32>,
    /// `-H`: look names up even for a numeric target.
    pub force_lookup: bool,
    /// `-i`.
    pub interval: Option<Duration>,
    /// `-I NAME`: the interface; may be the empty name.
    pub device: Option<String>,
    /// `-I` with an IPv4 address.
    pub source_v4: Option<Ipv4Addr>,
    /// `-I` with an IPv6 address.
    pub source_v6: Option<Ipv6Addr>,
    /// `-j`: JSON.
    pub json: bool,
    /// `-l`: probes ahead of answers, 1 to 65,536.
    pub preload: u32,
    /// `-L`: do not hear our own multicasts.
    pub no_loop: bool,
    /// `-m`: firewall mark.
    pub mark: Option<u32>,
    /// `-M`.
    pub fragmentation: Option<Fragmentation>,
    /// `-n`, or what implies it: no names for addresses.
    pub numeric: bool,
    /// `-N`: ask for node information.
    pub query: Query,
    /// `-O`: report probes without an answer when the next one goes.
    pub outstanding: bool,
    /// `-p`: what fills the payload; up to 16 bytes, may be empty.
    pub pattern: Option<Vec<u8>>,
    /// `-q`: summary only.
    pub quiet: bool,
    /// `-Q`: TOS or traffic class.
    pub traffic_class: u8,
    /// `-r`: to attached networks only; with hops, only by these.
    pub direct_only: bool,
    /// `-R`: record the route.
    pub record_route: bool,
    /// `-s`: payload bytes.
    pub size: usize,
    /// `-S`: bytes of the send buffer.
    pub send_buffer_bytes: Option<usize>,
    /// `-t`: TTL or hop limit.
    pub hop_limit: Option<u8>,
    /// `-T`: timestamps of the hops.
    pub timestamps: Option<TimestampForm>,
    /// `-U`: round trips as this program sees them.
    pub user_latency: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-w`: seconds until the run ends, 0 for never.
    pub deadline_s: u32,
    /// `-W`: how long to wait for the first answer; zero: for ever.
    pub wait: Duration,
    /// Run in a lab.
    pub lab: Option<LabChoice>,
    /// Hops, and the target as the last one; at least the target.
    pub operands: Vec<String>,
}

/// The tool ends here; what there was to say is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

impl Options {
    fn new(called: &str) -> Options {
        Options {
            family: match called.as_bytes().last() {
                Some(b'4') => Some(Family::V4),
                Some(b'6') => Some(Family::V6),
                _ => None,
            },
            full_precision: false,
            audible: false,
            adaptive: false,
            broadcast: false,
            strict_source: false,
            count: None,
            debug: false,
            stamp_lines: false,
            identifier: None,
            flood: false,
            flow_label: None,
            force_lookup: false,
            interval: None,
            device: None,
            source_v4: None,
            source_v6: None,
            json: false,
            preload: 1,
            no_loop: false,
            mark: None,
            fragmentation: None,
            numeric: false,
            query: Query::default(),
            outstanding: false,
            pattern: None,
            quiet: false,
            traffic_class: 0,
            direct_only: false,
            record_route: false,
            size: 56,
            send_buffer_bytes: None,
            hop_limit: None,
            timestamps: None,
            user_latency: false,
            verbose: false,
            deadline_s: 0,
            wait: Duration::from_secs(10),
            lab: None,
            operands: Vec::new(),
        }
    }

    /// Takes a command line apart. `lookup_off` is the user's wish from the environment not to look
    /// up names of addresses.
    ///
    /// # Errors
    /// If it is wrong, or asked for help or the version: that is printed.
    pub fn parse(
        called: &str,
        arguments: Vec<OsString>,
        lookup_off: bool,
        console: &mut Console,
    ) -> Result<Options, Stop> {
        let mut options = Options { numeric: lookup_off, ..Options::new(called) };
        let mut version = false;
        let mut found = getopt::Options::new(Style::Gnu, SHORT, LONG, arguments);
        for item in found.by_ref() {
            match item {
                Ok(Found { id: 'V', .. }) => version = true,
                Ok(Found { id, argument }) => {
                    let argument = argument.as_deref().map(OsStr::to_string_lossy);
                    options.take(id, argument.as_deref().unwrap_or(""), console)?;
                }
                Err(getopt::Fault(message)) => {
                    // iputils knows no long options: it stumbles over the second dash.
                    let is_long = message.starts_with("unrecognized option");
                    console.error(if is_long { "invalid option -- '-'" } else { &message });
                    return Err(usage(console));
                }
            }
        }
        if version {
            print_version(options.json, console);
            return Err(Stop(0));
        }
        if options.numeric && lookup_off && !options.quiet {
            console.error("WARNING: reverse DNS resolution (PTR lookup) disabled, enforce with -H");
        }
        options.operands =
            found.operands().iter().map(|text| text.to_string_lossy().into_owned()).collect();
        if options.operands.is_empty() {
            console.error("usage error: Destination address required");
            return Err(Stop(1));
        }
        if options.lab.as_ref().is_some_and(|lab| lab.file.as_os_str().is_empty()) {
            return fail(console, "--from and --seed need --lab");
        }
        Ok(options)
    }

    fn take(&mut self, id: char, argument: &str, console: &mut Console) -> Result<(), Stop> {
        match id {
            '4' => self.keep_to(Family::V4, console)?,
            '6' => self.keep_to(Family::V6, console)?,
            '3' => self.full_precision = true,
            'a' => self.audible = true,
            'A' => self.adaptive = true,
            'b' => self.broadcast = true,
            'B' => self.strict_source = true,
            // A connected socket hears less, and its errors come another way; ours hears only its
            // own without.
            'C' => {}
            'd' => self.debug = true,
            'D' => self.stamp_lines = true,
            'f' => (self.flood, self.numeric) = (true, true),
            'H' => self.force_lookup = true,
            'I' => self.take_interface(argument, console)?,
            'j' => self.json = true,
            'L' => self.no_loop = true,
            'n' => (self.numeric, self.force_lookup) = (true, false),
            'N' => self.query.take(argument, console)?,
            'O' => self.outstanding = true,
            'p' => self.take_pattern(argument, console)?,
            'q' => self.quiet = true,
            'r' => self.direct_only = true,
            'R' | 'T' => self.take_ip_option(id, argument, console)?,
            'U' => self.user_latency = true,
            'v' => self.verbose = true,
            LAB | FROM | SEED => self.take_lab(id, argument, console)?,
            _ => return self.take_number(id, argument, console),
        }
        Ok(())
    }

    fn take_number(&mut self, id: char, argument: &str, console: &mut Console) -> Result<(), Stop> {
        let int_max = i64::from(i32::MAX);
        match id {
            'c' => {
                let count = whole(argument, 1, i64::MAX, console)?;
                self.count = u64::try_from(count).ok();
            }
            'e' => self.identifier = u16::try_from(whole(argument, 0, 0xffff, console)?).ok(),
            'F' => self.flow_label = Some(flow_label(argument, console)?),
            'i' => {
                let seconds = seconds(argument, "bad timing interval", console)?;
                self.interval = Some(Duration::from_secs_f64(seconds));
            }
            'l' => {
                let preload = whole(argument, 1, 65_536, console)?;
                self.preload = u32::try_from(preload).unwrap_or(1);
            }
            'm' => {
                let mark = whole(argument, 0, i64::from(u32::MAX), console)?;
                self.mark = u32::try_from(mark).ok();
            }
            'M' => {
                self.fragmentation = Some(match argument {
                    "do" => Fragmentation::Forbidden,
                    "dont" => Fragmentation::Allowed,
                    "want" => Fragmentation::Want,
                    "probe" => Fragmentation::Probe,
                    _ => return fail(console, &format!("invalid -M argument: {argument}")),
                });
            }
            'Q' => self.traffic_class = traffic_class(argument, console)?,
            's' => {
                let size = whole(argument, 0, int_max, console)?;
                self.size = usize::try_from(size).unwrap_or(0);
            }
            'S' => {
                let bytes = whole(argument, 1, int_max, console)?;
                self.send_buffer_bytes = usize::try_from(bytes).ok();
            }
            't' => self.hop_limit = u8::try_from(whole(argument, 0, 255, console)?).ok(),
            'w' => {
                let seconds = whole(argument, 0, int_max, console)?;
                self.deadline_s = u32::try_from(seconds).unwrap_or(0);
            }
            'W' => {
                let seconds = seconds(argument, "bad linger time", console)?;
                self.wait = Duration::from_secs_f64(seconds);
            }
            _ => return Err(usage(console)),
        }
        Ok(())
    }

    fn keep_to(&mut self, family: Family, console: &mut Console) -> Result<(), Stop> {
        if self.family.is_some_and(|chosen| chosen != family) {
            return fail(console, "only one -4 or -6 option may be specified");
        }
        self.family = Some(family);
        Ok(())
    }

    fn take_interface(&mut self, argument: &str, console: &mut Console) -> Result<(), Stop> {
        if argument.contains(':') {
            let (address, device) = match argument.split_once('%') {
                Some((address, device)) => (address, Some(device)),
                None => (argument, None),
            };
            let Ok(address) = address.parse() else {
                return fail(console, &format!("invalid source address: {argument}"));
            };
            self.source_v6 = Some(address);
            self.device = device.map(str::to_owned).or(self.device.take());
            self.strict_source = true;
        } else if let Ok(address) = argument.parse() {
            self.source_v4 = Some(address);
            self.strict_source = true;
        } else {
            self.device = Some(argument.to_owned());
        }
        Ok(())
    }

    fn take_pattern(&mut self, argument: &str, console: &mut Console) -> Result<(), Stop> {
        if let Some(at) = argument.find(|c: char| !c.is_ascii_hexdigit()) {
            let message = "patterns must be specified as hex digits";
            return fail(console, &format!("{message}: {}", &argument[at..]));
        }
        let digits: Vec<u8> = argument.bytes().take(32).map(hex_value).collect();
        let byte = |pair: &[u8]| pair.iter().fold(0, |byte, digit| byte << 4 | digit);
        let pattern: Vec<u8> = digits.chunks(2).map(byte).collect();
        if !self.quiet && !self.json {
            console.print(&format!("PATTERN: 0x{}\n", words::hex(&pattern)));
        }
        self.pattern = Some(pattern);
        Ok(())
    }

    fn take_ip_option(
        &mut self,
        id: char,
        argument: &str,
        console: &mut Console,
    ) -> Result<(), Stop> {
        let other = if id == 'R' { self.timestamps.is_some() } else { self.record_route };
        if other {
            return fail(console, "only one of -T or -R may be used");
        }
        if id == 'R' {
            self.record_route = true;
            return Ok(());
        }
        self.timestamps = Some(match argument {
            "tsonly" => TimestampForm::TimeOnly,
            "tsandaddr" => TimestampForm::WithAddress,
            "tsprespec" => TimestampForm::Prespecified,
            _ => return fail(console, &format!("invalid timestamp type: {argument}")),
        });
        Ok(())
    }

    fn take_lab(&mut self, id: char, argument: &str, console: &mut Console) -> Result<(), Stop> {
        let none = || LabChoice::default();
        let lab = self.lab.get_or_insert_with(none);
        match id {
            LAB => lab.file = argument.into(),
            FROM => lab.from = Some(argument.to_owned()),
            _ => match argument.parse() {
                Ok(seed) => lab.seed = Some(seed),
                Err(_) => return fail(console, &format!("invalid argument: '{argument}'")),
            },
        }
        Ok(())
    }
}

/// Prints an error message; exit code 2.
pub fn fail<T>(console: &mut Console, message: &str) -> Result<T, Stop> {
    console.error(message);
    Err(Stop(2))
}

/// Prints the usage on standard error.
pub fn usage(console: &mut Console) -> Stop {
    console.error_bare(words::USAGE);
    Stop(2)
}

fn print_version(json: bool, console: &mut Console) {
    let version = env!("CARGO_PKG_VERSION");
    console.print(&match json {
        true => format!("{{\"version\": \"askway {version}\"}}\n"),
        false => format!("ping from askway {version}\n"),
    });
    console.flush();
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// A whole number within bounds; exit code 1 if it is not.
fn whole(text: &str, min: i64, max: i64, console: &mut Console) -> Result<i64, Stop> {
    let read = integer(text, 10);
    let wrong = if !read.found || !read.rest.is_empty() {
        format!("invalid argument: '{text}'")
    } else if read.overflowed {
        format!("invalid argument: '{text}': Numerical result out of range")
    } else if !(min..=max).contains(&read.value) {
        format!("invalid argument: '{text}': out of range: {min} <= value <= {max}")
    } else {
        return Ok(read.value);
    };
    console.error(&wrong);
    Err(Stop(1))
}

/// Seconds, not negative and not too many for C's `int` of milliseconds. What stands behind the
/// number is warned of; without any number iputils would go on with zero, which floods.
fn seconds(text: &str, what: &str, console: &mut Console) -> Result<f64, Stop> {
    let read = fraction(text);
    if !read.found {
        return fail(console, &format!("{what}: {text}"));
    }
    if !read.rest.is_empty() || read.overflowed {
        console.error(&format!("option argument contains garbage: {}", read.rest));
        console.error("this will become fatal error in the future");
    }
    if !read.value.is_finite() {
        return fail(console, &format!("{what}: {text}: Numerical result out of range"));
    }
    if !(0.0..=SECONDS_MAX).contains(&read.value) {
        return fail(console, &format!("{what}: {text}"));
    }
    Ok(read.value.abs())
}

fn flow_label(text: &str, console: &mut Console) -> Result<u32, Stop> {
    let read = prefixed(text);
    if !read.rest.is_empty() {
        return fail(console, &format!("bad value for flowinfo: {text}"));
    }
    match u32::try_from(read.value) {
        Ok(label) if label <= 0x000f_ffff => Ok(label),
        _ => fail(console, &format!("flow value is greater than 20 bits: {text}")),
    }
}

fn traffic_class(text: &str, console: &mut Console) -> Result<u8, Stop> {
    let read = prefixed(text);
    if !read.rest.is_empty() {
        return fail(console, &format!("bad TOS value: {text}"));
    }
    match u8::try_from(read.value) {
        Ok(class) => Ok(class),
        Err(_) => {
            let message = "the decimal value of TOS bits must be in range 0-255";
            fail(console, &format!("{message}: {}", read.value))
        }
    }
}

/// Decimal, or hexadecimal behind `0x`; nothing at all is 0.
fn prefixed(text: &str) -> super::number::Read<'_, i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => integer(digits, 16),
        None => integer(text, 10),
    }
}
