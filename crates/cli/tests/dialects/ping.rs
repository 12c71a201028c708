//! ping beside the ping of iputils that is installed (Debian 12: 20221126).

use crate::compare::{self, Case, Same, Step};
use std::path::PathBuf;
use testbed::{Bed, Chain};

/// A network with hosts of every fate:
///
/// | address | fate |
/// |---|---|
/// | 10.77.0.0/16, 2001:db8:77::/64 | answer |
/// | 10.78.0.0/16, 2001:db8:78::/64 | silent |
/// | 10.79.0.1, .2, .3, .4 | host unreachable, prohibited, port, protocol unreachable |
/// | 2001:db8:79::1, ::2 | prohibited, port unreachable |
/// | 198.51.100.1, 2001:db8:ffff::1 | no route |
/// | 203.0.113.1 | forbidden here |
/// | 192.0.2.15 | broadcast: the router answers |
/// | 10.77.1.1 | answers twice |
/// | 10.77.1.2 | answers from 10.77.1.99 |
/// | 10.77.1.3 | answers with other data |
/// | 10.77.1.4 | answers with other data and a wrong checksum |
struct Network {
    chain: Chain,
    ours: PathBuf,
    _bed: Bed,
}

impl Network {
    fn open() -> Option<Network> {
        let mut bed = Bed::open(&["ping", "nft"])?;
        let chain = bed.chain(&["client", "router", "server"]);
        chain.answers_for("10.77.0.0/16");
        chain.answers_for("2001:db8:77::/64");
        for (node, v4, v6) in [(0, chain.v4(1), chain.v6(1)), (1, chain.v4(2), chain.v6(2))] {
            for prefix in ["10.78.0.0/16", "10.79.0.0/16"] {
                chain[node].route(prefix, v4);
            }
            for prefix in ["2001:db8:78::/64", "2001:db8:79::/64"] {
                chain[node].route(prefix, v6);
            }
        }
        chain[0].refuse("prohibit", "203.0.113.0/24");
        chain[1].nft(&format!(
            "table ip t {{ chain forward {{ type filter hook forward priority 0;
                ip daddr 10.78.0.0/16 drop;
                ip daddr 10.79.0.1 reject with icmp type host-unreachable;
                ip daddr 10.79.0.2 reject with icmp type admin-prohibited;
                ip daddr 10.79.0.3 reject with icmp type port-unreachable;
                ip daddr 10.79.0.4 reject with icmp type prot-unreachable;
                ip saddr 10.77.1.1 dup to {};
                ip saddr 10.77.1.2 ip saddr set 10.77.1.99;
                ip saddr 10.77.1.3 @th,288,16 set 0x1d1d @th,304,16 set 0x1d1f;
                ip saddr 10.77.1.4 @th,288,16 set 0xabcd;
            }}; }}
            table ip6 t {{ chain forward {{ type filter hook forward priority 0;
                ip6 daddr 2001:db8:78::/64 drop;
                ip6 daddr 2001:db8:79::1 reject with icmpv6 type admin-prohibited;
                ip6 daddr 2001:db8:79::2 reject with icmpv6 type port-unreachable;
            }}; }}",
            chain.v4(0)
        ));
        for node in 0..2 {
            chain[node].sysctls(&[("net/ipv4/icmp_echo_ignore_broadcasts", "0")]);
        }
        chain[0].ip(&["route", "add", "224.0.0.0/4", "dev", "right"]);
        let ours = compare::install(bed.scratch(), &["ping", "ping4", "ping6"]);
        Some(Network { chain, ours, _bed: bed })
    }

    fn check(&self, cases: &[Case]) {
        compare::check(&self.chain[0], &self.ours, cases);
    }
}

