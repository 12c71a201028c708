//! AS numbers by DNS, from a real server in the client's namespace: only public addresses are asked
//! for, only if that is wanted, and a server that is not there is said once.

use crate::{ASKWAY, LIMIT, Network, objects};
use testbed::Running;

/// Where the server listens.
const PORT: u16 = 5_300;

/// What it knows.
const TEXTS: &[(&str, &str)] = &[
    ("1.196.31.192.origin.asn.cymru.com", "112 64500 | 192.31.196.0/24 | US | arin | 2014-11-07"),
    (
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.f.4.0.0.0.2.6.2.origin6.asn.cymru.com",
        "112 | 2620:4f:8000::/48 | US | arin | 2011-01-01",
    ),
    ("AS112.asn.cymru.com", "112 | US | arin | 1991-05-28 | ROOT - DNS"),
];

/// A server that says on standard error what it is asked for.
fn serve(network: &Network) -> Running {
    let mut words = vec![
        "--no-daemon".to_owned(),
        "--conf-file=/dev/null".to_owned(),
        "--no-resolv".to_owned(),
        "--no-hosts".to_owned(),
        "--local=/cymru.com/".to_owned(),
        "--bind-interfaces".to_owned(),
        "--listen-address=127.0.0.1".to_owned(),
        format!("--port={PORT}"),
        "--user=root".to_owned(),
        "--pid-file=".to_owned(),
        "--log-queries".to_owned(),
        "--log-facility=-".to_owned(),
    ];
    words.extend(TEXTS.iter().map(|(name, text)| format!("--txt-record={name},{text}")));
    let mut server = network.chain[0].launch("dnsmasq").args(&words).limit(LIMIT).start();
    server.wait_for_stderr("started, version");
    server
}

/// Ends it, and returns the names that it was asked for.
fn asked(server: Running) -> Vec<String> {
    server.signal("TERM");
    let said = server.finish().stderr();
    let lines = said.lines().filter_map(|line| line.split_once("query[TXT] "));
    lines.map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// A network whose last node has two public addresses, of those that are nobody's (RFC 7534, RFC
/// 7535), and a server of texts.
fn open() -> Option<(Network, Running)> {
    let network = Network::open_with(&["nft", "dnsmasq"])?;
    network.chain.answers_for("192.31.196.0/24");
    network.chain.answers_for("2620:4f:8000::/48");
    let server = serve(&network);
    Some((network, server))
}

#[test]
fn public_addresses_have_their_systems_and_no_other_is_asked_for() {
    let Some((network, server)) = open() else { return };
    let dns = format!("--asn-dns=127.0.0.1:{PORT}");
    let ran = network.trace(&format!("-q 1 {dns} 192.31.196.1"));
    let text = ran.stdout();
    assert!(text.contains(" 3  192.31.196.1 [AS112/AS64500 ROOT - DNS]  "), "{text}");
    assert_eq!(text.matches("[AS").count(), 1, "{text}");
    assert_eq!((ran.code(), ran.stderr().as_str()), (Some(0), ""));

    let ran = network.trace(&format!("--json -k icmp {dns} 2620:4f:8000::1"));
    let objects = objects(&ran);
    let hops: Vec<_> = objects.iter().filter(|object| object["type"] == "hop").collect();
    let last = &hops.last().expect("hops")["responders"][0];
    assert_eq!(last["as_number"], 112, "{last}");
    assert_eq!(last["as_name"], "ROOT - DNS", "{last}");
    assert_eq!(hops[0]["responders"][0]["as_number"], serde_json::Value::Null);

    let names: Vec<&str> = TEXTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(asked(server), [names[0], names[2], names[1], names[2]]);
}

#[test]
fn watching_shows_them_too_and_so_does_a_recording() {
    let Some((network, server)) = open() else { return };
    let dns = format!("--asn-dns=127.0.0.1:{PORT}");
    let watch = |words: &[&str]| {
        let words = [&["watch", "-n", "-r"], words].concat();
        network.chain[0].launch(ASKWAY).args(&words).limit(LIMIT).run()
    };
    let file = std::env::temp_dir().join(format!("askway-systems-{}.ndjson", std::process::id()));
    let path = file.to_str().expect("a plain path");
    let live = watch(&["-c", "2", "-i", "100ms", &dns, "--record", path, "192.31.196.1"]);
    let replayed = watch(&[&dns, "--replay", path]);
    std::fs::remove_file(&file).expect("it was recorded");
    for ran in [live, replayed] {
        let text = ran.stdout();
        assert!(text.contains("  3. AS112    192.31.196.1 "), "{text}{}", ran.stderr());
        assert_eq!(text.matches("AS???").count(), 2, "{text}");
        assert_eq!((ran.code(), ran.stderr().as_str()), (Some(0), ""));
    }
    assert_eq!(asked(server).len(), 4);
}

#[test]
fn nobody_is_asked_unless_that_is_wanted() {
    let Some(network) = Network::open() else { return };
    network.chain.answers_for("192.31.196.0/24");
    network.chain[0].nft(
        "table inet t { chain output { type filter hook output priority 0;
            udp dport 53 counter; tcp dport 53 counter;
        }; }",
    );
    let asked = || {
        let rules = network.chain[0].run("nft", &["list", "ruleset"]).stdout();
        assert_eq!(rules.matches("counter").count(), 2, "{rules}");
        rules.matches("counter packets 0 ").count() < 2
    };
    let ran = network.trace("-q 1 192.31.196.1");
    assert!(!ran.stdout().contains("[AS"), "{}", ran.stdout());
    assert!(!asked());
    network.trace(&format!("-q 1 --asn-dns={} 192.31.196.1", network.chain.v4(1)));
    assert!(asked());
}

#[test]
fn a_server_that_is_not_there_is_said_once() {
    let Some(network) = Network::open() else { return };
    network.chain.answers_for("192.31.196.0/24");
    let ran = network.trace("-q 1 --asn-dns=127.0.0.1:5301 192.31.196.1 192.31.196.2");
    let expected = "askway: some AS numbers are missing: 127.0.0.1:5301 cannot be asked: \
        Connection refused\n";
    assert_eq!((ran.code(), ran.stderr().as_str()), (Some(0), expected));
    assert!(ran.stdout().contains(" 3  192.31.196.1  "), "{}", ran.stdout());
}
