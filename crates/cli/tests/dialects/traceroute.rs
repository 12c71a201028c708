//! traceroute beside Debian's (Debian 12: 2.1.2 by Dmitry Butskoy), along three routers.

use crate::compare::{self, Case, Same, Step};
use std::path::PathBuf;
use std::time::Duration;
use testbed::{Bed, Chain, Running};

/// Client, three routers, server:
///
/// | address | fate |
/// |---|---|
/// | 10.77.0.0/16, 2001:db8:77::/64 | the server |
/// | 10.77.0.8, 2001:db8:77::8 | the server behind a second router that is silent |
/// | 10.78.0.0/16, 2001:db8:78::/64 | silence behind the first router |
/// | 10.79.0.1 to .7 | refused at the first router, each in its way |
/// | 2001:db8:79::1 to ::4 | likewise |
/// | 10.80.0.1 | its answers pass a hop more on their way back than the probes do on theirs |
/// | 198.51.100.1, 2001:db8:ffff::1 | no route |
/// | 203.0.113.1 | forbidden here |
///
/// The server listens at TCP port 80 and has the others closed.
pub struct Network {
    chain: Chain,
    /// Another of the same kind for the real tool, so that nobody uses up what the other finds:
    /// reply limits, and what the kernel remembers of MTUs.
    twin: Chain,
    ours: PathBuf,
    _listeners: [Running; 2],
    beds: [Bed; 2],
}

impl Network {
    /// Opens it, if this process may and the programs are there.
    pub fn open(programs: &[&str], tools: &[&str]) -> Option<Network> {
        let needs = [programs, &["nft", "socat"]].concat();
        let mut bed = Bed::open(&needs)?;
        let mut other = Bed::open(&needs)?;
        let (chain, twin) = (build(&mut bed), build(&mut other));
        let listeners = [&chain, &twin].map(|chain| {
            let listen =
                ["-d", "-d", "TCP6-LISTEN:80,fork,reuseaddr,backlog=256,ipv6only=0", "/dev/null"];
            let socat = chain[4].launch("socat").args(&listen);
            let mut socat = socat.limit(Duration::from_secs(300)).start();
            socat.wait_for_stderr("listening on");
            socat
        });
        let ours = compare::install(bed.scratch(), tools);
        Some(Network { chain, twin, ours, _listeners: listeners, beds: [bed, other] })
    }

    /// Narrows the link before the server.
    pub fn narrow(&self, mtu_bytes: u32) {
        for chain in [&self.chain, &self.twin] {
            chain[3].mtu("right", mtu_bytes);
            chain[4].mtu("left", mtu_bytes);
        }
    }

    /// Compares.
    pub fn check(&self, cases: &[Case]) {
        compare::check_apart([&self.twin[0], &self.chain[0]], &self.ours, cases);
    }
}

fn build(bed: &mut Bed) -> Chain {
    let chain = bed.chain(&["client", "r1", "r2", "r3", "server"]);
    for prefix in ["10.77.0.0/16", "10.80.0.0/16", "2001:db8:77::/64"] {
        chain.answers_for(prefix);
    }
    for node in 0..4 {
        for prefix in ["10.78.0.0/16", "10.79.0.0/16"] {
            chain[node].route(prefix, chain.v4(node + 1));
        }
        for prefix in ["2001:db8:78::/64", "2001:db8:79::/64"] {
            chain[node].route(prefix, chain.v6(node + 1));
        }
        chain[node].ping_group_range(0, 0x7fff_ffff);
        for interface in ["all", "left", "right"].iter().skip(if node == 0 { 3 } else { 0 }) {
            let path = format!("net/ipv4/conf/{interface}/accept_source_route");
            chain[node].sysctls(&[(&path, "1")]);
        }
    }
    chain[0].refuse("prohibit", "203.0.113.0/24");
    chain[1].nft(
        "table inet t { chain forward { type filter hook forward priority 0;
            ip daddr 10.78.0.0/16 drop;
            ip6 daddr 2001:db8:78::/64 drop;
            ip daddr 10.79.0.1 reject with icmp type host-unreachable;
            ip daddr 10.79.0.2 reject with icmp type admin-prohibited;
            ip daddr 10.79.0.3 reject with icmp type port-unreachable;
            ip daddr 10.79.0.4 reject with icmp type prot-unreachable;
            ip daddr 10.79.0.5 reject with icmp type net-unreachable;
            ip daddr 10.79.0.6 reject with icmp type net-prohibited;
            ip daddr 10.79.0.7 reject with icmp type host-prohibited;
            ip6 daddr 2001:db8:79::1 reject with icmpv6 type no-route;
            ip6 daddr 2001:db8:79::2 reject with icmpv6 type admin-prohibited;
            ip6 daddr 2001:db8:79::3 reject with icmpv6 type addr-unreachable;
            ip6 daddr 2001:db8:79::4 reject with icmpv6 type port-unreachable;
            ip saddr 10.80.0.1 ip ttl set 61;
        }; }",
    );
    // What an error quotes begins 8 bytes into its ICMP message, the address asked for 16 or 24 on.
    chain[2].nft(
        "table inet t { chain output { type filter hook output priority 0;
            icmp type time-exceeded @th,192,32 0x0a4d0008 drop;
            icmpv6 type time-exceeded @th,256,128 0x20010db8007700000000000000000008 drop;
        }; }",
    );
    chain
}

