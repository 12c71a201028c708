//! The wall clock as text: RFC 3339, UTC, proleptic Gregorian calendar.

/// Seconds of a day; leap seconds are not told apart, as in POSIX time.
const DAY_S: i128 = 86_400;

/// A point in time, nanoseconds since 1970-01-01 UTC, as `2026-01-01T00:00:00.000000000Z`.
pub fn rfc3339(unix_ns: i128) -> String {
    with_fraction(unix_ns, 9)
}

/// As [`rfc3339`], with that many decimals of a second, 1 to 9; more are cut.
pub fn with_fraction(unix_ns: i128, decimals: usize) -> String {
    let seconds = unix_ns.div_euclid(1_000_000_000);
    let ns = unix_ns.rem_euclid(1_000_000_000);
    let (year, month, day) = civil(seconds.div_euclid(DAY_S));
    let second = seconds.rem_euclid(DAY_S);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ns:09}",
        second / 3_600,
        second / 60 % 60,
        second % 60,
    );
    text.truncate(text.len() - 9 + decimals.clamp(1, 9));
    text.push('Z');
    text
}

/// Milliseconds since midnight UTC.
pub fn midnight_ms(unix_ns: i128) -> u32 {
    (unix_ns.div_euclid(1_000_000).rem_euclid(DAY_S * 1_000)) as u32
}

/// Year, month and day of a day counted from 1970-01-01. Counts in 400-year cycles of 146,097 days
/// from 0000-03-01, so that the leap day is the last of its year.
fn civil(day: i128) -> (i128, i128, i128) {
    let shifted = day + 719_468;
    let cycle = shifted.div_euclid(146_097);
    let day_of_cycle = shifted.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + i128::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let at = |unix_s: i128| with_fraction(unix_s * 1_000_000_000, 1);
        assert_eq!(at(0), "1970-01-01T00:00:00.0Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.0Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.0Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00.0Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.0Z");
        assert_eq!(at(1_767_225_600), "2026-01-01T00:00:00.0Z");
        assert_eq!(at(1_798_761_599), "2026-12-31T23:59:59.0Z");
        assert_eq!(at(-1), "1969-12-31T23:59:59.0Z");
    }

    #[test]
    fn nanoseconds_are_kept() {
        assert_eq!(rfc3339(1_767_225_600_000_000_001), "2026-01-01T00:00:00.000000001Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn midnight_is_zero() {
        assert_eq!(midnight_ms(1_767_225_600_000_000_000), 0);
        assert_eq!(midnight_ms(1_767_225_599_999_000_000), 86_399_999);
    }
}
