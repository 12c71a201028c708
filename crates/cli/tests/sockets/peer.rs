//! Socket by socket and field by field: what askway says beside what ss says.

use super::{LIMIT, askway, objects, stage};
use serde_json::Value;
use std::collections::BTreeMap;
use testbed::{Bed, Node, poll_until};

/// What gets lost on its way in, since what is dropped on its way out the kernel knows of: connections that are asked for at port 9, SYN-ACKs of port
/// 10, the data of port 11, the FIN of ports 12 and 13.
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
    let cookie = |object: &Value| object["cookie"].as_str().expect("a cookie").to_owned();
    objects(node, "-a", false).into_iter().map(|object| (cookie(&object), object)).collect()
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
    // The end that is none has no interface, either.
    let is_none = port == "*" && matches!(address, "::" | "0.0.0.0");
    let interface = if is_none { None } else { object["interface"].as_str() };
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

/// A figure of ss lies between ours of before and of after, whatever moves.
#[track_caller]
fn lies_between(name: &str, said: &str, ours: [Option<f64>; 2], all: &str) {
    let digits = said.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let theirs: f64 = digits.parse().unwrap_or_else(|_| panic!("{name}{said}: {all}"));
    let [before, after] =
        ours.map(|figure| figure.unwrap_or_else(|| panic!("no {name} of ours: {all}")));
    // ss prints six significant digits.
    let slack = 1e-5 * theirs.abs().max(1e-3);
    let is_within = theirs >= before.min(after) - slack && theirs <= before.max(after) + slack;
    assert!(is_within, "{name}{said}, ours {before} to {after}: {all}");
}

/// Checks every word that ss has for a socket.
fn compare(said: &Said, ours: [&Value; 2]) {
    let all = format!("{}\n{}\n{}", said.words.join(" "), ours[0], ours[1]);
    let figure = |field: &str, factor: f64| {
        ours.map(|object| object[field].as_f64().map(|number| number * factor))
    };
    let [before, _] = ours;
    assert_eq!(said.words[0], state(before), "{all}");
    let queues = match before["state"] == "listen" {
        true => ["backlog", "backlog_max"],
        false => ["recv_queue_bytes", "send_queue_bytes"],
    };
    for (at, field) in queues.into_iter().enumerate() {
        lies_between(field, &said.words[1 + at], figure(field, 1.0), &all);
    }
    let wanted = [end(before, "local"), end(before, "peer")];
    // ss writes the wildcard of both families as `*`, and leaves out an interface's name there.
    let shown = |at: usize| said.words[at].replace('*', "_");
    if said.words[3].starts_with('*') {
        assert_eq!(
            (before["local"].as_str().expect("an address"), before["ipv6_only"].as_bool()),
            ("::", Some(false)),
            "{all}"
        );
    } else {
        assert_eq!([shown(3), shown(4)], wanted.map(|it| it.replace('*', "_")), "{all}");
    }
    let mut words = said.words[5..].iter().map(String::as_str);
    let is_listener = before["state"] == "listen";
    while let Some(word) = words.next() {
        if let Some((name, field, factor)) = NUMBERS.iter().find(|it| word.starts_with(it.0)) {
            let ours = figure(field, *factor);
            // An age that became less began anew, and it is unknown when.
            let began_anew = name.starts_with("last") && ours[1] < ours[0];
            // Of a listener it is no window.
            if !is_listener && !began_anew {
                lies_between(name, &word[name.len()..], ours, &all);
            }
        } else if let Some((name, field)) = RATES.iter().find(|it| word == it.0) {
            let said = words.next().expect("a rate");
            lies_between(name, said, figure(field, 8.0), &all);
        } else if !other(word, &mut words, ours) {
            panic!("{word} is unknown: {all}");
        }
    }
    timer(said.named("timer:"), ours, &all);
    let v6_only = said.named("v6only:").map(|word| word == "1");
    assert_eq!(before["ipv6_only"].as_bool(), v6_only, "{all}");
}

