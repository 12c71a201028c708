//! The ping of Windows: its options, its lines, its two exit codes. Lines end as they do here.

pub mod options;
mod print;

use super::Dialect;
use super::console::{Console, system_words};
use crate::road::Road;
use crate::{escape, resolve};
use net::{Access, Batch, Blame, Network, Stamps, Want};
use options::{Options, Stop};
use print::Printer;
use probe::ping::{Goal, Linger, Pace, Pattern, Ping, Plan};
use probe::targets::{Target, Targets};
use probe::{Envelope, Fragmentation, Signal};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use wire::Family;
use wire::ip::options as ip_options;
use wire::ip::options::TimestampForm;

/// The dialect.
pub const WINPING: Dialect = Dialect { name: "winping", aliases: &[], run };

/// From one probe to the next, if the answer does not take longer.
const INTERVAL: Duration = Duration::from_secs(1);

/// What Windows fills payloads with.
const PATTERN: &[u8] = b"abcdefghijklmnopqrstuvw";

fn run(called: &str, arguments: Vec<OsString>) -> u8 {
    let mut console = Console::new(called);
    let arguments: Vec<String> =
        arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let code = match Options::parse(&arguments, &mut console) {
        Ok(options) => ping(&options, &mut console),
        Err(stop) => Err(stop),
    };
    console.flush();
    match code {
        Ok(code) | Err(Stop(code)) => code,
    }
}

fn ping(options: &Options, console: &mut Console) -> Result<u8, Stop> {
    let both = want(options, None, &[]);
    let lab = match &options.lab {
        Some(choice) => Some(
            Road::open(&both, Some(choice)).or_else(|failure| say(console, &failure.message))?,
        ),
        None => None,
    };
    let target = resolve(options, &options.target, lab.as_ref(), console)?;
    let mut hops = Vec::new();
    for hop in &options.hops {
        match resolve(options, hop, lab.as_ref(), console)?.address {
            IpAddr::V4(address) => hops.push(address),
            IpAddr::V6(_) => {
                return say(console, "The option -j or -k is only supported for IPv4.");
            }
        }
    }
    check_family(options, Family::of(target.address), console)?;
    let mut wanted = want(options, Some(target), &hops);
    wanted.envelope.options = match ip_options(options, &hops) {
        Ok(bytes) => bytes,
        Err(_) => return say(console, "Bad route specified for loose source route."),
    };
    let mut road = open(&wanted, options, console)?;
    console.print(&banner(options, target));
    let mut targets = Targets::default();
    targets.push(target).expect("one target can be counted");
    let mut engine = Ping::new(plan(options, &road), targets, road.now());
    let mut printer = Printer::new(console, target.address);
    if let Err(failure) = road.drive(&mut engine, &mut printer) {
        return say(printer.console, &failure.message);
    }
    printer.close();
    if printer.ended_by == Some(Signal::Interrupt) {
        printer.console.print("Control-C\n");
    }
    Ok(u8::from(printer.received == 0))
}

/// Prints a message; exit code 1.
fn say<T>(console: &mut Console, message: &str) -> Result<T, Stop> {
    console.print(&format!("{}\n", escape::defuse(message)));
    Err(Stop(1))
}

fn resolve(
    options: &Options,
    name: &str,
    lab: Option<&Road>,
    console: &mut Console,
) -> Result<Target, Stop> {
    let found = match lab {
        Some(road) => road.resolve(name, options.family),
        None => resolve::resolve(name, options.family),
    };
    match found.as_deref() {
        Ok([target, ..]) => Ok(*target),
        _ => {
            let name = escape::escape(name);
            let message = format!("Ping request could not find host {name}.");
            say(console, &format!("{message} Please check the name and try again."))
        }
    }
}

