//! How far the transfer is: one line on the terminal, drawn over and taken away at the end.

use crate::lang::Language;
use crate::print::tftp::human::rate;
use probe::Time;
use probe::tftp::Tftp;
use std::io::{self, Write};
use std::time::Duration;

/// How often the line is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// Back to the start of the line, and what stands there away.
const ERASE: &str = "\r\x1b[K";

/// The line.
#[derive(Debug)]
pub struct Progress {
    language: Language,
    /// When to draw next; never, if nobody wants to see it.
    next: Time,
    is_drawn: bool,
}

impl Progress {
    /// A transfer that starts at `now`.
    pub fn new(language: Language, is_wanted: bool, now: Time) -> Progress {
        // One that is over at once shows nothing.
        let next = if is_wanted { now + EVERY } else { Time::NEVER };
        Progress { language, next, is_drawn: false }
    }

    /// Draws the line, if it is time.
    pub fn draw(&mut self, engine: &Tftp, now: Time) {
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        self.is_drawn = true;
        // What cannot be shown is only missing from the screen.
        let _ = write!(io::stderr(), "{ERASE}{}", line(engine, now, self.language));
    }

    /// Leaves a line that says how far the transfer is.
    pub fn state(&mut self, engine: &Tftp, now: Time) {
        self.erase();
        let _ = writeln!(io::stderr(), "{}", line(engine, now, self.language));
    }

    /// Takes the line away.
    pub fn erase(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(io::stderr(), "{ERASE}");
        }
    }
}

fn line(engine: &Tftp, now: Time, language: Language) -> String {
    let done = engine.counts().payload_bytes;
    let share = match engine.size() {
        Some(size) if size > 0 => {
            let percent = u128::from(done.min(size)) * 100 / u128::from(size);
            format!(" ({percent}%)")
        }
        _ => String::new(),
    };
    let of = engine.size().map(|size| format!("/{size}")).unwrap_or_default();
    let rate = rate(done, engine.took(now));
    match language {
        Language::English => format!("{done}{of} bytes{share}, {rate}"),
        Language::Chinese => format!("{done}{of} 字节{share}，{rate}"),
    }
}
