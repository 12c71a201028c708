//! fping beside fping. Its lines are documented nowhere but in its source, so the tool itself is
//! the oracle; what is new since the installed version is compared with what its source prints.

use crate::compare::{self, Case, Same, Step};
use std::path::PathBuf;
use testbed::{Bed, Chain};

/// A network with hosts of every fate:
///
/// | address | fate |
/// |---|---|
/// | 10.77.0.0/16, 2001:db8:77::/64 | answer |
/// | 10.78.0.0/16, 2001:db8:78::/64 | silent |
/// | 10.79.0.1, .2, .3 | host unreachable, prohibited, port unreachable |
/// | 2001:db8:79::1 | prohibited |
/// | 198.51.100.1, 2001:db8:ffff::1 | no route |
/// | 224.0.0.1 | two nodes answer |
struct Network {
    chain: Chain,
    ours: PathBuf,
    file: PathBuf,
    /// Another network of the same kind. fping knows its answers by its process number alone, so it
    /// must not hear ours.
    twin: Chain,
    _beds: [Bed; 2],
}

impl Network {
    fn open() -> Option<Network> {
        let mut bed = Bed::open(&["fping", "nft"])?;
        let mut other = Bed::open(&["fping", "nft"])?;
        let (chain, twin) = (build(&mut bed), build(&mut other));
        let ours = compare::install(bed.scratch(), &["fping", "fping6"]);
        let file = bed.scratch().join("targets");
        std::fs::write(&file, TARGETS).expect("writes");
        Some(Network { chain, ours, file, twin, _beds: [bed, other] })
    }

    fn check(&self, cases: &[Case]) {
        compare::check_apart([&self.twin[0], &self.chain[0]], &self.ours, cases);
    }

    /// What ours prints on both streams, standard output first.
    fn ours(&self, line: &str) -> String {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let ran = self.chain[0].launch(self.ours.join("fping")).args(&arguments).run();
        assert!(!ran.was_killed, "{line}: {ran:?}");
        ran.stdout() + &ran.stderr()
    }
}

/// Client, router and server, with every fate.
fn build(bed: &mut Bed) -> Chain {
    let chain = bed.chain(&["client", "router", "server"]);
    chain.answers_for("10.77.0.0/16");
    chain.answers_for("2001:db8:77::/64");
    for (prefix, next) in [
        ("10.78.0.0/16", chain.v4(1)),
        ("10.79.0.0/16", chain.v4(1)),
        ("2001:db8:78::/64", chain.v6(1)),
        ("2001:db8:79::/64", chain.v6(1)),
    ] {
        chain[0].route(prefix, next);
    }
    for (prefix, next) in [
        ("10.78.0.0/16", chain.v4(2)),
        ("10.79.0.0/16", chain.v4(2)),
        ("2001:db8:78::/64", chain.v6(2)),
        ("2001:db8:79::/64", chain.v6(2)),
    ] {
        chain[1].route(prefix, next);
    }
    chain[1].nft(
        "table inet t { chain forward { type filter hook forward priority 0;
            ip daddr 10.78.0.0/16 drop;
            ip daddr 10.79.0.1 reject with icmp type host-unreachable;
            ip daddr 10.79.0.2 reject with icmp type admin-prohibited;
            ip daddr 10.79.0.3 reject with icmp type port-unreachable;
            ip6 daddr 2001:db8:78::/64 drop;
            ip6 daddr 2001:db8:79::1 reject with icmpv6 type admin-prohibited;
        }; }",
    );
    for node in 0..2 {
        chain[node].sysctls(&[("net/ipv4/icmp_echo_ignore_broadcasts", "0")]);
    }
    chain[0].ip(&["route", "add", "224.0.0.0/4", "dev", "right"]);
    chain
}

const TARGETS: &str =
    "# a comment\n\n10.77.0.1\n  10.77.0.2 and more words\n\t\n#10.77.0.3\n10.77.0.4 # x\n";

fn all(lines: &[&str]) -> Vec<Case> {
    lines.iter().map(|line| Case::new("fping", *line)).collect()
}

