//! A file that goes: a window of blocks that are kept until they are acknowledged, and what an
//! acknowledgment means.

use super::numbers::{Numbers, Place};
use super::{Encoder, Mode};
use crate::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// As many bytes of the file are asked for at a time, at most.
const WANTED_MAX_BYTES: usize = 64 << 10;

/// A file that goes.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    numbers: Numbers,
    block_bytes: u16,
    window: u16,
    encoder: Option<Encoder>,
    /// The number of the first block that is kept, from 1.
    first: u64,
    kept: VecDeque<Block>,
    /// Blocks at the front of those that have been sent since the window began.
    sent: usize,
    /// When the window began to be sent.
    began: Time,
    /// Whether a repeated acknowledgment has made the window be sent again.
    has_repeated: bool,
    /// What is fed and in no block yet.
    staged: VecDeque<u8>,
    is_fed: bool,
    /// Whether the last block is among those that were made.
    has_last: bool,
    is_asking: bool,
}

#[derive(Clone, Debug)]
struct Block {
    bytes: Vec<u8>,
    sent_at: Time,
    /// Sends so far.
    sends: u32,
}

/// What an acknowledgment means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So many blocks have arrived.
    Progress {
        /// How many.
        blocks: u64,
        /// Bytes in them.
        bytes: u64,
        /// When the last of them was sent, if it was sent once.
        sent_at: Option<Time>,
        /// Whether that was the whole file.
        is_all: bool,
    },
    /// The window's first block is missing there, and it goes again.
    Repeat,
    /// It says what was known. Nothing is sent for it (RFC 1123 §4.2.3.1).
    Duplicate,
    /// It fits nowhere.
    Odd,
}

impl Upload {
    pub(super) fn new(numbers: Numbers, mode: Mode, block_bytes: u16, window: u16) -> Upload {
        Upload {
            numbers,
            block_bytes,
            window: window.max(1),
            encoder: (mode == Mode::Netascii).then_some(Encoder),
            first: 1,
            kept: VecDeque::new(),
            sent: 0,
            began: Time::ZERO,
            has_repeated: false,
            staged: VecDeque::new(),
            is_fed: false,
            has_last: false,
            is_asking: false,
        }
    }

    /// How many bytes of the file are wanted now, if any and not asked for already.
    pub(super) fn wants(&mut self) -> Option<usize> {
        self.make_blocks();
        let has_room = self.kept.len() < self.window.into() && !self.has_last;
        if !has_room || self.is_fed || self.is_asking {
            return None;
        }
        self.is_asking = true;
        let room = (usize::from(self.window) - self.kept.len()) * usize::from(self.block_bytes);
        Some(room.saturating_sub(self.staged.len()).clamp(1, WANTED_MAX_BYTES))
    }

    /// Takes bytes of the file, and whether they are the last.
    pub(super) fn feed(&mut self, bytes: &[u8], is_end: bool) {
        self.is_asking = false;
        self.is_fed |= is_end;
        match self.encoder {
            None => self.staged.extend(bytes),
            Some(encoder) => encoder.push(bytes, |byte| self.staged.push_back(byte)),
        }
    }

    /// Cuts what is staged into blocks, as far as the window has room for them.
    fn make_blocks(&mut self) {
        let full = usize::from(self.block_bytes);
        while self.kept.len() < self.window.into() && !self.has_last {
            let is_last = self.staged.len() < full;
            if is_last && !self.is_fed {
                return;
            }
            let bytes = self.staged.drain(..full.min(self.staged.len())).collect();
            self.kept.push_back(Block { bytes, sent_at: Time::ZERO, sends: 0 });
            self.has_last = is_last;
        }
    }

    /// The next block of the window to send: its number, its bytes, and whether it went before.
    pub(super) fn send_next(&mut self, now: Time) -> Option<(u16, &[u8], bool)> {
        self.make_blocks();
        let index = self.sent;
        let block = self.kept.get_mut(index)?;
        if index == 0 {
            self.began = now;
        }
        self.sent += 1;
        block.sends = block.sends.saturating_add(1);
        block.sent_at = now;
        let number = self.numbers.of(self.first + index as u64);
        Some((number, &block.bytes, block.sends > 1))
    }

