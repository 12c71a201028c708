//! The map as a picture: runs start on the left.

use super::Said;
use super::graph::{Graph, Vertex};
use super::layout::Layout;
use crate::escape::escape;
use crate::xml;
use lab::{Sketch, SketchLink, SketchNode};
use std::fmt::Write;

// Sizes in pixels.
const STEP_X: f64 = 190.0;
const STEP_Y: f64 = 96.0;
const MARGIN: f64 = 64.0;
const RADIUS: f64 = 19.0;
const LINE: f64 = 13.0;

// Colours.
const INK: &str = "#24313f";
const FAINT: &str = "#6b7a89";
const WIRE: &str = "#8fa1b3";
const LOSSY: &str = "#d9822b";
const HOST: &str = "#3572b0";
const ROUTER: &str = "#3d8f6b";
const GATEWAY: &str = "#8a5bb0";
const ABSENT: &str = "#b8c2cc";

/// Draws a network.
pub fn draw(sketch: &Sketch, has_addresses: bool) -> String {
    let graph = Graph::of(sketch);
    let layout = Layout::of(&graph, sketch.from.0 as usize);
    let picture = Picture { sketch, graph, layout, has_addresses };
    let width = MARGIN * 2.0 + STEP_X * picture.layout.columns.saturating_sub(1) as f64;
    let changes = sketch.changes.len().min(CHANGES_MAX);
    let foot = if changes > 0 { 16.0 + 16.0 * changes as f64 } else { 0.0 };
    let height = MARGIN * 2.0 + STEP_Y * picture.layout.depth + foot;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" \
         font-family=\"Inter,Helvetica,Arial,sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"white\"/>"
    );
    for index in 0..picture.graph.edges.len() {
        picture.wire(index, &mut out);
    }
    for index in 0..picture.graph.edges.len() {
        picture.words(index, &mut out);
    }
    for vertex in 0..picture.graph.vertices.len() {
        picture.vertex(vertex, &mut out);
    }
    for (index, (at, what)) in sketch.changes.iter().take(changes).enumerate() {
        let y = height - 16.0 * (changes - index) as f64;
        let line = format!("at {} s: {what}", at.as_secs_f64());
        text(&mut out, 16.0, y, "start", FAINT, &line);
    }
    out.push_str("</svg>\n");
    out
}

/// Changes that the foot has room for.
const CHANGES_MAX: usize = 12;

struct Picture<'a> {
    sketch: &'a Sketch,
    graph: Graph,
    layout: Layout,
    has_addresses: bool,
}

