//! traceroute's methods, which it calls modules, and the keywords that `-O` tells them.

use super::number::{protocol, whole};
use super::options::{Stop, fail};
use crate::as_::console::Console;
use net::Access;
use probe::method::{
    DCCP, DccpMethod, ICMP, Method, RawMethod, SegmentMethod, UDP, UDPLITE, UdpLiteMethod,
};
use probe::trace::Naming;
use std::fs;
use wire::tcp::{TcpOption, flag};

/// A method.
#[derive(Debug)]
pub struct Module {
    /// Its name, for `-M`.
    pub name: &'static str,
    /// The target's port, if it has one and no other is given.
    pub usual_port: u16,
    /// Whether errors of its sockets come before anything else is printed.
    pub opens_first: bool,
    /// What it can be told.
    keywords: &'static [Keyword],
}

/// A keyword.
#[derive(Debug)]
struct Keyword {
    name: &'static str,
    /// What its argument is called; empty if it takes none.
    argument: &'static str,
    /// Help; its lines.
    help: &'static [&'static str],
    /// Only one of those with this mark may be given.
    is_alternative: bool,
}

const fn word(name: &'static str, help: &'static [&'static str]) -> Keyword {
    Keyword { name, argument: "", help, is_alternative: false }
}

const fn value(
    name: &'static str,
    argument: &'static str,
    help: &'static [&'static str],
) -> Keyword {
    Keyword { name, argument, help, is_alternative: false }
}

const fn module(name: &'static str, usual_port: u16, keywords: &'static [Keyword]) -> Module {
    Module { name, usual_port, opens_first: false, keywords }
}

const fn early(name: &'static str, usual_port: u16, keywords: &'static [Keyword]) -> Module {
    Module { name, usual_port, opens_first: true, keywords }
}

/// Every module; the first is used if no other is named.
pub const ALL: &[Module] = &[
    module("default", 33_434, &[]),
    early(
        "icmp",
        0,
        &[
            Keyword {
                name: "raw",
                argument: "",
                help: &["Raw sockets or none"],
                is_alternative: true,
            },
            Keyword {
                name: "dgram",
                argument: "",
                help: &["Datagram sockets, which need no right, or none"],
                is_alternative: true,
            },
        ],
    ),
    early("tcp", 80, TCP_KEYWORDS),
    early("tcpconn", 80, &[]),
    module("udp", 53, &[]),
    early(
        "udplite",
        53,
        &[value("coverage", "NUM", &["Checksums cover NUM bytes, the header among them"])],
    ),
    early("dccp", 33_434, &[value("service", "NUM", &["Ask for the service of that code"])]),
    early("raw", 0, &[value("protocol", "PROT", &["Use IP protocol PROT (default is 253)"])]),
];

const TCP_KEYWORDS: &[Keyword] = &[
    word("syn", &["Set the flag SYN (default if no flag is named)"]),
    word("ack", &["ACK,"]),
    word("fin", &["FIN,"]),
    word("rst", &["RST,"]),
    word("psh", &["PSH,"]),
    word("urg", &["URG,"]),
    word("ece", &["ECE,"]),
    word("cwr", &["CWR"]),
    value("flags", "NUM", &["Set the flags to exactly NUM"]),
    word("ecn", &["Ask for congestion notification: SYN, ECE and CWR"]),
    word("sack", &["Offer selective acknowledgments,"]),
    word("timestamps", &["timestamps,"]),
    word("window_scaling", &["larger windows"]),
    word("sysctl", &["Offer what this system does (default if nothing of", "the above is named)"]),
    word("reuse", &["Without a meaning here"]),
    value("mss", "NUM", &["Take segments of at most NUM bytes (with SYN)"]),
    word("info", &["Show the flags of the target's answers"]),
];

/// The module of that name.
pub fn by_name(name: &str) -> Option<&'static Module> {
    ALL.iter().find(|module| module.name == name)
}

/// What `-O help` says of a module.
pub fn help(name: &str) -> String {
    let keywords = by_name(name).map_or(&[][..], |module| module.keywords);
    if keywords.is_empty() {
        return format!("No options for module `{}'\n", crate::escape::escape(name));
    }
    let mut text = String::new();
    for Keyword { name, argument, help, .. } in keywords {
        let equals = if argument.is_empty() { "" } else { "=" };
        let mut left = format!("{name}{equals}{argument}");
        for line in *help {
            text.push_str(&format!("  {left:<27} {line}\n"));
            left.clear();
        }
    }
    let alternatives = alternatives(keywords);
    if !alternatives.is_empty() {
        text.push_str(&format!("Only one of these may be specified:\n    {alternatives}\n"));
    }
    text
}

fn alternatives(keywords: &[Keyword]) -> String {
    let names = keywords.iter().filter(|keyword| keyword.is_alternative).map(|known| known.name);
    names.collect::<Vec<_>>().join(" | ")
}

