//! `askway sockets` beside ss, on sockets of a namespace's own in every state.

mod child;
mod peer;
#[path = "../cli/shape.rs"]
mod shape;
mod troubles;

use serde_json::Value;
use std::time::Duration;
use testbed::{Node, Ran, Running};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

/// Not a test of its own: what [`stage`] starts.
#[test]
fn stage_hand() {
    if let Ok(orders) = std::env::var(child::VARIABLE) {
        child::run(&orders);
    }
}

/// This binary once more, in a node, holding sockets; when it returns, they stand.
fn stage(node: &Node, orders: &str) -> Running {
    let program = std::env::current_exe().expect("this program has a path");
    let launch = node.launch(program).args(&["--exact", "stage_hand", "--nocapture"]);
    let mut running = launch.env(child::VARIABLE, orders).limit(LIMIT).start();
    running.wait_for_stdout(child::READY);
    running
}

/// Runs askway there, as root or without any right.
fn askway(node: &Node, arguments: &str, is_nobody: bool) -> Ran {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let launch = node.launch(ASKWAY).args(&["sockets"]).args(&words).limit(LIMIT);
    if is_nobody { launch.as_nobody().run() } else { launch.run() }
}

/// Its objects, each as the schema says.
fn objects(node: &Node, arguments: &str, is_nobody: bool) -> Vec<Value> {
    let ran = askway(node, &format!("--json {arguments}"), is_nobody);
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    parsed(&ran)
}

/// The objects in what was printed.
fn parsed(ran: &Ran) -> Vec<Value> {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/schema/sockets.json")).expect("JSON");
    let object = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("JSON");
        let fields = object.as_object().expect("an object");
        shape::check(&schema, fields).unwrap_or_else(|fault| panic!("{fault}: {line}"));
        object
    };
    ran.stdout().lines().map(object).collect()
}
