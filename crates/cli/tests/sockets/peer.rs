//! Socket by socket and field by field: what askway says beside what ss says.

use super::{LIMIT, askway, objects, stage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testbed::{Bed, Node, poll_until};

/// What gets lost on its way in, since of what is dropped on its way out the kernel knows:
/// connections that are asked for at port 9, SYN-ACKs of port 10, the data of port 11, the FIN of
/// ports 12 and 13.
pub const LOSSES: &str = "table inet losses { chain in { type filter hook input priority 0;
    tcp dport 9 tcp flags syn drop;
    tcp sport 10 tcp flags & (syn|ack) == (syn|ack) drop;
    tcp sport 11 tcp flags & psh == psh drop;
    tcp sport { 12, 13 } tcp flags & fin == fin drop;
}; }";

/// Every state, IPv4, IPv6 and IPv4-mapped.
const EVERYTHING: &str = "established=127.0.0.1:20 established=[::1]:20 established=[::]:21 \
    unread=127.0.0.1:22 zero_window=[::1]:23 time_wait*3=127.0.0.1:24 time_wait=[::1]:24 \
    close_wait*2=127.0.0.1:25 orphan=[::1]:26 fin_wait_1=127.0.0.1:12 last_ack=127.0.0.1:13 \
    lossy=127.0.0.1:11 full*4=127.0.0.1:27 listen=[::1]:28 listen=127.0.0.1:10 \
    ask=127.0.0.1:9 ask=127.0.0.1:10 ask=127.0.0.1:27";

/// What nothing happens to any more once all that was sent is acknowledged.
const STILL: &str = "established=127.0.0.1:20 established=[::1]:20 unread=127.0.0.1:22 \
    close_wait*2=127.0.0.1:25 full*4=127.0.0.1:27 listen=[::1]:28";

/// A node with these sockets, and a link-local address that one of them is bound to.
fn crowd(bed: &mut Bed) -> (Node, testbed::Running) {
    let chain = bed.chain(&["here", "there"]);
    let node = chain[0].clone();
    node.nft(LOSSES);
    // The accept queue takes one more than it should.
    node.sysctls(&[("net/core/somaxconn", "3"), ("net/ipv4/ip_unprivileged_port_start", "1")]);
    let shown = node.ip(&["-o", "-6", "address", "show", "dev", "right", "scope", "link"]);
    let local = shown.split_whitespace().find_map(|word| word.strip_suffix("/64"));
    let index = node.ip(&["-o", "link", "show", "dev", "right"]);
    let index = index.split(':').next().unwrap_or_default().to_owned();
    let zoned = format!("established=[{}%{index}]:29", local.expect("a link-local address"));
    let running = stage(&node, &format!("{EVERYTHING} {zoned}"));
    (node, running)
}

/// What ss says of one socket: its state, queues and ends, then everything with a name.
struct Said {
    words: Vec<String>,
}

impl Said {
    fn by_cookie(node: &Node) -> BTreeMap<String, Said> {
        let ran = node.launch("ss").args(&["-HtinoeaO"]).limit(LIMIT).run();
        assert_eq!(ran.code(), Some(0), "{ran:?}");
        let said =
            |line: &str| Said { words: line.split_whitespace().map(str::to_owned).collect() };
        let stdout = ran.stdout();
        let all = stdout.lines().map(said);
        all.map(|said| (said.named("sk:").expect("a cookie").to_owned(), said)).collect()
    }

    fn named(&self, name: &str) -> Option<&str> {
        self.words[5..].iter().find_map(|word| word.strip_prefix(name))
    }
}

fn by_cookie(node: &Node) -> BTreeMap<String, Value> {
    objects(node, "-a", false).into_iter().map(|object| (cookie(&object), object)).collect()
}

fn cookie(object: &Value) -> String {
    object["cookie"].as_str().expect("a cookie").to_owned()
}

/// Sockets that were there before and after, and so between; and all that may have been there.
fn between(lists: [&[Value]; 2], is_meant: impl Fn(&Value) -> bool) -> [BTreeSet<String>; 2] {
    let [before, after] = lists
        .map(|list| list.iter().filter(|it| is_meant(it)).map(cookie).collect::<BTreeSet<_>>());
    [&before & &after, &before | &after]
}

/// A state as ss calls it.
fn state(object: &Value) -> String {
    match object["state"].as_str().expect("a state") {
        "established" => "ESTAB".to_owned(),
        "closed" => "UNCONN".to_owned(),
        other => other.to_uppercase().replace('_', "-"),
    }
}

