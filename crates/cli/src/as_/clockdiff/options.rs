//! What a command line asks for, and what clockdiff says to one that is wrong.

use crate::as_::console::Console;
use crate::as_::getopt::{Fault, Long, Options as Getopt, Style, Takes};
use net::local_time::LocalTime;
use std::ffi::OsString;

/// Ends the program with that exit code; everything has been said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

const LONG: &[Long] = &[
    Long { name: "time-format", takes: Takes::Argument, id: 'T' },
    Long { name: "version", takes: Takes::Nothing, id: 'V' },
    Long { name: "help", takes: Takes::Nothing, id: 'h' },
];

const USAGE: &str = "
Usage:
  clockdiff [options] <destination>

Options:
                 without -o, by ICMP timestamps alone (RFC 792)
  -o             by IP timestamps and ICMP echo
  -o1            by IP timestamps of three terms and ICMP echo
  -T, --time-format <ctime|iso>
                 how times are shown, ctime by default
  -I             the same as --time-format=iso
  -h, --help     show this
  -V, --version  print version and exit
  --lab <file>   run in a lab instead of the network
  --from <node>  at this node of the lab
  --seed <number>  with this seed
  <destination>  DNS name or IP address

For more details see clockdiff(8).
";

/// Which stamps are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// ICMP timestamps.
    #[default]
    Icmp,
    /// `-o`: the IP option, there and back.
    FourTerm,
    /// `-o1`: the IP option, once at the target.
    ThreeTerm,
}

/// Everything that a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `-o`, `-o1`.
    pub form: Form,
    /// `-T iso`, `-I`.
    pub is_iso: bool,
    /// The target.
    pub host: String,
}

impl Options {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// If there is nothing to do but what has been printed: help, the version, what is wrong.
    pub fn parse(
        called: &str,
        arguments: Vec<OsString>,
        console: &mut Console,
    ) -> Result<Options, Stop> {
        let mut options = Options { form: Form::Icmp, is_iso: false, host: String::new() };
        let mut found = Getopt::new(Style::Gnu, "o1T:IVh", LONG, arguments);
        for item in found.by_ref() {
            let found = match item {
                Ok(found) => found,
                Err(Fault(message)) => {
                    console.error(&message);
                    let called = crate::escape::defuse(called);
                    console.print(&format!("Try '{called} --help' for more information.\n"));
                    return Err(Stop(1));
                }
            };
            match found.id {
                'o' => options.form = Form::FourTerm,
                '1' => options.form = Form::ThreeTerm,
                'I' => options.is_iso = true,
                'T' => {
                    let format = found.argument.unwrap_or_default();
                    let format = format.to_string_lossy();
                    options.is_iso = match &*format {
                        "iso" => true,
                        "ctime" => false,
                        _ => {
                            console.error(&format!("invalid time-format argument: {format}"));
                            return Err(Stop(1));
                        }
                    };
                }
                'V' => {
                    let version = env!("CARGO_PKG_VERSION");
                    console.print(&format!("clockdiff from askway {version}\n"));
                    return Err(Stop(0));
                }
                _ => {
                    console.error_bare(USAGE);
                    return Err(Stop(0));
                }
            }
        }
        let operands = found.operands();
        let [host] = operands.as_slice() else {
            console.error_bare(USAGE);
            return Err(Stop(1));
        };
        options.host = host.to_string_lossy().into_owned();
        Ok(options)
    }

    /// A time as people want it.
    pub fn time(&self, at: LocalTime) -> String {
        const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let LocalTime { year, month, day, hour, minute, second, weekday, ahead_of_utc_s } = at;
        if self.is_iso {
            let sign = if ahead_of_utc_s < 0 { '-' } else { '+' };
            let minutes = ahead_of_utc_s.unsigned_abs() / 60;
            let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
            let clock = format!("{hour:02}:{minute:02}:{second:02}");
            return format!("{year}-{month:02}-{day:02}T{clock}{zone}");
        }
        let weekday = WEEKDAYS.get(usize::from(weekday)).unwrap_or(&"?");
        let month = MONTHS.get(usize::from(month).wrapping_sub(1)).unwrap_or(&"?");
        format!("{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_both_formats() {
        let at = LocalTime {
            year: 2026,
            month: 11,
            day: 5,
            hour: 2,
            minute: 1,
            second: 43,
            weekday: 4,
            ahead_of_utc_s: -12_600,
        };
        let options = |is_iso| Options { form: Form::Icmp, is_iso, host: "h".to_owned() };
        assert_eq!(options(false).time(at), "Thu Nov  5 02:01:43 2026");
        assert_eq!(options(true).time(at), "2026-11-05T02:01:43-0330");
    }
}
