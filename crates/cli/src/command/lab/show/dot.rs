//! The map for Graphviz.

use super::Said;
use super::graph::{Graph, Vertex};
use lab::Sketch;
use std::fmt::Write;

/// Draws a network as an undirected graph; what a link does in one direction only is said with an
/// arrow.
pub fn draw(sketch: &Sketch) -> String {
    let graph = Graph::of(sketch);
    let mut out = String::from("graph {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for (index, vertex) in graph.vertices.iter().enumerate() {
        let (label, shape) = match vertex {
            Vertex::Node(node) => {
                let node = &sketch.nodes[*node];
                let lines: Vec<&str> =
                    std::iter::once(node.name.as_str()).chain(node.notes.iter().copied()).collect();
                let shape = match node.kind {
                    "host" => "box",
                    "gateway" => "diamond",
                    _ => "ellipse",
                };
                (lines.join("\n"), shape)
            }
            Vertex::Segment(link) => {
                let link = &sketch.links[*link];
                (format!("{}\n{}", link.name, said(link)), "plaintext")
            }
        };
        let _ = writeln!(out, "  v{index} [label={}, shape={shape}];", quoted(&label));
    }
    for edge in &graph.edges {
        let [from, to] = edge.ends;
        let is_segment = matches!(graph.vertices[to], Vertex::Segment(_));
        let label = if is_segment { String::new() } else { said(&sketch.links[edge.link]) };
        let _ = writeln!(out, "  v{from} -- v{to} [label={}];", quoted(&label));
    }
    out.push_str("}\n");
    out
}

fn said(link: &lab::SketchLink) -> String {
    Said::of(link).lines(["→", "←"]).join("\n")
}

/// A string of the language, newlines as breaks.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            other if other.is_control() => {
                out.extend(other.escape_unicode().filter(|c| *c != '\\'))
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