/// An end as ss writes it.
fn end(object: &Value, which: &str) -> String {
    let address = object[which].as_str().expect("an address");
    let port = object[format!("{which}_port").as_str()].as_u64();
    let port = port.map_or("*".to_owned(), |port| port.to_string());
    // ss leaves out the interface of link-local peers.
    let interface = if which == "local" { object["interface"].as_str() } else { None };
    let zone = interface.map(|name| format!("%{name}")).unwrap_or_default();
    match address.contains(':') {
        true => format!("[{address}]{zone}:{port}"),
        false => format!("{address}{zone}:{port}"),
    }
}

/// How a name of ss is one of ours: the field, and what ours is to be multiplied by.
const NUMBERS: &[(&str, &str, f64)] = &[
    ("uid:", "uid", 1.0),
    ("ino:", "inode", 1.0),
    ("rto:", "rto_ns", 1e-6),
    ("ato:", "ato_ns", 1e-6),
    ("mss:", "mss_bytes", 1.0),
    ("pmtu:", "pmtu_bytes", 1.0),
    ("rcvmss:", "receive_mss_bytes", 1.0),
    ("advmss:", "advertised_mss_bytes", 1.0),
    ("cwnd:", "cwnd", 1.0),
    ("ssthresh:", "ssthresh", 1.0),
    ("backoff:", "backoff", 1.0),
    ("bytes_sent:", "bytes_sent", 1.0),
    ("bytes_retrans:", "bytes_retransmitted", 1.0),
    ("bytes_acked:", "bytes_acked", 1.0),
    ("bytes_received:", "bytes_received", 1.0),
    ("segs_out:", "segments_sent", 1.0),
    ("segs_in:", "segments_received", 1.0),
    ("data_segs_out:", "data_segments_sent", 1.0),
    ("data_segs_in:", "data_segments_received", 1.0),
    ("lastsnd:", "last_sent_ns", 1e-6),
    ("lastrcv:", "last_received_ns", 1e-6),
    ("lastack:", "last_ack_ns", 1e-6),
    ("delivered:", "delivered", 1.0),
    ("unacked:", "unacked", 1.0),
    ("lost:", "lost", 1.0),
    ("sacked:", "sacked", 1.0),
    ("dsack_dups:", "duplicates", 1.0),
    ("reordering:", "reordering", 1.0),
    ("reord_seen:", "reorderings", 1.0),
    ("rcv_ooopack:", "out_of_order", 1.0),
    ("rcv_rtt:", "receive_rtt_ns", 1e-6),
    ("rcv_space:", "receive_space_bytes", 1.0),
    ("rcv_ssthresh:", "receive_ssthresh_bytes", 1.0),
    ("notsent:", "unsent_bytes", 1.0),
    ("minrtt:", "rtt_ns_min", 1e-6),
    ("snd_wnd:", "send_window_bytes", 1.0),
];

/// Words of ss that others stand for, or that it reckons itself.
const PASSED_OVER: &[&str] = &["sk:", "cgroup:", "timer:", "v6only:", "bbr:", "send"];

/// Numbers of ss that stand in the word behind their name.
const RATES: &[(&str, &str)] =
    &[("pacing_rate", "pacing_rate_bytes"), ("delivery_rate", "delivery_rate_bytes")];

/// Of a connection on which something was sent or came meanwhile, only these lie between before and
/// after for sure.
const COUNTED: &[&str] = &[
    "uid",
    "inode",
    "bytes_sent",
    "bytes_retransmitted",
    "bytes_acked",
    "bytes_received",
    "segments_sent",
    "segments_received",
    "data_segments_sent",
    "data_segments_received",
    "delivered",
    "retransmitted",
];

/// A socket before and after ss was asked.
struct Ours<'a> {
    before: &'a Value,
    after: &'a Value,
}

impl Ours<'_> {
    fn is_quiet(&self) -> bool {
        let segments = |it: &Value| [it["segments_sent"].clone(), it["segments_received"].clone()];
        segments(self.before) == segments(self.after) && self.before["timer"] == self.after["timer"]
    }

    fn both(&self, field: &str) -> [&Value; 2] {
        [self.before, self.after].map(|object| &object[field])
    }

    /// Whether a field is the same, before or after.
    fn is(&self, field: &str, wanted: impl Into<Value>) -> bool {
        let wanted = wanted.into();
        self.both(field).contains(&&wanted)
    }

    /// A figure of ss lies between before and after; `factor` makes its unit of ours.
    #[track_caller]
    fn check(&self, field: &str, factor: f64, said: &str) {
        if !self.is_quiet() && !COUNTED.contains(&field) {
            return;
        }
        let digits = said.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let theirs: f64 = digits.parse().unwrap_or_else(|_| panic!("{field}: {said}"));
        let ours = self.both(field).map(|it| it.as_f64().map(|number| number * factor));
        let [Some(before), Some(after)] = ours else { panic!("no {field} where ss has {said}") };
        // ss prints six significant digits, and some times in whole milliseconds.
        let slack = 1e-5 * theirs.abs().max(1e-3) + if said.ends_with("ms") { 1.0 } else { 0.0 };
        let is_within = theirs >= before.min(after) - slack && theirs <= before.max(after) + slack;
        assert!(is_within, "{field}: {said} of ss, ours {before} to {after}");
    }
}

