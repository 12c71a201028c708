//! Asking by TCP: one connection a question, one after the other. What came is judged as what the
//! engine hears.
#![expect(clippy::disallowed_methods, reason = "connections that block have no driver")]

use super::options::Options;
use crate::print::clock::Tries;
use net::{Listen, Signals};
use probe::clock::record::Answer;
use probe::clock::way::{Way, daytime};
use probe::clock::{Asked, End, Event, Record};
use probe::{RttSource, Signal, Time};
use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Connections that fail one after the other before a target is given up.
const FAILURES_MAX: u32 = 2;

/// What one connection takes at most besides the answer: TCP asks again after one second.
const CONNECT: Duration = Duration::from_secs(2);

/// The least time from one connection to the next.
const GAP: Duration = Duration::from_millis(20);

/// Asks one target.
pub fn ask(way: &'static dyn Way, to: Asked, options: &Options, signals: &Signals) -> Tries {
    let started = Instant::now();
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch_ns = epoch.as_nanos() as i128;
    let now = || Time::ZERO + started.elapsed();
    let listen = Listen {
        to: to.target.address,
        zone: to.target.zone,
        port: way.port().expect("ways with TCP have a port"),
        source: options.origin.source_address(),
        interface: options.origin.interface_name().map(str::to_owned),
        patience: options.timeout + CONNECT,
        bytes_max: daytime::TEXT_MAX_BYTES,
    };
    let mut record = Record::new(way, epoch_ns, false);
    let mut tries = Tries { transport: "tcp", epoch_ns, ..Tries::default() };
    let count = options.count_of(way).unwrap_or(1);
    let (mut failures, mut is_interrupted) = (0, false);
    for number in 1..=count {
        is_interrupted = signals.take().is_some_and(|signal| signal != Signal::Status);
        if failures >= FAILURES_MAX || record.is_sharp() || is_interrupted {
            break;
        }
        if record.answered() > 0 {
            thread::sleep(record.aim(now() + GAP).since(now()));
        }
        let sent_at = now();
        record.sent += 1;
        match listen.hear() {
            Ok(heard) => {
                let Some(said) = way.hear(&heard.bytes) else {
                    record.malformed += 1;
                    failures += 1;
                    tries.events.push(Event::Silent { number, sent_at });
                    continue;
                };
                failures = 0;
                let begun_ns = u64::try_from(heard.begun_unix_ns - epoch_ns).unwrap_or(0);
                record.take(Answer {
                    number,
                    received_at: Time(begun_ns) + heard.rtt,
                    rtt: heard.rtt,
                    rtt_source: RttSource::User,
                    originate: 0,
                    said,
                });
                record.judge();
            }
            Err(error) => {
                failures += 1;
                tries.error = Some(words(&error));
                tries.events.push(Event::Silent { number, sent_at });
            }
        }
    }
    let answers: Vec<Answer> = record.latest(u64::MAX).cloned().collect();
    tries.events.extend(answers.iter().map(|answer| Event::Sample(record.sample(answer))));
    let end = match record.answered() {
        0 if is_interrupted && record.sent == 0 => End::Unknown,
        0 => End::Silent,
        _ => End::Answered,
    };
    tries.is_interrupted = is_interrupted;
    tries.verdict = Some(record.verdict(end));
    tries
}

/// What went wrong, in the system's words without its number.
fn words(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "no answer".to_owned();
    }
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}
