//! `askway watch` as its users see it: recordings, what machines read, and mtr's own report beside
//! ours over the same kernels.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use testbed::{Bed, Node};

const SCHEMA: &str = include_str!("../../../../docs/schema/watch.json");

/// Runs that between them meet everything that a recording must keep.
const RUNS: &[&str] = &[
    "-c 30 -i 100ms --lab ../../../lab/scenarios/limited.toml b",
    "-c 12 -i 100ms --lab balanced.toml b",
    "-c 20 -i 100ms --lab ../../../lab/scenarios/lossy.toml b",
    "-c 5 -k udp --lab ../../../lab/scenarios/prohibiting.toml b",
    "-c 5 -k tcp -6 --lab ../../../lab/scenarios/line.toml r3 r1",
    "-c 5 --lab ../../../lab/scenarios/silent.toml b",
    "-c 5 --lab ../../../lab/scenarios/late.toml b",
    "-c 5 --lab ../../../lab/scenarios/duplicating.toml b",
    "-c 5 --lab ../../../lab/scenarios/hostile.toml b",
];

fn askway(words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_askway"))
        .arg("watch")
        .args(words.split_whitespace())
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/watch"))
        .env_clear()
        .output()
        .expect("the program runs")
}

fn stdout(words: &str) -> String {
    let output = askway(words);
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn objects(words: &str) -> Vec<Map<String, Value>> {
    let object = |line: &str| serde_json::from_str(line).expect("an object a line");
    stdout(words).lines().map(object).collect()
}

/// A file of this process that no other test writes.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("watch-{}-{name}", std::process::id()))
}

#[test]
fn a_recording_shows_what_the_run_showed() {
    let file = scratch("round-trip.ndjson");
    for run in RUNS {
        let recorded = askway(&format!("-r -w -b --record {} {run}", file.display()));
        let replayed = askway(&format!("-r -w -b --replay {}", file.display()));
        assert_eq!(recorded.stdout, replayed.stdout, "{run}");
        assert_eq!(recorded.status.code(), replayed.status.code(), "{run}");
        for format in ["--json", "--csv"] {
            let recorded = stdout(&format!("{format} --record {} {run}", file.display()));
            let replayed = stdout(&format!("{format} --replay {}", file.display()));
            assert_eq!(recorded, replayed, "{run} {format}");
        }
    }
    std::fs::remove_file(file).expect("it was written");
}

