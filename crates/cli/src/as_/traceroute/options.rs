//! What a command line asks for, and what traceroute says to one that is wrong.

use super::command_line::{CommandLine, Fault, Found, Known, Operand};
use super::module::{self, Module};
use super::number::{port, real, short, whole};
use super::words;
use crate::as_::console::Console;
use crate::resolve::Resolved;
use crate::road::LabChoice;
use probe::targets::Target;
use std::ffi::OsString;
use std::net::IpAddr;
use wire::Family;

/// Ends the program with that exit code; everything has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

/// Looks a name up.
pub type Resolver<'a> = &'a dyn Fn(&str, Option<Family>) -> Resolved;

/// Everything that a command line asks for.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-4`, `-6`, or that of the host.
    pub family: Option<Family>,
    /// `-d`.
    pub debug: bool,
    /// `-F`, or `--mtu`.
    pub dont_fragment: bool,
    /// `-f`, 1 to `hops_max`.
    pub first_hop: u8,
    /// `-g`, in order, as written.
    pub gateways: Vec<String>,
    /// `-i`.
    pub interface: Option<String>,
    /// `-m`, 1 to 255.
    pub hops_max: u8,
    /// `-N`, at least 1.
    pub in_flight_max: u32,
    /// `-n`.
    pub numeric: bool,
    /// `-p`, not 0.
    pub port: Option<u16>,
    /// `-t`.
    pub traffic_class: u8,
    /// `-l`.
    pub flow_label: Option<u32>,
    /// `-w`: the most to wait, in seconds, and how many times what an answer from the same hop and
    /// from a later one took; 0 for no such limit.
    pub wait: [f64; 3],
    /// `-q`, 1 to 10.
    pub queries: u8,
    /// `-r`.
    pub direct_only: bool,
    /// `-s`.
    pub source: Option<IpAddr>,
    /// `-z`, in seconds.
    pub gap_s: f64,
    /// `-e`.
    pub extensions: bool,
    /// `-A`.
    pub as_lookups: bool,
    /// `--back`.
    pub back: bool,
    /// `--mtu`.
    pub discover_mtu: bool,
    /// `--sport`, not 0.
    pub source_port: Option<u16>,
    /// `--fwmark`.
    pub mark: Option<u32>,
    /// `-M` and its shortcuts.
    pub module: &'static Module,
    /// `-O`, and what shortcuts stand for: keywords of the module.
    pub keywords: Vec<String>,
    /// The host as written.
    pub host: String,
    /// Its address.
    pub target: Target,
    /// The packet's length, IP header included, if given; at most 65,000.
    pub packet_bytes: Option<u32>,
    /// Run in a lab.
    pub lab: Option<LabChoice>,
}

/// No packet is longer.
pub const PACKET_MAX_BYTES: u32 = 65_000;

/// No hop is asked more often.
const QUERIES_MAX: u32 = 10;

const fn known(id: char, short: &'static str, long: &'static str, argument: &'static str) -> Known {
    Known { short, long, argument, is_loose: false, id }
}

const fn own(id: char, long: &'static str, argument: &'static str) -> Known {
    Known { short: "", long, argument, is_loose: true, id }
}

const BACK: char = 'b';
const FROM: char = 'R';
const HELP: char = 'h';
const LAB: char = 'a';
const MARK: char = 'k';
const MTU: char = 'u';
const SEED: char = 'S';
const SOURCE_PORT: char = 'o';
const UDPLITE: char = 'L';

