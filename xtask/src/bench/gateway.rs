//! What `askway gateway` carries, beside a program of ours that copies between the same devices.

use super::arena::Arena;
use super::figures::json_number;
use super::rows::{Bar, Figures, Row, compare};
use crate::tree;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use testbed::{Bed, Launch, Node, Running};

/// Runs of each, in turn.
const RUNS: usize = 5;

/// Who is between the namespaces.
#[derive(Clone, Copy)]
enum Between {
    Gateway,
    Copy,
}

/// What is carried.
struct Load {
    what: &'static str,
    unit: &'static str,
    options: &'static [&'static str],
    is_fast: bool,
    /// Where iperf3 tells it, and in how many of our units.
    figure: fn(&str) -> Option<f64>,
    /// The least share of the copy's. How much the copy carries depends on the machine alone.
    share: f64,
}

const LOADS: &[Load] = &[
    Load {
        what: "one TCP stream, MTU 1500, packet by packet",
        unit: "Gbit/s",
        options: &[],
        is_fast: false,
        figure: gigabits,
        share: 0.75,
    },
    Load {
        what: "the same with `--fast`",
        unit: "Gbit/s",
        options: &[],
        is_fast: true,
        figure: gigabits,
        share: 0.65,
    },
    Load {
        what: "UDP, 64 bytes of payload, received",
        unit: "thousands a second",
        options: &["-u", "-l", "64", "-b", "0"],
        is_fast: false,
        figure: thousands,
        share: 0.83,
    },
];

/// Measures all of them.
///
/// # Errors
/// If something cannot be built or run.
pub fn measure(arena: &Arena) -> Result<Vec<Row>, String> {
    let copy = build_copy()?;
    let mut rows = Vec::new();
    for load in LOADS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            ours.push(carry(arena, &copy, Between::Gateway, load)?);
            theirs.push(carry(arena, &copy, Between::Copy, load)?);
        }
        let figures = Figures::new(&ours, &theirs);
        let bar = Bar::AtLeast(load.share);
        rows.push(compare(load.what, load.unit, "a bare copy", &figures, bar));
    }
    Ok(rows)
}

fn build_copy() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments =
        ["build", "--release", "--quiet", "--package", "askway-net", "--example", "copy"];
    let built = Command::new(cargo).args(arguments).current_dir(tree::root()).status();
    match built.map_err(|e| format!("cannot run cargo: {e}"))?.success() {
        true => Ok(tree::built("release").with_file_name("examples").join("copy")),
        false => Err("the copying program does not build".into()),
    }
}

/// One run of iperf3; the figure.
fn carry(arena: &Arena, copy: &PathBuf, between: Between, load: &Load) -> Result<f64, String> {
    let mut bed = Bed::new();
    let [inside, outside] = ["inside", "outside"].map(|name| bed.node(name));
    let ends = [(&inside, "lan0", "10.0.0"), (&outside, "wan0", "203.0.113")];
    let own = if matches!(between, Between::Gateway) { 1 } else { 2 };
    let [left, right] =
        ends.map(|(node, device, net)| format!("{device}@{}={net}.{own}/24", node.namespace()));
    let launch = match between {
        Between::Gateway => urgent(&inside, arena.askway()).args(&[
            "gateway",
            "--inside",
            &left,
            "--outside",
            &right,
        ]),
        Between::Copy => urgent(&inside, copy).args(&[&left, &right]),
    };
    let launch = if load.is_fast { launch.args(&["--fast"]) } else { launch };
    let mut middle = launch.limit(Duration::from_secs(60)).start();
    middle.wait_for_stdout(if matches!(between, Between::Gateway) { "wan0" } else { "both" });
    let server = iperf(&outside, &["-s", "-1"]);
    let server: Running = server.start();
    testbed::poll_until("iperf3 listens", || {
        outside.run("ss", &["-Hltn"]).stdout().contains(":5201")
    });
    let client = iperf(&inside, &["-c", "203.0.113.2", "-t", "3", "-J"]).args(load.options);
    let ran = client.run();
    drop(server.finish());
    middle.signal("INT");
    drop(middle.finish());
    (load.figure)(&ran.stdout()).ok_or_else(|| format!("iperf3: {ran:?}"))
}

fn iperf(node: &Node, arguments: &[&str]) -> Launch {
    urgent(node, "iperf3").args(arguments).limit(Duration::from_secs(30))
}

/// A command that goes before whatever else the machine does.
fn urgent(node: &Node, program: impl AsRef<std::path::Path>) -> Launch {
    node.launch("nice").args(&["-n", "-19"]).args(&[program.as_ref()])
}

/// What the receiver got: the last figure of that name but for those of the processor.
fn gigabits(said: &str) -> Option<f64> {
    let (_, received) = said.rsplit_once("\"sum_received\"")?;
    json_number(received, "bits_per_second").map(|bits| bits / 1e9)
}

/// Packets that arrived a second.
fn thousands(said: &str) -> Option<f64> {
    let (_, sum) = said.rsplit_once("\"sum\":")?;
    let figure = |name| json_number(sum, name);
    Some((figure("packets")? - figure("lost_packets")?) / figure("seconds")? / 1e3)
}
