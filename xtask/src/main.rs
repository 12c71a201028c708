//! The project's own chores: `cargo xtask test | tidy | gen | capture | bench`.

#![expect(clippy::disallowed_methods, reason = "chores take real time, and say how much")]

mod bench;
mod capture;
mod generate;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  test              installs what is missing, then runs every check and every test
  tidy              checks the rules of the source tree
  gen [--check]     writes the files that are made from the program, or says which are stale
  capture [NAME...] captures golden packets from this machine's kernel
  bench [ROW...]    measures askway and its peers in turn; writes docs/benchmarks.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test"] => test::run(),
        ["tidy"] => tidy::run(),
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["capture", names @ ..] => capture::run(names),
        ["bench", rows @ ..] => bench::run(rows),
        ["measure", report, command @ ..] => bench::measure(report, command),
        ["alternate", report, times, commands @ ..] => bench::alternate(report, times, commands),
        ["send-stamps", to] => bench::send_stamps(to),
        ["receive-stamps"] => bench::receive_stamps(),
        ["send-flows"] => bench::send_flows(),
        ["hold-connections", port] => bench::hold_connections(port),
        _ => Err(USAGE.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}