#[test]
fn a_recording_that_was_cut_off_anywhere_is_read_or_its_line_named() {
    let file = scratch("cut.ndjson");
    stdout(&format!("-r --record {} {}", file.display(), RUNS[1]));
    let whole = std::fs::read(&file).expect("it was written");
    let header = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for end in (0..whole.len()).step_by(whole.len() / 60) {
        std::fs::write(&file, &whole[..end]).expect("writable");
        let output = askway(&format!("-r --replay {}", file.display()));
        let stderr = String::from_utf8_lossy(&output.stderr);
        if end >= header {
            assert!(stderr.is_empty(), "{end}: {stderr}");
        } else {
            assert_eq!(output.status.code(), Some(2), "{end}");
            assert!(stderr.contains(":1: ") && stderr.lines().count() == 2, "{end}: {stderr}");
        }
    }
    // A byte that is wrong within a line is that line's fault.
    let mut damaged = whole.clone();
    let at = header + damaged[header..].iter().position(|byte| *byte == b'\n').expect("a line");
    damaged[at + 3] = 0xff;
    std::fs::write(&file, &damaged).expect("writable");
    let output = askway(&format!("-r --replay {}", file.display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains(":3: "), "{stderr}");
    std::fs::remove_file(file).expect("it was written");
}

#[test]
fn names_of_a_recording_cannot_write_on_the_terminal() {
    let file = scratch("hostile.ndjson");
    stdout(&format!("-r --record {} -c 1 --lab balanced.toml b", file.display()));
    let text = std::fs::read_to_string(&file).expect("it was written");
    let hostile = text
        .replace(r#""host":"a""#, r#""host":"\u001b[2Ja""#)
        .replace(r#""name":"r1""#, r#""name":"\u001b]0;x\u0007\u202e""#)
        .replace(r#""name":"b""#, r#""name":"\u009b1mb""#);
    assert_ne!(text, hostile);
    std::fs::write(&file, hostile).expect("writable");
    for format in ["-r", "-r -w -b", "--csv"] {
        let output = stdout(&format!("{format} --replay {}", file.display()));
        let is_harmless = |c: char| c == '\n' || c == '\r' || (!c.is_control() && c != '\u{202e}');
        assert!(output.chars().all(is_harmless), "{format}: {output:?}");
    }
    std::fs::remove_file(file).expect("it was written");
}

#[test]
fn every_summary_is_as_the_schema_says() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let mut seen = BTreeSet::new();
    for run in RUNS {
        for object in objects(&format!("--json {run}")) {
            let kind = object["type"].as_str().expect("a type");
            let Some(definition) = schema["$defs"].get(kind) else { continue };
            let properties = definition["properties"].as_object().expect("fields");
            assert!(object.keys().eq(properties.keys()), "{run}: {object:?}");
            for (name, value) in &object {
                assert!(is_of(&properties[name], value), "{run}: {name}: {value}");
            }
            seen.insert(kind.to_owned());
        }
    }
    let defined = schema["$defs"].as_object().expect("types").keys().cloned().collect();
    assert_eq!(seen, defined);
}

fn is_of(property: &Value, value: &Value) -> bool {
    if let Some(constant) = property.get("const") {
        return constant == value;
    }
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        other => panic!("the schema speaks of {other}"),
    };
    match &property["type"] {
        Value::String(only) => is(only),
        several => {
            several.as_array().expect("types").iter().any(|it| is(it.as_str().expect("one")))
        }
    }
}

#[test]
fn counts_add_up_whatever_happens() {
    for run in RUNS {
        for hop in objects(&format!("--json {run}")) {
            if hop["type"] == "hop_summary" {
                let count = |name: &str| hop[name].as_u64().expect("a count");
                let decided = count("received") + count("lost") + count("limited");
                assert_eq!(count("sent"), decided + count("in_flight"), "{run}: {hop:?}");
            }
        }
    }
}

/// A report with its figures masked: `3` for whatever digits, and blanks drawn together.
fn masked(report: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in report.lines() {
        let line = if line.starts_with("Start: ") { "Start: -" } else { line };
        let words: Vec<String> = line
            .split_whitespace()
            .enumerate()
            .map(|(at, word)| match word.parse::<f64>() {
                Ok(_) if at > 2 => "0".to_owned(),
                _ => word.to_owned(),
            })
            .collect();
        lines.push(words.join(" "));
    }
    lines
}

/// A report line by line as it stands, only its figures made zeros, of one digit before the point:
/// how long a round trip took on this machine is not to be compared.
fn zeroed(report: &str) -> String {
    let mut text = String::new();
    for line in report.lines().filter(|line| !line.starts_with("Start: ")) {
        let (name, figures) = line.split_at(line.len().min(40));
        text += name;
        let nexts = figures.chars().skip(1).map(Some).chain([None]);
        text.extend(figures.chars().zip(nexts).map(|(c, next)| match next {
            _ if !c.is_ascii_digit() => c,
            Some(next) if next.is_ascii_digit() => ' ',
            _ => '0',
        }));
        text.push('\n');
    }
    text
}

#[test]
fn the_report_is_that_of_mtr() {
    let Some(mut bed) = Bed::open(&["mtr"]) else { return };
    let chain = bed.chain(&["client", "r1", "r2", "server"]);
    let options = [
        "-r -n -c 3 -i 0.2",
        "-r -c 2 -i 0.2 -n -o LSD",
        "-r -n -c 3 -i 0.2 -o DR_AGJMXI",
        "-r -n -c 1 -f 2",
        "-r -n -c 2 -i 0.2 -m 2",
        "-r -w -n -c 2 -i 0.2",
    ];
    let client = &chain[0];
    thread::scope(|scope| {
        for target in chain.both(3).map(|address| address.to_string()) {
            for options in options {
                let target = target.clone();
                scope.spawn(move || compare(client, options, &target));
            }
        }
    });
}

/// Runs both with the same options.
fn compare(client: &Node, options: &str, target: &str) {
    let words: Vec<String> = options.split(' ').map(|word| word.replace('_', " ")).collect();
    let run = |program: &str, first: &[&str]| {
        let words = first.iter().copied().chain(words.iter().map(String::as_str));
        client.run(program, &words.chain([target]).collect::<Vec<&str>>()).stdout()
    };
    let theirs = run("mtr", &["-G", "1"]);
    let ours = run(env!("CARGO_BIN_EXE_askway"), &["watch"]);
    // How a road ends that ends nowhere is a line of our own, and the heading of mtr's wide report
    // stands two columns to the left of its figures.
    let ours: Vec<&str> = ours.lines().filter(|line| !line.contains("not reached")).collect();
    let ours = ours.join("\n") + "\n";
    if options.contains("-w") {
        assert_eq!(masked(&ours), masked(&theirs), "{options}");
    } else {
        assert_eq!(zeroed(&ours), zeroed(&theirs), "{options}");
    }
}

#[test]
fn a_router_that_limits_its_replies_has_lost_nothing() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "r1", "r2", "server"]);
    for router in 1..3 {
        // As Linux has it by itself.
        let usual = [("net/ipv4/icmp_ratelimit", "1000"), ("net/ipv4/icmp_ratemask", "6168")];
        chain[router].sysctls(&usual);
    }
    let target = chain.v4(3).to_string();
    let words = ["watch", "-r", "-n", "-c", "40", "-i", "100ms", &target];
    let report = chain[0].run(env!("CARGO_BIN_EXE_askway"), &words).stdout();
    for line in report.lines().skip(2) {
        assert!(line.contains(" 0.0% "), "{report}");
    }
    assert_eq!(report.matches("limits its replies: about 1/s").count(), 2, "{report}");
}
