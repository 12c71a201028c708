//! Transcripts of runs over a lab: `golden/NAME.txt` holds a command, what it prints (standard
//! error marked by `! `) and its exit code. `ASKWAY_REWRITE_GOLDEN=1` writes them anew, to be read.

use serde_json::Value;
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

#[test]
fn every_object_has_the_fields_of_the_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/schema/up.json")).expect("JSON");
    let mut seen = 0;
    for name in ["json.txt", "json-nobody.txt"] {
        let text = fs::read_to_string(directory().join("golden").join(name)).expect("a transcript");
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let object: Value = serde_json::from_str(line).expect("JSON");
            let definition = &schema["$defs"][object["type"].as_str().expect("a type")];
            let fields: Vec<&str> =
                object.as_object().expect("an object").keys().map(String::as_str).collect();
            let mut required: Vec<&str> = definition["required"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|field| field.as_str().expect("a name"))
                .collect();
            required.sort_unstable();
            assert_eq!(fields, required, "{line}");
            for (name, property) in definition["properties"].as_object().expect("an object") {
                assert!(is_of(property, &object[name]), "{name}: {property} in {line}");
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} objects");
}

fn is_of(property: &Value, value: &Value) -> bool {
    if let Some(constant) = property.get("const") {
        return constant == value;
    }
    if let Some(choices) = property.get("enum") {
        return choices.as_array().expect("a list").contains(value);
    }
    let is_named = |name: &str| property["type"].to_string().contains(&format!("\"{name}\""));
    match value {
        Value::Null => is_named("null"),
        Value::Bool(_) => is_named("boolean"),
        Value::Number(_) => is_named("integer"),
        Value::String(_) => is_named("string"),
        Value::Array(_) | Value::Object(_) => false,
    }
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