#[test]
fn alive_or_not() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "10.77.0.1",
        "2001:db8:77::1",
        "10.77.0.1 2001:db8:77::1 10.77.0.2",
        "-t 200 -r 1 10.77.0.1 10.78.0.1 2001:db8:77::1 2001:db8:78::1",
        "-a -t 200 -r 1 10.77.0.1 10.78.0.1 10.77.0.2",
        "-u -t 200 -r 1 10.77.0.1 10.78.0.1 10.77.0.2",
        "-a -q -t 200 -r 0 10.77.0.1 10.78.0.1",
        "-e 10.77.0.1 10.77.0.2",
        "-a -e 10.77.0.1",
        "-q 10.77.0.1",
        "-q -t 200 -r 0 10.78.0.1",
        "-s 10.77.0.1 2001:db8:77::1",
        "-s -q -t 200 -r 2 10.77.0.1 10.78.0.1",
        "-s -t 200 -r 1 10.79.0.1 10.77.0.1",
        "-t 200 -r 1 10.79.0.1 10.79.0.2 10.79.0.3",
        "-H 1 -t 200 -r 0 10.77.0.1",
        "-q -t 200 -r 1 10.79.0.1",
        "-x 1 -t 200 -r 0 10.77.0.1 10.78.0.1",
        "-x 2 -t 200 -r 0 10.77.0.1 10.78.0.1",
        "-x 1 -a -t 200 -r 0 10.77.0.1 10.78.0.1",
        "10.77.0.1 10.77.0.1 10.77.0.1",
        "-n 127.0.0.1 10.77.0.1",
        "-d 127.0.0.1 localhost",
        "-A 127.0.0.1 localhost",
        "-A -n 127.0.0.1",
        "-A -d 127.0.0.1 10.77.0.1",
        "-4 localhost",
        "-6 localhost",
        "-A -m localhost",
        "-c 1 -m localhost",
        "--alive --elapsed 10.77.0.1",
        "10.77.0.1 -e -- 10.77.0.2",
        "-t 100 -r 0 224.0.0.1 10.78.0.1",
        "-t 300 -r 0 ff02::1%right 2001:db8:78::1",
        "-c 1 -t 300 ff02::1%right 2001:db8:78::1",
        "192.0.2.15",
        "0.0.0.0",
        "::",
        "::ffff:10.77.0.1",
        "10.77.1 0x0a4d0001 2001:DB8:77:0::1",
        "-A 10.77.1 2001:DB8:77:0::1",
        "-n 127.1",
        "-r 4294967295 -t 40 10.78.0.1",
        "-B 2.5 -t 20 -r 2 -s 10.78.0.1",
        "198.51.100.1 10.77.0.1",
        "-a 198.51.100.1 10.77.0.1",
        "-s 2001:db8:ffff::1",
    ]);
    let in_order = "-t 50 -r 0 10.78.0.9 2001:db8:78::1 10.78.0.2 10.78.0.5";
    cases.push(Case { same: Same::Order, ..Case::new("fping", in_order) });
    cases.push(Case::new("fping6", "2001:db8:77::1"));
    cases.push(Case::new("fping6", "10.77.0.1 2001:db8:77::1"));
    cases.push(Case::new("fping6", "-4 localhost"));
    cases.push(Case {
        same: Same::No {
            ours: "ICMPv6 Destination Unreachable (Communication with destination",
            why: "ICMPv6 errors are shown, as fping does since 5.4",
        },
        ..Case::new("fping", "-t 200 -r 0 2001:db8:79::1")
    });
    network.check(&cases);
}

