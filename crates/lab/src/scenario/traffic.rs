//! The tables `[[traffic]]` of a scenario: processes that send.

use super::nodes::address;
use super::text::{Table, Value};
use super::{Names, node_named};
use crate::{NodeId, ScenarioFault, rules};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// The most payload of a datagram of UDP in IPv4 (RFC 768, RFC 791).
const BYTES_MAX: u64 = 65_507;

/// Processes of one scenario at most.
const PROCESSES_MAX: usize = 10_000;

/// A process that sends datagrams of UDP.
#[derive(Clone, Debug)]
pub(crate) struct TrafficPlan {
    pub(crate) from: NodeId,
    pub(crate) to: Destination,
    pub(crate) port: u16,
    pub(crate) families: Vec<Family>,
    /// When it sends first.
    pub(crate) start: Duration,
    pub(crate) every: Duration,
    pub(crate) count: u64,
    pub(crate) bytes: usize,
    pub(crate) hop_limit: Option<u8>,
    /// Whether its socket is connected to the destination.
    pub(crate) is_connected: bool,
    /// Whether it asks to hear of all errors (IP_RECVERR).
    pub(crate) hears_all: bool,
}

/// To whom a process sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination {
    Node(NodeId),
    Address(IpAddr),
}

/// Reads all of them.
pub(super) fn read(root: &mut Table<'_>, names: &Names) -> Result<Vec<TrafficPlan>, ScenarioFault> {
    let Some(list) = root.take("traffic") else { return Ok(Vec::new()) };
    let mut plans = Vec::new();
    for value in list.list()? {
        if plans.len() >= PROCESSES_MAX {
            return Err(value.fault(format!("more than {PROCESSES_MAX} processes")));
        }
        plans.extend(value.source().bear(process(&value, names))?);
    }
    Ok(plans)
}

fn process(value: &Value<'_>, names: &Names) -> Result<TrafficPlan, ScenarioFault> {
    let mut table = value.table()?;
    let from = node_named(&table.need("from")?, names)?;
    let to = table.need("to")?;
    let to = match to.text()?.parse::<IpAddr>() {
        Ok(_) => Destination::Address(address(&to)?),
        Err(_) => Destination::Node(node_named(&to, names)?),
    };
    let port = table.need("udp")?.number(1, 65_535)? as u16;
    let families = match table.take("families") {
        Some(list) => {
            list.list()?.iter().map(|word| word.word(&rules::NAMES)).collect::<Result<_, _>>()?
        }
        None => Family::ALL.to_vec(),
    };
    let mut span = |key| table.take(key).map(|value: Value<'_>| value.duration()).transpose();
    let (start, every) = (span("start")?, span("every")?);
    let every = every.unwrap_or(Duration::from_secs(1));
    let count = table.take("count").map(|v| v.number(1, 1_000_000)).transpose()?;
    let bytes = table.take("bytes").map(|v| v.number(0, BYTES_MAX)).transpose()?;
    let hop_limit = table.take("hop_limit").map(|v| v.number(1, 255)).transpose()?;
    let is_connected = table.take("connected").map_or(Ok(false), |value| value.boolean())?;
    let hears_all = table.take("recverr").map_or(Ok(false), |value| value.boolean())?;
    if every < Duration::from_micros(1) {
        return Err(table.fault("`every` is at least 1us".to_string()));
    }
    table.finish()?;
    Ok(TrafficPlan {
        from,
        to,
        port,
        families,
        start: start.unwrap_or_default(),
        every,
        count: count.unwrap_or(1),
        bytes: bytes.unwrap_or(32) as usize,
        hop_limit: hop_limit.map(|limit| limit as u8),
        is_connected,
        hears_all,
    })
}
