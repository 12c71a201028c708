//! How a road ends that nobody ended: in silence, in a loop, or beyond the last hop asked.

use super::End;
use std::net::IpAddr;

/// Longer loops are not looked for.
const LOOP_MAX: usize = 16;

/// A loop shows after so many repetitions of what came before.
const REPETITIONS: usize = 2;

/// Judges the first answers of hops, from `first_hop` on, by the farthest that was heard.
pub(super) fn without_end(hops: &[Option<IpAddr>], first_hop: u8, heard: u8, hops_max: u8) -> End {
    if let Some((at, length)) = find_loop(hops) {
        return End::Loop { from_hop: first_hop + at as u8, length: length as u8 };
    }
    if heard < hops_max { End::Silent { from_hop: heard + 1 } } else { End::HopsExhausted }
}

/// The start and the length of the shortest loop that the last answers run in.
fn find_loop(hops: &[Option<IpAddr>]) -> Option<(usize, usize)> {
    let last = hops.iter().rposition(Option::is_some)?;
    (1..=LOOP_MAX).find_map(|length| {
        // A silent hop contradicts nothing, but shows nothing either.
        let pair = |at: usize| hops[at].zip(hops[at - length]);
        let same = (length..=last).rev().take_while(|at| pair(*at).is_none_or(|(a, b)| a == b));
        let start = same.clone().last()?;
        let shown = same.filter(|at| pair(*at).is_some()).count();
        (shown >= length * REPETITIONS && shown > 2).then_some((start - length, length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(text: &str) -> Vec<Option<IpAddr>> {
        let address = |letter: u8| IpAddr::from([192, 0, 2, letter]);
        text.bytes().map(|letter| (letter != b'*').then(|| address(letter))).collect()
    }

    fn judge(text: &str) -> End {
        let hops = hops(text);
        let heard = hops.iter().rposition(Option::is_some).map_or(0, |at| at as u8 + 1);
        without_end(&hops, 1, heard, hops.len() as u8)
    }

    #[test]
    fn loops_are_found_where_they_begin() {
        assert_eq!(judge("abcdedededede"), End::Loop { from_hop: 4, length: 2 });
        assert_eq!(judge("abcxyzxyzxyz"), End::Loop { from_hop: 4, length: 3 });
        assert_eq!(judge("abxyx*xyxyxyx"), End::Loop { from_hop: 3, length: 2 });
        assert_eq!(judge("abbbbb"), End::Loop { from_hop: 2, length: 1 });
    }

    #[test]
    fn what_is_no_loop_is_silence_or_a_long_road() {
        assert_eq!(judge("abc*********"), End::Silent { from_hop: 4 });
        assert_eq!(judge("************"), End::Silent { from_hop: 1 });
        assert_eq!(judge("abcdefghijkl"), End::HopsExhausted);
        // One router that answers for two hops.
        assert_eq!(judge("abcddefghijk"), End::HopsExhausted);
    }
}
