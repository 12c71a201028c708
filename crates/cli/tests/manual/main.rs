//! What is written about the program, held against it: manual pages, completions, and the examples
//! of every page of the manual.

mod completions;
mod documents;
mod pages;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the source tree.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The commands that help names, but `as`.
fn commands() -> Vec<String> {
    let help = stdout(&shell("askway --help", &root()));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.map(|line| line.split_whitespace().next().expect("a name").to_owned());
    let names: Vec<String> = names.filter(|name| name != "as").collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// Runs a line as a user's shell would, with this build of askway in the path.
fn shell(line: &str, directory: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_askway"));
    let folder = program.parent().expect("it stands in a folder").to_string_lossy();
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .env("PATH", format!("{folder}:{path}"))
        .env("LC_ALL", "C.UTF-8")
        .env_remove("LANG")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that was printed.
fn said(output: &Output) -> String {
    stdout(output) + &String::from_utf8_lossy(&output.stderr)
}
