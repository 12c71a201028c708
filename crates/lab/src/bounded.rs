//! Maps that strangers fill: they hold so much and no more.

use std::collections::BTreeMap;

/// Whether a key may be put into a map of at most so many: it is there already, or there is room
/// once those are forgotten that `counts` says are over.
pub(crate) fn has_room<K: Ord, V>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    most: usize,
    counts: impl Fn(&V) -> bool,
) -> bool {
    if map.len() < most || map.contains_key(key) {
        return true;
    }
    map.retain(|_, value| counts(value));
    map.len() < most
}
