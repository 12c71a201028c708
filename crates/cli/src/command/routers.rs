//! `askway routers`: who offers to route? Each interface is asked on a thread of its own, because
//! sockets are bound to one; all tell what they hear to this one, which shows it.

mod options;

use super::Command;
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use crate::print::routers::{Heard, Printer, Tally, csv::Csv, human::Human, json::Json};
use crate::print::{Closed, Out};
use crate::road::Road;
use clap::{ArgMatches, Args, FromArgMatches};
use net::{Hears, Interface, Waker};
use options::Options;
use probe::gather::{Counts, Gather, Place, Report};
use probe::routers::{Advertisement, Discoverer, Routers};
use probe::{Engine, Observer, Signal, Time};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

/// The command.
pub const COMMAND: Command = Command {
    name: "routers",
    summary: ("show who offers to route", "看谁提供路由"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[],
    run,
};

/// Each takes a thread.
const INTERFACES_MAX: usize = 256;

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let lab = common.lab_choice();
    if lab.is_none() {
        let posts = posts(&options, net::interfaces()?, false)?;
        let (told, hearing) = channel();
        let crew = Crew::start(&posts, &options, &told)?;
        drop(told);
        return show(&posts, &hearing, &options, common, &|| crew.stop());
    }
    let want = options.want(options.families(), None);
    let mut road = Road::open_to_hear(&want, Hears::Advertisements, lab.as_ref())?;
    let posts = posts(&options, road.interfaces()?, true)?;
    let (told, hearing) = channel();
    for (index, post) in posts.iter().enumerate() {
        road.bind(Some(post.interface.index));
        let teller = Teller::new(index, &told, Arc::default());
        teller.search(&mut road, post.places.clone(), &options)?;
    }
    drop(told);
    show(&posts, &hearing, &options, common, &|| {})
}

/// An interface, and where to ask there.
#[derive(Clone, Debug)]
struct Post {
    interface: Interface,
    places: Vec<Place>,
}

/// Where to look for routers.
fn posts(options: &Options, all: Vec<Interface>, is_lab: bool) -> Result<Vec<Post>, Failure> {
    let chosen = options.choose(all)?;
    let mut posts = Vec::new();
    for interface in chosen {
        let places = options.places(&interface, is_lab);
        if !places.is_empty() {
            posts.push(Post { interface, places });
        } else if !options.interfaces.is_empty() {
            return Err(Failure {
                message: format!("{} has no address to ask from", interface.name),
                hint: Some("--listen needs none; `ip address` lists addresses".to_owned()),
                exit: Exit::Failed,
            });
        }
    }
    if posts.is_empty() || posts.len() > INTERFACES_MAX {
        let message = match posts.len() {
            0 => "no interface is up that could lead to routers".to_owned(),
            count => format!("{count} interfaces are more than can be asked at once"),
        };
        let hint = Some("name one: askway routers -I INTERFACE".to_owned());
        return Err(Failure { message, hint, exit: Exit::Failed });
    }
    Ok(posts)
}

/// What a thread tells.
enum Told {
    /// Something was heard; nanoseconds since 1970-01-01 UTC at [`Time::ZERO`].
    Report(Report<Advertisement>, i128),
    /// The run is over.
    Done(Counts),
    /// The operating system failed.
    Failed(Failure),
}

/// What ends the runs of all interfaces together.
#[derive(Default)]
struct Stop {
    is_called: AtomicBool,
    wakers: OnceLock<Vec<Waker>>,
}

impl Stop {
    fn call(&self) {
        self.is_called.store(true, Ordering::Release);
        self.wakers.get().into_iter().flatten().for_each(Waker::wake);
    }
}

/// The threads.
struct Crew(Arc<Stop>);

impl Crew {
    /// Opens the sockets of all interfaces, then lets all begin.
    fn start(
        posts: &[Post],
        options: &Options,
        told: &Sender<(usize, Told)>,
    ) -> Result<Crew, Failure> {
        let stop = Arc::new(Stop::default());
        let mut mates = Vec::new();
        for (index, post) in posts.iter().enumerate() {
            let (post, options) = (post.clone(), options.clone());
            let teller = Teller::new(index, told, Arc::clone(&stop));
            let (open, opened) = channel();
            let (go, going) = channel();
            thread::spawn(move || teller.work(&post, &options, &open, &going));
            mates.push((opened, go));
        }
        let opened = |(opened, _): &(Receiver<Result<Waker, Failure>>, Sender<()>)| {
            opened.recv().expect("the thread says whether it opened")
        };
        let wakers: Vec<Waker> = mates.iter().map(opened).collect::<Result<_, _>>()?;
        net::give_up_rights()?;
        // A thread whose sender goes without a word ends.
        let _ = stop.wakers.set(wakers);
        for (_, go) in &mates {
            let _ = go.send(());
        }
        Ok(Crew(stop))
    }

