//! Every line of JSON against the schema that users get, and CSV against JSON.

use super::askway;
use super::shape::check;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A command with a schema.
struct Subject {
    name: &'static str,
    schema: &'static str,
    /// Runs that between them produce every type of object.
    runs: &'static [&'static str],
    /// Types that a lab does not make.
    unseen: &'static [&'static str],
    /// Types that CSV leaves out, because its rows say it already.
    not_in_csv: &'static [&'static str],
}

impl Subject {
    /// Where it runs: what asks no network takes no lab.
    fn place(&self) -> &'static str {
        if self.name == EXPLAIN.name { "" } else { "--lab town.toml" }
    }
}

const SUBJECTS: &[Subject] = &[PING, TRACE, MTU, CLOCK, MASK, ROUTERS, EXPLAIN, TFTP];

const PING: Subject = Subject {
    name: "ping",
    schema: include_str!("../../../../docs/schema/ping.json"),
    runs: PINGS,
    // An interrupt, and a queue of this host that overflows.
    unseen: &["in_flight", "local_drop"],
    not_in_csv: &[],
};

const TRACE: Subject = Subject {
    name: "trace",
    schema: include_str!("../../../../docs/schema/trace.json"),
    runs: TRACES,
    unseen: &[],
    not_in_csv: &["hop", "path", "summary"],
};

const MTU: Subject = Subject {
    name: "mtu",
    schema: include_str!("../../../../docs/schema/mtu.json"),
    runs: MTUS,
    unseen: &[],
    not_in_csv: &[],
};

const TFTP: Subject = Subject {
    name: "tftp",
    schema: include_str!("../../../../docs/schema/tftp.json"),
    runs: TFTPS,
    unseen: &[],
    not_in_csv: &[],
};

const MASK: Subject = Subject {
    name: "mask",
    schema: include_str!("../../../../docs/schema/mask.json"),
    runs: &[
        "good nowhere guarded 203.0.113.99",
        "--lab ../../../lab/scenarios/masks.toml",
        "--lab ../../../lab/scenarios/masks.toml -q 192.0.2.31",
        "--lab ../../../lab/scenarios/odd-masks.toml",
    ],
    // The system refuses.
    unseen: &["send_error"],
    not_in_csv: &[],
};

const EXPLAIN: Subject = Subject {
    name: "explain",
    schema: include_str!("../../../../docs/schema/explain.json"),
    runs: EXPLAINS,
    unseen: &[],
    not_in_csv: &[],
};

const CLOCK: Subject = Subject {
    name: "clock",
    schema: include_str!("../../../../docs/schema/clock.json"),
    runs: CLOCKS,
    unseen: &[],
    not_in_csv: &[],
};

const TFTPS: &[&str] = &[
    "get nowhere f",
    "get away f",
    "get good f",
    "get -6 guarded f",
    "--lab ../../../lab/scenarios/tftp.toml put b tftp.bin",
    "--lab ../../../lab/scenarios/tftp.toml put crowd tftp.bin x --quiet",
    "--lab ../../../lab/scenarios/tftp.toml put crowd tftp.bin x",
    "--lab ../../../lab/scenarios/tftp.toml get none f",
    "--lab ../../../lab/scenarios/tftp.toml get none f --unconnected",
    "--lab ../../../lab/scenarios/tftp.toml get greedy f",
    "--lab ../../../lab/scenarios/tftp.toml get chatty f",
    "--lab ../../../lab/scenarios/tftp.toml get short f",
    "--lab ../../../lab/scenarios/tftp.toml get painter f",
    "--lab ../../../lab/scenarios/tftp.toml get b big --max-size 10",
    "--lab ../../../lab/scenarios/tftp.toml get b big --deadline 1ms",
];

const ROUTERS: Subject = Subject {
    name: "routers",
    schema: include_str!("../../../../docs/schema/routers.json"),
    runs: &[
        "-W 1s",
        "--lab ../../../lab/scenarios/routers.toml",
        "--lab ../../../lab/scenarios/routers.toml -q -6",
        "--lab ../../../lab/scenarios/beacons.toml --listen",
    ],
    // The system refuses.
    unseen: &["send_error"],
    not_in_csv: &[],
};

const EXPLAINS: &[&str] = &[
    "",
    "3/4",
    "-6 3",
    "unreachable",
    "IP 10.0.0.1 > 10.0.0.2: ICMP 10.0.0.2 udp port 33434 unreachable, length 36",
    "3 192.0.2.1 1.204 ms !X 1.186 ms !<13>",
    "4 * * *",
    "64 bytes from 192.0.2.1: icmp_seq=1 ttl=63 time=0.4 ms",
    "EHOSTUNREACH",
    "0303fcfc0000000045000024123400003f1154930a0000010a0000029c40829a0010",
    "0800f7fd00010001zz",
];

