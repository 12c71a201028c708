//! Live, in network namespaces: what the kernel passes, which way it goes, how it ends, and what
//! happens without rights.

use crate::captures::ASKWAY;
use std::time::Duration;
use testbed::{Bed, Node, Running};

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

fn listen(node: &Node, arguments: &[&str]) -> Running {
    let launch = node.launch(ASKWAY).args(&[&["dump"], arguments].concat()).limit(LIMIT);
    let mut running = launch.start();
    running.wait_for_stderr("listening on");
    running
}

#[test]
fn the_kernel_passes_what_is_wanted_and_says_which_way_it_went() {
    let Some(mut bed) = Bed::open(&["ping"]) else { return };
    let chain = bed.chain(&["here", "there"]);
    let (v4, v6) = (chain.v4(1).to_string(), chain.v6(1).to_string());
    let interface = "right";
    for (scope, count) in [(&["-i", interface][..], "4"), (&[], "4")] {
        let arguments =
            [scope, &["-c", count, "--json", "icmp or (icmp6[0] >= 128 and icmp6[0] < 130)"]];
        let running = listen(&chain[0], &arguments.concat());
        for to in [&v4, &v6] {
            let ran = chain[0].launch("ping").args(&["-c", "1", "-W", "9", to]).run();
            assert_eq!(ran.code(), Some(0), "{}", ran.stdout());
        }
        let ran = running.finish();
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        let objects: Vec<serde_json::Value> =
            ran.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(objects.len(), 5, "{}", ran.stdout());
        for (object, way) in objects.iter().zip(["out", "in", "out", "in"]) {
            assert_eq!(
                (&object["direction"], &object["interface"]),
                (&way.into(), &interface.into())
            );
            assert!(object["time"].as_str().is_some_and(|time| time.starts_with("20")));
        }
        let summary = &objects[4];
        assert_eq!((&summary["packets"], &summary["dropped"]), (&4.into(), &0.into()));
        assert!(ran.stderr().contains("4 packets captured\n"), "{}", ran.stderr());
    }
}

#[test]
fn an_interrupt_ends_it_and_what_was_written_is_whole() {
    let Some(mut bed) = Bed::open(&["ping", "tcpdump"]) else { return };
    let chain = bed.chain(&["here", "there"]);
    let path = bed.scratch().join("live.pcapng");
    let path = path.to_str().expect("UTF-8").to_owned();
    let mut running = listen(&chain[0], &["-w", &path, "--print", "icmp"]);
    let to = chain.v4(1).to_string();
    assert_eq!(chain[0].launch("ping").args(&["-c", "3", "-i", "0.2", &to]).run().code(), Some(0));
    running.wait_for_stdout("seq 3, length 64\n");
    // The last reply is behind the last request, and both are in the file as soon as it rests.
    running.signal("INT");
    let ran = running.finish();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let theirs = chain[0].launch("tcpdump").args(&["-n", "-r", &path]).run();
    assert_eq!(theirs.stdout().matches("ICMP echo").count(), 6, "{}", theirs.stdout());
}

#[test]
fn loopback_is_seen_once() {
    let Some(mut bed) = Bed::open(&["ping"]) else { return };
    let chain = bed.chain(&["here", "there"]);
    let running = listen(&chain[0], &["-i", "lo", "-c", "2", "-t", "icmp"]);
    assert_eq!(chain[0].launch("ping").args(&["-c", "1", "127.0.0.1"]).run().code(), Some(0));
    let ran = running.finish();
    let kinds: Vec<bool> = ran.stdout().lines().map(|line| line.contains("echo request")).collect();
    assert_eq!(kinds, [true, false], "{}", ran.stdout());
}

#[test]
fn without_rights_it_says_what_helps() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["here", "there"]);
    let ran = chain[0].launch(ASKWAY).args(&["dump"]).as_nobody().limit(LIMIT).run();
    assert_eq!(ran.code(), Some(3), "{}", ran.stderr());
    assert!(ran.stderr().starts_with("askway: cannot open a packet socket: "), "{}", ran.stderr());
    assert!(ran.stderr().contains("hint: ") && ran.stderr().contains("cap_net_raw"));
    let ran = chain[0].launch(ASKWAY).args(&["dump", "-i", "nothing0"]).limit(LIMIT).run();
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    let ran = chain[0].launch(ASKWAY).args(&["dump", "ether multicast"]).limit(LIMIT).run();
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
}