/// Refuses options that exist for the other family only.
fn check_family(options: &Options, family: Family, console: &mut Console) -> Result<(), Stop> {
    let v4_only = [
        (options.dont_fragment, "-f"),
        (options.record_route.is_some(), "-r"),
        (options.timestamps.is_some(), "-s"),
        (!options.hops.is_empty(), if options.strict_route { "-k" } else { "-j" }),
    ];
    let (others, only) = match family {
        Family::V4 => (&[][..], "IPv6"),
        Family::V6 => (&v4_only[..], "IPv4"),
    };
    match others.iter().find(|(is_set, _)| *is_set) {
        Some((_, option)) => {
            say(console, &format!("The option {option} is only supported for {only}."))
        }
        None if options.reverse_route && family == Family::V4 => {
            say(console, "The option -R is only supported for IPv6.")
        }
        None => Ok(()),
    }
}

fn want(options: &Options, target: Option<Target>, hops: &[Ipv4Addr]) -> Want {
    let forbidden = options.dont_fragment;
    Want {
        families: match target {
            Some(target) => vec![Family::of(target.address)],
            None => Family::ALL.to_vec(),
        },
        carrier: probe::Carrier::Icmp,
        access: Access::Auto,
        datagram_will_do: true,
        envelope: Envelope {
            source: options.source,
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class,
            flow_label: None,
            fragmentation: if forbidden { Fragmentation::Forbidden } else { Fragmentation::System },
            options: Vec::new(),
        },
        interface: None,
        mark: None,
        broadcast: true,
        direct_only: options.strict_route && !hops.is_empty(),
        multicast_loop: true,
        debug: false,
        identifier: None,
        lanes: 1,
        message_max_bytes: options.size + 8,
        burst: 64,
        send_buffer_bytes: None,
        stamps: Stamps::Both,
        batch: Batch::One,
    }
}

fn ip_options(options: &Options, hops: &[Ipv4Addr]) -> Result<Vec<u8>, wire::Malformed> {
    match (options.record_route, options.timestamps) {
        (Some(slots), _) => ip_options::record_route(slots),
        (None, Some(slots)) => ip_options::timestamp(TimestampForm::WithAddress, slots),
        (None, None) if hops.is_empty() => Ok(Vec::new()),
        (None, None) if options.strict_route => ip_options::strict_source_route(hops),
        (None, None) => ip_options::loose_source_route(hops),
    }
}

fn open(want: &Want, options: &Options, console: &mut Console) -> Result<Road, Stop> {
    if let Some(choice) = &options.lab {
        return Road::open(want, Some(choice)).or_else(|failure| say(console, &failure.message));
    }
    match Network::open(want) {
        Ok(network) => Ok(Road::Network(Box::new(network), Box::new(want.clone()))),
        Err(fault) if fault.blame == Blame::Rights => {
            say(console, "Unable to contact IP driver. Access is denied.")
        }
        Err(fault) => {
            let why = system_words(&fault.error);
            say(console, &format!("PING: cannot {}: {why}.", fault.doing))
        }
    }
}

/// The first lines.
fn banner(options: &Options, target: Target) -> String {
    let address = target.address.to_string();
    let is_number = options.target.parse::<IpAddr>().is_ok() || options.target.contains('%');
    let name = match (is_number, options.look_up) {
        (false, _) => Some(escape::escape(&options.target)),
        (true, true) if options.lab.is_none() => resolve::reverse(target.address),
        (true, _) => None,
    };
    let whom = match name {
        Some(name) => format!("{name} [{address}]"),
        None => address,
    };
    let from = options.source.map(|source| format!("from {source} ")).unwrap_or_default();
    format!("\nPinging {whom} {from}with {} bytes of data:\n", options.size)
}

fn plan(options: &Options, road: &Road) -> Plan {
    Plan {
        goal: Goal::Probes(options.count),
        pace: Pace::Answered { in_flight: 1 },
        interval: options.timeout.max(INTERVAL),
        gap: INTERVAL,
        timeout: options.timeout,
        linger: Linger::UntilTimeout,
        payload_bytes: options.size,
        pattern: Pattern::Repeat(PATTERN.to_vec()),
        ..Plan::new(road.identifiers(), road.key())
    }
}
