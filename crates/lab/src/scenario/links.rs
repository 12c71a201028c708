//! The tables `[[link]]` of a scenario.

use super::impairments::Impairments;
use super::text::{Table, Value};
use super::{LinkPlan, Names, NodePlan, nodes_named};
use crate::address::Prefix;
use crate::{NodeId, ScenarioFault};
use std::collections::BTreeSet;

/// Links of one scenario at most, as many as the address pool has networks for in IPv6.
const LINKS_MAX: usize = 65_535;

/// Reads all links.
pub(super) fn read(
    root: &mut Table<'_>,
    names: &Names,
    nodes: &[NodePlan],
) -> Result<Vec<LinkPlan>, ScenarioFault> {
    let Some(list) = root.take("link") else { return Ok(Vec::new()) };
    let mut taken = BTreeSet::new();
    let mut links = Vec::new();
    for value in list.list()? {
        let Some(link) = list.source().bear(read_link(&value, names, nodes))? else { continue };
        if !taken.insert(link.name.clone()) {
            let message = format!("two links are named `{}`", link.name);
            let fault = value.fault_with(message, "give one of them a `name`".to_string());
            value.source().bear(Err::<(), _>(fault))?;
        }
        links.push(link);
        if links.len() > LINKS_MAX {
            return Err(value.fault(format!("more than {LINKS_MAX} links")));
        }
    }
    Ok(links)
}

fn read_link(
    value: &Value<'_>,
    names: &Names,
    nodes: &[NodePlan],
) -> Result<LinkPlan, ScenarioFault> {
    let mut table = value.table()?;
    let ends_given = table.need("ends")?;
    let (ends, default_name) = read_ends(&ends_given, names, nodes)?;
    let name = match table.take("name") {
        Some(name) => name.text()?.to_string(),
        None => default_name,
    };
    let networks = match table.take("networks") {
        Some(list) => read_networks(&list)?,
        None => Vec::new(),
    };
    let is_ethernet = match table.take("kind") {
        Some(kind) => kind.word(&[("ethernet", true), ("plain", false)])?,
        None => ends.len() > 2,
    };
    let usual = Impairments::default();
    let (there, back) = read_directions(&mut table, &usual, &usual)?;
    table.finish()?;
    Ok(LinkPlan { name, ends, is_ethernet, networks, there, back, at: value.at() })
}

/// What a table says of both directions, or of one; what it does not say is as given.
pub(super) fn read_directions(
    table: &mut Table<'_>,
    there: &Impairments,
    back: &Impairments,
) -> Result<(Impairments, Impairments), ScenarioFault> {
    let mut direction = |key, base| -> Result<Impairments, ScenarioFault> {
        let both = Impairments::read(table, base)?;
        let Some(value) = table.take(key) else { return Ok(both) };
        let mut table = value.table()?;
        let impairments = Impairments::read(&mut table, &both)?;
        table.finish()?;
        Ok(impairments)
    };
    Ok((direction("there", there)?, direction("back", back)?))
}

/// The nodes at a link's ends, and what it is called by them.
fn read_ends(
    value: &Value<'_>,
    names: &Names,
    nodes: &[NodePlan],
) -> Result<(Vec<NodeId>, String), ScenarioFault> {
    let mut ends: Vec<NodeId> = Vec::new();
    let mut called = Vec::new();
    let mut seen = BTreeSet::new();
    for end in value.list()? {
        for node in nodes_named(&end, names)? {
            if !seen.insert(node) {
                let name = &nodes[node.0 as usize].name;
                return Err(end.fault(format!("`{name}` stands at two ends of the link")));
            }
            ends.push(node);
        }
        called.push(end.text()?);
    }
    if ends.len() < 2 {
        return Err(value.fault("a link needs two ends, or more".to_string()));
    }
    Ok((ends, called.join("-")))
}

fn read_networks(value: &Value<'_>) -> Result<Vec<Prefix>, ScenarioFault> {
    let mut networks: Vec<Prefix> = Vec::new();
    for item in value.list()? {
        let prefix = item.network()?;
        if let Some(what) = wire::prefix::unusable(&prefix) {
            let hint = "as in \"192.0.2.0/28\" or \"2001:db8:7::/64\"".to_string();
            let message = format!("no node can have addresses of {prefix}: {what}");
            return Err(item.fault_with(message, hint));
        }
        if networks.iter().any(|other| other.family() == prefix.family()) {
            return Err(item.fault("a link has one network of each family".to_string()));
        }
        networks.push(prefix);
    }
    Ok(networks)
}

/// 1-based numbers, in ascending order.
pub(super) fn numbers(value: &Value<'_>) -> Result<Vec<u64>, ScenarioFault> {
    let mut numbers = Vec::new();
    for item in value.list()? {
        numbers.push(item.number(1, u64::MAX)?);
    }
    numbers.sort_unstable();
    Ok(numbers)
}