#[test]
fn counting() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "-c 3 -p 20 -t 900 10.77.0.1",
        "-c 2 -p 20 -t 900 2001:db8:77::1 10.77.0.1",
        "-c 2 -p 300 -t 150 10.77.0.1 10.78.0.1 10.77.0.2",
        "-c 2 -p 300 -t 150 -s 10.77.0.1 10.78.0.1",
        "-c 2 -p 300 -t 150 -q 10.77.0.1 10.78.0.1",
        "-C 3 -p 300 -t 150 -q 10.77.0.1 10.78.0.1 2001:db8:77::1",
        "-C 2 -p 300 -t 150 10.77.0.1 10.78.0.1",
        "-c 2 -p 300 -t 150 -o 10.78.0.1 10.77.0.1",
        "-C 2 -p 300 -t 150 -o 10.78.0.1",
        "-c 2 -p 300 -t 150 -D 10.77.0.1 10.78.0.1",
        "-c 2 -p 20 -t 900 -e 10.77.0.1",
        "-c 2 -p 20 -t 900 -A localhost",
        "-c 2 -p 20 -t 900 -n 127.0.0.1",
        "-c 2 -p 20 -t 900 -a 10.77.0.1",
        "-c 2 -p 300 -t 150 -u 10.78.0.1 10.77.0.1",
        "-c 2 -p 300 -t 150 -x 2 10.78.0.1 10.77.0.1",
        "-c 2 -p 20 -t 900 198.51.100.1 10.77.0.1",
        "-C 2 -p 20 -t 900 -q 198.51.100.1 10.77.0.1",
        "-c 2 -p 300 -t 150 10.79.0.1 10.77.0.1",
        "-c 2 -p 300 -t 150 -s -q 10.79.0.1 10.77.0.1",
        "-C 2 -p 300 -t 150 10.79.0.1 10.79.0.2",
        "-c 2 -p 300 -t 200 10.77.0.1",
        "-c 2 -p 20 -t 900 -b 0 10.77.0.1",
        "-c 1 -b 1000 10.77.0.1 2001:db8:77::1",
        "-c 1 -b 60000 10.77.0.1",
        "-c 1 -R -b 24 10.77.0.1",
        "-c 1 -O 0x10 -M -H 64 -T 9 10.77.0.1 2001:db8:77::1",
        "-c 1 -M -b 2000 -t 500 10.77.0.1",
        "-c 1 -I right 10.77.0.1 2001:db8:77::1",
        "-c 1 -S 192.0.2.1 10.77.0.1",
        "-c 1 -S 2001:db8::1 2001:db8:77::1",
        "-c 1 -S 203.0.113.1 10.77.0.1",
        "--count=2 --period 20 --timeout=900 --quiet 10.77.0.1",
        "-c2 -p20 -t900 -q 10.77.0.1 10.77.0.1",
        "-c 1 -t 100 224.0.0.1 10.78.0.1",
        "-c 1 -t 100 -q 224.0.0.1 10.78.0.1",
        "-c 3 -p 50 -Q 10 10.77.0.1",
        "-N -c 1 10.77.0.1",
        "-c 1 -t 0 10.77.0.1",
        "-c 1 10.77.0.1 name.invalid",
        "-c 1 -q 10.77.0.1 name.invalid",
    ]);
    for case in &mut cases {
        case.merged = case.line.contains("-D") || case.line.starts_with("-c 3");
    }
    network.check(&cases);
}

#[test]
fn targets_from_everywhere() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "-g 10.77.1.0/29",
        "-g 10.77.1.9/30",
        "-g 10.77.1.9/31",
        "-g 10.77.1.9/32",
        "-a -i 1 -g 10.77.0.250 10.77.1.5",
        "-g 10.77.0.5 10.77.0.1",
        "-g 10.77.0.1",
        "-g 10.77.0.0/33",
        "-g 10.77.0.0/0",
        "-g 10.77.0.0/x",
        "-g nonsense/24",
        "-g 10.77.0.1 nonsense",
        "-g nonsense 10.77.0.1",
        "-g 10.77.0.1 10.77.0.2 10.77.0.3",
        "-g",
        "-c 1 -i 1 -g 10.77.0.8 10.77.0.12",
        "-n -g 127.0.0.1 127.0.0.2",
        "-f /nowhere/at/all",
        "-f /etc/hostname 10.77.0.1",
        "-g -f /etc/hostname",
        "10.77.0.1 name.invalid",
        "name.invalid",
        "-q name.invalid",
        "-q 10.77.0.1 name.invalid",
        "-s 10.77.0.1 name.invalid",
        "-6 10.77.0.1 2001:db8:77::1",
        "-4 10.77.0.1 2001:db8:77::1",
    ]);
    let file = network.file.display();
    cases.push(Case::new("fping", format!("-f {file}")));
    cases.push(Case::new("fping", format!("-c 1 -q -f {file}")));
    for line in ["", "-f -", "-C 1 -q"] {
        cases.push(Case { stdin: TARGETS.into(), ..Case::new("fping", line) });
    }
    cases.push(Case { stdin: "\n# nothing\n".into(), ..Case::new("fping", "-a") });
    cases.push(Case {
        same: Same::No { ours: "2001:db8:77::5 is alive", why: "-g takes IPv6, as since 5.4" },
        ..Case::new("fping", "-g 2001:db8:77::4/127")
    });
    cases.push(Case {
        stdin: format!("10.77.0.1 {}10.77.0.2\n", " ".repeat(130)),
        same: Same::No { ours: "reachable: 1)", why: "a long line is one line" },
        ..Case::new("fping", "-x 1 -c 1 -q")
    });
    network.check(&cases);
}