/// Words with a meaning of their own; false for one that is none.
fn other<'a>(word: &str, words: &mut impl Iterator<Item = &'a str>, ours: [&Value; 2]) -> bool {
    let is_true = |field: &str| ours[0][field] == true;
    let figure =
        |field: &str, factor: f64| ours.map(|object| object[field].as_f64().map(|it| it * factor));
    let (name, value) = word.split_once(':').unwrap_or((word, ""));
    let both = || value.trim_end_matches(')').split_once([',', '/', '(']).expect("two figures");
    match name {
        "ts" => assert!(is_true("timestamps")),
        "sack" => assert!(is_true("sack")),
        "ecn" => assert!(is_true("ecn")),
        "ecnseen" => assert!(is_true("ecn_seen")),
        "fastopen" => assert!(is_true("fast_open")),
        "app_limited" => assert!(is_true("app_limited")),
        "<->" => assert_eq!(ours[0]["shutdown"], "none"),
        "-->" => assert_eq!(ours[0]["shutdown"], "receive"),
        "<--" => assert_eq!(ours[0]["shutdown"], "send"),
        "---" => assert_eq!(ours[0]["shutdown"], "both"),
        "wscale" => {
            let (send, receive) = both();
            lies_between(name, send, figure("send_window_scale", 1.0), word);
            lies_between(name, receive, figure("receive_window_scale", 1.0), word);
        }
        "rtt" => {
            let (rtt, deviation) = both();
            lies_between(name, rtt, figure("rtt_ns", 1e-6), word);
            lies_between(name, deviation, figure("rttvar_ns", 1e-6), word);
        }
        "retrans" => {
            let (now, ever) = both();
            lies_between(name, now, figure("retransmitting", 1.0), word);
            lies_between(name, ever, figure("retransmitted", 1.0), word);
        }
        // Whole milliseconds, rounded down.
        "busy" | "rwnd_limited" | "sndbuf_limited" => {
            let field = match name {
                "busy" => "busy_ns",
                "rwnd_limited" => "window_limited_ns",
                _ => "buffer_limited_ns",
            };
            let whole = figure(field, 1e-6).map(|ms| ms.map(f64::floor));
            let said = value.split('(').next().unwrap_or_default();
            lies_between(name, said, whole, word);
        }
        "bbr" if !value.is_empty() => {
            let bandwidth = value.trim_start_matches("(bw:").split(',').next();
            lies_between(
                name,
                bandwidth.expect("a rate"),
                figure("bbr_bandwidth_bytes", 8.0),
                word,
            );
        }
        // What ss reckons from window and round trip.
        "send" => _ = words.next(),
        _ if ours[0]["congestion_control"] == name => {}
        _ => return PASSED_OVER.iter().any(|known| word.starts_with(known)),
    }
    true
}

/// `(keepalive,119min,0)`.
fn timer(said: Option<&str>, ours: [&Value; 2], all: &str) {
    let Some(said) = said else {
        assert!(ours.iter().any(|it| it["timer"].is_null()), "{all}");
        return;
    };
    let mut parts = said.trim_matches(['(', ')']).split(',');
    let name = match parts.next() {
        Some("on") => "retransmit",
        Some("timewait") => "time_wait",
        other => other.expect("a name"),
    };
    assert!(ours.iter().any(|it| it["timer"] == name), "{all}");
    let tries = ours.map(|it| it["timer_tries"].as_f64());
    lies_between("tries ", parts.nth(1).expect("tries"), tries, all);
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
    for (cookie, said) in &said {
        let find = |all: &'static str, objects: &'_ BTreeMap<String, Value>| {
            let found = objects.get(cookie).cloned();
            found.unwrap_or_else(|| panic!("{all} ss there is no {}", said.words.join(" ")))
        };
        let ours = [find("before", &before), find("after", &after)];
        compare(said, [&ours[0], &ours[1]]);
    }
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
        let ran = node.launch("ss").args(&["-HtneO"]).args(&words).limit(LIMIT).run();
        assert_eq!(ran.code(), Some(0), "{theirs}: {ran:?}");
        let stdout = ran.stdout();
        let cookies = stdout.split_whitespace().filter_map(|word| word.strip_prefix("sk:"));
        let mut wanted: Vec<String> = cookies.map(str::to_owned).collect();
        let shown = objects(&node, ours, false);
        let mut shown: Vec<&str> = shown.iter().filter_map(|it| it["cookie"].as_str()).collect();
        shown.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(shown, wanted, "{ours} beside {theirs}");
        assert!(!shown.is_empty(), "{ours}");
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
    let list = objects(&node, "-a", false);
    let [totals] = &objects(&node, "--totals", false)[..] else { panic!("one object") };
    assert_eq!(totals["sockets"], list.len());
    for state in ["established", "time_wait", "listen", "syn_recv", "close_wait", "last_ack"] {
        let count = list.iter().filter(|socket| socket["state"] == state).count();
        assert_eq!(totals[state], count, "{state}");
        assert!(count > 0, "{state}");
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
