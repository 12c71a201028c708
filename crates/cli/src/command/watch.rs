//! `askway watch TARGET...`: the road, round after round.
#![cfg_attr(
    not(feature = "tui"),
    expect(dead_code, reason = "some of what is known is only shown live")
)]

mod book;
mod coding;
mod fields;
#[cfg(feature = "tui")]
mod live;
mod machine;
mod notes;
mod options;
mod record;
mod report;
#[cfg(feature = "tui")]
mod screen;
mod session;

use super::Command;
use super::asked::{Asked, Row};
use super::origin::families;
use super::trace::directory::Directory;
use super::trace::names::Names;
use super::trace::route::Routes;
use super::trace::systems::Systems;
use super::trace::targets;
use crate::args::{Common, Format};
#[cfg(feature = "tui")]
use crate::clerk::Clerk;
use crate::failure::{Exit, Failure};
use crate::print::{Closed, Out};
use crate::resolve::{self, Resolved, Unresolved};
use crate::road::Road;
use crate::spec::List;
use book::{Book, Naming, Watched, Who};
use clap::{ArgMatches, Args, FromArgMatches};
use options::Options;
use probe::Time;
use probe::method::Method;
use probe::trace::Trace;
use probe::trace::ledger::Ledger;
use record::{Reader, Recorder};
use report::Style;
use session::{Leg, Session};
use std::io::{self, Write};
use wire::Family;

/// The most roads that are watched at one time.
const ROADS_MAX: usize = 1_024;