/// A command line, with one fixed wait if it names none: else Debian's gives up what takes longer
/// than three times what the router's first answer took, which on a road this short is anything.
fn case(line: impl Into<String>) -> Case {
    let line = line.into();
    let names_wait = line.split(' ').any(|word| word == "-w");
    let line = if names_wait { line } else { format!("{WAIT} {line}") };
    bare(line)
}

fn bare(line: impl Into<String>) -> Case {
    Case { same: Same::Order, ..Case::new("traceroute", line) }
}

const WAIT: &str = "-w 3";

fn network() -> Option<Network> {
    Network::open(&["traceroute"], &["traceroute", "traceroute6"])
}

fn cases(lines: &[&str]) -> Vec<Case> {
    lines.iter().map(|line| case(*line)).collect()
}

/// Options that change what is sent, or what is shown of it.
const OPTIONS: &[&str] = &[
    "",
    "-n",
    "-I -n",
    "-T -n",
    "-T -p 81 -n",
    "-U -n",
    "-U -p 5000 -n",
    "-UL -n",
    "-n -q 1",
    "-q 10 -n",
    "-f 2 -n",
    "-f 3 -m 3 -n",
    "-m 2 -n",
    "-N 1 -n",
    "-N 1 -I -n",
    "-z 0.01 -n",
    "-z 20 -q 1 -n",
    "--sport=3000 -n",
    "--sport=3000 -T -n",
    "-i right -n",
    "-d -n",
    "--fwmark=7 -n",
    "-t 16 -n",
    "-e -n",
    "-e -I -n",
    "-w 2 -n",
    "-w 2,3,4 -n",
    "-l 5 -n",
    "-p 40000 -n",
    "-I -p 7 -n",
    "-M tcpconn -n",
    "-M tcpconn -p 81 -n",
    "-P 200 -n -q 1",
    "-M raw -O protocol=201 -n",
    "--back -n",
    "--back -I -n",
    "-T -O info -n",
    "-T -O info -p 81 -n",
    "-T -O ack,info -n",
    "-T -O fin,ack,info -n -q 1",
    "-T -O syn,mss=500 -n",
    "-T -O ecn -n",
    "-T -O sack,timestamps,window_scaling -n",
    "-T -O sysctl,reuse -n",
    "-I -O raw -n",
    "-UL -O coverage=8 -n",
    "-A -n",
    "-F -n",
];

#[test]
fn roads() {
    let Some(network) = network() else { return };
    let mut all = Vec::new();
    // Each with a target of its own, so that no two connections are one.
    for network in ["10.77.1.", "2001:db8:77::1:"] {
        for (options, host) in OPTIONS.iter().zip(1..) {
            all.push(case(format!("{options} {network}{host}")));
        }
        let lengths = ["0", "29", "100", "1500", "2000", "20000", "65000"];
        for (bytes, host) in lengths.iter().zip(100..) {
            all.push(case(format!("-n {network}{host} {bytes}")));
        }
        for (bytes, host) in lengths[..5].iter().zip(120..) {
            all.push(case(format!("-I -n -q 2 {network}{host} {bytes}")));
        }
        let target = format!("{network}99");
        all.push(case(format!("-U -n {target} 0")));
        all.push(case(format!("-T -n {target} 10")));
        all.push(case(format!("-F -n {target} 1600")));
    }
    all.extend(cases(&["-4 -n 10.77.0.1", "-6 -n 2001:db8:77::1", "--back -n 10.80.0.1"]));
    all.push(Case { tool: "traceroute6", ..case("-n 2001:db8:77::1") });
    all.push(Case { tool: "traceroute6", ..case("-n 10.77.0.1") });
    network.check(&all);
}

