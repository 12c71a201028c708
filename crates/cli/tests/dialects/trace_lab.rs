//! traceroute's and tracepath's lines where only a lab can cause them, to the last digit: labels,
//! balanced roads, every way to be refused. Needs no privilege and no tool.

use std::process::Command;

/// Standard output, standard error and exit code of a command line over a scenario.
fn run(tool: &str, scenario: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/scenarios");
    let output = Command::new(env!("CARGO_BIN_EXE_askway"))
        .args(["as", tool, "--lab", &format!("{scenarios}/{scenario}.toml")])
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

#[track_caller]
fn check(tool: &str, scenario: &str, line: &str, stdout: &str, stderr: &str, code: i32) {
    let arguments: Vec<&str> = line.split(' ').collect();
    let (seen, said, ended) = run(tool, scenario, &arguments);
    assert_eq!(seen, stdout, "{tool} {line}: stdout");
    assert_eq!(said, stderr, "{tool} {line}: stderr");
    assert_eq!(ended, Some(code), "{tool} {line}");
}

fn lines(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn extensions_are_shown_if_wanted() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.34), 30 hops max, 60 byte packets",
        " 1  r1 (192.0.2.2)  2.000 ms",
        " 2  in (192.0.2.6) <MPLS:L=24001,E=0,S=1,T=1>  4.000 ms",
        " 3  mid (192.0.2.10) <MPLS:L=24017,E=5,S=0,T=1/L=16,E=0,S=1,T=2>  6.000 ms",
        " 4  out (192.0.2.14) <2/15:00000001,00010000,c000020e,08657468,30000000,\
             000005dc;5/1:deadbeef>  8.000 ms",
        " 5  old (192.0.2.18) <MPLS:L=3,E=0,S=1,T=1>  10.000 ms",
        " 6  r2 (192.0.2.30) <5/6:00010000,c00002fe,08636f72,652d3100>  16.000 ms",
        " 7  b (192.0.2.34)  18.000 ms",
    ]);
    check("traceroute", "mpls", "-e -q 1 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (2001:db8:0:9::2), 30 hops max, 80 byte packets",
        " 1  2001:db8:0:1::2  2.000 ms",
        " 2  2001:db8:0:2::2 <MPLS:L=24001,E=0,S=1,T=1>  4.000 ms",
        " 3  2001:db8:0:3::2 <MPLS:L=24017,E=5,S=0,T=1/L=16,E=0,S=1,T=2>  6.000 ms",
        " 4  2001:db8:0:4::2 <2/15:00000001,00020000,20010db8,00000004,00000000,00000002,\
             08657468,30000000,000005dc;5/1:deadbeef>  8.000 ms",
        " 5  2001:db8:0:5::2 <MPLS:L=3,E=0,S=1,T=1>  10.000 ms",
        " 6  2001:db8:0:8::2 <5/6:00010000,c00002fe,08636f72,652d3100>  16.000 ms",
        " 7  2001:db8:0:9::2  18.000 ms",
    ]);
    check("traceroute", "mpls", "-e -6 -n -q 1 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.34), 30 hops max, 60 byte packets",
        " 1  192.0.2.2  2.000 ms",
        " 2  192.0.2.6  4.000 ms",
        " 3  192.0.2.10  6.000 ms",
        " 4  192.0.2.14  8.000 ms",
        " 5  192.0.2.18  10.000 ms",
        " 6  192.0.2.30  16.000 ms",
        " 7  192.0.2.34  18.000 ms",
    ]);
    check("traceroute", "mpls", "-n -q 1 b", &stdout, "", 0);
}

#[test]
fn several_routers_of_a_hop_stand_in_one_line() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.46), 30 hops max, 60 byte packets",
        " 1  192.0.2.2  2.000 ms  2.000 ms  2.000 ms",
        " 2  192.0.2.6  4.000 ms  4.000 ms  4.000 ms",
        " 3  192.0.2.18  10.000 ms 192.0.2.14  8.000 ms 192.0.2.18  10.000 ms",
        " 4  192.0.2.26  11.000 ms  10.000 ms  12.000 ms",
        " 5  192.0.2.42  12.000 ms  13.000 ms  13.000 ms",
        " 6  192.0.2.46  17.000 ms  15.000 ms  17.000 ms",
    ]);
    check("traceroute", "ecmp", "-n b", &stdout, "", 0);
}

