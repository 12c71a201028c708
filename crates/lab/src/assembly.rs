//! Putting fragments together (RFC 791 §3.2, RFC 8200 §4.5), as Linux does it: bounded in number
//! and size. What overlaps in part costs the whole datagram (RFC 5722); what is there already is
//! ignored.

use crate::{packet, rules};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use wire::ip::Datagram;

/// Datagrams in the making at most; further ones are refused until one is done or given up.
const BUFFERS_MAX: usize = 64;

/// The most bytes of payload that a datagram can have.
const PAYLOAD_MAX_BYTES: usize = 65_535;

/// Datagrams of which some fragments have come.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    buffers: BTreeMap<Key, Buffer>,
    /// Numbers buffers, so that a timer meant for one does not hit its successor.
    begun: u64,
}

/// What the fragments of one datagram share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

#[derive(Debug)]
struct Buffer {
    number: u64,
    /// The fragment at offset 0, as it came.
    first: Option<Vec<u8>>,
    /// Runs of bytes by their start: the last one grows at its end, others stay as they came.
    runs: BTreeMap<usize, Vec<u8>>,
    /// Where what has come ends, and the datagram too once its last fragment has come.
    end: usize,
    is_end_known: bool,
    largest_bytes: u32,
    /// Where what was taken begins.
    starts: BTreeSet<usize>,
}

/// What one more fragment made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A datagram was begun: it is to be given up in time.
    Begun(Unfinished),
    /// Nothing yet, or nothing ever.
    Nothing,
    /// Its length is no multiple of 8, though more follow: nothing ever.
    Ragged,
    /// It would end behind the largest datagram: nothing ever.
    TooLong,
    /// The last piece: the datagram as if it had never been cut, and how it was.
    Whole(Vec<u8>, Cut),
}

/// How a datagram was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Its largest fragment, headers included.
    pub(crate) largest_bytes: u32,
    pub(crate) identification: u32,
    /// Where in the payload each piece but the first began, in order.
    pub(crate) starts: Vec<usize>,
}

/// Names a datagram in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    key: Key,
    number: u64,
}

impl Assembly {
    /// Adds a fragment; `bytes` are the whole datagram that it came as.
    pub(crate) fn add(&mut self, datagram: &Datagram<'_>, bytes: &[u8]) -> Progress {
        let Some(fragment) = datagram.fragment else { return Progress::Nothing };
        let key = Key {
            source: datagram.source,
            destination: datagram.destination,
            protocol: datagram.protocol,
            identification: fragment.identification,
        };
        let start = usize::from(fragment.offset_bytes);
        let mut payload = datagram.payload;
        let rules = rules::of(datagram.family());
        if start == 0 && !fragment.more {
            // One that is whole has nothing to do with others (RFC 6946 §4).
            let (largest_bytes, identification) = (bytes.len() as u32, key.identification);
            let cut = Cut { largest_bytes, identification, starts: Vec::new() };
            let whole = packet::join(datagram, payload);
            return whole.map_or(Progress::Nothing, |whole| Progress::Whole(whole, cut));
        }
        if fragment.more && !payload.len().is_multiple_of(8) {
            if rules.reports_bad_fragments {
                return Progress::Ragged;
            }
            payload = &payload[..payload.len() / 8 * 8];
        }
        if start + payload.len() > PAYLOAD_MAX_BYTES {
            return Progress::TooLong;
        }
        let is_new = !self.buffers.contains_key(&key);
        if is_new && self.buffers.len() >= BUFFERS_MAX {
            return Progress::Nothing;
        }
        self.begun += u64::from(is_new);
        let number = self.begun;
        let buffer = self.buffers.entry(key).or_insert_with(|| Buffer::new(number));
        let unfinished = Unfinished { key, number: buffer.number };
        if !buffer.insert(start, payload, fragment.more) {
            self.buffers.remove(&key);
            return Progress::Nothing;
        }
        if start == 0 && buffer.first.is_none() {
            buffer.first = Some(bytes.to_vec());
        }
        buffer.largest_bytes = buffer.largest_bytes.max(bytes.len() as u32);
        if let Some(whole) = buffer.whole() {
            let largest_bytes = buffer.largest_bytes;
            let starts = buffer.starts.iter().copied().skip(1).collect();
            self.buffers.remove(&key);
            return Progress::Whole(
                whole,
                Cut { largest_bytes, identification: key.identification, starts },
            );
        }
        if is_new { Progress::Begun(unfinished) } else { Progress::Nothing }
    }

