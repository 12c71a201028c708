//! What iputils ping counts, and the lines that it makes of it.

use super::number::general;
use super::words::{microseconds, milliseconds};
use probe::Time;
use std::time::Duration;

/// Counts and times of a run. Unlike iputils, what is in flight or was lost here is no loss.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Probes with an answer, each once.
    pub received: u64,
    /// Further answers.
    pub duplicates: u64,
    /// Answers with a wrong checksum; not within `received`.
    pub corrupted: u64,
    /// ICMP errors, and probes too long to be sent.
    pub errors: u64,
    /// Probes that were neither answered nor lost when the run was interrupted.
    pub in_flight: u64,
    /// Probes and answers lost in queues of this host's.
    pub dropped: u64,
    /// Probes that came to nothing for any other reason.
    pub unanswered: u64,
    /// The most probes of which one that is answered was the first.
    pub pipe: u64,
    rtt: Moments,
    /// In 1/8 µs, as iputils keeps it: whole numbers.
    ewma_us_8: u64,
    first_send: Option<Time>,
    last_send: Time,
}

/// Least, greatest, mean and deviation of round trips, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    min_ns: u64,
    max_ns: u64,
    mean_ns: f64,
    /// Sum of squared deviations (Welford 1962).
    squares: f64,
}

impl Moments {
    fn push(&mut self, rtt: Duration) {
        let part = u64::from(rtt.subsec_nanos());
        let rtt_ns = rtt.as_secs().saturating_mul(1_000_000_000).saturating_add(part);
        self.count += 1;
        self.min_ns = if self.count == 1 { rtt_ns } else { self.min_ns.min(rtt_ns) };
        self.max_ns = self.max_ns.max(rtt_ns);
        let before = rtt_ns as f64 - self.mean_ns;
        self.mean_ns += before / self.count as f64;
        self.squares += before * (rtt_ns as f64 - self.mean_ns);
    }

    /// Least, mean, greatest and deviation, in milliseconds.
    fn shown(&self) -> [String; 4] {
        let deviation_ns = (self.squares / self.count.max(1) as f64).sqrt();
        [self.min_ns, self.mean_ns as u64, self.max_ns, deviation_ns as u64]
            .map(|ns| milliseconds(microseconds(Duration::from_nanos(ns))))
    }
}

/// The closing lines, as parts that text and JSON put together.
pub struct Closing {
    /// Probes sent.
    pub transmitted: u64,
    /// Lost probes of all whose fate is known, in percent: 0 to 100; 100 if that of none is, `None`
    /// if none was sent.
    pub loss_percent: Option<String>,
    /// From the first send to the last.
    pub time_ms: u64,
    /// Least, mean, greatest round trip and deviation, in milliseconds; `None` without any.
    pub rtt_ms: Option<[String; 4]>,
    /// Time from send to send, and the moving average of round trips, in milliseconds.
    pub ipg_ewma_ms: Option<[String; 2]>,
}

impl Tally {
    /// Notes that a probe went at that time.
    pub fn sent(&mut self, at: Time) {
        self.first_send = Some(self.first_send.map_or(at, |first| first.min(at)));
        self.last_send = self.last_send.max(at);
    }

    /// Notes a round trip.
    pub fn round_trip(&mut self, rtt: Duration) {
        self.rtt.push(rtt);
        let us = microseconds(rtt);
        self.ewma_us_8 = match self.ewma_us_8 {
            0 => us.saturating_mul(8),
            ewma => ewma.saturating_add(us) - ewma / 8,
        };
    }

    /// Notes that an answered probe was that many before the newest one.
    pub fn pipe(&mut self, ahead: u64) {
        self.pipe = self.pipe.max(ahead.saturating_add(1));
    }

    /// What stands at the end.
    pub fn closing(&self, is_fast: bool) -> Closing {
        let decided = self.received + self.unanswered;
        let transmitted = decided + self.in_flight + self.dropped;
        let span = self.last_send.since(self.first_send.unwrap_or_default());
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let loss = match (transmitted, decided) {
            (0, _) => None,
            // Nothing is known yet; scripts that read this figure alone must not see a host that is
            // well where nothing was received.
            (_, 0) => Some(100.0),
            _ => Some(self.unanswered as f32 * 100.0 / decided as f32),
        };
        let ewma_us = self.ewma_us_8 / 8;
        Closing {
            transmitted,
            loss_percent: loss.map(|percent| general(percent.into())),
            time_ms: span_us.saturating_add(500) / 1000,
            rtt_ms: (self.received > 0).then(|| self.rtt.shown()),
            ipg_ewma_ms: (self.received > 0 && is_fast && transmitted > 1)
                .then(|| [span_us / (transmitted - 1), ewma_us].map(milliseconds)),
        }
    }

