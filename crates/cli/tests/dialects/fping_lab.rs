//! fping's lines where only a lab can cause them, to the last digit: duplicates, late answers,
//! answers from strangers, errors. Needs no privilege and no fping.

use std::process::Command;

/// Standard output, standard error and exit code of a command line over a scenario.
#[track_caller]
fn check(scenario: &str, line: &str, stdout: &str, stderr: &str, code: i32) {
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/scenarios");
    let output = Command::new(env!("CARGO_BIN_EXE_askway"))
        .args(["as", "fping", "--lab", &format!("{scenarios}/{scenario}.toml")])
        .args(line.split_whitespace())
        .env("TZ", "UTC")
        .output()
        .expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{line}: stdout");
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "{line}: stderr");
    assert_eq!(output.status.code(), Some(code), "{line}");
}

#[test]
fn duplicates() {
    let answer = |number| format!("b : [{number}], 64 bytes, 20.0 ms (20.0 avg, 0% loss)\n");
    let each: String = (0..4).map(answer).collect();
    let summary = "b : xmt/rcv/%loss = 4/4/0%, min/avg/max = 20.0/20.0/20.0\n";
    check("duplicating", "-c 4 -p 100 b", &each, &format!("\n{summary}"), 0);
    let extra = "b : duplicate for [2], 64 bytes, 20.0 ms\n";
    check("duplicating", "-c 4 -p 100 -q b", "", &format!("{extra}{summary}"), 0);
    let values = "b : 20.0 20.0 20.0 20.0\n";
    check("duplicating", "-C 4 -p 100 -q -6 b", "", &format!("{extra}{values}"), 0);
    // An endless run in a lab ends after ten seconds.
    let each: String = [0, 1, 2, 2, 3].into_iter().map(answer).collect();
    let summary = "b : xmt/rcv/%loss = 4/4/0%, min/avg/max = 20.0/20.0/20.0\n";
    check("duplicating", "-l -p 3000 b", &each, &format!("\n{summary}"), 0);
}

#[test]
fn answers_after_the_timeout() {
    check(
        "late",
        "-c 5 b",
        "b : [0], 64 bytes, 20.0 ms (20.0 avg, 0% loss)\n\
         b : [1], timed out (20.0 avg, 50% loss)\n\
         b : [2], 64 bytes, 20.0 ms (20.0 avg, 33% loss)\n\
         b : [3], 64 bytes, 20.0 ms (20.0 avg, 25% loss)\n\
         b : [4], 64 bytes, 20.0 ms (20.0 avg, 20% loss)\n",
        "\nb : xmt/rcv/%loss = 5/4/20%, min/avg/max = 20.0/20.0/20.0\n",
        0,
    );
    // An average above 2.1 s, which fping's own does not survive.
    let values = "b : xmt/rcv/%loss = 2/2/0%, min/avg/max = 20.0/1520/3020\n";
    check("late", "-c 2 -t 4000 -q b", "", values, 0);
}

#[test]
fn answers_from_elsewhere() {
    let from = " [<- 192.0.2.3]";
    check("wrong-source", "-4 b", "b is alive\n", from, 0);
    check("wrong-source", "-4 -e --print-ttl b", "b is alive (TTL 64) (4.00 ms)\n", from, 0);
    check("wrong-source", "-4 --check-source b", "b is unreachable\n", "", 1);
    let lost = "\nb : xmt/rcv/%loss = 1/0/100%\n";
    let line = "b : [0], timed out (NaN avg, 100% loss)\n";
    check("wrong-source", "-4 --check-source -c 1 b", line, lost, 1);
}

#[test]
fn errors() {
    let said = "ICMP Host Unreachable from 192.0.2.2 for ICMP Echo sent to b\n";
    check("absent", "-4 -t 5000 -r 0 b", "b is unreachable\n", said, 1);
    let said = "ICMPv6 Destination Unreachable (Address unreachable) from 2001:db8:0:1::2 \
                for ICMPv6 Echo Request sent to b\n";
    check("absent", "-6 -t 5000 -r 0 b", "b is unreachable\n", said, 1);
    let said = "ICMP Time Exceeded from 192.0.2.2 for ICMP Echo sent to b\n";
    check("loop", "-4 -H 1 -t 100 -r 0 b", "b is unreachable\n", said, 1);
    check("lossy", "nobody", "", "nobody: no node of that name\n", 2);
}

#[test]
fn names_and_json() {
    let both = "b (192.0.2.2) is alive\nb (2001:db8:0:1::2) is alive\n";
    check("lossy", "-m -A -n b", both, "", 0);
    check(
        "lossy",
        "-J -D --timestamp-format=iso -C 3 -s b",
        "{\"resp\": {\"timestamp\": \"2026-01-01T00:00:00+0000\", \"host\": \"b\", \"seq\": 0, \
         \"size\": 64, \"rtt\": 20.0}}\n\
         {\"timeout\": {\"timestamp\": \"2026-01-01T00:00:02+0000\", \"host\": \"b\", \
         \"seq\": 1}}\n\
         {\"resp\": {\"timestamp\": \"2026-01-01T00:00:02+0000\", \"host\": \"b\", \"seq\": 2, \
         \"size\": 64, \"rtt\": 20.0}}\n\
         {\"vSum\": {\"host\": \"b\", \"values\": [20.0, null, 20.0]}}\n\
         {\"stats\": {\"targets\": 1, \"alive\": 1, \"unreachable\": 0, \"unknownAddresses\": 0, \
         \"timeouts\": 1, \"icmpEchosSent\": 3, \"icmpEchoRepliesReceived\": 2, \
         \"otherIcmpReceived\": 0, \"rttMin\": 20.0, \"rttAvg\": 20.0, \"rttMax\": 20.0, \
         \"elapsed\": 2.020}}\n",
        "",
        0,
    );
    check(
        "lossy",
        "-J -q -c 4 -Q 2.5 -o b",
        "{\"intSum\": {\"time\": 1767225602,\"host\": \"b\", \"xmt\": 3, \"rcv\": 2, \
         \"loss\": 33, \"outage(ms)\": 1000, \"rttMin\": 20.0, \"rttAvg\": 20.0, \
         \"rttMax\": 20.0}}\n\
         {\"summary\": {\"host\": \"b\", \"xmt\": 4, \"rcv\": 3, \"loss\": 25, \
         \"outage(ms)\": 1000, \"rttMin\": 20.0, \"rttAvg\": 20.0, \"rttMax\": 20.0}}\n",
        "",
        0,
    );
}
