//! iputils ping: its options, its lines, its exit codes. What it does differently on purpose stands
//! in docs/dialects.md.

mod json;
mod names;
pub mod node_information;
mod number;
pub mod options;
mod print;
mod route;
mod tally;
mod target;
mod words;

use super::Dialect;
use super::console::{Console, system_words};
use crate::road::Road;
use names::Names;
use net::{Access, Batch, Blame, Fault, Network, Stamps, Want};
use options::{Options, Stop, fail};
use print::Printer;
use probe::kind::{ECHO, Kind};
use probe::ping::{Goal, Linger, Pace, Pattern, Ping, Plan};
use probe::targets::Targets;
use probe::{Envelope, Fragmentation, Signal};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::net::IpAddr;
use std::time::Duration;
use target::Aim;
use wire::Family;
use wire::ip::options as ip_options;
use wire::ip::options::TimestampForm;

/// The dialect.
pub const PING: Dialect = Dialect { name: "ping", aliases: &["ping4", "ping6"], run };

/// The least interval of an ordinary user.
const USER_INTERVAL: Duration = Duration::from_millis(2);

/// The least interval of an ordinary user for many hosts at once.
const USER_MULTICAST_INTERVAL: Duration = Duration::from_secs(1);

/// Without answers, a flood sends that often.
const UNANSWERED_INTERVAL: Duration = Duration::from_millis(10);

/// More payload than any datagram takes; what is asked for beyond it is refused just the same.
const PAYLOAD_MAX_BYTES: usize = 65_536;

/// Exit code of what SIGTERM ended: 128 and its number.
const TERMINATED: u8 = 143;

fn run(called: &str, arguments: Vec<OsString>) -> u8 {
    let mut console = Console::new(called);
    let code = match ping(called, arguments, &mut console) {
        Ok(code) | Err(Stop(code)) => code,
    };
    console.flush();
    code
}

fn ping(called: &str, arguments: Vec<OsString>, console: &mut Console) -> Result<u8, Stop> {
    let lookup_off = std::env::var_os("IPUTILS_PING_PTR_LOOKUP").is_some_and(|value| value == "0");
    let options = Options::parse(called, arguments, lookup_off, console)?;
    let is_root = options.lab.is_some() || net::is_run_by_superuser();
    if !is_root && options.preload > 3 {
        let message = "cannot set preload to value greater than 3";
        return fail(console, &format!("{message}: {}", options.preload));
    }
    if options.identifier == Some(0) && options.verbose {
        console.error("WARNING: ident 0 => forcing raw socket");
    }
    let lab = match &options.lab {
        Some(choice) => Some(lab_road(&want(&options, None), choice, console)?),
        None => None,
    };
    let is_raw = lab.is_some() || check_rights(&options, console)?;
    if options.verbose {
        console.error(&sockets_line(&options, is_raw));
    }
    let candidates = match target::candidates(&options, lab.as_ref()) {
        Ok(candidates) => candidates,
        Err(message) => return fail(console, &message),
    };
    let count = candidates.len();
    for (at, candidate) in candidates.into_iter().enumerate() {
        if options.verbose && !options.json {
            let family = family_name(Some(Family::of(candidate.target.address)));
            let canonical = &candidate.canonical;
            let line = format!("ai->ai_family: {family}, ai->ai_canonname: '{canonical}'\n");
            console.print(&line);
        }
        let others_left = at + 1 < count;
        if let Some(aim) = target::aim(&options, candidate, others_left, lab.as_ref(), console)? {
            return ask(&options, &aim, is_root, console);
        }
    }
    fail(console, "connect: Network is unreachable")
}

/// Whether sockets will be raw. iputils opens them before it looks at the target, so their errors
/// come first.
fn check_rights(options: &Options, console: &mut Console) -> Result<bool, Stop> {
    let family = options.family.unwrap_or(Family::V4);
    let want = Want { families: vec![family], ..want(options, None) };
    net::would_be_raw(&want).map_err(|fault| match fault.blame {
        Blame::Rights => no_rights(options, console),
        _ => explain(&fault, options, family, console),
    })
}

