//! How fast the lab's gateway tracks: a program of the lab's own measures it, since nothing but the
//! tracker is to be measured.

use super::arena::Arena;
use super::figures::shown;
use super::rows::Row;
use crate::tree;
use std::process::Command;

/// What is measured: the name of a figure, what it is, its unit, the peer's figure, and the most
/// that ours may be. The peer is Linux's own tracker, as measured on a machine of two processors:
/// about 1,200 ns for a new connection, 800 ns for a look-up in a cold table, 387 bytes an entry.
const FIGURES: &[(&str, &str, &str, f64, f64)] = &[
    ("new", "new connection, tracked and translated", "ns", 1_200.0, 1_000.0),
    ("known", "packet of one of a million connections", "ns", 800.0, 500.0),
    ("lookup", "look-up among a million connections", "ns", 800.0, 150.0),
    ("entry", "memory of a connection", "bytes", 387.0, 300.0),
];

/// Measures all of them, medians of five runs.
///
/// # Errors
/// If the program cannot be built or run, or says something else.
pub fn measure(_: &Arena) -> Result<Vec<Row>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["run", "--release", "--quiet", "--package", "askway", "--example", "track"];
    let ran = Command::new(cargo).args(arguments).current_dir(tree::root()).output();
    let ran = ran.map_err(|e| format!("cannot run cargo: {e}"))?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let figure = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = line.and_then(|number| number.parse::<f64>().ok());
        number.ok_or_else(|| format!("no figure is called {name} in: {said}"))
    };
    let row =
        |&(name, what, unit, theirs, most): &(&str, &str, &str, f64, f64)| -> Result<_, String> {
            let ours = figure(name)?;
            Ok(Row {
                what: format!("{what}, {unit}"),
                peer: "Linux",
                theirs: shown(theirs),
                ours: shown(ours),
                ratio: format!("{:.2}", ours / theirs),
                bar: format!("at most {} {unit}", shown(most)),
                is_met: ours <= most,
            })
        };
    let mut rows: Vec<Row> = FIGURES.iter().map(row).collect::<Result<_, _>>()?;
    // What a look-up that misses every cache cannot be faster than, twice over.
    let memory = figure("memory")?;
    rows.push(Row {
        what: "one access to as much memory in any order, ns".into(),
        peer: "the machine",
        theirs: shown(memory),
        ours: shown(memory),
        ratio: "1.00".into(),
        bar: "for the record".into(),
        is_met: true,
    });
    Ok(rows)
}