#[test]
fn bad_command_lines() {
    let Some(network) = Network::open() else { return };
    let mut cases = all(&[
        "-z 10.77.0.1",
        "--bogus 10.77.0.1",
        "--bogus=value 10.77.0.1",
        "--alive=1 10.77.0.1",
        "--coun 3 10.77.0.1",
        "-4 -6 10.77.0.1",
        "-a -u 10.77.0.1",
        "-d -n 10.77.0.1",
        "-c 1 -l 10.77.0.1",
        "-H 300 10.77.0.1",
        "-B 0.5 10.77.0.1",
        "-B 5.5 10.77.0.1",
        "-B x 10.77.0.1",
        "-b 65488 -t 900 -q 10.77.0.1",
        "-b 65489 10.77.0.1",
        "-b -2 10.77.0.1",
        "-b x 10.77.0.1",
        "-c 0 10.77.0.1",
        "-C x 10.77.0.1",
        "-H 0 10.77.0.1",
        "-i x 10.77.0.1",
        "-i -2 10.77.0.1",
        "-p x 10.77.0.1",
        "-p -2 10.77.0.1",
        "-t x 10.77.0.1",
        "-t -2 10.77.0.1",
        "-Q x 10.77.0.1",
        "-Q -2 10.77.0.1",
        "-r x 10.77.0.1",
        "-O x 10.77.0.1",
        "-x 0 10.77.0.1",
        "-x x 10.77.0.1",
        "-S 1.2.3 10.77.0.1",
        "-I nothere 10.77.0.1",
        "-h 10.77.0.1",
        "-c 2abc -p 20ms -q 10.77.0.1",
        "--count",
        "--count=x 10.77.0.1",
    ]);
    for option in ["b", "B", "c", "C", "f", "H", "i", "I", "O", "p", "Q", "r", "S", "t", "T", "x"] {
        cases.push(Case::new("fping", format!("-{option}")));
    }
    for (line, ours, why) in [
        ("-v", "spoken by askway", "the version says who speaks"),
        ("-X 1 10.77.0.1", "Enough hosts", "options of later versions are taken"),
        ("-J -c 1 10.77.0.1", "{\"resp\": ", "options of later versions are taken"),
    ] {
        cases.push(Case { same: Same::No { ours, why }, ..Case::new("fping", line) });
    }
    network.check(&cases);
}

