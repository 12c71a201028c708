//! The gateway on a terminal: what passes, and the connections, drawn anew each second.

use super::options::{End, Options};
use crate::lang::Language;
use lab::conntrack::Listed;
use lab::gateway::{Counts, Gateway, Side};
use probe::Time;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;

/// How often it is drawn.
const EVERY: Duration = Duration::from_secs(1);

/// Lines where the terminal does not say how many it has.
const LINES: usize = 24;
const COLUMNS: usize = 80;

/// Of so many connections, none is shown: packets wait while they are put in order.
const LISTED_MAX: usize = 4_096;

/// What was drawn last.
#[derive(Debug)]
pub struct Screen {
    language: Language,
    title: String,
    last: Counts,
    drawn: Time,
    due: Time,
}

impl Screen {
    /// A screen that was never drawn.
    pub fn new(options: &Options, language: Language) -> Screen {
        let end = |end: &End| {
            let own = |(address, _): &(IpAddr, u8)| address.to_string();
            let addresses: Vec<String> = end.addresses.iter().map(own).collect();
            let device = crate::escape::escape(&end.device);
            format!("{device} {}", addresses.join(" "))
        };
        let (inside, outside) = (end(&options.inside), end(&options.outside));
        let title = format!("{inside} <-> {outside}, {}", options.personality_name());
        Screen { language, title, last: Counts::default(), drawn: Time::ZERO, due: Time::ZERO }
    }

    /// When it is to be drawn next.
    pub fn due(&self) -> Time {
        self.due
    }

    /// Draws it.
    pub fn draw(&mut self, now: Time, gateway: &Gateway, out: &mut Vec<u8>) {
        let (lines, columns) = size();
        let mut text = String::from("\x1b[H");
        let mut line = |content: &str| {
            let cut: String = content.chars().take(columns).collect();
            let _ = write!(text, "{cut}\x1b[K\r\n");
        };
        line(&self.title);
        let counts = gateway.counts();
        for side in Side::BOTH {
            line(&self.traffic(side, &counts, now));
        }
        let tracker = gateway.tracker();
        let statistics = tracker.statistics();
        line(&self.language.pick(
            format!(
                "{} connections, {} refused, {} invalid, {} errors sent",
                tracker.len(),
                counts.refused + counts.spoofed,
                statistics.invalid,
                counts.errors
            ),
            format!(
                "{} 个连接，拒绝 {}，无效 {}，发出差错 {}",
                tracker.len(),
                counts.refused + counts.spoofed,
                statistics.invalid,
                counts.errors
            ),
        ));
        line("");
        let room = lines.saturating_sub(6);
        let all = if tracker.len() > LISTED_MAX { Vec::new() } else { tracker.list(now) };
        all.iter().take(room).for_each(|listed| line(&row(listed)));
        if all.len() > room {
            let left = all.len() - room;
            line(&self.language.pick(format!("... and {left} more"), format!("……还有 {left} 个")));
        }
        text.push_str("\x1b[J");
        out.extend(text.bytes());
        (self.last, self.drawn, self.due) = (counts, now, now + EVERY);
    }

    /// What came in by a side since it was drawn last.
    fn traffic(&self, side: Side, counts: &Counts, now: Time) -> String {
        let at = side.index();
        let seconds = now.since(self.drawn).as_secs_f64().max(0.001);
        let rate = |new: u64, old: u64| new.saturating_sub(old) as f64 / seconds;
        let packets = rate(counts.received[at], self.last.received[at]);
        let bits = 8.0 * rate(counts.received_bytes[at], self.last.received_bytes[at]);
        let whence = match side {
            Side::Inside => self.language.pick("from inside ", "自内侧"),
            Side::Outside => self.language.pick("from outside", "自外侧"),
        };
        format!("{whence} {packets:>9.0}/s {:>9.3} Mbit/s", bits / 1e6)
    }
}

/// A connection in one line: who, as whom, to whom, and how it stands.
fn row(listed: &Listed) -> String {
    let Listed { original, reply, .. } = listed;
    let end = |address: IpAddr, port: u16| match address {
        IpAddr::V6(address) => format!("[{address}]:{port}"),
        IpAddr::V4(address) => format!("{address}:{port}"),
    };
    let (first, second) = original.ports();
    let (_, outer) = reply.ports();
    let from = end(original.source_ip(), first);
    let as_whom = end(reply.destination_ip(), outer);
    let to = end(original.destination_ip(), second);
    let state = match listed.state {
        Some(state) => state.name(),
        None if listed.is_answered => "ANSWERED",
        None => "UNREPLIED",
    };
    let protocol = original.protocol();
    format!(
        "{protocol:>3} {from:<22} {as_whom:<22} {to:<22} {state:<11} {:>6} s",
        listed.left_seconds
    )
}

/// Lines and columns of the terminal.
#[cfg(feature = "tui")]
fn size() -> (usize, usize) {
    let size = ratatui_crossterm::crossterm::terminal::size();
    size.map_or((LINES, COLUMNS), |(columns, lines)| (lines.into(), columns.into()))
}

/// Likewise, where nobody asks it.
#[cfg(not(feature = "tui"))]
fn size() -> (usize, usize) {
    (LINES, COLUMNS)
}