    /// Sends the window again from its start.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
        self.has_repeated = false;
    }

    /// Takes an acknowledgment. `least_rtt`: no answer has come sooner than that after what it
    /// answered; `usual`: so late it is no longer expected.
    pub(super) fn take(
        &mut self,
        now: Time,
        number: u16,
        least_rtt: Option<Duration>,
        usual: Duration,
    ) -> Verdict {
        match self.numbers.place(number, self.first) {
            Place::Ahead(ahead) if ahead < self.sent as u64 => {
                let count = ahead as usize + 1;
                let bytes = self.kept.iter().take(count).map(|it| it.bytes.len() as u64).sum();
                let last = &self.kept[count - 1];
                let sent_at = (last.sends == 1).then_some(last.sent_at);
                self.kept.drain(..count);
                self.first += count as u64;
                // What followed was thrown away there, if anything is missing (RFC 7440 §4).
                self.rewind();
                let is_all = self.kept.is_empty() && self.has_last;
                Verdict::Progress { blocks: count as u64, bytes, sent_at, is_all }
            }
            Place::Behind(1) => {
                // With a window it may say that the first block is missing, if others could have
                // shown that, and could so soon. Said once more it is news only if the window has
                // had the time to arrive again.
                let least = if self.has_repeated { Some(usual) } else { least_rtt };
                let is_early = least.is_some_and(|least| now.since(self.began) < least);
                if self.sent < 2 || is_early {
                    return Verdict::Duplicate;
                }
                self.sent = 0;
                self.has_repeated = true;
                Verdict::Repeat
            }
            Place::Behind(_) => Verdict::Duplicate,
            _ => Verdict::Odd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_nanos(200);

    fn upload(window: u16, text: &[u8]) -> Upload {
        let mut upload = Upload::new(Numbers::new(false), Mode::Octet, 8, window);
        assert!(upload.wants().is_some() && upload.wants().is_none());
        upload.feed(text, true);
        upload
    }

    fn sends(upload: &mut Upload, at: u64) -> Vec<u16> {
        std::iter::from_fn(|| upload.send_next(Time(at)).map(|(number, ..)| number)).collect()
    }

    #[test]
    fn in_lockstep_nothing_goes_again_for_a_repeated_acknowledgment() {
        let mut upload = upload(1, b"1234567890");
        assert_eq!(sends(&mut upload, 0), [1]);
        assert_eq!(upload.take(Time(9), 0, None, USUAL), Verdict::Duplicate);
        assert_eq!(upload.take(Time(9), 2, None, USUAL), Verdict::Odd);
        let first =
            Verdict::Progress { blocks: 1, bytes: 8, sent_at: Some(Time(0)), is_all: false };
        assert_eq!(upload.take(Time(9), 1, None, USUAL), first);
        assert_eq!(sends(&mut upload, 9), [2]);
        assert_eq!(upload.take(Time(10), 1, None, USUAL), Verdict::Duplicate);
        assert!(sends(&mut upload, 10).is_empty());
        let second =
            Verdict::Progress { blocks: 1, bytes: 2, sent_at: Some(Time(9)), is_all: true };
        assert_eq!(upload.take(Time(11), 2, None, USUAL), second);
    }

    #[test]
    fn a_file_that_fills_its_blocks_ends_in_an_empty_one() {
        let mut upload = upload(4, b"12345678");
        assert_eq!(upload.send_next(Time(0)), Some((1, &b"12345678"[..], false)));
        assert_eq!(upload.send_next(Time(0)), Some((2, &b""[..], false)));
        assert_eq!(upload.send_next(Time(0)), None);
    }

    #[test]
    fn a_window_goes_on_behind_what_has_arrived() {
        let mut upload = upload(4, &[7; 100]);
        assert_eq!(sends(&mut upload, 0), [1, 2, 3, 4]);
        assert!(matches!(
            upload.take(Time(50), 2, None, USUAL),
            Verdict::Progress { blocks: 2, .. }
        ));
        assert_eq!(sends(&mut upload, 50), [3, 4, 5, 6]);
        let least = Some(Duration::from_nanos(50));
        assert_eq!(upload.take(Time(60), 2, least, USUAL), Verdict::Duplicate);
        assert_eq!(upload.take(Time(100), 2, least, USUAL), Verdict::Repeat);
        assert_eq!(sends(&mut upload, 100), [3, 4, 5, 6]);
        assert_eq!(upload.take(Time(150), 2, least, USUAL), Verdict::Duplicate);
        assert_eq!(upload.take(Time(300), 2, least, USUAL), Verdict::Repeat);
        assert_eq!(sends(&mut upload, 300), [3, 4, 5, 6]);
        // 6 was sent twice: its round trip cannot be told (RFC 6298 §3).
        let all = Verdict::Progress { blocks: 4, bytes: 32, sent_at: None, is_all: false };
        assert_eq!(upload.take(Time(150), 6, least, USUAL), all);
    }
}
