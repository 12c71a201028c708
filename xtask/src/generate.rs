//! Files that are made from the program, so that they cannot differ from it.

use crate::{test, tree};
use std::fmt::Write;
use std::process::{Command, Stdio};

/// One such file: where it stands below the root, and how it is made.
type Generated = (&'static str, fn() -> Result<String, String>);

const FILES: &[Generated] = &[("docs/commands.md", commands)];

/// Writes them all.
///
/// # Errors
/// If one cannot be made or written.
pub fn write() -> Result<(), String> {
    for (path, make) in FILES {
        let text = make()?;
        std::fs::write(tree::root().join(path), text)
            .map_err(|e| format!("cannot write {path}: {e}"))?;
    }
    Ok(())
}

/// Says which are not what they would be made now.
///
/// # Errors
/// If there is one.
pub fn check() -> Result<(), String> {
    let mut stale = Vec::new();
    for (path, make) in FILES {
        let stands = std::fs::read_to_string(tree::root().join(path)).unwrap_or_default();
        if stands != make()? {
            stale.push(*path);
        }
    }
    match stale.is_empty() {
        true => Ok(()),
        false => Err(format!("stale: {}\nhint: cargo xtask gen", stale.join(", "))),
    }
}

/// Every command with its `--help`.
fn commands() -> Result<String, String> {
    test::cargo(&["build", "--quiet", "--package", "askway"])?;
    let overview = askway(&["--help"])?;
    let mut page =
        String::from("# Commands\n\nWritten by `cargo xtask gen` from the program's own");
    let _ = write!(page, " help.\n\n```text\n{}\n```\n", overview.trim_end());
    let listed = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    for line in listed.take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap_or_default();
        // `as` has no options: everything after it is the other tool's.
        if name != "as" {
            let help = askway(&[name, "--help"])?;
            let _ = write!(page, "\n## askway {name}\n\n```text\n{}\n```\n", help.trim_end());
        }
    }
    Ok(page)
}

/// What the program prints, in English and for a page 100 columns wide.
fn askway(arguments: &[&str]) -> Result<String, String> {
    let out = Command::new(tree::built("debug"))
        .args(arguments)
        .env("LC_ALL", "C")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run askway: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout);
    Ok(text.lines().map(|line| line.trim_end().to_owned() + "\n").collect())
}
