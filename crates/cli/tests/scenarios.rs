//! Scenarios: small networks as text, with what a user would see who asks in them. Each file below
//! `crates/lab/scenarios` and `crates/lab/examples` is a test; `ASKWAY_BLESS=1` writes what is seen
//! into the files.

use lab::{Expectation, NodeId, Said, World};
use probe::kind;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use wire::Family;
use wire::pcapng::{Direction, Reader};

/// A scenario file.
struct Scenario {
    path: PathBuf,
    text: String,
    expectations: Vec<Expectation>,
    world: World,
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

#[test]
fn users_see_what_scenarios_promise() {
    let is_blessing = std::env::var_os("ASKWAY_BLESS").is_some();
    let mut faults = String::new();
    let mut checked = 0;
    for mut scenario in scenarios() {
        let mut seen = Vec::new();
        for expectation in scenario.expectations.clone() {
            let mut runs = Vec::new();
            for family in &expectation.families {
                let got = scenario.run(&expectation.command, *family);
                checked += 1;
                if !is_blessing {
                    check(&scenario, &expectation, *family, &got, &mut faults);
                }
                runs.push((*family, got));
            }
            seen.push((expectation, runs));
        }
        if is_blessing {
            scenario.bless(&seen);
        }
    }
    assert!(faults.is_empty(), "{faults}if this is as it should be: ASKWAY_BLESS=1");
    assert!(checked > 30, "only {checked} commands were found");
}

/// Adds to `faults` what differs from what is expected.
fn check(
    scenario: &Scenario,
    expectation: &Expectation,
    family: Family,
    got: &Seen,
    faults: &mut String,
) {
    let place = format!("{}:{}", scenario.path.display(), expectation.line);
    let expected = Seen {
        exit: Some(expectation.exit.into()),
        stdout: said(&expectation.stdout).unwrap_or_else(|| got.stdout.clone()),
        stderr: said(&expectation.stderr).unwrap_or_default(),
    };
    if *got != expected {
        writeln!(
            faults,
            "{place}: {} over {family}\n{}",
            expectation.command,
            differences(&expected, got)
        )
        .expect("a string takes everything");
    }
}

fn said(said: &Option<Said>) -> Option<String> {
    said.as_ref().map(|said| said.text.clone())
}

fn differences(expected: &Seen, got: &Seen) -> String {
    let mut out = format!("  exit {:?}, expected {:?}\n", got.exit, expected.exit);
    for (want, have) in [(&expected.stdout, &got.stdout), (&expected.stderr, &got.stderr)] {
        let (want, have): (Vec<_>, Vec<_>) = (want.lines().collect(), have.lines().collect());
        for at in 0..want.len().max(have.len()) {
            let (want, have) = (want.get(at), have.get(at));
            if want == have {
                out += &format!("    {}\n", have.expect("one of the two is there"));
                continue;
            }
            out += &want.map_or(String::new(), |line| format!("  - {line}\n"));
            out += &have.map_or(String::new(), |line| format!("  + {line}\n"));
        }
    }
    out
}

#[test]
fn a_run_repeats_byte_for_byte() {
    for scenario in scenarios() {
        for expectation in &scenario.expectations {
            for family in &expectation.families {
                let first = scenario.run(&expectation.command, *family);
                assert_eq!(first, scenario.run(&expectation.command, *family));
            }
        }
    }
}

#[test]
fn captures_repeat_byte_for_byte_and_change_nothing() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let files = ["one", "other"].map(|name| folder.join(format!("capture-{name}.pcapng")));
    let mut packets = 0;
    for scenario in scenarios() {
        let Some(expectation) = scenario.expectations.first() else { continue };
        // A dialect has its tool's options.
        if expectation.command.starts_with("as ") {
            continue;
        }
        let family = expectation.families[0];
        let [one, other] = files.each_ref().map(|file| {
            let command = format!("{} --capture {}", expectation.command, file.display());
            let seen = scenario.run(&command, family);
            assert_eq!(seen, scenario.run(&expectation.command, family));
            fs::read(file).expect("the capture is there")
        });
        assert!(one == other, "{}", scenario.path.display());
        packets += count(&one);
    }
    assert!(packets > 1_000, "only {packets} packets");
    for file in files {
        fs::remove_file(file).expect("it is there");
    }
}

/// The packets of a capture, each with its story.
fn count(capture: &[u8]) -> usize {
    let mut reader = Reader::default();
    reader.push(capture);
    let mut packets = 0;
    while let Some(record) = reader.read().expect("well-formed") {
        let comment = String::from_utf8_lossy(record.packet.comment.expect("a story"));
        assert!(comment.contains(" -> ") || comment == "duplicate", "{comment}");
        assert_ne!(record.packet.direction, Direction::Unknown);
        packets += 1;
    }
    reader.finish().expect("whole");
    packets
}