    /// Whether a datagram is still in the making.
    pub(crate) fn is_pending(&self, unfinished: &Unfinished) -> bool {
        let buffer = self.buffers.get(&unfinished.key);
        buffer.is_some_and(|buffer| buffer.number == unfinished.number)
    }

    /// Gives up a datagram, if it is still in the making; its first fragment, if that has come.
    pub(crate) fn abandon(&mut self, unfinished: Unfinished) -> Option<Vec<u8>> {
        let buffer = self.buffers.get(&unfinished.key)?;
        if buffer.number != unfinished.number {
            return None;
        }
        self.buffers.remove(&unfinished.key)?.first
    }
}

impl Buffer {
    fn new(number: u64) -> Buffer {
        Buffer {
            number,
            first: None,
            runs: BTreeMap::new(),
            end: 0,
            is_end_known: false,
            largest_bytes: 0,
            starts: BTreeSet::new(),
        }
    }

    /// Adds a piece; `false` if it contradicts the others, or is nothing.
    fn insert(&mut self, start: usize, payload: &[u8], more: bool) -> bool {
        let end = start + payload.len();
        let is_past_end = match more {
            true => self.is_end_known && end > self.end,
            false => end < self.end || self.is_end_known && end != self.end,
        };
        if is_past_end || payload.is_empty() {
            return false;
        }
        self.end = self.end.max(end);
        self.is_end_known |= !more;
        let before = self.runs.range(..=start).next_back();
        let before_end = before.map_or(0, |(at, run)| at + run.len());
        if before.is_some() && end <= before_end {
            return true;
        }
        let overlaps_after = self.runs.range(start..).next().is_some_and(|(at, _)| *at < end);
        if start < before_end || overlaps_after {
            return false;
        }
        self.starts.insert(start);
        match self.runs.last_entry() {
            Some(mut last) if last.key() + last.get().len() == start => {
                last.get_mut().extend_from_slice(payload);
            }
            _ => {
                self.runs.insert(start, payload.to_vec());
            }
        }
        true
    }

    fn whole(&self) -> Option<Vec<u8>> {
        let got: usize = self.runs.values().map(Vec::len).sum();
        if !self.is_end_known || self.end != got {
            return None;
        }
        let payload = self.runs.values().flatten().copied().collect::<Vec<u8>>();
        let first = Datagram::parse(self.first.as_ref()?).ok()?;
        packet::join(&first, &payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ip::{Fragment, Header};

    fn fragment(from: &str, to: &str, offset: u16, payload: &[u8], more: bool) -> Vec<u8> {
        let [from, to]: [IpAddr; 2] = [from, to].map(|a| a.parse().expect("an address"));
        let mut header = Header::new(from, to, 17);
        header.fragment = Some(Fragment { identification: 5, offset_bytes: offset, more });
        let mut bytes = Vec::new();
        header.emit(payload, &mut bytes).expect("fits");
        bytes
    }

    fn v4(offset: u16, payload: &[u8], more: bool) -> Vec<u8> {
        fragment("192.0.2.1", "192.0.2.2", offset, payload, more)
    }

    fn add(assembly: &mut Assembly, bytes: &[u8]) -> Progress {
        assembly.add(&Datagram::parse(bytes).expect("whole"), bytes)
    }

    #[test]
    fn pieces_in_any_order_make_the_whole() {
        for (from, to) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let mut assembly = Assembly::default();
            let last = fragment(from, to, 16, b"tail", false);
            assert!(matches!(add(&mut assembly, &last), Progress::Begun(_)));
            let middle = fragment(from, to, 8, b"middle..", true);
            assert_eq!(add(&mut assembly, &middle), Progress::Nothing);
            assert_eq!(add(&mut assembly, &middle), Progress::Nothing);
            let first = fragment(from, to, 0, b"first...", true);
            let Progress::Whole(whole, cut) = add(&mut assembly, &first) else {
                panic!("the last piece makes the whole")
            };
            let datagram = Datagram::parse(&whole).expect("whole");
            assert_eq!(datagram.payload, b"first...middle..tail");
            assert_eq!(datagram.fragment, None);
            assert!(wire::ip::verify_header(&whole));
            assert_eq!((cut.largest_bytes, cut.identification), (first.len() as u32, 5));
            assert_eq!(cut.starts, [8, 16]);
            assert!(assembly.buffers.is_empty());
        }
    }

    #[test]
    fn overlaps_are_refused() {
        let tail = v4(16, b"tail", false);
        for wrong in
            [v4(8, b"sixteen bytes ..", true), v4(24, b"behind..", true), v4(8, b"end?", false)]
        {
            let mut assembly = Assembly::default();
            add(&mut assembly, &tail);
            assert_eq!(add(&mut assembly, &wrong), Progress::Nothing);
            assert!(assembly.buffers.is_empty());
        }
    }

    #[test]
    fn an_overlap_costs_the_whole_datagram_in_both_families() {
        // RFC 5722 §4, RFC 8200 §4.5, and RFC 791 says nothing against it: what came before is
        // thrown away too, and what comes after begins anew.
        for (from, to) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            for (offset, payload, more) in
                [(8, &b"sixteen bytes .."[..], true), (8, b"mid", false), (16, b"", true)]
            {
                let mut assembly = Assembly::default();
                add(&mut assembly, &fragment(from, to, 0, b"first...", true));
                add(&mut assembly, &fragment(from, to, 8, b"middle..", true));
                let wrong = fragment(from, to, offset, payload, more);
                assert_eq!(add(&mut assembly, &wrong), Progress::Nothing);
                assert!(assembly.buffers.is_empty(), "{from} {offset}");
                let last = fragment(from, to, 16, b"last", false);
                assert!(matches!(add(&mut assembly, &last), Progress::Begun(_)));
            }
        }
    }

