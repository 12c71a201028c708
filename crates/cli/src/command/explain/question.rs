//! What is asked: everything, a type, a type and code, or a text to be made out.

use crate::failure::{Exit, Failure};
use wire::Family;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question<'a> {
    /// Every type.
    Everything,
    /// A type, perhaps with its code.
    Numbers {
        /// The type.
        kind: u8,
        /// The code; all if there is none.
        code: Option<u8>,
    },
    /// Anything else, without the family's name.
    Text(&'a str),
}

/// Words that say which family is meant, and whether names are of that family only: people say
/// ICMP of both.
const FAMILIES: &[(&str, Family, bool)] = &[
    ("v4", Family::V4, true),
    ("ipv4", Family::V4, true),
    ("icmpv4", Family::V4, true),
    ("icmp4", Family::V4, true),
    ("icmp", Family::V4, false),
    ("v6", Family::V6, true),
    ("ipv6", Family::V6, true),
    ("icmpv6", Family::V6, true),
    ("icmp6", Family::V6, true),
];

/// What a text asks, and of which family.
///
/// # Errors
/// If it names a type or code beyond 255.
pub fn read(text: &str) -> Result<(Question<'_>, Option<Family>), Failure> {
    let text = text.trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    let word = first.to_ascii_lowercase();
    let row = FAMILIES.iter().find(|(known, ..)| *known == word.trim_end_matches(','));
    let rest = if row.is_some() { text[first.len()..].trim() } else { text };
    let family = row.map(|(_, family, _)| *family);
    if rest.is_empty() {
        return Ok((Question::Everything, family));
    }
    if let Some((kind, code)) = numbers(rest) {
        let small = |number: u32, what: &str, most: &str| {
            u8::try_from(number).map_err(|_| Failure {
                message: format!("no {what} {number}"),
                hint: Some(most.to_owned()),
                exit: Exit::Usage,
            })
        };
        let kind = small(kind, "ICMP type", "types run from 0 to 255")?;
        let code = code.map(|code| small(code, "ICMP code", "codes run from 0 to 255"));
        return Ok((Question::Numbers { kind, code: code.transpose()? }, family));
    }
    let of_names = row.filter(|(.., is_strict)| *is_strict).map(|(_, family, _)| *family);
    Ok((Question::Text(rest), of_names))
}

/// `3/4`, `3 4`, `3`, `3/*`, `type 3 code 4`, `类型3 代码4`.
fn numbers(text: &str) -> Option<(u32, Option<u32>)> {
    let text = text.to_lowercase();
    let text =
        ["type", "code", "类型", "代码"].iter().fold(text, |text, word| text.replace(word, " "));
    let is_apart = |c: char| c.is_whitespace() || "/,:=".contains(c);
    let mut words = text.split(is_apart).filter(|word| !word.is_empty());
    let number = |word: &str| {
        let is_number = word.len() <= 9 && word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse().ok().filter(|_| is_number)
    };
    let kind = number(words.next()?)?;
    let code = match words.next() {
        None | Some("*") => None,
        Some(word) => Some(number(word)?),
    };
    words.next().is_none().then_some((kind, code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_form() {
        let is = |kind, code, family| Ok((Question::Numbers { kind, code }, family));
        let read = |text| read(text).map_err(|failure| failure.message);
        assert_eq!(read("3/4"), is(3, Some(4), None));
        assert_eq!(read("3 4"), is(3, Some(4), None));
        assert_eq!(read(" 3 "), is(3, None, None));
        assert_eq!(read("3/*"), is(3, None, None));
        assert_eq!(read("v6 1/4"), is(1, Some(4), Some(Family::V6)));
        assert_eq!(read("ICMPv6 1/4"), is(1, Some(4), Some(Family::V6)));
        assert_eq!(read("icmp type 3 code 13"), is(3, Some(13), Some(Family::V4)));
        assert_eq!(read("类型3代码4"), is(3, Some(4), None));
        assert_eq!(read("ipv6"), Ok((Question::Everything, Some(Family::V6))));
        assert_eq!(read("icmp echo"), Ok((Question::Text("echo"), None)));
        assert_eq!(read("v6 echo"), Ok((Question::Text("echo"), Some(Family::V6))));
        assert_eq!(read("10.0.0.1"), Ok((Question::Text("10.0.0.1"), None)));
        assert_eq!(read("3/256"), Err("no ICMP code 256".to_owned()));
        assert_eq!(read("300"), Err("no ICMP type 300".to_owned()));
    }
}
