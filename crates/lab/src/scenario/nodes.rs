//! The tables `[host]` and `[router]` of a scenario.

use super::text::{Table, Value};
use super::{
    Lies, LimitPlan, Names, NodePlan, Reject, Role, RouteBy, RouteTo, StaticRoute, node_id,
    node_named,
};
use crate::ScenarioFault;
use crate::address::Prefix;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

/// The most nodes that a scenario may have.
const NODES_MAX: usize = 100_000;

/// Reads all nodes, and their names and the names of groups.
pub(super) fn read(root: &mut Table<'_>) -> Result<(Vec<NodePlan>, Names), ScenarioFault> {
    let mut nodes = Vec::new();
    let mut names = Names::new();
    let mut entries = Vec::new();
    for (section, role) in [("host", Role::Host), ("router", Role::Router)] {
        let Some(value) = root.take(section) else { continue };
        entries.extend(value.table()?.entries().into_iter().map(|(n, v)| (n, role, v)));
    }
    for (name, role, value) in &entries {
        declare(name, *role, value, &mut nodes, &mut names)?;
    }
    // A second pass, since routes and lies name other nodes.
    for (name, _, value) in &entries {
        let mut table = value.table()?;
        let routes = routes(&mut table, &names)?;
        let lies = table.take("lies").map(|v| read_lies(&v, &names)).transpose()?;
        for id in &names[*name] {
            let node = &mut nodes[id.0 as usize];
            node.routes.clone_from(&routes);
            node.lies.clone_from(&lies);
        }
    }
    Ok((nodes, names))
}

/// Adds a node, or a group of them.
fn declare(
    name: &str,
    role: Role,
    value: &Value<'_>,
    nodes: &mut Vec<NodePlan>,
    names: &mut Names,
) -> Result<(), ScenarioFault> {
    let mut table = value.table()?;
    let count = table.take("count").map(|v| v.number(1, NODES_MAX as u64)).transpose()?;
    let plan = read_node(name, role, value, &mut table)?;
    if count.is_some() && !plan.addresses.is_empty() {
        return Err(value.fault("a group's addresses cannot be chosen".to_string()));
    }
    table.take("routes");
    table.take("lies");
    table.finish()?;
    let first = nodes.len();
    match count {
        None => nodes.push(plan),
        Some(count) => nodes.extend(
            (1..=count).map(|number| NodePlan { name: format!("{name}{number}"), ..plan.clone() }),
        ),
    }
    if nodes.len() > NODES_MAX {
        return Err(value.fault(format!("more than {NODES_MAX} nodes")));
    }
    let ids: Vec<_> = (first..nodes.len()).map(node_id).collect();
    let mut claimed = vec![(name.to_string(), ids.clone())];
    if count.is_some() {
        claimed.extend(ids.iter().map(|id| (nodes[id.0 as usize].name.clone(), vec![*id])));
    }
    for (name, ids) in claimed {
        match names.entry(name) {
            Entry::Vacant(entry) => entry.insert(ids),
            Entry::Occupied(entry) => {
                return Err(value.fault(format!("`{}` is declared twice", entry.key())));
            }
        };
    }
    Ok(())
}

fn read_node(
    name: &str,
    role: Role,
    value: &Value<'_>,
    table: &mut Table<'_>,
) -> Result<NodePlan, ScenarioFault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_plain) || name.parse::<IpAddr>().is_ok() {
        let hint = "letters, digits, - and _".to_string();
        return Err(value.fault_with(format!("`{name}` is no name for a node"), hint));
    }
    let mut yes = |key| table.take(key).map_or(Ok(false), |value| value.boolean());
    let (is_silent, is_absent) = (yes("silent")?, yes("absent")?);
    let (prohibits, answers_broadcast) = (yes("prohibits")?, yes("answers_broadcast")?);
    let hop_limit = table.take("hop_limit").map(|v| v.number(1, 255)).transpose()?.unwrap_or(64);
    let limit = table.take("icmp_limit").map(|v| read_limit(&v)).transpose()?.flatten();
    let routing = [("computed", true), ("static", false)];
    let routing = table.take("routing").map(|v| v.word(&routing)).transpose()?;
    let addresses = match table.take("addresses") {
        Some(list) => list.list()?.iter().map(address).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let mut ports = |key| table.take(key).map_or(Ok(Vec::new()), |value| read_ports(&value));
    let (tcp, udp) = (ports("tcp")?, ports("udp")?);
    Ok(NodePlan {
        name: name.to_string(),
        role,
        hop_limit: u8::try_from(hop_limit).expect("number checked the bounds"),
        is_silent,
        is_absent,
        prohibits,
        answers_broadcast,
        limit,
        computes_routes: routing.unwrap_or(true),
        routes: Vec::new(),
        addresses,
        lies: None,
        tcp,
        udp,
        at: value.at(),
    })
}