    fn stop(&self) {
        self.0.call();
    }
}

/// Looks for routers on one interface, and tells what it hears.
struct Teller {
    index: usize,
    told: Sender<(usize, Told)>,
    stop: Arc<Stop>,
    epoch_ns: i128,
}

impl Teller {
    fn new(index: usize, told: &Sender<(usize, Told)>, stop: Arc<Stop>) -> Teller {
        Teller { index, told: told.clone(), stop, epoch_ns: 0 }
    }

    /// What a thread does.
    fn work(
        self,
        post: &Post,
        options: &Options,
        open: &Sender<Result<Waker, Failure>>,
        going: &Receiver<()>,
    ) {
        let families = post.places.iter().map(|it| wire::Family::of(it.to)).collect();
        let want = options.want(families, Some(post.interface.name.clone()));
        let road = Road::open_to_hear(&want, Hears::Advertisements, None);
        // Whoever asked takes it.
        let mut road = match road.map(|road| (road.waker(), road)) {
            Ok((Some(waker), road)) => {
                let _ = open.send(Ok(waker));
                road
            }
            Ok((None, _)) => return,
            Err(failure) => return drop(open.send(Err(failure))),
        };
        if going.recv().is_err() {
            return;
        }
        let (index, told) = (self.index, self.told.clone());
        if let Err(failure) = self.search(&mut road, post.places.clone(), options) {
            let _ = told.send((index, Told::Failed(failure)));
        }
    }

    /// Runs the engine.
    fn search(
        mut self,
        road: &mut Road,
        places: Vec<Place>,
        options: &Options,
    ) -> Result<(), Failure> {
        self.epoch_ns = road.epoch_ns();
        let mut engine = Gather::new(Discoverer::default(), options.plan(places), road.now());
        road.drive(&mut engine, &mut self)?;
        // Nobody listens any more if there is nothing to show.
        let _ = self.told.send((self.index, Told::Done(engine.counts())));
        Ok(())
    }
}

impl Observer<Routers> for Teller {
    fn report(&mut self, _engine: &Routers, report: Report<Advertisement>) {
        let _ = self.told.send((self.index, Told::Report(report, self.epoch_ns)));
    }

    fn signal(&mut self, engine: &mut Routers, now: Time, signal: Signal) {
        if signal != Signal::Status {
            engine.stop(now);
            self.stop.call();
        }
    }

    fn woken(&mut self, engine: &mut Routers, now: Time) {
        if self.stop.is_called.load(Ordering::Acquire) {
            engine.stop(now);
        }
    }
}

/// Shows what is told, until nobody tells any more.
fn show(
    posts: &[Post],
    hearing: &Receiver<(usize, Told)>,
    options: &Options,
    common: &Common,
    stop: &dyn Fn(),
) -> Result<Exit, Failure> {
    let mut printer: Box<dyn Printer> = match common.format() {
        Format::Human => {
            let style = (common.language(), common.is_coloured());
            Box::new(Human::new(style, options.quiet, options.listen))
        }
        Format::Json => Box::new(Json { is_quiet: options.quiet }),
        Format::Csv => Box::new(Csv { is_quiet: options.quiet }),
    };
    let mut out = Out::default();
    let mut tallies = vec![Tally::default(); posts.len()];
    let (mut closed, mut failed) = (None, None);
    printer.start(&mut out.text);
    while let Some((index, told)) = next(hearing, &mut out, &mut closed, stop) {
        let interface = &posts[index].interface;
        match told {
            Told::Report(report, epoch_ns) => {
                let place = &posts[index].places[report.place as usize];
                tallies[index].add(&report.event);
                let heard = Heard { interface, place, event: &report.event, epoch_ns };
                printer.heard(&heard, &mut out.text);
            }
            Told::Done(counts) => {
                printer.summary(interface, &tallies[index], &counts, &mut out.text);
            }
            Told::Failed(failure) => {
                failed = Some(failure);
                stop();
            }
        }
    }
    let closed = closed.or(out.flush().err());
    if let Some(failure) = failed.or(closed.and_then(Closed::failure)) {
        return Err(failure);
    }
    let is_offered = tallies.iter().any(|tally| !tally.offering.is_empty());
    Ok(if is_offered { Exit::Yes } else { Exit::No })
}

/// The next thing told; what was shown before is written out before it is waited for.
fn next(
    hearing: &Receiver<(usize, Told)>,
    out: &mut Out,
    closed: &mut Option<Closed>,
    stop: &dyn Fn(),
) -> Option<(usize, Told)> {
    if let Ok(told) = hearing.try_recv() {
        return Some(told);
    }
    if let Err(fault) = out.flush() {
        *closed = Some(fault);
        stop();
    }
    hearing.recv().ok()
}
