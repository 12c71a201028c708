//! Numbers as strtol(3) and strtod(3) read them.

/// What was read, and what was left behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read<'a, N> {
    /// The number; the nearest one if it does not fit.
    pub value: N,
    /// Whether it did not fit.
    pub overflowed: bool,
    /// Whether there were digits at all.
    pub found: bool,
    /// What stands behind.
    pub rest: &'a str,
}

/// An integer in a base, after white space and perhaps a sign.
pub fn integer(text: &str, base: u32) -> Read<'_, i64> {
    let start = text.trim_start_matches(is_space);
    let (negative, digits) = match start.as_bytes().first() {
        Some(b'-') => (true, &start[1..]),
        Some(b'+') => (false, &start[1..]),
        _ => (false, start),
    };
    let end = digits.find(|c: char| !c.is_digit(base)).unwrap_or(digits.len());
    if end == 0 {
        return Read { value: 0, overflowed: false, found: false, rest: text };
    }
    let sign = if negative { "-" } else { "" };
    let (value, overflowed) = match i64::from_str_radix(&format!("{sign}{}", &digits[..end]), base)
    {
        Ok(value) => (value, false),
        Err(_) if negative => (i64::MIN, true),
        Err(_) => (i64::MAX, true),
    };
    Read { value, overflowed, found: true, rest: &digits[end..] }
}

/// A decimal fraction, `inf` or `nan`, after white space and perhaps a sign.
pub fn fraction(text: &str) -> Read<'_, f64> {
    let start = text.trim_start_matches(is_space);
    let unsigned = start.strip_prefix(['-', '+']).unwrap_or(start);
    let bytes = fraction_bytes(unsigned);
    if bytes == 0 {
        return Read { value: 0.0, overflowed: false, found: false, rest: text };
    }
    let (number, rest) = start.split_at(start.len() - unsigned.len() + bytes);
    let value: f64 = number.parse().expect("fraction_bytes takes what Rust reads");
    let overflowed = value.is_infinite() && number.bytes().any(|byte| byte.is_ascii_digit());
    Read { value, overflowed, found: true, rest }
}

/// How many bytes at the start are a number without a sign.
fn fraction_bytes(text: &str) -> usize {
    let lower = text.to_ascii_lowercase();
    if let Some(word) = ["infinity", "inf", "nan"].iter().find(|word| lower.starts_with(**word)) {
        return word.len();
    }
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(0);
    let mut end = whole;
    let mut any = whole > 0;
    if text[end..].starts_with('.') {
        let decimals = digits(end + 1);
        if any || decimals > 0 {
            any = true;
            end += 1 + decimals;
        }
    }
    if !any {
        return 0;
    }
    if text[end..].starts_with(['e', 'E']) {
        let signed = text[end + 1..].starts_with(['-', '+']);
        let at = end + 1 + usize::from(signed);
        let exponent = digits(at);
        if exponent > 0 {
            end = at + exponent;
        }
    }
    end
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// A number with six significant digits at most, without trailing zeros: printf's `%g`.
pub fn general(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation");
    let exponent: i32 = exponent.parse().expect("scientific notation");
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).unwrap_or(0);
        return trimmed(&format!("{value:.decimals$}"));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
}

fn trimmed(decimal: &str) -> String {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        decimal.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        let read = |text| (integer(text, 10).value, integer(text, 10).rest);
        assert_eq!(read("12"), (12, ""));
        assert_eq!(read(" -12x"), (-12, "x"));
        assert_eq!(read("0x10"), (0, "x10"));
        assert_eq!(read("x"), (0, "x"));
        assert!(!integer("-", 10).found && !integer("", 10).found);
        assert!(integer("99999999999999999999", 10).overflowed);
        assert_eq!(integer("-99999999999999999999", 10).value, i64::MIN);
        assert_eq!(integer("fFg", 16).value, 255);
    }

    #[test]
    fn fractions() {
        let read = |text| (fraction(text).value, fraction(text).rest);
        assert_eq!(read("0.2"), (0.2, ""));
        assert_eq!(read(" -.5e1s"), (-5.0, "s"));
        assert_eq!(read("5."), (5.0, ""));
        assert_eq!(read("1e"), (1.0, "e"));
        assert_eq!(read("1,5"), (1.0, ",5"));
        assert!(!fraction(".").found && !fraction("e5").found && !fraction("-").found);
        assert!(fraction("1e400").overflowed && !fraction("inf").overflowed);
        assert!(fraction("NaNx").value.is_nan());
        assert_eq!(fraction("é").rest, "é");
    }

    #[test]
    fn general_notation() {
        for (value, text) in [
            (0.0, "0"),
            (100.0, "100"),
            (33.333_333_3, "33.3333"),
            (0.001_234_567, "0.00123457"),
            (0.000_012_345_67, "1.23457e-05"),
            (99.999_99, "100"),
            (1_234_567.0, "1.23457e+06"),
            (50.5, "50.5"),
        ] {
            assert_eq!(general(value), text);
        }
    }
}
