//! `askway clock TARGET...`: whose clock is right, and by how much?

mod connect;
pub mod options;
mod watch;
mod ways;

use super::Command;
use super::asked::{Asked, Row};
use super::trace::route::Routes;
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use crate::print::clock::csv::Csv;
use crate::print::clock::human::Human;
use crate::print::clock::json::Json;
use crate::print::clock::{Outcome, Printer, Told, Tries};
use crate::print::{Closed, Out, Unresolved};
use crate::resolve::{self, Resolved};
use crate::road::{LabChoice, Road};
use crate::spec::{List, Rules};
use clap::{ArgMatches, Args, FromArgMatches};
use net::Signals;
use options::Options;
use probe::clock::way::Way;
use probe::clock::{End, Verdict};
use probe::{Carrier, clock};
use std::io::Write as _;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "clock",
    summary: ("tell how far clocks of other hosts are off", "看别的主机的时钟差多少"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check(common.lab.is_some())?;
    let family = options.family()?;
    let mut list = List::new(Rules { family, ..Rules::default() });
    options.targets.iter().try_for_each(|target| list.argument(target))?;
    let names: Vec<String> = list.names().map(str::to_owned).collect();
    let lab = common.lab_choice();
    let found: Vec<Resolved> = match &lab {
        // Any way's road knows the names.
        Some(_) => {
            let road = open(options.ways()[0], &Family::ALL, &options, lab.as_ref())?;
            names.iter().map(|name| road.resolve(name, family)).collect()
        }
        None => resolve::resolve_all(&names, family),
    };
    let found = found.into_iter().map(|it| it.map(|all| preferred(all, &options))).collect();
    let asked = Asked::new(list, found, options.all_addresses).map_err(|_| Failure {
        message: "these are more targets than can be counted".to_owned(),
        hint: Some("ask in parts".to_owned()),
        exit: Exit::Usage,
    })?;
    let occurs =
        |it: &Family| asked.targets().runs().any(|(first, _)| Family::of(first.address) == *it);
    let families: Vec<Family> = Family::ALL.into_iter().filter(occurs).collect();
    if options.watch && !families.is_empty() {
        return watch::run(asked, &families, &options, common, lab.as_ref());
    }
    let ways = ways::Ways::open(&families, &options, lab.as_ref());
    refuse_if_none(&ways)?;
    let routes = routes(asked, &families, &options, lab.as_ref())?;
    let rows = ask_all(&ways, &routes, &options, lab.is_none())?;
    show(&routes, &rows, &options, common)
}

/// The addresses of a name, those first that more of the ways can ask.
fn preferred(
    mut all: Vec<probe::targets::Target>,
    options: &Options,
) -> Vec<probe::targets::Target> {
    let ways = options.ways();
    let spoken = |family| ways.iter().filter(|way| way.speaks(family)).count();
    all.sort_by_key(|target| usize::MAX - spoken(Family::of(target.address)));
    all
}

/// The road of one way, with whatever of it is there.
fn open(
    way: &'static dyn Way,
    families: &[Family],
    options: &Options,
    lab: Option<&LabChoice>,
) -> Result<Road, Failure> {
    Road::open(&options.want(way, families.to_vec()), lab)
}

/// Where targets are, and where questions to them leave from.
fn routes(
    asked: Asked,
    families: &[Family],
    options: &Options,
    lab: Option<&LabChoice>,
) -> Result<Routes, Failure> {
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    if families.is_empty() {
        return Ok(Routes::new(asked, zone, |_| None, true));
    }
    // Sockets of UDP need no right; opening them gives up what rights this thread has.
    let way = clock::way::by_name("ntp").expect("a way over UDP");
    let road = open(way, families, options, lab)?;
    Ok(Routes::new(asked, zone, |target| road.source_towards(target), true))
}

/// Ends it where no way can be had.
fn refuse_if_none(ways: &ways::Ways) -> Result<(), Failure> {
    let mut failures = ways.all().map(|(_, failure)| failure);
    if failures.any(|it| it.is_none()) {
        return Ok(());
    }
    match ways.all().find_map(|(way, failure)| Some((way, failure?.clone()))) {
        Some((way, failure)) => Err(explained(way, failure)),
        None => Ok(()),
    }
}

/// A failure to open sockets, with what else would do.
fn explained(way: &dyn Way, failure: Failure) -> Failure {
    if way.carrier() != Carrier::Icmp || failure.exit != Exit::NotPermitted {
        return failure;
    }
    let others = "daytime, time and ntp need no right: --via ntp";
    let hint = match failure.hint {
        Some(hint) => format!("{hint}; {others}"),
        None => others.to_owned(),
    };
    let message = format!("ICMP timestamps need a raw socket: {}", failure.message);
    Failure { message, hint: Some(hint), ..failure }
}

