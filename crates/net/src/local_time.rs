//! Local time, as the system's time zone has it.

use crate::sys;

/// A point in time as a calendar and a clock on the wall show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Anno Domini.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60: there are leap seconds.
    pub second: u8,
    /// 0 is Sunday.
    pub weekday: u8,
    /// How far the clock is ahead of UTC, seconds.
    pub ahead_of_utc_s: i32,
}

/// What local clocks showed that many seconds after 1970-01-01 UTC; UTC if the system cannot say.
pub fn at(unix_s: i64) -> LocalTime {
    sys::local_time::at(unix_s).unwrap_or_else(|| utc(unix_s))
}

/// The civil date of a day count, after Howard Hinnant's `civil_from_days`: years begin in March,
/// so that the leap day comes last.
fn utc(unix_s: i64) -> LocalTime {
    let days = unix_s.div_euclid(86_400);
    let second = unix_s.rem_euclid(86_400);
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    LocalTime {
        year: era * 400 + year_of_era + i64::from(month <= 2),
        month: month as u8,
        day: day as u8,
        hour: (second / 3_600) as u8,
        minute: (second / 60 % 60) as u8,
        second: (second % 60) as u8,
        weekday: (days.rem_euclid(7) as u8 + 4) % 7,
        ahead_of_utc_s: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(time: LocalTime) -> String {
        let LocalTime { year, month, day, hour, minute, second, weekday, .. } = time;
        format!("{year}-{month}-{day} {hour}:{minute}:{second} {weekday}")
    }

    #[test]
    fn calendar_dates() {
        assert_eq!(shown(utc(0)), "1970-1-1 0:0:0 4");
        assert_eq!(shown(utc(951_782_399)), "2000-2-28 23:59:59 1");
        assert_eq!(shown(utc(951_782_400)), "2000-2-29 0:0:0 2");
        assert_eq!(shown(utc(1_767_225_600)), "2026-1-1 0:0:0 4");
        assert_eq!(shown(utc(-1)), "1969-12-31 23:59:59 3");
        utc(i64::MAX);
        utc(i64::MIN);
    }

    #[test]
    fn the_system_agrees_up_to_its_time_zone() {
        let unix_s = 1_767_225_600;
        let local = at(unix_s);
        let expected = utc(unix_s + i64::from(local.ahead_of_utc_s));
        assert_eq!(shown(local), shown(expected));
    }
}