const KNOWN: &[Known] = &[
    known('4', "4", "", ""),
    known('6', "6", "", ""),
    known('d', "d", "debug", ""),
    known('F', "F", "dont-fragment", ""),
    known('f', "f", "first", "first_ttl"),
    known('g', "g", "gateway", "gate,..."),
    known('I', "I", "icmp", ""),
    known('T', "T", "tcp", ""),
    known('i', "i", "interface", "device"),
    known('m', "m", "max-hops", "max_ttl"),
    known('N', "N", "sim-queries", "squeries"),
    known('n', "n", "", ""),
    known('p', "p", "port", "port"),
    known('t', "t", "tos", "tos"),
    known('l', "l", "flowlabel", "flow_label"),
    known('w', "w", "wait", "MAX,HERE,NEAR"),
    known('q', "q", "queries", "nqueries"),
    known('r', "r", "", ""),
    known('s', "s", "source", "src_addr"),
    known('z', "z", "sendwait", "sendwait"),
    known('e', "e", "extensions", ""),
    known('A', "A", "as-path-lookups", ""),
    known('M', "M", "module", "name"),
    known('O', "O", "options", "OPTS,..."),
    known(SOURCE_PORT, "", "sport", "num"),
    known(MARK, "", "fwmark", "num"),
    known('U', "U", "udp", ""),
    known(UDPLITE, "UL", "", ""),
    known('D', "D", "dccp", ""),
    known('P', "P", "protocol", "prot"),
    known(MTU, "", "mtu", ""),
    known(BACK, "", "back", ""),
    known('V', "V", "version", ""),
    known(HELP, "", "help", ""),
    own(LAB, "lab", "file"),
    own(FROM, "from", "node"),
    own(SEED, "seed", "number"),
];

/// What has been read, numbers as they came.
struct Draft {
    options: Options,
    module: String,
    first_hop: u32,
    hops_max: u32,
    queries: u32,
    packet_bytes: Option<u32>,
}

impl Options {
    /// Reads the arguments behind the program's name; the name may decide the family.
    ///
    /// # Errors
    /// If there is nothing to do but what has been printed: help, the version, what is wrong.
    pub fn parse(
        called: &str,
        arguments: Vec<OsString>,
        resolver: Resolver<'_>,
        console: &mut Console,
    ) -> Result<Options, Stop> {
        if arguments.is_empty() {
            console.error_bare(&words::usage());
            return Err(Stop(0));
        }
        let mut draft = Draft::new(called);
        let mut line = CommandLine::new(KNOWN, arguments);
        for found in line.by_ref() {
            match found {
                Ok(found) => draft.take(&found, resolver, console)?,
                Err(Fault(message)) => return fail(console, &message),
            }
        }
        draft.take_operands(&line.operands(), resolver, console)?;
        draft.check(console)
    }
}

/// The lab that a command line names, whatever else stands there. `None` if it names none.
pub fn lab(arguments: &[OsString]) -> Option<LabChoice> {
    let mut lab: Option<LabChoice> = None;
    for found in CommandLine::new(KNOWN, arguments.to_vec()).flatten() {
        let none = || LabChoice::default();
        match found.id {
            LAB => lab.get_or_insert_with(none).file = found.argument.into(),
            FROM => lab.get_or_insert_with(none).from = Some(found.argument),
            SEED => lab.get_or_insert_with(none).seed = found.argument.parse().ok(),
            _ => {}
        }
    }
    lab
}

impl Draft {
    fn new(called: &str) -> Draft {
        let nobody = Target { address: IpAddr::from([0; 4]), zone: 0 };
        let options = Options {
            family: match called.as_bytes().last() {
                Some(b'4') => Some(Family::V4),
                Some(b'6') => Some(Family::V6),
                _ => None,
            },
            debug: false,
            dont_fragment: false,
            first_hop: 1,
            gateways: Vec::new(),
            interface: None,
            hops_max: 30,
            in_flight_max: 16,
            numeric: false,
            port: None,
            traffic_class: 0,
            flow_label: None,
            wait: [5.0, 3.0, 10.0],
            queries: 3,
            direct_only: false,
            source: None,
            gap_s: 0.0,
            extensions: false,
            as_lookups: false,
            back: false,
            discover_mtu: false,
            source_port: None,
            mark: None,
            module: &module::ALL[0],
            keywords: Vec::new(),
            host: String::new(),
            target: nobody,
            packet_bytes: None,
            lab: None,
        };
        let (module, packet_bytes) = (module::ALL[0].name.to_owned(), None);
        Draft { options, module, first_hop: 1, hops_max: 30, queries: 3, packet_bytes }
    }