#[test]
fn signals_and_reports() {
    let Some(network) = Network::open() else { return };
    const INT: &[Step] = &[Step::Out("[2]", "INT")];
    const ALIVE_INT: &[Step] = &[Step::Out("alive", "INT")];
    const STATUS: &[Step] = &[Step::Out("[0]", "QUIT"), Step::Err("xmt", "INT")];
    const ALIVE_STATUS: &[Step] = &[Step::Out("alive", "QUIT"), Step::Err("10.77.0.1 ", "INT")];
    let cases: &[(&str, &[Step], Same)] = &[
        ("-l -p 20 -t 900 10.77.0.1 10.77.0.2", INT, Same::Shape),
        ("-l -p 20 -t 900 -q 10.77.0.1", INT, Same::Shape),
        ("-c 500 -p 20 -t 900 10.77.0.1", INT, Same::Shape),
        ("-c 2 -p 4000 10.77.0.1", STATUS, Same::Order),
        ("-C 2 -p 4000 -o 10.77.0.1", STATUS, Same::Order),
        ("-l -p 4000 10.77.0.1", STATUS, Same::Order),
        ("-t 4000 -r 0 10.78.0.1 10.77.0.1", ALIVE_STATUS, Same::All),
        ("-t 4000 -r 0 10.78.0.1 10.77.0.1", ALIVE_INT, Same::All),
        ("-s -t 4000 -r 0 10.78.0.1 10.77.0.1", ALIVE_INT, Same::All),
        (
            "-l -p 20 10.77.0.1",
            &[Step::Out("[1]", "TERM")],
            Same::No {
                ours: "exit 143",
                why: "SIGTERM ends with the code that a shell makes of it",
            },
        ),
        ("-l -p 20 -t 900 -Q 0.1 10.77.0.1", &[Step::Err("]\n10.77.0.1 ", "INT")], Same::Shape),
        ("-c 2 -p 600 -t 400 -Q 0.8 10.77.0.1 10.78.0.1", &[], Same::Order),
        ("-c 2 -p 600 -t 400 -Q 0.8 -o 10.78.0.1 10.77.0.1", &[], Same::Order),
        ("-c 2 -p 600 -t 400 -N -Q 0.8 10.77.0.1 10.78.0.1", &[], Same::Order),
        ("-c 2 -p 600 -t 400 -N -A -Q 0.8 localhost 10.78.0.1", &[], Same::Order),
    ];
    let cases: Vec<Case> = cases
        .iter()
        .map(|&(line, steps, same)| Case { steps, same, ..Case::new("fping", line) })
        .collect();
    network.check(&cases);
}

/// As they are called by what stands on them.
#[test]
fn scripts() {
    let Some(network) = Network::open() else { return };
    let targets = "10.77.0.1\n10.78.0.1\n10.77.0.2\n";
    let mut cases: Vec<Case> = [
        // smokeping, and its look at what the units are
        "-C 5 -q -B1 -r1 -i10 -p 300 -t 200 10.77.0.1 10.78.0.1 2001:db8:77::1",
        "-C 1 localhost",
        "-b 56 -t 900 -p 50 -C 4 -q -B1 -r1 -i 10 -O 16 10.77.0.1",
        // nagios-plugins check_fping
        "-b 56 -c 1 10.77.0.1",
        "-b 56 -c 1 -t 200 10.78.0.1",
        // cacti, LibreNMS
        "-e -q -c 3 -p 60 -t 900 10.77.0.1",
        "-q -c 2 -t 900 -p 60 -O 0 10.77.0.1",
        // observium, ntop: lists of the living
        "-a -q -i 1 -r 1 -t 200 10.77.0.1 10.78.0.1 10.77.0.2",
        "-A -d -a -r 0 -t 200 127.0.0.1 10.78.0.1",
    ]
    .into_iter()
    .map(|line| Case { merged: true, ..Case::new("fping", line) })
    .collect();
    // Zabbix feeds a list and reads both streams.
    for line in ["-C2 -p300 -t150 -b56 -i1", "-c 2 -p 300 -t 150 -i 1", "-a -i 1 -r 1 -t 200"] {
        cases.push(Case { merged: true, stdin: targets.into(), ..Case::new("fping", line) });
    }
    let netdata = "-N -R -l -Q 0.1 -p 50 -r 0 -e -i 1 -b 56 10.77.0.1 10.78.0.1";
    cases.push(Case {
        steps: &[Step::Out("fping.10_78_0_1_latency\nEND", "INT")],
        same: Same::Shape,
        ..Case::new("fping", netdata)
    });
    network.check(&cases);
}

