//! Explanations against what they speak of: a real kernel's errnos, real tcpdump's lines, and the
//! packets captured from kernels.

mod kernel;
mod lines;

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// What the program says of a text, as objects, and its exit code.
fn explain(text: &str) -> (Vec<Value>, Option<i32>) {
    let mut child = Command::new(ASKWAY)
        .args(["explain", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let objects = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (objects, output.status.code())
}