/// Checks every word that ss has for a socket.
fn compare(said: &Said, ours: &Ours<'_>) {
    let before = ours.before;
    let is_listener = before["state"] == "listen";
    assert!([ours.before, ours.after].map(state).contains(&said.words[0]));
    let queues = match is_listener {
        true => ["backlog", "backlog_max"],
        false => ["recv_queue_bytes", "send_queue_bytes"],
    };
    for (at, field) in queues.into_iter().enumerate() {
        ours.check(field, 1.0, &said.words[1 + at]);
    }
    // ss writes the wildcard of both families as `*`.
    if said.words[3].starts_with('*') {
        assert_eq!((&before["local"], &before["ipv6_only"]), (&"::".into(), &false.into()));
    } else {
        assert_eq!(said.words[3..5], [end(before, "local"), end(before, "peer")]);
    }
    let mut words = said.words[5..].iter().map(String::as_str);
    while let Some(word) = words.next() {
        if let Some((name, field, factor)) = NUMBERS.iter().find(|it| word.starts_with(it.0)) {
            // Of a listener it is no window.
            if !is_listener {
                ours.check(field, *factor, &word[name.len()..]);
            }
        } else if let Some((_, field)) = RATES.iter().find(|it| word == it.0) {
            ours.check(field, 8.0, words.next().expect("a rate"));
        } else {
            assert!(other(word, &mut words, ours), "{word} is unknown");
        }
    }
    timer(said.named("timer:"), ours);
    let v6_only = said.named("v6only:").map(|word| word == "1");
    assert_eq!(before["ipv6_only"].as_bool(), v6_only);
}

/// Words with a meaning of their own; false for one that is none.
fn other<'a>(word: &str, words: &mut impl Iterator<Item = &'a str>, ours: &Ours<'_>) -> bool {
    let (name, value) = word.split_once(':').unwrap_or((word, ""));
    let both = || value.split_once([',', '/']).expect("two figures");
    match name {
        "ts" => assert!(ours.is("timestamps", true)),
        "sack" => assert!(ours.is("sack", true)),
        "ecn" => assert!(ours.is("ecn", true)),
        "ecnseen" => assert!(ours.is("ecn_seen", true)),
        "fastopen" => assert!(ours.is("fast_open", true)),
        "app_limited" => assert!(ours.is("app_limited", true)),
        "<->" => assert!(ours.is("shutdown", "none")),
        "-->" => assert!(ours.is("shutdown", "receive")),
        "<--" => assert!(ours.is("shutdown", "send")),
        "---" => assert!(ours.is("shutdown", "both")),
        "wscale" => {
            ours.check("send_window_scale", 1.0, both().0);
            ours.check("receive_window_scale", 1.0, both().1);
        }
        "rtt" => {
            ours.check("rtt_ns", 1e-6, both().0);
            ours.check("rttvar_ns", 1e-6, both().1);
        }
        "retrans" => {
            ours.check("retransmitting", 1.0, both().0);
            ours.check("retransmitted", 1.0, both().1);
        }
        "busy" | "rwnd_limited" | "sndbuf_limited" => {
            let field = match name {
                "busy" => "busy_ns",
                "rwnd_limited" => "window_limited_ns",
                _ => "buffer_limited_ns",
            };
            ours.check(field, 1e-6, value.split('(').next().expect("a time"));
        }
        "bbr" if !value.is_empty() => {
            let figures = value.trim_start_matches("(bw:").split(',').next();
            ours.check("bbr_bandwidth_bytes", 8.0, figures.expect("a rate"));
        }
        // What ss reckons from window and round trip.
        "send" => _ = words.next(),
        _ if ours.is("congestion_control", name) => {}
        _ => return PASSED_OVER.iter().any(|known| word.starts_with(known)),
    }
    true
}

