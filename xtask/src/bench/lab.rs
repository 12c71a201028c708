//! The lab in virtual time: what a packet costs at each hop, in small networks and large ones, and
//! what captures cost.

use super::arena::Arena;
use super::figures::{median, shown};
use super::rows::{Bar, Figures, Row, compare};
use std::fmt::Write;

/// How often each command runs.
const TIMES: usize = 7;

/// Routers on the way of every probe, and so one link more.
const ROUTERS: usize = 8;

/// Probes of the long runs and of the short ones; the difference leaves out the start.
const PROBES: [usize; 2] = [22_000, 2_000];

/// Measures networks of several sizes.
///
/// # Errors
/// If a scenario cannot be written, or something cannot be run.
pub fn measure(arena: &Arena) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut costs = Vec::new();
    for nodes in [10, 100, 1_000] {
        let file = arena.file(&format!("{nodes}.toml"), &scenario(nodes))?;
        let counts = PROBES.map(|count| count.to_string());
        let [long, short] = counts.each_ref().map(|count| probes(&file, count));
        let runs = arena.alternate(TIMES, [&long, &short])?;
        let hops = ((PROBES[0] - PROBES[1]) * 2 * (ROUTERS + 1)) as f64;
        let cost = |pair: &[super::launcher::Cost; 2]| {
            (pair[0].cpu.as_secs_f64() - pair[1].cpu.as_secs_f64()) / hops * 1e9
        };
        let ns = median(&runs.iter().map(cost).collect::<Vec<f64>>());
        costs.push(ns);
        rows.push(row(
            format!("packet hops a second of processor time, {nodes} nodes, millions"),
            shown(1e3 / ns),
            "at least 1".into(),
            ns <= 1_000.0,
        ));
    }
    let growth = costs[2] / costs[0];
    let flat = growth <= 1.3;
    rows.push(row(
        "a hop of 1,000 nodes by one of 10".into(),
        shown(growth),
        "at most 1.3".into(),
        flat,
    ));
    rows.extend(captures(arena)?);
    let file = arena.file("minute.toml", &scenario(10))?;
    // A minute of a hundred probes a second.
    let minute = ["askway", "ping", "--lab", &file, "-q", "-c", "6000", "-i", "10ms", "b"];
    let runs = arena.alternate(TIMES, [&minute, &minute])?;
    let wall = median(&runs.iter().map(|pair| pair[0].wall.as_secs_f64()).collect::<Vec<f64>>());
    let what = "a minute of 10 nodes, 100 probes a second, wall time, s".into();
    rows.push(row(what, shown(wall), "under 1".into(), wall < 1.0));
    Ok(rows)
}

/// What captures cost, of one link of nine and of all.
fn captures(arena: &Arena) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let file = arena.file("capture.toml", &scenario(10))?;
    let count = PROBES[0].to_string();
    let plain = probes(&file, &count);
    let target = arena.file("link.pcapng", "")?;
    for (what, capture) in [
        ("a link captured: processor time", format!("r4-r5={target}")),
        ("every link captured: processor time", target.clone()),
    ] {
        let captured: Vec<&str> = plain.iter().copied().chain(["--capture", &capture]).collect();
        let runs = arena.alternate(TIMES, [&captured, &plain])?;
        let cpu = |at: usize| -> Vec<f64> {
            runs.iter().map(|pair| pair[at].cpu.as_secs_f64() * 1e3).collect()
        };
        let figures = Figures::new(&cpu(0), &cpu(1));
        rows.push(compare(what, "ms", "without", &figures, Bar::AtMost(1.2)));
    }
    Ok(rows)
}

fn probes<'a>(file: &'a str, count: &'a str) -> Vec<&'a str> {
    vec!["askway", "ping", "--lab", file, "-q", "-c", count, "--flood", "-i", "1ms", "b"]
}

fn row(what: String, ours: String, bar: String, is_met: bool) -> Row {
    Row { what, peer: "", theirs: String::new(), ours, ratio: String::new(), bar, is_met }
}

/// A chain from a to b, and so many nodes in all: the others hang on its routers.
fn scenario(nodes: usize) -> String {
    let others = nodes - ROUTERS - 2;
    let mut text = format!(
        "[host]\na = {{}}\nb = {{}}\n{}[router]\nr = {{ count = {ROUTERS} }}\n",
        if others > 0 { format!("h = {{ count = {others} }}\n") } else { String::new() }
    );
    let name = |place: usize| match place {
        0 => "a".to_owned(),
        last if last == ROUTERS + 1 => "b".to_owned(),
        place => format!("r{place}"),
    };
    let mut link = |one: &str, other: &str| {
        let _ = writeln!(text, "[[link]]\nends = [\"{one}\", \"{other}\"]\ndelay = \"1ms\"");
    };
    for place in 0..=ROUTERS {
        link(&name(place), &name(place + 1));
    }
    for host in 1..=others {
        link(&name(1 + host % ROUTERS), &format!("h{host}"));
    }
    text
}