#[test]
fn silence() {
    let Some(network) = network() else { return };
    let mut all = cases(&["-n -w 1 -m 4 10.78.0.1", "-n -w 1 -m 4 2001:db8:78::1"]);
    for target in ["10.77.0.8", "2001:db8:77::8"] {
        for method in ["", "-I", "-T", "-U -w 1", "-q 1"] {
            all.push(case(format!("-n {method} {target}")));
        }
    }
    for method in ["-I", "-T", "-q 1", "-N 3", "-f 2"] {
        all.push(case(format!("-n -w 1 -m 4 {method} 10.78.0.1")));
    }
    network.check(&all);
}

#[test]
fn narrow_roads() {
    let Some(network) = network() else { return };
    network.narrow(1_400);
    // Each with a target of its own: the kernel remembers.
    let mut all = Vec::new();
    for (options, host) in [
        "--mtu -n",
        "--mtu -n -q 1",
        "--mtu -n -q 5",
        "--mtu -I -n",
        "--mtu -U -n",
        "--mtu -T -n",
        "--mtu -n -m 2",
        "--mtu -n -f 3",
        "--mtu -n -f 4",
        "--mtu --back -n",
        "-F -n",
        "-F -I -n",
    ]
    .iter()
    .zip(1..)
    {
        all.push(case(format!("{options} 10.77.2.{host}")));
        all.push(case(format!("{options} 2001:db8:77::2:{host}")));
    }
    for (bytes, host) in ["1450", "1400", "1401", "2000"].iter().zip(20..) {
        // Where IPv6 may cut probes, this host has to, and which is the first is left to chance.
        all.push(case(format!("-n 10.77.3.{host} {bytes}")));
        for (options, part) in [("-F -n", 4), ("--mtu -n", 5)] {
            all.push(case(format!("{options} 10.77.{part}.{host} {bytes}")));
            all.push(case(format!("{options} 2001:db8:77::{part}:{host} {bytes}")));
        }
    }
    all.push(case("--mtu -n -m 3 -w 1 10.78.0.1"));
    all.push(case("--mtu -n 10.79.0.1"));
    all.push(case("--mtu -n ::1"));
    all.push(Case { nobody: true, ..case("--mtu -n 10.77.2.50") });
    network.check(&all);
}

#[test]
fn refusals() {
    let Some(network) = network() else { return };
    let mut all = Vec::new();
    for method in ["", "-I", "-T", "-T -O info"] {
        for last in 1..=7 {
            all.push(case(format!("-n {method} 10.79.0.{last}")));
        }
        for last in 1..=4 {
            all.push(case(format!("-n {method} 2001:db8:79::{last}")));
        }
        for target in ["198.51.100.1", "2001:db8:ffff::1", "203.0.113.1"] {
            all.push(case(format!("-n {method} {target}")));
        }
    }
    all.extend(cases(&["-r -n 10.77.0.1", "-r -n 192.0.2.2"]));
    network.check(&all);
}

