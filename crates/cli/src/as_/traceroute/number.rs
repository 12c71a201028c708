//! Numbers as the C library reads and prints them, and the names that stand for some.

use std::fs;
use std::path::Path;

/// A whole number in the notation of C (`0x10`, `020`, `16`), wherever it ends with the text, cut
/// to 32 bits.
pub fn whole(text: &str) -> Option<u32> {
    let text = text.trim_start_matches(is_space);
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    // What does not fit 64 bits is held at their end.
    let most = i128::from(i64::MAX);
    let value = i128::from_str_radix(digits, base).unwrap_or(most).min(most);
    Some(if is_negative { -value } else { value } as u32)
}

/// A number with a point.
pub fn real(text: &str) -> Option<f64> {
    text.trim_start_matches(is_space).parse().ok()
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

/// A number to six digits, as `%g` prints it.
pub fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").to_lowercase();
    }
    let scientific = format!("{value:.5e}");
    let (digits, exponent) = scientific.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).expect("at most 9");
        return trim(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim(digits), exponent.abs())
}

fn trim(digits: &str) -> String {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    }
}

/// A port by its number or its service's name.
pub fn port(text: &str) -> Option<u16> {
    let by_name = || {
        let (_, number) = named("/etc/services", text)?;
        number.split('/').next()?.parse().ok()
    };
    whole(text).map(|port| port as u16).or_else(by_name)
}

/// An IP protocol by its number or its name.
pub fn protocol(text: &str) -> Option<u32> {
    let by_name = || named("/etc/protocols", text)?.1.parse().ok();
    whole(text).or_else(by_name)
}

/// The line of a table of the system's that has a name or an alias: name and number.
fn named(path: &str, wanted: &str) -> Option<(String, String)> {
    let table = fs::read(Path::new(path)).ok()?;
    let table = String::from_utf8_lossy(&table);
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split('#').next()?.split_whitespace().collect();
        let [name, number, aliases @ ..] = words.as_slice() else { return None };
        let is_it = *name == wanted || aliases.contains(&wanted);
        is_it.then(|| ((*name).to_owned(), (*number).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_those_of_c() {
        for (text, value) in [
            ("5", Some(5)),
            ("+5", Some(5)),
            (" 5", Some(5)),
            ("0x1F", Some(31)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("-1", Some(u32::MAX)),
            ("4294967297", Some(1)),
            ("99999999999999999999", Some(u32::MAX)),
            ("", None),
            ("5 ", None),
            ("08", None),
            ("0x", None),
            ("-", None),
            ("abc", None),
        ] {
            assert_eq!(whole(text), value, "{text:?}");
        }
    }

    #[test]
    fn reals_are_printed_to_six_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (2.5, "2.5"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (0.00001, "1e-05"),
            (1.234_567_8, "1.23457"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
