//! Debian's traceroute, by Dmitry Butskoy: its options, its lines, its exit codes. What it does
//! differently on purpose stands in docs/dialects-traceroute.md.

mod command_line;
mod gateway;
pub mod module;
pub mod names;
mod number;
pub mod options;
mod print;
pub mod registry;
mod words;

use super::Dialect;
use super::console::{Console, system_words};
use crate::resolve;
use crate::road::{LabChoice, Road};
use module::Way;
use names::Names;
use net::{Access, Blame, Fault, Network, Want};
use options::{Options, Stop};
use print::Printer;
use probe::trace::{Course, Destination, Plan, Trace};
use probe::walk::{self, Tries, Walk};
use probe::{Carrier, Envelope, Fragmentation, Signal};
use registry::Registry;
use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// The dialect.
pub const TRACEROUTE: Dialect = Dialect {
    name: "traceroute",
    aliases: &["traceroute4", "traceroute6", "traceroute.db", "traceroute6.db"],
    run,
};

/// Bytes of a probe behind the IP header, unless others are asked for.
const USUAL_BYTES: usize = 40;

/// Above it, `-z` is in milliseconds.
const GAP_SECONDS_MAX: f64 = 10.0;

/// No wait is longer: 2^31 - 1 seconds.
const WAIT_MAX: Duration = Duration::from_secs(0x7fff_ffff);

/// Exit codes of what a signal ended: 128 and its number.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn run(called: &str, arguments: Vec<OsString>) -> u8 {
    let mut console = Console::new(called);
    let code = match traceroute(called, arguments, &mut console) {
        Ok(code) | Err(Stop(code)) => code,
    };
    console.flush();
    code
}

fn traceroute(called: &str, arguments: Vec<OsString>, console: &mut Console) -> Result<u8, Stop> {
    let lab = match options::lab(&arguments) {
        Some(choice) => Some((lab_road(&any(), &choice, console)?, choice)),
        None => None,
    };
    let resolver = |name: &str, family| match &lab {
        Some((road, _)) => road.resolve(name, family),
        None => resolve::resolve(name, family),
    };
    let mut options = Options::parse(called, arguments, &resolver, console)?;
    let is_lab = lab.is_some();
    options.lab = lab.as_ref().map(|(_, choice)| choice.clone());
    let gateways = gateway::find(&options, &resolver, console)?;
    let recipe = module::recipe(options.module, &options.keywords, is_lab, console)?;
    let way = gateways.fit(recipe.forever());
    let sizes = Sizes::new(&options, &way, gateways.header_bytes());
    let banner = banner(&options, sizes);
    if !options.module.opens_first {
        console.print(&banner);
    }
    let mut want = want(&options, &way, sizes);
    want.envelope.options = match gateways.options(&way) {
        Ok(bytes) => bytes,
        Err(message) => return Err(give_up(message, console)),
    };
    let mut road = open(&want, &options, console)?;
    let source = source(&road, &want, &options, console)?;
    let destination = Destination { target: options.target, source };
    if options.module.opens_first {
        console.print(&banner);
    }
    trace(&options, &way, sizes, destination, &mut road, console)
}

fn trace(
    options: &Options,
    way: &Way,
    sizes: Sizes,
    destination: Destination,
    road: &mut Road,
    console: &mut Console,
) -> Result<u8, Stop> {
    let (registry, no_registry) = match (options.as_lookups, &options.lab) {
        (false, _) => (None, None),
        (true, Some(_)) => (Some(Registry::nowhere()), None),
        (true, None) => match Registry::find() {
            Ok(registry) => (Some(registry), None),
            Err(message) => (None, Some(message)),
        },
    };
    let names = Names::start(road, !options.numeric, registry);
    let mut printer = Printer::new(console, options, way, names, no_registry);
    let driven = if options.discover_mtu {
        let plan = walk_plan(options, way, sizes, road);
        road.drive(&mut Walk::new(plan, destination, road.now()), &mut printer)
    } else {
        let plan = plan(options, way, sizes, road);
        road.drive(&mut Trace::new(plan, vec![destination], road.now()), &mut printer)
    };
    printer.close();
    let (exit, ended_by) = (printer.exit, printer.ended_by);
    if let Err(failure) = driven {
        console.error_bare(&format!("\n{}\n", failure.message));
        return Err(Stop(1));
    }
    Ok(match (exit, ended_by) {
        (Some(code), _) => code,
        (None, Some(Signal::Terminate)) => TERMINATED,
        (None, Some(_)) => INTERRUPTED,
        (None, None) => 0,
    })
}

