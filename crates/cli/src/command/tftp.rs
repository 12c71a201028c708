//! `askway tftp get|put HOST FILE`: one file from a TFTP server, or to it.

mod carry;
mod options;
mod place;
mod progress;

use super::Command;
use crate::args::{Common, Format};
use crate::clerk::Clerk;
use crate::command::origin::families;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::print::tftp::{Held, Printer, Summary, Transfer};
use crate::print::{Unresolved, Whom, tftp as print};
use crate::resolve::{self, Resolved};
use crate::road::Road;
use carry::{Carry, Crc, Here};
use clap::{ArgMatches, Args, FromArgMatches};
use options::{Options, Verb, usage};
use place::Place;
use probe::targets::Target;
use probe::tftp::{End, Event, Report, Task, Tftp};
use probe::{Observer, Signal, Time};
use progress::Progress;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use wire::Family;

/// The command.
pub const COMMAND: Command = Command {
    name: "tftp",
    summary: ("get a file from a TFTP server, or put one there", "从 TFTP 服务器取文件，或放文件"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    let (host, port) = options.server()?;
    let family = options.family()?;
    let clerk = Clerk::start(options.verb == Verb::Get);
    let (here, task, remote) = open(&options, &clerk)?;
    let (mut road, found) = match common.lab_choice() {
        Some(lab) => {
            let road = Road::open(&options.want(families(family)), Some(&lab))?;
            let found = road.resolve(host, family);
            (road, found)
        }
        None => {
            let found = resolve::resolve(host, family);
            let families = match found.as_ref().ok().and_then(|targets| targets.first()) {
                Some(target) => vec![Family::of(target.address)],
                None => return unresolved(&options, common, found),
            };
            (Road::open(&options.want(families), None)?, found)
        }
    };
    let Some(target) = found.as_ref().ok().and_then(|targets| targets.first()).copied() else {
        return unresolved(&options, common, found);
    };
    let zone = options.origin.interface_name().and_then(net::interface_index).unwrap_or(0);
    let target = resolve::zoned(target, zone);
    let source = road.source_towards(target);
    // Without a route nothing is sent that the source would be summed into.
    let from = (road.identifiers()[0], source.unwrap_or(target.address));
    let plan = options.plan((target, port), from, task, &remote)?;
    let carry = Carry::new(Tftp::new(plan), here);
    let name = resolve::literal(host).is_none().then_some(host);
    let transfer = Transfer {
        whom: Whom { name, target: Some(target) },
        verb: if options.verb == Verb::Get { "get" } else { "put" },
        port,
        local_port: from.0,
        source,
        file: &remote,
        mode: options.mode,
    };
    go(&mut road, carry, &transfer, &options, common)
}

/// Opens the file on this side; what is to be done, and the file's name at the server.
fn open(options: &Options, clerk: &Clerk) -> Result<(Here, Task, Vec<u8>), Failure> {
    let file = options.file.as_bytes();
    let is_dash = |path: &Path| path.as_os_str() == "-";
    match options.verb {
        Verb::Get if options.output.as_deref().is_some_and(is_dash) => {
            Ok((Here::Stdout, Task::Get, file.to_vec()))
        }
        Verb::Get => {
            let (output, directory) = (options.output.as_deref(), options.directory.as_deref());
            let path = place::path(&options.file, output, directory)?;
            let place = Place::begin(&path, options.force, clerk)?;
            Ok((Here::Place(place), Task::Get, file.to_vec()))
        }
        Verb::Put if file == b"-" => match &options.remote {
            Some(remote) => {
                Ok((Here::Stdin, Task::Put { bytes: None }, remote.as_bytes().to_vec()))
            }
            None => Err(usage("the file has no name at the server", "put HOST - REMOTE")),
        },
        Verb::Put => {
            let path = Path::new(&options.file);
            let shown = escape(&path.to_string_lossy());
            let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
            let (found, opened) =
                opened.map_err(|error| carry::read_failure(&path.to_string_lossy(), &error))?;
            if found.is_dir() {
                return Err(usage(format!("{shown} is a directory"), "name a file"));
            }
            let bytes = found.is_file().then_some(found.len());
            let name = options.remote.as_deref().or_else(|| path.file_name());
            let name = name.map(|name| name.as_bytes().to_vec());
            let name = name.ok_or_else(|| usage(format!("{shown} is no file"), "name a file"))?;
            Ok((Here::File(opened, shown), Task::Put { bytes }, name))
        }
    }
}

/// Shows lines where results go: not among the bytes of a file.
struct Screen {
    printer: Box<dyn Printer>,
    text: Vec<u8>,
    is_stderr: bool,
    /// Nobody reads any more.
    failure: Option<Failure>,
}

impl Screen {
    fn new(options: &Options, common: &Common) -> Screen {
        let is_stderr = options.output.as_deref().is_some_and(|path| path.as_os_str() == "-");
        let printer = match common.format() {
            Format::Human => print::human(common.language(), common.is_coloured(), options.quiet),
            Format::Json => print::json(options.quiet),
            Format::Csv => print::csv(options.quiet),
        };
        Screen { printer, text: Vec::new(), is_stderr, failure: None }
    }

    fn show(&mut self, fill: impl FnOnce(&mut dyn Printer, &mut Vec<u8>)) {
        fill(&mut *self.printer, &mut self.text);
        let written = if self.is_stderr {
            io::stderr().write_all(&self.text)
        } else {
            io::stdout().write_all(&self.text).and_then(|()| io::stdout().flush())
        };
        self.text.clear();
        if let Err(error) = written
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            let message = format!("cannot write results: {error}");
            self.failure = Some(Failure { message, hint: None, exit: Exit::Failed });
        }
    }
}

