//! Numbers as fping reads them: by C's `sscanf` and `atoi`, which take what a text starts with and
//! leave the rest, so that `-t 500ms` has always meant 500.

/// What `%f` reads: an optional sign, digits with an optional point, an optional exponent.
pub fn float(text: &str) -> Option<f64> {
    let text = text.trim_start_matches(is_space);
    let bytes = text.as_bytes();
    let mut end = sign_len(bytes);
    let whole = digits_len(&bytes[end..]);
    end += whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits_len(&bytes[end + 1..]);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = sign_len(&bytes[end + 1..]);
        let exponent = digits_len(&bytes[end + 1 + sign..]);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    text[..end].parse().ok()
}

/// What `%u` and `atoi` read: an optional sign and decimal digits; stops at the bounds.
pub fn integer(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(is_space);
    let (is_negative, digits) = signed(text);
    in_base(digits, 10, is_negative)
}

/// What `%i` reads: as [`integer`], but `0x` starts a hexadecimal number and `0` an octal one.
pub fn integer_any_base(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(is_space);
    let (is_negative, digits) = signed(text);
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    match hexadecimal.and_then(|digits| in_base(digits, 16, is_negative)) {
        Some(number) => Some(number),
        None if digits.starts_with('0') => in_base(digits, 8, is_negative),
        None => in_base(digits, 10, is_negative),
    }
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\u{b}'
}

fn sign_len(bytes: &[u8]) -> usize {
    usize::from(matches!(bytes.first(), Some(b'+' | b'-')))
}

fn digits_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn in_base(digits: &str, base: u32, is_negative: bool) -> Option<i64> {
    let mut values = digits.chars().map_while(|digit| digit.to_digit(base)).peekable();
    values.peek()?;
    let magnitude = values.fold(0_i64, |number, digit| {
        number.saturating_mul(i64::from(base)).saturating_add(i64::from(digit))
    });
    Some(if is_negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_end_where_they_stop_making_sense() {
        for (text, number) in [
            ("500", Some(500.0)),
            (" 1.5ms", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e3", Some(1000.0)),
            ("1e", Some(1.0)),
            ("2e+x", Some(2.0)),
            ("-2", Some(-2.0)),
            ("1,cumulative", Some(1.0)),
            ("xxx", None),
            ("", None),
            (".", None),
            ("-", None),
        ] {
            assert_eq!(float(text), number, "{text:?}");
        }
    }

    #[test]
    fn integers_end_where_they_stop_making_sense() {
        for (text, number) in [
            ("10abc", Some(10)),
            ("\t-3", Some(-3)),
            ("+4", Some(4)),
            ("99999999999999999999", Some(i64::MAX)),
            ("abc", None),
            ("", None),
            ("0x10", Some(0)),
        ] {
            assert_eq!(integer(text), number, "{text:?}");
        }
        assert_eq!(integer_any_base("0x10"), Some(16));
        assert_eq!(integer_any_base("010"), Some(8));
        assert_eq!(integer_any_base("0"), Some(0));
        assert_eq!(integer_any_base("0xg"), Some(0));
        assert_eq!(integer_any_base("46"), Some(46));
        assert_eq!(integer_any_base("x"), None);
    }
}
