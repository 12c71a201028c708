//! What a probe carries, and whether an answer carries it back.

use super::{Pattern, Plan};
use crate::random::SplitMix;

/// Bytes of a whole token.
const TOKEN_BYTES: usize = 8;

/// How many bits of a token may differ for the answer still to be ours, damaged. A stranger's guess
/// comes that near once in 2^31 tries.
const DAMAGED_BITS_MAX: u32 = 8;

/// The payload of a run's probes: the token, which differs from probe to probe, then the pattern.
#[derive(Debug)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    token_bytes: usize,
}

/// What an answer's payload proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// It is what was sent.
    Whole,
    /// It is ours, but the byte at `offset` is not what was sent, or missing.
    Damaged { offset: usize, sent: u8, got: Option<u8> },
    /// It is not ours.
    Foreign,
}

impl Payload {
    pub fn new(plan: &Plan) -> Payload {
        let size = if plan.kind.carries_payload() { plan.payload_bytes } else { 0 };
        let bytes = match &plan.pattern {
            Pattern::Counting => (0..size).map(|i| i as u8).collect(),
            Pattern::Repeat(pattern) => pattern.iter().copied().cycle().take(size).collect(),
            Pattern::Random(seed) => {
                let mut random = SplitMix::new(*seed);
                (0..size).map(|_| random.next() as u8).collect()
            }
        };
        Payload { bytes, token_bytes: size.min(TOKEN_BYTES) }
    }

    /// The payload with that token: as much of it as fits.
    pub fn with(&mut self, token: u64) -> &[u8] {
        self.bytes[..self.token_bytes].copy_from_slice(&token.to_be_bytes()[..self.token_bytes]);
        &self.bytes
    }

    /// Judges what came back in an answer.
    pub fn check(&self, token: u64, got: &[u8]) -> Proof {
        let token = token.to_be_bytes();
        let token = &token[..self.token_bytes];
        let Some(got_token) = got.get(..self.token_bytes) else { return Proof::Foreign };
        let pattern = &self.bytes[self.token_bytes..];
        if token == got_token && got[self.token_bytes..].starts_with(pattern) {
            return Proof::Whole;
        }
        let differing: u32 = token.iter().zip(got_token).map(|(a, b)| (a ^ b).count_ones()).sum();
        if differing > 0 && (self.token_bytes < TOKEN_BYTES || differing > DAMAGED_BITS_MAX) {
            return Proof::Foreign;
        }
        let sent = token.iter().chain(pattern).copied();
        let mut pairs = sent.zip(got.iter().map(|byte| Some(*byte)).chain(std::iter::repeat(None)));
        let damage = pairs.position(|(sent, got)| Some(sent) != got);
        let offset = damage.expect("the payloads differ, or the answer is shorter");
        let sent = if offset < self.token_bytes { token[offset] } else { self.bytes[offset] };
        Proof::Damaged { offset, sent, got: got.get(offset).copied() }
    }

    /// Whether a quoted payload, cut anywhere, may be the start of what was sent with that token.
    /// Zeros are no token, but what a router that quotes little pads the quote with (RFC 4884 §4).
    pub fn quotes(&self, token: u64, quoted: &[u8]) -> bool {
        let quoted = &quoted[..quoted.len().min(self.token_bytes)];
        token.to_be_bytes().starts_with(quoted) || quoted.iter().all(|byte| *byte == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Key;

    const TOKEN: u64 = 0x0102_0304_0506_0708;

    fn payload(payload_bytes: usize) -> Payload {
        Payload::new(&Plan { payload_bytes, ..Plan::new(vec![1], Key([1, 2])) })
    }

    #[test]
    fn the_pattern_counts_on_behind_the_token() {
        assert_eq!(payload(12).with(TOKEN), [1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11]);
        assert_eq!(payload(3).with(TOKEN), [1, 2, 3]);
        assert_eq!(payload(0).with(TOKEN), []);
    }

    #[test]
    fn what_was_sent_is_whole_and_more_behind_it_is_no_damage() {
        for size in [0, 3, 8, 12] {
            let mut payload = payload(size);
            let mut got = payload.with(TOKEN).to_vec();
            assert_eq!(payload.check(TOKEN, &got), Proof::Whole);
            got.push(0xff);
            assert_eq!(payload.check(TOKEN, &got), Proof::Whole);
        }
    }

    #[test]
    fn damage_is_named_by_its_first_byte() {
        let mut payload = payload(12);
        let mut got = payload.with(TOKEN).to_vec();
        got[9] = 0;
        let damaged = Proof::Damaged { offset: 9, sent: 9, got: Some(0) };
        assert_eq!(payload.check(TOKEN, &got), damaged);
        let cut = Proof::Damaged { offset: 10, sent: 10, got: None };
        assert_eq!(payload.check(TOKEN, &[1, 2, 3, 4, 5, 6, 7, 8, 8, 9]), cut);
        let mut got = payload.with(TOKEN).to_vec();
        got[0] ^= 0x80;
        let token_damaged = Proof::Damaged { offset: 0, sent: 1, got: Some(0x81) };
        assert_eq!(payload.check(TOKEN, &got), token_damaged);
    }

    #[test]
    fn another_token_or_a_part_of_one_is_foreign() {
        let mut long = payload(12);
        let other = long.with(!TOKEN).to_vec();
        assert_eq!(long.check(TOKEN, &other), Proof::Foreign);
        assert_eq!(long.check(TOKEN, &[1, 2, 3]), Proof::Foreign);
        assert_eq!(payload(3).check(TOKEN, &[1, 2, 4]), Proof::Foreign);
    }

    #[test]
    fn quotes_may_be_cut_anywhere_but_not_differ() {
        let payload = payload(12);
        assert!(payload.quotes(TOKEN, &[]));
        assert!(payload.quotes(TOKEN, &[1, 2, 3]));
        assert!(payload.quotes(TOKEN, &[1, 2, 3, 4, 5, 6, 7, 8, 0xee]));
        assert!(!payload.quotes(TOKEN, &[1, 2, 4]));
        assert!(!payload.quotes(TOKEN, &[1, 2, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn padding_is_no_token() {
        assert!(payload(12).quotes(TOKEN, &[0; 100]));
    }
}