fn ask(options: &Options, aim: &Aim, is_root: bool, console: &mut Console) -> Result<u8, Stop> {
    let target = aim.candidate.target;
    let family = Family::of(target.address);
    check_multicast(options, aim, is_root, console)?;
    if options.hop_limit == Some(0) && family == Family::V4 && options.lab.is_none() {
        return fail(console, "cannot set unicast time-to-live: Invalid argument");
    }
    let mut want = want(options, Some(aim));
    want.envelope.options = ip_options(options, aim, console)?;
    let mut road = open(options, &mut want, family, console)?;
    let is_raw = is_raw(&road, family);
    if !is_raw && needs_zone(aim) {
        console.error(
            "Warning: IPv6 link-local address on ICMP datagram socket may require ifname or \
             scope-id => use: address%<ifname|scope-id>",
        );
    }
    let names = names(options, aim);
    if !options.json {
        console.print(&banner(options, aim, &names));
    }
    check_interval(options, is_root, console)?;
    let plan = plan(options, aim, is_root, &road);
    let mut targets = Targets::default();
    targets.push(target).expect("one target can be counted");
    let mut printer =
        Printer::new(console, options, aim.candidate.host.clone(), target.address, names);
    printer.is_multicast = aim.is_multicast;
    printer.identifier =
        if is_raw { plan.identifiers.first().copied() } else { options.identifier };
    printer.epoch_ns = road.epoch_ns();
    printer.columns = columns();
    let mut engine = Ping::new(plan, targets, road.now());
    let driven = road.drive(&mut engine, &mut printer);
    if let Err(failure) = driven {
        printer.console.error(&failure.message);
        return Err(Stop(2));
    }
    if printer.ended_by == Some(Signal::Terminate) {
        return Ok(TERMINATED);
    }
    printer.close(is_fast(options));
    let received = printer.tally.received;
    let too_few = options.deadline_s > 0 && received < options.count.unwrap_or(0);
    Ok(u8::from(received == 0 || too_few))
}

/// Whether probes go as fast as they can.
fn is_fast(options: &Options) -> bool {
    options.flood || options.adaptive || interval(options).is_zero()
}

fn interval(options: &Options) -> Duration {
    let usual = if options.flood { Duration::ZERO } else { Duration::from_secs(1) };
    options.interval.unwrap_or(usual)
}

fn check_multicast(
    options: &Options,
    aim: &Aim,
    is_root: bool,
    console: &mut Console,
) -> Result<(), Stop> {
    let what = match aim.source {
        IpAddr::V4(_) => "broadcast",
        IpAddr::V6(_) => "multicast",
    };
    if !aim.is_multicast || is_root {
        return Ok(());
    }
    let interval = options.interval.unwrap_or(USER_MULTICAST_INTERVAL);
    if interval < USER_MULTICAST_INTERVAL {
        let ms = interval.as_millis();
        return fail(console, &format!("{what} ping with too short interval: {ms}"));
    }
    if options.fragmentation.is_some_and(|mode| mode != Fragmentation::Forbidden) {
        return fail(console, &format!("{what} ping does not fragment"));
    }
    Ok(())
}

fn check_interval(options: &Options, is_root: bool, console: &mut Console) -> Result<(), Stop> {
    let interval = interval(options);
    if !is_root && interval < USER_INTERVAL {
        let ms = USER_INTERVAL.as_millis();
        let message = "cannot flood; minimal interval allowed for user is";
        return fail(console, &format!("{message} {ms}ms"));
    }
    let ms = interval.as_millis();
    if ms >= u128::from(i32::MAX.unsigned_abs() / options.preload) {
        return fail(console, &format!("illegal preload and/or interval: {ms}"));
    }
    Ok(())
}

/// What the run needs of the network; without an aim, as far as that is known.
fn want(options: &Options, aim: Option<&Aim>) -> Want {
    let families = match aim {
        Some(aim) => vec![Family::of(aim.candidate.target.address)],
        None => Family::ALL.to_vec(),
    };
    let is_multicast = aim.is_some_and(|aim| aim.is_multicast);
    let usual = if is_multicast { Fragmentation::Forbidden } else { Fragmentation::System };
    let payload_bytes = options.size.min(PAYLOAD_MAX_BYTES);
    let needs_raw = options.query.is_asked() || options.identifier == Some(0);
    Want {
        families,
        carrier: probe::Carrier::Icmp,
        access: if needs_raw { Access::Raw } else { Access::Auto },
        datagram_will_do: !needs_raw,
        envelope: Envelope {
            source: aim.filter(|_| options.strict_source).map(|aim| aim.source),
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class,
            flow_label: options.flow_label,
            fragmentation: options.fragmentation.unwrap_or(usual),
            options: Vec::new(),
        },
        interface: options.device.clone().filter(|device| !device.is_empty()),
        mark: options.mark,
        broadcast: options.broadcast,
        direct_only: options.direct_only,
        multicast_loop: !options.no_loop,
        debug: options.debug,
        identifier: options.identifier,
        lanes: 1,
        message_max_bytes: payload_bytes + 8,
        burst: options.preload.max(64),
        send_buffer_bytes: options.send_buffer_bytes,
        stamps: match options.user_latency {
            true => Stamps::None,
            false if is_fast(options) => Stamps::Receive,
            false => Stamps::Both,
        },
        batch: if options.preload > 1 { Batch::Many } else { Batch::One },
    }
}

