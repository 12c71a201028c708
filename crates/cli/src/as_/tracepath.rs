//! tracepath of iputils: its options, its lines, its exit codes. What it does differently on
//! purpose stands in docs/dialects-traceroute.md.

pub mod options;
mod print;

use super::Dialect;
use super::console::{Console, system_words};
use super::traceroute::names::Names;
use crate::resolve;
use crate::road::{LabChoice, Road};
use net::{Access, Fault, Network, Want};
use options::{Options, Stop};
use print::Printer;
use probe::method::UDP;
use probe::targets::Target;
use probe::trace::{Destination, Naming};
use probe::walk::{Plan, Tries, Walk};
use probe::{Carrier, Envelope, Fragmentation, Signal};
use std::ffi::OsString;
use std::time::Duration;
use wire::Family;

/// The dialect.
pub const TRACEPATH: Dialect =
    Dialect { name: "tracepath", aliases: &["tracepath4", "tracepath6"], run };

/// The target's port, which counts up.
const PORT: u16 = 44_444;

/// How often a hop is asked that does not answer, and how long each answer is waited for.
const TRIES: u8 = 3;
const TIMEOUT: Duration = Duration::from_secs(1);

const UDP_HEADER_BYTES: u32 = 8;

/// No UDP payload is longer, whatever the system knows of links.
const PAYLOAD_MAX_BYTES: u32 = 65_535;

/// Exit codes of what a signal ended: 128 and its number.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn run(called: &str, arguments: Vec<OsString>) -> u8 {
    let mut console = Console::new(called);
    let code = match tracepath(called, arguments, &mut console) {
        Ok(code) | Err(Stop(code)) => code,
    };
    console.flush();
    code
}

fn tracepath(
    called: &str,
    mut arguments: Vec<OsString>,
    console: &mut Console,
) -> Result<u8, Stop> {
    let lab = options::take_lab(&mut arguments);
    let options = Options::parse(called, arguments, console)?;
    let mut road = match &lab {
        Some(choice) => Some(lab_road(choice, console)?),
        None => None,
    };
    let target = target(&options, road.as_ref(), console)?;
    let family = Family::of(target.address);
    let length = length(&options, family, console)?;
    let want = want(family);
    let source = match &road {
        Some(road) => road.source_towards(target),
        None => net::source_towards(target.address, target.zone, None, None, None).ok(),
    };
    let (Some(source), true) = (source, length.is_possible(family)) else {
        console.print(&print::send_failed(1));
        console.print(&print::resume(length.packet, None));
        return Ok(0);
    };
    if road.is_none() {
        let network = Network::open(&want).map_err(|fault| explain(&fault, console))?;
        road = Some(Road::Network(Box::new(network), Box::new(want)));
    }
    let Some(mut road) = road else { unreachable!("it has just been opened") };
    let names = Names::start(&road, !options.numeric || options.both, None);
    let mut walk =
        Walk::new(plan(&options, length, &road), Destination { target, source }, road.now());
    let mut printer = Printer::new(console, &options, family, names, length.packet);
    let driven = road.drive(&mut walk, &mut printer);
    printer.close();
    let ended_by = printer.ended_by;
    if let Err(failure) = driven {
        console.error(&failure.message);
        return Err(Stop(1));
    }
    Ok(match ended_by {
        None => 0,
        Some(Signal::Terminate) => TERMINATED,
        Some(_) => INTERRUPTED,
    })
}

/// Finds the target: the resolver's first address.
fn target(options: &Options, lab: Option<&Road>, console: &mut Console) -> Result<Target, Stop> {
    let found = match lab {
        Some(road) => road.resolve(&options.host, options.family),
        None => resolve::resolve(&options.host, options.family),
    };
    let reason = match found {
        Ok(targets) => match targets.first() {
            Some(target) => return Ok(*target),
            None => "Name or service not known".to_owned(),
        },
        Err(unresolved) => unresolved.reason,
    };
    console.error(&format!("{}: {reason}", options.host));
    Err(Stop(1))
}

/// How long the first probe is.
#[derive(Clone, Copy)]
struct Length {
    packet: u32,
    /// The IP header's part of that.
    header: u32,
}

impl Length {
    /// Whether the system takes it for a datagram, if perhaps for one that is too long. Of IPv6 it
    /// takes any.
    fn is_possible(self, family: Family) -> bool {
        let payload = self.packet - self.header - UDP_HEADER_BYTES;
        family == Family::V6 || payload <= PAYLOAD_MAX_BYTES
    }
}

fn length(options: &Options, family: Family, console: &mut Console) -> Result<Length, Stop> {
    let (header, usual) = match family {
        Family::V4 => (20, 65_535),
        Family::V6 => (40, 128_000),
    };
    let overhead = header + UDP_HEADER_BYTES;
    let packet = options.length.unwrap_or(usual);
    if packet <= overhead {
        let most = i32::MAX;
        console.error(&format!("pktlen must be within: {overhead} < value <= {most}"));
        return Err(Stop(1));
    }
    Ok(Length { packet, header })
}

fn want(family: Family) -> Want {
    Want {
        // Their errors tell the link's MTU.
        access: Access::Datagram,
        envelope: Envelope { fragmentation: Fragmentation::Probe, ..Envelope::default() },
        broadcast: true,
        message_max_bytes: 65_535,
        ..Want::new(vec![family], Carrier::Udp)
    }
}

fn lab_road(choice: &LabChoice, console: &mut Console) -> Result<Road, Stop> {
    let both = Want { families: Family::ALL.to_vec(), ..want(Family::V4) };
    Road::open(&both, Some(choice)).map_err(|failure| {
        console.error(&failure.message);
        Stop(1)
    })
}

fn explain(fault: &Fault, console: &mut Console) -> Stop {
    console.error(&format!("cannot {}: {}", fault.doing, system_words(&fault.error)));
    Stop(1)
}

fn plan(options: &Options, length: Length, road: &Road) -> Plan {
    Plan {
        method: &UDP,
        port: options.port.unwrap_or(PORT),
        naming: Naming::CountingPort,
        first_hop: 1,
        hops_max: options.hops_max,
        tries: Tries::UntilAnswered(TRIES),
        timeout: TIMEOUT,
        here: 0.0,
        gap: Duration::ZERO,
        packet_bytes: length.packet as usize,
        header_bytes: length.header as usize,
        identifier: road.identifiers().first().copied().unwrap_or_default(),
        sees_quoted_headers: false,
        key: road.key(),
    }
}