/// How probes are made, and by which sockets they go.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// What they are.
    pub method: &'static dyn Method,
    /// What tells them apart.
    pub naming: Naming,
    /// By which sockets.
    pub access: Access,
    /// Whether the flags of the target's answers are shown.
    pub shows_flags: bool,
}

/// A way whose method may have values of the user's.
pub struct Recipe {
    method: Made,
    naming: Naming,
    access: Access,
    shows_flags: bool,
}

enum Made {
    Known(&'static dyn Method),
    New(Box<dyn Method>),
}

impl Recipe {
    /// The way for the whole run, which is as long as the program.
    pub fn forever(self) -> Way {
        let Recipe { method, naming, access, shows_flags } = self;
        let method = match method {
            Made::Known(method) => method,
            Made::New(method) => Box::leak(method),
        };
        Way { method, naming, access, shows_flags }
    }

    /// What probes are.
    #[cfg(any(test, fuzzing))]
    pub fn method(&self) -> &dyn Method {
        match &self.method {
            Made::Known(method) => *method,
            Made::New(method) => method.as_ref(),
        }
    }

    fn known(method: &'static dyn Method, access: Access) -> Recipe {
        let method = Made::Known(method);
        Recipe { method, naming: Naming::Steady, access, shows_flags: false }
    }