    /// The closing lines.
    pub fn summary(&self, host: &str, is_fast: bool) -> String {
        let closing = self.closing(is_fast);
        let mut text = format!(
            "\n--- {host} ping statistics ---\n{} packets transmitted, {} received",
            closing.transmitted, self.received
        );
        for (count, what) in [
            (self.duplicates, "duplicates"),
            (self.corrupted, "corrupted"),
            (self.errors, "errors"),
            (self.in_flight, "in flight"),
            (self.dropped, "dropped here"),
        ] {
            if count > 0 {
                text.push_str(&format!(", +{count} {what}"));
            }
        }
        if let Some(loss) = &closing.loss_percent {
            text.push_str(&format!(", {loss}% packet loss, time {}ms", closing.time_ms));
        }
        text.push('\n');
        let rtt = closing.rtt_ms.map(|ms| format!("rtt min/avg/max/mdev = {} ms", ms.join("/")));
        let pipe = (self.pipe > 1).then(|| format!("pipe {}", self.pipe));
        let ipg = closing.ipg_ewma_ms.map(|ms| format!("ipg/ewma {} ms", ms.join("/")));
        let parts: Vec<String> = [rtt, pipe, ipg].into_iter().flatten().collect();
        text.push_str(&parts.join(", "));
        text.push('\n');
        text
    }

    /// One line on how things stand, after that many probes.
    pub fn status(&self, transmitted: u64) -> String {
        let missing = transmitted.saturating_sub(self.received);
        let loss = missing.saturating_mul(100).checked_div(transmitted).unwrap_or(0);
        let mut text = format!("\r{}/{transmitted} packets, {loss}% loss", self.received);
        if self.received > 0 {
            let [min, avg, max, _] = self.rtt.shown();
            let ewma = milliseconds(self.ewma_us_8 / 8);
            text.push_str(&format!(", min/avg/ewma/max = {min}/{avg}/{ewma}/{max} ms"));
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    #[test]
    fn nothing_sent_and_nothing_answered() {
        let mut tally = Tally::default();
        assert_eq!(
            tally.summary("h", false),
            "\n--- h ping statistics ---\n0 packets transmitted, 0 received\n\n"
        );
        assert_eq!(tally.status(0), "\r0/0 packets, 0% loss\n");
        tally.sent(Time::ZERO);
        tally.in_flight = 1;
        assert_eq!(
            tally.summary("h", false),
            "\n--- h ping statistics ---\n\
             1 packets transmitted, 0 received, +1 in flight, 100% packet loss, time 0ms\n\n"
        );
        tally.in_flight = 0;
        tally.unanswered = 1;
        assert_eq!(
            tally.summary("h", false),
            "\n--- h ping statistics ---\n\
             1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n"
        );
    }

    #[test]
    fn every_part_of_the_summary() {
        let mut tally = Tally {
            received: 2,
            duplicates: 1,
            corrupted: 3,
            errors: 4,
            in_flight: 5,
            dropped: 6,
            unanswered: 1,
            ..Tally::default()
        };
        tally.sent(Time(1_000_000_000));
        tally.sent(Time(1_013_000_000));
        tally.round_trip(100 * US);
        tally.round_trip(300 * US);
        tally.pipe(2);
        assert_eq!(
            tally.summary("h", true),
            "\n--- h ping statistics ---\n\
             14 packets transmitted, 2 received, +1 duplicates, +3 corrupted, +4 errors, \
             +5 in flight, +6 dropped here, 33.3333% packet loss, time 13ms\n\
             rtt min/avg/max/mdev = 0.100/0.200/0.300/0.100 ms, pipe 3, ipg/ewma 1.000/0.125 ms\n"
        );
        assert_eq!(
            tally.status(4),
            "\r2/4 packets, 50% loss, min/avg/ewma/max = 0.100/0.200/0.125/0.300 ms\n"
        );
    }

    #[test]
    fn the_largest_round_trips_are_no_trouble() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.round_trip(Duration::MAX);
        }
        tally.received = 3;
        assert!(tally.summary("h", true).contains("rtt"));
    }
}