#[test]
fn loops_go_on_to_the_last_hop() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 6 hops max, 60 byte packets",
        " 1  192.0.2.2  2.000 ms",
        " 2  192.0.2.6  4.000 ms",
        " 3  192.0.2.2  4.000 ms",
        " 4  192.0.2.6  6.000 ms",
        " 5  192.0.2.2  6.000 ms",
        " 6  192.0.2.6  8.000 ms",
    ]);
    check("traceroute", "loop", "-n -q 1 -m 6 b", &stdout, "", 0);
}

#[test]
fn silence_is_waited_for_and_shown() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.26), 5 hops max, 60 byte packets",
        " 1  192.0.2.2  2.000 ms  2.000 ms  2.000 ms",
        " 2  192.0.2.6  4.000 ms  4.000 ms  4.000 ms",
        " 3  192.0.2.10  6.000 ms  6.000 ms  6.000 ms",
        " 4  * * *",
        " 5  * * *",
    ]);
    check("traceroute", "silent-tail", "-n -m 5 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.26), 30 hops max, 60 byte packets",
        " 1  r1 (192.0.2.2)  2.000 ms  2.000 ms  2.000 ms",
        " 2  r2 (192.0.2.6)  4.000 ms  4.000 ms  4.000 ms",
        " 3  r3 (192.0.2.10)  6.000 ms  6.000 ms  6.000 ms",
        " 4  * * *",
        " 5  * * *",
        " 6  * * *",
        " 7  b (192.0.2.26) <rst,ack>  14.000 ms  14.000 ms  14.000 ms",
    ]);
    check("traceroute", "silent-tail", "-T -O info b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.14), 30 hops max, 60 byte packets",
        " 1  r1 (192.0.2.2)  2.000 ms  2.000 ms",
        " 2  r2 (192.0.2.6)  6.000 ms  6.000 ms",
        " 3  r3 (192.0.2.17) '-4'  36.000 ms  36.000 ms",
        " 4  b (192.0.2.14) '-5'  38.000 ms  38.000 ms",
    ]);
    check("traceroute", "asymmetric", "-q 2 --back b", &stdout, "", 0);
}

#[test]
fn mtus_are_found_on_the_way() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 65000 byte packets",
        " 1  r1 (192.0.2.2)  0.200 ms F=1500  0.200 ms  0.200 ms",
        " 2  r2 (192.0.2.6)  0.400 ms F=1300  0.400 ms  0.400 ms",
        " 3  b (192.0.2.10)  0.600 ms  0.600 ms  0.600 ms",
    ]);
    check("traceroute", "small-mtu", "--mtu b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (2001:db8:0:3::2), 30 hops max, 65000 byte packets",
        " 1  2001:db8:0:1::2  0.200 ms F=1500  0.200 ms  0.200 ms",
        " 2  2001:db8:0:2::2  0.400 ms F=1300  0.400 ms  0.400 ms",
        " 3  2001:db8:0:3::2  0.600 ms  0.600 ms  0.600 ms",
    ]);
    check("traceroute", "small-mtu", "-6 --mtu -I -n b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.18), 5 hops max, 65000 byte packets",
        " 1  192.0.2.2  0.200 ms F=9000  0.200 ms  0.200 ms",
        " 2  192.0.2.6  0.400 ms  0.400 ms  0.400 ms",
        " 3  192.0.2.10  0.600 ms F=1500  0.600 ms  0.600 ms",
        " 4  * * *",
        " 5  * * *",
    ]);
    check("traceroute", "black-hole-mtu", "--mtu -n -w 1 -m 5 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 1400 byte packets",
        " 1  192.0.2.2  0.200 ms  0.200 ms  0.200 ms",
        " 2  192.0.2.2  0.200 ms !F-1300  0.200 ms !F-1300  0.200 ms !F-1300",
    ]);
    check("traceroute", "small-mtu", "-F -n b 1400", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 1600 byte packets",
        " 1  *  0.000 ms !F-1500 *  0.000 ms !F-1500 *  0.000 ms !F-1500",
    ]);
    check("traceroute", "small-mtu", "-F -n b 1600", &stdout, "", 0);
}

