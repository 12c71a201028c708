//! Packets for people: a line each, as `tcpdump -n` has it.

use super::options::Options;
use super::source::Ended;
use super::{Record, Sink};
use crate::escape::escape;
use crate::failure::Failure;
use crate::print::Out;
use std::fmt::Write;
use wire::dump::{Captured, Printer, hexadecimal, hexadecimal_and_ascii};
use wire::link::Frame;

/// Shows lines.
pub struct Lines {
    printer: Printer,
    clock: Clock,
    hexadecimal: u8,
    characters: u8,
    line: String,
}

impl Lines {
    /// Shows them as the options say.
    pub fn new(options: &Options) -> Lines {
        Lines {
            printer: Printer::new(options.view()),
            clock: Clock { form: options.time, is_fine: options.nano, first: None, before: None },
            hexadecimal: options.hexadecimal,
            characters: options.characters,
            line: String::new(),
        }
    }
}

impl Sink for Lines {
    fn packet(&mut self, record: &Record<'_>, out: &mut Out) -> Result<(), Failure> {
        let line = &mut self.line;
        line.clear();
        self.clock.show(record.packet.time_ns, line);
        let captured = Captured {
            link: record.link,
            bytes: record.packet.bytes,
            original_bytes: record.packet.original_bytes as usize,
            interface: record.interface,
        };
        self.printer.packet(&captured, line);
        if let Some(comment) = record.packet.comment {
            // Writing to a text cannot fail.
            let _ = write!(line, "\n\t# {}", escape(&String::from_utf8_lossy(comment)));
        }
        let degree = if self.characters > 0 { self.characters } else { self.hexadecimal };
        if degree > 0 {
            let frame = Frame::parse(record.link, captured.bytes).ok();
            let payload = frame.filter(|_| degree == 1).map(|frame| frame.payload);
            let bytes = payload.unwrap_or(captured.bytes);
            match self.characters {
                0 => hexadecimal(bytes, "\n\t", line),
                _ => hexadecimal_and_ascii(bytes, "\n\t", line),
            }
        }
        line.push('\n');
        out.text.extend_from_slice(line.as_bytes());
        Ok(())
    }

    fn finish(&mut self, _ended: &Ended, _out: &mut Out) -> Result<(), Failure> {
        Ok(())
    }
}

/// The time in front of lines.
struct Clock {
    form: u8,
    is_fine: bool,
    first: Option<i128>,
    before: Option<i128>,
}

impl Clock {
    fn show(&mut self, time_ns: Option<i128>, out: &mut String) {
        let Some(now) = time_ns else {
            out.push_str(if self.form == 1 { "" } else { "- " });
            return;
        };
        let first = *self.first.get_or_insert(now);
        let before = self.before.replace(now).unwrap_or(now);
        // Writing to a text cannot fail.
        let _ = match self.form {
            0 => write!(out, "{} ", self.of_day(now, false)),
            1 => Ok(()),
            2 => write!(out, "{}{} ", now.div_euclid(SECOND_NS), self.fraction(now)),
            3 => write!(out, "{} ", self.span(now - before)),
            4 => write!(out, "{} ", self.of_day(now, true)),
            _ => write!(out, "{} ", self.span(now - first)),
        };
    }

    fn fraction(&self, ns: i128) -> String {
        let ns = ns.rem_euclid(SECOND_NS);
        if self.is_fine { format!(".{ns:09}") } else { format!(".{:06}", ns / 1_000) }
    }

    fn of_day(&self, ns: i128, has_date: bool) -> String {
        let seconds = ns.div_euclid(SECOND_NS).clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let at = net::local_time::at(seconds);
        let date = match has_date {
            true => format!("{:04}-{:02}-{:02} ", at.year, at.month, at.day),
            false => String::new(),
        };
        let time = format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second);
        date + &time + &self.fraction(ns)
    }

    /// A length of time; a space stands where a minus would.
    fn span(&self, ns: i128) -> String {
        let sign = if ns < 0 { '-' } else { ' ' };
        let seconds = ns.abs() / SECOND_NS;
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        let fraction = self.fraction(ns.abs());
        format!("{sign}{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
    }
}

const SECOND_NS: i128 = 1_000_000_000;
