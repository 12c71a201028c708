//! askway: asks the way. Exit codes: 0 yes, 1 no, 2 usage, 3 not permitted, 4 name not found,
//! 5 our own failure; a dialect keeps its tool's codes.

mod args;
mod as_;
mod capture;
mod clerk;
mod command;
mod escape;
mod failure;
mod help;
mod lang;
mod meaning;
mod print;
mod rate;
mod replace;
mod resolve;
mod road;
mod run;
#[cfg(test)]
mod scratch;
mod spec;
mod values;
mod wall;
mod xml;

use std::process::ExitCode;

/// Tables of connections and of targets can be large.
#[global_allocator]
static MEMORY: net::Memory = net::Memory;

fn main() -> ExitCode {
    ExitCode::from(run::run(std::env::args_os()))
}
