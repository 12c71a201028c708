//! What holds for everything that may be pasted. For tests and the fuzzer.

use super::dissect::{Dissection, dissect};
use super::{dump, errno, line};
use wire::Family;

/// Reads bytes as text, as a dump and as a packet: every field lies within the packet and nothing
/// that is shown could write on a terminal.
pub fn of(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for family in [None, Some(Family::V4), Some(Family::V6)] {
        for packet in dump::read(&text) {
            assert!(packet.bytes.len() <= dump::MOST_BYTES);
            holds(&packet.bytes, &dissect(&packet.bytes, family, packet.fault.is_none()));
        }
        holds(bytes, &dissect(bytes, family, true));
    }
    for text in text.lines() {
        let _ = errno::in_text(text);
        if let Some(reading) = line::read(text) {
            let bounded = reading.facts.iter().all(|(.., value)| value.len() <= text.len());
            assert!(bounded && reading.messages.len() <= 64, "{reading:?}");
        }
    }
}

fn holds(bytes: &[u8], dissection: &Dissection) {
    for field in dissection.sections.iter().flat_map(|section| &section.fields) {
        let end = field.offset.checked_add(field.bytes).expect("it fits");
        assert!(end <= bytes.len(), "{field:?} of {}", bytes.len());
        let said = field.says.iter().flat_map(|both| [&both.en, &both.zh]);
        let shown = said.chain([&field.value]);
        assert!(shown.flat_map(|text| text.chars()).all(|c| !c.is_control()), "{field:?}");
    }
    for flaw in &dissection.flaws {
        assert!(flaw.offset <= bytes.len(), "{flaw:?} of {}", bytes.len());
    }
}