    fn take(
        &mut self,
        found: &Found,
        resolver: Resolver<'_>,
        console: &mut Console,
    ) -> Result<(), Stop> {
        let argument = found.argument.as_str();
        let options = &mut self.options;
        let number = whole(argument);
        // None where the argument is none.
        let taken = match found.id {
            'f' => number.map(|hop| self.first_hop = hop),
            'm' => number.map(|hops| self.hops_max = hops),
            'q' => number.map(|queries| self.queries = queries),
            'N' => number.map(|probes| options.in_flight_max = probes.max(1)),
            't' => number.map(|class| options.traffic_class = class as u8),
            'l' => number.map(|label| options.flow_label = Some(label)),
            'p' => port(argument).map(|port| options.port = Some(port)),
            SOURCE_PORT => number.map(|port| {
                options.source_port = Some(port as u16);
                options.in_flight_max = 1;
                options.wait = [options.wait[0], 0.0, 0.0];
            }),
            MARK => number.map(|mark| options.mark = Some(mark)),
            'w' => waits(argument).map(|waits| options.wait = waits),
            'z' => real(argument).map(|gap| options.gap_s = gap),
            's' => return self.take_source(found, resolver, console),
            'O' => return self.take_keywords(argument, console),
            'V' => {
                console.error_bare(&words::version());
                return Err(Stop(0));
            }
            HELP => {
                console.error_bare(&words::usage());
                return Err(Stop(0));
            }
            _ => {
                self.take_plain(found.id, argument);
                Some(())
            }
        };
        taken.ok_or_else(|| cannot_handle(found, console))
    }

    /// Takes an option that has no argument, or any.
    fn take_plain(&mut self, id: char, argument: &str) {
        let options = &mut self.options;
        match id {
            '4' => options.family = Some(Family::V4),
            '6' => options.family = Some(Family::V6),
            'd' => options.debug = true,
            'F' => options.dont_fragment = true,
            'g' => {
                let gateways = argument.split(',').filter(|name| !name.is_empty());
                options.gateways.extend(gateways.map(str::to_owned));
            }
            'i' => options.interface = Some(argument.to_owned()),
            'n' => options.numeric = true,
            'r' => options.direct_only = true,
            'e' => options.extensions = true,
            'A' => options.as_lookups = true,
            BACK => options.back = true,
            MTU => {
                options.discover_mtu = true;
                options.dont_fragment = true;
                options.in_flight_max = 1;
            }
            'I' => self.module = "icmp".to_owned(),
            'T' => self.module = "tcp".to_owned(),
            'U' => self.module = "udp".to_owned(),
            UDPLITE => self.module = "udplite".to_owned(),
            'D' => self.module = "dccp".to_owned(),
            'P' => {
                self.module = "raw".to_owned();
                options.keywords.push(format!("protocol={argument}"));
            }
            'M' => self.module = argument.to_owned(),
            // What a lab is called is read before anything is looked up.
            _ => {}
        }
    }

    fn take_source(
        &mut self,
        found: &Found,
        resolver: Resolver<'_>,
        console: &mut Console,
    ) -> Result<(), Stop> {
        let name = &found.argument;
        match resolver(name, self.options.family) {
            Ok(targets) if !targets.is_empty() => {
                self.options.source = targets.first().map(|target| target.address);
                Ok(())
            }
            Ok(_) => Err(cannot_handle(found, console)),
            Err(unresolved) => {
                stop(console, &format!("{name}: {}", unresolved.reason));
                Err(cannot_handle(found, console))
            }
        }
    }

    fn take_keywords(&mut self, argument: &str, console: &mut Console) -> Result<(), Stop> {
        let keywords = argument.split(',').filter(|keyword| !keyword.is_empty());
        self.options.keywords.extend(keywords.map(str::to_owned));
        if self.options.keywords.iter().any(|keyword| keyword == "help") {
            console.error_bare(&module::help(&self.module));
            return Err(Stop(0));
        }
        Ok(())
    }

