//! Manual pages: groff has nothing to say against them, they have every option, and what they show
//! runs.

use super::{commands, root, said, shell, stdout};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

const LANGUAGES: [&str; 2] = ["en", "zh"];

/// A page as it is read on a terminal, without overstriking; groff's complaints fail the test.
fn read(name: &str, language: &str) -> String {
    let groff = "groff -man -Tutf8 -ww -P-cbou -Kutf8";
    let output = shell(&format!("askway man {name} --lang {language} | {groff}"), &root());
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{name} ({language}): {complaints}");
    stdout(&output)
}

#[test]
fn pages_have_their_sections_and_groff_is_content() {
    let sections = [
        ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"],
        ["名称", "概要", "描述", "选项", "退出状态", "示例", "参见"],
    ];
    for name in commands().iter().map(String::as_str).chain(["askway"]) {
        for (language, sections) in LANGUAGES.iter().zip(sections) {
            let page = read(name, language);
            let mut lines = page.lines();
            for section in sections {
                assert!(lines.any(|line| line == section), "{name} ({language}): {section}");
            }
        }
    }
}

/// The options in a line of help or of a page: `-k, --kind <KIND>` has two.
fn options(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split([' ', ',', '=', '[', '.', '<']).filter(|word| !word.is_empty());
    let words = words.take_while(|word| word.starts_with('-'));
    // A text may begin its line with another form of an option: `-ttt since the packet before`.
    words
        .filter(|word| word.len() == 2 && *word != "--" || word.starts_with("--") && word.len() > 2)
}

#[test]
fn pages_have_every_option_of_the_help() {
    let mut checked = 0;
    for name in commands() {
        let help = stdout(&shell(&format!("askway {name} --help"), &root()));
        for language in LANGUAGES {
            let page = read(&name, language);
            let known: BTreeSet<&str> = page.lines().flat_map(options).collect();
            for option in help.lines().flat_map(options) {
                assert!(known.contains(option), "{option} of {name} ({language})");
                checked += 1;
            }
        }
    }
    assert!(checked > 400, "{checked} options");
}

/// An example of a file of `data/man`: its line, the scenario that it runs over, the exit codes
/// that it may have; nothing if it is only shown.
struct Example {
    line: String,
    scenario: Option<String>,
    exits: Vec<i32>,
}

fn examples(name: &str) -> Vec<Example> {
    let path = format!("{}/data/man/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).expect("what is written about the command");
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("[example").and_then(|it| it.strip_suffix(']')) else {
            continue;
        };
        let (scenario, exits) = words.split_once("exit ").unwrap_or((words, "0"));
        if scenario.trim() == "shown" {
            continue;
        }
        let scenario = Some(scenario.trim().to_owned()).filter(|scenario| !scenario.is_empty());
        let exits = exits.split(',').map(|code| code.parse().expect("an exit code")).collect();
        let line = lines.next().expect("a command line").to_owned();
        found.push(Example { line, scenario, exits });
    }
    found
}

/// The line with the scenario behind the command, as a reader would add it.
fn over(line: &str, scenario: &str) -> String {
    let path = root().join(format!("crates/lab/scenarios/{scenario}.toml"));
    assert!(path.exists(), "{}", path.display());
    let words: Vec<&str> = line.split(' ').collect();
    let verb = if words[1] == "as" { 3 } else { 2 };
    let (head, tail) = words.split_at(verb);
    format!("{} --lab {} {}", head.join(" "), path.display(), tail.join(" "))
}

#[test]
fn what_pages_show_runs() {
    let captures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dump/captures");
    let mut ran = 0;
    for name in commands().iter().map(String::as_str).chain(["askway"]) {
        let page = read(name, "en");
        for Example { line, scenario, exits } in examples(name) {
            assert!(page.lines().any(|it| it.trim() == line), "{name} does not show {line}");
            let full = scenario.map_or_else(|| line.clone(), |scenario| over(&line, &scenario));
            let output = shell(&full, &captures);
            let code = output.status.code().expect("it ended by itself");
            assert!(exits.contains(&code), "{full}: exit {code}\n{}", said(&output));
            let is_quiet = output.stdout.is_empty() && !line.contains("--advice");
            assert!(!is_quiet && output.stderr.is_empty(), "{full}\n{}", said(&output));
            ran += 1;
        }
    }
    assert!(ran > 30, "{ran} examples");
}

#[test]
fn all_pages_are_written_into_a_directory() {
    let directory = std::env::temp_dir().join(format!("askway-man-{}", std::process::id()));
    fs::create_dir(&directory).expect("new");
    let output = shell(&format!("askway man --all {}", directory.display()), &root());
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    let entries = fs::read_dir(&directory).expect("readable");
    let written: BTreeSet<String> = entries
        .map(|entry| entry.expect("readable").file_name().into_string().expect("a name"))
        .collect();
    let pages = commands().into_iter().map(|name| format!("askway-{name}.1"));
    assert_eq!(written, pages.chain(["askway.1".to_owned()]).collect());
    let one = fs::read(directory.join("askway-trace.1")).expect("readable");
    assert_eq!(one, shell("askway man trace", &root()).stdout);
    fs::remove_dir_all(&directory).expect("it is ours");
}

#[test]
fn what_cannot_be_written_is_refused() {
    for (words, message) in [
        ("man nothing", "askway: no page for a command `nothing`"),
        ("man --all /nowhere/man1", "askway: /nowhere/man1 is no directory"),
        ("man --json ping", "askway: man takes no --json"),
    ] {
        let output = shell(&format!("askway {words}"), &root());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines[0], message);
        assert!(lines.len() == 2 && lines[1].starts_with("hint: "), "{stderr}");
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)), "{words}");
    }
}
