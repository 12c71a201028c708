//! What every command line has in common: the options that each command takes, values with units,
//! and errors of one line.

use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use crate::road::LabChoice;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::env;
use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

/// The options of every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Common {
    /// One JSON object a line
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Comma-separated values with a header line
    #[arg(long)]
    pub csv: bool,
    /// Run through the network of a scenario file instead of the real one
    #[arg(long, value_name = "FILE")]
    pub lab: Option<PathBuf>,
    /// The node of the lab to run at
    #[arg(long, value_name = "NODE", requires = "lab")]
    pub from: Option<String>,
    /// The seed of everything random: the same seed, the same run of a lab
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Write what enters the lab's links to this file, as pcapng with a comment on what became of
    /// each packet; LINK=FILE: of one link
    #[arg(long, value_name = "FILE")]
    pub capture: Vec<String>,
    /// When to use colour: auto, always, never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: When,
    /// The language of what people read, en or zh; else that of the environment
    #[arg(long, value_name = "LANGUAGE", hide_possible_values = true)]
    pub lang: Option<Language>,
}

/// When to do something that depends on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// On a terminal, and without NO_COLOR.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header line.
    Csv,
}

impl Common {
    /// How results are written.
    pub fn format(&self) -> Format {
        match (self.json, self.csv) {
            (true, _) => Format::Json,
            (_, true) => Format::Csv,
            _ => Format::Human,
        }
    }

    /// The lab, if there is one.
    pub fn lab_choice(&self) -> Option<LabChoice> {
        let file = self.lab.clone()?;
        let (from, captures) = (self.from.clone(), self.capture.clone());
        Some(LabChoice { file, from, seed: self.seed, captures })
    }

    /// The language of what people read.
    pub fn language(&self) -> Language {
        Language::chosen(self.lang)
    }

    /// Whether standard output takes colour. NO_COLOR counts if it is set and not empty.
    pub fn is_coloured(&self) -> bool {
        match self.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && io::stdout().is_terminal()
            }
        }
    }
}

/// Why a value is not what an option takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// What is wrong with it.
    pub message: String,
    /// What would be right.
    pub hint: &'static str,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for BadValue {}

/// Units of time and their nanoseconds. A bare number is in seconds.
const TIME_UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("", 1e9),
    ("m", 60e9),
    ("min", 60e9),
    ("h", 3_600e9),
    ("d", 86_400e9),
];

/// Units of size and their bytes.
const SIZE_UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("k", 1e3),
    ("kb", 1e3),
    ("kib", 1_024.0),
    ("m", 1e6),
    ("mb", 1e6),
    ("mib", 1_048_576.0),
];

/// A length of time: `200ms`, `5s`, `1.5` (seconds), `2m`, `1h`. At most 100 years.
///
/// # Errors
/// If it is none, or is negative.
pub fn duration(text: &str) -> Result<Duration, BadValue> {
    const MOST_NS: f64 = 100.0 * 366.0 * 86_400e9;
    let bad = |message: &str| BadValue {
        message: message.to_owned(),
        hint: "a number and ns, us, ms, s, m, h or d: 200ms, 5s; without a unit it is seconds",
    };
    let ns = with_unit(text, TIME_UNITS).ok_or_else(|| bad("not a length of time"))?;
    if ns > MOST_NS {
        return Err(bad("longer than 100 years"));
    }
    // Rounded: 0.1 s is 100,000,000 ns whatever binary fractions make of it.
    Ok(Duration::from_nanos(ns.round() as u64))
}

/// A size in bytes: `1400`, `64k`, `64KiB`.
///
/// # Errors
/// If it is none, or not a whole number of bytes.
pub fn size(text: &str) -> Result<usize, BadValue> {
    let bytes = with_unit(&text.to_ascii_lowercase(), SIZE_UNITS);
    bytes
        .filter(|bytes| bytes.fract() == 0.0 && *bytes <= u32::MAX.into())
        .map(|bytes| bytes as usize)
        .ok_or_else(|| BadValue {
            message: "not a size in bytes".to_owned(),
            hint: "a number of bytes: 1400, 64k (64,000), 64KiB (65,536)",
        })
}

/// A whole number, decimal or with 0x, not above `most`.
///
/// # Errors
/// If it is none, or above.
pub fn number(text: &str, most: u64) -> Result<u64, BadValue> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16)
        }
        Some(_) | None => text.parse(),
    };
    match parsed {
        Ok(number) if number <= most && !text.starts_with('+') => Ok(number),
        _ => Err(BadValue {
            message: format!("not a whole number from 0 to {most}"),
            hint: "decimal digits, or 0x and hexadecimal ones",
        }),
    }
}

fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: f64 = digits.parse().ok()?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    Some(number * factor)
}

/// A parser of one command with the options of every command.
pub fn parser(name: &'static str) -> clap::Command {
    let parser = clap::Command::new(name)
        .bin_name(format!("askway {name}"))
        .disable_version_flag(true)
        .args_override_self(true);
    <Common as clap::Args>::augment_args(parser).next_help_heading(None::<&str>)
}

/// What a parser says instead of matches: help to be shown, or a failure of two lines.
pub enum Refusal {
    /// The text that was asked for.
    Help(String),
    /// What is wrong with the command line.
    Wrong(Failure),
}

/// Turns a parser's error into one line and a hint.
pub fn refusal(error: &clap::Error, command: &str) -> Refusal {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Refusal::Help(error.to_string());
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let message = match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing: Vec<&str> = lines.take_while(|line| !line.starts_with("Usage:")).collect();
            let missing = missing.join(" ").replace(",...", "").replace(['<', '>', '.'], "");
            format!("{missing} is missing")
        }
        ErrorKind::InvalidValue if first.starts_with("a value is required") => first.to_owned(),
        _ => first.split(" [possible values").next().unwrap_or(first).to_owned(),
    };
    let hint = hint_of(error).unwrap_or_else(|| format!("askway {command} --help"));
    Refusal::Wrong(Failure { message: escape(&message), hint: Some(hint), exit: Exit::Usage })
}

fn hint_of(error: &clap::Error) -> Option<String> {
    if let Some(bad) = error.source().and_then(|source| source.downcast_ref::<BadValue>()) {
        return Some(bad.hint.to_owned());
    }
    let words = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        Some(ContextValue::Strings(words)) if !words.is_empty() => Some(words.join(", ")),
        _ => None,
    };
    let similar = words(ContextKind::SuggestedArg).or_else(|| words(ContextKind::SuggestedValue));
    let similar = similar.map(|word| format!("did you mean {word}?"));
    similar.or_else(|| words(ContextKind::ValidValue).map(|valid| format!("one of: {valid}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units() {
        assert_eq!(duration("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("0.1"), Ok(Duration::from_nanos(100_000_000)));
        assert_eq!(duration("2 m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("10µs"), Ok(Duration::from_micros(10)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "s", "-1", "1e3", "1.2.3", "5x", "nan", "inf", "101000d", ".", "5S"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_whole_bytes() {
        assert_eq!(size("1400"), Ok(1_400));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1.5k"), Ok(1_500));
        assert!(size("0.5").is_err());
        assert!(size("-1").is_err());
        assert!(size("99999999999").is_err());
    }

    #[test]
    fn numbers_have_a_limit_and_a_base() {
        assert_eq!(number("255", 255), Ok(255));
        assert_eq!(number("0xff", 255), Ok(255));
        for text in ["256", "-1", "+1", "", "0x", "0x+1", "ten"] {
            assert!(number(text, 255).is_err(), "{text}");
        }
    }
}
