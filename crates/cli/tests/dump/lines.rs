//! Our lines against tcpdump's, packet by packet; files that are cut, piped or written again.

use crate::captures::{ASKWAY, all, folder, run, run_with, stdout};
use testbed::require;

/// Parts of lines of what tcpdump decodes and we do not (`docs/dump.md` lists it): applications,
/// node information, and segment routing.
const DIFFERENT: [&str; 4] = [" domain [", ": HTTP", "who-are-you", "RT6 ("];

/// Packets as groups of lines: the first, and those that are indented below it.
fn packets(text: &str) -> Vec<String> {
    let mut packets: Vec<String> = Vec::new();
    for line in text.lines() {
        // What comes of extensions is more than tcpdump says; its lines are indented deeper.
        match packets.last_mut() {
            Some(last) if line.starts_with(['\t', ' ']) && !line.starts_with(" 0") => {
                *last += "\n";
                *last += line;
            }
            _ => packets.push(line.to_owned()),
        }
    }
    packets
}

/// A packet without what is more, or less, than tcpdump says of it at a degree of detail.
fn common(packet: &str, options: &str) -> String {
    let is_detailed = options.contains("-v");
    let mut lines: Vec<&str> = packet.lines().collect();
    // Labels behind the first, and interfaces: tcpdump shows bytes.
    if let Some(at) = lines.iter().position(|line| line.contains("Multi-Part extension")) {
        lines.truncate(at + 1);
    }
    // With more detail tcpdump shows the bytes of neighbour discovery options as well.
    if options.contains("-vv") {
        lines.retain(|line| !line.starts_with("\t    0x"));
    }
    assert!(is_detailed || lines.len() == 1 || lines[1].contains("0x0000:"), "{packet}");
    lines.join("\n")
}

#[test]
fn lines_are_those_of_tcpdump() {
    require(&["tcpdump"]);
    let mut compared = 0;
    for capture in all() {
        for options in ["", "-v", "-vv", "-S", "-e", "-e -v", "-ttt", "-tttt", "-t -S", "-tt -v"] {
            let mut ours = vec!["dump", "--no-quotes", "-n", "-r", &capture];
            let mut theirs = vec!["-n", "-r", &capture];
            ours.extend(options.split_whitespace());
            theirs.extend(options.split_whitespace());
            let (ours, theirs) = (run(ASKWAY, &ours), run("tcpdump", &theirs));
            assert_eq!(ours.status.code(), Some(0), "{capture}");
            let (ours, theirs) = (packets(&stdout(&ours)), packets(&stdout(&theirs)));
            assert_eq!(ours.len(), theirs.len(), "{capture} {options}");
            for (ours, theirs) in ours.iter().zip(&theirs) {
                let is_excused = DIFFERENT.iter().any(|part| theirs.contains(part));
                // tcpdump asks the system that reads for the names of another's interfaces.
                let names = capture == "any.pcap";
                if is_excused || names {
                    continue;
                }
                let (ours, theirs) = (common(ours, options), common(theirs, options));
                assert_eq!(ours, theirs, "{capture} {options}");
                compared += 1;
            }
        }
    }
    assert!(compared > 2_000, "{compared}");
}

#[test]
fn interfaces_of_a_mixed_capture_are_named_as_far_as_the_file_does() {
    let shown = stdout(&run(ASKWAY, &["dump", "-t", "-r", "any.pcap"]));
    let first = "ifindex 2 Out IP 192.0.2.1 > 192.0.2.130: ICMP echo request, id 24156, seq 1, \
                 length 64";
    assert_eq!(shown.lines().next(), Some(first));
}

#[test]
fn bytes_are_shown_as_tcpdump_shows_them() {
    require(&["tcpdump"]);
    for options in ["-x", "-xx", "-X", "-XX"] {
        for capture in ["icmp.pcap", "udp.pcap", "too-big.pcap"] {
            let ours = run(ASKWAY, &["dump", "--no-quotes", options, "-r", capture]);
            let theirs = run("tcpdump", &["-n", options, "-r", capture]);
            assert_eq!(stdout(&ours), stdout(&theirs), "{capture} {options}");
        }
    }
}

