//! The keys `services` and `clock` of a node.

use crate::ScenarioFault;
use crate::scenario::text::{Table, Value};
use std::time::Duration;

/// A service over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Sends back what comes.
    Echo,
    /// Says nothing.
    Discard,
    /// The time as text.
    Daytime,
    /// Seconds since 1900.
    Time,
    /// NTP.
    Ntp,
    /// The names of the lab's nodes.
    Dns,
}

impl Service {
    const NAMES: &[(&str, Service)] = &[
        ("echo", Service::Echo),
        ("discard", Service::Discard),
        ("daytime", Service::Daytime),
        ("time", Service::Time),
        ("ntp", Service::Ntp),
        ("dns", Service::Dns),
    ];

    /// Its port.
    pub(crate) fn port(self) -> u16 {
        match self {
            Service::Echo => 7,
            Service::Discard => 9,
            Service::Daytime => 13,
            Service::Time => 37,
            Service::Ntp => 123,
            Service::Dns => 53,
        }
    }
}

/// How a node's ICMP timestamps are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StampLie {
    #[default]
    None,
    ByteSwapped,
    TenMs,
    Seconds,
    Copies,
    NonStandard,
    Zero,
    NoTransmit,
    Echoes,
    Stopped,
    Absurd,
    Backwards,
}

const STAMPS: &[(&str, StampLie)] = &[
    ("byte-swapped", StampLie::ByteSwapped),
    ("ten-ms", StampLie::TenMs),
    ("seconds", StampLie::Seconds),
    ("copies", StampLie::Copies),
    ("non-standard", StampLie::NonStandard),
    ("zero", StampLie::Zero),
    ("no-transmit", StampLie::NoTransmit),
    ("echoes", StampLie::Echoes),
    ("stopped", StampLie::Stopped),
    ("absurd", StampLie::Absurd),
    ("backwards", StampLie::Backwards),
];

/// How a node's NTP answers are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NtpLie {
    #[default]
    None,
    Kiss,
    Unsynchronised,
    WrongOrigin,
    Absurd,
    LongStay,
    Zero,
    Client,
    Short,
    Long,
}

const NTP: &[(&str, NtpLie)] = &[
    ("kiss", NtpLie::Kiss),
    ("unsynchronised", NtpLie::Unsynchronised),
    ("wrong-origin", NtpLie::WrongOrigin),
    ("absurd", NtpLie::Absurd),
    ("long-stay", NtpLie::LongStay),
    ("zero", NtpLie::Zero),
    ("client", NtpLie::Client),
    ("short", NtpLie::Short),
    ("long", NtpLie::Long),
];

/// How a node's answers by the time protocol are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TextLie {
    #[default]
    None,
    Short,
    Long,
    Zero,
    ByteSwapped,
}

const TIME: &[(&str, TextLie)] = &[
    ("short", TextLie::Short),
    ("long", TextLie::Long),
    ("zero", TextLie::Zero),
    ("byte-swapped", TextLie::ByteSwapped),
];

/// A node's clock, and how it tells of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClockPlan {
    /// By how much it is ahead at the start.
    pub(crate) ahead_ns: i64,
    /// What it gains, parts per 10^9.
    pub(crate) drift_ppb: i64,
    /// How far its local time is ahead of UTC.
    pub(crate) zone_s: i32,
    /// How long it takes to answer.
    pub(crate) takes: Duration,
    pub(crate) stamps: StampLie,
    pub(crate) changes_originate: bool,
    pub(crate) ntp: NtpLie,
    pub(crate) time: TextLie,
    /// What daytime says instead of the time.
    pub(crate) daytime: Option<Vec<u8>>,
}

/// The services that a node offers.
pub(crate) fn read_services(table: &mut Table<'_>) -> Result<Vec<Service>, ScenarioFault> {
    let Some(list) = table.take("services") else { return Ok(Vec::new()) };
    list.list()?.iter().map(|item| item.word(Service::NAMES)).collect()
}

/// The clock of a node.
pub(crate) fn read_clock(table: &mut Table<'_>) -> Result<ClockPlan, ScenarioFault> {
    let Some(value) = table.take("clock") else { return Ok(ClockPlan::default()) };
    let mut table = value.table()?;
    let mut span = |key| -> Result<Option<i64>, ScenarioFault> {
        let Some(value) = table.take(key) else { return Ok(None) };
        let ns = i64::try_from(value.duration()?.as_nanos()).ok();
        // A century in either direction, which every way to ask can still tell.
        let ns = ns.filter(|ns| *ns <= 100 * 366 * 86_400 * 1_000_000_000);
        ns.map(Some).ok_or_else(|| value.fault(format!("`{key}` is more than a century")))
    };
    let (ahead, behind, takes) = (span("ahead")?, span("behind")?, span("takes")?);
    let ppm = |value: Value<'_>| value.number(0, 100_000).map(|ppm| ppm as i64 * 1_000);
    let gains = table.take("gains_ppm").map(ppm).transpose()?.unwrap_or(0);
    let loses = table.take("loses_ppm").map(ppm).transpose()?.unwrap_or(0);
    let minutes = |value: Value<'_>| value.number(0, 14 * 60).map(|it| it as i32 * 60);
    let east = table.take("minutes_east").map(minutes).transpose()?.unwrap_or(0);
    let west = table.take("minutes_west").map(minutes).transpose()?.unwrap_or(0);
    let plan = ClockPlan {
        ahead_ns: ahead.unwrap_or(0) - behind.unwrap_or(0),
        drift_ppb: gains - loses,
        zone_s: east - west,
        takes: Duration::from_nanos(takes.unwrap_or(0).unsigned_abs()),
        stamps: table.take("icmp").map_or(Ok(StampLie::None), |value| value.word(STAMPS))?,
        changes_originate: table.take("changes_originate").map_or(Ok(false), |v| v.boolean())?,
        ntp: table.take("ntp").map_or(Ok(NtpLie::None), |value| value.word(NTP))?,
        time: table.take("time").map_or(Ok(TextLie::None), |value| value.word(TIME))?,
        daytime: table
            .take("daytime")
            .map(|value| value.text().map(|text| text.as_bytes().to_vec()))
            .transpose()?,
    };
    table.finish()?;
    Ok(plan)
}
