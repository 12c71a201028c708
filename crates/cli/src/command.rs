//! askway's commands, one file each. Help, dispatch and suggestions iterate [`ALL`].

use crate::args::{self, Common};
use crate::failure::{Exit, Failure};
use crate::help::{self, Texts};
use crate::lang::Language;
use clap::ArgMatches;

pub mod asked;
pub mod clock;
pub mod completions;
pub mod dump;
pub mod explain;
pub mod gateway;
pub mod lab;
pub mod man;
pub mod mask;
pub mod mtu;
pub mod origin;
pub mod ping;
pub mod routers;
pub mod sockets;
pub mod tftp;
pub mod trace;
pub mod up;
pub mod watch;

/// A command of askway's own.
pub struct Command {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line for help, in English and in Chinese.
    pub summary: (&'static str, &'static str),
    /// Adds its options to a parser; those of [`Common`] are there already.
    pub define: fn(clap::Command) -> clap::Command,
    /// What its help says of them in Chinese.
    pub chinese: Texts,
    /// Runs it.
    pub run: fn(&ArgMatches, &Common) -> Result<Exit, Failure>,
}

impl Command {
    /// Its parser, with help in that language. No other command's is built for it.
    pub fn parser(&self, language: Language) -> clap::Command {
        let summary = language.pick(self.summary.0, self.summary.1);
        let parser = (self.define)(args::parser(self.name)).about(summary);
        help::translated(parser, self.chinese, language)
    }
}

/// The options of every command that mean nothing to one that only writes about the program.
const ABOUT_RUNS: &[&str] = &["json", "csv", "lab", "from", "seed", "color"];

/// Leaves out of the help what means nothing to a command that only writes about the program.
fn without_runs(parser: clap::Command) -> clap::Command {
    parser.mut_args(|argument| {
        let is_about_runs = ABOUT_RUNS.contains(&argument.get_id().as_str());
        argument.hide(is_about_runs)
    })
}

/// Refuses what [`without_runs`] leaves out.
///
/// # Errors
/// If one of them is given.
fn refuse_runs(name: &str, common: &Common) -> Result<(), Failure> {
    let given = [
        ("--json", common.json),
        ("--csv", common.csv),
        ("--lab", common.lab.is_some()),
        ("--seed", common.seed.is_some()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((option, _)) => Err(Failure {
            message: format!("{name} asks no network, so {option} means nothing to it"),
            hint: Some(format!("leave out {option}")),
            exit: Exit::Usage,
        }),
    }
}

/// Every command, in the order in which help shows them.
pub const ALL: &[Command] = &[
    ping::COMMAND,
    up::COMMAND,
    trace::COMMAND,
    mtu::COMMAND,
    watch::COMMAND,
    clock::COMMAND,
    mask::COMMAND,
    routers::COMMAND,
    explain::COMMAND,
    tftp::COMMAND,
    dump::COMMAND,
    sockets::COMMAND,
    lab::COMMAND,
    gateway::COMMAND,
    man::COMMAND,
    completions::COMMAND,
];

/// The command of that name.
pub fn by_name(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name == name)
}