#[test]
fn every_kind_of_probe_sees_the_same_network() {
    let mut compared = 0;
    for scenario in scenarios() {
        for expectation in scenario.expectations.iter().filter(|e| e.any_kind) {
            for family in &expectation.families {
                let events = |kind: &str| {
                    let command = format!("{} --json --kind {kind}", expectation.command);
                    events(&scenario.run(&command, *family).stdout)
                };
                let echo = events("icmp");
                for kind in kind::ALL.iter().filter(|kind| kind.speaks(*family)) {
                    let place = format!("{}:{}", scenario.path.display(), expectation.line);
                    let name = kind.name();
                    assert_eq!(events(name), echo, "{place}: {} of {name}", expectation.command);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20, "only {compared} runs were compared");
}

/// Type, target and sequence number of each event of a run as JSON.
fn events(stdout: &str) -> Vec<[String; 3]> {
    let event = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        ["type", "target", "seq"].map(|key| value[key].to_string())
    };
    stdout.lines().map(event).collect()
}

/// Every scenario, in the order of the file names.
fn scenarios() -> Vec<Scenario> {
    let folder = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab").join(name);
    let entries = ["scenarios", "examples"].map(|name| fs::read_dir(folder(name)));
    let entries = entries.into_iter().flat_map(|it| it.expect("the scenarios are in the tree"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    paths.into_iter().map(Scenario::read).collect()
}

impl Scenario {
    fn read(path: PathBuf) -> Scenario {
        let text = fs::read_to_string(&path).expect("readable");
        let origin = path.display().to_string();
        let or_fault = |fault: lab::ScenarioFault| -> ! { panic!("{fault}") };
        let world = World::load(&text, &origin, None).unwrap_or_else(|fault| or_fault(fault));
        let expectations =
            lab::expectations(&text, &origin).unwrap_or_else(|fault| or_fault(fault));
        Scenario { path, text, expectations, world }
    }

    /// Runs a command over this scenario. `<b>` in it stands for the address of `b`, and in the
    /// output the other way round.
    fn run(&self, command: &str, family: Family) -> Seen {
        let names = self.names(family);
        let mut command = command.to_owned();
        for (address, name) in &names {
            command = command.replace(name, &address.to_string());
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let verb = if words[0] == "as" { 2 } else { 1 };
        let output = Command::new(env!("CARGO_BIN_EXE_askway"))
            .args(&words[..verb])
            .arg("--lab")
            .arg(&self.path)
            .arg(match family {
                Family::V4 => "-4",
                Family::V6 => "-6",
            })
            .args(&words[verb..])
            .env("LC_ALL", "C.UTF-8")
            .env_remove("LANG")
            .output()
            .expect("the program was built");
        let text = |bytes: &[u8]| {
            let mut text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            for (address, name) in &names {
                text = replace_whole(&text, &address.to_string(), name);
            }
            text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
        };
        Seen {
            exit: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Addresses and what stands for them: `<r1>` for the first, `<r1.2>` for the second.
    fn names(&self, family: Family) -> Vec<(IpAddr, String)> {
        let nodes = (0..self.world.nodes() as u32).map(NodeId);
        let of_node = |node: NodeId| {
            let name = self.world.name(node).to_owned();
            let addresses = self.world.addresses(node, family).into_iter().enumerate();
            addresses.map(move |(index, address)| match index {
                0 => (address, format!("<{name}>")),
                _ => (address, format!("<{name}.{}>", index + 1)),
            })
        };
        nodes.flat_map(of_node).collect()
    }

    /// Writes what was seen into the file; an expectation that differs by family becomes two.
    fn bless(&mut self, seen: &[(Expectation, Vec<(Family, Seen)>)]) {
        for (expectation, runs) in seen.iter().rev() {
            let ends = [&expectation.stdout, &expectation.stderr]
                .map(|said| said.as_ref().map_or(0, |said| said.span.end));
            let lines = self.text.split_inclusive('\n').take(expectation.line - 1);
            let start = lines.map(str::len).sum();
            let end = ends[0].max(ends[1]);
            if end < start {
                continue;
            }
            let is_one = runs.iter().all(|(_, got)| *got == runs[0].1);
            let blocks = runs.iter().take(if is_one { 1 } else { runs.len() });
            let blocks: Vec<String> = blocks.map(|run| block(expectation, run, is_one)).collect();
            self.text.replace_range(start..end, &blocks.join("\n\n"));
        }
        fs::write(&self.path, &self.text).expect("writable");
    }
}

/// An expectation as text.
fn block(expectation: &Expectation, (family, got): &(Family, Seen), is_one: bool) -> String {
    let mut out = format!("[[expect]]\ncommand = \"{}\"\n", expectation.command);
    let name = |family: &Family| if *family == Family::V4 { "v4" } else { "v6" };
    if !is_one || expectation.families.len() == 1 {
        out += &format!("families = [\"{}\"]\n", name(family));
    }
    if expectation.any_kind {
        out += "any_kind = true\n";
    }
    let exit = got.exit.expect("the program was not killed");
    if exit != 0 {
        out += &format!("exit = {exit}\n");
    }
    out += &format!("stdout = '''\n{}'''", got.stdout);
    if !got.stderr.is_empty() {
        out += &format!("\nstderr = '''\n{}'''", got.stderr);
    }
    out
}

/// Replaces an address where it is not part of a longer one.
fn replace_whole(text: &str, address: &str, name: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(address) {
        let end = at + address.len();
        let belongs = |c: char| c.is_ascii_hexdigit() || c == ':';
        let before = rest[..at].chars().next_back().or(out.chars().next_back());
        // A colon or a full stop behind it may be punctuation.
        let mut after = rest[end..].chars();
        let next = after.next();
        let is_longer = next.is_some_and(|c| c.is_ascii_hexdigit())
            || next.is_some_and(|c| c == ':' || c == '.')
                && after.next().is_some_and(|c| c.is_ascii_hexdigit());
        let is_part = before.is_some_and(|c| belongs(c) || c == '.') || is_longer;
        out.push_str(&rest[..at]);
        out.push_str(if is_part { address } else { name });
        rest = &rest[end..];
    }
    out + rest
}
