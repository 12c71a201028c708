//! Pictures: ladders of text as written down, and SVG that is well formed. `ASKWAY_BLESS=1` writes
//! what is seen into the files.

use crate::captures::{ASKWAY, run, stdout};
use std::path::Path;

/// File, and the arguments that make it.
const LADDERS: &[(&str, &[&str])] = &[
    ("tcp", &["-r", "tcp-v4.pcap"]),
    ("tcp-ascii", &["-r", "tcp-v6.pcap", "--ascii"]),
    ("retransmission", &["-r", "retransmission.pcap"]),
    ("reset", &["-r", "reset.pcap", "--flow", "2"]),
    ("third-party", &["-r", "icmp.pcap", "--flow", "3"]),
    ("port-unreachable", &["-r", "udp.pcap", "about port 7779 and ip"]),
    ("chinese", &["-r", "retransmission.pcap", "--lang", "zh", "-c", "32"]),
];

#[test]
fn ladders_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dump/ladders");
    let writes = std::env::var_os("ASKWAY_BLESS").is_some();
    let mut wrong = Vec::new();
    for (name, arguments) in LADDERS {
        let ran = run(ASKWAY, &[&["dump", "--sequence"], *arguments].concat());
        assert_eq!(ran.status.code(), Some(0), "{name}");
        let (file, drawn) = (folder.join(format!("{name}.txt")), stdout(&ran));
        if writes {
            std::fs::write(&file, &drawn).expect("it can be written");
        } else if std::fs::read_to_string(&file).unwrap_or_default() != drawn {
            wrong.push(format!("{name}\n{drawn}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pictures_are_well_formed() {
    for (name, arguments) in LADDERS {
        let forms =
            [&["--sequence=svg"][..], &["--plot", "time-sequence"], &["--plot", "in-flight"]];
        for form in forms {
            let arguments = [&["dump"], form, &arguments[..2]].concat();
            let arguments: Vec<&str> =
                arguments.into_iter().filter(|it| *it != "--ascii").collect();
            let ran = run(ASKWAY, &arguments);
            let is_plot = form[0] == "--plot";
            if is_plot && ran.status.code() == Some(1) {
                assert_eq!(stdout(&ran), "", "{name}: nothing to plot");
                continue;
            }
            assert_eq!(ran.status.code(), Some(0), "{name} {form:?}");
            check(&stdout(&ran));
        }
    }
}

/// Every element that opens is closed, and no number is none.
fn check(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.split(' ').next().expect("it has a name");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty() && svg.starts_with("<svg "), "{open:?}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn what_cannot_be_drawn_is_said() {
    for (arguments, message) in [
        (&["--sequence", "-r", "icmp.pcap", "--flow", "99"][..], "there are 7 conversations only"),
        (&["--sequence", "-r", "icmp.pcap", "tcp"], "there is no conversation among these packets"),
        (&["--plot", "in-flight", "-r", "icmp.pcap"], "there is no TCP connection with data"),
    ] {
        let ran = run(ASKWAY, &[&["dump"], arguments].concat());
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains(message), "{said}");
    }
}
