//! askway's commands, one file each. Help, dispatch and suggestions iterate [`ALL`].

use crate::args::{self, Common};
use crate::failure::{Exit, Failure};
use crate::help::{self, Texts};
use crate::lang::Language;
use clap::ArgMatches;
use clap::parser::ValueSource;

pub mod asked;
pub mod clock;
pub mod completions;
mod dropped;
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

/// Options of [`Common`] for which a command has no use: its help leaves them out, and they are
/// refused.
pub struct Without {
    /// By their identifiers.
    options: &'static [&'static str],
    /// What to do instead.
    hint: &'static str,
}

/// The options that are about running in a lab.
const LAB: &[&str] = &["lab", "from", "seed", "capture"];

/// What a command leaves out that writes about the program, and asks no network.
const ABOUT_RUNS: &[Without] = &[Without {
    options: &["json", "csv", "color", "lab", "from", "seed", "capture"],
    hint: "it asks no network: leave it out",
}];

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
    /// Options of [`Common`] that mean nothing to it.
    pub without: &'static [Without],
    /// Runs it.
    pub run: fn(&ArgMatches, &Common) -> Result<Exit, Failure>,
}

impl Command {
    /// Its parser, with help in that language. No other command's is built for it.
    pub fn parser(&self, language: Language) -> clap::Command {
        let summary = language.pick(self.summary.0, self.summary.1);
        let parser = (self.define)(args::parser(self.name)).about(summary);
        let parser = self
            .foreign()
            .fold(parser, |parser, (id, _)| parser.mut_arg(id, |argument| argument.hide(true)));
        help::translated(parser, self.chinese, language)
    }

    /// Refuses options of [`Common`] that mean nothing to it.
    ///
    /// # Errors
    /// If one of them is given.
    pub fn refuse_foreign(&self, matches: &ArgMatches) -> Result<(), Failure> {
        let is_given = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        match self.foreign().find(|(id, _)| is_given(id)) {
            None => Ok(()),
            Some((option, hint)) => Err(Failure {
                message: format!("{} takes no --{option}", self.name),
                hint: Some(hint.to_owned()),
                exit: Exit::Usage,
            }),
        }
    }

    /// Options that mean nothing to it, each with what to do instead.
    fn foreign(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.without.iter().flat_map(|it| it.options.iter().map(|option| (*option, it.hint)))
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
