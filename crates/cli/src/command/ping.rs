//! `askway ping TARGET...`: is it there, and how far?

use super::Command;
use crate::args::Common;
use crate::failure::{Exit, Failure};
use clap::ArgMatches;

/// The command.
pub const COMMAND: Command = Command {
    name: "ping",
    summary: ("ask hosts whether they are there, and how far", "问主机在不在，有多远"),
    define,
    run,
};

fn define(parser: clap::Command) -> clap::Command {
    parser
}

fn run(_matches: &ArgMatches, _common: &Common) -> Result<Exit, Failure> {
    Ok(Exit::Yes)
}
