//! Text that came off the network, made safe for a terminal.

use std::borrow::Cow;

/// `text` with everything that is not plain printable replaced: control characters (C0, DEL, C1),
/// bidirectional overrides and other format characters, as `\u{..}`; a backslash as `\\`.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\\' {
            safe.push_str("\\\\");
        } else if is_plain(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_unicode());
        }
    }
    safe
}

/// `text` as it is if all of it is plain, else escaped: for lines that quote what was escaped
/// before beside what was not.
pub fn defuse(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) { Cow::Borrowed(text) } else { Cow::Owned(escape(text)) }
}

fn is_plain(character: char) -> bool {
    !character.is_control()
        && !UNSEEN.iter().any(|&(first, last)| (first..=last).contains(&character))
}

/// Characters that are not seen but change what is: Unicode's format characters, line and paragraph
/// separators, spaces other than the plain one, fillers, variation selectors and private use.
const UNSEEN: &[(char, char)] = &[
    ('\u{a0}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2000}', '\u{200f}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffd}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1345f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{10ffff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_of_any_script_stays() {
        assert_eq!(escape("r3.example.org 问路 é"), "r3.example.org 问路 é");
    }

    #[test]
    fn terminal_sequences_lose_their_power() {
        assert_eq!(escape("\x1b]0;pwn\x07"), r"\u{1b}]0;pwn\u{7}");
        assert_eq!(escape("a\u{9b}2Jb\x7f\n"), r"a\u{9b}2Jb\u{7f}\u{a}");
    }

    #[test]
    fn what_reverses_or_hides_text_is_shown() {
        assert_eq!(escape("a\u{202e}b\u{200b}c\u{feff}"), r"a\u{202e}b\u{200b}c\u{feff}");
        assert_eq!(escape("\u{e0041}\u{2028}"), r"\u{e0041}\u{2028}");
    }

    #[test]
    fn what_is_plain_is_not_escaped_twice() {
        assert_eq!(defuse(r"\u{1b} é"), r"\u{1b} é");
        assert_eq!(defuse("\x1b[2J"), r"\u{1b}[2J");
    }

    #[test]
    fn the_escape_itself_cannot_be_faked() {
        assert_eq!(escape(r"\u{1b}"), r"\\u{1b}");
    }
}
