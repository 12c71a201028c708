//! askway beside its peers, in turn and in one run, over namespaces joined by veth.
//!
//! Every figure is the median of several runs, ours and the peer's alternating, and every ratio the
//! median of the ratios of runs next to each other, so that whatever else the machine does falls on
//! both.

mod arena;
mod figures;
mod gateway;
mod lab;
mod launcher;
mod live;
mod rows;
mod sockets;
mod traces;
mod track;

pub use launcher::{alternate, measure};
pub use live::{receive_stamps, send_stamps};
pub use sockets::hold_connections;
pub use track::send_flows;

use crate::{test, tree};
use arena::Arena;
use rows::Row;
use std::fmt::Write;

/// Programs that only the benchmarks call, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("ping", "iputils-ping"),
    ("fping", "fping"),
    ("strace", "strace"),
    ("chrt", "util-linux"),
    ("timeout", "coreutils"),
    ("traceroute", "traceroute"),
    ("tracepath", "iputils-tracepath"),
    ("mtr", "mtr-tiny"),
    ("scamper", "scamper"),
    ("nft", "nftables"),
    ("iperf3", "iperf3"),
    ("nice", "coreutils"),
];

const PAGE: &str = "docs/benchmarks.md";

/// Measures the groups of those names, or all of them, and prints the table. A full run also
/// replaces the page that keeps it.
///
/// # Errors
/// If a name is no group, or something cannot be installed, built or written.
pub fn run(wanted: &[&str]) -> Result<(), String> {
    let known = |name: &&&str| rows::ALL.iter().any(|group| group.name == **name);
    if let Some(unknown) = wanted.iter().find(|name| !known(name)) {
        let names: Vec<&str> = rows::ALL.iter().map(|group| group.name).collect();
        return Err(format!("no benchmark is called {unknown}\nhint: one of {}", names.join(", ")));
    }
    test::install(PROGRAMS)?;
    test::cargo(&["build", "--release", "--package", "askway"])?;
    let arena = Arena::new(tree::built("release"));
    let mut table = Vec::new();
    for group in rows::ALL {
        if wanted.is_empty() || wanted.contains(&group.name) {
            eprintln!("measuring {}", group.name);
            table.extend((group.measure)(&arena).unwrap_or_else(|fault| {
                eprintln!("{}: {fault}", group.name);
                vec![Row::failed(group.name)]
            }));
        }
    }
    let text = page(&arena, &table);
    println!("{text}");
    if wanted.is_empty() {
        let path = tree::root().join(PAGE);
        std::fs::write(path, text).map_err(|e| format!("cannot write {PAGE}: {e}"))?;
    }
    Ok(())
}

fn page(arena: &Arena, table: &[Row]) -> String {
    let mut text = String::from("# Benchmarks\n\n");
    text +=
        "Written by `cargo xtask bench`; see `xtask/src/bench/rows.rs` for the exact commands.\n\n";
    for line in arena.description() {
        let _ = writeln!(text, "- {line}");
    }
    text += "\n| what | peer | peer's | askway's | ratio | bar | met |\n";
    text += "|---|---|---|---|---|---|---|\n";
    for row in table {
        let met = if row.is_met { "yes" } else { "**no**" };
        let cells =
            [&row.what, row.peer, &row.theirs, &row.ours, &row.ratio, &row.bar, met].join(" | ");
        let _ = writeln!(text, "| {cells} |");
    }
    text
}