/// Hides whole milliseconds, identifiers and clock times; and how many probes were under way, which
/// is the scheduler's doing unless asked for.
fn hide(line: String) -> Option<String> {
    // The real one calls itself by its whole path.
    let line = match line.split_once("/ping: ") {
        Some((directory, message)) if directory.starts_with('/') => format!("ping: {message}"),
        _ => line,
    };
    let line = in_no_order(line);
    let line = hide_number(line, "time ", "ms");
    let line = hide_number(line, "ident=", " ");
    let line = match (line.ends_with(" absolute"), line.starts_with('\t')) {
        (true, _) => hide_number(line, "\t", " absolute"),
        (false, true) => hide_number(line, "\t", ""),
        _ => line,
    };
    let parts = line.split_once(", pipe ").or_else(|| Some(("", line.strip_prefix("pipe ")?)));
    let Some((before, behind)) = parts else { return Some(line) };
    Some(format!("{before}{}", behind.trim_start_matches(|c: char| c.is_ascii_digit())))
}

/// Sorts what a flood draws: whether an answer or the next probe comes first is for the scheduler.
fn in_no_order(line: String) -> String {
    let is_drawn = line.starts_with('.') && line.chars().all(|c| ". \u{8}\u{7}EC".contains(c));
    if !is_drawn {
        return line;
    }
    let mut drawn: Vec<char> = line.chars().collect();
    drawn.sort_unstable();
    drawn.into_iter().collect()
}

/// Hides the digits between two texts.
fn hide_number(line: String, before: &str, behind: &str) -> String {
    let Some(start) = line.rfind(before).map(|at| at + before.len()) else { return line };
    let digits = line[start..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = &line[start + digits..];
    match digits > 0 && rest.starts_with(behind) && (!behind.is_empty() || rest.is_empty()) {
        true => format!("{}#{rest}", &line[..start]),
        false => line,
    }
}

fn case(line: &str) -> Case {
    Case { same: Same::Order, hide, ..Case::new("ping", line) }
}

fn all(lines: &[&str]) -> Vec<Case> {
    lines.iter().map(|line| case(line)).collect()
}

/// A command line that is answered differently on purpose.
fn known(line: &str, ours: &'static str, why: &'static str) -> Case {
    Case { same: Same::No { ours, why }, ..case(line) }
}

/// Command lines that are answered alike.
const ANSWERED: &[&str] = &[
    "-c1 10.77.0.1",
    "-c3 -i 0.01 10.77.0.1",
    "-c2 -i0.01 2001:db8:77::1",
    "-q -c2 -i 0.01 10.77.0.1",
    "-n -c1 127.0.0.1",
    "-c1 localhost",
    "-n -c1 localhost",
    "-4 -c1 localhost",
    "-c1 127.1",
    "-c1 0",
    "-c1 0x7f000001",
    "-c1 ::",
    "-c1 ::1",
    "-v -c1 10.77.0.1",
    "-v -c1 2001:db8:77::1",
    "-v -4 -c1 10.77.0.1",
    "-v -6 -c1 2001:db8:77::1",
    "-v -e 5 -c1 10.77.0.1",
    "-v -e 0 -c1 10.77.0.1",
    "-c1 -s 16 10.77.0.1",
    "-c1 -s 17 2001:db8:77::1",
    "-c1 -s 65507 10.77.0.1",
    "-c1 -s 65527 2001:db8:77::1",
    "-c1 -s 1473 -M dont 10.77.0.2",
    "-c1 -s 1473 -M want 10.77.0.2",
    "-c2 -i0.01 -D 10.77.0.1",
    "-c2 -i0.01 -a 10.77.0.1",
    "-c2 -i0.01 -a -q 10.77.0.1",
    "-c2 -i0.01 -a -D -v 10.77.0.1",
    "-c1 -U 10.77.0.1",
    "-c1 -p ff00 10.77.0.1",
    "-c1 -p 123 -s 20 10.77.0.1",
    "-c1 -p 0123456789abcdef0123456789abcdef0123 10.77.0.1",
    "-q -c1 -p ff 10.77.0.1",
    "-c1 -B 10.77.0.1",
    "-c1 -B 2001:db8:77::1",
    "-c1 -I right 10.77.0.1",
    "-c1 -I right 2001:db8:77::1",
    "-c1 -I 192.0.2.1 10.77.0.1",
    "-c1 -I 2001:db8::1 2001:db8:77::1",
    "-c1 -I 2001:db8::1%right 2001:db8:77::1",
    "-c1 -I right -I 192.0.2.1 10.77.0.1",
    "-c1 -I 2001:db8::9 10.77.0.1",
    "-c1 -d -L -S 10000 -m 5 -Q 0x10 -C 10.77.0.1",
    "-c1 -Q 16 2001:db8:77::1",
    "-c1 -r 192.0.2.2",
    "-c1 -t 255 10.77.0.1",
    "-c1 ff02::1%right",
    "-c2 -i 0.01 -f 10.77.0.1",
    "-c20 -f 10.77.0.1",
    "-c20 -f -q 2001:db8:77::1",
    "-c20 -f -a 10.77.0.1",
    "-c3 -A 10.77.0.1",
    "-c5 -A -i 0.01 2001:db8:77::1",
    "-c4 -i 0 10.77.0.1",
    "-c5 -l 3 -i 0.05 10.77.0.1",
    "-c3 -l 3 10.77.0.1",
    "-c2 -w 5 -i 0.3 10.77.0.1",
    "-w 1 -i 0.4 10.77.0.1",
    "-c3 -O -i 0.3 10.77.0.1",
    "-c 1x 10.77.0.1",
    "-i 0.01x -c2 10.77.0.1",
    "-W 1x -c1 10.77.0.1",
];

#[test]
fn answers() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(ANSWERED);
    cases.push(Case { tool: "ping4", ..case("-c1 10.77.0.1") });
    cases.push(Case { tool: "ping6", ..case("-c1 2001:db8:77::1") });
    cases.push(Case { tool: "ping6", ..case("-c1 10.77.0.1") });
    cases.push(Case { tool: "ping4", ..case("-6 -c1 2001:db8:77::1") });
    cases.push(Case { merged: true, ..case("-v -c2 -i 0.01 10.77.0.1") });
    let small = "measured beside the payload, a round trip needs no room in it";
    cases.push(known("-c1 -s 0 10.77.0.1", "time=", small));
    cases.push(known("-c1 -s 8 2001:db8:77::1", "time=", small));
    network.check(&cases);
}

