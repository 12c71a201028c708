//! `askway trace TARGET...`: by which road?

pub mod directory;
pub mod inquiry;
pub mod names;
pub mod options;
pub mod plan;
pub mod route;
pub mod systems;
mod watch;

use super::Command;
use super::asked::Asked;
use super::mtu::after::After;
use super::origin::families;
use crate::args::Common;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::print::Closed;
use crate::print::trace::Printer;
use crate::print::trace::atlas::Atlas;
use crate::print::trace::csv::Csv;
use crate::print::trace::graph::dot::Dot;
use crate::print::trace::graph::svg::Svg;
use crate::print::trace::human::Human;
use crate::print::trace::json::Json;
use crate::print::trace::text::Text;
use crate::resolve::{self, Resolved};
use crate::road::{Epoch, Road};
use crate::spec::{List, Rules};
use crate::wall;
use clap::{ArgMatches, Args, FromArgMatches};
use directory::Directory;
use names::Names;
use options::{Form, Options};
use probe::Time;
use probe::token::Key;
use probe::trace::Trace;
use route::Routes;
use std::io::{self, Write};
use std::{env, fs};
use systems::Systems;
use watch::Watch;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "trace",
    summary: ("show the road to a host, hop by hop", "逐跳显示到主机的路"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    if options.mtu && !matches!(options.form(common), Form::Human | Form::Json) {
        return Err(usage("that format has no place for widths", "leave out --mtu or the format"));
    }
    let family = options.family()?;
    let list = targets(&options, family)?;
    let systems = Systems::open(&options.systems, options.asn)?;
    match common.lab_choice() {
        Some(lab) => {
            let families = families(family);
            let after = after(&families, &options, common)?;
            let road = Road::open(&options.want(families.clone()), Some(&lab))?;
            let found = list.names().map(|name| road.resolve(name, family)).collect();
            let asked = asked(list, found, &options)?;
            go(road, asked, systems, after, &families, &options, common)
        }
        None => {
            let names: Vec<String> = list.names().map(str::to_owned).collect();
            let asked = asked(list, resolve::resolve_all(&names, family), &options)?;
            let families = asked.families();
            if families.is_empty() {
                return nobody(asked, &options, common);
            }
            let after = after(&families, &options, common)?;
            let road = Road::open(&options.want(families.clone()), None)?;
            go(road, asked, systems, after, &families, &options, common)
        }
    }
}

/// What measures widths afterwards, if that is asked for.
fn after(
    families: &[Family],
    options: &Options,
    common: &Common,
) -> Result<Option<After>, Failure> {
    options.mtu.then(|| After::open(families, options.for_mtu(), common)).transpose()
}

/// What the user named, on the command line and in files.
///
/// # Errors
/// If something of it is no target, or there is none.
pub fn targets(options: &Options, family: Option<Family>) -> Result<List, Failure> {
    let mut list = List::new(Rules { family, ..Rules::default() });
    options.targets.iter().try_for_each(|target| list.argument(target))?;
    options.file.iter().try_for_each(|file| list.file(file))?;
    if list.is_empty() {
        return Err(usage("no targets", "name at least one host"));
    }
    Ok(list)
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

fn asked(list: List, found: Vec<Resolved>, options: &Options) -> Result<Asked, Failure> {
    Asked::new(list, found, options.all_addresses)
        .map_err(|_| usage("these are more targets than can be counted", "ask in parts"))
}

fn printer(options: &Options, common: &Common, unix_ns: i128) -> Box<dyn Printer> {
    match options.form(common) {
        Form::Human => Box::new(Human::new(common.language(), common.is_coloured(), options.quiet)),
        Form::Json => Box::new(Json { is_quiet: options.quiet }),
        Form::Csv => Box::new(Csv { is_quiet: options.quiet }),
        Form::Atlas => Box::new(Atlas),
        Form::Dot => Box::new(Dot),
        Form::Svg => Box::new(Svg),
        Form::Text => Box::new(Text::new(top(common, unix_ns), options.quiet)),
    }
}

/// When, where and how: what a reader elsewhere does not know.
fn top(common: &Common, unix_ns: i128) -> Vec<String> {
    let at = wall::with_fraction(unix_ns, 1);
    let host = match &common.lab {
        Some(lab) => {
            let node = common.from.as_ref().map(|node| format!(", node {}", escape(node)));
            format!("lab {}{}", escape(&lab.display().to_string()), node.unwrap_or_default())
        }
        None => {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            format!("host {}", resolve::shown(name.trim_end()))
        }
    };
    let words = env::args_os().skip(1).map(|word| escape(&word.to_string_lossy()));
    let command = words.fold("askway".to_owned(), |line, word| line + " " + &word);
    vec![
        format!("{at}, {host}, askway {}", env!("CARGO_PKG_VERSION")),
        format!("command: {command}"),
    ]
}

/// No name has an address: there is nothing to send.
fn nobody(asked: Asked, options: &Options, common: &Common) -> Result<Exit, Failure> {
    let routes = Routes::new(asked, 0, |_| None, true);
    let plan = probe::trace::Plan::new(options.kind, vec![0], Key([0, 0]));
    let printer = printer(options, common, 0);
    let mut watch = Watch::new(&routes, plan, printer, Directory::closed(), Epoch::Fixed(0), false);
    finish(&mut watch, || Time::ZERO)
}

fn go(
    mut road: Road,
    asked: Asked,
    mut systems: Systems,
    after: Option<After>,
    families: &[Family],
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let holds_flows = families.iter().all(|family| road.holds_flows(*family));
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let routes = Routes::new(asked, zone, |target| road.source_towards(target), holds_flows);
    if options.paths && !holds_flows {
        let hint = "choose --kind udp or icmp, or run it as root";
        return Err(usage("without rights TCP probes cannot be held to one flow", hint));
    }
    let plan = options.plan(&road, routes.destinations().len(), families);
    let names = if options.numeric { Names::none() } else { Names::start(&road) };
    systems.start(road.waker());
    let is_live = common.lab.is_none();
    let unix_ns = road.epoch_ns().saturating_add(road.now().0.into());
    let printer = printer(options, common, unix_ns);
    let book = Directory { names, systems };
    let mut watch = Watch::new(&routes, plan.clone(), printer, book, road.epoch(), is_live);
    let mut engine = Trace::new(plan, routes.destinations().to_vec(), road.now());
    road.drive(&mut engine, &mut watch)?;
    let exit = finish(&mut watch, || road.now())?;
    if let Some(after) = after {
        let addresses = routes.destinations().iter().map(|to| to.target.address).collect();
        if options.form(common) == Form::Human {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stdout());
        }
        after.measure(addresses)?;
    }
    Ok(exit)
}

/// Sums up; the exit code stands even if nobody reads that.
fn finish(watch: &mut Watch<'_>, now: impl Fn() -> Time) -> Result<Exit, Failure> {
    let closed = watch.finish(now).err();
    if let Some(remark) = watch.remark() {
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "{remark}");
    }
    match closed.and_then(Closed::failure) {
        Some(failure) => Err(failure),
        None => Ok(watch.exit()),
    }
}
