//! fping 5: its options, lines and exit codes. What differs is listed in `docs/dialects-fping.md`.

#[cfg(test)]
mod check;
mod hosts;
mod lines;
mod number;
mod options;
mod run;
mod summary;
mod tally;
mod text;
mod usage;
mod words;

use super::Dialect;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::resolve::{self, Resolved};
use crate::road::Road;
use hosts::{Hosts, Resolver};
use lines::Printer;
use net::{Access, Batch, Stamps, Want};
use options::{Ask, Leave, Options};
use probe::kind::{self, Kind, Rights};
use probe::ping::{Goal, Linger, Pace, Pattern, Ping, Plan};
use probe::targets::Targets;
use probe::{Envelope, Fragmentation};
use run::Run;
use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use text::Streams;
use wire::Family;

/// fping, and fping6, which is fping with `-6`.
pub const FPING: Dialect = Dialect { name: "fping", aliases: &["fping6"], run: speak };

/// Below this gap between probes they are handed to the kernel in batches: who asks for that rate
/// does not care for the exact time of each.
const BATCH_GAP_MAX: Duration = Duration::from_micros(20);

/// Below this gap the exact send stamp is worth less than the system call that it costs.
const EXACT_GAP_MIN: Duration = Duration::from_micros(500);

/// So few probes can each have the system call for their send stamp, whatever the gap.
const FEW: u64 = 64;

/// The most identifiers that a network gives, 65,536 probes in flight each.
const LANES_MAX: u64 = 256;

/// The most answers that can pile up before they are read, for the size of the receive buffer.
const BURST_MAX: u64 = 32_768;

fn speak(called: &str, arguments: Vec<OsString>) -> u8 {
    match Options::parse(called, arguments).and_then(|options| probe_all(&options)) {
        Ok(code) => code,
        Err(leave) => {
            let mut streams = Streams::default();
            streams.out().push_str(&leave.stdout);
            streams.err().push_str(&leave.stderr);
            streams.flush();
            leave.code
        }
    }
}

fn probe_all(options: &Options) -> Result<u8, Leave> {
    let (hosts, mut road) = open(options)?;
    let Hosts { targets, names, unknown } = hosts;
    let started = road.now();
    let epoch_ns = road.epoch_ns();
    let mut printer = Printer::new(options, &names, targets.len(), unknown, epoch_ns);
    let ping = Ping::new(plan(options, &road), targets, started);
    let mut run = Run::new(ping, options.report_every, started);
    road.drive(&mut run, &mut printer).map_err(|failure| give_up(options, &failure))?;
    let now = road.now().max(run.now());
    Ok(printer.finish(&run, now))
}

/// Finds the targets and opens the network; a lab has to be there first, it knows the names.
fn open(options: &Options) -> Result<(Hosts, Road), Leave> {
    let mut streams = Streams::default();
    let mut warn = |name: &str, reason: &str| {
        if !options.quiet {
            lines::add(streams.err(), format_args!("{}: {reason}\n", escape(name)));
        }
        if options.json {
            let (host, message) = (text::json(name), text::json(reason));
            let warning =
                format_args!("{{\"warning\": {{\"host\": {host}, \"message\": {message}}}}}\n");
            lines::add(streams.out(), warning);
        }
    };
    let opened = match &options.lab {
        Some(_) => {
            let families = Family::ALL.to_vec();
            Road::open(&want(options, families, LANES_MAX << 16), options.lab.as_ref())
                .map_err(|failure| give_up(options, &failure))
                .and_then(|road| Ok((Hosts::gather(options, &Names::Lab(&road), &mut warn)?, road)))
        }
        None => Hosts::gather(options, &Names::System, &mut warn).and_then(|hosts| {
            let want = want(options, families(&hosts.targets), in_flight(options, &hosts.targets));
            let road = Road::open(&want, None).map_err(|failure| give_up(options, &failure))?;
            Ok((hosts, road))
        }),
    };
    streams.flush();
    opened
}

/// Where names come from.
enum Names<'a> {
    System,
    Lab(&'a Road),
}

impl Resolver for Names<'_> {
    fn forward(&self, names: &[String], family: Option<Family>) -> Vec<Resolved> {
        match self {
            Names::System => resolve::resolve_all(names, family),
            Names::Lab(road) => names.iter().map(|name| road.resolve(name, family)).collect(),
        }
    }

    fn reverse(&self, address: IpAddr) -> Option<String> {
        match self {
            Names::System => resolve::reverse(address),
            Names::Lab(road) => road.lab_name(address),
        }
    }
}

