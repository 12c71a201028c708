//! The tables `[host]` and `[router]` of a scenario.

use super::text::{Table, Value};
use super::{
    Balance, Lies, LimitPlan, Names, NodePlan, Rate, Reject, Role, RouteBy, RouteTo, Stated,
    StaticRoute, agents, errors, forwarding, nat, node_id, node_named, tftp,
};
use crate::service::{read_clock, read_services};
use crate::socket::disposition::Stack;
use crate::{NodeId, ScenarioFault};
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::time::Duration;
use toml::de::DeTable;

/// The most nodes that a scenario may have.
const NODES_MAX: usize = 100_000;

/// Reads all nodes, and their names and the names of groups.
pub(super) fn read(root: &mut Table<'_>) -> Result<(Vec<NodePlan>, Names), ScenarioFault> {
    let mut names = Names::new();
    let mut entries = Vec::new();
    for (section, role) in [("host", Role::Host), ("router", Role::Router)] {
        let Some(value) = root.take(section) else { continue };
        entries.extend(value.table()?.entries().into_iter().map(|(n, v)| (n, role, v)));
    }
    let mut first = 0;
    for (name, _, value) in &entries {
        first = declare(name, value, first, &mut names)?;
    }
    let mut nodes = Vec::with_capacity(first);
    // A second pass, since nodes name each other.
    for (name, role, value) in &entries {
        let is_group = value.table()?.take("count").is_some();
        let plan = match value.source().bear(read_entry(name, *role, value, &names))? {
            Some(plan) => plan,
            // Another in its place, so that nodes keep their numbers.
            None => {
                let nothing = DeTable::new();
                let mut table = Table::new(value.source(), &nothing, value.at());
                read_node(name, *role, value, &mut table, &names)?
            }
        };
        let member = |number| NodePlan { name: format!("{name}{number}"), ..plan.clone() };
        match is_group {
            true => nodes.extend((1..=names[*name].len()).map(member)),
            false => nodes.push(plan),
        }
    }
    Ok((nodes, names))
}

fn read_entry(
    name: &str,
    role: Role,
    value: &Value<'_>,
    names: &Names,
) -> Result<NodePlan, ScenarioFault> {
    let mut table = value.table()?;
    let is_group = table.take("count").is_some();
    let plan = read_node(name, role, value, &mut table, names)?;
    if is_group && !plan.addresses.is_empty() {
        return Err(value.fault("a group's addresses cannot be chosen".to_string()));
    }
    table.finish()?;
    Ok(plan)
}

/// Whether a node may have a name.
pub(super) fn may_be_named(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.chars().all(is_plain) && name.parse::<IpAddr>().is_err()
}

/// Claims the name of a node, or of a group and its members; the id behind the last of them.
fn declare(
    name: &str,
    value: &Value<'_>,
    first: usize,
    names: &mut Names,
) -> Result<usize, ScenarioFault> {
    if !may_be_named(name) {
        let hint = "letters, digits, - and _".to_string();
        return Err(value.fault_with(format!("`{name}` is no name for a node"), hint));
    }
    let count = value.table()?.take("count");
    let count = count.map(|v| v.number(1, NODES_MAX as u64)).transpose()?;
    let end = first + count.unwrap_or(1) as usize;
    if end > NODES_MAX {
        return Err(value.fault(format!("more than {NODES_MAX} nodes")));
    }
    let ids: Vec<_> = (first..end).map(node_id).collect();
    let members = ids.iter().enumerate().filter(|_| count.is_some());
    let mut claimed: Vec<_> =
        members.map(|(index, id)| (format!("{name}{}", index + 1), vec![*id])).collect();
    claimed.insert(0, (name.to_string(), ids));
    for (name, ids) in claimed {
        match names.entry(name) {
            Entry::Vacant(entry) => entry.insert(ids),
            Entry::Occupied(entry) => {
                return Err(value.fault(format!("`{}` is declared twice", entry.key())));
            }
        };
    }
    Ok(end)
}

/// Whose network code a node may run.
const STACKS: [(&str, Stack); 2] = [("linux", Stack::Linux), ("bsd", Stack::Bsd)];

fn read_node(
    name: &str,
    role: Role,
    value: &Value<'_>,
    table: &mut Table<'_>,
    names: &Names,
) -> Result<NodePlan, ScenarioFault> {
    let mut yes = |key| table.take(key).map_or(Ok(false), |value| value.boolean());
    let (is_silent, is_absent) = (yes("silent")?, yes("absent")?);
    let answers_broadcast = yes("answers_broadcast")?;
    let stack = table.take("stack").map(|v| v.word(&STACKS)).transpose()?.unwrap_or_default();
    let mut says = |key| table.take(key).map(|value| value.boolean()).transpose();
    let accepts_redirects = says("accepts_redirects")?.unwrap_or(role == Role::Host);
    let sends_redirects = says("sends_redirects")?.unwrap_or(true);
    let hop_limit = table.take("hop_limit").map(|v| v.number(1, 255)).transpose()?.unwrap_or(64);
    let limit = table.take("icmp_limit").map(|v| read_limit(&v)).transpose()?.flatten();
    let routing = [("computed", true), ("static", false)];
    let routing = table.take("routing").map(|v| v.word(&routing)).transpose()?;
    let balances = [
        ("flow", Balance::Flow),
        ("destination", Balance::Destination),
        ("packet", Balance::Packet),
    ];
    let balance = table.take("balance").map(|v| v.word(&balances)).transpose()?;
    let addresses = match table.take("addresses") {
        Some(list) => read_addresses(&list)?,
        None => Vec::new(),
    };
    let mut ports = |key| table.take(key).map_or(Ok(Vec::new()), |value| read_ports(&value));
    let (tcp, udp) = (ports("tcp")?, ports("udp")?);
    Ok(NodePlan {
        name: name.to_string(),
        role,
        hop_limit: u8::try_from(hop_limit).expect("number checked the bounds"),
        stack,
        is_silent,
        is_absent,
        refusal: forwarding::refusal(table)?,
        answers_broadcast,
        limit,
        computes_routes: routing.unwrap_or(true),
        routes: routes(table, names)?.unwrap_or_default(),
        balance,
        addresses,
        lies: table.take("lies").map(|v| read_lies(&v, names)).transpose()?,
        errors: errors::read(table, names)?,
        forwarding: forwarding::read(table)?,
        accepts_redirects,
        sends_redirects,
        nat: nat::read_nat(table, names)?,
        dnat: nat::read_dnat(table, names)?,
        mask: agents::mask(table)?,
        advert: agents::advertises(table)?,
        tcp,
        udp,
        services: read_services(table)?,
        clock: read_clock(table)?,
        tftp: tftp::read(table)?,
        at: value.at(),
    })
}

