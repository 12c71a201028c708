//! What a link does to the packets of one direction, as a scenario says it.

use super::links::numbers;
use super::text::{self, Table, Value};
use crate::ScenarioFault;
use crate::link::select::{self, Selector};
use std::time::Duration;

/// A packet takes at least this long across a link, so that no loop of packets stands still.
pub(crate) const DELAY_LEAST: Duration = Duration::from_micros(1);

/// Packets that wait for a link with a rate at most, unless the scenario says otherwise.
const QUEUE_PACKETS: u64 = 1_000;

/// Rules of one effect at most.
const RULES_MAX: usize = 64;

/// What a link does to the packets of one direction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Impairments {
    pub(crate) wire: Wire,
    pub(crate) delay: Duration,
    pub(crate) jitter: Jitter,
    pub(crate) loss: Odds,
    pub(crate) duplicate: Odds,
    pub(crate) corrupt: Odds,
    /// Packets that are held back, and let others overtake them.
    pub(crate) reorder: Odds,
    /// How long those are held back.
    pub(crate) reorder_by: Duration,
    pub(crate) mtu_bytes: u32,
}

impl Default for Impairments {
    fn default() -> Impairments {
        Impairments {
            wire: Wire::default(),
            delay: Duration::from_micros(100),
            jitter: Jitter::default(),
            loss: Odds::default(),
            duplicate: Odds::default(),
            corrupt: Odds::default(),
            reorder: Odds::default(),
            reorder_by: Duration::from_millis(10),
            mtu_bytes: 1_500,
        }
    }
}

/// How fast bits go, and what waits for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wire {
    /// Bits a second; `None` for as fast as they come.
    pub(crate) rate_bits: Option<u64>,
    pub(crate) queue: Queue,
    /// What each packet takes besides its own bytes.
    pub(crate) overhead_bytes: u32,
}

/// What may wait, besides the packet that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) packets: Option<u64>,
    /// With the overhead.
    pub(crate) bytes: Option<u64>,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue { packets: Some(QUEUE_PACKETS), bytes: None }
    }
}

/// What differs in the delay from packet to packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jitter {
    /// The most that is added, or the standard deviation: see [`Shape`].
    pub(crate) spread: Duration,
    pub(crate) shape: Shape,
    /// Whether packets may overtake each other.
    pub(crate) reorders: bool,
    /// How often a packet's jitter is that of the packet before, in parts per million.
    pub(crate) correlation_ppm: u32,
}

/// How jitter is distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Evenly from zero to the spread.
    #[default]
    Uniform,
    /// Normally around zero.
    Normal,
    /// As Pareto's distribution of shape 3: most a little sooner, a few much later.
    Pareto,
    /// A quarter of the normal, three of Pareto's.
    ParetoNormal,
}

const SHAPES: &[(&str, Shape)] = &[
    ("uniform", Shape::Uniform),
    ("normal", Shape::Normal),
    ("pareto", Shape::Pareto),
    ("paretonormal", Shape::ParetoNormal),
];

/// Which packets something happens to: those that any rule hits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Odds(pub(crate) Vec<Rule>);

/// Which packets of a kind something happens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The kind; every packet if `None`.
    pub(crate) of: Option<Selector>,
    pub(crate) chance: Chance,
}

/// Which of many packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chance {
    /// Each, independently, with a probability in parts per million.
    Share(u32),
    /// Those with these 1-based numbers, in the order in which they enter the link.
    Numbers(Vec<u64>),
    /// In bursts.
    Burst(Burst),
}

/// The model of Gilbert and Elliott, as tc-netem(8) has it: a link is good or bad. All in parts per
/// million a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burst {
    /// p: turns bad.
    pub(crate) worsens: u32,
    /// r: turns good.
    pub(crate) recovers: u32,
    /// 1-h: hits while bad.
    pub(crate) in_bad: u32,
    /// 1-k: hits while good.
    pub(crate) in_good: u32,
}

impl Odds {
    /// Whether every packet is hit.
    pub(crate) fn is_certain(&self) -> bool {
        let is_certain = |rule: &Rule| rule.of.is_none() && rule.chance == Chance::Share(1_000_000);
        self.0.iter().any(is_certain)
    }
}

