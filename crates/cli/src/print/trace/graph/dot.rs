//! Load-balanced paths in the language of Graphviz, one graph a target.

use crate::print::Unresolved;
use crate::print::trace::facts::Facts;
use crate::print::trace::human::who;
use crate::print::trace::{Page, Printer, Road};
use probe::trace::{Graph, Hop, Verdict};
use std::io::Write;

/// Prints dot.
#[derive(Debug)]
pub struct Dot;

impl Printer for Dot {
    fn mixes_roads(&self) -> bool {
        false
    }

    fn hop(&mut self, _road: &Road<'_>, _hop: &Hop, _facts: &Facts, _page: &mut Page) {}

    fn graph(&mut self, road: &Road<'_>, graph: &Graph, page: &mut Page) {
        let text = &mut page.text;
        let target = road.whom.target.map(|target| target.address.to_string()).unwrap_or_default();
        let _ = writeln!(text, "digraph {} {{", quoted(&target));
        let _ = writeln!(text, "  rankdir=LR; node [shape=box, fontname=\"sans-serif\"];");
        let source = road.source.map(|source| source.to_string()).unwrap_or_default();
        let _ = writeln!(text, "  \"0.0\" [label={}];", quoted(&source));
        for layer in &graph.layers {
            for (place, vertex) in layer.vertices.iter().enumerate() {
                let label = quoted(&who(road, vertex.from));
                let shape = if vertex.is_end { ", peripheries=2" } else { "" };
                let _ = writeln!(text, "  \"{}.{place}\" [label={label}{shape}];", layer.hop);
            }
            if layer.vertices.is_empty() {
                let _ = writeln!(text, "  \"{}.0\" [label=\"*\", style=dashed];", layer.hop);
            }
        }
        for (from, to, flows) in edges(graph) {
            let _ = writeln!(text, "  \"{from}\" -> \"{to}\" [label=\"{flows}\"];");
        }
        text.extend_from_slice(b"}\n");
    }

    fn verdict(&mut self, _road: &Road<'_>, _verdict: &Verdict, _page: &mut Page) {}

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let _ =
            writeln!(out, "// {}", quoted(&format!("{}: {}", unresolved.name, unresolved.reason)));
    }
}

/// The steps that paths take, by hop and place, each with its flows; the source is hop 0.
pub(super) fn edges(graph: &Graph) -> Vec<(String, String, usize)> {
    let mut edges: Vec<(String, String, usize)> = Vec::new();
    for path in &graph.paths {
        let mut before = "0.0".to_owned();
        for (place, layer) in path.vertices.iter().zip(&graph.layers) {
            let here = format!("{}.{}", layer.hop, place.unwrap_or(0));
            let known = edges.iter_mut().find(|(from, to, _)| *from == before && *to == here);
            match known {
                Some((_, _, flows)) => *flows += path.flows.len(),
                None => edges.push((before, here.clone(), path.flows.len())),
            }
            before = here;
        }
    }
    edges
}

/// A string of the language: only quotes and backslashes mean something in it, and control
/// characters are left out.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}