#[test]
fn ip_options() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "-c2 -i0.05 -R 10.77.0.1",
        "-c2 -i0.05 -R 192.0.2.18",
        "-n -c1 -R localhost",
        "-c1 -v -R 10.77.0.1",
        "-c2 -f -R 10.77.0.1",
        "-c1 -T tsonly 10.77.0.1",
        "-c1 -T tsandaddr 10.77.0.1",
        "-c1 -T tsandaddr -a -D 10.77.0.1",
        "-c1 -T tsprespec 192.0.2.2 10.77.0.1",
        "-c1 -T tsprespec 192.0.2.2 192.0.2.18 10.77.0.1",
        "-c1 -T tsprespec 10.77.0.1",
        "-c1 -R -s 65467 10.77.0.1",
        "-c1 -R 2001:db8:77::1",
        "-R -T tsonly 10.77.0.1",
        "-T tsonly -R 10.77.0.1",
        "-T abc 10.77.0.1",
    ]);
    cases.push(known(
        "-c1 -W 0.1 192.0.2.2 10.77.0.1",
        "PING 10.77.0.1 (10.77.0.1) 56(124) bytes of data.",
        "source routes are set while the right to is still there",
    ));
    network.check(&cases);
}

#[test]
fn failures() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "-c1 -W 0.1 10.78.0.1",
        "-c3 -i 0.01 -W 0.1 10.78.0.1",
        "-c2 -i 0.01 -W 0.1 2001:db8:78::1",
        "-q -c1 -W 0.1 10.78.0.1",
        "-c3 -O -i 0.05 -W 0.1 10.78.0.1",
        "-c3 -O -i 0.3 -t1 10.77.0.1",
        "-c3 -f -W 0.1 10.78.0.1",
        "-c1 -t1 10.77.0.1",
        "-c3 -i 0.05 -t1 10.77.0.1",
        "-c3 -i 0.05 -t1 2001:db8:77::1",
        "-c1 -t0 10.77.0.1",
        "-c1 -t0 2001:db8:77::1",
        "-c1 -w1 -t1 10.77.0.1",
        "-c2 -f -t1 10.77.0.1",
        "-c2 -f -q -t1 2001:db8:77::1",
        "-c2 -A -i 0.05 -t1 10.77.0.1",
        "-c1 10.79.0.1",
        "-c1 -D -a 10.79.0.2",
        "-c1 10.79.0.3",
        "-c1 10.79.0.4",
        "-c1 2001:db8:79::1",
        "-c1 -v 2001:db8:79::2",
        "-c3 -i 0.2 192.0.2.9",
        "-c2 -i 0.2 2001:db8::9",
        "-c2 -f 192.0.2.10",
        "-c1 198.51.100.1",
        "-c1 2001:db8:ffff::1",
        "-c1 203.0.113.1",
        "-c1 -s 1473 -M do 10.77.0.1",
        "-c2 -i 0.01 -s 1473 -M do 10.77.0.1",
        "-c1 -f -s 1473 -M do 10.77.0.1",
        "-c1 -s 1453 -M do 2001:db8:77::1",
        "-c1 -s 65508 10.77.0.1",
        "-c1 -s 65528 2001:db8:77::1",
        "-c1 -s 70000 2001:db8:77::1",
        "-c1 192.0.2.15",
        "-b -c2 -i0.05 192.0.2.15",
        "-c2 -i0.05 224.0.0.1",
        "-c1 10.77.1.1",
        "-c2 -i 0.3 10.77.1.1",
        "-c2 -i 0.3 -q 10.77.1.1",
        "-c2 -i 0.3 -f 10.77.1.1",
        "-c1 10.77.1.2",
        "-c1 10.77.1.3",
        "-c1 -s 40 10.77.1.3",
        "-c1 -a -p 1c1d1e1f1c1d1e1f -s 80 10.77.1.3",
        "-q -c1 10.77.1.3",
    ]);
    let checksum = "a wrong checksum is no answer, as in later releases";
    cases.push(known("-c1 10.77.1.4", "ms (BAD CHECKSUM!)", checksum));
    cases.push(known("-f -c1 10.77.1.4", "+1 corrupted", checksum));
    cases.push(known(
        // Nothing is sent or given up near the deadline.
        "-w 2 -c 1 -i 0.6 10.78.0.1",
        "4 packets transmitted, 0 received, +2 in flight, 100% packet loss",
        "what could still be answered at the deadline is not lost",
    ));
    cases.push(known(
        "-c1 -q -s 1473 -M do 10.77.0.1",
        "+1 errors",
        "what is too long to be sent is an error with -q, too, and not waited for",
    ));
    cases.push(known(
        "-w 1 -i 0.4 -t1 10.77.0.1",
        "3 packets transmitted, 0 received, +3 errors",
        "an ICMP error does not end a run with a deadline",
    ));
    network.check(&cases);
}