/// The command.
pub const COMMAND: Command = Command {
    name: "watch",
    summary: ("watch the roads to hosts, round after round", "一轮一轮地观察到主机的路"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    if let Some(path) = &options.replay {
        let (mut book, reader) = Reader::open(path)?;
        book.names.asked.systems = systems(&options)?;
        book.names.asked.systems.start(None);
        #[cfg(feature = "tui")]
        if options.is_live(common) {
            return live::replay(book, reader, &options, common);
        }
        return replay(book, reader, &options, common);
    }
    let systems = systems(&options)?;
    #[cfg(feature = "tui")]
    let clerk = Clerk::start(options.is_live(common));
    let recorder = options.record.as_deref().map(Recorder::create).transpose()?;
    let mut refused = None;
    for method in options.methods() {
        match open(&options, method, common) {
            #[cfg(feature = "tui")]
            Ok(opened) if options.is_live(common) => {
                return live::watch(opened, recorder, systems, &options, common, clerk);
            }
            Ok(opened) => return watch(opened, recorder, systems, &options, common),
            // The next may be permitted.
            Err(failure) if failure.exit == Exit::NotPermitted => {
                refused.get_or_insert(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.expect("there is at least one method"))
}

fn systems(options: &Options) -> Result<Systems, Failure> {
    Systems::open(&options.systems, options.asn)
}

/// A road that is open, and what is asked there.
struct Opened {
    road: Road,
    routes: Routes,
    asking: super::trace::options::Options,
    families: Vec<Family>,
    unresolved: Vec<Unresolved>,
}

fn open(
    options: &Options,
    method: &'static dyn Method,
    common: &Common,
) -> Result<Opened, Failure> {
    let asking = options.asking(method);
    let family = asking.family()?;
    let list = targets(&asking, family)?;
    if list.len() > ROADS_MAX {
        let message = format!("these are more than {ROADS_MAX} targets");
        return Err(usage(&message, "watch fewer at one time"));
    }
    let lab = common.lab_choice();
    let (road, asked, families) = match &lab {
        Some(_) => {
            let families = families(family);
            let road = Road::open(&asking.want(families.clone()), lab.as_ref())?;
            let found = list.names().map(|name| road.resolve(name, family)).collect();
            (road, asked(list, found, options)?, families)
        }
        None => {
            let names: Vec<String> = list.names().map(str::to_owned).collect();
            let asked = asked(list, resolve::resolve_all(&names, family), options)?;
            let families = asked.families();
            if families.is_empty() {
                return Err(nobody(&asked));
            }
            (Road::open(&asking.want(families.clone()), None)?, asked, families)
        }
    };
    let unresolved = unresolved(&asked);
    if asked.targets().is_empty() {
        return Err(nobody(&asked));
    }
    let zone = asking.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let holds_flows = families.iter().all(|family| road.holds_flows(*family));
    let routes = Routes::new(asked, zone, |target| road.source_towards(target), holds_flows);
    Ok(Opened { road, routes, asking, families, unresolved })
}

fn asked(list: List, found: Vec<Resolved>, options: &Options) -> Result<Asked, Failure> {
    Asked::new(list, found, options.all_addresses)
        .map_err(|_| usage("these are more targets than can be counted", "watch fewer"))
}

fn unresolved(asked: &Asked) -> Vec<Unresolved> {
    let rows = asked.rows().filter_map(|row| match row {
        Row::Unresolved(it) => Some(it.clone()),
        Row::Target(_) => None,
    });
    rows.collect()
}

/// No name has an address: there is nothing to watch.
fn nobody(asked: &Asked) -> Failure {
    let all = unresolved(asked);
    let said: Vec<String> = all.iter().map(said_of).collect();
    Failure { message: said.join("; "), hint: None, exit: Exit::NameNotFound }
}

fn said_of(unresolved: &Unresolved) -> String {
    format!("{}: {}", crate::escape::escape(&unresolved.name), unresolved.reason)
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

/// The book of a run that begins.
fn book(opened: &Opened, mut systems: Systems, options: &Options, is_report: bool) -> Book {
    let Opened { road, routes, asking, families, .. } = opened;
    let count = routes.destinations().len();
    let mut plan = asking.plan(road, count, families);
    plan.course = options.course(is_report);
    plan.roads_max = count as u32;
    let names = if options.numeric { Names::none() } else { Names::start(road) };
    systems.start(road.waker());
    let watched = (0..count as u32).map(|index| {
        let it = routes.road(index, &plan, 0, &NoNames);
        let name = it.whom.name.map(str::to_owned);
        let target = routes.destinations()[index as usize].target;
        Watched { name, target, source: it.source, ledger: Ledger::default() }
    });
    Book {
        roads: watched.collect(),
        host: road.node().map_or_else(|| resolve::shown(&net::host_name()), resolve::shown),
        utc: road.node().is_some(),
        holds_flows: families.iter().all(|family| road.holds_flows(*family)),
        epoch_ns: road.epoch_ns(),
        since: road.now(),
        now: road.now(),
        names: Naming::asking(Directory { names, systems }),
        plan,
    }
}

struct NoNames;

impl crate::print::trace::Book for NoNames {
    fn system(&self, _address: std::net::IpAddr) -> Option<crate::print::trace::System> {
        None
    }

    fn name(&self, _address: std::net::IpAddr) -> Option<&str> {
        None
    }
}

fn watch(
    mut opened: Opened,
    recorder: Option<Recorder>,
    systems: Systems,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let book = book(&opened, systems, options, true);
    let format = common.format();
    let mut session = Session {
        book,
        recorder,
        is_json: format == Format::Json,
        out: Out::default(),
        epoch: opened.road.epoch(),
        is_live: common.lab.is_none(),
        leg: Leg::default(),
        watcher: (),
        is_ended: false,
    };
    begin(&mut session, &opened.unresolved, format);
    let plan = session.book.plan.clone();
    let destinations = opened.routes.destinations().to_vec();
    let mut engine = Trace::new(plan, destinations, opened.road.now());
    opened.road.drive(&mut engine, &mut session)?;
    await_names(&mut session.book, || opened.road.now());
    session.flush();
    let style = style(options, common);
    print(&session.book, &style, format, &mut session.out.text);
    let exit = match opened.unresolved.is_empty() {
        true => session.exit(),
        false => Exit::NameNotFound,
    };
    session.close()?;
    written(session.out)?;
    remark(&session.book);
    Ok(exit)
}

fn begin<W>(session: &mut Session<W>, unresolved: &[Unresolved], format: Format) {
    if let Some(recorder) = &mut session.recorder {
        recorder.begin(&session.book);
    }
    for it in unresolved {
        match format {
            Format::Json => machine::unresolved(it, &mut session.out.text),
            _ => {
                // Nobody is left to tell if this fails.
                let _ = writeln!(io::stderr(), "askway: {}", said_of(it));
            }
        }
    }
}

/// Waits a short while for the names of whoever answered.
fn await_names(book: &mut Book, now: impl Fn() -> Time) {
    let is_awaited =
        |book: &Book| book.responders().any(|it| book.names.asked.is_awaited(it, now()));
    while is_awaited(book) {
        book.names.asked.wait();
    }
}

fn style(options: &Options, common: &Common) -> Style {
    Style {
        fields: options.order.clone(),
        is_wide: options.wide,
        who: match (options.numeric, options.both) {
            (true, _) => Who::Address,
            (_, true) => Who::Both,
            _ => Who::Name,
        },
        has_systems: options.shows_systems(),
        intervals: options.intervals,
        language: common.language(),
    }
}

/// Appends what a run came to.
fn print(book: &Book, style: &Style, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Json => machine::summaries(book, out),
        Format::Csv => {
            machine::csv_header(out);
            machine::csv(book, out);
        }
        Format::Human => {
            for index in 0..book.roads.len() {
                out.extend_from_slice(report::report(book, index, style).as_bytes());
            }
        }
    }
}

/// Says what could not be found out.
fn remark(book: &Book) {
    if let Some(remark) = book.names.asked.systems.remark() {
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "{remark}");
    }
}

fn written(mut out: Out) -> Result<(), Failure> {
    match out.flush().err().and_then(Closed::failure) {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

fn replay(
    mut book: Book,
    mut reader: Reader,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let format = common.format();
    let mut out = Out::default();
    while let Some(item) = reader.read()? {
        book.take_item(&item);
        if let (record::Item::Report(report), Format::Json) = (&item, format) {
            machine::report(&book, report, &mut out.text);
        }
    }
    book.names.asked.settle();
    let style = style(options, common);
    print(&book, &style, format, &mut out.text);
    written(out)?;
    remark(&book);
    let is_reached = book.roads.iter().all(|road| road.is_reached());
    Ok(if is_reached { Exit::Yes } else { Exit::No })
}