const CLOCKS: &[&str] = &[
    "-c 3 good mute nowhere guarded away 100.64.0.1",
    "-6 -c 2 --via icmp,ntp good",
    "-S 192.0.2.99 -c 2 good",
    "-q -c 2 good",
    "--lab ../../../lab/scenarios/clock.toml --via icmp,daytime,time,ntp ahead closed mute",
    "--lab ../../../lab/scenarios/clock.toml --watch -c 30 -i 1s drifting",
    "--lab ../../../lab/scenarios/clock-liars.toml --via ntp kiss lost forger absurd zero short",
    "--lab ../../../lab/scenarios/clock-liars.toml --via daytime,time poet mail turned zero",
    "--lab ../../../lab/scenarios/clock-habits.toml swapped tens seconds odd zero echoes stopped",
    "--lab ../../../lab/scenarios/clock-habits.toml --watch -c 6 absurd backwards forger",
];

const MTUS: &[&str] = &[
    "good nowhere away",
    "-6 far",
    "-k udp far mute guarded",
    "-n --max 1400 good",
    "-q far",
    "-S 192.0.2.99 good",
    "--lab ../../../lab/scenarios/black-hole-mtu.toml b c",
    "--lab ../../../lab/scenarios/narrow-back.toml -6 b",
    "--lab ../../../lab/scenarios/unreachable.toml b c",
];

const TRACES: &[&str] = &[
    "good",
    "-6 -k icmp far",
    "-k tcp -q 2 far",
    "--classic good",
    "-q 1 -m 4 mute guarded nowhere good",
    "-n --asn-db systems.mmdb good",
    "--size 1390 far",
    "--share-hops always -q 1 192.0.2.10-13",
    "-q 12 -z 10ms -m 3 good",
    "-q 1 -m 3 -w 5ms far",
    "-S 192.0.2.99 -q 1 -m 3 good",
    "--quiet good nowhere",
    "--lab ../../../lab/scenarios/nat.toml b",
    "--lab ../../../lab/scenarios/mpls.toml b",
    "--lab ../../../lab/scenarios/ecmp.toml --paths b",
    "--lab ../../../lab/scenarios/rewriting.toml --tos 185 b",
    "--lab ../../../lab/scenarios/rewriting.toml --tos 185 -6 b",
    "--lab ../../../lab/scenarios/odd-routers.toml b",
    "--lab ../../../lab/scenarios/loop.toml -m 9 b",
    "--lab ../../../lab/scenarios/limits.toml -q 20 -z 100ms b",
    "--lab ../../../lab/scenarios/prohibited-codes.toml host admin protocol",
    "--lab ../../../lab/scenarios/unreachable.toml b c",
];

const PINGS: &[&str] = &[
    "-c 2 good",
    "-c 2 -6 good",
    "-c 2 away",
    "-c 2 mute good",
    "-c 2 guarded",
    "-c 2 echoes",
    "-c 5 -W 1s slow tardy",
    "-c 2 broken short",
    "-c 2 twin",
    "-c 4 -i 300ms far",
    "-c 2 nowhere",
    "-c 2 good nowhere away",
    "-c 2 -R good",
    "-c 2 --timestamp-option good",
    "-c 2 -T tsonly --hints good",
    "-c 2 --kind timestamp good",
    "-c 2 -t 1 -v -v good",
    "-c 2 -6 -t 1 good",
    "-c 3 -M do -s 1400 far",
    "-c 2 -H --hints good",
    "--until up:2 good",
    "-w 2500ms -W 0 -vv mute",
    "-q -c 2 good away",
];

#[test]
fn every_object_is_as_the_schema_says() {
    for subject in SUBJECTS {
        let schema = serde_json::from_str(subject.schema).expect("the schema is JSON");
        let mut seen = BTreeSet::new();
        for run in subject.runs {
            let objects = objects(subject, run);
            assert!(!objects.is_empty(), "{run}: no output");
            for object in objects {
                if let Err(fault) = check(&schema, &object) {
                    panic!("{run}: {fault}: {}", Value::Object(object));
                }
                seen.insert(text(&object, "type"));
            }
        }
        let defined = schema["$defs"].as_object().expect("definitions").keys().cloned();
        let is_missing = |it: &String| !seen.contains(it) && !subject.unseen.contains(&&**it);
        let missing: Vec<String> = defined.filter(is_missing).collect();
        assert!(missing.is_empty(), "no run makes a {missing:?}");
    }
}