fn address(value: &Value<'_>) -> Result<IpAddr, ScenarioFault> {
    let text = value.text()?;
    let hint = "as in \"192.0.2.7\" or \"2001:db8::7\"".to_string();
    text.parse().map_err(|_| value.fault_with(format!("`{text}` is no address"), hint))
}

fn read_ports(value: &Value<'_>) -> Result<Vec<u16>, ScenarioFault> {
    let port = |item: &Value<'_>| item.number(1, 65_535).map(|port| port as u16);
    value.list()?.iter().map(port).collect()
}

/// `"linux"`, `"none"`, or a table.
fn read_limit(value: &Value<'_>) -> Result<Option<LimitPlan>, ScenarioFault> {
    if value.is_text() {
        let linux = LimitPlan {
            interval: Duration::from_secs(1),
            burst: 6,
            per_destination: true,
            answers_too: false,
        };
        return value.word(&[("linux", Some(linux)), ("none", None)]);
    }
    let mut table = value.table()?;
    let interval = table.need("interval")?.duration()?;
    let burst = table.take("burst").map(|v| v.number(1, 1_000_000)).transpose()?.unwrap_or(1);
    let per = [("node", false), ("destination", true)];
    let per = table.take("per").map(|v| v.word(&per)).transpose()?;
    let of = [("errors", false), ("all", true)];
    let of = table.take("of").map(|v| v.word(&of)).transpose()?;
    table.finish()?;
    Ok(Some(LimitPlan {
        interval,
        burst: u32::try_from(burst).expect("number checked the bounds"),
        per_destination: per.unwrap_or(false),
        answers_too: of.unwrap_or(false),
    }))
}

fn routes(table: &mut Table<'_>, names: &Names) -> Result<Vec<StaticRoute>, ScenarioFault> {
    let Some(list) = table.take("routes") else { return Ok(Vec::new()) };
    list.list()?.iter().map(|value| route(value, names)).collect()
}

fn route(value: &Value<'_>, names: &Names) -> Result<StaticRoute, ScenarioFault> {
    let mut table = value.table()?;
    let to = table.need("to")?;
    let to = match to.text()? {
        "default" => RouteTo::Default,
        text => match Prefix::parse(text) {
            Some(prefix) => RouteTo::Network(prefix),
            None => RouteTo::Node(node_named(&to, names)?),
        },
    };
    let rejects = [
        ("network", Reject::Network),
        ("host", Reject::Host),
        ("prohibited", Reject::Prohibited),
        ("silent", Reject::Silent),
    ];
    let via = table.take("via").map(|v| node_named(&v, names)).transpose()?;
    let reject = table.take("reject").map(|v| v.word(&rejects)).transpose()?;
    let by = match (via, reject) {
        (Some(node), None) => RouteBy::Via(node),
        (None, Some(reject)) => RouteBy::Reject(reject),
        _ => return Err(table.fault("a route needs either `via` or `reject`".to_string())),
    };
    table.finish()?;
    Ok(StaticRoute { to, by, at: value.at() })
}

fn read_lies(value: &Value<'_>, names: &Names) -> Result<Lies, ScenarioFault> {
    let mut table = value.table()?;
    let on = match table.take("on") {
        Some(list) => super::links::numbers(&list)?,
        None => Vec::new(),
    };
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    let (twice, identifier) = (yes("twice")?, yes("identifier")?);
    let from = table.take("from").map(|v| node_named(&v, names)).transpose()?;
    let mut offset = |key| table.take(key).map(|v| v.number(0, 65_535)).transpose();
    let (damages, cuts) = (offset("damages")?, offset("cuts")?);
    let late = table.take("late").map(|v| v.duration()).transpose()?;
    let payload = table.take("payload").map(|v| v.text()).transpose()?;
    table.finish()?;
    Ok(Lies {
        on,
        twice,
        from,
        damages: damages.map(|n| n as usize),
        late,
        payload: payload.map(|text| text.as_bytes().to_vec()),
        cuts: cuts.map(|n| n as usize),
        identifier,
    })
}