/// `(keepalive,119min,0)`.
fn timer(said: Option<&str>, ours: &Ours<'_>) {
    let Some(said) = said else {
        return assert!(ours.is("timer", Value::Null));
    };
    let mut parts = said.trim_matches(['(', ')']).split(',');
    let name = match parts.next() {
        Some("on") => "retransmit",
        Some("timewait") => "time_wait",
        other => other.expect("a name"),
    };
    assert!(ours.is("timer", name) || !ours.is_quiet(), "{name}");
    ours.check("timer_tries", 1.0, parts.nth(1).expect("tries"));
}

#[test]
fn every_socket_is_as_ss_shows_it() {
    let Some(mut bed) = Bed::open(&["ss", "nft"]) else { return };
    let (node, _running) = crowd(&mut bed);
    let before = by_cookie(&node);
    let said = Said::by_cookie(&node);
    let after = by_cookie(&node);
    let mut states: Vec<&str> = said.values().map(|it| it.words[0].as_str()).collect();
    states.sort_unstable();
    states.dedup();
    let wanted = [
        "CLOSE-WAIT",
        "ESTAB",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "LAST-ACK",
        "LISTEN",
        "SYN-RECV",
        "SYN-SENT",
        "TIME-WAIT",
    ];
    assert_eq!(states, wanted);
    assert!(said.len() > 30, "{}", said.len());
    let mut quiet = 0;
    for (cookie, said) in &said {
        let all = |which: &Value| format!("{}\n{which}", said.words.join(" "));
        let find = |objects: &BTreeMap<String, Value>| objects.get(cookie).cloned();
        let (Some(before), Some(after)) = (find(&before), find(&after)) else {
            panic!("only ss shows {}", said.words.join(" "));
        };
        // Shown if it fails.
        println!("{}\n{}", all(&before), all(&after));
        let ours = Ours { before: &before, after: &after };
        quiet += usize::from(ours.is_quiet());
        compare(said, &ours);
    }
    assert!(quiet * 2 > said.len(), "{quiet} of {} stood still", said.len());
    assert!(before.keys().all(|cookie| said.contains_key(cookie)), "there are more than ss shows");
}

#[test]
fn filters_and_states_choose_what_ss_chooses() {
    let Some(mut bed) = Bed::open(&["ss", "nft"]) else { return };
    let (node, _running) = crowd(&mut bed);
    for (ours, theirs) in [
        ("", ""),
        ("-a", "-a"),
        ("-l", "-l"),
        ("-4 -a", "-4 -a"),
        ("-6 -a", "-6 -a"),
        ("--state connected", "state connected"),
        ("--state synchronized", "state synchronized"),
        ("--state syn-recv,time-wait", "state syn-recv state time-wait"),
        ("--state all", "state all"),
        ("-a --port 20", "-a sport = :20 or dport = :20"),
        ("-a --local :22", "-a sport = :22"),
        ("-a --peer :22", "-a dport = :22"),
        ("-a --local 127.0.0.0/8", "-a src 127.0.0.0/8"),
        ("-a --peer [::1]:23", "-a dst [::1]:23"),
        ("-a --peer ::/16", "-a dst ::/16"),
        ("-a --peer 127.0.0.1 --port 21", "-a dst 127.0.0.1 and ( sport = :21 or dport = :21 )"),
        ("-a --local 127.0.0.1 --peer 127.0.0.1:24 -4", "-4 -a src 127.0.0.1 and dst 127.0.0.1:24"),
    ] {
        let words: Vec<&str> = theirs.split_whitespace().collect();
        let before = objects(&node, ours, false);
        let ran = node.launch("ss").args(&["-HtneO"]).args(&words).limit(LIMIT).run();
        assert_eq!(ran.code(), Some(0), "{theirs}: {ran:?}");
        let stdout = ran.stdout();
        let cookies = stdout.split_whitespace().filter_map(|word| word.strip_prefix("sk:"));
        let chosen: BTreeSet<String> = cookies.map(str::to_owned).collect();
        let after = objects(&node, ours, false);
        let [least, most] = between([&before, &after], |_| true);
        assert!(least.is_subset(&chosen), "{ours} beside {theirs}: {least:?} {chosen:?}");
        assert!(chosen.is_subset(&most), "{ours} beside {theirs}: {chosen:?} {most:?}");
        assert!(!least.is_empty(), "{ours}");
    }
}