pub(super) fn address(value: &Value<'_>) -> Result<IpAddr, ScenarioFault> {
    let text = value.text()?;
    let hint = "as in \"192.0.2.7\" or \"2001:db8::7\"".to_string();
    text.parse().map_err(|_| value.fault_with(format!("`{text}` is no address"), hint))
}

/// Addresses, and where each stands.
pub(super) fn read_addresses(value: &Value<'_>) -> Result<Vec<Stated>, ScenarioFault> {
    let mut all: Vec<Stated> = Vec::new();
    for item in value.list()? {
        let stated = Stated { address: address(&item)?, at: item.at() };
        if all.iter().any(|other| other.address == stated.address) {
            return Err(item.fault(format!("{} stands here twice", stated.address)));
        }
        all.push(stated);
    }
    Ok(all)
}

fn read_ports(value: &Value<'_>) -> Result<Vec<u16>, ScenarioFault> {
    let port = |item: &Value<'_>| item.number(1, 65_535).map(|port| port as u16);
    value.list()?.iter().map(port).collect()
}

/// `"linux"`, `"none"`, or a table.
fn read_limit(value: &Value<'_>) -> Result<Option<LimitPlan>, ScenarioFault> {
    if value.is_text() {
        let linux = LimitPlan {
            rate: Rate { interval: Duration::from_secs(1), burst: 6 },
            per_destination: true,
            answers_too: false,
            overall: Some(Rate { interval: Duration::from_millis(1), burst: 50 }),
        };
        return value.word(&[("linux", Some(linux)), ("none", None)]);
    }
    let mut table = value.table()?;
    let rate = read_rate(&mut table)?;
    let per = [("node", false), ("destination", true)];
    let per = table.take("per").map(|v| v.word(&per)).transpose()?;
    let of = [("errors", false), ("all", true)];
    let of = table.take("of").map(|v| v.word(&of)).transpose()?;
    let overall = match table.take("overall") {
        Some(value) => {
            let mut table = value.table()?;
            let rate = read_rate(&mut table)?;
            table.finish()?;
            Some(rate)
        }
        None => None,
    };
    table.finish()?;
    Ok(Some(LimitPlan {
        rate,
        per_destination: per.unwrap_or(false),
        answers_too: of.unwrap_or(false),
        overall,
    }))
}

fn read_rate(table: &mut Table<'_>) -> Result<Rate, ScenarioFault> {
    let interval = table.need("interval")?.duration()?;
    let burst = table.take("burst").map(|v| v.number(1, 1_000_000)).transpose()?.unwrap_or(1);
    Ok(Rate { interval, burst: u32::try_from(burst).expect("number checked the bounds") })
}

/// The routes that a table states, if it does.
pub(super) fn routes(
    table: &mut Table<'_>,
    names: &Names,
) -> Result<Option<Vec<StaticRoute>>, ScenarioFault> {
    let Some(list) = table.take("routes") else { return Ok(None) };
    list.list()?.iter().map(|value| route(value, names)).collect::<Result<_, _>>().map(Some)
}

fn route(value: &Value<'_>, names: &Names) -> Result<StaticRoute, ScenarioFault> {
    let mut table = value.table()?;
    let to = table.need("to")?;
    let to = match to.text()? {
        "default" => RouteTo::Default,
        text if text.contains('/') || text.parse::<IpAddr>().is_ok() => {
            RouteTo::Network(to.network()?)
        }
        _ => RouteTo::Node(node_named(&to, names)?),
    };
    let rejects = [
        ("network", Reject::Network),
        ("host", Reject::Host),
        ("prohibited", Reject::Prohibited),
        ("silent", Reject::Silent),
    ];
    let via = table.take("via").map(|v| read_via(&v, names)).transpose()?;
    let reject = table.take("reject").map(|v| v.word(&rejects)).transpose()?;
    let by = match (via, reject) {
        (Some(nodes), None) => RouteBy::Via(nodes),
        (None, Some(reject)) => RouteBy::Reject(reject),
        _ => return Err(table.fault("a route needs either `via` or `reject`".to_string())),
    };
    table.finish()?;
    Ok(StaticRoute { to, by, at: value.at() })
}

/// A neighbour, or several that take turns.
fn read_via(value: &Value<'_>, names: &Names) -> Result<Vec<NodeId>, ScenarioFault> {
    if !value.is_list() {
        return Ok(vec![node_named(value, names)?]);
    }
    let nodes: Vec<_> =
        value.list()?.iter().map(|item| node_named(item, names)).collect::<Result<_, _>>()?;
    if nodes.is_empty() {
        return Err(value.fault("`via` names no neighbour".to_string()));
    }
    Ok(nodes)
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
