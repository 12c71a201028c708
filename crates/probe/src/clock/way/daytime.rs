//! Daytime (RFC 867): a line of text for people, in no particular form. The usual ones are read:
//! that of inetd, which is local time and names no zone, those that RFC 867 suggests, that of the
//! NIST, and those of mail and of ISO 8601.

use super::{Reading, Said, WholeSeconds};
use crate::clock::{Doubt, SECOND_NS};

/// Daytime.
pub static DAYTIME: WholeSeconds = WholeSeconds { name: "daytime", port: 13, hear: text, read };

/// What is kept of a text; a line of less than so much is all that RFC 867 wants to be sent.
pub const TEXT_MAX_BYTES: usize = 256;

/// All zones in use are ahead of UTC by a multiple of that.
pub const ZONE_STEP_S: i64 = 900;

/// Years that are believed.
const YEARS: std::ops::RangeInclusive<u32> = 1_900..=2_200;

/// Names of zones and how many hours they are ahead of UTC: those of mail (RFC 822 §5.1) and others
/// that nobody else uses. Where a name means several zones, it names none.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("UT", 0),
    ("GMT", 0),
    ("Z", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("JST", 9),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

fn read(said: &Said) -> Result<Reading, Doubt> {
    let Said::Text(text) = said else { return Err(Doubt::Unfilled) };
    let date = Date::parse(text).ok_or(Doubt::Unreadable)?;
    let cycle_ns = date.zone_s.is_none().then_some(i128::from(ZONE_STEP_S) * SECOND_NS);
    Ok(WholeSeconds::reading(i128::from(date.unix_s()) * SECOND_NS, cycle_ns))
}

/// What a datagram or a connection brought, without what stands around the line; `None` if that is
/// nothing.
pub fn text(payload: &[u8]) -> Option<Said> {
    let payload = &payload[..payload.len().min(TEXT_MAX_BYTES)];
    let text = String::from_utf8_lossy(payload);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| Said::Text(text.to_owned()))
}

/// A date and a time as a text has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Date {
    year: u32,
    month: u32,
    day: u32,
    second_of_day: u32,
    /// How far its zone is ahead of UTC, in seconds; `None` if it names none that we know.
    pub zone_s: Option<i32>,
}

/// What was found in a text so far.
#[derive(Default)]
struct Found {
    year: Option<u32>,
    month: Option<u32>,
    day: Option<u32>,
    time: Option<u32>,
    zone_s: Option<i32>,
    is_afternoon: Option<bool>,
    numbers: Vec<(u32, usize)>,
}

impl Date {
    /// Reads a text.
    pub fn parse(text: &str) -> Option<Date> {
        let mut found = Found::default();
        for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()) {
            // ISO 8601 joins date and time by a letter.
            match word.split_once('T').filter(|(date, _)| date.contains('-') && !date.contains(':'))
            {
                Some((date, time)) => {
                    found.take(date);
                    found.take(time);
                }
                None => found.take(word),
            }
        }
        found.date()
    }

    /// Seconds since 1970-01-01 UTC; without a zone as if it were UTC.
    pub fn unix_s(&self) -> i64 {
        let days = days(self.year, self.month, self.day);
        let zone_s = self.zone_s.unwrap_or(0);
        days * 86_400 + i64::from(self.second_of_day) - i64::from(zone_s)
    }
}

impl Found {
    fn take(&mut self, word: &str) {
        if word.contains(':') {
            self.take_time(word);
        } else if let Some(zone_s) = numeric_zone(word).filter(|_| self.time.is_some()) {
            self.zone_s = self.zone_s.or(Some(zone_s));
        } else if word.contains(['-', '/']) {
            self.take_date(word);
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            if let Ok(number) = word.parse()
                && self.numbers.len() < 8
            {
                self.numbers.push((number, word.len()));
            }
        } else if let Some(month) = month(word) {
            self.month = self.month.or(Some(month));
        } else if let Some(is_afternoon) = afternoon(word) {
            self.is_afternoon = Some(is_afternoon);
        } else {
            self.zone_s = self.zone_s.or(named_zone(word));
        }
    }

    /// `22:01:43`, `22:01`, `07:59:01-PST`, `22:01:43.25Z`, `22:01:43+01:00`.
    fn take_time(&mut self, word: &str) {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(word.len());
        let (clock, rest) = word.split_at(end);
        let mut parts = clock.split(':').map(|part| part.parse::<u32>().ok());
        let (Some(Some(hour)), Some(Some(minute))) = (parts.next(), parts.next()) else { return };
        let second = parts.next().unwrap_or(Some(0));
        let (Some(second), None) = (second, parts.next()) else { return };
        // 60 is a leap second.
        if hour > 23 || minute > 59 || second > 60 || self.time.is_some() {
            return;
        }
        self.time = Some(hour * 3_600 + minute * 60 + second);
        let rest = rest
            .strip_prefix(['.', ','])
            .map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
        let zone_s = numeric_zone(rest).or_else(|| named_zone(rest.trim_start_matches('-')));
        self.zone_s = self.zone_s.or(zone_s);
        self.is_afternoon = self.is_afternoon.or(afternoon(rest));
    }

