//! The committed corpus of the fuzz targets, replayed: what once broke something stays mended.

use crate::checks;
use std::fs;
use std::path::Path;

#[test]
fn the_corpus_breaks_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, check) in checks::ALL {
        let entries = fs::read_dir(corpus.join(target)).expect("every target has a corpus");
        let mut count = 0;
        for entry in entries {
            check(&fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 10, "{target} has only {count}");
    }
}