/// Command lines that are refused.
const REFUSED: &[&str] = &[
    "-g foo 10.77.0.1",
    "-g 192.0.2.2 2001:db8:77::1",
    "-g 2,2001:db8::2 2001:db8:77::1",
    "-I -g 2001:db8::2 2001:db8:77::1",
    "-g 1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1 10.77.0.1",
    "-x",
    "-xV",
    "-m",
    "-n",
    "-m 5",
    "--max-hops",
    "--max-hops 5 -n 10.77.0.1",
    "--foo",
    "--max-hops= -n 10.77.0.1",
    "--max=5 10.77.0.1",
    "--icmp=3 10.77.0.1",
    "-n3 10.77.0.1",
    "-nm5 10.77.0.1",
    "-m=5 10.77.0.1",
    "-ULn 10.77.0.1",
    "-nUL 10.77.0.1",
    "-h",
    "-?",
    "-mtu 10.77.0.1",
    "-back 10.77.0.1",
    "--Help",
    "-m -n 10.77.0.1",
    "-- -n 10.77.0.1",
    "-n -",
    "-m abc 10.77.0.1",
    "-m 5x 10.77.0.1",
    "-m 0 10.77.0.1",
    "-m 256 10.77.0.1",
    "-m -5 10.77.0.1",
    "-f 0 10.77.0.1",
    "-f 31 10.77.0.1",
    "-f 5 -m 3 10.77.0.1",
    "-q 0 10.77.0.1",
    "-q 11 10.77.0.1",
    "-q -1 10.77.0.1",
    "-q1n 10.77.0.1",
    "-w -1 10.77.0.1",
    "-w abc 10.77.0.1",
    "-w 1,2,3,4 10.77.0.1",
    "-w , 10.77.0.1",
    "-w 1,,3 10.77.0.1",
    "-w 5s 10.77.0.1",
    "-w 1,-2 10.77.0.1",
    "-z -1 10.77.0.1",
    "-z abc 10.77.0.1",
    "-t x 10.77.0.1",
    "-l x 10.77.0.1",
    "-p foo 10.77.0.1",
    "--sport=x 10.77.0.1",
    "--sport",
    "--fwmark=x 10.77.0.1",
    "-s foo 10.77.0.1",
    "-s 1.2.3.4 10.77.0.1",
    "-s 2001:db8::1 10.77.0.1",
    "-s 192.0.2.1 2001:db8:77::1",
    "-I -s 1.2.3.4 10.77.0.1",
    "-i nothing 10.77.0.1",
    "-T -i nothing 10.77.0.1",
    "-I -i nothing 10.77.0.1",
    "-P 200 -i nothing 10.77.0.1",
    "-M foo 10.77.0.1",
    "-M foo -m 0 10.77.0.1",
    "-M foo -O help",
    "-M foo -O x",
    "-O help",
    "-O help -T",
    "-U -O help",
    "-T -O foo 10.77.0.1",
    "-T -O info=3 10.77.0.1",
    "-T -O mss 10.77.0.1",
    "-T -O mss=x 10.77.0.1",
    "-T -O bogus=3 10.77.0.1",
    "-I -O raw,dgram 10.77.0.1",
    "-I -O raw,,dgram 10.77.0.1",
    "-UL -O coverage=x 10.77.0.1",
    "-P abc 10.77.0.1",
    "-P 0 10.77.0.1",
    "-M raw -O protocol=abc 10.77.0.1",
    "10.77.0.1 abc",
    "10.77.0.1 65001",
    "10.77.0.1 70000",
    "10.77.0.1 60 extra",
    "nosuch.invalid",
    "nosuch.invalid -x",
    "nosuch.invalid 5x -m 0",
    "-m 0 nosuch.invalid",
    "-6 10.77.0.1",
    "-4 -6 10.77.0.1",
    "-4 2001:db8:77::1",
    "-46 10.77.0.1",
    "-w -1 -q 0 10.77.0.1",
    "-z -1 -w -1 10.77.0.1",
    "-z -1 10.77.0.1 70000",
    "-m 256 -f 0 10.77.0.1",
];

/// Command lines that look as if they were to be refused.
const TAKEN: &[&str] = &[
    "-nm 2 10.77.0.1",
    "-m5 -n 10.77.0.1",
    "-n -- 10.77.0.1",
    "-n 10.77.0.1 -- 60",
    "-m 0x2 -n 10.77.0.1",
    "-m 02 -n 10.77.0.1",
    "-m +2 -n 10.77.0.1",
    "-m 4294967298 -n 10.77.0.1",
    "-w 1e3 -n 10.77.0.1",
    "-t 256 -n 10.77.0.1",
    "-p http -T -n 10.77.4.1",
    "-p 0 -n 10.77.0.1",
    "-p 65536 -T -n 10.77.4.2",
    "-s 192.0.2.1 -n 10.77.0.1",
    "-O foo -n 10.77.0.1",
    "-DU -n -q1 10.77.0.1",
    "-I -T -n 10.77.4.3",
];

#[test]
fn command_lines() {
    let Some(network) = network() else { return };
    let mut all: Vec<Case> = REFUSED.iter().map(|line| bare(*line)).collect();
    all.extend(cases(TAKEN));
    // What is said of versions and of options in other words.
    let first_word = |line: String| {
        let word = line.split([' ', ':']).next().unwrap_or_default();
        ["Usage", "Modern"].contains(&word).then(|| word.to_owned())
    };
    for line in ["", "--help", "--help -x", "-V", "--version -x", "-Vx"] {
        all.push(Case { hide: first_word, ..bare(line) });
    }
    let keyword = |line: String| {
        let keyword = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '));
        keyword.and_then(|rest| rest.split(' ').next()).map(str::to_owned)
    };
    for line in ["-T -O help", "-T -O syn,help", "-I -O help", "-UL -O help", "-D -O help"] {
        all.push(Case { hide: keyword, ..bare(line) });
    }
    all.push(Case { hide: keyword, ..bare("-P 1 -O help") });
    network.check(&all);
}

