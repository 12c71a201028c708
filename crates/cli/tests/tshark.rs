//! What scenarios put on links, read by another program: every capture is whole, nothing in it is
//! malformed and no checksum is wrong, unless a link flips bits there or a node is made to lie.

use lab::World;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use testbed::Bed;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};
use wire::Family;
use wire::pcapng::Reader;

/// What is told of a packet, a column each.
const FIELDS: [&str; 9] = [
    "_ws.malformed",
    "ip.checksum.status",
    "udp.checksum.status",
    "tcp.checksum.status",
    "icmp.checksum.status",
    "icmpv6.checksum.status",
    "ip.src",
    "ipv6.src",
    "frame.comment",
];

/// Words in a node's table that have it send what is wrong.
const LIES: [&str; 7] =
    ["lies", "mangles", "checksum", "bytes", "swaps_id", "\"short\"", "\"untouched\""];

/// How many commands of a scenario run: the further ones show the same in other words.
const COMMANDS: usize = 2;

/// A capture of one command.
struct Capture {
    name: String,
    /// The nodes that are made to lie.
    liars: BTreeSet<String>,
    world: World,
    bytes: Vec<u8>,
    packets: usize,
}

#[test]
fn another_program_finds_nothing_wrong() {
    let Some(bed) = Bed::open(&["tshark"]) else { return };
    let captures = captures(bed.scratch());
    // Captures one behind the other are one.
    let all = bed.scratch().join("all.pcapng");
    let bytes: Vec<&[u8]> = captures.iter().map(|capture| capture.bytes.as_slice()).collect();
    fs::write(&all, bytes.concat()).expect("there is room");
    let rows = read(&all);
    let packets: usize = captures.iter().map(|capture| capture.packets).sum();
    assert_eq!(rows.len(), packets);
    assert!(packets > 10_000, "only {packets} packets");
    let owners = captures.iter().flat_map(|it| std::iter::repeat_n(it, it.packets));
    let (mut faults, mut excused, mut good) = (String::new(), 0, 0);
    for (row, capture) in rows.iter().zip(owners) {
        match (is_wrong(row), capture.excuses(row)) {
            (true, false) => faults += &format!("{}: {}\n", capture.name, row.join(" | ")),
            (true, true) => excused += 1,
            (false, _) => good += row[1..6].iter().filter(|status| status.starts_with('1')).count(),
        }
    }
    assert!(faults.is_empty(), "{faults}");
    // It does look: lies and flipped bits are seen, and sums are found to be right.
    assert!(excused > 5 && good > packets, "{excused} excused, {good} good sums");
}

/// Whether a packet is malformed, or one of its own checksums is wrong. Those of a quote come
/// after, or are those of UDP and TCP where there is one of ICMP too.
fn is_wrong(row: &[String]) -> bool {
    let is_bad = |status: &String| status.split(',').next() == Some("0");
    let is_icmp = row[4..6].iter().any(|status| !status.is_empty());
    let carried = if is_icmp { &row[4..6] } else { &row[2..4] };
    !row[0].is_empty() || is_bad(&row[1]) || carried.iter().any(is_bad)
}

impl Capture {
    /// Whether a link flipped a bit of a packet, or who sent it lies.
    fn excuses(&self, row: &[String]) -> bool {
        let story = &row[8];
        let first = |column: &String| column.split(',').next().unwrap_or_default().to_string();
        let source = [&row[6], &row[7]].map(first).concat();
        let owner = source.parse().ok().and_then(|address| self.world.name_of(address));
        let sender = owner.or(story.split_once(" -> ").map(|(sender, _)| sender));
        story.contains("flipped") || sender.is_some_and(|sender| self.liars.contains(sender))
    }
}

