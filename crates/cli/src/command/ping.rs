//! `askway ping TARGET...`: is it there, and how far?

mod names;
mod options;
mod plan;
mod roster;
mod watch;

use super::Command;
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use crate::print::csv::Csv;
use crate::print::fields::Extra;
use crate::print::human::{Human, Style, plain};
use crate::print::json::Json;
use crate::print::{Closed, Out, Printer, Start, Unresolved};
use crate::resolve::{self, Lookups};
use crate::road::{Epoch, Road};
use crate::spec;
use clap::{ArgMatches, Args, FromArgMatches};
use names::Names;
use net::Stamps;
use options::Options;
use probe::ping::Ping;
use probe::targets::{Target, Targets, TooMany};
use roster::{Roster, State};
use watch::Watch;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "ping",
    summary: ("ask hosts whether they are there, and how far", "问主机在不在，有多远"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let family = options.family()?;
    let list = targets(&options, family)?;
    let mut targets = Targets::default();
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let mut roster = Roster::new(&list, zone, &mut targets).map_err(|TooMany| too_many())?;
    let is_network = common.lab.is_none();
    let is_only_a_name = targets.is_empty() && roster.entries().len() == 1;
    if is_network && is_only_a_name {
        let resolve = |name: &str| resolve::resolve(name, family);
        settle_all(&mut roster, &mut targets, &options, zone, resolve)?;
    }
    let families = families(&targets, &roster, family);
    options.check(&families, has_group(&options, &targets))?;
    if families.is_empty() {
        return nobody(roster, &options, common);
    }
    let road = open(&options, common, families, &targets, &roster)?;
    if !is_network {
        settle_all(&mut roster, &mut targets, &options, zone, |name| road.resolve(name, family))?;
        if targets.is_empty() {
            return nobody(roster, &options, common);
        }
    }
    go(road, &options, common, roster, targets, zone, family)
}

/// What the user named, on the command line and in files.
fn targets(options: &Options, family: Option<Family>) -> Result<spec::List, Failure> {
    let mut list = spec::List::new(spec::Rules { family, ..spec::Rules::default() });
    for target in &options.targets {
        list.argument(target)?;
    }
    for file in &options.file {
        list.file(file)?;
    }
    if list.is_empty() {
        return Err(Failure {
            message: "no targets".to_owned(),
            hint: Some("name at least one host".to_owned()),
            exit: Exit::Usage,
        });
    }
    Ok(list)
}

fn too_many() -> Failure {
    Failure { message: "too many targets".to_owned(), hint: None, exit: Exit::Usage }
}

/// Resolves every name at once, before the run.
fn settle_all(
    roster: &mut Roster,
    targets: &mut Targets,
    options: &Options,
    zone: u32,
    resolve: impl Fn(&str) -> resolve::Resolved,
) -> Result<(), Failure> {
    let pending: Vec<(usize, String)> =
        roster.pending().map(|(entry, name)| (entry, name.to_owned())).collect();
    for (entry, name) in pending {
        roster
            .settle(entry, resolve(&name), options.all_addresses, zone, |to| targets.push(to))
            .map_err(|TooMany| too_many())?;
    }
    Ok(())
}

/// The families to open sockets for: those of the addresses, and for names whatever they may have.
fn families(targets: &Targets, roster: &Roster, family: Option<Family>) -> Vec<Family> {
    let is_pending = roster.pending().next().is_some();
    let wanted = |it: &Family| {
        let is_named = targets.runs().any(|(first, _)| Family::of(first.address) == *it);
        is_named || (is_pending && family.is_none_or(|only| only == *it))
    };
    Family::ALL.into_iter().filter(wanted).collect()
}

/// Whether a target stands for many hosts; of a long list the start is looked at.
fn has_group(options: &Options, targets: &Targets) -> bool {
    options.broadcast || targets.iter().take(1_024).any(is_group)
}

fn is_group(target: Target) -> bool {
    match target.address {
        std::net::IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
        std::net::IpAddr::V6(address) => address.is_multicast(),
    }
}

/// Opens the road. A family that only a name may need can be missing from this host.
fn open(
    options: &Options,
    common: &Common,
    families: Vec<Family>,
    targets: &Targets,
    roster: &Roster,
) -> Result<Road, Failure> {
    let first = (!targets.is_empty()).then(|| targets.at(0));
    let source = match (options.origin.source_address(), first) {
        (None, Some(first)) if options.sticky_source && common.lab.is_none() => {
            let interface = options.origin.interface_name();
            Some(net::source_towards(first.address, first.zone, None, interface, options.mark)?)
        }
        (source, _) => source,
    };
    let count = roster.count();
    let lab = common.lab_choice();
    let attempt =
        |families: Vec<Family>| Road::open(&options.want(families, source, count)?, lab.as_ref());
    let needed: Vec<Family> = families
        .iter()
        .copied()
        .filter(|family| targets.runs().any(|(to, _)| Family::of(to.address) == *family))
        .collect();
    if needed.len() == families.len() {
        return attempt(families);
    }
    let optional = families.iter().copied().map(|family| vec![family]);
    let fallbacks: Vec<Vec<Family>> =
        if needed.is_empty() { optional.collect() } else { vec![needed] };
    attempt(families).or_else(|failure| {
        fallbacks.into_iter().find_map(|families| attempt(families).ok()).ok_or(failure)
    })
}

