//! Runs and recordings in the live view.

use super::book::Book;
use super::options::Options;
use super::record::{Item, Reader, Recorder};
use super::screen::{About, Screen, Wish};
use super::session::{Leg, Session};
use super::{Opened, await_names, begin, book, print, remark, said_of, style, written};
use crate::args::{Common, Format};
use crate::clerk::Clerk;
use crate::command::trace::systems::Systems;
use crate::failure::{Exit, Failure};
use crate::print::Out;
use probe::trace::{Course, Plan, Trace};

/// Watches until somebody has seen enough.
pub fn watch(
    mut opened: Opened,
    recorder: Option<Recorder>,
    systems: Systems,
    options: &Options,
    common: &Common,
    clerk: Clerk,
) -> Result<Exit, Failure> {
    let is_lab = common.lab.is_some();
    let about = About {
        style: style(options, common),
        is_coloured: common.is_coloured(),
        speed: is_lab.then_some(options.speed),
        is_replay: false,
        waker: opened.road.waker(),
        clerk,
    };
    let mut session = Session {
        book: book(&opened, systems, options, false),
        recorder,
        is_json: false,
        out: Out::default(),
        epoch: opened.road.epoch(),
        is_live: true,
        leg: Leg::default(),
        watcher: Screen::open(about)?,
        is_ended: false,
    };
    begin(&mut session, &[], Format::Human);
    let unresolved: Vec<String> = opened.unresolved.iter().map(said_of).collect();
    if !unresolved.is_empty() {
        session.watcher.say(unresolved.join("; "));
    }
    run(&mut opened, &mut session, is_lab)?;
    let style = session.watcher.style();
    let exit = match opened.unresolved.is_empty() {
        true => session.exit(),
        false => Exit::NameNotFound,
    };
    let closed = session.close();
    let Session { mut book, watcher, .. } = session;
    drop(watcher);
    await_names(&mut book, || opened.road.now());
    let mut out = Out::default();
    print(&book, &style, Format::Human, &mut out.text);
    written(out)?;
    remark(&book);
    closed.map(|()| exit)
}

/// Engine after engine: each wish that changes what is sent ends one.
fn run(opened: &mut Opened, session: &mut Session<Screen>, is_lab: bool) -> Result<(), Failure> {
    let destinations = opened.routes.destinations();
    loop {
        if !session.watcher.is_idle() {
            session.leg.begin();
            session.watcher.set_anchor(opened.road.now());
            let plan = leg(&session.book.plan, session.leg, is_lab);
            let mut engine = Trace::new(plan, destinations.to_vec(), opened.road.now());
            opened.road.drive(&mut engine, session)?;
            session.flush();
            if session.is_ended {
                return Ok(());
            }
            if !session.leg.is_over {
                session.watcher.set_over();
            }
        }
        match session.watcher.hold(&session.book) {
            Wish::Leave => return Ok(()),
            wish => {
                if change(&mut session.book.plan, &wish)
                    && let Some(recorder) = &mut session.recorder
                {
                    recorder.plan(&session.book);
                }
                session.watcher.grant(&wish, &mut session.book);
            }
        }
    }
}

/// The plan of the next engine.
fn leg(plan: &Plan, leg: Leg, is_lab: bool) -> Plan {
    let mut plan = plan.clone();
    // So that no answer to the engine before is taken for one to this.
    plan.key.0[1] ^= leg.count;
    if let Course::Rounds { count, .. } = &mut plan.course {
        *count = count.map(|count| count.saturating_sub(leg.rounds).max(1));
        if is_lab {
            // A lab ends what is endless after a while, but somebody is looking on.
            count.get_or_insert(u64::MAX);
        }
    }
    plan
}

/// Changes the plan as somebody wishes. Whether anything is different.
fn change(plan: &mut Plan, wish: &Wish) -> bool {
    match *wish {
        Wish::Interval(new) => match &mut plan.course {
            Course::Rounds { interval, .. } => *interval = new,
            _ => return false,
        },
        Wish::FirstHop(hop) => plan.first_hop = hop.min(plan.hops_max),
        Wish::MaxHops(hop) => plan.hops_max = hop.max(plan.first_hop),
        Wish::Size(bytes) => plan.payload_bytes = bytes,
        _ => return false,
    }
    true
}

/// Shows a recording as it went, until somebody has seen enough.
pub fn replay(
    mut book: Book,
    mut reader: Reader,
    options: &Options,
    common: &Common,
) -> Result<Exit, Failure> {
    let about = About {
        style: style(options, common),
        is_coloured: common.is_coloured(),
        speed: Some(options.speed),
        is_replay: true,
        waker: None,
        clerk: Clerk::in_place(),
    };
    let mut screen = Screen::open(about)?;
    show(&mut book, &mut reader, &mut screen)?;
    let style = screen.style();
    drop(screen);
    let mut out = Out::default();
    print(&book, &style, Format::Human, &mut out.text);
    written(out)?;
    remark(&book);
    let is_reached = book.roads.iter().all(|road| road.is_reached());
    Ok(if is_reached { Exit::Yes } else { Exit::No })
}

fn show(book: &mut Book, reader: &mut Reader, screen: &mut Screen) -> Result<(), Failure> {
    let mut has_begun = false;
    while let Some(item) = reader.read()? {
        if let Item::Report(report) = &item {
            if !std::mem::replace(&mut has_begun, true) {
                screen.set_anchor(report.at);
            }
            loop {
                screen.keep_pace(book, report.at);
                let Some(wish) = screen.wish(book) else { break };
                if !grant(&wish, book, screen) {
                    return Ok(());
                }
                while screen.is_idle() {
                    let wish = screen.hold(book);
                    if !grant(&wish, book, screen) {
                        return Ok(());
                    }
                    screen.set_anchor(book.now);
                }
            }
        }
        book.take_item(&item);
        book.names.asked.learn();
        super::session::Watcher::changed(screen);
    }
    // Nothing wakes a recording: what is still to be found out is waited for here.
    book.names.asked.settle();
    screen.set_over();
    loop {
        let wish = screen.hold(book);
        if !grant(&wish, book, screen) {
            return Ok(());
        }
    }
}

/// Whether to go on.
fn grant(wish: &Wish, book: &mut Book, screen: &mut Screen) -> bool {
    screen.grant(wish, book);
    *wish != Wish::Leave
}