/// How long probes are.
#[derive(Clone, Copy)]
struct Sizes {
    /// As the banner says.
    whole: usize,
    /// The IP header's part of that.
    header: usize,
    /// Behind the transport header.
    payload: usize,
}

impl Sizes {
    fn new(options: &Options, way: &Way, gateway_bytes: usize) -> Sizes {
        let header = match Family::of(options.target.address) {
            Family::V4 => 20 + gateway_bytes,
            Family::V6 => 40 + gateway_bytes,
        };
        let overhead = match options.module.name {
            // The system writes what it likes; the tool counts a payload that is never sent.
            "tcpconn" => {
                let whole =
                    options.packet_bytes.map_or(header + USUAL_BYTES, |bytes| bytes as usize);
                return Sizes { whole: whole.max(header), header, payload: 0 };
            }
            _ => way.method.overhead_bytes(),
        };
        if !way.method.carries_payload() {
            return Sizes { whole: header + overhead, header, payload: 0 };
        }
        let asked = match options.packet_bytes {
            Some(bytes) => bytes as usize,
            None if options.discover_mtu => options::PACKET_MAX_BYTES as usize,
            None => header + USUAL_BYTES,
        };
        let payload = asked.saturating_sub(header + overhead);
        Sizes { whole: header + overhead + payload, header, payload }
    }
}

/// The first line, without its end.
fn banner(options: &Options, sizes: Sizes) -> String {
    let (host, address) = (crate::escape::escape(&options.host), options.target.address);
    let (hops, bytes) = (options.hops_max, sizes.whole);
    format!("traceroute to {host} ({address}), {hops} hops max, {bytes} byte packets")
}

/// What a road that only knows names needs.
fn any() -> Want {
    Want {
        broadcast: true,
        message_max_bytes: 1_280,
        burst: 256,
        ..Want::new(Family::ALL.to_vec(), Carrier::Udp)
    }
}

fn want(options: &Options, way: &Way, sizes: Sizes) -> Want {
    let fragmentation = match options.dont_fragment {
        true => Fragmentation::Probe,
        false => Fragmentation::Allowed,
    };
    let usual = any();
    Want {
        families: vec![Family::of(options.target.address)],
        carrier: way.method.carrier(),
        access: way.access,
        datagram_will_do: way.access != Access::Raw,
        envelope: Envelope {
            source: options.source,
            hop_limit: None,
            traffic_class: options.traffic_class,
            flow_label: options.flow_label.map(|label| label & 0x000f_ffff),
            fragmentation,
            options: Vec::new(),
        },
        interface: options.interface.clone(),
        mark: options.mark,
        direct_only: options.direct_only,
        debug: options.debug,
        identifier: options.source_port,
        message_max_bytes: sizes.whole.max(usual.message_max_bytes),
        ..usual
    }
}

fn lab_road(want: &Want, choice: &LabChoice, console: &mut Console) -> Result<Road, Stop> {
    Road::open(want, Some(choice)).or_else(|failure| options::fail(console, &failure.message))
}

fn open(want: &Want, options: &Options, console: &mut Console) -> Result<Road, Stop> {
    if let Some(choice) = &options.lab {
        return lab_road(want, choice, console);
    }
    let opened = |want: &Want| {
        let network = Network::open(want)?;
        Ok(Road::Network(Box::new(network), Box::new(want.clone())))
    };
    let is_whole = options.dont_fragment && want.carrier != Carrier::Tcp;
    if is_whole && want.access == Access::Auto {
        // Their errors tell the link's MTU; where raw sockets fail, the system says what it knows
        // of the whole way.
        let plain = Want { access: Access::Datagram, ..want.clone() };
        if let Ok(road) = opened(&plain) {
            return Ok(road);
        }
    }
    opened(want).map_err(|fault| explain(&fault, want, console))
}