/// What the installed version does not know yet.
#[test]
fn later_options() {
    let Some(network) = Network::open() else { return };
    for (line, lines) in [
        ("--print-ttl --print-tos 10.77.0.1", "10.77.0.1 is alive (TOS 0) (TTL 63)\n"),
        ("--print-reply-dst 10.77.0.1", "10.77.0.1 is alive (SRC 192.0.2.1)\n"),
        (
            "-X 1 -i 50 -q 10.77.0.1 10.78.0.1",
            "Enough hosts reachable (required: 1, reachable: 1)\n",
        ),
        ("-k 7 10.77.0.1", "10.77.0.1 is alive\n"),
        ("--oiface right 10.77.0.1", "10.77.0.1 is alive\n"),
        ("--seqmap-timeout=5 10.77.0.1", "10.77.0.1 is alive\n"),
        ("-6 --icmp-timestamp 10.77.0.1", "fping: ICMP Timestamp is IPv4 only\n"),
        ("--icmp-timestamp -b 9 10.77.0.1", "fping: cannot change ICMP Timestamp size\n"),
        ("-J 10.77.0.1", "fping: option -J, --json requires -c, -C, or -l\n"),
        (
            "--check-source -c 1 -t 50 224.0.0.1",
            "224.0.0.1 : [0], timed out (NaN avg, 100% loss)\n\n\
             224.0.0.1 : xmt/rcv/%loss = 1/0/100%\n",
        ),
    ] {
        assert_eq!(network.ours(line), lines, "{line}");
    }
    let said = network.ours("--icmp-timestamp -c 1 10.77.0.1");
    let head = "10.77.0.1 : [0], 20 bytes, ";
    assert!(said.starts_with(head) && said.contains("loss), timestamps: Originate="), "{said}");
    for (format, clock) in [("iso", "+0000] 10.77.0.1 : [0]"), ("rfc3339", "] 10.77.0.1 : [0]")] {
        let said = network.ours(&format!("-D --timestamp-format={format} -c 1 10.77.0.1"));
        assert!(said.starts_with("[20") && said.contains(clock), "{said}");
    }
}

#[test]
fn without_privilege() {
    let Some(network) = Network::open() else { return };
    let nobody = |line: &str| {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let launch = network.chain[0].launch(network.ours.join("fping")).args(&arguments);
        let ran = launch.as_nobody().run();
        (ran.stdout(), ran.stderr(), ran.code())
    };
    let text = String::from;
    let refused = text("fping: can't create socket (must run as root?)\n");
    network.chain[0].ping_group_range(1, 0);
    for line in ["10.77.0.1", "-c 1 10.77.0.1", "-a 10.77.0.1"] {
        assert_eq!(nobody(line), (text(""), refused.clone(), Some(4)));
    }
    assert_eq!(nobody("-q 10.77.0.1"), (text(""), text(""), Some(4)));
    network.chain[0].ping_group_range(0, 65_535);
    let alive = text("10.77.0.1 is alive (TTL 63)\n2001:db8:77::1 is alive (TTL 63)\n");
    assert_eq!(nobody("--print-ttl 10.77.0.1 2001:db8:77::1"), (alive, text(""), Some(0)));
    let said = text("ICMP Host Unreachable from 192.0.2.2 for ICMP Echo sent to 10.79.0.1\n");
    let dead = text("10.79.0.1 is unreachable\n");
    assert_eq!(nobody("-t 300 -r 0 10.79.0.1"), (dead, said, Some(1)));
}

#[test]
fn json_is_one_valid_object_a_line() {
    let Some(network) = Network::open() else { return };
    let kinds = |line: &str| {
        let said = network.ours(line);
        let kind = |line: &str| {
            let value: serde_json::Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            value.as_object().and_then(|object| object.keys().next().cloned()).expect("an object")
        };
        said.lines().map(kind).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kinds("-J -c 2 -p 20 10.77.0.1"), "resp resp summary");
    assert_eq!(kinds("-J -c 1 -t 50 -s 10.78.0.1"), "timeout summary stats");
    assert_eq!(kinds("-J -q -C 2 -p 20 10.77.0.1 10.78.0.1"), "vSum vSum");
    assert_eq!(kinds("-J -D -c 1 --print-ttl --print-tos 10.77.0.1"), "resp summary");
    assert_eq!(kinds("-J -q -c 1 10.77.0.1 name.invalid"), "warning summary");
    assert_eq!(kinds("-J -c 3 -p 60 -Q 0.1 -o 10.77.0.1"), "intSum summary");
    assert_eq!(kinds("-J -c 1 --icmp-timestamp 10.77.0.1"), "resp summary");
}