/// Command lines that are refused alike.
const WRONG: &[&str] = &[
    "",
    "-c0 x",
    "-c -1 x",
    "-c abc x",
    "-c 99999999999999999999 x",
    "-i nan x",
    "-i 1e400 x",
    "-i 3000000 x",
    "-W -1 x",
    "-W nan x",
    "-W 3000000 x",
    "-w -1 x",
    "-w 1.5 x",
    "-w 3000000000 x",
    "-Q abc x",
    "-Q 256 x",
    "-Q 0x100 x",
    "-l 0 x",
    "-l 65537 x",
    "-l abc x",
    "-e 65536 x",
    "-e -1 x",
    "-t 256 x",
    "-t abc x",
    "-m -1 x",
    "-m 4294967296 x",
    "-S 0 x",
    "-s -1 x",
    "-s abc x",
    "-F -1 x",
    "-F abc x",
    "-F 0x100000 x",
    "-T abc x",
    "-M abc x",
    "-p xyz x",
    "-p 0g x",
    "-I nosuch 10.77.0.1",
    "-I nosuch 2001:db8:77::1",
    "-I 192.0.2.9 10.77.0.1",
    "-I 2001:db8::9 2001:db8:77::1",
    "-I zz:: x",
    "-I ::1%nosuch 2001:db8:77::1",
    "-N help",
    "-N nosuch x",
    "-N name -N ipv4 x",
    "-N subject-name=a..b x",
    "-N subject-name=host",
    "-4 -6 x",
    "-6 -4 x",
    "-4 ::1",
    "-6 127.0.0.1",
    "nosuch.invalid",
    "-6 nosuch.invalid",
    "-l 3 -i 2000000 10.77.0.1",
];