fn unresolved(options: &Options, common: &Common, found: Resolved) -> Result<Exit, Failure> {
    if let Err(unresolved) = &found {
        let mut screen = Screen::new(options, common);
        screen.show(|printer, out| {
            printer.start(out);
            printer.unresolved(&Unresolved::of(unresolved), out);
        });
    }
    Ok(Exit::NameNotFound)
}

/// Shows what comes about.
struct Watch<'a> {
    transfer: &'a Transfer<'a>,
    screen: Screen,
    progress: Progress,
    end: Option<End>,
}

impl Observer<Carry> for Watch<'_> {
    fn report(&mut self, carry: &Carry, report: Report) {
        self.progress.erase();
        if let Event::End(end) = report.event {
            let path = match carry.here() {
                Here::Place(place) => Some(escape(&place.path().to_string_lossy())),
                Here::File(_, name) => Some(name.clone()),
                Here::Stdout | Here::Stdin => None,
            };
            let summary = Summary {
                end: &end,
                engine: &carry.engine,
                took: carry.engine.took(report.at),
                crc32: carry.crc32(),
                path: path.as_deref(),
            };
            let transfer = self.transfer;
            self.screen.show(|printer, out| printer.summary(transfer, &summary, out));
            self.end = Some(end);
            return;
        }
        let transfer = self.transfer;
        self.screen.show(|printer, out| printer.event(transfer, &report.event, out));
    }

    fn idle(&mut self, carry: &Carry, now: Time) {
        if self.end.is_none() {
            self.progress.draw(&carry.engine, now);
        }
    }

    fn signal(&mut self, carry: &mut Carry, now: Time, signal: Signal) {
        match signal {
            Signal::Status => self.progress.state(&carry.engine, now),
            _ => probe::Engine::stop(carry, now),
        }
    }
}

fn go(
    road: &mut Road,
    mut carry: Carry,
    transfer: &Transfer<'_>,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let is_for_people = common.format() == Format::Human && common.lab.is_none();
    let has_progress = is_for_people && !options.quiet && io::stderr().is_terminal();
    let mut watch = Watch {
        transfer,
        screen: Screen::new(options, common),
        progress: Progress::new(common.language(), has_progress, road.now()),
        end: None,
    };
    watch.screen.show(|printer, out| {
        printer.start(out);
        printer.begin(transfer, out);
    });
    let driven = road.drive(&mut carry, &mut watch);
    watch.progress.erase();
    driven?;
    let Watch { mut screen, end, .. } = watch;
    if let Some(failure) = carry.take_failure() {
        return Err(failure);
    }
    if options.verb == Verb::Put
        && let Some(Target { address, .. }) = transfer.whom.target
        && let Some(held) = road.lab_file(address, transfer.file)
    {
        let held = Held { bytes: held.len() as u64, crc32: Crc::of(held) };
        screen.show(|printer, out| printer.held(transfer, &held, out));
    }
    match (screen.failure, end) {
        (Some(failure), _) => Err(failure),
        (None, Some(End::Complete)) => Ok(Exit::Yes),
        (None, _) => Ok(Exit::No),
    }
}
