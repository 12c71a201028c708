//! Fuzz corpora from goldens: what each target begins with.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use wire::icmp::Message;
use wire::ip::{Datagram, protocol};

const CORPUS: &str = "fuzz/corpus";

/// Writes one seed a golden and target that it suits; those that are the same only once.
///
/// # Errors
/// If a file cannot be written.
pub fn write(goldens: &[(String, Vec<u8>)]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for (name, bytes) in goldens {
        for (target, seed) in seeds(bytes) {
            if !seen.insert((target, seed.clone())) {
                continue;
            }
            let directory = Path::new(CORPUS).join(target);
            fs::create_dir_all(&directory).map_err(|e| e.to_string())?;
            super::write(&directory.join(name), &seed)?;
        }
    }
    Ok(())
}

/// Targets and what a golden gives them.
fn seeds(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = vec![("reply", bytes.to_vec())];
    let Ok(datagram) = Datagram::parse(bytes) else { return seeds };
    let mut add = |target, which: &[u8], bytes: &[u8]| {
        if !bytes.is_empty() {
            seeds.push((target, [which, bytes].concat()));
        }
    };
    add("options", &[0], datagram.options);
    add("options", &[1, datagram.next_header], datagram.extensions);
    let payload = datagram.payload;
    match datagram.protocol {
        protocol::TCP => {
            if let Ok(segment) = wire::tcp::Segment::parse(payload) {
                add("options", &[2], segment.options);
            }
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let is_six = u8::from(datagram.source.is_ipv6());
            match Message::parse(datagram.family(), payload) {
                Ok(Message::Error(_) | Message::ExtendedEchoRequest(_)) => {
                    add("quoted", &[is_six], payload);
                }
                Ok(Message::NeighbourSolicitation(found)) => add("options", &[3], found.options),
                Ok(Message::NeighbourAdvertisement(found)) => add("options", &[3], found.options),
                Ok(Message::RouterSolicitation { options }) => add("options", &[3], options),
                Ok(Message::RouterAdvertisement(_)) => {
                    add("options", &[3], payload.get(16..).unwrap_or_default());
                }
                Ok(Message::ListenerReports(reports)) => add("options", &[4], reports.bytes),
                _ => {}
            }
        }
        _ => {}
    }
    seeds
}
