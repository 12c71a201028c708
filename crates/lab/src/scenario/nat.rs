//! The keys `nat` and `dnat` of a node.

use super::text::{Source, Table, Value};
use super::{LinkPlan, Names, NodePlan, Role, node_named};
use crate::{NodeId, ScenarioFault};

/// Source translation: what leaves by a link seems to come from this router.
#[derive(Clone, Debug)]
pub(crate) struct NatPlan {
    /// The name of the link, and where it stands in the text.
    link: String,
    at: usize,
    /// The router's interface there.
    pub(crate) out: usize,
    pub(crate) quotes: Quotes,
    /// Whether ports and identifiers stay as they are where that is possible.
    pub(crate) keeps_ports: bool,
}

/// Destination translation: one host stands in for another.
#[derive(Clone, Debug)]
pub(crate) struct DnatPlan {
    /// Who is asked.
    pub(crate) to: NodeId,
    /// Who answers.
    pub(crate) host: NodeId,
    pub(crate) quotes: Quotes,
    /// Whether routers behind the translator seem to be who is asked, as behind Linux.
    pub(crate) hides: bool,
}

/// How much of a quote is translated back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// All of it.
    Whole,
    /// Address and port, but not the transport checksum that covers them.
    Address,
    /// Nothing.
    Untouched,
}

const QUOTES: &[(&str, Quotes)] =
    &[("whole", Quotes::Whole), ("address", Quotes::Address), ("untouched", Quotes::Untouched)];

/// Reads `nat`: a link's name, or a table.
pub(super) fn read_nat(table: &mut Table<'_>) -> Result<Option<NatPlan>, ScenarioFault> {
    let Some(value) = table.take("nat") else { return Ok(None) };
    let plan = |out: Value<'_>, quotes, keeps_ports| {
        let (link, at) = (out.text()?.to_string(), out.at());
        Ok(Some(NatPlan { link, at, out: 0, quotes, keeps_ports }))
    };
    if value.is_text() {
        return plan(value, Quotes::Whole, true);
    }
    let mut table = value.table()?;
    let out = table.need("out")?;
    let quotes = table.take("quotes").map_or(Ok(Quotes::Whole), |value| value.word(QUOTES))?;
    let ports = [("kept", true), ("new", false)];
    let keeps_ports = table.take("ports").map_or(Ok(true), |value| value.word(&ports))?;
    table.finish()?;
    plan(out, quotes, keeps_ports)
}

/// Reads `dnat`.
pub(super) fn read_dnat(
    table: &mut Table<'_>,
    names: &Names,
) -> Result<Option<DnatPlan>, ScenarioFault> {
    let Some(value) = table.take("dnat") else { return Ok(None) };
    let mut table = value.table()?;
    let to = node_named(&table.need("to")?, names)?;
    let host = node_named(&table.need("host")?, names)?;
    let quotes = table.take("quotes").map_or(Ok(Quotes::Whole), |value| value.word(QUOTES))?;
    let hides = table.take("hides").map_or(Ok(false), |value| value.boolean())?;
    table.finish()?;
    if to == host {
        return Err(value.fault("`to` and `host` are the same".to_string()));
    }
    Ok(Some(DnatPlan { to, host, quotes, hides }))
}

/// Finds the interfaces by which translators send, once links are known, and checks the rest.
pub(super) fn find_interfaces(
    nodes: &mut [NodePlan],
    links: &[LinkPlan],
    source: Source<'_>,
) -> Result<(), ScenarioFault> {
    for (index, node) in nodes.iter_mut().enumerate() {
        if node.role == Role::Host && (node.nat.is_some() || node.dnat.is_some()) {
            return Err(source.fault(node.at, "only routers translate".to_string(), None));
        }
        let id = super::node_id(index);
        if node.dnat.as_ref().is_some_and(|plan| plan.host == id) {
            let message = format!("`{}` cannot stand in for another itself", node.name);
            return Err(source.fault(node.at, message, None));
        }
        let Some(plan) = &mut node.nat else { continue };
        let own = links.iter().filter(|link| link.ends.contains(&id));
        let names: Vec<&str> = own.map(|link| link.name.as_str()).collect();
        plan.out = names.iter().position(|name| *name == plan.link).ok_or_else(|| {
            let message = format!("`{}` has no link named `{}`", node.name, plan.link);
            source.fault(plan.at, message, Some(format!("it has: {}", names.join(", "))))
        })?;
    }
    Ok(())
}
