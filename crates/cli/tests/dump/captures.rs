//! The captures, and the programs that read them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Where the captures are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dump/captures")
}

/// Every capture by name, in order.
pub fn all() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the captures are there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".pcap")).collect();
    names.sort();
    assert!(names.len() >= 16, "{names:?}");
    names
}

/// Runs a program among the captures.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    run_with(program, arguments, &[])
}

/// The same with something on its standard input.
pub fn run_with(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder()).env("TZ", "UTC").env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // Whoever has seen enough reads no more.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What it wrote on standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}
