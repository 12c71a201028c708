//! `askway sockets`: the TCP sockets of this machine, and what may be wrong with them.

pub mod advice;
mod options;
pub mod totals;

use super::{Command, LAB, Without};
use crate::args::Common;
use crate::failure::{Exit, Failure};
use crate::print::sockets::{self, Human, Listed, Machine, Paper, Show};
use crate::print::{Closed, Out};
use advice::{Finding, Situation};
use clap::{ArgMatches, Args, FromArgMatches};
use net::diag::{self, Query, State, States, TcpSocket};
use net::owners::Owners;
use net::tcp_settings::{Counters, Settings};
use options::{Options, Order};
use std::cmp::Reverse;
use std::collections::HashSet;
use totals::Totals;

/// The command.
pub const COMMAND: Command = Command {
    name: "sockets",
    summary: ("show the TCP sockets of this machine", "显示本机的 TCP 套接字"),
    define: Options::augment_args,
    chinese: options::CHINESE,
    without: &[Without { options: LAB, hint: "it shows the sockets of this machine alone" }],
    run,
};

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    options.check()?;
    let mut out = Out::default();
    let exit = if options.advice {
        advise(&options, common, &mut out)?
    } else if options.totals {
        add_up(&options, common, &mut out)?
    } else {
        list(&options, common, &mut out)?
    };
    match out.flush().err().and_then(Closed::failure) {
        Some(failure) => Err(failure),
        None => Ok(exit),
    }
}

/// The list. Machines get each socket as it comes, unless something has to be known of all first.
fn list(options: &Options, common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let show = Show {
        info: options.info,
        owners: options.processes,
        extended: options.extended,
        language: common.language(),
        is_coloured: common.is_coloured(),
    };
    let machine = Machine::new(common.format(), show.owners);
    let query = options.query(machine.is_some());
    if let Some(machine) = machine.as_ref().filter(|_| options.sort.is_none() && !show.owners) {
        machine.start(&mut out.text);
        let mut broken = None;
        diag::list(&query, |socket| {
            if broken.is_none() {
                machine.socket(&Listed { socket: &socket, owners: &[] }, &mut out.text);
                broken = out.relieve().err();
            }
        })?;
        return broken.and_then(Closed::failure).map_or(Ok(Exit::Yes), Err);
    }
    let mut sockets = Vec::new();
    diag::list(&query, |socket| sockets.push(socket))?;
    if let Some(order) = options.sort {
        sockets.sort_by_key(|socket| Reverse(rank(socket, order)));
    }
    let owners = if show.owners { owners_of(sockets.iter()) } else { Owners::default() };
    let listed = sockets.iter().map(|it| Listed { socket: it, owners: owners.of(it.inode) });
    match machine.as_ref() {
        Some(machine) => {
            machine.start(&mut out.text);
            for socket in listed {
                machine.socket(&socket, &mut out.text);
                if let Err(closed) = out.relieve() {
                    return closed.failure().map_or(Ok(Exit::Yes), Err);
                }
            }
        }
        None => {
            let human = Human::new(show);
            human.table(listed, out).or_else(|closed| closed.failure().map_or(Ok(()), Err))?;
            if owners.is_partial {
                human.note_partial(&mut out.text);
            }
        }
    }
    Ok(Exit::Yes)
}

/// What a socket has of that; those without come last.
fn rank(socket: &TcpSocket, order: Order) -> Option<u64> {
    let info = socket.info.as_deref();
    match order {
        Order::Rtt => info.map(|info| info.rtt_us.into()),
        Order::Retrans => info.map(|info| info.retransmitted.into()),
        Order::Cwnd => info.map(|info| info.cwnd.into()),
        Order::RecvQ => Some(socket.receive_queue.into()),
        Order::SendQ => Some(socket.send_queue.into()),
    }
}

fn owners_of<'a>(sockets: impl Iterator<Item = &'a TcpSocket>) -> Owners {
    let inodes: HashSet<u32> = sockets.map(|it| it.inode).filter(|inode| *inode != 0).collect();
    Owners::find(&inodes)
}

fn add_up(options: &Options, common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let mut totals = Totals::default();
    diag::list(&options.query(false), |socket| totals.add(&socket))?;
    let counters = Counters::read();
    match Machine::new(common.format(), false) {
        Some(machine) => {
            machine.start(&mut out.text);
            machine.totals(&totals, &counters, &mut out.text);
        }
        None => sockets::totals(&totals, &counters, common.language(), &mut out.text),
    }
    Ok(Exit::Yes)
}

fn advise(options: &Options, common: &Common, out: &mut Out) -> Result<Exit, Failure> {
    let mut situation = Situation {
        settings: Settings::read(),
        counters: Counters::read(),
        ..Situation::default()
    };
    diag::list(&options.query(false), |socket| situation.sockets.push(socket))?;
    // Whom a connection belongs to shows in who listens, also if these are not looked at.
    let listening = States::of(&[State::Listen]);
    let query = Query { family: None, states: listening, matches: Vec::new(), in_detail: false };
    diag::list(&query, |socket| _ = situation.listeners.insert(socket.local))?;
    let findings = advice::find(&situation);
    let concerned = findings.iter().flat_map(|finding| finding.sockets.iter());
    let owners = owners_of(concerned.map(|index| &situation.sockets[*index]));
    let paper = Paper { situation: &situation, owners: &owners };
    match Machine::new(common.format(), false) {
        None => {
            paper.write(&findings, common.language(), common.is_coloured(), &mut out.text);
        }
        Some(machine) => {
            machine.start(&mut out.text);
            findings.iter().for_each(|finding| machine.advice(&paper, finding, &mut out.text));
            machine.summary(&paper, findings.len(), &mut out.text);
        }
    }
    Ok(exit(&findings))
}

fn exit(findings: &[Finding]) -> Exit {
    if findings.is_empty() { Exit::Yes } else { Exit::No }
}
