//! clockdiff of iputils: its options, its lines, its exit codes. What it does differently on
//! purpose stands in docs/dialects.md.

pub mod options;

use super::Dialect;
use super::console::{Console, system_words};
use super::tracepath::options::take_lab;
use crate::resolve;
use crate::road::Road;
use net::{Access, Batch, Fault, Network, Stamps, Want, local_time};
use options::{Form, Options, Stop};
use probe::clockdiff::{Clockdiff, End, Oddity, Plan, Report};
use probe::targets::Target;
use probe::{Carrier, Envelope, Observer, Signal, Time};
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr};
use wire::Family;
use wire::ip::options as ip_options;

/// The dialect.
pub const CLOCKDIFF: Dialect = Dialect { name: "clockdiff", aliases: &[], run };

/// Exit codes of what a signal ended: 128 and its number.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

fn run(called: &str, arguments: Vec<OsString>) -> u8 {
    let mut console = Console::new(called);
    let code = match clockdiff(called, arguments, &mut console) {
        Ok(code) | Err(Stop(code)) => code,
    };
    console.flush();
    code
}

/// Shows dots to people, and keeps how the run ended.
struct Measurement<'a> {
    console: &'a mut Console,
    is_interactive: bool,
    end: End,
    ended_by: Option<Signal>,
}

fn clockdiff(
    called: &str,
    mut arguments: Vec<OsString>,
    console: &mut Console,
) -> Result<u8, Stop> {
    let lab = take_lab(&mut arguments);
    let options = Options::parse(called, arguments, console)?;
    let road = match &lab {
        Some(choice) => {
            let opened = Road::open(&want(Vec::new()), Some(choice));
            Some(opened.or_else(|failure| die(console, &failure.message))?)
        }
        None if net::may_raw() => None,
        None => return die(console, "socket: Operation not permitted"),
    };
    let target = target(&options.host, road.as_ref(), console)?;
    let source = match &road {
        Some(road) => road.source_towards(target),
        None => match net::source_towards(target.address, 0, None, None, None) {
            Ok(source) => Some(source),
            Err(fault) => return die(console, &format!("connect: {}", system_words(&fault.error))),
        },
    };
    let stops = match (source, target.address) {
        (Some(IpAddr::V4(source)), IpAddr::V4(target)) => stops(options.form, source, target),
        _ => Vec::new(),
    };
    let options_bytes = match stops.is_empty() {
        true => Vec::new(),
        false => ip_options::timestamp_prespecified(&stops).expect("four stops have room"),
    };
    let option_bytes = options_bytes.len() as u8;
    let want = want(options_bytes);
    let mut road = match &lab {
        Some(choice) => {
            Road::open(&want, Some(choice)).or_else(|failure| die(console, &failure.message))?
        }
        None => {
            let opened = Network::open(&want).or_else(|fault| die(console, &words(&fault)));
            Road::Network(Box::new(opened?), Box::new(want))
        }
    };
    let plan = Plan {
        target,
        identifier: road.identifiers().first().copied().unwrap_or_default(),
        epoch_ns: road.epoch_ns(),
        option_bytes,
    };
    let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut engine = Clockdiff::new(plan, road.now());
    let mut measurement =
        Measurement { console, is_interactive, end: End::Stopped, ended_by: None };
    let driven = road.drive(&mut engine, &mut measurement);
    let Measurement { end, ended_by, .. } = measurement;
    driven.or_else(|failure| die(console, &failure.message))?;
    let now_ns = road.epoch_ns() + i128::from(road.now().0);
    let now_s = i64::try_from(now_ns.div_euclid(1_000_000_000)).unwrap_or(0);
    tell(&options, end, ended_by, is_interactive, now_s, console)
}

fn tell(
    options: &Options,
    end: End,
    ended_by: Option<Signal>,
    is_interactive: bool,
    now_s: i64,
    console: &mut Console,
) -> Result<u8, Stop> {
    let host = &options.host;
    match end {
        End::Measured { rtt: [rtt, deviation, least], delta, delta1 } => {
            console.print(&match is_interactive {
                false => format!("{now_s} {delta} {delta1}\n"),
                true => format!(
                    "\nhost={} rtt={rtt}({deviation})ms/{least}ms delta={delta}ms/{delta1}ms {}\n",
                    crate::escape::escape(host),
                    options.time(local_time::at(now_s))
                ),
            });
            Ok(0)
        }
        End::Down => die(console, &format!("{host} is down")),
        End::NonStandard => {
            die(console, &format!("{host} time transmitted in a non-standard format"))
        }
        End::Unreachable => die(console, &format!("{host} is unreachable")),
        End::Failed => die(console, "measure: unknown failure"),
        End::Stopped => match ended_by {
            Some(Signal::Terminate) => Err(Stop(TERMINATED)),
            _ => Err(Stop(INTERRUPTED)),
        },
    }
}

/// The hosts that put their times into the option, in order.
fn stops(form: Form, source: Ipv4Addr, target: Ipv4Addr) -> Vec<Ipv4Addr> {
    match form {
        Form::Icmp => Vec::new(),
        Form::ThreeTerm => vec![source, target, source],
        Form::FourTerm => vec![source, target, target, source],
    }
}

/// Prints a message; exit code 1.
fn die<T>(console: &mut Console, message: &str) -> Result<T, Stop> {
    console.error(message);
    Err(Stop(1))
}

fn words(fault: &Fault) -> String {
    format!("socket: {}", system_words(&fault.error))
}

fn target(host: &str, lab: Option<&Road>, console: &mut Console) -> Result<Target, Stop> {
    let family = Some(Family::V4);
    let found = match lab {
        Some(road) => road.resolve(host, family),
        None => resolve::resolve(host, family),
    };
    match found {
        Ok(targets) if !targets.is_empty() => Ok(targets[0]),
        Ok(_) => die(console, &format!("{host}: Name or service not known")),
        Err(unresolved) => die(console, &format!("{host}: {}", unresolved.reason)),
    }
}

fn want(options: Vec<u8>) -> Want {
    Want {
        families: vec![Family::V4],
        carrier: Carrier::Icmp,
        access: Access::Raw,
        datagram_will_do: false,
        envelope: Envelope { options, ..Envelope::default() },
        interface: None,
        mark: None,
        broadcast: false,
        direct_only: false,
        multicast_loop: true,
        debug: false,
        identifier: None,
        lanes: 1,
        message_max_bytes: 1_024,
        burst: 64,
        send_buffer_bytes: None,
        stamps: Stamps::Receive,
        batch: Batch::One,
    }
}

impl Observer<Clockdiff> for Measurement<'_> {
    fn report(&mut self, _engine: &Clockdiff, report: Report) {
        match report {
            Report::Counted if self.is_interactive => {
                self.console.print(".");
                self.console.flush();
            }
            Report::Counted => {}
            Report::Odd(Oddity::WrongForm(form)) => {
                self.console.error_bare(&format!("Wrong timestamp {form}\n"));
            }
            Report::Odd(Oddity::Overflow(hops)) => {
                self.console.error_bare(&format!("Overflow {hops} hops\n"));
            }
            Report::Odd(Oddity::WrongStamps) => self.console.error_bare("wrong timestamps\n"),
            Report::End(end) => self.end = end,
        }
    }

    fn signal(&mut self, engine: &mut Clockdiff, now: Time, signal: Signal) {
        if signal != Signal::Status {
            self.ended_by = Some(signal);
            probe::Engine::stop(engine, now);
        }
    }
}
