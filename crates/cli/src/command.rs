//! askway's commands, one file each. Help, dispatch and suggestions iterate [`ALL`].

use crate::args::Common;
use crate::failure::{Exit, Failure};
use clap::ArgMatches;

pub mod asked;
pub mod clock;
pub mod dump;
pub mod explain;
pub mod gateway;
pub mod lab;
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
    /// Runs it.
    pub run: fn(&ArgMatches, &Common) -> Result<Exit, Failure>,
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
];

/// The command of that name.
pub fn by_name(name: &str) -> Option<&'static Command> {
    ALL.iter().find(|command| command.name == name)
}
