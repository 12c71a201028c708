//! What the fuzzers found worth keeping.

use std::path::Path;

/// Feeds a fuzz target's corpus to its check; how many inputs there are.
///
/// # Panics
/// If there is no such corpus, or the check does.
pub fn replay(target: &str, mut check: impl FnMut(&[u8])) -> usize {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(corpus).expect("the target has a corpus");
    let inputs = entries.map(|entry| std::fs::read(entry.expect("an entry").path()));
    inputs.map(|input| check(&input.expect("a file"))).count()
}
