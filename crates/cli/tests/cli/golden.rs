//! Whole outputs. A case is a file: `$ askway ...`, standard output, `! ` and each line of standard
//! error, `= ` and the exit code. `ASKWAY_BLESS=1` writes what is seen into the files. Of AS
//! numbers `systems.mmdb` knows two: 64500 of the hosts of the town, and 64501, whose name means no
//! good.

use super::{askway, here};
use std::fs;
use std::process::Output;

#[test]
fn outputs_are_as_written_down() {
    let writes = std::env::var_os("ASKWAY_BLESS").is_some();
    let groups = [
        "as",
        "clock",
        "conntrack",
        "explain",
        "lab",
        "mask",
        "mtu",
        "ping",
        "routers",
        "sockets",
        "tftp",
        "trace",
        "watch",
    ];
    let mut cases: Vec<_> = groups
        .iter()
        .flat_map(|group| fs::read_dir(here().join(group)).expect("the cases are there"))
        .map(|entry| entry.expect("a case").path())
        .filter(|path| path.extension().is_some_and(|it| it == "txt"))
        .collect();
    cases.sort();
    assert!(cases.len() > 10, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let text = fs::read_to_string(&case).expect("a text");
        let is_wrong = written_down(&text) != text;
        if writes && is_wrong {
            fs::write(&case, written_down(&text)).expect("it can be written");
        } else if is_wrong {
            wrong.push(format!("{}\n{}", case.display(), written_down(&text)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_unknown_command_or_dialect_is_two_lines() {
    for (words, message) in [
        ("", "no command"),
        ("frobnicate", "no command `frobnicate`"),
        ("as", "no tool is named"),
        ("as nothing", "no dialect `nothing`"),
    ] {
        let output = askway(words);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines[0], format!("askway: {message}"));
        assert!(lines.len() == 2 && lines[1].starts_with("hint: askway "), "{stderr}");
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)), "{words}");
    }
}

/// The text of a case as it would be today: each command and what it does.
fn written_down(case: &str) -> String {
    let commands = case.lines().filter_map(|line| line.strip_prefix("$ askway "));
    let runs: Vec<String> =
        commands.map(|words| format!("$ askway {words}\n{}", shown(&askway(words)))).collect();
    runs.join("\n")
}

fn shown(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let complaints: String = stderr.lines().map(|line| format!("! {line}\n")).collect();
    let code = output.status.code().expect("it ended by itself");
    format!("{stdout}{complaints}= {code}\n")
}