impl Impairments {
    /// What a table says; what it does not say is as in `base`.
    pub(super) fn read(
        table: &mut Table<'_>,
        base: &Impairments,
    ) -> Result<Impairments, ScenarioFault> {
        let mut it = base.clone();
        if let Some(value) = table.take("delay") {
            it.delay = value.duration()?;
            if it.delay < DELAY_LEAST {
                return Err(value.fault("a delay is at least 1us".to_string()));
            }
        }
        it.jitter = read_jitter(table, it.jitter)?;
        it.wire = read_wire(table, it.wire)?;
        if let Some(value) = table.take("reorder_by") {
            it.reorder_by = value.duration()?;
        }
        if let Some(value) = table.take("mtu") {
            // RFC 791 §3.2: every module forwards 68 bytes whole.
            let mtu = value.number(68, 65_535)?;
            it.mtu_bytes = u32::try_from(mtu).expect("number checked the bounds");
        }
        for (key, odds) in [
            ("loss", &mut it.loss),
            ("duplicate", &mut it.duplicate),
            ("corrupt", &mut it.corrupt),
            ("reorder", &mut it.reorder),
        ] {
            if let Some(value) = table.take(key) {
                *odds = read_odds(&value)?;
            }
        }
        Ok(it)
    }

    /// What is not usual, and the delay, in the words of a scenario: keys and values.
    pub(crate) fn traits(&self) -> Vec<(&'static str, String)> {
        let usual = Impairments::default().all_traits();
        let is_said = |(key, value): &(&str, String)| match *key {
            "delay" => true,
            // They mean nothing by themselves.
            "queue" => self.wire.rate_bits.is_some(),
            "reorder_by" => !self.reorder.0.is_empty(),
            _ => !usual.iter().any(|it| it.0 == *key && it.1 == *value),
        };
        self.all_traits().into_iter().filter(is_said).collect()
    }

    /// What is otherwise than in another, likewise.
    pub(crate) fn differs_from(&self, other: &Impairments) -> Vec<(&'static str, String)> {
        let pairs = self.all_traits().into_iter().zip(other.all_traits());
        pairs.filter(|(one, other)| one != other).map(|(one, _)| one).collect()
    }

    /// Everything, in the same order always.
    fn all_traits(&self) -> Vec<(&'static str, String)> {
        let (jitter, wire) = (self.jitter, self.wire);
        let shape = SHAPES.iter().find(|(_, shape)| *shape == jitter.shape);
        vec![
            ("delay", text::duration(self.delay)),
            ("jitter", text::duration(jitter.spread)),
            ("jitter_shape", shape.map_or("", |(name, _)| name).to_string()),
            ("jitter_correlation", text::share(jitter.correlation_ppm)),
            ("jitter_reorders", jitter.reorders.to_string()),
            ("rate", wire.rate_bits.map_or("none".to_string(), text::rate)),
            ("queue", wire.queue.to_string()),
            ("overhead", format!("{}B", wire.overhead_bytes)),
            ("loss", self.loss.to_string()),
            ("duplicate", self.duplicate.to_string()),
            ("corrupt", self.corrupt.to_string()),
            ("reorder", self.reorder.to_string()),
            ("reorder_by", text::duration(self.reorder_by)),
            ("mtu", self.mtu_bytes.to_string()),
        ]
    }
}

fn read_jitter(table: &mut Table<'_>, mut jitter: Jitter) -> Result<Jitter, ScenarioFault> {
    if let Some(value) = table.take("jitter") {
        jitter.spread = value.duration()?;
    }
    if let Some(value) = table.take("jitter_shape") {
        jitter.shape = value.word(SHAPES)?;
    }
    if let Some(value) = table.take("jitter_reorders") {
        jitter.reorders = value.boolean()?;
    }
    if let Some(value) = table.take("jitter_correlation") {
        jitter.correlation_ppm = value.share_ppm()?;
    }
    Ok(jitter)
}

fn read_wire(table: &mut Table<'_>, mut wire: Wire) -> Result<Wire, ScenarioFault> {
    if let Some(value) = table.take("rate") {
        wire.rate_bits = value.rate_bits()?;
    }
    if let Some(value) = table.take("queue") {
        wire.queue = read_queue(&value)?;
    }
    if let Some(value) = table.take("overhead") {
        let bytes = value.number(0, 65_535)?;
        wire.overhead_bytes = u32::try_from(bytes).expect("number checked the bounds");
    }
    Ok(wire)
}