/// What tshark says of each packet.
fn read(file: &Path) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-l", "-T", "fields", "-E", "separator=/t"]);
    // Without guesses: by those, some of what goes to ports of traceroute looks like video.
    for guess in guesses() {
        command.args(["--disable-protocol", &guess]);
    }
    for protocol in ["ip", "udp", "tcp"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.arg("-r").arg(file).output().expect("it is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.split('\t').map(str::to_string).collect()).collect()
}

/// Protocols that tshark recognises by their looks among what UDP and TCP carry, but for those that
/// the lab speaks.
fn guesses() -> Vec<String> {
    let listed = Command::new("tshark").args(["-G", "heuristic-decodes"]).output();
    let listed = String::from_utf8(listed.expect("it is installed").stdout).expect("text");
    let rows = listed.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let rows = rows.filter(|row| matches!(row[0], "udp" | "tcp") && row[1] != "tftp");
    let names: Vec<String> = rows.map(|row| row[1].to_string()).collect();
    assert!(names.len() > 20, "{listed}");
    names
}

/// A capture of each scenario's and example's first commands.
fn captures(scratch: &Path) -> Vec<Capture> {
    let folder = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab").join(name);
    let entries = ["scenarios", "examples"].map(|name| fs::read_dir(folder(name)));
    let entries = entries.into_iter().flat_map(|it| it.expect("the scenarios are in the tree"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "toml")).collect();
    paths.sort();
    let (jobs, done) = (Mutex::new(paths), Mutex::new(Vec::new()));
    let work = |worker: usize| {
        while let Some(path) = { jobs.lock().expect("nobody panics").pop() } {
            let some = of_scenario(&path, &scratch.join(format!("{worker}.pcapng")));
            done.lock().expect("nobody panics").extend(some);
        }
    };
    std::thread::scope(|scope| {
        let work = &work;
        (0..2).for_each(|worker| drop(scope.spawn(move || work(worker))));
    });
    done.into_inner().expect("nobody panics")
}

fn of_scenario(path: &Path, file: &Path) -> Vec<Capture> {
    let text = fs::read_to_string(path).expect("readable");
    let origin = path.display().to_string();
    let expectations = lab::expectations(&text, &origin).expect("a scenario");
    let mut captures = Vec::new();
    for (index, expectation) in expectations.iter().take(COMMANDS).enumerate() {
        let words: Vec<&str> = expectation.command.split_whitespace().collect();
        // A dialect has its tool's options; addresses by name are of another test.
        if words[0] == "as" || expectation.command.contains('<') {
            continue;
        }
        // One family each time, in turn.
        let family = expectation.families[index % expectation.families.len()];
        let mut command = Command::new(env!("CARGO_BIN_EXE_askway"));
        command.arg(words[0]).arg("--lab").arg(path);
        command.arg(if family == Family::V4 { "-4" } else { "-6" }).args(&words[1..]);
        command.arg("--capture").arg(file).output().expect("the program was built");
        let bytes = fs::read(file).expect("the capture is there");
        let world = World::load(&text, &origin, None).expect("a scenario");
        let name = format!("{origin}: {}", expectation.command);
        let packets = count(&bytes);
        captures.push(Capture { name, liars: liars(&text), world, bytes, packets });
    }
    captures
}

fn liars(text: &str) -> BTreeSet<String> {
    let table = DeTable::parse(text).expect("a scenario is TOML");
    let nodes = ["host", "router"].into_iter().filter_map(|role| table.get_ref().get(role));
    let nodes = nodes.filter_map(|nodes| nodes.get_ref().as_table()).flat_map(|it| it.iter());
    let lies = nodes.filter(|(_, node)| {
        let settings = node.get_ref().as_table().expect("a node is a table");
        let said = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
            [&text[key.span()], &text[value.span()]].map(|it| LIES.iter().any(|w| it.contains(w)))
        };
        settings.iter().flat_map(said).any(|lies| lies)
    });
    lies.map(|(name, _)| name.get_ref().to_string()).collect()
}

fn count(capture: &[u8]) -> usize {
    let mut reader = Reader::default();
    reader.push(capture);
    let mut packets = 0;
    while reader.read().expect("well-formed").is_some() {
        packets += 1;
    }
    packets
}