#[test]
fn wrong_command_lines() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(WRONG);
    for line in ["-Z x", "--foo x", "-c", "-h", "-?", "-R 192.0.2.2 10.77.0.1", "-6 ::1 ::1"] {
        cases.push(Case { hide: hide_usage, ..case(line) });
    }
    for line in ["-T tsonly 192.0.2.2 10.77.0.1", "a b c d e f g h i j 10.77.0.1"] {
        cases.push(Case { hide: hide_usage, ..case(line) });
    }
    cases.push(known("-V", "ping from askway", "it is another program"));
    let later = "as in later releases";
    cases.push(known("-i -1 -c1 10.77.0.1", "bad timing interval: -1", later));
    cases.push(known("-c1 -M probe 10.77.0.1", "exit 0", later));
    cases.push(known("-c1 -3 10.77.0.1", "exit 0", later));
    cases.push(known("-c1 -H 127.0.0.1", "from localhost (127.0.0.1)", later));
    cases.push(known("-c1 -j 10.77.0.1", "\"seq\": 1", later));
    cases.push(known(
        "-i abc -c1 10.77.0.1",
        "bad timing interval: abc",
        "no number is not an interval of zero, which floods",
    ));
    network.check(&cases);
}

/// Leaves out of usage texts what the real one does not have yet.
fn hide_usage(line: String) -> Option<String> {
    let later = ["  -3 ", "  -H ", "  -j ", "  --"].iter().any(|option| line.starts_with(option));
    let is_ours = later || line.contains("destinations or for -f), override -n");
    (!is_ours).then(|| line.replace("<do|dont|want|probe>", "<do|dont|want>"))
}

#[test]
fn without_rights() {
    let Some(network) = Network::open() else { return };
    network.chain[0].ping_group_range(0, 65_535);
    let lines = [
        "-c2 -i 0.01 10.77.0.1",
        "-c2 -i 0.01 2001:db8:77::1",
        "-v -c1 10.77.0.1",
        "-v -e 77 -c1 10.77.0.1",
        "-v -e 0 -c1 10.77.0.1",
        "-c1 -R 10.77.0.1",
        "-c1 -T tsandaddr 10.77.0.1",
        "-c1 -t1 10.77.0.1",
        "-c1 -t1 2001:db8:77::1",
        "-c1 10.79.0.2",
        "-c2 -i 0.2 192.0.2.9",
        "-c1 -s 65508 10.77.0.1",
        "-c1 -s 1473 -M do 10.77.0.1",
        "-c1 -b 192.0.2.15",
        "-c1 -i 0.001 10.77.0.1",
        "-c1 -f 10.77.0.1",
        "-c2 -f -i 0.01 10.77.0.1",
        "-c3 -A 10.77.0.1",
        "-c1 -l 4 10.77.0.1",
        "-c1 -l 3 10.77.0.1",
        "-c1 -b 192.0.2.15 -i 0.5",
        "-c1 -b 192.0.2.15 -M dont",
        "-c1 -i 0.5 224.0.0.1",
        "-c1 -i 0.5 ff02::1%right",
        "-c1 -M dont ff02::1%right",
        "-c1 -m 5 10.77.0.1",
        "-c1 -I right 10.77.0.1",
        "-c1 -I 2001:db8::1 2001:db8:77::1",
        "-c1 nosuch.invalid",
        "-N name -c1 2001:db8:77::1",
    ];
    let cases: Vec<Case> = lines.iter().map(|line| Case { nobody: true, ..case(line) }).collect();
    network.check(&cases);
    network.chain[0].ping_group_range(1, 0);
    let lines = ["-c1 10.77.0.1", "-4 -v -c1 10.77.0.1", "-v 10.77.0.1", "nosuch.invalid"];
    let cases: Vec<Case> = lines.iter().map(|line| Case { nobody: true, ..case(line) }).collect();
    network.check(&cases);
}