#[test]
fn nobody_sees_as_much_but_for_marks_and_processes() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let (node, running) = crowd(&mut bed);
    let still = "-a --local 127.0.0.1:22 -p";
    let root = objects(&node, still, false);
    let nobody = objects(&node, still, true);
    assert_eq!(root.len(), 2);
    for (root, nobody) in root.iter().zip(&nobody) {
        for (field, value) in root.as_object().expect("an object") {
            let is_kept = matches!(field.as_str(), "mark" | "processes");
            let moves = field.starts_with("last_");
            assert!(
                is_kept || moves || *value == nobody[field.as_str()],
                "{field}: {root}{nobody}"
            );
        }
        assert_eq!((&nobody["mark"], &nobody["processes"]), (&Value::Null, &Value::Array(vec![])));
        assert_eq!(root["processes"][0]["pid"], running.pid());
    }
    let human = askway(&node, "-l -p", true).stdout();
    assert!(human.ends_with("processes of other users cannot be seen; the superuser sees all\n"));
    let human = askway(&node, "-l -p", false).stdout();
    assert!(human.contains(&format!("[{}]", running.pid())), "{human}");
}

#[test]
fn totals_are_the_sum_of_the_list() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let (node, _running) = crowd(&mut bed);
    let before = objects(&node, "-a", false);
    let [totals] = &objects(&node, "--totals", false)[..] else { panic!("one object") };
    let after = objects(&node, "-a", false);
    let check = |field: &str, is_meant: &dyn Fn(&Value) -> bool| {
        let [least, most] = between([&before, &after], is_meant).map(|all| all.len() as u64);
        let count = totals[field].as_u64().expect("a count");
        assert!((least..=most).contains(&count), "{field}: {count} of {least} to {most}");
        assert!(least > 0, "{field}");
    };
    check("sockets", &|_| true);
    for state in ["established", "time_wait", "listen", "syn_recv", "close_wait", "last_ack"] {
        check(state, &|socket| socket["state"] == state);
    }
    assert_eq!(totals["mapped"], 1);
    let human = askway(&node, "--totals", false).stdout();
    assert!(human.contains("TIME-WAIT          3       1\n"), "{human}");
}

#[test]
fn rows_are_sorted_and_aligned() {
    let Some(mut bed) = Bed::open(&["nft"]) else { return };
    let (node, _running) = crowd(&mut bed);
    let sorted = objects(&node, "-a --sort recv-q", false);
    let queue = |it: &Value| it["recv_queue_bytes"].as_u64().or(it["backlog"].as_u64());
    let queues: Vec<Option<u64>> = sorted.iter().map(queue).collect();
    assert!(queues.is_sorted_by(|before, after| before >= after), "{queues:?}");
    poll_until("the peer's window was probed", || {
        objects(&node, "--peer [::1]:23", false).iter().any(|it| it["timer"] == "persist")
    });
    let human = askway(&node, "-a -e -i --peer [::1]:23", false).stdout();
    let lines: Vec<&str> = human.lines().collect();
    assert_eq!(lines.len(), 3, "{human}");
    let at = lines[0].find("Timer").expect("a header");
    assert!(lines[1][at..].starts_with("persist "), "{human}");
    assert!(lines[2].starts_with("    ") && lines[2].contains("held up by window"), "{human}");
}

#[test]
fn a_table_for_machines_says_what_json_says() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let node = bed.node("here");
    node.sysctls(&[("net/core/somaxconn", "3")]);
    let _running = stage(&node, STILL);
    poll_until("all that was sent is acknowledged", || {
        let list = objects(&node, "-a", false);
        let mut connected = list.iter().filter(|it| it["state"] != "listen");
        connected.all(|it| it["timer"].is_null() && it["send_queue_bytes"] == 0)
    });
    for arguments in ["-a", "-l -p --port 20", "--totals"] {
        let objects = objects(&node, arguments, false);
        let csv = askway(&node, &format!("--csv {arguments}"), false).stdout();
        let mut rows = csv.split_terminator("\r\n").map(|row| row.split(',').collect::<Vec<_>>());
        let header = rows.next().expect("a header");
        let rows: Vec<Vec<&str>> = rows.collect();
        assert_eq!(rows.len(), objects.len(), "{csv}");
        for (row, object) in rows.iter().zip(&objects) {
            assert_eq!(row.len(), header.len(), "{csv}");
            let fields = object.as_object().expect("an object").iter();
            let moves = |name: &str| name.starts_with("last_") || name == "processes";
            for (name, value) in fields.filter(|(name, _)| *name != "v" && !moves(name)) {
                let at = header.iter().position(|column| column == name).expect("a column");
                let wanted = match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(row[at], wanted, "{name}");
            }
        }
    }
}
