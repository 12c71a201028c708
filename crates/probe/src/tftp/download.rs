//! A file that comes: which blocks are taken, and when they are acknowledged.

use super::numbers::{Numbers, Place};
use super::{Decoder, Mode};

/// What a file that comes is to this side.
#[derive(Clone, Debug)]
pub(super) struct Download {
    numbers: Numbers,
    block_bytes: u16,
    window: u16,
    /// The block that is expected, from 1.
    expected: u64,
    /// Blocks taken since the last acknowledgment.
    unacknowledged: u16,
    /// Whether the server was told that a block is missing, since the last one that was taken: once
    /// is enough, and more would have it send the window as many times (RFC 7440 §4).
    has_told_gap: bool,
    /// Bytes taken, as they stood in packets.
    taken_bytes: u64,
    decoder: Option<Decoder>,
}

/// What is to be done about a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on with these bytes.
    Taken {
        /// Bytes of the file.
        bytes: Vec<u8>,
        /// Whether they are the last.
        is_last: bool,
        /// Whether the block is to be acknowledged.
        is_due: bool,
    },
    /// It has come before; whether the acknowledgment may be lost and is to be sent again.
    Duplicate {
        /// See above.
        is_answered: bool,
    },
    /// One before it is missing; whether that is to be said.
    Gap {
        /// See above.
        is_told: bool,
    },
    /// It is larger than a block.
    TooLarge,
    /// It fits nowhere.
    Odd,
}

impl Download {
    pub(super) fn new(numbers: Numbers, mode: Mode, block_bytes: u16, window: u16) -> Download {
        Download {
            numbers,
            block_bytes,
            window: window.max(1),
            expected: 1,
            unacknowledged: 0,
            has_told_gap: false,
            taken_bytes: 0,
            decoder: (mode == Mode::Netascii).then(Decoder::default),
        }
    }

    /// Bytes taken so far, as they stood in packets.
    pub(super) fn taken_bytes(&self) -> u64 {
        self.taken_bytes
    }

    /// Whether no block has come yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.expected == 1
    }

    /// The number to acknowledge: that of the last block taken. Everything counts as acknowledged
    /// then.
    pub(super) fn acknowledge(&mut self) -> u16 {
        self.unacknowledged = 0;
        self.numbers.of(self.expected - 1)
    }

    /// Looks at a block that came.
    pub(super) fn look(&mut self, number: u16, payload: &[u8]) -> Verdict {
        match self.numbers.place(number, self.expected) {
            Place::Ahead(0) if payload.len() > self.block_bytes.into() => Verdict::TooLarge,
            Place::Ahead(0) => self.take(payload),
            Place::Ahead(ahead) if ahead < u64::from(self.window) => {
                Verdict::Gap { is_told: self.tells_gap() }
            }
            // Of the last block before an acknowledgment, which may be lost. Nothing is resent for
            // it that could make the server send twice: it must not answer the same number again.
            Place::Behind(behind) if self.expected > 1 => {
                Verdict::Duplicate { is_answered: behind == 1 && self.unacknowledged == 0 }
            }
            _ => Verdict::Odd,
        }
    }

    /// Whether it is to be said how much has come: not twice for the same.
    pub(super) fn tells_gap(&mut self) -> bool {
        !std::mem::replace(&mut self.has_told_gap, true)
    }

    fn take(&mut self, payload: &[u8]) -> Verdict {
        let is_last = payload.len() < self.block_bytes.into();
        self.expected += 1;
        self.unacknowledged += 1;
        self.has_told_gap = false;
        self.taken_bytes = self.taken_bytes.saturating_add(payload.len() as u64);
        let bytes = match &mut self.decoder {
            None => payload.to_vec(),
            Some(decoder) => {
                let mut bytes = Vec::with_capacity(payload.len() + 1);
                decoder.push(payload, &mut bytes);
                if is_last {
                    decoder.finish(&mut bytes);
                }
                bytes
            }
        };
        Verdict::Taken { bytes, is_last, is_due: is_last || self.unacknowledged >= self.window }
    }

    /// Nothing has come for a while: what is missing may be said once more.
    pub(super) fn note_timeout(&mut self) {
        self.has_told_gap = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(window: u16) -> Download {
        Download::new(Numbers::new(false), Mode::Octet, 8, window)
    }

    fn taken(bytes: &[u8], is_last: bool, is_due: bool) -> Verdict {
        Verdict::Taken { bytes: bytes.to_vec(), is_last, is_due }
    }

    #[test]
    fn a_window_is_acknowledged_at_its_end() {
        let mut download = download(3);
        assert_eq!(download.look(1, b"12345678"), taken(b"12345678", false, false));
        assert_eq!(download.look(1, b"12345678"), Verdict::Duplicate { is_answered: false });
        assert_eq!(download.look(2, b"12345678"), taken(b"12345678", false, false));
        assert_eq!(download.look(3, b"12345678"), taken(b"12345678", false, true));
        assert_eq!(download.acknowledge(), 3);
        assert_eq!(download.look(3, b"12345678"), Verdict::Duplicate { is_answered: true });
        assert_eq!(download.look(4, b""), taken(b"", true, true));
    }

    #[test]
    fn a_missing_block_is_told_once() {
        let mut download = download(4);
        assert_eq!(download.look(2, b"12345678"), Verdict::Gap { is_told: true });
        assert_eq!(download.look(3, b"12345678"), Verdict::Gap { is_told: false });
        assert_eq!(download.look(5, b"12345678"), Verdict::Odd);
        assert_eq!(download.look(1, b"12345678"), taken(b"12345678", false, false));
        assert_eq!(download.look(3, b"12345678"), Verdict::Gap { is_told: true });
    }

    #[test]
    fn blocks_beyond_the_window_and_above_the_size_are_not_taken() {
        let mut download = download(1);
        for number in [2, 30_000, 65_535, 0] {
            assert_eq!(download.look(number, b""), Verdict::Odd, "{number}");
        }
        assert_eq!(download.look(1, b"123456789"), Verdict::TooLarge);
        assert!(download.is_untouched());
    }
}
