//! From the command line to an exit code. A binary under the name of a dialect speaks that dialect.

use crate::as_::{self, Dialect};
use crate::failure::{Exit, Failure};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;

/// Runs the program: the arguments with the program's name first. Returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_default();
    let called = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy();
    let rest: Vec<OsString> = arguments.collect();
    if let Some(dialect) = as_::by_name(&called) {
        return (dialect.run)(&called, rest);
    }
    match rest.split_first() {
        Some((first, rest)) if first == "as" => speak(rest),
        _ => finish(Ok(Exit::Yes)),
    }
}

/// `askway as NAME ARGS...`
fn speak(arguments: &[OsString]) -> u8 {
    let Some((name, rest)) = arguments.split_first() else {
        return finish(Err(unknown_dialect("no tool is named".to_owned())));
    };
    match name.to_str().and_then(as_::by_name) {
        Some(dialect) => (dialect.run)(&name.to_string_lossy(), rest.to_vec()),
        None => finish(Err(unknown_dialect(format!("no dialect `{}`", quoted(name))))),
    }
}

fn unknown_dialect(message: String) -> Failure {
    let names: Vec<&str> = as_::ALL.iter().map(|Dialect { name, .. }| *name).collect();
    let hint = format!("askway as NAME ARGS..., where NAME is one of: {}", names.join(", "));
    Failure { message, hint: Some(hint), exit: Exit::Usage }
}

/// An argument, safe for a terminal.
fn quoted(argument: &OsStr) -> String {
    crate::escape::escape(&argument.to_string_lossy())
}

fn finish(result: Result<Exit, Failure>) -> u8 {
    match result {
        Ok(exit) => exit as u8,
        Err(failure) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit as u8
        }
    }
}