/// The IPv4 options that the command line asks for.
fn ip_options(options: &Options, aim: &Aim, console: &mut Console) -> Result<Vec<u8>, Stop> {
    if aim.source.is_ipv6() {
        return Ok(Vec::new());
    }
    let made = match options.timestamps {
        // Without hosts to ask, iputils sends the bare header of the option.
        Some(TimestampForm::Prespecified) if aim.hops.is_empty() => Ok(vec![68, 4, 5, 3]),
        Some(TimestampForm::Prespecified) => ip_options::timestamp_prespecified(&aim.hops),
        Some(TimestampForm::WithAddress) => ip_options::timestamp(TimestampForm::WithAddress, 4),
        Some(form) => ip_options::timestamp(form, 9),
        None if options.record_route => ip_options::record_route(9),
        None if aim.hops.is_empty() => Ok(Vec::new()),
        None if options.direct_only => ip_options::strict_source_route(&aim.hops),
        None => ip_options::loose_source_route(&aim.hops),
    };
    match made {
        Ok(bytes) => Ok(bytes),
        Err(_) => fail(console, "ts option: Invalid argument"),
    }
}

fn lab_road(
    want: &Want,
    choice: &crate::road::LabChoice,
    console: &mut Console,
) -> Result<Road, Stop> {
    Road::open(want, Some(choice)).or_else(|failure| fail(console, &failure.message))
}

/// Opens the road; without a mark or debugging if this process has no right to them.
fn open(
    options: &Options,
    want: &mut Want,
    family: Family,
    console: &mut Console,
) -> Result<Road, Stop> {
    if let Some(choice) = &options.lab {
        return lab_road(want, choice, console);
    }
    let mut opened = Network::open(want);
    if let Err(fault) = &opened
        && fault.blame == Blame::Rights
        && (want.debug || want.mark.is_some())
    {
        let why = system_words(&fault.error);
        let plain = Want { mark: None, debug: false, ..want.clone() };
        opened = Network::open(&plain);
        if let (Ok(_), Some(mark)) = (&opened, want.mark) {
            let message = format!("WARNING: failed to set mark: {mark}: {why}");
            // Once for the socket that finds the source address, once for the one that asks.
            console.error(&message);
            console.error(&message);
        }
        *want = plain;
    }
    match opened {
        Ok(network) => Ok(Road::Network(Box::new(network), Box::new(want.clone()))),
        Err(fault) => Err(explain(&fault, options, family, console)),
    }
}

/// Prints that this process may open no socket, in iputils' words.
fn no_rights(options: &Options, console: &mut Console) -> Stop {
    let times = if options.verbose && options.family.is_none() { 2 } else { 1 };
    for _ in 0..times {
        console.error("socktype: SOCK_RAW");
        console.error("socket: Operation not permitted");
    }
    console.error("=> missing cap_net_raw+p capability or setuid?");
    Stop(2)
}

/// Prints why sockets cannot be set up, in iputils' words.
fn explain(fault: &Fault, options: &Options, family: Family, console: &mut Console) -> Stop {
    const EPERM: i32 = 1;
    const ENODEV: i32 = 19;
    const EADDRNOTAVAIL: i32 = 99;
    let why = system_words(&fault.error);
    match (fault.error.raw_os_error(), &options.device) {
        (Some(EADDRNOTAVAIL), _) => {
            console.error(&format!("{}: {why}", target::bind_words(family)));
        }
        (Some(ENODEV | EPERM), Some(device)) => {
            console.error(&format!("SO_BINDTODEVICE {device}: {why}"));
        }
        _ => console.error(&format!("cannot {}: {why}", fault.doing)),
    }
    Stop(2)
}

fn is_raw(road: &Road, family: Family) -> bool {
    match road {
        Road::Network(network, _) => network.is_raw(family),
        Road::Lab(_) => true,
    }
}

/// Whether the target exists on every link and none is named.
fn needs_zone(aim: &Aim) -> bool {
    let target = aim.candidate.target;
    let is_local = match target.address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.octets()[..2] == [0xff, 0x02],
    };
    is_local && !aim.candidate.host.contains('%')
}