fn printer(options: &Options, common: &Common) -> Box<dyn Printer> {
    let extra = Extra { hints: options.hints };
    match common.format() {
        Format::Json => Box::new(Json::new(extra, options.quiet)),
        Format::Csv => Box::new(Csv::new(extra, options.quiet)),
        Format::Human => Box::new(Human::new(Style {
            language: common.language(),
            is_coloured: common.is_coloured(),
            is_quiet: options.quiet,
            only_trouble: options.flood,
            verbosity: options.verbose,
            timestamps: options.timestamps,
            audible: options.audible,
            precision: options.precision,
            hints: options.hints,
        })),
    }
}

/// No name has an address: there is nothing to send.
fn nobody(roster: Roster, options: &Options, common: &Common) -> Result<Exit, Failure> {
    let mut watch = watch(roster, options, common);
    let start = start(&watch.roster, &Targets::default(), options, None);
    if common.format() != Format::Human {
        watch.printer.start(&start, &mut watch.out.text);
    }
    print_unresolved(&mut watch);
    let plan = probe::ping::Plan::new(vec![0], probe::token::Key([0, 0]));
    let engine = Ping::new(plan, Targets::default(), probe::Time::ZERO);
    finish(&mut watch, &engine)
}

/// Sums up; the exit code stands even if nobody reads that.
fn finish(watch: &mut Watch, engine: &Ping) -> Result<Exit, Failure> {
    match watch.finish(engine).err().and_then(Closed::failure) {
        Some(failure) => Err(failure),
        None => Ok(watch.exit(engine)),
    }
}

fn watch(roster: Roster, options: &Options, common: &Common) -> Watch {
    Watch {
        roster,
        printer: printer(options, common),
        out: Out::default(),
        lookups: None,
        names: None,
        notes: Vec::new(),
        epoch: Epoch::Fixed(0),
        all_addresses: options.all_addresses,
        zone: 0,
        outstanding: options.outstanding,
        is_live: common.lab.is_none(),
        has_until: options.until.is_some(),
    }
}

fn start<'a>(
    roster: &'a Roster,
    targets: &Targets,
    options: &Options,
    road: Option<&Road>,
) -> Start<'a> {
    let only = (targets.len() == 1 && roster.count() == 1).then(|| roster.whom(0, targets));
    let source = only.and_then(|whom| whom.target).and_then(|to| road?.source_towards(to));
    let name_and_address = |name: &str| name.len() + " (255.255.255.255)".len();
    let names = roster.entries().iter().filter_map(|it| it.name.as_deref());
    let widest_name = names.map(name_and_address);
    let widest_address = targets.runs().map(|(first, _)| {
        let whom = crate::print::Whom { name: None, target: Some(first) };
        plain(whom).len() + 2
    });
    Start {
        only,
        targets: roster.count(),
        source,
        kind: options.kind.name(),
        payload_bytes: options.kind.carries_payload().then_some(options.size),
        without_send_stamps: options.stamps() == Stamps::Receive
            && matches!(road, Some(Road::Network(..))),
        widest: widest_name.chain(widest_address).max().unwrap_or(0),
    }
}

fn print_unresolved(watch: &mut Watch) {
    for entry in watch.roster.entries() {
        if let State::Unresolved(it) = &entry.state {
            let shown = Unresolved { name: &it.name, reason: &it.reason, code: it.code };
            watch.printer.unresolved(&shown, &mut watch.out.text);
        }
    }
}

fn go(
    mut road: Road,
    options: &Options,
    common: &Common,
    roster: Roster,
    targets: Targets,
    zone: u32,
    family: Option<Family>,
) -> Result<Exit, Failure> {
    let mut watch = watch(roster, options, common);
    watch.epoch = road.epoch();
    watch.zone = zone;
    watch.names = options.reverse.then(|| Names::start(&road));
    let start = start(&watch.roster, &targets, options, Some(&road));
    watch.printer.start(&start, &mut watch.out.text);
    print_unresolved(&mut watch);
    let mut plan = options.plan(&road, common, watch.roster.count());
    let whole_time = options.time_of_group().filter(|_| has_group(options, &targets));
    if let Some(time) = whole_time {
        plan.deadline = Some(plan.deadline.map_or(time, |deadline| deadline.min(time)));
    }
    let mut engine = Ping::new(plan, targets, road.now());
    let (entries, names): (Vec<usize>, Vec<String>) =
        watch.roster.pending().map(|(entry, name)| (entry, name.to_owned())).unzip();
    if let Some(waker) = road.waker().filter(|_| !names.is_empty()) {
        engine.expect_targets(true);
        watch.lookups = Some((Lookups::start(names, family, move || waker.wake()), entries));
    }
    if whole_time.is_some() {
        // Every probe has its answer, but more voices may follow.
        engine.expect_targets(true);
    }
    road.drive(&mut engine, &mut watch)?;
    finish(&mut watch, &engine)
}
