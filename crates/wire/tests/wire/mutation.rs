//! Goldens with bits flipped, cut off and stretched, and chance bytes: what must hold for any
//! bytes.

use crate::checks;
use crate::golden;
use crate::seeded::Dice;
use std::fs;
use std::path::Path;

#[test]
fn spoiled_goldens_break_nothing() {
    let mut dice = Dice::thrown();
    for golden in golden::all() {
        for _ in 0..400 {
            let spoiled = dice.spoil(&golden.bytes);
            checks::of("reply")(&spoiled);
            let (_, quote) = spoiled.split_at(spoiled.len().min(39));
            checks::of("quoted")(quote);
            checks::of("options")(quote);
        }
    }
}

#[test]
fn spoiled_captures_and_filters_break_nothing() {
    let mut dice = Dice::thrown();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for target in ["pcapng", "dump", "filter"] {
        for entry in fs::read_dir(corpus.join(target)).expect("every target has a corpus") {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            for _ in 0..60 {
                checks::of(target)(&dice.spoil(&bytes));
            }
        }
    }
}

#[test]
fn every_prefix_of_every_golden_is_taken() {
    for golden in golden::all() {
        for length in 0..golden.bytes.len() {
            checks::of("reply")(&golden.bytes[..length]);
        }
    }
}

#[test]
fn chance_bytes_break_nothing() {
    let mut dice = Dice::thrown();
    for _ in 0..20_000 {
        let bytes = dice.bytes(80);
        for (_, check) in checks::ALL {
            check(&bytes);
        }
    }
}