impl Picture<'_> {
    fn place(&self, vertex: usize) -> (f64, f64) {
        let column = self.layout.column[vertex] as f64;
        (MARGIN + STEP_X * column, MARGIN + STEP_Y * self.layout.row[vertex])
    }

    /// The line of an edge, its bend where both ends stand in one column.
    fn wire(&self, index: usize, out: &mut String) {
        let edge = &self.graph.edges[index];
        let [(x1, y1), (x2, y2)] = edge.ends.map(|vertex| self.place(vertex));
        let link = &self.sketch.links[edge.link];
        // To a segment straight across: its bar is as long as all that hang on it.
        let y2 = if self.is_segment(edge.ends[1]) { y1 } else { y2 };
        let harms = ["loss", "corrupt"];
        let is_lossy = link.there.iter().chain(&link.back).any(|(key, _)| harms.contains(key));
        let colour = if is_lossy { LOSSY } else { WIRE };
        let changes = self.sketch.changes.iter();
        let is_shaky = changes.clone().any(|(_, what)| {
            what.strip_prefix(link.name.as_str()).is_some_and(|rest| rest == " down")
        });
        let dashes = if is_shaky { " stroke-dasharray=\"6 4\"" } else { "" };
        let bend = self.bend(index);
        let (middle_x, middle_y) = ((x1 + x2) / 2.0 + bend, (y1 + y2) / 2.0);
        // The middle of the curve is half as far out as its control point.
        let (control_x, control_y) = (middle_x + bend, middle_y);
        let _ = writeln!(
            out,
            "<path d=\"M{x1:.1} {y1:.1} Q{control_x:.1} {control_y:.1} {x2:.1} {y2:.1}\" \
             fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>"
        );
    }

    fn is_segment(&self, vertex: usize) -> bool {
        matches!(self.graph.vertices[vertex], Vertex::Segment(_))
    }

    /// How far an edge bends to the right: if its ends stand above each other, or others join them.
    fn bend(&self, index: usize) -> f64 {
        let edge = &self.graph.edges[index];
        let [(x1, _), (x2, _)] = edge.ends.map(|vertex| self.place(vertex));
        if (x1 - x2).abs() < 1.0 { STEP_X / 3.0 } else { 0.0 }
    }

    /// What a link does, beside the middle of its line.
    fn words(&self, index: usize, out: &mut String) {
        let edge = &self.graph.edges[index];
        if self.is_segment(edge.ends[1]) {
            return;
        }
        let [(x1, y1), (x2, y2)] = edge.ends.map(|vertex| self.place(vertex));
        // Links that join the same two stand above each other.
        let twins = self.graph.edges[..index]
            .iter()
            .filter(|other| other.ends == edge.ends || other.ends == [edge.ends[1], edge.ends[0]]);
        let shift = twins.count() as f64 * LINE * 2.0;
        let (x, y) = ((x1 + x2) / 2.0 + self.bend(index), (y1 + y2) / 2.0 + shift);
        let lines = lines(&self.sketch.links[edge.link], x1 <= x2);
        let top = y - LINE * lines.len() as f64 / 2.0;
        let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"4\" \
             fill=\"white\" fill-opacity=\"0.88\"/>",
            x - widest * 3.0 - 4.0,
            top - 1.0,
            widest * 6.0 + 8.0,
            LINE * lines.len() as f64 + 4.0
        );
        for (index, line) in lines.iter().enumerate() {
            let is_lossy = line.contains("loss") || line.contains("corrupt");
            let colour = if is_lossy { LOSSY } else { INK };
            text(out, x, top + LINE * index as f64 + 10.5, "middle", colour, line);
        }
    }

    fn vertex(&self, vertex: usize, out: &mut String) {
        let (x, y) = self.place(vertex);
        match self.graph.vertices[vertex] {
            Vertex::Node(index) => self.node(index, x, y, out),
            Vertex::Segment(link) => {
                let drawn = &self.sketch.links[link];
                let rows = self.graph.edges_of[vertex]
                    .iter()
                    .map(|edge| self.place(self.graph.edges[*edge].other(vertex)).1);
                let (top, y) = rows.fold((y, y), |(top, low), row| (top.min(row), low.max(row)));
                let _ = writeln!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"8\" height=\"{:.1}\" rx=\"4\" \
                     fill=\"{WIRE}\"/>",
                    x - 4.0,
                    top - 24.0,
                    y - top + 48.0
                );
                let name = if drawn.name.len() > 20 { "segment" } else { drawn.name.as_str() };
                text(out, x, y + 42.0, "middle", FAINT, name);
                for (index, line) in lines(drawn, true).iter().enumerate() {
                    text(out, x, y + 55.0 + LINE * index as f64, "middle", INK, line);
                }
            }
        }
    }

    fn node(&self, index: usize, x: f64, y: f64, out: &mut String) {
        let node = &self.sketch.nodes[index];
        let colour = match node.kind {
            _ if node.notes.contains(&"absent") => ABSENT,
            "host" => HOST,
            "gateway" => GATEWAY,
            _ => ROUTER,
        };
        if index == self.sketch.from.0 as usize {
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" fill=\"none\" \
                 stroke=\"{colour}\" stroke-opacity=\"0.35\" stroke-width=\"4\"/>",
                RADIUS + 6.0
            );
        }
        if node.kind == "host" {
            screen(x, y, colour, out);
        } else {
            router(x, y, colour, out);
        }
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"13\" \
             font-weight=\"600\" fill=\"{INK}\" stroke=\"white\" stroke-width=\"3\" \
             paint-order=\"stroke\">{}</text>",
            y + RADIUS + 17.0,
            escaped(&node.name)
        );
        let mut below: Vec<String> = Vec::new();
        if !node.notes.is_empty() {
            below.push(node.notes.join(", "));
        }
        if self.has_addresses {
            below.extend(addresses(node));
        }
        for (index, line) in below.iter().enumerate() {
            text(out, x, y + RADIUS + 30.0 + 12.0 * index as f64, "middle", FAINT, line);
        }
    }
}

/// IPv4 addresses, which are short enough.
fn addresses(node: &SketchNode) -> impl Iterator<Item = String> {
    let short = node.addresses.iter().filter(|(address, ..)| address.is_ipv4());
    short.map(|(address, bits, _)| format!("{address}/{bits}"))
}

/// What a link does in short lines, with arrows where directions differ.
fn lines(link: &SketchLink, is_rightwards: bool) -> Vec<String> {
    let arrows = if is_rightwards { ["→", "←"] } else { ["←", "→"] };
    Said::of(link).lines(arrows).iter().flat_map(|line| wrapped(line)).collect()
}

/// A line broken at commas where it would be too long.
fn wrapped(line: &str) -> Vec<String> {
    const LINE_MAX: usize = 22;
    let mut lines: Vec<String> = Vec::new();
    for word in line.split(", ") {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() + 2 <= LINE_MAX => {
                let _ = write!(line, ", {word}");
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A host: a screen on a foot.
fn screen(x: f64, y: f64, colour: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "<g fill=\"{colour}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"38\" height=\"26\" rx=\"4\"/>\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"30\" height=\"18\" rx=\"2\" fill=\"white\" \
         fill-opacity=\"0.9\"/><rect x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"5\"/>\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"20\" height=\"3\" rx=\"1.5\"/></g>",
        x - 19.0,
        y - 18.0,
        x - 15.0,
        y - 14.0,
        x - 3.0,
        y + 8.0,
        x - 10.0,
        y + 13.0
    );
}

/// A router: a disc with arrows out and in.
fn router(x: f64, y: f64, colour: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{RADIUS:.1}\" fill=\"{colour}\"/>\
         <g transform=\"translate({x:.1} {y:.1})\" stroke=\"white\" stroke-width=\"2.2\" \
         fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">\
         <path d=\"M-4 -4L-11 -11M-11 -6.5V-11H-6.5\"/><path d=\"M4 4L11 11M11 6.5V11H6.5\"/>\
         <path d=\"M11 -11L4 -4M4 -8.5V-4H8.5\"/><path d=\"M-11 11L-4 4M-4 8.5V4H-8.5\"/></g>"
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, colour: &str, text: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{}</text>",
        escaped(text)
    );
}

/// As XML has it, and nothing that is not seen.
fn escaped(text: &str) -> String {
    xml::escaped(&escape(text))
}
