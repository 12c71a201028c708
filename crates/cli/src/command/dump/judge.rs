//! What happens in a TCP connection, as far as a capture shows it: numbers counted from its
//! beginning, what is sent again, what stalls.

use super::flows::Segment;
use std::collections::BTreeSet;
use wire::tcp::flag;

/// Starts of segments that are remembered for each direction.
const STARTS_MAX: usize = 65_536;

/// A segment with its numbers counted from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Of the first byte; 0 of a SYN.
    pub sequence: u32,
    /// Of the next byte that is expected.
    pub acknowledgment: Option<u32>,
    /// The window in bytes, scaled where the scale is known.
    pub window_bytes: u64,
    /// What is remarkable.
    pub mark: Option<Mark>,
}

/// What is remarkable about a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its data was sent before.
    Again,
    /// Later data was seen before it, but not this.
    OutOfOrder,
    /// The same acknowledgment for so many times, the first not counted.
    DuplicateAck(u32),
    /// No room for a byte.
    ZeroWindow,
    /// A byte that was acknowledged, to see whether the other end is there.
    KeepAlive,
}

/// Follows a connection.
#[derive(Debug, Default)]
pub struct Judge {
    /// The end that opened it, and the other.
    ends: [Way; 2],
}

#[derive(Debug, Default)]
struct Way {
    /// The number of the SYN.
    base: Option<u32>,
    scale: Option<u8>,
    /// The number behind the highest that was sent, and whether anything was.
    high: u32,
    has_sent: bool,
    starts: BTreeSet<u32>,
    acknowledged: Option<u32>,
    duplicates: u32,
    window: u16,
}

impl Judge {
    /// Takes the next segment.
    pub fn segment(&mut self, is_forward: bool, segment: &Segment) -> Judged {
        let (own, other) = if is_forward { (0, 1) } else { (1, 0) };
        let opens = segment.flags & flag::SYN != 0;
        // A reset of what never was has no number of its own.
        let is_stray = segment.flags & flag::RST != 0 && self.ends[own].base.is_none();
        let before = if opens || is_stray { 0 } else { 1 };
        let base = *self.ends[own].base.get_or_insert(segment.sequence.wrapping_sub(before));
        let acknowledgment = segment.acknowledgment.map(|number| {
            number.wrapping_sub(*self.ends[other].base.get_or_insert(number.wrapping_sub(1)))
        });
        if opens {
            self.ends[own].scale = segment.scale;
        }
        let sequence = segment.sequence.wrapping_sub(base);
        // A window in a SYN is not scaled, and none is unless both ends offered it.
        let scales = [self.ends[0].scale, self.ends[1].scale];
        let shift = match scales {
            [Some(_), Some(_)] if !opens => scales[own].unwrap_or(0),
            _ => 0,
        };
        let window_bytes = u64::from(segment.window) << shift;
        let ends = segment.flags & flag::FIN != 0;
        let takes = segment.data_bytes + u32::from(opens) + u32::from(ends);
        let mark = self.ends[own].mark(segment, sequence, takes, acknowledgment);
        Judged { sequence, acknowledgment, window_bytes, mark }
    }
}

impl Way {
    fn mark(
        &mut self,
        segment: &Segment,
        sequence: u32,
        takes: u32,
        acknowledgment: Option<u32>,
    ) -> Option<Mark> {
        let is_reset = segment.flags & flag::RST != 0;
        let duplicates = self.duplicate(segment, takes, acknowledgment);
        let mark = if takes > 0 && !is_reset { self.sent(segment, sequence, takes) } else { None };
        let is_probe = segment.data_bytes == 0 && takes == 0 && self.has_sent;
        mark.or_else(|| {
            let is_old = is_probe && !is_reset && sequence.wrapping_add(1) == self.high;
            is_old.then_some(Mark::KeepAlive)
        })
        .or_else(|| (segment.window == 0 && !is_reset).then_some(Mark::ZeroWindow))
        .or_else(|| (duplicates > 0).then_some(Mark::DuplicateAck(duplicates)))
    }