    fn take_operands(
        &mut self,
        operands: &[Operand],
        resolver: Resolver<'_>,
        console: &mut Console,
    ) -> Result<(), Stop> {
        let cannot = |name: &str, position: usize, operand: &Operand| {
            let Operand { word, at } = operand;
            let what = format!("\"{name}\" cmdline arg `{word}'");
            format!("Cannot handle {what} on position {position} (argc {at})")
        };
        let [host, rest @ ..] = operands else {
            return fail(console, "Specify \"host\" missing argument.");
        };
        if let [_, extra, ..] = rest {
            let Operand { word, at } = extra;
            return fail(console, &format!("Extra arg `{word}' (position 3, argc {at})"));
        }
        let family = self.options.family;
        let found = resolver(&host.word, family);
        // Without a wish of the user's, IPv4 comes first.
        let preferred = |targets: Vec<Target>| {
            let is_v4 = |target: &&Target| target.address.is_ipv4();
            targets.iter().find(is_v4).or(targets.first()).copied()
        };
        match found.map(preferred) {
            Ok(Some(target)) => self.options.target = target,
            Ok(None) => return fail(console, &cannot("host", 1, host)),
            Err(unresolved) => {
                stop(console, &format!("{}: {}", host.word, unresolved.reason));
                return fail(console, &cannot("host", 1, host));
            }
        }
        self.options.host = host.word.clone();
        if let Some(packet) = rest.first() {
            match whole(&packet.word) {
                Some(bytes) => self.packet_bytes = Some(bytes),
                None => return fail(console, &cannot("packetlen", 2, packet)),
            }
        }
        Ok(())
    }

    /// Holds the numbers against their bounds, in the order in which traceroute does.
    fn check(self, console: &mut Console) -> Result<Options, Stop> {
        let mut options = self.options;
        let Some(module) = module::by_name(&self.module) else {
            return fail(console, &format!("Unknown traceroute module {}", self.module));
        };
        options.module = module;
        options.port = options.port.filter(|port| *port != 0);
        options.source_port = options.source_port.filter(|port| *port != 0);
        if self.first_hop == 0 || self.first_hop > self.hops_max {
            return fail(console, "first hop out of range");
        }
        let Ok(hops_max) = u8::try_from(self.hops_max) else {
            return fail(console, "max hops cannot be more than 255");
        };
        options.hops_max = hops_max;
        options.first_hop = u8::try_from(self.first_hop).unwrap_or(hops_max);
        if !(1..=QUERIES_MAX).contains(&self.queries) {
            return fail(console, &format!("no more than {QUERIES_MAX} probes per hop"));
        }
        options.queries = self.queries as u8;
        if options.wait.iter().any(|wait| *wait < 0.0) {
            let [max, here, near] = options.wait.map(short);
            return fail(console, &format!("bad wait specifications `{max},{here},{near}' used"));
        }
        options.packet_bytes = self.packet_bytes;
        if let Some(bytes) = self.packet_bytes.filter(|bytes| *bytes > PACKET_MAX_BYTES) {
            let bytes = bytes as i32;
            return fail(console, &format!("too big packetlen {bytes} specified"));
        }
        if options.gap_s < 0.0 {
            let gap = short(options.gap_s);
            return fail(console, &format!("bad sendtime `{gap}' specified"));
        }
        let family = Family::of(options.target.address);
        if options.source.is_some_and(|source| Family::of(source) != family) {
            return fail(console, "IP version mismatch in addresses specified");
        }
        Ok(options)
    }
}

/// `MAX`, `MAX,HERE` or `MAX,HERE,NEAR`.
fn waits(text: &str) -> Option<[f64; 3]> {
    let mut waits = [0.0; 3];
    for (at, part) in text.split([',', '/']).enumerate() {
        *waits.get_mut(at)? = real(part)?;
    }
    Some(waits)
}

/// Says what is wrong; exit code 2.
pub fn stop(console: &mut Console, message: &str) -> Stop {
    let lines: Vec<_> = message.split('\n').map(crate::escape::defuse).collect();
    console.error_bare(&format!("{}\n", lines.join("\n")));
    Stop(2)
}

/// Says what is wrong.
///
/// # Errors
/// Always: exit code 2.
pub fn fail<T>(console: &mut Console, message: &str) -> Result<T, Stop> {
    Err(stop(console, message))
}

/// Says that an option's argument is none.
fn cannot_handle(found: &Found, console: &mut Console) -> Stop {
    let Found { shown, argument, at, .. } = found;
    stop(console, &format!("Cannot handle `{shown}' option with arg `{argument}' (argc {at})"))
}
