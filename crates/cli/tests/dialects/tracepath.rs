//! tracepath beside that of iputils (Debian 12: 20221126), on the roads of [`traceroute`].

use crate::compare::{Case, Same};
use crate::traceroute::Network;

fn case(line: impl Into<String>) -> Case {
    Case { same: Same::Order, hide: masked, ..Case::new("tracepath", line) }
}

/// The real one calls itself by its whole path; the usage text is everybody's own; and round trips
/// differ, but not where their points stand.
fn masked(line: String) -> Option<String> {
    match line.split_once("/tracepath: ") {
        Some((directory, message)) if directory.starts_with('/') => {
            return Some(format!("tracepath: {message}"));
        }
        _ if line.starts_with("  -") => return None,
        _ => {}
    }
    let Some((before, behind)) = line.split_once("ms ") else { return Some(line) };
    let Some((start, digits)) = before.rsplit_once('.') else { return Some(line) };
    let host = start.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
    let (column, decimals) = (start.len(), digits.len());
    Some(format!("{host} #@{column}.{decimals}ms {behind}"))
}

fn network() -> Option<Network> {
    Network::open(&["tracepath"], &["tracepath", "tracepath6"])
}

#[test]
fn roads() {
    let Some(network) = network() else { return };
    let mut all = Vec::new();
    for target in ["10.77.0.1", "2001:db8:77::1"] {
        for options in
            ["", "-n", "-b", "-nb", "-p 5000 -n", "-p 0 -n", "-m 2 -n", "-m 0", "-m 4 -n"]
        {
            all.push(case(format!("{options} {target}")));
        }
        for length in ["1000", "1500", "1501", "65000", "65535", "65536", "70000", "200000"] {
            all.push(case(format!("-n -l {length} {target}")));
        }
        all.push(Case { nobody: true, ..case(format!("-n {target}")) });
    }
    for line in [
        "-4 -n 10.77.0.1",
        "-6 -n 2001:db8:77::1",
        "-n 10.77.0.1/5000",
        "-n -l 29 10.77.0.1",
        "-n -l 49 2001:db8:77::1",
        "-n 127.0.0.1",
        "-n ::1",
        "localhost",
        "-m 010 -n 10.77.0.1",
    ] {
        all.push(case(line));
    }
    network.check(&all);
}

#[test]
fn fates() {
    let Some(network) = network() else { return };
    let mut all = Vec::new();
    for last in 1..=7 {
        all.push(case(format!("-n 10.79.0.{last}")));
    }
    for last in 1..=4 {
        all.push(case(format!("-n 2001:db8:79::{last}")));
    }
    for line in [
        "-n -m 2 10.78.0.1",
        "-n -m 2 2001:db8:78::1",
        "-n 10.77.0.8",
        "-n 2001:db8:77::8",
        "-n 10.80.0.1",
        "-n 198.51.100.1",
        "-n 203.0.113.1",
        "-n 2001:db8:ffff::1",
    ] {
        all.push(case(line));
    }
    network.check(&all);
}

#[test]
fn narrow_roads() {
    let Some(network) = network() else { return };
    network.narrow(1_400);
    // Each with a target of its own: the kernel remembers.
    let mut all = Vec::new();
    for (options, host) in ["-n", "-nb", "-m 3 -n", "-l 1450 -n", "-l 1400 -n"].iter().zip(1..) {
        all.push(case(format!("{options} 10.77.2.{host}")));
        all.push(case(format!("{options} 2001:db8:77::2:{host}")));
    }
    network.check(&all);
    let why = "what the kernel remembers of the way is asked of the way";
    network.check(&[Case { same: Same::No { ours: "pmtu 1500", why }, ..case("-n 10.77.2.1") }]);
}

#[test]
fn command_lines() {
    let Some(network) = network() else { return };
    let mut all: Vec<Case> = [
        "",
        "-x",
        "-h",
        "--help",
        "-m",
        "-l",
        "-m x 10.77.0.1",
        "-m 256 10.77.0.1",
        "-m -1 10.77.0.1",
        "-m 0x3 10.77.0.1",
        "-m 1x 10.77.0.1",
        "-l 10 10.77.0.1",
        "-l 28 10.77.0.1",
        "-l 48 2001:db8:77::1",
        "-l 2147483648 10.77.0.1",
        "-l 99999999999999999999 10.77.0.1",
        "-p x 10.77.0.1",
        "-p 70000 10.77.0.1",
        "10.77.0.1/x",
        "10.77.0.1/99999",
        "-p 3 10.77.0.1/4",
        "-4 2001:db8:77::1",
        "-6 10.77.0.1",
        "-4 -6 10.77.0.1",
        "-6 -4 10.77.0.1",
        "nosuch.invalid",
        "-l 10 nosuch.invalid",
        "10.77.0.1 5",
        "-n",
    ]
    .map(case)
    .into();
    let version = |line: String| line.strip_prefix("tracepath from ").map(|_| line[..9].to_owned());
    all.push(Case { hide: version, ..case("-V") });
    all.push(Case { hide: version, ..case("-Vn 10.77.0.1") });
    network.check(&all);
}