    /// Something with a number of its own.
    fn sent(&mut self, segment: &Segment, sequence: u32, takes: u32) -> Option<Mark> {
        let end = sequence.wrapping_add(takes);
        let is_new = !self.has_sent || (end.wrapping_sub(self.high) as i32) > 0;
        let was_seen = self.starts.contains(&sequence);
        if self.starts.len() < STARTS_MAX {
            self.starts.insert(sequence);
        }
        let was_high = self.high;
        let is_bare = segment.data_bytes == 1 && segment.flags & (flag::SYN | flag::FIN) == 0;
        if is_new {
            self.high = end;
        }
        let is_first = !std::mem::replace(&mut self.has_sent, true);
        match (is_new, was_seen) {
            (true, false) => None,
            (true, true) if is_first => None,
            (true, true) => Some(Mark::Again),
            (false, _) if is_bare && sequence.wrapping_add(1) == was_high => Some(Mark::KeepAlive),
            (false, true) => Some(Mark::Again),
            (false, false) => Some(Mark::OutOfOrder),
        }
    }

    /// How many times in a row it acknowledges the same without saying anything else.
    fn duplicate(&mut self, segment: &Segment, takes: u32, acknowledgment: Option<u32>) -> u32 {
        let is_same = acknowledgment.is_some() && self.acknowledged == acknowledgment;
        let is_bare = takes == 0 && segment.flags & flag::RST == 0;
        // Without selective acknowledgments an equal window tells it from an update.
        let is_duplicate =
            is_same && is_bare && (segment.window == self.window || !segment.selective.is_empty());
        self.duplicates = if is_duplicate { self.duplicates + 1 } else { 0 };
        self.acknowledged = acknowledgment.or(self.acknowledged);
        self.window = segment.window;
        self.duplicates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(sequence: u32, acknowledgment: u32, flags: u16, data_bytes: u32) -> Segment {
        Segment {
            sequence,
            acknowledgment: Some(acknowledgment),
            flags,
            window: 100,
            data_bytes,
            mss: None,
            scale: (flags & flag::SYN != 0).then_some(7),
            selective: Vec::new(),
        }
    }

    #[test]
    fn what_is_sent_again_is_told_from_what_comes_late() {
        let mut judge = Judge::default();
        let start = u32::MAX - 5;
        let mut open = segment(start, 0, flag::SYN, 0);
        open.acknowledgment = None;
        assert_eq!(judge.segment(true, &open).sequence, 0);
        assert_eq!(judge.segment(true, &open).mark, Some(Mark::Again));
        judge.segment(false, &segment(900, start.wrapping_add(1), flag::SYN | flag::ACK, 0));
        let data = |at: u32, bytes| segment(start.wrapping_add(at), 901, flag::ACK, bytes);
        // Numbers go on beyond their end.
        let first = judge.segment(true, &data(1, 10));
        assert_eq!((first.sequence, first.acknowledgment, first.mark), (1, Some(1), None));
        assert_eq!(first.window_bytes, 100 << 7);
        assert_eq!(judge.segment(true, &data(21, 10)).mark, None);
        assert_eq!(judge.segment(true, &data(11, 10)).mark, Some(Mark::OutOfOrder));
        assert_eq!(judge.segment(true, &data(1, 10)).mark, Some(Mark::Again));
        assert_eq!(judge.segment(true, &data(30, 0)).mark, Some(Mark::KeepAlive));
    }

    #[test]
    fn duplicates_are_counted_and_closed_windows_seen() {
        let mut judge = Judge::default();
        let ack = |number| segment(500, number, flag::ACK, 0);
        assert_eq!(judge.segment(false, &ack(100)).mark, None);
        assert_eq!(judge.segment(false, &ack(100)).mark, Some(Mark::DuplicateAck(1)));
        assert_eq!(judge.segment(false, &ack(100)).mark, Some(Mark::DuplicateAck(2)));
        assert_eq!(judge.segment(false, &ack(200)).mark, None);
        let mut shut = ack(300);
        shut.window = 0;
        assert_eq!(judge.segment(false, &shut).mark, Some(Mark::ZeroWindow));
    }
}