    fn new(method: impl Method + 'static, access: Access) -> Recipe {
        Recipe { method: Made::New(Box::new(method)), ..Recipe::known(&UDP, access) }
    }
}

/// Keywords with their arguments.
type Told = [(String, String)];

/// Finds out how a module makes its probes. `is_lab` if this system has no say in it.
///
/// # Errors
/// If the keywords make no sense, which has been said then.
pub fn recipe(
    module: &Module,
    keywords: &[String],
    is_lab: bool,
    console: &mut Console,
) -> Result<Recipe, Stop> {
    let told = told(module, keywords, console)?;
    let is_told = |name| told.iter().any(|(known, _)| known == name);
    Ok(match module.name {
        "icmp" if is_told("raw") => Recipe::known(&ICMP, Access::Raw),
        "icmp" if is_told("dgram") => Recipe::known(&ICMP, Access::Datagram),
        "icmp" => Recipe::known(&ICMP, Access::Auto),
        "tcp" => {
            let segment = segment(&told, is_lab, console)?;
            let is_connection = segment.flags == flag::SYN;
            let access = if is_connection { Access::Auto } else { Access::Raw };
            Recipe { shows_flags: is_told("info"), ..Recipe::new(segment, access) }
        }
        "tcpconn" => Recipe::known(&probe::method::TCP, Access::Datagram),
        "udp" => Recipe::known(&UDP, Access::Auto),
        "udplite" => match told.last() {
            Some(found) => {
                let coverage_bytes = Some(number(found, console)? as u16);
                Recipe::new(UdpLiteMethod { coverage_bytes }, Access::Raw)
            }
            None => Recipe::known(&UDPLITE, Access::Raw),
        },
        "dccp" => match told.last() {
            Some(found) => {
                let service = number(found, console)?;
                Recipe::new(DccpMethod { service }, Access::Raw)
            }
            None => Recipe::known(&DCCP, Access::Raw),
        },
        "raw" => Recipe::new(raw(&told, console)?, Access::Raw),
        _ => Recipe { naming: Naming::CountingPort, ..Recipe::known(&UDP, Access::Auto) },
    })
}

/// Takes keywords apart; a module without any takes no notice.
fn told(
    module: &Module,
    keywords: &[String],
    console: &mut Console,
) -> Result<Vec<(String, String)>, Stop> {
    let mut told: Vec<(String, String)> = Vec::new();
    let mut stray = None;
    for (keyword, at) in keywords.iter().zip(1..) {
        let (name, argument) = match keyword.split_once('=') {
            Some((name, argument)) => (name, Some(argument)),
            None => (keyword.as_str(), None),
        };
        let known = module.keywords.iter().find(|known| known.name == name);
        let known = known.filter(|known| argument.is_none() || !known.argument.is_empty());
        let Some(known) = known else {
            stray = stray.or(Some((keyword, at)));
            continue;
        };
        if !known.argument.is_empty() && argument.is_none() {
            let form = format!("{name}={}", known.argument);
            let message = format!("Keyword `{name}' (argc {at}) requires an argument: `{form}'");
            return fail(console, &message);
        }
        let is_other = |(before, _): &(String, String)| {
            let before = module.keywords.iter().find(|known| known.name == before);
            before.is_some_and(|before| before.is_alternative && before.name != known.name)
        };
        if known.is_alternative && told.iter().any(is_other) {
            let which = alternatives(module.keywords);
            let message = format!("Keyword `{name}' (argc {at}): Only one of:\n    {which}");
            return fail(console, &format!("{message}\nmay be specified."));
        }
        told.push((name.to_owned(), argument.unwrap_or_default().to_owned()));
    }
    match stray {
        Some((keyword, at)) if !module.keywords.is_empty() => {
            fail(console, &format!("`{keyword}' (argc {at}): arguments are not allowed"))
        }
        _ => Ok(told),
    }
}

fn number((name, argument): &(String, String), console: &mut Console) -> Result<u32, Stop> {
    whole(argument).map_or_else(|| cannot_handle(name, argument, console), Ok)
}

fn cannot_handle<T>(name: &str, argument: &str, console: &mut Console) -> Result<T, Stop> {
    let message = format!("Cannot handle `{name}' keyword with arg `{argument}' (argc 1)");
    fail(console, &message)
}

fn raw(told: &Told, console: &mut Console) -> Result<RawMethod, Stop> {
    let Some((name, argument)) = told.last() else { return Ok(probe::method::RAW) };
    let Some(number) = protocol(argument) else {
        return cannot_handle(name, argument, console);
    };
    match u8::try_from(number) {
        Ok(protocol @ 1..) => Ok(RawMethod { protocol }),
        _ => {
            console.error_bare("\nsocket: Protocol not supported\n");
            Err(Stop(1))
        }
    }
}

/// What an Ethernet without options takes.
const SEGMENT_MAX_BYTES: u16 = 1_460;

/// How far windows are shifted.
const WINDOW_SCALE: u8 = 2;

/// What is offered in a handshake.
#[derive(Clone, Copy, Default)]
struct Offer {
    sack: bool,
    timestamps: bool,
    window_scaling: bool,
}

fn segment(told: &Told, is_lab: bool, console: &mut Console) -> Result<SegmentMethod, Stop> {
    const FLAGS: &[(&str, u16)] = &[
        ("fin", flag::FIN),
        ("syn", flag::SYN),
        ("rst", flag::RST),
        ("psh", flag::PSH),
        ("ack", flag::ACK),
        ("urg", flag::URG),
        ("ece", flag::ECE),
        ("cwr", flag::CWR),
        ("ecn", flag::SYN | flag::ECE | flag::CWR),
    ];
    let (mut flags, mut offer, mut maximum) = (0, Offer::default(), SEGMENT_MAX_BYTES);
    let (mut has_flags, mut has_offer, mut is_usual) = (false, false, false);
    for found in told {
        let name = found.0.as_str();
        match name {
            "flags" => flags = number(found, console)? as u16 & 0xff,
            "mss" => maximum = number(found, console)? as u16,
            "sack" => offer.sack = true,
            "timestamps" => offer.timestamps = true,
            "window_scaling" => offer.window_scaling = true,
            "sysctl" => is_usual = true,
            _ => {
                let known = FLAGS.iter().find(|(known, _)| *known == name);
                flags |= known.map_or(0, |(_, bits)| *bits);
            }
        }
        has_flags |= name == "flags" || FLAGS.iter().any(|(known, _)| *known == name);
        has_offer |= matches!(name, "sack" | "timestamps" | "window_scaling");
    }
    if !has_flags {
        flags = flag::SYN;
    }
    if is_usual || !has_flags && !has_offer {
        let (usual, wants_ecn) = usual_offer(is_lab);
        offer = usual;
        if wants_ecn && flags == flag::SYN {
            flags |= flag::ECE | flag::CWR;
        }
    }
    let maximum = (flags & flag::SYN != 0).then_some(maximum);
    Ok(SegmentMethod { flags, options: options(offer, maximum) })
}

/// What this system offers, and whether it asks for congestion notification.
fn usual_offer(is_lab: bool) -> (Offer, bool) {
    let setting = |name: &str| {
        let path = format!("/proc/sys/net/ipv4/tcp_{name}");
        let text = if is_lab { None } else { fs::read_to_string(path).ok() };
        text.and_then(|text| text.trim().parse::<u32>().ok())
    };
    let is_on = |name| setting(name).is_none_or(|value| value != 0);
    let offer = Offer {
        sack: is_on("sack"),
        timestamps: is_on("timestamps"),
        window_scaling: is_on("window_scaling"),
    };
    (offer, setting("ecn") == Some(1))
}

/// Options on the wire, padded.
fn options(offer: Offer, maximum: Option<u16>) -> Vec<u8> {
    let mut options: Vec<TcpOption<'_>> = Vec::new();
    options.extend(maximum.map(TcpOption::MaximumSegmentSize));
    match (offer.sack, offer.timestamps) {
        (true, true) => options.push(TcpOption::SackPermitted),
        (false, false) => {}
        _ => options.extend([TcpOption::NoOperation, TcpOption::NoOperation]),
    }
    if offer.timestamps {
        options.push(TcpOption::Timestamps { value: 1, echo: 0 });
    } else if offer.sack {
        options.push(TcpOption::SackPermitted);
    }
    if offer.window_scaling {
        options.extend([TcpOption::NoOperation, TcpOption::WindowScale(WINDOW_SCALE)]);
    }
    let mut bytes = Vec::new();
    for option in options {
        option.emit(&mut bytes).expect("these options are short");
    }
    bytes
}
