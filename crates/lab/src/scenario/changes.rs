//! The tables `[[at]]` of a scenario: what changes at some moment.

use super::impairments::Impairments;
use super::text::{Table, Value};
use super::{LinkPlan, Names, NodePlan, StaticRoute, links, node_named, nodes};
use crate::conntrack::Personality;
use crate::{NodeId, ScenarioFault};
use probe::Time;
use std::collections::BTreeMap;

/// A change, and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct ChangePlan {
    pub(crate) at: Time,
    pub(crate) what: Change,
    /// Where it stands in the text.
    pub(crate) place: usize,
}

/// What changes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A link, by its index: whether it is down, and what it does from now on, there and back.
    Link { link: usize, is_down: bool, directions: Box<[Impairments; 2]> },
    /// A node: its stated routes, if they change, whether it is silent, and how it translates, if
    /// that changes.
    Node {
        node: NodeId,
        routes: Option<Vec<StaticRoute>>,
        is_silent: bool,
        personality: Option<Personality>,
    },
}

/// Reads all changes, in the order in which they come.
pub(super) fn read(
    list: Option<Value<'_>>,
    names: &Names,
    nodes: &[NodePlan],
    links: &[LinkPlan],
) -> Result<Vec<ChangePlan>, ScenarioFault> {
    let Some(list) = list else { return Ok(Vec::new()) };
    let source = list.source();
    let mut timed = Vec::new();
    for value in list.list()? {
        let time = value.table().and_then(|mut table| table.need("time")?.duration());
        timed.extend(source.bear(time)?.map(|time| (Time::ZERO + time, value)));
    }
    timed.sort_by_key(|(at, _)| *at);
    let silent = nodes.iter().map(|node| node.is_silent).collect();
    let states = links.iter().map(|link| (false, link.there.clone(), link.back.clone())).collect();
    let by_name = links.iter().enumerate().map(|(index, link)| (link.name.as_str(), index));
    // Of two with one name, which is refused already, the first.
    let by_name = by_name.rev().collect();
    let mut state = State { names, nodes, links, by_name, states, silent };
    let mut changes = Vec::with_capacity(timed.len());
    for (at, value) in timed {
        let what = source.bear(state.change(&value))?;
        changes.extend(what.map(|what| ChangePlan { at, what, place: value.at() }));
    }
    Ok(changes)
}

/// How things stand after the changes read so far; each says only what it changes.
struct State<'a> {
    names: &'a Names,
    nodes: &'a [NodePlan],
    links: &'a [LinkPlan],
    by_name: BTreeMap<&'a str, usize>,
    states: Vec<(bool, Impairments, Impairments)>,
    silent: Vec<bool>,
}

impl State<'_> {
    fn change(&mut self, value: &Value<'_>) -> Result<Change, ScenarioFault> {
        let mut table = value.table()?;
        table.take("time");
        let change = match (table.take("link"), table.take("node")) {
            (Some(link), None) => self.link_change(&link, &mut table)?,
            (None, Some(node)) => self.node_change(&node, &mut table)?,
            _ => return Err(table.fault("a change needs either `link` or `node`".to_string())),
        };
        table.finish()?;
        Ok(change)
    }

    fn link_change(
        &mut self,
        name: &Value<'_>,
        table: &mut Table<'_>,
    ) -> Result<Change, ScenarioFault> {
        let link = self.by_name.get(name.text()?).copied();
        let link = link.ok_or_else(|| nameless(name, self.links))?;
        let (was_down, there, back) = self.states[link].clone();
        let is_down = table.take("down").map_or(Ok(was_down), |value| value.boolean())?;
        let (there, back) = links::read_directions(table, &there, &back)?;
        self.states[link] = (is_down, there.clone(), back.clone());
        Ok(Change::Link { link, is_down, directions: Box::new([there, back]) })
    }

    fn node_change(
        &mut self,
        name: &Value<'_>,
        table: &mut Table<'_>,
    ) -> Result<Change, ScenarioFault> {
        let node = node_named(name, self.names)?;
        let was_silent = &mut self.silent[node.0 as usize];
        *was_silent = table.take("silent").map_or(Ok(*was_silent), |value| value.boolean())?;
        let is_silent = *was_silent;
        let routes = nodes::routes(table, self.names)?;
        let personality = table.take("personality");
        let personality = personality.map(|value| self.personality(node, &value)).transpose()?;
        Ok(Change::Node { node, routes, is_silent, personality })
    }

    fn personality(&self, node: NodeId, value: &Value<'_>) -> Result<Personality, ScenarioFault> {
        let personality = value.word(Personality::ALL)?;
        match self.nodes[node.0 as usize].nat {
            Some(_) => Ok(personality),
            None => Err(value.fault("this node has no `nat` that could behave so".to_string())),
        }
    }
}

/// The link that a value names, by its index.
pub(super) fn link_named(value: &Value<'_>, links: &[LinkPlan]) -> Result<usize, ScenarioFault> {
    let name = value.text()?;
    links.iter().position(|link| link.name == name).ok_or_else(|| nameless(value, links))
}

/// No link has the name that a value holds.
fn nameless(value: &Value<'_>, links: &[LinkPlan]) -> ScenarioFault {
    let name = value.text().unwrap_or_default();
    let known: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let hint = match super::text::nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a link is named by its ends, joined by `-`, or by its `name`".to_string(),
    };
    value.fault_with(format!("no link is named `{name}`"), hint)
}
