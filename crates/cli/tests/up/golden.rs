//! Transcripts of runs over a lab: `golden/NAME.txt` holds a command, what it prints (standard
//! error marked by `! `) and its exit code. `ASKWAY_REWRITE_GOLDEN=1` writes them anew, to be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/up")
}

#[test]
fn every_transcript_is_true() {
    let rewrites = std::env::var("ASKWAY_REWRITE_GOLDEN").is_ok_and(|value| value == "1");
    let mut paths: Vec<PathBuf> = fs::read_dir(directory().join("golden"))
        .expect("a directory of transcripts")
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    let mut wrong = Vec::new();
    for path in &paths {
        let expected = fs::read_to_string(path).expect("a transcript");
        let command = expected.lines().next().expect("a command");
        let actual = transcript(command);
        if rewrites {
            fs::write(path, &actual).expect("writable");
        } else if actual != expected {
            wrong
                .push(format!("{}:\n--- expected\n{expected}--- actual\n{actual}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(paths.len() >= 10, "the transcripts are where they are looked for");
}

/// Runs `$ askway ARGUMENTS... [< FILE]` and writes down what happens.
fn transcript(command: &str) -> String {
    let words = command.strip_prefix("$ askway ").expect("a command starts with `$ askway `");
    let (words, input) = match words.split_once(" < ") {
        Some((words, file)) => (words, Some(file)),
        None => (words, None),
    };
    let stdin = input.map_or(Stdio::null(), |file| {
        fs::File::open(directory().join(file)).expect("an input file").into()
    });
    let ran = Command::new(env!("CARGO_BIN_EXE_askway"))
        .args(words.split_whitespace())
        .current_dir(directory())
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(stdin)
        .output()
        .expect("askway runs");
    let mut text = format!("{command}\n{}", String::from_utf8_lossy(&ran.stdout));
    for line in String::from_utf8_lossy(&ran.stderr).lines() {
        text += &format!("! {line}\n");
    }
    text + &format!("exit {}\n", ran.status.code().expect("it ends by itself"))
}