/// Where probes leave from.
fn source(
    road: &Road,
    want: &Want,
    options: &Options,
    console: &mut Console,
) -> Result<IpAddr, Stop> {
    let to = options.target;
    if options.lab.is_some() {
        let found = road.source_towards(to);
        return found.ok_or_else(|| give_up("connect: Network is unreachable", console));
    }
    let (source, interface) = (want.envelope.source, want.interface.as_deref());
    let found = net::source_towards(to.address, to.zone, source, interface, want.mark);
    found.map_err(|fault| explain(&fault, want, console))
}

/// Says why there is nothing to send with, or no way; exit code 1.
fn explain(fault: &Fault, want: &Want, console: &mut Console) -> Stop {
    const EPERM: i32 = 1;
    const EACCES: i32 = 13;
    const ENODEV: i32 = 19;
    const EADDRINUSE: i32 = 98;
    const EADDRNOTAVAIL: i32 = 99;
    let why = system_words(&fault.error);
    match fault.error.raw_os_error() {
        Some(ENODEV) => give_up(&format!("setsockopt SO_BINDTODEVICE: {why}"), console),
        Some(EPERM | EACCES) if want.mark.is_some() => {
            give_up(&format!("setsockopt SO_MARK: {why}"), console)
        }
        Some(EPERM) if !want.envelope.options.is_empty() => {
            give_up(&format!("setsockopt IP_OPTIONS: {why}"), console)
        }
        Some(EACCES) if want.debug => give_up(&format!("setsockopt SO_DEBUG: {why}"), console),
        Some(EACCES) if want.identifier.is_some() => give_up(&format!("bind: {why}"), console),
        _ if fault.blame == Blame::Rights => {
            let message = "You do not have enough privileges to use this traceroute method.";
            console.error_bare(&format!("{message}\nsocket: {why}\n"));
            Stop(1)
        }
        Some(EADDRINUSE | EADDRNOTAVAIL) => give_up(&format!("bind: {why}"), console),
        _ => give_up(&format!("connect: {why}"), console),
    }
}

/// Says what the system refuses, below what stands there; exit code 1.
fn give_up(message: &str, console: &mut Console) -> Stop {
    console.error_bare(&format!("\n{message}\n"));
    Stop(1)
}

fn plan(options: &Options, way: &Way, sizes: Sizes, road: &Road) -> Plan {
    let [most, here, near] = options.wait;
    let timeout = seconds(most);
    let family = Family::of(options.target.address);
    let usual = Plan::new(way.method, road.identifiers(), road.key());
    Plan {
        port: options.port.unwrap_or(options.module.usual_port),
        naming: way.naming,
        course: Course::Once { queries: options.queries },
        first_hop: options.first_hop,
        hops_max: options.hops_max,
        in_flight_max: options.in_flight_max,
        gap: gap(options),
        timeout,
        is_adaptive: here > 0.0 || near > 0.0,
        patience: timeout,
        payload_bytes: sizes.payload,
        traffic_class: options.traffic_class,
        flow_label: None,
        sees_quoted_headers: road.sees_quoted_headers(family),
        ..usual
    }
}

/// What looks for MTUs on the way.
fn walk_plan(options: &Options, way: &Way, sizes: Sizes, road: &Road) -> walk::Plan {
    let [most, here, _] = options.wait;
    let family = Family::of(options.target.address);
    walk::Plan {
        method: way.method,
        port: options.port.unwrap_or(options.module.usual_port),
        naming: way.naming,
        first_hop: options.first_hop,
        hops_max: options.hops_max,
        tries: Tries::All(options.queries),
        timeout: seconds(most),
        here,
        gap: gap(options),
        packet_bytes: sizes.whole,
        header_bytes: sizes.header,
        identifier: road.identifiers().first().copied().unwrap_or_default(),
        sees_quoted_headers: road.sees_quoted_headers(family),
        key: road.key(),
    }
}

fn gap(options: &Options) -> Duration {
    match options.gap_s > GAP_SECONDS_MAX {
        true => seconds(options.gap_s / 1_000.0),
        false => seconds(options.gap_s),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX).min(WAIT_MAX)
}
