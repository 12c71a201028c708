//! The keys of a node that say what it does to packets which it passes on, or refuses.

use super::text::{Table, Value};
use crate::ScenarioFault;
use crate::rules::{Both, REFUSALS};
use probe::Carrier;

/// What a router does to packets that it passes on, besides taking one from their hop limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardPlan {
    /// Clears the two bits of explicit congestion notification.
    pub(crate) bleaches_ecn: bool,
    /// Sets the six bits of differentiated services.
    pub(crate) dscp: Option<u8>,
    /// Gives packets another IPv4 identification.
    pub(crate) rewrites_identification: bool,
    /// Clears the IPv6 flow label.
    pub(crate) clears_flow_label: bool,
    /// Leaves the hop limit as it is.
    pub(crate) is_hidden: bool,
    /// Passes on what has no hop left.
    pub(crate) passes_expired: bool,
}

/// What a node refuses.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// Type and code of what it says; `None` if it says nothing.
    pub(crate) says: Option<Both<(u8, u8)>>,
    /// The protocols that it refuses; all if empty.
    protocols: Vec<Carrier>,
}

impl Refusal {
    /// Whether it is about datagrams of a protocol.
    pub(crate) fn concerns(&self, protocol: u8, family: wire::Family) -> bool {
        let is_named = |carrier: &Carrier| carrier.protocol(family) == protocol;
        self.protocols.is_empty() || self.protocols.iter().any(is_named)
    }
}

/// Reads what happens to what is passed on.
pub(super) fn read(table: &mut Table<'_>) -> Result<ForwardPlan, ScenarioFault> {
    let dscp = table.take("sets_dscp").map(|v| v.number(0, 63)).transpose()?;
    let decrements = table.take("decrements").map_or(Ok(true), |value| value.boolean())?;
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    Ok(ForwardPlan {
        bleaches_ecn: yes("bleaches_ecn")?,
        dscp: dscp.map(|dscp| dscp as u8),
        rewrites_identification: yes("rewrites_id")?,
        clears_flow_label: yes("clears_flow_label")?,
        is_hidden: !decrements,
        passes_expired: yes("passes_expired")?,
    })
}

/// Reads what is refused: `prohibits = true`, `refuses = "admin"`, or a table.
pub(super) fn refusal(table: &mut Table<'_>) -> Result<Option<Refusal>, ScenarioFault> {
    let prohibits = table.take("prohibits").map_or(Ok(false), |value| value.boolean())?;
    let refuses = table.take("refuses");
    match (prohibits, refuses) {
        (true, Some(value)) => Err(value.fault("`prohibits` says it already".to_string())),
        (true, None) => Ok(Some(Refusal { says: named("admin"), protocols: Vec::new() })),
        (false, Some(value)) => read_refusal(&value).map(Some),
        (false, None) => Ok(None),
    }
}

fn read_refusal(value: &Value<'_>) -> Result<Refusal, ScenarioFault> {
    if value.is_text() {
        return Ok(Refusal { says: word(value)?, protocols: Vec::new() });
    }
    let mut table = value.table()?;
    let says = match (table.take("says"), table.take("kind"), table.take("code")) {
        (Some(says), None, None) => word(&says)?,
        (None, Some(kind), Some(code)) => {
            let numbers = (kind.number(0, 255)? as u8, code.number(0, 255)? as u8);
            Some(Both::from([numbers, numbers]))
        }
        _ => return Err(table.fault("a refusal needs `says`, or `kind` and `code`".to_string())),
    };
    let protocols = match table.take("protocols") {
        Some(list) => list.list()?.iter().map(protocol).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    table.finish()?;
    Ok(Refusal { says, protocols })
}

fn protocol(value: &Value<'_>) -> Result<Carrier, ScenarioFault> {
    if !value.is_text() {
        return value.number(0, 255).map(|number| Carrier::Other(number as u8));
    }
    value.word(&[("icmp", Carrier::Icmp), ("udp", Carrier::Udp), ("tcp", Carrier::Tcp)])
}

fn word(value: &Value<'_>) -> Result<Option<Both<(u8, u8)>>, ScenarioFault> {
    let names = REFUSALS.iter().map(|(name, ..)| (*name, named(name)));
    let words: Vec<_> = names.chain([("silent", None)]).collect();
    value.word(&words)
}

fn named(word: &str) -> Option<Both<(u8, u8)>> {
    let (_, v4, v6) = REFUSALS.iter().find(|(name, ..)| *name == word)?;
    Some(Both::from([*v4, *v6]))
}