/// `100` packets, `"64kB"`, or both in a table.
fn read_queue(value: &Value<'_>) -> Result<Queue, ScenarioFault> {
    if value.is_text() {
        return Ok(Queue { packets: None, bytes: Some(value.bytes()?) });
    }
    if !value.is_table() {
        return Ok(Queue { packets: Some(value.number(0, u64::MAX)?), bytes: None });
    }
    let mut table = value.table()?;
    let packets = table.take("packets").map(|value| value.number(0, u64::MAX)).transpose()?;
    let bytes = table.take("bytes").map(|value| value.bytes()).transpose()?;
    if packets.is_none() && bytes.is_none() {
        let message = "a queue has `packets`, `bytes` or both".to_string();
        return Err(value.fault(message));
    }
    table.finish()?;
    Ok(Queue { packets, bytes })
}

/// One rule, or a list of tables.
fn read_odds(value: &Value<'_>) -> Result<Odds, ScenarioFault> {
    if value.is_list() {
        let list = value.list()?;
        if list.first().is_some_and(|first| !first.is_number()) {
            if list.len() > RULES_MAX {
                return Err(value.fault(format!("more than {RULES_MAX} rules")));
            }
            let rules = list.iter().map(read_rule).collect::<Result<Vec<_>, _>>()?;
            return Ok(Odds(rules.into_iter().flatten().collect()));
        }
    }
    Ok(Odds(read_rule(value)?.into_iter().collect()))
}

/// `"1%"`, the numbers of the packets, or a table; `None` if it hits nothing.
fn read_rule(value: &Value<'_>) -> Result<Option<Rule>, ScenarioFault> {
    let (of, chance) = if value.is_list() {
        (None, Chance::Numbers(numbers(value)?))
    } else if value.is_table() {
        let mut table = value.table()?;
        let of = table.take("of").map(|value| value.word(select::NAMES)).transpose()?;
        let chance = read_chance(value, &mut table)?;
        table.finish()?;
        (of, chance)
    } else {
        (None, Chance::Share(value.share_ppm()?))
    };
    let is_never = match &chance {
        Chance::Share(ppm) => *ppm == 0,
        Chance::Numbers(numbers) => numbers.is_empty(),
        Chance::Burst(_) => false,
    };
    Ok((!is_never).then_some(Rule { of, chance }))
}

fn read_chance(value: &Value<'_>, table: &mut Table<'_>) -> Result<Chance, ScenarioFault> {
    let share = table.take("share");
    let list = table.take("numbers");
    let p = table.take("p");
    let mut ppm = |key, usual| table.take(key).map_or(Ok(usual), |value| value.share_ppm());
    let recovers = ppm("r", u32::MAX)?;
    let (in_bad, in_good) = (ppm("1-h", 1_000_000)?, ppm("1-k", 0)?);
    match (share, list, p) {
        (Some(share), None, None) => share.share_ppm().map(Chance::Share),
        (None, Some(list), None) => numbers(&list).map(Chance::Numbers),
        (None, None, Some(p)) => {
            let worsens = p.share_ppm()?;
            let recovers = if recovers == u32::MAX { 1_000_000 - worsens } else { recovers };
            Ok(Chance::Burst(Burst { worsens, recovers, in_bad, in_good }))
        }
        _ => {
            let message = "which packets: by `share`, `numbers` or `p`".to_string();
            let hint = "{ of = \"udp\", share = \"5%\" }, { of = \"tcp-data\", numbers = [3] } \
                        or { p = \"1%\", r = \"30%\" }";
            Err(value.fault_with(message, hint.to_string()))
        }
    }
}

/// As a scenario has it.
impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.packets, self.bytes.map(text::bytes)) {
            (Some(packets), Some(bytes)) => write!(f, "{packets} packets, {bytes}"),
            (Some(packets), None) => write!(f, "{packets} packets"),
            (None, bytes) => f.write_str(&bytes.unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for Odds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("never");
        }
        for (index, rule) in self.0.iter().enumerate() {
            write!(f, "{}{rule}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.chance {
            Chance::Share(ppm) => f.write_str(&text::share(*ppm))?,
            Chance::Numbers(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(|it| format!("#{it}")).collect();
                f.write_str(&numbers.join(" "))?;
            }
            Chance::Burst(burst) => {
                let [p, r] = [burst.worsens, burst.recovers].map(text::share);
                write!(f, "bursts p {p} r {r}")?;
                if burst.in_bad != 1_000_000 {
                    write!(f, " 1-h {}", text::share(burst.in_bad))?;
                }
                if burst.in_good != 0 {
                    write!(f, " 1-k {}", text::share(burst.in_good))?;
                }
            }
        }
        self.of.map_or(Ok(()), |of| write!(f, " of {}", of.name()))
    }
}
