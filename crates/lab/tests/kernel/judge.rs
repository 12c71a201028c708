//! Scripts of packets and calls: what a node of the kernel answers, written down, and what a node
//! of the lab does. `ASKWAY_BLESS=1` writes down what the kernel says: read the difference.

mod house;
mod notation;
mod ours;
mod real;
mod script;
mod shown;
mod wires;

use house::{OurHouse, RealHouse};
use ours::Ours;
use real::Real;
use script::Script;
use std::path::PathBuf;
use std::sync::Mutex;

/// Not a test of its own: the far ends of wires.
#[test]
fn far() {
    if let Ok(path) = std::env::var(wires::FAR_VARIABLE) {
        wires::carry(&path);
    }
}

/// Likewise: who makes calls in a node.
#[test]
fn near() {
    if let Ok(path) = std::env::var(wires::NEAR_VARIABLE) {
        wires::call(&path);
    }
}

/// All scripts: their names, paths and texts.
fn scripts() -> Vec<(String, PathBuf, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernel/scripts");
    let entries = std::fs::read_dir(directory).expect("the scripts");
    let only = std::env::var("ASKWAY_SCRIPT").unwrap_or_default();
    let mut scripts = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "script") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name.contains(&only) {
            let text = std::fs::read_to_string(&path).expect("it is text");
            scripts.push((name, path, text));
        }
    }
    scripts.sort();
    scripts
}

/// How answers differ from what is written down; empty if they do not.
fn differences(name: &str, script: &Script, is_kernel: bool, answers: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (step, answers) in script.steps.iter().zip(answers) {
        let wanted = if is_kernel { &step.kernel } else { &step.lab };
        if wanted != answers {
            let line = step.line;
            text += &format!("{name}.script:{line}:\n  wanted {wanted:#?}\n  got {answers:#?}\n");
        }
    }
    text
}

#[test]
fn nodes_of_the_lab_do_what_scripts_say() {
    let scripts = scripts();
    let mut faults = String::new();
    for (name, _, text) in &scripts {
        let script = Script::parse(text);
        let mut ours = Ours::new(&script);
        let answers: Vec<_> = script.steps.iter().map(|step| ours.act(step)).collect();
        faults += &differences(name, &script, false, &answers);
    }
    assert!(!scripts.is_empty() && faults.is_empty(), "{faults}");
}

#[test]
fn nodes_of_the_kernel_do_what_scripts_say() {
    let scripts = Mutex::new(scripts());
    let faults = Mutex::new(String::new());
    let is_blessing = std::env::var("ASKWAY_BLESS").is_ok_and(|value| value == "1");
    let run = || {
        while let Some((name, path, text)) = { scripts.lock().expect("nobody panics").pop() } {
            let script = Script::parse(&text);
            let Some(mut real) = Real::new(&script) else { return };
            let answers: Vec<_> = script.steps.iter().map(|step| real.act(step)).collect();
            if is_blessing {
                std::fs::write(path, script.with_answers(&text, &answers)).expect("it is written");
                continue;
            }
            let fault = differences(&name, &script, true, &answers);
            *faults.lock().expect("nobody panics") += &fault;
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
    let faults = faults.into_inner().expect("nobody panics");
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn a_whole_scenario_fares_alike_in_the_lab() {
    let (script, ..) = house::script();
    let mut ours = OurHouse::new();
    let answers: Vec<_> = script.steps.iter().map(|step| ours.act(step)).collect();
    let faults = differences("house", &script, false, &answers);
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn a_whole_scenario_fares_as_written_with_the_kernel() {
    let (script, path, text) = house::script();
    let Some(mut real) = RealHouse::new() else { return };
    let answers: Vec<_> = script.steps.iter().map(|step| real.act(step)).collect();
    if std::env::var("ASKWAY_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(path, script.with_answers(&text, &answers)).expect("it is written");
        return;
    }
    let faults = differences("house", &script, true, &answers);
    assert!(faults.is_empty(), "{faults}");
}
