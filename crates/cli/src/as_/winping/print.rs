//! The lines of Windows' ping.

use crate::as_::console::Console;
use probe::ping::{IcmpError, Outcome, Ping, Reply, Report};
use probe::{Engine, Observer, SendFaultReason, Signal, Time};
use std::net::IpAddr;
use wire::Family;
use wire::ip::options::{Ipv4Option, Options};

/// Prints a run.
pub struct Printer<'a> {
    /// Where to.
    pub console: &'a mut Console,
    /// Whether and how the user ended the run.
    pub ended_by: Option<Signal>,
    /// What Windows counts as received: replies and ICMP errors.
    pub received: u64,
    target: IpAddr,
    sent: u64,
    /// Of real replies.
    times_ms: Option<Times>,
}

struct Times {
    min: u64,
    max: u64,
    sum: u64,
    count: u64,
}

impl<'a> Printer<'a> {
    /// A printer at the start of a run.
    pub fn new(console: &'a mut Console, target: IpAddr) -> Printer<'a> {
        Printer { console, ended_by: None, received: 0, target, sent: 0, times_ms: None }
    }

    /// Prints the statistics.
    pub fn close(&mut self) {
        let (sent, received) = (self.sent, self.received);
        let lost = sent.saturating_sub(received);
        let percent = lost.saturating_mul(100).checked_div(sent).unwrap_or(0);
        let mut text = format!(
            "\nPing statistics for {}:\n    \
             Packets: Sent = {sent}, Received = {received}, Lost = {lost} ({percent}% loss),\n",
            self.target
        );
        if let Some(Times { min, max, sum, count }) = self.times_ms {
            let average = sum / count;
            text.push_str(&format!(
                "Approximate round trip times in milli-seconds:\n    \
                 Minimum = {min}ms, Maximum = {max}ms, Average = {average}ms\n"
            ));
        }
        self.console.print(&text);
        self.console.flush();
    }

    fn reply(&mut self, reply: &Reply) {
        let ms = u64::try_from(reply.rtt.as_millis()).unwrap_or(u64::MAX);
        self.received += 1;
        let times = self.times_ms.get_or_insert(Times { min: ms, max: ms, sum: 0, count: 0 });
        times.min = times.min.min(ms);
        times.max = times.max.max(ms);
        times.sum = times.sum.saturating_add(ms);
        times.count += 1;
        let time = if ms == 0 { "time<1ms".to_owned() } else { format!("time={ms}ms") };
        let from = reply.from;
        let bytes = reply.bytes.saturating_sub(8);
        let line = match Family::of(from) {
            Family::V4 => {
                let ttl = reply.hop_limit.unwrap_or(0);
                format!("Reply from {from}: bytes={bytes} {time} TTL={ttl}\n")
            }
            Family::V6 => format!("Reply from {from}: {time}\n"),
        };
        self.console.print(&line);
        if let Some(options) = &reply.options {
            self.console.print(&option_lines(options));
        }
    }

    fn error(&mut self, error: &IcmpError) {
        if went_on(error) {
            return;
        }
        self.received += 1;
        let said = words(Family::of(error.from), error.kind, error.code);
        self.console.print(&format!("Reply from {}: {said}\n", error.from));
    }
}

impl Observer<Ping> for Printer<'_> {
    fn report(&mut self, _engine: &Ping, report: Report) {
        self.sent += u64::from(match &report.outcome {
            Outcome::Sent | Outcome::Duplicate(_) | Outcome::Late(_) | Outcome::InFlight => false,
            Outcome::IcmpError(error) => !went_on(error),
            _ => true,
        });
        match &report.outcome {
            Outcome::Reply(reply)
            | Outcome::WrongSource(reply)
            | Outcome::Corrupted { reply, .. } => self.reply(reply),
            Outcome::IcmpError(error) => self.error(error),
            Outcome::Timeout => self.console.print("Request timed out.\n"),
            Outcome::LocalDrop => self.console.print("PING: transmit failed. General failure.\n"),
            Outcome::SendError(fault) => {
                self.console.print(match fault.reason {
                    SendFaultReason::TooBig { .. } => "Packet needs to be fragmented but DF set.\n",
                    _ => "PING: transmit failed. General failure.\n",
                });
            }
            Outcome::Sent | Outcome::Duplicate(_) | Outcome::Late(_) | Outcome::InFlight => {}
        }
    }

    fn idle(&mut self, _engine: &Ping, _now: Time) {
        self.console.flush();
    }

    fn signal(&mut self, engine: &mut Ping, now: Time, signal: Signal) {
        if signal == Signal::Status {
            self.close();
            return self.console.print("Control-Break\n");
        }
        self.ended_by = Some(signal);
        engine.stop(now);
    }
}

/// Whether the error tells of a probe that went on: source quench and redirect.
fn went_on(error: &IcmpError) -> bool {
    Family::of(error.from) == Family::V4 && matches!(error.kind, 4 | 5)
}

/// What an ICMP error says.
fn words(family: Family, kind: u8, code: u8) -> &'static str {
    match (family, kind, code) {
        (Family::V4, 3, 1 | 7 | 10 | 12) | (Family::V6, 1, 3) => "Destination host unreachable.",
        (Family::V4, 3, 2) | (Family::V6, 1, 1) => "Destination protocol unreachable.",
        (Family::V4, 3, 3) | (Family::V6, 1, 4) => "Destination port unreachable.",
        (Family::V4, 3, 4) => "Packet needs to be fragmented but DF set.",
        (Family::V4, 3, 5) => "Bad route specified for loose source route.",
        (Family::V4, 3, _) | (Family::V6, 1, _) => "Destination net unreachable.",
        (Family::V6, 2, _) => "Packet too big.",
        (Family::V4, 11, 0) | (Family::V6, 3, 0) => "TTL expired in transit.",
        (Family::V4, 11, _) | (Family::V6, 3, _) => "TTL expired during reassembly.",
        _ => "Parameter problem.",
    }
}

/// Recorded routes and times, one hop a line.
fn option_lines(options: &[u8]) -> String {
    let mut text = String::new();
    for option in Options::new(options).map_while(Result::ok) {
        let (title, hops): (&str, Vec<String>) = match option {
            Ipv4Option::RecordRoute(route) => {
                ("Route: ", route.recorded().map(|hop| hop.to_string()).collect())
            }
            Ipv4Option::Timestamp(stamps) => {
                let stamped = stamps.entries().filter(|entry| entry.stamped);
                let shown = stamped.map(|entry| match entry.address {
                    Some(address) => format!("{address} : {}", entry.time),
                    None => entry.time.to_string(),
                });
                ("Timestamp: ", shown.collect())
            }
            _ => continue,
        };
        if hops.is_empty() {
            continue;
        }
        let indent = " ".repeat(4 + title.len());
        text.push_str(&format!("    {title}{}\n", hops.join(&format!(" ->\n{indent}"))));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_and_times_are_listed() {
        let route = [7, 15, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0];
        assert_eq!(option_lines(&route), "    Route: 192.0.2.1 ->\n           192.0.2.2\n");
        let times = [68, 12, 13, 1, 192, 0, 2, 1, 0, 0, 0, 9];
        assert_eq!(option_lines(&times), "    Timestamp: 192.0.2.1 : 9\n");
        assert_eq!(option_lines(&[1, 1, 0, 0]), "");
        assert_eq!(option_lines(&[7, 1]), "");
    }
}