#[test]
fn without_rights() {
    let Some(network) = network() else { return };
    let nobody = |line: &str| Case { nobody: true, ..case(line) };
    let mut all = Vec::new();
    for line in [
        "-n 10.77.0.1",
        "-n 2001:db8:77::1",
        "-U -n 10.77.0.1",
        "-I -O raw -n 10.77.0.1",
        "-P 200 -n 10.77.0.1",
        "-D -n 10.77.0.1",
        "-I -N 1 -n 10.77.0.1",
        "--sport=80 -n 10.77.0.1",
        "-n 10.79.0.1",
        "-n 2001:db8:79::2",
        "-n 10.77.0.8",
        "-n -w 1 -m 3 10.78.0.1",
        "-T -O ack -n 10.77.4.4",
        "-g 192.0.2.18 -n 10.77.0.1",
    ] {
        all.push(nobody(line));
    }
    let differs = |line: &str, ours, why| Case { same: Same::No { ours, why }, ..nobody(line) };
    let connects = "Debian's refuses TCP without rights";
    all.push(differs("-T -n 10.77.4.5", "4  10.77.4.5  # ms  # ms  # ms", connects));
    all.push(differs("-M tcpconn -n 10.77.4.6", "4  10.77.4.6  # ms  # ms  # ms", connects));
    all.push(differs("-T -n 2001:db8:77::1", "4  2001:db8:77::1  # ms  # ms  # ms", connects));
    let why = "UDP-Lite goes by raw sockets";
    all.push(differs("-UL -n 10.77.0.1", "You do not have enough privileges", why));
    network.check(&all);
}

#[test]
fn registries_of_routes() {
    let Some(network) = network() else { return };
    let asking = |line: &str| Case { env: Some(("RA_SERVER", "127.0.0.1")), ..case(line) };
    // Nobody is there to be asked; then somebody who knows two routes.
    network.check(&[asking("-A -n 10.77.0.1"), asking("-A -q 1 2001:db8:77::1")]);
    let answer = network.beds[0].scratch().join("routes");
    let routes = "route:  10.0.0.0/8\norigin: AS64501\n\nroute: 10.77.0.0/16\norigin: AS64500\n\n\
                  route:  10.77.0.0/16\norigin: AS64502\n";
    std::fs::write(&answer, routes).expect("writes");
    let open = format!("OPEN:{},rdonly", answer.display());
    let registries = [&network.chain, &network.twin].map(|chain| {
        let listen = ["-d", "-d", "-U", "TCP-LISTEN:43,fork,reuseaddr,backlog=256", &open];
        let mut socat = chain[0].launch("socat").args(&listen).start();
        socat.wait_for_stderr("listening on");
        socat
    });
    network.check(&[asking("-A -n 10.77.0.1"), asking("-A -q 1 10.77.0.1")]);
    drop(registries);
}

#[test]
fn deviations() {
    let Some(network) = network() else { return };
    let differs = |line: &str, ours, why| Case { same: Same::No { ours, why }, ..case(line) };
    network.check(&[
        differs("-D -n 10.77.0.1", "4  10.77.0.1  # ms !P", "Debian's needs a kernel with DCCP"),
        differs(
            "-P 200 -n -q 1 -w 1 10.77.0.1 25",
            "4  10.77.0.1  # ms !P",
            "short probes are ours",
        ),
        differs("-P 256 -n -q 1 -m 1 -w 1 10.77.0.1", "Protocol not supported", "no such protocol"),
        differs(
            "-F -I -n 10.77.0.1 1600",
            "!F-1500 *  # ms !F-1500 *  # ms",
            "one refusal for all",
        ),
    ]);
    for options in ["", "-I", "-U"] {
        let line = format!("-g 192.0.2.18 {options} -n -q 1 10.77.0.1");
        let why = "who comes before the gateway is heard, too";
        let same = Same::No { ours: " 1  192.0.2.2", why };
        network.check(&[Case { same, ..case(line) }]);
    }
    for method in ["-T", "-P 200", "-UL"] {
        let line = format!("-g 192.0.2.18 {method} -n -q 1 -m 3 -w 1 10.77.0.1");
        let why = "source routes go by UDP and ICMP";
        let same = Same::No { ours: "IP_OPTIONS: Operation not supported", why };
        network.check(&[Case { same, ..case(line) }]);
    }
    // Interrupted, Debian's dies in the middle of a line.
    network.check(&[Case {
        steps: &[Step::Out("packets", "INT")],
        same: Same::No { ours: "exit 130", why: "it ends with a whole line, and a code" },
        ..case("-n -w 5 10.78.0.1")
    }]);
}
