//! The program as users see it: standard output, standard error and exit code, over a lab, so that
//! neither network nor privilege is needed.

mod golden;
mod scenario;
mod schema;
mod shape;
mod streams;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the cases and their networks stand.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")
}

/// Runs the program with those words as its command line.
fn askway(words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_askway"))
        .args(words.split_whitespace())
        .current_dir(here())
        .env_clear()
        .output()
        .expect("the program runs")
}