fn families(targets: &Targets) -> Vec<Family> {
    let is_there =
        |family: &Family| targets.runs().any(|(first, _)| Family::of(first.address) == *family);
    Family::ALL.into_iter().filter(is_there).collect()
}

/// The most probes that can be unanswered at one time.
fn in_flight(options: &Options, targets: &Targets) -> u64 {
    let longest = match options.ask {
        Ask::Alive => {
            let factor = options.backoff.powf(f64::from(options.retries.min(1_000)));
            options.timeout.as_secs_f64() * factor
        }
        Ask::Count(_) | Ask::Loop => options.timeout.as_secs_f64(),
    };
    let each = match options.ask {
        Ask::Alive => 1.0,
        Ask::Count(_) | Ask::Loop => (longest / options.period.as_secs_f64()).ceil() + 1.0,
    };
    let by_rate = longest / options.interval.as_secs_f64();
    let all = f64::from(targets.len()) * each;
    // Without a gap the rate does not bound them: the quotient is infinite.
    all.min(by_rate + 1.0) as u64
}

fn want(options: &Options, families: Vec<Family>, in_flight: u64) -> Want {
    let is_fast = options.interval < EXACT_GAP_MIN && in_flight > FEW;
    let source = families
        .iter()
        .find_map(|family| options.sources.iter().rfind(|source| Family::of(**source) == *family));
    let fragmentation =
        if options.dont_fragment { Fragmentation::Forbidden } else { Fragmentation::System };
    Want {
        families,
        carrier: probe::Carrier::Icmp,
        access: Access::Auto,
        datagram_will_do: kind(options).rights() == Rights::Datagram,
        envelope: Envelope {
            source: source.copied(),
            hop_limit: options.hop_limit,
            traffic_class: options.traffic_class,
            fragmentation,
            ..Envelope::default()
        },
        interface: options.interface.clone(),
        mark: options.mark,
        broadcast: false,
        direct_only: false,
        multicast_loop: true,
        debug: false,
        identifier: None,
        lanes: (in_flight.div_ceil(1 << 16)).clamp(1, LANES_MAX) as u16,
        message_max_bytes: kind(options).overhead_bytes() + options.size_bytes,
        burst: in_flight.clamp(1, BURST_MAX) as u32,
        send_buffer_bytes: None,
        stamps: if is_fast { Stamps::Receive } else { Stamps::Both },
        batch: if options.interval < BATCH_GAP_MAX { Batch::Many } else { Batch::One },
    }
}

fn kind(options: &Options) -> &'static dyn Kind {
    if options.icmp_timestamp { &kind::TIMESTAMP } else { &kind::ECHO }
}

fn plan(options: &Options, road: &Road) -> Plan {
    let goal = match options.ask {
        Ask::Alive => Goal::FirstReply { retries: options.retries, backoff: options.backoff },
        Ask::Count(count) => Goal::Probes(Some(count.into())),
        Ask::Loop => Goal::Probes(None),
    };
    let key = road.key();
    let pattern = if options.random { Pattern::Random(key.0[0]) } else { Pattern::Repeat(vec![0]) };
    let midnight_ms = road.epoch_ns().div_euclid(1_000_000).rem_euclid(86_400_000);
    Plan {
        kind: kind(options),
        goal,
        pace: Pace::Schedule { preload: 0 },
        interval: options.period,
        gap: options.interval,
        timeout: options.timeout,
        linger: Linger::UntilTimeout,
        payload_bytes: options.size_bytes,
        pattern,
        first_sequence: 0,
        midnight_ms: u32::try_from(midnight_ms).expect("less than a day"),
        ..Plan::new(road.identifiers(), key)
    }
}

/// What fping says when the system does not let it, and its exit code.
fn give_up(options: &Options, failure: &Failure) -> Leave {
    let called = &options.called;
    let complaint = if failure.exit == Exit::NotPermitted {
        "can't create socket (must run as root?)".to_owned()
    } else if failure.message.starts_with("cannot send from ") {
        let reason = failure.message.rsplit(": ").next().unwrap_or_default();
        format!("cannot bind source address : {}", without_number(reason))
    } else {
        failure.message.clone()
    };
    match failure.exit {
        Exit::NotPermitted if options.quiet => Leave::silently(4),
        _ => Leave::with(4, format!("{called}: {complaint}")),
    }
}

/// The system's words for an error, without the number.
fn system_words(error: &io::Error) -> String {
    without_number(&error.to_string()).to_owned()
}

fn without_number(words: &str) -> &str {
    words.find(" (os error ").map_or(words, |at| &words[..at])
}
