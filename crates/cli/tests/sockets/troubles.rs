//! Advice about sockets of a real kernel.

use super::peer::LOSSES;
use super::{askway, parsed, stage};
use serde_json::Value;
use testbed::{Bed, Node, poll_until};

fn advice(node: &Node) -> Vec<Value> {
    let ran = askway(node, "--advice --json", false);
    let objects = parsed(&ran);
    let summary = objects.last().expect("a summary");
    assert_eq!(summary["type"], "summary");
    let findings = summary["findings"].as_u64().expect("a count");
    assert_eq!(objects.len() as u64, findings + 1);
    assert_eq!(ran.code(), Some(if findings == 0 { 0 } else { 1 }), "{ran:?}");
    objects
}

fn rules(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|it| it["rule"].as_str()).collect()
}

fn of_rule<'a>(objects: &'a [Value], rule: &str) -> &'a Value {
    objects.iter().find(|it| it["rule"] == rule).unwrap_or_else(|| panic!("{rule}: {objects:?}"))
}

#[test]
fn nothing_stands_out_where_nothing_is_wrong() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("here");
    let orders = "established*3=127.0.0.1:2000 time_wait*3=127.0.0.1:2001 \
                  close_wait*3=[::1]:2002 listen=[::]:2003";
    let _running = stage(&node, orders);
    assert_eq!(rules(&advice(&node)), [""; 0]);
    let human = askway(&node, "--advice", false);
    assert!(human.stdout().ends_with("nothing stands out\n"), "{human:?}");
    assert_eq!(human.code(), Some(0));
}

#[test]
fn each_trouble_is_named_with_its_evidence() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let node = bed.node("here");
    node.nft(LOSSES);
    node.sysctls(&[
        ("net/core/somaxconn", "3"),
        ("net/ipv4/ip_local_port_range", "40000 40099"),
        ("net/ipv4/tcp_tw_reuse", "0"),
    ]);
    let running = stage(
        &node,
        "full*4=127.0.0.1:27 time_wait*30=127.0.0.1:24 close_wait*60=[::1]:25 \
         zero_window=127.0.0.1:23 lossy=127.0.0.1:11 ask=127.0.0.1:9",
    );
    let wanted = [
        "accept_queue",
        "ports_low",
        "time_wait_ports",
        "syn_unanswered",
        "unacknowledged",
        "zero_window",
        "not_reading",
        "close_wait",
    ];
    // Timers run out three times.
    poll_until("all is wrong", || rules(&advice(&node)) == wanted);
    let objects = advice(&node);
    let full = of_rule(&objects, "accept_queue");
    assert_eq!((&full["local_port"], &full["figures"]["count"]), (&27.into(), &4.into()));
    assert_eq!(full["figures"]["limit"], 3);
    assert!(full["remedies"].as_array().is_some_and(|it| it.len() == 3), "{full}");
    let waiting = of_rule(&objects, "time_wait_ports");
    assert_eq!((&waiting["peer_port"], &waiting["figures"]["count"]), (&24.into(), &30.into()));
    assert_eq!(waiting["figures"]["ports"], 100);
    assert_eq!(of_rule(&objects, "ports_low")["peer"], "::1");
    let forgetful = of_rule(&objects, "close_wait");
    assert_eq!(
        (&forgetful["local_port"], &forgetful["figures"]["count"]),
        (&25.into(), &60.into())
    );
    let holder = forgetful["holders"][0].as_str().expect("a process");
    assert!(holder.ends_with(&format!("[{}]", running.pid())), "{holder}");
    assert_eq!(of_rule(&objects, "syn_unanswered")["peer_port"], 9);
    assert_eq!(of_rule(&objects, "zero_window")["peer_port"], 23);
    let unread = of_rule(&objects, "not_reading");
    assert_eq!((&unread["local_port"], &unread["figures"]["full"]), (&23.into(), &1.into()));
    let human = askway(&node, "--advice --lang zh --port 25", false).stdout();
    assert!(human.contains("CLOSE-WAIT") && human.contains("60 个"), "{human}");
}

#[test]
fn ports_in_time_wait_are_no_trouble_where_they_are_used_again() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("here");
    node.sysctls(&[
        ("net/ipv4/ip_local_port_range", "40000 40099"),
        ("net/ipv4/tcp_tw_reuse", "2"),
    ]);
    let _running = stage(&node, "time_wait*60=127.0.0.1:24");
    assert_eq!(rules(&advice(&node)), [""; 0]);
}
