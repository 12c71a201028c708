//! Packets captured from kernels, as tcpdump shows them: its lines are recognised, and its dumps in
//! every form are read as the packets that they are.

use super::explain;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use wire::ip::Datagram;
use wire::{Family, icmp};

/// A captured packet.
struct Golden {
    name: String,
    bytes: Vec<u8>,
}

/// Every IP packet that wire's tests keep.
fn goldens() -> Vec<Golden> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/golden");
    let entries = fs::read_dir(directory).expect("the goldens are there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "hex"));
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let words = lines.flat_map(str::split_whitespace);
        let byte = |word| u8::from_str_radix(word, 16).expect("hex");
        Golden { bytes: words.map(byte).collect(), name }
    };
    let goldens = paths.into_iter().map(read).filter(|golden| !golden.name.starts_with("arp"));
    let goldens: Vec<Golden> = goldens.collect();
    assert!(goldens.len() > 70, "only {} goldens", goldens.len());
    goldens
}

/// Family, type and code of the message that a packet carries whole.
fn message(bytes: &[u8]) -> Option<(&'static str, u64, u64)> {
    let datagram = Datagram::parse(bytes).expect("a golden parses");
    let family = datagram.family();
    let is_icmp = datagram.protocol == icmp::protocol(family) && datagram.fragment.is_none();
    let name = if family == Family::V4 { "IPv4" } else { "IPv6" };
    match datagram.payload {
        [kind, code, ..] if is_icmp => Some((name, u64::from(*kind), u64::from(*code))),
        _ => None,
    }
}

/// A capture file (pcap, LINKTYPE_RAW) of packets, read by tcpdump with those words.
fn tcpdump(packets: &[&[u8]], words: &[&str]) -> String {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for packet in packets {
        let length = u32::try_from(packet.len()).expect("a packet");
        for word in [0, 0, length, length] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(packet);
    }
    let mut child = Command::new("tcpdump")
        .args(["-n", "-t", "-r", "-"])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("tcpdump is installed");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(&file).expect("tcpdump reads"));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("all is written");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn of_type<'a>(objects: &'a [Value], wanted: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["type"] == wanted).collect()
}

/// How many packets go into one run: their dumps must not exceed what the program reads.
const BATCH: usize = 8;

/// Whether tcpdump's words tell the code of that type.
fn is_told(kind: u64) -> bool {
    !matches!(kind, 42 | 43 | 139 | 140 | 160 | 161)
}

#[test]
fn every_line_of_tcpdump_is_recognised() {
    assert!(testbed::is_installed("tcpdump"), "tcpdump is not installed");
    let mut goldens = goldens();
    goldens.retain(|golden| message(&golden.bytes).is_some());
    assert!(goldens.len() > 50, "only {} messages", goldens.len());
    for batch in goldens.chunks(BATCH) {
        let packets: Vec<&[u8]> = batch.iter().map(|golden| golden.bytes.as_slice()).collect();
        let said = tcpdump(&packets, &[]);
        let (objects, _) = explain(&said);
        let lines = of_type(&objects, "line");
        assert_eq!(lines.len(), batch.len(), "{said}");
        for (golden, line) in batch.iter().zip(lines) {
            let (family, kind, code) = message(&golden.bytes).expect("only those are left");
            let found = &line["messages"][0];
            assert_eq!(found["family"], family, "{}: {line}", golden.name);
            assert_eq!(found["icmp_type"], kind, "{}: {line}", golden.name);
            if is_told(kind) {
                assert_eq!(found["icmp_code"], code, "{}: {line}", golden.name);
            }
        }
    }
}

#[test]
fn every_dump_of_tcpdump_is_the_packet() {
    let mut goldens = goldens();
    // Of a type that tcpdump does not know it shows a dump of its own, of the message alone.
    goldens.retain(|golden| !matches!(message(&golden.bytes), Some(("IPv6", 160 | 161, _))));
    for words in ["-x", "-X", "-xx", "-XX"] {
        for batch in goldens.chunks(BATCH) {
            let packets: Vec<&[u8]> = batch.iter().map(|golden| golden.bytes.as_slice()).collect();
            let (objects, code) = explain(&tcpdump(&packets, &[words]));
            assert_eq!(code, Some(0), "{words}: {:?}", of_type(&objects, "flaw"));
            for (golden, number) in batch.iter().zip(1_u64..) {
                let fields = of_type(&objects, "field");
                let own = fields.into_iter().filter(|field| field["packet"] == number);
                covers(golden, own);
            }
        }
    }
}

/// Every byte of the packet belongs to a field.
fn covers<'a>(golden: &Golden, fields: impl Iterator<Item = &'a Value>) {
    let mut seen = vec![false; golden.bytes.len()];
    for field in fields {
        let number = |name: &str| field[name].as_u64().expect("a number") as usize;
        let (offset, bytes) = (number("offset"), number("bytes"));
        seen[offset..offset + bytes].fill(true);
    }
    assert_eq!(seen.iter().position(|seen| !seen), None, "{}", golden.name);
}

#[test]
fn every_packet_is_explained_by_its_message() {
    for golden in goldens() {
        let digits: String = golden.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (objects, code) = explain(&digits);
        let flaws = of_type(&objects, "flaw");
        assert_eq!(code, Some(0), "{}: {flaws:?}", golden.name);
        let Some((family, kind, number)) = message(&golden.bytes) else { continue };
        let pages = of_type(&objects, "message");
        let [page] = pages.as_slice() else { panic!("{}: {objects:?}", golden.name) };
        let wanted = (family.into(), kind.into());
        assert_eq!((page["family"].clone(), page["icmp_type"].clone()), wanted, "{}", golden.name);
        if !page["icmp_code"].is_null() {
            assert_eq!(page["icmp_code"], number, "{}", golden.name);
        }
    }
}

#[test]
fn a_packet_cut_anywhere_is_explained_as_far_as_it_goes() {
    for golden in goldens().into_iter().step_by(7) {
        for end in (8..golden.bytes.len()).step_by(13) {
            let digits: String =
                golden.bytes[..end].iter().map(|byte| format!("{byte:02x}")).collect();
            let (objects, code) = explain(&digits);
            assert_eq!(code, Some(1), "{} {end}: {objects:?}", golden.name);
            assert!(!of_type(&objects, "flaw").is_empty(), "{} {end}", golden.name);
        }
    }
}