#[test]
fn signals() {
    let Some(network) = Network::open() else { return };
    let interrupted = |line, steps| Case { same: Same::Shape, steps, ..case(line) };
    let third = &[Step::Out("icmp_seq=3", "INT")];
    let cases = [
        interrupted("-i 0.05 10.77.0.1", third),
        interrupted("-i 0.05 2001:db8:77::1", third),
        interrupted("-c 1000 -i 0.05 10.77.0.1", third),
        interrupted("-O -i 0.05 10.77.0.1", third),
        interrupted(
            "-i 0.05 10.77.0.1",
            &[Step::Out("icmp_seq=3", "QUIT"), Step::Err("ewma", "INT")],
        ),
        interrupted("-q -i 0.05 10.77.0.1", &[Step::Out("PING", "INT")]),
    ];
    network.check(&cases);
    let code = "it ends itself, with the code that a shell shows for SIGTERM";
    let steps = &[Step::Out("icmp_seq=1", "TERM")];
    network.check(&[Case { steps, ..known("10.77.0.1", "exit 143", code) }]);
}

#[test]
fn too_big_for_a_router() {
    let Some(network) = Network::open() else { return };
    network.chain[1].mtu("right", 1400);
    network.chain[2].mtu("left", 1400);
    // What one run learns of the path must not be known to the next.
    for (line, cache) in [
        ("-c2 -i 0.3 -s 1400 -M do 10.77.0.1", "-4"),
        ("-c2 -i 0.3 -s 1400 -M do 2001:db8:77::1", "-6"),
    ] {
        let seen = ["ping", "ours"].map(|which| {
            network.chain[0].ip(&[cache, "route", "flush", "cache"]);
            let arguments: Vec<&str> = line.split_whitespace().collect();
            let program = match which {
                "ping" => PathBuf::from("ping"),
                _ => network.ours.join("ping"),
            };
            let ran = network.chain[0].launch(program).args(&arguments).run();
            let lines: Vec<_> = ran.stdout().lines().map(|l| hide(l.to_owned())).collect();
            (lines, ran.stderr(), ran.code())
        });
        assert_eq!(seen[0], seen[1], "{line}");
        assert!(seen[1].1.contains("mtu"), "{seen:?}");
    }
}

#[test]
fn names_of_addresses_are_left_alone_on_request() {
    let Some(network) = Network::open() else { return };
    let ran = network.chain[0]
        .launch(network.ours.join("ping"))
        .args(&["-c1", "localhost"])
        .env("IPUTILS_PING_PTR_LOOKUP", "0")
        .run();
    assert!(ran.stdout().contains("bytes from 127.0.0.1:"), "{ran:?}");
    let warning = "ping: WARNING: reverse DNS resolution (PTR lookup) disabled, enforce with -H\n";
    assert_eq!(ran.stderr(), warning);
}