#[test]
fn errors_say_what_they_quote_and_what_extends_them() {
    let shown = stdout(&run(ASKWAY, &["dump", "-t", "-r", "udp.pcap", "icmp or icmp6"]));
    let expected = "\
IP 192.0.2.130 > 192.0.2.1: ICMP 192.0.2.130 udp port 7779 unreachable, length 196
\tIP 192.0.2.1.37000 > 192.0.2.130.7779: UDP, length 160
IP6 2001:db8:b::2 > 2001:db8:a::1: ICMP6, destination unreachable, unreachable port, \
2001:db8:b::2 udp port 7779, length 216
\tIP6 2001:db8:a::1.37604 > 2001:db8:b::2.7779: UDP, length 160
";
    assert_eq!(shown, expected);
    let shown = stdout(&run(ASKWAY, &["dump", "-t", "-r", "goldens.pcap", "icmp[0] = 11"]));
    assert!(
        shown.contains("\n\t    incoming interface, ifindex 531, 203.0.113.1, name ge-0/0/1.0")
    );
    assert!(
        shown.contains("\n\t    label 16004, tc 0, ttl 1\n\t    label 299776, tc 5, [S], ttl 1")
    );
}

#[test]
fn what_is_written_is_read_by_tcpdump_and_by_us() {
    require(&["tcpdump"]);
    let scratch = std::env::temp_dir().join(format!("askway-dump-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder");
    for capture in all() {
        for name in ["again.pcapng", "again.pcap"] {
            let path = scratch.join(name);
            let path = path.to_str().expect("UTF-8");
            let wrote = run(ASKWAY, &["dump", "-r", &capture, "-w", path]);
            assert_eq!((wrote.status.code(), stdout(&wrote)), (Some(0), String::new()));
            let theirs = stdout(&run("tcpdump", &["-n", "-tt", "-r", path]));
            assert_eq!(theirs, stdout(&run("tcpdump", &["-n", "-tt", "-r", &capture])));
            let ours = stdout(&run(ASKWAY, &["dump", "-r", path]));
            assert_eq!(ours, stdout(&run(ASKWAY, &["dump", "-r", &capture])));
        }
    }
    std::fs::remove_dir_all(scratch).expect("it is ours");
}

#[test]
fn a_file_may_come_by_standard_input_and_end_too_early() {
    let file = std::fs::read(folder().join("icmp.pcap")).expect("a capture");
    let whole = run(ASKWAY, &["dump", "-r", "icmp.pcap"]);
    let piped = run_with(ASKWAY, &["dump", "-r", "-"], &file);
    assert_eq!((piped.status.code(), stdout(&piped)), (Some(0), stdout(&whole)));
    let cut = run_with(ASKWAY, &["dump", "-r", "-"], &file[..file.len() - 5]);
    let before: Vec<String> = stdout(&whole).lines().map(str::to_owned).collect();
    let shown = stdout(&cut);
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(shown, before[..before.len() - 1], "all that was whole");
    assert_eq!(cut.status.code(), Some(5));
    let said = String::from_utf8_lossy(&cut.stderr).into_owned();
    assert!(said.starts_with("askway: standard input: byte "), "{said}");
    assert!(said.contains("the file is cut: "), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_written() {
    let scratch =
        std::env::temp_dir().join(format!("askway-refused-{}.pcapng", std::process::id()));
    let path = scratch.to_str().expect("UTF-8");
    for (arguments, message) in [
        (
            &["-r", "icmp.pcap", "-w", path, "frobnicate"][..],
            "frobnicate is no address and no known",
        ),
        (&["-r", "icmp.pcap", "-w", path, "host", "and"], "and is no address and no known name"),
        (&["-r", "icmp.pcap", "-w", path, "(", "icmp"], "a parenthesis is not closed"),
        (&["-r", "icmp.pcap", "-w", path, "net", "192.0.2.1/24"], "has bits outside its network"),
        (
            &["-r", "icmp.pcap", "-w", path, "icmp", "port", "7"],
            "only TCP, UDP and SCTP have ports",
        ),
        (&["-r", "icmp.pcap", "-w", path, "--sequence"], "packets are either written or drawn"),
        (&["-r", "nothing.pcap", "-w", path], "cannot read nothing.pcap"),
        (&["-c", "0", "-r", "icmp.pcap"], "nothing is left at 0"),
        (&["--lab", "x.toml"], "dump takes no --lab"),
    ] {
        let ran = run(ASKWAY, &[&["dump"], arguments].concat());
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("askway: ") && said.contains(message), "{arguments:?}: {said}");
        assert!(!scratch.exists(), "{arguments:?}");
    }
}