/// What came of each way, by road.
type Rows = Vec<Vec<(&'static dyn Way, Outcome)>>;

fn ask_all(
    ways: &ways::Ways,
    routes: &Routes,
    options: &Options,
    has_tcp: bool,
) -> Result<Rows, Failure> {
    let mut rows: Rows = routes.destinations().iter().map(|_| Vec::new()).collect();
    let mut is_interrupted = false;
    for (at, (way, failure)) in ways.all().enumerate() {
        let speaks =
            |road: &usize| way.speaks(Family::of(routes.destinations()[*road].target.address));
        let (spoken, others): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(speaks);
        others.into_iter().for_each(|road| rows[road].push((way, Outcome::Unspoken)));
        if let Some(failure) = failure {
            let failure = explained(way, failure.clone());
            // Nobody is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "{failure}");
            let outcome = |road: usize| rows[road].push((way, Outcome::Failed(failure.clone())));
            spoken.into_iter().for_each(outcome);
            continue;
        }
        let mut all: Vec<Tries> = spoken.iter().map(|_| Tries::default()).collect();
        let is_udp_asked = !(options.tcp && way.has_tcp());
        if is_udp_asked && !is_interrupted && !spoken.is_empty() {
            let targets = spoken.iter().map(|road| routes.destinations()[*road]).collect();
            let told = ways.ask(at, targets)?;
            is_interrupted |= told.is_interrupted;
            let transport = if way.carrier() == Carrier::Icmp { "icmp" } else { "udp" };
            let epoch_ns = told.epoch_ns;
            for (tries, (events, verdict)) in
                all.iter_mut().zip(told.events.into_iter().zip(told.verdicts))
            {
                *tries = Tries { transport, epoch_ns, events, verdict, ..Tries::default() };
            }
        }
        if has_tcp && way.has_tcp() {
            let signals = Signals::install().map_err(|error| Failure {
                message: format!("cannot listen for signals: {error}"),
                hint: None,
                exit: Exit::Failed,
            })?;
            for (tries, road) in all.iter_mut().zip(&spoken) {
                if !is_interrupted && wants_tcp(tries.verdict.as_ref()) {
                    let heard = connect::ask(way, routes.destinations()[*road], options, &signals);
                    is_interrupted |= heard.is_interrupted;
                    tries.replace_by(heard);
                }
            }
        }
        for (tries, road) in all.into_iter().zip(spoken) {
            rows[road].push((way, Outcome::Asked(Box::new(tries))));
        }
    }
    Ok(rows)
}

/// Whether UDP was not asked, or in vain.
fn wants_tcp(verdict: Option<&Verdict>) -> bool {
    verdict.is_none_or(|it| matches!(it.end, End::Silent | End::Refused(_)))
}

fn printer(options: &Options, common: &Common) -> Box<dyn Printer> {
    match common.format() {
        Format::Human => {
            Box::new(Human::new(common.language(), common.is_coloured(), options.quiet))
        }
        Format::Json => Box::new(Json { is_quiet: options.quiet }),
        Format::Csv => Box::new(Csv { is_quiet: options.quiet }),
    }
}

/// Shows everything, in the order in which targets were named.
fn show(routes: &Routes, rows: &Rows, options: &Options, common: &Common) -> Result<Exit, Failure> {
    let mut printer = printer(options, common);
    let mut out = Out::default();
    printer.start(&mut out.text);
    let mut verdict = Verdicts::default();
    for (at, row) in routes.rows().enumerate() {
        if at > 0 {
            printer.separate(&mut out.text);
        }
        match row {
            Row::Unresolved(it) => {
                verdict.is_unnamed = true;
                printer.unresolved(&Unresolved::of(it), &mut out.text);
            }
            Row::Target(target) => {
                let road = routes.road_of(target);
                let ways = &rows[road as usize];
                ways.iter().for_each(|(_, outcome)| verdict.take(outcome));
                let source = routes.destinations()[road as usize].source;
                printer.target(&Told { whom: routes.whom(road), source, ways }, &mut out.text);
            }
        }
    }
    printer.finish(&mut out.text);
    verdict.exit(out)
}

/// What becomes the exit code.
#[derive(Default)]
struct Verdicts {
    is_unnamed: bool,
    is_forbidden: bool,
    is_incomplete: bool,
}

impl Verdicts {
    fn take(&mut self, outcome: &Outcome) {
        self.is_incomplete |= outcome.estimate().is_none();
        self.is_forbidden |=
            matches!(outcome, Outcome::Failed(it) if it.exit == Exit::NotPermitted);
    }

    fn exit(&self, mut out: Out) -> Result<Exit, Failure> {
        match out.flush().err().and_then(Closed::failure) {
            Some(failure) => Err(failure),
            None if self.is_unnamed => Ok(Exit::NameNotFound),
            None if self.is_forbidden => Ok(Exit::NotPermitted),
            None if self.is_incomplete => Ok(Exit::No),
            None => Ok(Exit::Yes),
        }
    }
}
