//! `askway mtu TARGET...`: how wide is the road?

pub mod after;
pub mod options;
mod ways;

use super::Command;
use super::asked::{Asked, Row};
use super::origin::families;
use super::trace::names::Names;
use super::trace::route::Routes;
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use crate::print::mtu::csv::Csv;
use crate::print::mtu::human::Human;
use crate::print::mtu::json::Json;
use crate::print::mtu::{Book, Measured, Printer};
use crate::print::{Closed, Out, Unresolved};
use crate::resolve::{self, Resolved};
use crate::spec::{List, Rules};
use clap::{ArgMatches, Args, FromArgMatches};
use options::Options;
use probe::Carrier;
use probe::method::Method;
use probe::mtu::{Conclusion, End, Evidence, Expectation, Finding, conclude};
use std::net::IpAddr;
use ways::{Job, Ways};

/// The command.
pub const COMMAND: Command = Command {
    name: "mtu",
    summary: ("measure how wide the road to a host is", "测量到主机的路有多宽"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    let family = options.family()?;
    let mut list = List::new(Rules { family, ..Rules::default() });
    options.targets.iter().try_for_each(|target| list.argument(target))?;
    let names: Vec<String> = list.names().map(str::to_owned).collect();
    if common.lab.is_some() {
        let families = families(family);
        let ways = Ways::open(&families, &options, common)?;
        let found = names.iter().map(|name| ways.road().resolve(name, family)).collect();
        return go(ways, asked(list, found, &options)?, &options, common);
    }
    let asked = asked(list, resolve::resolve_all(&names, family), &options)?;
    let families = asked.families();
    if families.is_empty() {
        let routes = Routes::new(asked, 0, |_| None, true);
        return show(&routes, &[], &Names::none(), &options, common);
    }
    go(Ways::open(&families, &options, common)?, asked, &options, common)
}

fn asked(list: List, found: Vec<Resolved>, options: &Options) -> Result<Asked, Failure> {
    Asked::new(list, found, options.all_addresses).map_err(|_| Failure {
        message: "these are more targets than can be counted".to_owned(),
        hint: Some("ask in parts".to_owned()),
        exit: Exit::Usage,
    })
}

fn go(mut ways: Ways, asked: Asked, options: &Options, common: &Common) -> Result<Exit, Failure> {
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let routes = Routes::new(asked, zone, |target| ways.road().source_towards(target), true);
    let mut names = if options.numeric { Names::none() } else { Names::start(ways.road()) };
    let mut found: Vec<Found> = routes.destinations().iter().map(|_| Found::default()).collect();
    for method in options.methods() {
        if !measure(&mut ways, method, &routes, &mut found)? {
            break;
        }
    }
    let now = ways.road().now();
    for address in found.iter().flat_map(Found::addresses) {
        names.want(address, now);
    }
    for address in found.iter().flat_map(Found::addresses) {
        while names.is_awaited(address, ways.road().now()) {
            names.wait();
        }
    }
    show(&routes, &found, &names, options, common)
}

impl Book for Names {
    fn name(&self, address: IpAddr) -> Option<&str> {
        self.of(address).map(String::as_str)
    }
}

/// What is known of a road.
#[derive(Default)]
struct Found {
    both: Option<Finding>,
    forward: Option<Finding>,
}

impl Found {
    fn conclusion(&self) -> Conclusion {
        conclude(self.both.as_ref(), self.forward.as_ref())
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.both.iter().chain(&self.forward)
    }

    /// What is to be expected of the way there, if it is no wider than there and back.
    fn expectation(&self) -> Option<Expectation> {
        let verdict = self.both.as_ref()?.verdict;
        let mtu_bytes = verdict.mtu_bytes?;
        let is_reached = matches!(verdict.end, End::Reached { .. });
        is_reached.then_some(Expectation { mtu_bytes, local_bytes: verdict.local_bytes })
    }

    /// Addresses that are shown.
    fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses = Vec::new();
        for finding in self.findings() {
            let remarks = finding.remarks.iter().map(|remark| remark.from);
            addresses.extend(remarks);
            for limit in &finding.limits {
                addresses.extend(limit.from.into_iter().chain(limit.next));
                if let Evidence::Said { from, .. } = limit.evidence {
                    addresses.push(from);
                }
            }
            if let End::Reached { from, .. } | End::Refused { from, .. } = finding.verdict.end {
                addresses.push(from);
            }
        }
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

/// Asks all roads of which something is left to find out; whether nobody interrupted that.
fn measure(
    ways: &mut Ways,
    method: &'static dyn Method,
    routes: &Routes,
    found: &mut [Found],
) -> Result<bool, Failure> {
    let is_open = |found: &Found| {
        let conclusion = found.conclusion();
        found.both.is_none() || !conclusion.forward_is_exact || !conclusion.is_reached
    };
    let roads: Vec<usize> = (0..found.len()).filter(|road| is_open(&found[*road])).collect();
    let job = Job {
        destinations: roads.iter().map(|road| routes.destinations()[*road]).collect(),
        expectations: roads.iter().map(|road| found[*road].expectation()).collect(),
    };
    if roads.is_empty() || !ways.has(method) {
        return Ok(true);
    }
    let told = ways.ask(method, job)?;
    for (road, events) in roads.into_iter().zip(told.events) {
        let finding = Finding::of(method.name(), events);
        match method.carrier() {
            Carrier::Icmp => found[road].both = finding,
            _ => found[road].forward = finding,
        }
    }
    Ok(!told.is_interrupted)
}

/// Shows everything, in the order in which targets were named.
fn show(
    routes: &Routes,
    found: &[Found],
    names: &Names,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let mut printer: Box<dyn Printer> = match common.format() {
        Format::Human => {
            Box::new(Human::new(common.language(), common.is_coloured(), options.quiet))
        }
        Format::Json => Box::new(Json { is_quiet: options.quiet }),
        Format::Csv => Box::new(Csv { is_quiet: options.quiet }),
    };
    let mut out = Out::default();
    printer.start(&mut out.text);
    let (mut is_complete, mut is_named) = (true, true);
    for (at, row) in routes.rows().enumerate() {
        if at > 0 {
            printer.separate(&mut out.text);
        }
        match row {
            Row::Unresolved(it) => {
                is_named = false;
                printer.unresolved(&Unresolved::of(it), &mut out.text);
            }
            Row::Target(target) => {
                let road = routes.road_of(target);
                let found = &found[road as usize];
                let conclusion = found.conclusion();
                is_complete &= conclusion.is_reached;
                let measured = Measured {
                    whom: routes.whom(road),
                    source: routes.destinations()[road as usize].source,
                    both: found.both.as_ref(),
                    forward: found.forward.as_ref(),
                    conclusion: &conclusion,
                    book: names,
                };
                printer.road(&measured, &mut out.text);
            }
        }
    }
    match out.flush().err().and_then(Closed::failure) {
        Some(failure) => Err(failure),
        None if !is_named => Ok(Exit::NameNotFound),
        None if is_complete => Ok(Exit::Yes),
        None => Ok(Exit::No),
    }
}
