//! Load-balanced paths: as text for people, as fields for machines, and as pictures (below).

pub mod dot;
pub mod svg;

use super::human::who;
use super::words::Words;
use super::{Page, Road};
use crate::print::fields::{self, Sink, Value};
use crate::print::human::{decimals, milliseconds};
use probe::trace::{Graph, Layer, Path, Vertex};
use std::fmt::Write as _;
use std::io::Write as _;

/// Writes the hops with everybody who answered there, then the ways through them.
pub fn text(words: Words, road: &Road<'_>, graph: &Graph, page: &mut Page) {
    for (index, layer) in graph.layers.iter().enumerate() {
        let next = graph.layers.get(index + 1);
        let lead = super::human::number(road.plan, layer.hop);
        if layer.vertices.is_empty() {
            let _ = writeln!(page.text, "{lead}  *");
        }
        for (place, vertex) in layer.vertices.iter().enumerate() {
            let lead = if place == 0 { lead.clone() } else { " ".repeat(lead.len()) };
            let line = vertex_line(words, road, vertex, next);
            let _ = writeln!(page.text, "{lead}  {line}");
        }
        if layer.vertices.len() > 1 {
            let line = words.balances(layer);
            let _ = writeln!(page.text, "{:1$}{line}", "", lead.len() + 4);
        }
    }
    let _ = writeln!(page.text, "{}", words.paths(graph));
    for (number, path) in graph.paths.iter().enumerate().filter(|_| graph.paths.len() > 1) {
        let _ = writeln!(page.text, "  {}", path_line(words, graph, number + 1, path));
    }
}

fn vertex_line(words: Words, road: &Road<'_>, vertex: &Vertex, next: Option<&Layer>) -> String {
    let median = vertex.rtt.median_ns as f64;
    let mut line =
        format!("{}  {} ms", who(road, vertex.from), milliseconds(median, decimals(median)));
    let _ = write!(line, "  {}", words.flows(vertex.flows.len()));
    let is_choice = next.is_some_and(|next| next.vertices.len() > 1);
    if let Some(next) = next.filter(|_| is_choice && !vertex.next.is_empty()) {
        let to = vertex.next.iter().map(|place| next.vertices[*place].from.to_string());
        let _ = write!(line, "  -> {}", to.collect::<Vec<_>>().join(", "));
    }
    line
}

fn path_line(words: Words, graph: &Graph, number: usize, path: &Path) -> String {
    let steps = path.vertices.iter().zip(&graph.layers).map(|(place, layer)| match place {
        Some(place) => layer.vertices[*place].from.to_string(),
        None => "*".to_owned(),
    });
    let way = steps.collect::<Vec<_>>().join(" ");
    let mut line = format!("{number}: {way}  {}", words.flows(path.flows.len()));
    let _ = write!(line, ", {}", words.of_probes(path.answered, path.sent));
    if let Some(rtt) = path.rtt {
        let ns = rtt.as_nanos() as f64;
        let rtt = milliseconds(ns, decimals(ns));
        let _ = write!(line, ", {}", words.as_far_as(&rtt, path.rtt_hop));
    }
    line
}

/// One way, for machines; its number counts from 1.
pub fn path(road: &Road<'_>, graph: &Graph, number: usize, sink: Sink<'_>) {
    let path = &graph.paths[number - 1];
    sink("type", Value::Word("path"));
    fields::whom(road.whom, sink);
    sink("path", (number as u64).into());
    sink("paths", (graph.paths.len() as u64).into());
    sink("risk", Value::Ratio(graph.risk));
    let steps = path.vertices.iter().zip(&graph.layers);
    let hops = steps.map(|(place, layer)| Value::Object(hop(road, *place, layer)));
    sink("hops", Value::Values(hops.collect()));
    sink("flows", Value::Values(path.flows.iter().map(|flow| u64::from(*flow).into()).collect()));
    sink("sent", path.sent.into());
    sink("answered", path.answered.into());
    sink("rtt_ns", path.rtt.into());
    sink("rtt_hop", (path.rtt_hop > 0).then_some(path.rtt_hop).into());
}

fn hop(road: &Road<'_>, place: Option<usize>, layer: &Layer) -> Vec<(&'static str, Value)> {
    let from = place.map(|place| layer.vertices[place].from);
    vec![
        ("hop", layer.hop.into()),
        ("from", from.map(|from| from.to_string()).into()),
        ("name", from.and_then(|from| road.book.name(from)).map(str::to_owned).into()),
        ("ways", (layer.vertices.len() as u64).into()),
        ("is_per_packet", layer.is_per_packet.into()),
    ]
}
