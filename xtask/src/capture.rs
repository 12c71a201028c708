//! Captures golden packets from this machine's kernel, between namespaces joined by veth.
//!
//! A scene provokes packets and names those that it wants; it is played again until all are there.
//! Each becomes `crates/wire/tests/golden/NAME.hex`, and `NAME.txt` says what our own code reads in
//! it, to be checked by eye. Checksums are the kernel's own: offloads are off.

mod play;
mod scenes;
mod seeds;

use scenes::{Net, Pick, SCENES, Scene};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const GOLDEN: &str = "crates/wire/tests/golden";
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(5);

/// Captures the goldens whose names contain one of the arguments; all without arguments. `text`
/// only writes the texts of those that are there, `seeds` the fuzz corpora that are made from them.
///
/// # Errors
/// If a wanted packet does not appear, or a file cannot be written.
pub fn run(arguments: &[&str]) -> Result<(), String> {
    match arguments {
        ["play", part @ ..] => return play::run(part),
        ["text"] => return goldens()?.iter().try_for_each(|(name, bytes)| describe(name, bytes)),
        ["seeds"] => return seeds::write(&goldens()?),
        _ => {}
    }
    let is_asked = |name: &str| arguments.is_empty() || arguments.iter().any(|a| name.contains(a));
    let asked: Vec<&Scene> =
        SCENES.iter().filter(|scene| scene.wanted.iter().any(|(name, _)| is_asked(name))).collect();
    if asked.is_empty() {
        return Err(format!("no golden is named like {}", arguments.join(", ")));
    }
    let net = Net::new();
    for scene in asked {
        for (name, packet) in shoot(&net, scene)? {
            if is_asked(name) {
                store(name, &packet)?;
            }
        }
    }
    Ok(())
}

/// Plays a scene until every packet that it wants is there.
fn shoot(net: &Net, scene: &Scene) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    let (mut missing, mut frames) = (Vec::new(), Vec::new());
    for _ in 0..TRIES {
        frames = record(net, scene)?;
        let find = |pick: &Pick| frames.iter().find(|frame| pick.fits(frame)).cloned();
        let found: Vec<_> = scene.wanted.iter().map(|(name, pick)| (*name, find(pick))).collect();
        missing = found.iter().filter(|(_, p)| p.is_none()).map(|(name, _)| *name).collect();
        if missing.is_empty() {
            return Ok(found.into_iter().filter_map(|(name, p)| Some((name, p?))).collect());
        }
    }
    let seen: Vec<String> = frames.iter().map(|frame| wire::text::describe(frame)).collect();
    Err(format!("no {} after {TRIES} tries, only\n{}", missing.join(", "), seen.join("\n")))
}

/// Plays a scene once and returns what passed.
fn record(net: &Net, scene: &Scene) -> Result<Vec<Vec<u8>>, String> {
    let node = (scene.at)(net);
    let file = net.scratch().join("capture.pcap");
    let _ = fs::remove_file(&file);
    let shown = file.display().to_string();
    let mut dump = node
        .launch("tcpdump")
        .args(&["-i", "eth0", "-n", "-U", "--immediate-mode", "-s", "0", "-w", &shown])
        .limit(PATIENCE * 3)
        .start();
    dump.wait_for_stderr("listening on");
    (scene.act)(net);
    let deadline = Instant::now() + PATIENCE;
    let frames = loop {
        let frames = packets(&fs::read(&file).unwrap_or_default());
        let all = scene.wanted.iter().all(|(_, pick)| frames.iter().any(|f| pick.fits(f)));
        if all || Instant::now() > deadline {
            break frames;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    dump.signal("TERM");
    dump.finish();
    Ok(frames)
}

/// The ARP and IP packets of a capture file (pcap, little-endian, Ethernet), link padding cut off.
fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some(&[a, b, c, d]) = rest.get(8..12) {
        let bytes = u32::from_le_bytes([a, b, c, d]) as usize;
        let Some(frame) = rest.get(16..16 + bytes) else { break };
        rest = &rest[16 + bytes..];
        let Some((link, packet)) = frame.split_at_checked(14) else { continue };
        let length = match link[12..] {
            [0x08, 0x06] => 28,
            [0x08, 0x00] | [0x86, 0xdd] => match wire::ip::Datagram::parse(packet) {
                Ok(datagram) => datagram.total_bytes,
                Err(_) => continue,
            },
            _ => continue,
        };
        packets.extend(packet.get(..length).map(<[u8]>::to_vec));
    }
    packets
}

fn store(name: &str, packet: &[u8]) -> Result<(), String> {
    let mut hex = format!("# {}\n", kernel());
    for line in packet.chunks(16) {
        let words: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(hex, "{}", words.join(" ")).map_err(|e| e.to_string())?;
    }
    write(&Path::new(GOLDEN).join(format!("{name}.hex")), hex.as_bytes())?;
    describe(name, packet)
}

/// Writes what our own code reads in a golden.
fn describe(name: &str, packet: &[u8]) -> Result<(), String> {
    let text = match name.starts_with("arp") {
        true => wire::text::describe_arp(packet),
        false => wire::text::describe(packet),
    };
    println!("{name}: {text}");
    write(&Path::new(GOLDEN).join(format!("{name}.txt")), format!("{text}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Names and bytes of the goldens that are there.
fn goldens() -> Result<Vec<(String, Vec<u8>)>, String> {
    let entries = fs::read_dir(GOLDEN).map_err(|e| format!("cannot read {GOLDEN}: {e}"))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "hex"));
    paths.sort();
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let bytes: Result<Vec<u8>, _> = lines
            .flat_map(str::split_whitespace)
            .map(|word| u8::from_str_radix(word, 16))
            .collect();
        Ok((name.clone(), bytes.map_err(|e| format!("{name}: {e}"))?))
    };
    paths.into_iter().map(read).collect()
}

/// Who made the packets.
fn kernel() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let version: Vec<&str> = release.trim().split(['.', '-']).take(2).collect();
    format!("captured from Linux {}", version.join("."))
}
