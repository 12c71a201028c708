//! IPv4 options as Linux reads them (ip_options_compile): what it refuses, and where it points
//! then; what it writes when.

use wire::ip::options::kind::{
    END, LOOSE_SOURCE_ROUTE, NO_OPERATION, RECORD_ROUTE, ROUTER_ALERT, STRICT_SOURCE_ROUTE,
    TIMESTAMP,
};

/// One option: where it begins, and its bytes as far as its length says.
struct Found<'a> {
    at: usize,
    bytes: &'a [u8],
}

/// Options one by one; the error is the offset of one whose length cannot be.
fn all(options: &[u8]) -> impl Iterator<Item = Result<Found<'_>, usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while options.get(at) == Some(&NO_OPERATION) {
            at += 1;
        }
        let start = at;
        if *options.get(start)? == END {
            return None;
        }
        let length = options.get(start + 1).map(|length| usize::from(*length));
        let bytes = length.filter(|length| *length >= 2);
        let bytes = bytes.and_then(|length| options.get(start..start + length));
        at = bytes.map_or(options.len(), |bytes| start + bytes.len());
        Some(bytes.map(|bytes| Found { at: start, bytes }).ok_or(start))
    })
}

/// The word of a parameter problem, if one is to be sent about options: its first byte counts from
/// the start of the header (RFC 792).
pub(crate) fn fault(options: &[u8]) -> Option<u32> {
    fault_at(options).map(|at| (20 + at as u32) << 24)
}

fn fault_at(options: &[u8]) -> Option<usize> {
    let mut known = Vec::new();
    for found in all(options) {
        let Found { at, bytes } = match found {
            Ok(found) => found,
            Err(at) => return Some(at),
        };
        // Both kinds of source routes are one to Linux.
        let kind = if bytes[0] == STRICT_SOURCE_ROUTE { LOOSE_SOURCE_ROUTE } else { bytes[0] };
        let within = match kind {
            RECORD_ROUTE | LOOSE_SOURCE_ROUTE | TIMESTAMP if known.contains(&kind) => Some(0),
            RECORD_ROUTE => route_fault(bytes),
            LOOSE_SOURCE_ROUTE => match bytes {
                [_, _] => Some(1),
                [_, _, pointer, ..] if *pointer < 4 => Some(2),
                _ => None,
            },
            TIMESTAMP => timestamp_fault(bytes),
            ROUTER_ALERT if bytes.len() < 4 => Some(1),
            _ => None,
        };
        if let Some(within) = within {
            return Some(at + within);
        }
        known.push(kind);
    }
    None
}

fn route_fault(bytes: &[u8]) -> Option<usize> {
    let &[_, length, pointer, ..] = bytes else { return Some(1) };
    let has_room = pointer > length || pointer.saturating_add(3) <= length;
    (pointer < 4 || !has_room).then_some(2)
}

fn timestamp_fault(bytes: &[u8]) -> Option<usize> {
    let &[_, length, pointer, form, ..] = bytes else { return Some(1) };
    let entry = match form & 0x0f {
        0 => 4,
        1 | 3 => 8,
        _ => 0,
    };
    let is_full = pointer > length;
    let has_room = is_full || pointer.saturating_add(entry).saturating_sub(1) <= length;
    match (pointer < 5 || !has_room, is_full && form >> 4 == 15) {
        (true, _) => Some(2),
        (false, true) => Some(3),
        _ => None,
    }
}

/// Whether a strict source route is among them.
pub(crate) fn has_strict_route(options: &[u8]) -> bool {
    all(options).map_while(Result::ok).any(|it| it.bytes[0] == STRICT_SOURCE_ROUTE)
}

/// Takes over timestamps as they were written before.
pub(crate) fn keep_stamps(before: &[u8], after: &mut [u8]) {
    for Found { at, bytes } in all(before).map_while(Result::ok) {
        if bytes[0] == TIMESTAMP
            && let Some(now) = after.get_mut(at..at + bytes.len())
        {
            now.copy_from_slice(bytes);
        }
    }
}

/// Takes back that a full timestamp option was counted: senders do not count themselves.
pub(crate) fn keep_overflow(before: &[u8], after: &mut [u8]) {
    for Found { at, bytes } in all(before).map_while(Result::ok) {
        if let [TIMESTAMP, _, _, form, ..] = *bytes
            && let Some(now) = after.get_mut(at + 3)
        {
            *now = form;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_behind_its_end() {
        for kind in 0..=255 {
            for length in 0..=40 {
                for fill in [0, 1, 4, 5, 9, 0x70, 0xf0, 0xff] {
                    let mut options = vec![fill; 40];
                    (options[0], options[1]) = (kind, length);
                    for end in 0..=40 {
                        let at = fault_at(&options[..end]);
                        assert!(at.is_none_or(|at| at < end), "{options:?} {end}");
                    }
                    let before = options.clone();
                    keep_stamps(&before, &mut options[..3]);
                    keep_overflow(&before, &mut options[..3]);
                }
            }
        }
    }
}