/// What `-v` says of sockets. iputils opens one of each family that may be needed.
fn sockets_line(options: &Options, is_raw: bool) -> String {
    let kind = if is_raw { "SOCK_RAW" } else { "SOCK_DGRAM" };
    let mut next = 3;
    let mut socket = |family| match options.family {
        Some(only) if only != family => "-1 (socktype: 0)".to_owned(),
        _ => {
            next += 1;
            format!("{} (socktype: {kind})", next - 1)
        }
    };
    let (v4, v6) = (socket(Family::V4), socket(Family::V6));
    let family = family_name(options.family);
    format!("sock4.fd: {v4}, sock6.fd: {v6}, hints.ai_family: {family}\n")
}

fn family_name(family: Option<Family>) -> &'static str {
    match family {
        None => "AF_UNSPEC",
        Some(Family::V4) => "AF_INET",
        Some(Family::V6) => "AF_INET6",
    }
}

fn names(options: &Options, aim: &Aim) -> Names {
    let zone = match (aim.candidate.target.zone, &options.device) {
        (0, Some(device)) if options.lab.is_none() => net::interface_index(device).unwrap_or(0),
        (zone, _) => zone,
    };
    let numeric = options.numeric || aim.candidate.is_numeric || options.lab.is_some();
    if numeric && !options.force_lookup { Names::numeric(zone) } else { Names::looked_up(zone) }
}

/// The first line.
fn banner(options: &Options, aim: &Aim, names: &Names) -> String {
    let (host, size) = (&aim.candidate.host, options.size);
    let address = names.number(aim.candidate.target.address);
    let from = match (&options.device, options.strict_source) {
        (None, false) => String::new(),
        (device, _) => {
            let device = device.as_deref().unwrap_or_default();
            format!("from {} {device}: ", names.number(aim.source))
        }
    };
    match aim.source {
        IpAddr::V4(_) => {
            let has_options =
                options.record_route || options.timestamps.is_some() || !aim.hops.is_empty();
            let total = size + 8 + 20 + if has_options { 40 } else { 0 };
            format!("PING {host} ({address}) {from}{size}({total}) bytes of data.\n")
        }
        IpAddr::V6(_) => {
            let flow = match options.flow_label {
                Some(label) if label != 0 => format!(", flow 0x{label:05x}, "),
                _ => String::new(),
            };
            format!("PING {host}({address}) {flow}{from}{size} data bytes\n")
        }
    }
}

fn plan(options: &Options, aim: &Aim, is_root: bool, road: &Road) -> Plan {
    let key = road.key();
    let interval = interval(options);
    let goal = match (options.count, options.deadline_s) {
        (Some(count), 1..) => Goal::Answers(count),
        (count, _) => Goal::Probes(count),
    };
    let answered = Pace::Answered { in_flight: options.preload };
    let (pace, interval) = match (options.adaptive, interval.is_zero()) {
        (_, true) => (answered, UNANSWERED_INTERVAL),
        (true, false) => (answered, interval),
        (false, false) => (Pace::Schedule { preload: options.preload }, interval),
    };
    let kind: &'static dyn Kind = match options.query.kind(aim.candidate.target.address, key.0[0]) {
        // One for the whole run, which is as long as the program.
        Some(kind) => Box::leak(Box::new(kind)),
        None => &ECHO,
    };
    Plan {
        kind,
        goal,
        pace,
        interval,
        gap: if is_root { Duration::ZERO } else { USER_INTERVAL },
        timeout: Duration::MAX,
        linger: Linger::TwiceLongest(match options.wait.is_zero() {
            true => Duration::MAX,
            false => options.wait,
        }),
        deadline: (options.deadline_s > 0).then(|| Duration::from_secs(options.deadline_s.into())),
        payload_bytes: options.size.min(PAYLOAD_MAX_BYTES),
        pattern: match &options.pattern {
            None => Pattern::Counting,
            Some(bytes) if bytes.is_empty() => Pattern::Repeat(vec![0]),
            Some(bytes) => Pattern::Repeat(bytes.clone()),
        },
        any_source: aim.is_multicast || is_anycast(aim.candidate.target.address),
        report_sent: options.outstanding || options.flood && !options.quiet && !options.json,
        ..Plan::new(road.identifiers(), key)
    }
}

/// Whether any router of a /64 may answer in its own name (RFC 4291 §2.6.1).
fn is_anycast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.octets()[8..].iter().all(|byte| *byte == 0))
}

/// Columns of the terminal on standard output.
fn columns() -> Option<u64> {
    io::stdout().is_terminal().then(|| {
        let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        said.unwrap_or(80)
    })
}
