//! How far the run is: one line on the terminal, drawn over and taken away at the end.

use crate::lang::Language;
use probe::Time;
use probe::ping::Ping;
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
    started: Time,
    /// When to draw next; never, if nobody wants to see it.
    next: Time,
    is_drawn: bool,
}

impl Progress {
    /// A run that starts at `now`.
    pub fn new(language: Language, is_wanted: bool, now: Time) -> Progress {
        // A run that is over at once shows nothing.
        let next = if is_wanted { now + EVERY } else { Time::NEVER };
        Progress { language, started: now, next, is_drawn: false }
    }

    /// Draws the line, if it is time.
    pub fn draw(&mut self, engine: &Ping, alive: u32, now: Time) {
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        self.is_drawn = true;
        // What cannot be shown is only missing from the screen.
        let _ = write!(io::stderr(), "{ERASE}{}", self.line(engine, alive, now));
    }

    /// Leaves a line that says how far the run is.
    pub fn state(&mut self, engine: &Ping, alive: u32, now: Time) {
        self.erase();
        let _ = writeln!(io::stderr(), "{}", self.line(engine, alive, now));
    }

    /// Takes the line away.
    pub fn erase(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            let _ = write!(io::stderr(), "{ERASE}");
        }
    }

    fn line(&self, engine: &Ping, alive: u32, now: Time) -> String {
        let elapsed = now.since(self.started);
        let (done, total) = (engine.targets_done(), engine.targets().len());
        let percent = 100 * u64::from(done) / u64::from(total.max(1));
        let rate = engine.probes_sent() as f64 / elapsed.as_secs_f64().max(1e-9);
        let left = left(done, total, elapsed);
        match self.language {
            Language::English => {
                let left = left.map_or(String::new(), |left| format!(", {} left", span(left)));
                format!("{done}/{total} ({percent}%), {alive} alive, {rate:.0} packets/s{left}")
            }
            Language::Chinese => {
                let left = left.map_or(String::new(), |left| format!("，还需 {}", span(left)));
                format!("{done}/{total}（{percent}%），{alive} 个有应答，每秒 {rate:.0} 个包{left}")
            }
        }
    }
}

/// The time left, if the rest goes as what is done went; unknown before anything is done.
fn left(done: u32, total: u32, elapsed: Duration) -> Option<Duration> {
    let share = f64::from(total.saturating_sub(done)) / f64::from(done);
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * share).ok()
}

/// `7s`, `2m07s`, `1h02m`.
fn span(span: Duration) -> String {
    let seconds = span.as_secs_f64().ceil() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_what_is_done() {
        let elapsed = Duration::from_secs(10);
        assert_eq!(left(0, 100, elapsed), None);
        assert_eq!(left(25, 100, elapsed), Some(Duration::from_secs(30)));
        assert_eq!(left(100, 100, elapsed), Some(Duration::ZERO));
    }

    #[test]
    fn spans_are_short() {
        let text = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([text(0), text(59), text(61), text(3_725)], ["0s", "59s", "1m01s", "1h02m"]);
        assert_eq!(span(Duration::from_millis(1)), "1s");
    }
}
