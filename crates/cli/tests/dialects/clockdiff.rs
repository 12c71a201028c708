//! clockdiff beside that of iputils (Debian 12: 20221126), over one link.

use crate::compare::{self, Case, Same};
use testbed::Bed;

fn case(line: impl Into<String>) -> Case {
    Case { same: Same::Order, hide: masked, ..Case::new("clockdiff", line) }
}

/// The real one calls itself by its whole path; the usage text is everybody's own; the time of the
/// day and whole milliseconds are for the machine to decide.
fn masked(line: String) -> Option<String> {
    match line.split_once("/clockdiff: ") {
        Some((directory, message)) if directory.starts_with('/') => {
            return Some(format!("clockdiff: {message}"));
        }
        _ if line.starts_with("  -") || line.starts_with("                 ") => return None,
        _ => {}
    }
    let line = line.trim_start();
    let numbers: Vec<&str> = line.split(' ').collect();
    if numbers.len() == 3 && numbers.iter().all(|it| it.parse::<i64>().is_ok()) {
        return Some("# # #".to_owned());
    }
    // A sentence of the usage text.
    let is_usage = ["without -o", "<destination>", "specify"].iter().any(|it| line.starts_with(it));
    (!is_usage).then(|| line.to_owned())
}

#[test]
fn command_lines_and_measurements() {
    let Some(mut bed) = Bed::open(&["clockdiff"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let ours = compare::install(bed.scratch(), &["clockdiff"]);
    // A network of its own for each address that is refused, silent, or away.
    chain[0].refuse("unreachable", "203.0.113.0/24");
    chain[0].refuse("prohibit", "198.51.100.0/25");
    chain[0].route("10.77.0.0/24", chain.v4(1));
    chain[1].refuse("blackhole", "10.77.0.0/24");
    let to = chain.v4(1);
    let mut all: Vec<Case> = ["", "-T iso", "-T ctime", "-I", "--time-format=iso", "--time iso"]
        .map(|options| case(format!("{options} {to}")))
        .into();
    all.push(case("127.0.0.1"));
    all.push(case("localhost"));
    for line in [
        "",
        "-h",
        "--help",
        "-q",
        "-T",
        "-T sundial 10.77.0.1",
        "--nonsense",
        "--v=3",
        "10.77.0.1 10.77.0.2",
        "10.77.0.1",
        "203.0.113.1",
        "198.51.100.1",
        "nosuch.invalid",
        "::1",
        "-o 203.0.113.1",
    ] {
        all.push(case(line));
    }
    for options in ["-o", "-o1", "-1"] {
        all.push(case(format!("{options} {to}")));
        all.push(case(format!("{options} 127.0.0.1")));
    }
    let version = |line: String| line.strip_prefix("clockdiff from ").map(|_| line[..9].to_owned());
    all.push(Case { hide: version, ..case("-V") });
    all.push(Case { hide: version, ..case("--version") });
    compare::check(&chain[0], &ours, &all);
}
