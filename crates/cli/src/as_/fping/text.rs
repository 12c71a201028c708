//! How fping writes numbers and times, and the two streams that it writes them to.

use super::options::Stamp;
use net::local_time;
use std::fmt;
use std::io::{self, Write};

/// Bytes of output that are written at once when much of it is printed.
const BUFFER_BYTES: usize = 64 * 1024;

/// A round trip in nanoseconds, written as milliseconds with three digits that count.
#[derive(Clone, Copy, Debug)]
pub struct Ms(pub u64);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 as f64 / 1e6;
        match ms {
            _ if ms < 1.0 => write!(f, "{ms:.3}"),
            _ if ms < 10.0 => write!(f, "{ms:.2}"),
            _ if ms < 100.0 => write!(f, "{ms:.1}"),
            _ if ms < 1_000_000.0 => write!(f, "{ms:.0}"),
            _ => {
                // As C's %e: at least two digits of exponent, and its sign.
                let text = format!("{ms:.3e}");
                let (digits, exponent) = text.split_once('e').expect("written with an exponent");
                write!(f, "{digits}e+{exponent:0>2}")
            }
        }
    }
}

/// A point in time, nanoseconds since 1970-01-01 UTC, written as `-D` asks.
#[derive(Clone, Copy, Debug)]
pub struct At(pub i128, pub Stamp);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At(unix_ns, stamp) = *self;
        let unix_s = i64::try_from(unix_ns.div_euclid(1_000_000_000)).unwrap_or(0);
        if stamp == Stamp::Unix {
            let ten_us = (unix_ns + 5_000).div_euclid(10_000);
            return write!(f, "{}.{:05}", ten_us.div_euclid(100_000), ten_us.rem_euclid(100_000));
        }
        let local = local_time::at(unix_s);
        let (year, month, day) = (local.year, local.month, local.day);
        let clock = format!("{:02}:{:02}:{:02}", local.hour, local.minute, local.second);
        match stamp {
            Stamp::Unix => Ok(()),
            Stamp::Ctime => {
                const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
                const MONTHS: [&str; 12] = [
                    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                    "Dec",
                ];
                let weekday = DAYS[usize::from(local.weekday % 7)];
                let month = MONTHS[usize::from((month + 11) % 12)];
                write!(f, "{weekday} {month} {day:>2} {clock} {year}")
            }
            Stamp::Iso => {
                let minutes = local.ahead_of_utc_s / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
                write!(f, "{year}-{month:02}-{day:02}T{clock}{sign}{hours:02}{minutes:02}")
            }
            Stamp::Rfc3339 => write!(f, "{year}-{month:02}-{day:02} {clock}"),
        }
    }
}

/// The clock of the head of a report: `HH:MM:SS`, local time.
pub fn clock(unix_ns: i128) -> String {
    let local = local_time::at(i64::try_from(unix_ns.div_euclid(1_000_000_000)).unwrap_or(0));
    format!("{:02}:{:02}:{:02}", local.hour, local.minute, local.second)
}

/// A JSON string, quotes included.
pub fn json(text: &str) -> String {
    serde_json::to_string(text).expect("any text is a JSON string")
}

/// Standard output and standard error. Both are held back until there is nothing else to do, but
/// whoever merges them sees every line where it belongs.
#[derive(Debug, Default)]
pub struct Streams {
    out: String,
    err: String,
}

impl Streams {
    /// Where to add to standard output.
    pub fn out(&mut self) -> &mut String {
        if !self.err.is_empty() || self.out.len() >= BUFFER_BYTES {
            self.flush();
        }
        &mut self.out
    }

    /// Where to add to standard error.
    pub fn err(&mut self) -> &mut String {
        if !self.out.is_empty() || self.err.len() >= BUFFER_BYTES {
            self.flush();
        }
        &mut self.err
    }

    /// Writes what is held back. If nobody reads standard output any more the program ends, as one
    /// that takes SIGPIPE as it comes.
    pub fn flush(&mut self) {
        let written = io::stdout().lock().write_all(self.out.as_bytes());
        let written = written.and_then(|()| io::stdout().lock().flush());
        if written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            std::process::exit(128 + 13);
        }
        // Nobody is left to tell if this fails.
        let _ = io::stderr().lock().write_all(self.err.as_bytes());
        self.out.clear();
        self.err.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_have_three_digits_that_count() {
        for (ns, text) in [
            (0, "0.000"),
            (19_499, "0.019"),
            (999_499, "0.999"),
            (1_000_000, "1.00"),
            (9_994_000, "9.99"),
            (36_800_000, "36.8"),
            (91_660_000, "91.7"),
            (123_456_789, "123"),
            (999_999_000_000, "999999"),
            (1_234_000_000_000, "1.234e+06"),
        ] {
            assert_eq!(Ms(ns).to_string(), text);
        }
    }

    #[test]
    fn times_are_written_as_asked() {
        let ns = 1_767_225_600_123_456_789;
        assert_eq!(At(ns, Stamp::Unix).to_string(), "1767225600.12346");
        assert_eq!(At(ns, Stamp::Rfc3339).to_string().len(), "2026-01-01 00:00:00".len());
        assert_eq!(At(ns, Stamp::Iso).to_string().len(), "2026-01-01T00:00:00+0000".len());
        assert_eq!(At(ns, Stamp::Ctime).to_string().len(), "Thu Jan  1 00:00:00 2026".len());
        assert_eq!(clock(ns).len(), 8);
    }
}
