//! The map as one JSON object: `network`.

use lab::{Sketch, Trait};
use serde_json::{Map, Value, json};

/// Draws a network; what links do is in the words of scenarios.
pub fn draw(sketch: &Sketch) -> String {
    let name = |node: &lab::NodeId| sketch.nodes[node.0 as usize].name.as_str();
    let nodes = sketch.nodes.iter().map(|node| {
        let addresses = node.addresses.iter().map(|(address, bits, link)| {
            json!({
                "address": address.to_string(),
                "prefix_bits": bits,
                "link": sketch.links[*link].name,
            })
        });
        json!({
            "name": node.name,
            "kind": node.kind,
            "notes": node.notes,
            "addresses": addresses.collect::<Vec<_>>(),
        })
    });
    let links = sketch.links.iter().map(|link| {
        let networks = link.networks.iter().map(|(first, bits)| format!("{first}/{bits}"));
        json!({
            "name": link.name,
            "ends": link.ends.iter().map(name).collect::<Vec<_>>(),
            "networks": networks.collect::<Vec<_>>(),
            "there": traits(&link.there),
            "back": traits(&link.back),
        })
    });
    let changes = sketch.changes.iter().map(|(at, what)| {
        json!({ "time_ns": u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), "what": what })
    });
    let network = json!({
        "v": 1,
        "type": "network",
        "from": name(&sketch.from),
        "nodes": nodes.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "changes": changes.collect::<Vec<_>>(),
    });
    format!("{network}\n")
}

fn traits(traits: &[Trait]) -> Map<String, Value> {
    traits.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect()
}
