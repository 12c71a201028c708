//! Datagrams as bytes: what forwarding changes in place, and cutting them into fragments.

use crate::assembly::Cut;
use std::net::Ipv4Addr;
use std::ops::Range;
use wire::ip::options::{self, Ipv4Option, Options};
use wire::ip::{Datagram, Fragment, Header, pieces};
use wire::{Malformed, checksum};

/// Bytes of an IPv4 header, as it states them; `None` if it is none.
fn header_bytes_v4(bytes: &[u8]) -> Option<usize> {
    let first = bytes.first().filter(|first| *first >> 4 == 4);
    first.map(|first| usize::from(first & 0x0f) * 4)
}

/// Takes one from the hop limit of a well-formed datagram, and from the IPv4 checksum (RFC 1624).
pub(crate) fn decrement_hop_limit(bytes: &mut [u8]) {
    if bytes[0] >> 4 == 6 {
        bytes[7] = bytes[7].saturating_sub(1);
        return;
    }
    let old = u16::from_be_bytes([bytes[8], bytes[9]]);
    bytes[8] = bytes[8].saturating_sub(1);
    let new = u16::from_be_bytes([bytes[8], bytes[9]]);
    let sum = checksum::update(u16::from_be_bytes([bytes[10], bytes[11]]), old, new);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Changes TOS or traffic class of a well-formed datagram.
pub(crate) fn set_traffic_class(bytes: &mut [u8], change: impl Fn(u8) -> u8) {
    if bytes[0] >> 4 == 6 {
        let class = change(bytes[0] << 4 | bytes[1] >> 4);
        bytes[0] = 0x60 | class >> 4;
        bytes[1] = class << 4 | bytes[1] & 0x0f;
        return;
    }
    bytes[1] = change(bytes[1]);
    refresh_checksum(bytes);
}

/// Gives a well-formed datagram another IPv4 identification; does nothing in IPv6.
pub(crate) fn set_identification(bytes: &mut [u8], identification: u16) {
    if bytes[0] >> 4 == 4 {
        bytes[4..6].copy_from_slice(&identification.to_be_bytes());
        refresh_checksum(bytes);
    }
}

/// Adds to the IPv4 identification of a well-formed datagram, and computes its header's checksum
/// anew; does nothing in IPv6.
pub(crate) fn advance_identification(bytes: &mut [u8], by: u16) {
    if bytes[0] >> 4 == 4 {
        let identification = u16::from_be_bytes([bytes[4], bytes[5]]).wrapping_add(by);
        set_identification(bytes, identification);
    }
}

/// Turns the bytes of a quoted IPv4 identification round and leaves its checksum, as hosts do that
/// change a header to their own order and forget to change it back; does nothing in IPv6.
pub(crate) fn swap_identification(quote: &mut [u8]) {
    if quote[0] >> 4 == 4 {
        quote.swap(4, 5);
    }
}

/// Clears the IPv6 flow label of a well-formed datagram; does nothing in IPv4.
pub(crate) fn clear_flow_label(bytes: &mut [u8]) {
    if bytes[0] >> 4 == 6 {
        bytes[1] &= 0xf0;
        bytes[2..4].fill(0);
    }
}

/// Where the IPv4 options of a well-formed datagram stand; empty without any, and in IPv6.
pub(crate) fn options_mut(bytes: &mut [u8]) -> &mut [u8] {
    match header_bytes_v4(bytes) {
        Some(end) => &mut bytes[20..end],
        None => &mut [],
    }
}

/// Does to IPv4 options what every node on the way does. The error is the word of a parameter
/// problem that points at the option which is malformed: its first byte counts from the start of
/// the header (RFC 792).
pub(crate) fn stamp_options(
    bytes: &mut [u8],
    own: Ipv4Addr,
    is_own: impl Fn(Ipv4Addr) -> bool,
    midnight_ms: impl FnOnce() -> u32,
) -> Result<(), u32> {
    if bytes.is_empty() {
        return Ok(());
    }
    if let Some(word) = crate::options::fault(bytes) {
        return Err(word);
    }
    options::pass(bytes, own, is_own, midnight_ms()).map_err(|fault| match fault {
        Malformed::Option(at) => (20 + at as u32) << 24,
        _ => 20 << 24,
    })
}

/// Whether IPv4 options prescribe the way.
pub(crate) fn is_source_routed(options: &[u8]) -> bool {
    Options::new(options).map_while(Result::ok).any(|option| {
        matches!(option, Ipv4Option::LooseSourceRoute(_) | Ipv4Option::StrictSourceRoute(_))
    })
}

/// Computes the checksum of a well-formed IPv4 header anew; does nothing in IPv6.
pub(crate) fn refresh_checksum(bytes: &mut [u8]) {
    if let Some(end) = header_bytes_v4(bytes) {
        let header = &mut bytes[..end];
        header[10..12].fill(0);
        let sum = checksum::of(header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Cuts a payload into datagrams of at most `mtu_bytes`. A fragment is cut into smaller ones; an
/// identification of 32 bits serves IPv6, its lower half IPv4. Nothing if not even 8 bytes fit.
pub(crate) fn split(
    header: &Header,
    payload: &[u8],
    identification: u32,
    mtu_bytes: u32,
) -> Vec<Vec<u8>> {
    let base = base(header, identification);
    let whole = Header { fragment: Some(base), ..header.clone() };
    let ranges = pieces(payload.len(), whole.bytes(), mtu_bytes as usize);
    emit_pieces(&whole, payload, base, ranges)
}

/// Cuts a payload where it was cut before, if all of that fits into `mtu_bytes`, or else as
/// [`split`]. So Linux leaves fragments as they were that it has put together to look at them.
pub(crate) fn split_again(
    header: &Header,
    payload: &[u8],
    cut: &Cut,
    mtu_bytes: u32,
) -> Vec<Vec<u8>> {
    let base = base(header, cut.identification);
    let whole = Header { fragment: Some(base), ..header.clone() };
    let room = (mtu_bytes as usize).saturating_sub(whole.bytes());
    let ends = cut.starts.iter().copied().chain([payload.len()]);
    let starts = std::iter::once(0).chain(cut.starts.iter().copied());
    let ranges: Vec<_> = starts.zip(ends).map(|(start, end)| start..end).collect();
    let fits = |range: &Range<usize>| {
        range.start < range.end && range.len() <= room && range.start.is_multiple_of(8)
    };
    if !ranges.iter().all(fits) {
        return split(header, payload, cut.identification, mtu_bytes);
    }
    let ranges = ranges.into_iter().map(|range| (range.clone(), range.end < payload.len()));
    emit_pieces(&whole, payload, base, ranges)
}

/// Which piece of a datagram a header is of already: the whole, if of none.
fn base(header: &Header, identification: u32) -> Fragment {
    header.fragment.unwrap_or(Fragment { identification, offset_bytes: 0, more: false })
}

fn emit_pieces(
    whole: &Header,
    payload: &[u8],
    base: Fragment,
    ranges: impl Iterator<Item = (Range<usize>, bool)>,
) -> Vec<Vec<u8>> {
    let mut header = whole.clone();
    let mut fragments = Vec::new();
    for (range, more) in ranges {
        let Ok(offset_bytes) = u16::try_from(usize::from(base.offset_bytes) + range.start) else {
            return Vec::new();
        };
        header.fragment = Some(Fragment { offset_bytes, more: more || base.more, ..base });
        let mut bytes = Vec::with_capacity(header.bytes() + range.len());
        if header.emit(&payload[range], &mut bytes).is_err() {
            return Vec::new();
        }
        fragments.push(bytes);
        header.options = copied_options(&header.options);
    }
    fragments
}

/// The options of fragments other than the first: those with the copied flag (RFC 791 §3.1), and no
/// operations in the place of the others, as Linux has it.
fn copied_options(options: &[u8]) -> Vec<u8> {
    let mut copied = options.to_vec();
    let mut all = Options::new(options);
    let mut at = 0;
    while let Some(Ok(option)) = all.next() {
        let end = all.offset();
        let is_copied = matches!(
            option,
            Ipv4Option::LooseSourceRoute(_)
                | Ipv4Option::StrictSourceRoute(_)
                | Ipv4Option::RouterAlert(_)
                | Ipv4Option::Unknown { kind: 0x80.., .. }
                | Ipv4Option::End
        );
        if !is_copied {
            copied[at..end].fill(NO_OPERATION);
        }
        at = end;
    }
    copied
}

/// The option that is one byte of padding.
const NO_OPERATION: u8 = 1;

/// The header and payload of a datagram made of fragments: those of the first, the whole payload.
pub(crate) fn join(first: &Datagram<'_>, payload: &[u8]) -> Option<Vec<u8>> {
    // Extension headers were for the way; what is left of them after the fragment header goes too,
    // since nothing above reads it.
    let header = Header { fragment: None, extensions: Vec::new(), ..first.header() };
    let mut bytes = Vec::with_capacity(header.bytes() + payload.len());
    header.emit(payload, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use wire::ip::verify_header;

    fn header(from: &str, to: &str) -> Header {
        let [from, to]: [IpAddr; 2] = [from, to].map(|a| a.parse().expect("an address"));
        Header::new(from, to, 17)
    }

    #[test]
    fn forwarding_keeps_the_header_checksum_right() {
        for hop_limit in 1..=255 {
            let mut bytes = Vec::new();
            let header = Header { hop_limit, ..header("192.0.2.1", "192.0.2.2") };
            header.emit(b"x", &mut bytes).expect("fits");
            assert!(verify_header(&bytes));
            decrement_hop_limit(&mut bytes);
            assert!(verify_header(&bytes));
            assert_eq!(Datagram::parse(&bytes).expect("whole").hop_limit, hop_limit - 1);
        }
    }

    #[test]
    fn fragments_of_fragments_make_the_whole() {
        for header in [header("192.0.2.1", "192.0.2.2"), header("2001:db8::1", "2001:db8::2")] {
            let payload: Vec<u8> = (0..4_000_u32).map(|n| n as u8).collect();
            let mut covered = vec![false; payload.len()];
            let mut ends = 0;
            for big in split(&header, &payload, 7, 1_500) {
                let outer = Datagram::parse(&big).expect("whole");
                let again = Header { fragment: outer.fragment, ..header.clone() };
                for small in split(&again, outer.payload, 9, 576) {
                    assert!(small.len() <= 576 && verify_header(&small));
                    let datagram = Datagram::parse(&small).expect("whole");
                    let fragment = datagram.fragment.expect("a fragment");
                    assert_eq!(fragment.identification, 7);
                    let start = usize::from(fragment.offset_bytes);
                    let range = start..start + datagram.payload.len();
                    assert_eq!(datagram.payload, &payload[range.clone()]);
                    covered[range].fill(true);
                    ends += usize::from(!fragment.more);
                }
            }
            assert!(covered.iter().all(|byte| *byte));
            assert_eq!(ends, 1);
        }
    }

    #[test]
    fn only_copied_options_go_into_every_fragment() {
        let mut header = header("192.0.2.1", "192.0.2.2");
        header.options = vec![7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0];
        let fragments = split(&header, &[0; 64], 1, 60);
        let options = |at: usize| Datagram::parse(&fragments[at]).expect("whole").options;
        assert_eq!(options(0), header.options);
        assert_eq!(options(1), [1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0]);
        assert!(split(&header, &[0; 64], 1, 30).is_empty());
    }
}