    #[test]
    fn what_is_there_already_is_ignored_whatever_it_says() {
        for more in [(0, &b"sixteen bytes .."[..]), (8, b"other..."), (0, b"FIRST...")] {
            let mut assembly = Assembly::default();
            add(&mut assembly, &v4(0, b"first...", true));
            add(&mut assembly, &v4(8, b"middle..", true));
            assert_eq!(add(&mut assembly, &v4(more.0, more.1, true)), Progress::Nothing);
            let Progress::Whole(whole, _) = add(&mut assembly, &v4(16, b"last", false)) else {
                panic!("it is whole")
            };
            assert_eq!(&whole[20..], b"first...middle..last");
        }
    }

    #[test]
    fn the_same_fragment_once_more_does_no_harm() {
        let mut assembly = Assembly::default();
        let last = v4(8, b"last", false);
        add(&mut assembly, &last);
        assert_eq!(add(&mut assembly, &last), Progress::Nothing);
        let whole = add(&mut assembly, &v4(0, b"first...", true));
        assert!(matches!(whole, Progress::Whole(..)));
    }

    #[test]
    fn datagrams_in_the_making_are_told_apart_by_four_things() {
        // RFC 791 §3.2: source, destination, protocol and identification.
        let mut assembly = Assembly::default();
        let first = v4(0, b"first...", true);
        add(&mut assembly, &first);
        let mut others = [(); 4].map(|()| v4(8, b"last", false));
        others[0][15] ^= 1;
        others[1][19] ^= 1;
        others[2][9] ^= 1;
        others[3][5] ^= 1;
        for other in &mut others {
            packet::refresh_checksum(other);
            assert!(matches!(add(&mut assembly, other), Progress::Begun(_)));
        }
        let last = add(&mut assembly, &v4(8, b"last", false));
        assert!(matches!(last, Progress::Whole(..)));
    }

    #[test]
    fn the_largest_datagram_is_put_together_and_no_larger_one() {
        let mut assembly = Assembly::default();
        for start in (0..65_512_u16).step_by(1_480) {
            let bytes = usize::from(1_480.min(65_512 - start));
            add(&mut assembly, &v4(start, &vec![7; bytes], true));
        }
        // 65,515 bytes of payload and a header of 20 fill the length field.
        let Progress::Whole(whole, _) = add(&mut assembly, &v4(65_512, b"end", false)) else {
            panic!("it is whole")
        };
        assert_eq!(whole.len(), 65_535);
        assert_eq!(add(&mut assembly, &v4(65_528, &[0; 8], false)), Progress::TooLong);
        assert_eq!(add(&mut assembly, &v4(65_528, &[0; 9], true)), Progress::TooLong);
        assert_eq!(add(&mut assembly, &v4(16, b"", true)), Progress::Nothing);
        assert!(assembly.buffers.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_abandoned_in_time() {
        let mut assembly = Assembly::default();
        let mut tickets = Vec::new();
        for host in 0..100_u8 {
            let bytes = fragment("192.0.2.1", &format!("192.0.2.{host}"), 0, b"eight by", true);
            if let Progress::Begun(ticket) = add(&mut assembly, &bytes) {
                tickets.push(ticket);
            }
        }
        assert_eq!(tickets.len(), BUFFERS_MAX);
        assert!(assembly.abandon(tickets[3]).is_some());
        assert_eq!(assembly.abandon(tickets[3]), None);
        let huge = v4(65_528, b"past the end", false);
        assert_eq!(add(&mut assembly, &huge), Progress::TooLong);
    }
}