#[test]
fn methods_that_no_host_knows() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 40 byte packets",
        " 1  192.0.2.2  0.200 ms",
        " 2  192.0.2.6  0.400 ms",
        " 3  192.0.2.10  0.600 ms !P",
    ]);
    check("traceroute", "small-mtu", "-D -n -q 1 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 60 byte packets",
        " 1  192.0.2.2  0.200 ms",
        " 2  192.0.2.6  0.400 ms",
        " 3  192.0.2.10  0.600 ms !P",
    ]);
    check("traceroute", "small-mtu", "-UL -n -q 1 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 30 hops max, 60 byte packets",
        " 1  192.0.2.2  0.200 ms",
        " 2  192.0.2.6  0.400 ms",
        " 3  192.0.2.10  0.600 ms !P",
    ]);
    check("traceroute", "small-mtu", "-P 200 -n -q 1 b", &stdout, "", 0);
    let stdout = lines(&[
        "traceroute to b (2001:db8:0:3::2), 30 hops max, 80 byte packets",
        " 1  2001:db8:0:1::2  0.200 ms",
        " 2  2001:db8:0:2::2  0.400 ms",
        " 3  2001:db8:0:3::2  0.600 ms !<4-1>",
    ]);
    check("traceroute", "small-mtu", "-6 -P 200 -n -q 1 b", &stdout, "", 0);
}

#[test]
fn a_lab_has_no_registry_and_no_strangers() {
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 1 hops max, 60 byte packets",
        " 1  r1 (192.0.2.2) [*]  0.200 ms",
    ]);
    check("traceroute", "small-mtu", "-A -m 1 -q 1 b", &stdout, "", 0);
    let stderr = lines(&[
        "nobody: no node of that name",
        "Cannot handle \"host\" cmdline arg `nobody' on position 1 (argc 3)",
    ]);
    check("traceroute", "small-mtu", "nobody", "", &stderr, 2);
    let stdout = lines(&[
        "traceroute to b (192.0.2.10), 1 hops max, 60 byte packets",
        " 1  192.0.2.2  0.200 ms  0.200 ms  0.200 ms",
    ]);
    check("traceroute", "small-mtu", "-4 -s 192.0.2.1 -n -m 1 b", &stdout, "", 0);
}

#[test]
fn tracepath_finds_mtus_and_hops() {
    let stdout = lines(&[
        " 1?: [LOCALHOST]                      pmtu 1500",
        " 1:  r1                                                    0.200ms ",
        " 1:  r1                                                    0.200ms ",
        " 2:  r1                                                    0.200ms pmtu 1300",
        " 2:  r2                                                    0.400ms ",
        " 3:  b                                                     0.600ms reached",
        "     Resume: pmtu 1300 hops 3 back 3 ",
    ]);
    check("tracepath", "small-mtu", "b", &stdout, "", 0);
    let stdout = lines(&[
        " 1?: [LOCALHOST]                        0.000ms pmtu 1500",
        " 1:  2001:db8:0:1::2                                       0.200ms ",
        " 1:  2001:db8:0:1::2                                       0.200ms ",
        " 2:  2001:db8:0:1::2                                       0.200ms pmtu 1300",
        " 2:  2001:db8:0:2::2                                       0.400ms ",
        " 3:  2001:db8:0:3::2                                       0.600ms reached",
        "     Resume: pmtu 1300 hops 3 back 3 ",
    ]);
    check("tracepath", "small-mtu", "-6 -n b", &stdout, "", 0);
    let stdout = lines(&[
        " 1:  r1 (192.0.2.2)                                        0.200ms ",
        " 2:  r2 (192.0.2.6)                                        0.400ms ",
        " 3:  b (192.0.2.10)                                        0.600ms reached",
        "     Resume: pmtu 1000 hops 3 back 3 ",
    ]);
    check("tracepath", "small-mtu", "-b -l 1000 b", &stdout, "", 0);
    let stdout = lines(&[
        " 1?: [LOCALHOST]                      pmtu 1500",
        " 1:  r1                                                    2.000ms ",
        " 1:  r1                                                    2.000ms ",
        " 2:  r2                                                    6.000ms ",
        " 3:  r3                                                   36.000ms asymm  4 ",
        " 4:  b                                                    38.000ms reached",
        "     Resume: pmtu 1500 hops 4 back 5 ",
    ]);
    check("tracepath", "asymmetric", "b", &stdout, "", 0);
    let stdout = lines(&[
        " 1?: [LOCALHOST]                      pmtu 9000",
        " 1:  192.0.2.2                                             0.200ms ",
        " 1:  192.0.2.2                                             0.200ms ",
        " 2:  192.0.2.6                                             0.400ms ",
        " 3:  192.0.2.6                                             0.400ms pmtu 1500",
        " 3:  192.0.2.10                                            0.600ms ",
        " 4:  no reply",
        " 5:  no reply",
        "     Too many hops: pmtu 1500",
        "     Resume: pmtu 1500 ",
    ]);
    check("tracepath", "black-hole-mtu", "-n -m 5 b", &stdout, "", 0);
    let stdout = lines(&[
        " 1?: [LOCALHOST]                      pmtu 1500",
        " 1:  r1                                                    2.000ms ",
        " 1:  r1                                                    2.000ms ",
        " 2:  no reply",
        " 3:  no reply",
        "     Too many hops: pmtu 1500",
        "     Resume: pmtu 1500 ",
    ]);
    check("tracepath", "silent", "-m 3 b", &stdout, "", 0);
    let stderr = lines(&["tracepath: nobody: no node of that name"]);
    check("tracepath", "small-mtu", "nobody", "", &stderr, 1);
}

