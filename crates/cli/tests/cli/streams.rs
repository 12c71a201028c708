//! What happens when standard output takes no more, and targets from standard input.

use super::here;
use std::fs::File;
use std::io::{Write, pipe};
use std::process::{Command, Output, Stdio};

fn ping(words: &str, stdin: Stdio, stdout: Stdio) -> Command {
    askway(&format!("ping {words}"), stdin, stdout)
}

fn askway(words: &str, stdin: Stdio, stdout: Stdio) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askway"));
    command.args(words.split_whitespace()).current_dir(here()).env_clear();
    command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    command
}

fn run(mut command: Command) -> Output {
    command.spawn().expect("it starts").wait_with_output().expect("it ends")
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    for format in ["", "--json", "--csv"] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let words = format!("--lab town.toml -c 3 {format} good");
        let output = run(ping(&words, Stdio::null(), writer.into()));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

#[test]
fn a_closed_pipe_ends_a_trace_quietly() {
    for format in ["human", "json", "csv", "atlas", "text"] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let words = format!("trace --lab town.toml --format {format} good");
        let output = run(askway(&words, Stdio::null(), writer.into()));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

#[test]
fn a_full_disk_is_our_own_failure() {
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let output = run(ping("--lab town.toml -c 3 good", Stdio::null(), full.into()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("askway: cannot write to standard output: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(output.status.code(), Some(5));
}

#[test]
fn targets_come_from_standard_input() {
    let (reader, mut writer) = pipe().expect("a pipe");
    let command = ping("--lab town.toml -q -c 1 --json -", reader.into(), Stdio::piped());
    writer.write_all(b"good # the good one\n\n192.0.2.10 2001:db8::10\n").expect("it fits");
    drop(writer);
    let output = run(command);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout.lines().count(), 3, "{stdout}");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nothing_that_a_command_line_or_a_list_holds_reaches_the_terminal_as_it_is() {
    const BAD: &str = "\u{1b}]0;x\u{7}";
    let bad = |text: &str| text.replace("BAD", BAD);
    for words in [
        "ping --lab town.toml BAD",
        "ping --lab town.toml --from BAD good",
        "ping --lab BAD good",
        "ping --BAD good",
        "ping -I BAD good",
        "up --lab town.toml --file BAD",
        "trace --lab town.toml BAD",
        "trace --lab town.toml --format text BAD good",
        "trace --lab town.toml --asn-db BAD good",
        "trace --asn-db systems.mmdb --lab town.toml -q 1 far",
        "trace -k BAD good",
        "explain BAD",
        "explain -",
        "explain ICMP BAD udp port 1 unreachable",
        "explain 45000000BAD",
        "explain From BAD Destination Port Unreachable mtu = BAD",
        "explain --json ICMP BAD udp port 1 unreachable",
        "as ping --lab town.toml BAD",
        "as ping --lab town.toml --from BAD good",
        "as ping -M BAD good",
        "as ping -BAD good",
        "as fping --lab town.toml -f -",
        "as fping --lab town.toml BAD",
        "as fping -S BAD good",
        "as fping -g BAD/24",
        "as fping --BAD good",
        "as winping --lab town.toml BAD",
        "as winping -BAD good",
        "as winping good BAD",
        "as winping -S BAD good",
        "as BAD",
        "BAD",
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_askway"));
        command.args(words.split_whitespace().map(bad)).current_dir(here()).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        // Whoever does not read its input has ended.
        let _ = child.stdin.take().expect("a pipe").write_all(format!("{BAD}\n").as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let all = [output.stdout, output.stderr].concat();
        assert!(!all.is_empty(), "{words}");
        assert!(!all.iter().any(|byte| matches!(byte, 0x1b | 0x07)), "{words}");
    }
}
