//! Load-balanced paths as a picture: hops from left to right, a line for each way.

use crate::print::Unresolved;
use crate::print::human::{decimals, milliseconds};
use crate::print::trace::facts::Facts;
use crate::print::trace::{Page, Printer, Road};
use crate::xml::escaped;
use probe::trace::{Graph, Hop, Layer, Verdict};
use std::io::Write;

/// Prints one SVG picture a target.
#[derive(Debug)]
pub struct Svg;

// Sizes in pixels.
const STEP_X: usize = 210;
const STEP_Y: usize = 64;
const BOX_X: usize = 170;
const BOX_Y: usize = 44;
const MARGIN: usize = 20;

impl Printer for Svg {
    fn mixes_roads(&self) -> bool {
        false
    }

    fn hop(&mut self, _road: &Road<'_>, _hop: &Hop, _facts: &Facts, _page: &mut Page) {}

    fn graph(&mut self, road: &Road<'_>, graph: &Graph, page: &mut Page) {
        let rows = graph.layers.iter().map(|layer| layer.vertices.len()).max().unwrap_or(1).max(1);
        let width = MARGIN * 2 + STEP_X * graph.layers.len() + BOX_X;
        let height = MARGIN * 2 + STEP_Y * rows + 20;
        let text = &mut page.text;
        let _ = writeln!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">"
        );
        let _ = writeln!(text, "<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>");
        for (from, to, flows) in super::dot::edges(graph) {
            let ((x1, y1), (x2, y2)) = (center(graph, rows, &from), center(graph, rows, &to));
            let (x1, x2, thick) = (x1 + BOX_X / 2, x2 - BOX_X / 2, 1 + flows.min(8) / 2);
            let middle = (x1 + x2) / 2;
            let _ = writeln!(
                text,
                "<path d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}\" fill=\"none\" \
                 stroke=\"#4a7\" stroke-width=\"{thick}\"/>"
            );
        }
        let source = road.source.map(|source| source.to_string()).unwrap_or_default();
        draw(text, center(graph, rows, "0.0"), "", &source, "", false);
        for layer in &graph.layers {
            draw_layer(text, road, graph, rows, layer);
        }
        text.extend_from_slice(b"</svg>\n");
    }

    fn verdict(&mut self, _road: &Road<'_>, _verdict: &Verdict, _page: &mut Page) {}

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        let line = escaped(&format!("{}: {}", unresolved.name, unresolved.reason));
        let _ = writeln!(out, "<!-- {} -->", line.replace('-', "&#45;"));
    }
}

fn draw_layer(out: &mut Vec<u8>, road: &Road<'_>, graph: &Graph, rows: usize, layer: &Layer) {
    let hop = layer.hop.to_string();
    if layer.vertices.is_empty() {
        draw(out, center(graph, rows, &format!("{hop}.0")), &hop, "*", "", false);
    }
    for (place, vertex) in layer.vertices.iter().enumerate() {
        let ns = vertex.rtt.median_ns as f64;
        let rtt = format!("{} ms", milliseconds(ns, decimals(ns)));
        let name = road.book.name(vertex.from).map(|name| format!("{name}, {rtt}"));
        let at = center(graph, rows, &format!("{hop}.{place}"));
        let address = vertex.from.to_string();
        draw(out, at, &hop, &address, &name.unwrap_or(rtt), vertex.is_end);
    }
    if layer.is_per_packet {
        let (x, _) = center(graph, rows, &format!("{hop}.0"));
        let y = MARGIN + STEP_Y * rows + 10;
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#a40\">packet by packet</text>"
        );
    }
}

/// One box: the hop's number in its corner, two lines within.
fn draw(
    out: &mut Vec<u8>,
    (x, y): (usize, usize),
    hop: &str,
    first: &str,
    second: &str,
    is_end: bool,
) {
    let (left, top) = (x - BOX_X / 2, y - BOX_Y / 2);
    let thick = if is_end { 3 } else { 1 };
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{BOX_X}\" height=\"{BOX_Y}\" rx=\"5\" \
         fill=\"#f6f8fa\" stroke=\"#456\" stroke-width=\"{thick}\"/>"
    );
    let lines = [(first, y - 3, "#123"), (second, y + 14, "#567")];
    for (line, y, colour) in lines.into_iter().filter(|(line, ..)| !line.is_empty()) {
        let (line, length) = (escaped(line), line.chars().count());
        // An IPv6 address written in full has 39 characters.
        let size = if length > 24 { 8 } else { 12 };
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"{colour}\" \
             font-size=\"{size}\">{line}</text>"
        );
    }
    let (x, y) = (left + 4, top + 11);
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" font-size=\"9\" fill=\"#89a\">{hop}</text>");
}

/// The middle of the box of a hop and place; the source is hop 0.
fn center(graph: &Graph, rows: usize, name: &str) -> (usize, usize) {
    let (hop, place) = name.split_once('.').unwrap_or((name, "0"));
    let place: usize = place.parse().unwrap_or(0);
    let column = graph.layers.iter().position(|layer| layer.hop.to_string() == hop);
    let count = column.map_or(1, |column| graph.layers[column].vertices.len().max(1));
    let x = MARGIN + BOX_X / 2 + STEP_X * column.map_or(0, |column| column + 1);
    // Rows are centred; half a row is the unit.
    let y = MARGIN + STEP_Y * (rows - count + 2 * place + 1) / 2;
    (x, y)
}