#[test]
fn every_refusal_has_its_letters() {
    for (family, host, traceroute, tracepath) in [
        ("-4", "network", " !N", "!N"),
        ("-4", "host", " !H", "!H"),
        ("-4", "protocol", " !P", "NET ERROR: Protocol not available"),
        ("-4", "port", "", "reached"),
        ("-4", "source-route", " !S", "NET ERROR: Operation not supported"),
        ("-4", "network-unknown", " !N", "!N"),
        ("-4", "host-unknown", " !H", "NET ERROR: Host is down"),
        ("-4", "isolated", " !N", "NET ERROR: Machine is not on the network"),
        ("-4", "network-prohibited", " !X", "!N"),
        ("-4", "host-prohibited", " !X", "!H"),
        ("-4", "network-for-service", " !N", "!N"),
        ("-4", "host-for-service", " !H", "!H"),
        ("-4", "admin", " !X", "!H"),
        ("-4", "precedence", " !V", "!H"),
        ("-4", "precedence-cutoff", " !C", "!H"),
        ("-4", "scope", " !X", "!N"),
        ("-4", "source-policy", " !X", "!H"),
        ("-4", "reject-route", " !N", "!N"),
        ("-6", "network", " !N", "!N"),
        ("-6", "host", " !H", "!H"),
        ("-6", "protocol", " !<4-1>", "!P"),
        ("-6", "port", "", "reached"),
        ("-6", "source-route", " !<7>", "!H"),
        ("-6", "network-unknown", " !N", "!N"),
        ("-6", "host-unknown", " !H", "!H"),
        ("-6", "isolated", " !N", "!N"),
        ("-6", "network-prohibited", " !X", "!A"),
        ("-6", "host-prohibited", " !X", "!A"),
        ("-6", "network-for-service", " !N", "!N"),
        ("-6", "host-for-service", " !H", "!H"),
        ("-6", "admin", " !X", "!A"),
        ("-6", "precedence", " !X", "!A"),
        ("-6", "precedence-cutoff", " !X", "!A"),
        ("-6", "scope", " !H", "!H"),
        ("-6", "source-policy", " !<5>", "!A"),
        ("-6", "reject-route", " !<6>", "!A"),
    ] {
        let (stdout, stderr, code) =
            run("traceroute", "prohibited-codes", &[family, "-n", "-q", "1", host]);
        let last = stdout.lines().last().and_then(|line| line.split_once(" ms"));
        assert_eq!(
            (last.map(|(_, end)| end), code),
            (Some(traceroute), Some(0)),
            "{host}: {stderr}"
        );
        let (stdout, stderr, code) = run("tracepath", "prohibited-codes", &[family, "-n", host]);
        let last = stdout.lines().rev().find_map(|line| line.split_once("ms "));
        let said = stderr.trim_end().trim_start_matches("tracepath: ");
        let end = last.map(|(_, end)| format!("{end}{said}"));
        assert_eq!((end.as_deref(), code), (Some(tracepath), Some(0)), "{host}: {stdout}");
    }
}