    /// `2026-11-25`, `25-NOV-26`, and the NIST's `26-11-25` behind the number of the day.
    fn take_date(&mut self, word: &str) {
        let parts: Vec<&str> = word.split(['-', '/']).collect();
        let &[first, second, third] = parts.as_slice() else { return };
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u32>().ok().filter(|_| is_plain)
        };
        // A modified Julian day of five digits stands in front of the NIST's.
        let is_nist = matches!(self.numbers.as_slice(), [(_, 5)]);
        let date = match (number(first), number(second), number(third)) {
            (Some(y), Some(m), Some(d)) if first.len() == 4 => Some((y, m, d)),
            (Some(y), Some(m), Some(d)) if is_nist => Some((century(y), m, d)),
            (Some(d), None, Some(y)) => {
                let year = if third.len() == 4 { y } else { century(y) };
                month(second).map(|month| (year, month, d))
            }
            _ => None,
        };
        if let Some((year, month, day)) = date {
            (self.year, self.month, self.day) = (Some(year), Some(month), Some(day));
        }
    }

    fn date(mut self) -> Option<Date> {
        for (number, digits) in std::mem::take(&mut self.numbers) {
            if digits == 4 {
                self.year = self.year.or(Some(number));
            } else if digits <= 2 && self.day.is_none() {
                self.day = Some(number);
            } else if digits == 2 {
                self.year = self.year.or(Some(century(number)));
            }
        }
        let (year, month, day) = (self.year?, self.month?, self.day?);
        let is_date = YEARS.contains(&year)
            && (1..=12).contains(&month)
            && (1..=month_days(year, month)).contains(&day);
        let mut second_of_day = self.time?;
        match (self.is_afternoon, second_of_day / 3_600) {
            (Some(true), 1..12) => second_of_day += 12 * 3_600,
            (Some(false), 12) => second_of_day -= 12 * 3_600,
            _ => {}
        }
        is_date.then_some(Date { year, month, day, second_of_day, zone_s: self.zone_s })
    }
}

/// A year of two digits: of 1970 to 2069.
fn century(year: u32) -> u32 {
    match year {
        0..70 => 2_000 + year,
        70..100 => 1_900 + year,
        _ => year,
    }
}

fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.').to_ascii_lowercase();
    let position = MONTHS.iter().position(|name| word.len() >= 3 && name.starts_with(&word));
    position.map(|index| index as u32 + 1)
}

fn afternoon(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "pm" => Some(true),
        "am" => Some(false),
        _ => None,
    }
}

/// `+0100`, `-08:00`, `+01`.
fn numeric_zone(word: &str) -> Option<i32> {
    let sign = match word.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = word[1..].chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let (hours, minutes) = match digits.len() {
        2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return None,
    };
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// `PST`, `UTC(NIST)`.
fn named_zone(word: &str) -> Option<i32> {
    let end = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
    let name = word[..end].to_ascii_uppercase();
    ZONES.iter().find(|(known, _)| *known == name).map(|(_, hours)| hours * 3_600)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days(year: u32, month: u32, day: u32) -> i64 {
    let before = i64::from(year) - 1;
    let leaps = |years: i64| years / 4 - years / 100 + years / 400;
    let years = (i64::from(year) - 1970) * 365 + leaps(before) - leaps(1969);
    let months: u32 = (1..month).map(|month| month_days(year, month)).sum();
    years + i64::from(months) + i64::from(day) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        const NOV_25: i64 = 1_795_644_103;
        let zone = |hours: i32| Some(hours * 3_600);
        for (text, unix_s, zone_s) in [
            ("Wed Nov 25 22:01:43 2026", NOV_25, None),
            ("Wed Nov  5 22:01:43 2026", NOV_25 - 20 * 86_400, None),
            ("Wednesday, November 25, 2026 22:01:43-UTC", NOV_25, zone(0)),
            ("Tuesday, February 22, 1982 17:37:43-PST", 383_276_263, zone(-8)),
            ("02 FEB 82 07:59:01 PST", 381_513_541, zone(-8)),
            ("02-FEB-82 07:59:01 PST", 381_513_541, zone(-8)),
            ("61369 26-11-25 22:01:43 00 0 0 123.4 UTC(NIST) *", NOV_25, zone(0)),
            ("2026-11-25T22:01:43Z", NOV_25, zone(0)),
            ("2026-11-25T23:01:43.250+01:00", NOV_25, zone(1)),
            ("2026-11-25 22:01:43", NOV_25, None),
            ("Wed, 25 Nov 2026 23:01:43 +0100", NOV_25, zone(1)),
            ("Wed, 25 Nov 2026 22:01:43 GMT", NOV_25, zone(0)),
            ("Wed Nov 25 23:01:43 CET 2026", NOV_25, zone(1)),
            ("10:01:43 PM 25 Nov 2026", NOV_25, None),
            ("Thu Feb 29 00:00:00 2024", 1_709_164_800, None),
            ("Wed Dec 31 23:59:60 2025", 1_767_225_600, None),
        ] {
            let date = Date::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((date.unix_s(), date.zone_s), (unix_s, zone_s), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for text in [
            "",
            "hello",
            "22:01:43",
            "Nov 25 2026",
            "Feb 30 00:00:00 2026",
            "Feb 29 00:00:00 2026",
            "Wed Nov 25 24:01:43 2026",
            "Wed Nov 25 22:60:43 2026",
            "Wed Nov 25 22:01:43 99999",
            "Wed Nov 25 22:01:43 1776",
            "11/25/26 22:01:43",
            "26-11-25 22:01:43",
            "99999999999999999999 Nov 25 22:01:43",
            ":::::",
            "1:2:3:4 Nov 1 2026",
            "-- --- +-: T-T",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_and_trimmed() {
        assert_eq!(text(b"\n 1 \r\n\0"), Some(Said::Text("1".into())));
        assert_eq!(text(b" \r\n"), None);
        let Some(Said::Text(long)) = text(&[b'x'; 5_000]) else { panic!("a text") };
        assert_eq!(long.len(), TEXT_MAX_BYTES);
    }
}