#[test]
fn packets_are_as_their_schema_says_and_csv_has_the_same() {
    let schema = include_str!("../../../../docs/schema/dump.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    for capture in ["any", "goldens", "neighbours", "tcp-cut", "udp", "too-big"] {
        let run = format!("dump -r ../dump/captures/{capture}.pcap");
        let json = String::from_utf8(askway(&format!("{run} --json")).stdout).expect("UTF-8");
        let objects: Vec<Map<String, Value>> =
            json.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert!(objects.len() > 4, "{capture}");
        for object in &objects {
            if let Err(fault) = check(&schema, object) {
                panic!("{capture}: {fault}: {object:?}");
            }
        }
        let csv = String::from_utf8(askway(&format!("{run} --csv")).stdout).expect("UTF-8");
        let mut rows = csv.split_terminator("\r\n").map(cells);
        let header = rows.next().expect("a header line");
        for object in &objects {
            let row = rows.next().expect("a row an object");
            for (name, value) in object.iter().filter(|(name, _)| *name != "v") {
                let column = header.iter().position(|it| it == name).expect("a column");
                assert_eq!(row[column], cell(value), "{capture}: {name}");
            }
        }
        assert_eq!(rows.next(), None);
    }
}

#[test]
fn connections_are_as_their_schema_says() {
    let schema = include_str!("../../../../docs/schema/gateway.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let run = "lab conntrack --json --conntrack all -E -S --why ../../../lab/scenarios/nat.toml \
               -- ping -q -c 1 b";
    let stdout = String::from_utf8(askway(run).stdout).expect("UTF-8");
    let mut seen = BTreeSet::new();
    for line in stdout.lines().filter(|line| !line.contains(r#""type":"summary""#)) {
        let object: Map<String, Value> = serde_json::from_str(line).expect("an object");
        if let Err(fault) = check(&schema, &object) {
            panic!("{fault}: {line}");
        }
        seen.insert(text(&object, "type"));
    }
    assert!(seen.iter().eq(["connection", "event", "road", "statistics"]), "{seen:?}");
}

#[test]
fn each_target_has_one_summary_whatever_happens() {
    for (run, targets) in [("-c 2 good nowhere away", 3), ("-c 1 away", 1), ("nowhere", 1)] {
        let objects = objects(&PING, run);
        let summaries = objects.iter().filter(|object| text(object, "type") == "summary");
        assert_eq!(summaries.count(), targets, "{run}");
    }
}

#[test]
fn each_road_has_one_verdict_whatever_happens() {
    for (run, verdicts) in [("-m 3 good nowhere mute", 2), ("-m 2 away", 1), ("nowhere", 0)] {
        let objects = objects(&TRACE, run);
        let of_type = |name| objects.iter().filter(move |object| text(object, "type") == name);
        assert_eq!(of_type("verdict").count(), verdicts, "{run}");
        assert_eq!(of_type("summary").count(), 1, "{run}");
    }
}

#[test]
fn csv_says_what_json_says() {
    for (subject, run) in SUBJECTS.iter().flat_map(|it| it.runs.iter().map(move |run| (it, run))) {
        let csv = askway(&format!("{} {} --csv {run}", subject.name, subject.place()));
        let csv = String::from_utf8(csv.stdout).expect("UTF-8");
        let mut rows = csv.split_terminator("\r\n").map(cells);
        let header = rows.next().expect("a header line");
        let mut objects = objects(subject, run);
        objects.retain(|object| !subject.not_in_csv.contains(&&*text(object, "type")));
        for (object, row) in objects.into_iter().zip(rows.by_ref()) {
            assert_eq!(row.len(), header.len(), "{run}");
            let row: BTreeMap<&str, &str> =
                header.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect();
            for (name, value) in object.iter().filter(|(name, _)| *name != "v") {
                let (got, wanted) = (words(row[name.as_str()]), cell(value));
                assert_eq!(got, words(&wanted), "{run}: {name}");
            }
        }
        assert_eq!(rows.next(), None, "{run}: more rows than objects");
    }
}

fn objects(subject: &Subject, run: &str) -> Vec<Map<String, Value>> {
    let output = askway(&format!("{} {} --json {run}", subject.name, subject.place()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{run}");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    stdout
        .lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => object,
            _ => panic!("{run}: no object: {line}"),
        })
        .collect()
}

fn text(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A value as CSV shows it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(cell).collect();
            items.join("; ")
        }
        Value::Object(fields) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<String> =
                given.map(|(name, value)| format!("{name}={}", cell(value))).collect();
            pairs.join(" ")
        }
        other => other.to_string(),
    }
}

/// The words of a cell in any order: that of fields within fields is lost in this test's JSON.
fn words(cell: &str) -> Vec<&str> {
    let mut words: Vec<&str> =
        cell.split([' ', ';', '=', '(', ')']).filter(|it| !it.is_empty()).collect();
    words.sort_unstable();
    words
}

/// The cells of one row (RFC 4180).
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is one from the start");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}
