//! A terminal's cells as a picture, for README.md: what was drawn, in the colours of a dark
//! terminal.

use crate::print::human::columns;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::style::{Color, Modifier};
use std::fmt::Write;

// Sizes in pixels; a cell of this width and height suits 14 pixels of most fixed fonts.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 14.0;
const PAPER: &str = "#10151c";
const INK: &str = "#d5dde6";

/// The picture.
pub fn draw(buffer: &Buffer) -> String {
    let area = buffer.area;
    let width = f64::from(area.width) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(area.height) * CELL.1 + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"'DejaVu Sans Mono', Menlo, \
         Consolas, 'Noto Sans Mono CJK SC', monospace\" font-size=\"14\" xml:space=\"preserve\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{PAPER}\"/>\n"
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            x += run(buffer, x, y, &mut out);
        }
    }
    out + "</svg>\n"
}

/// Draws cells of one style and width from there on. How many there are.
fn run(buffer: &Buffer, x: u16, y: u16, out: &mut String) -> u16 {
    let first = &buffer[(x, y)];
    let mut text = String::new();
    let mut length = 0;
    while x + length < buffer.area.width && is_alike(first, &buffer[(x + length, y)]) {
        let symbol = buffer[(x + length, y)].symbol();
        text += symbol;
        length += columns(symbol).max(1) as u16;
    }
    let (left, top) = (MARGIN + f64::from(x) * CELL.0, MARGIN + f64::from(y) * CELL.1);
    let width = f64::from(length) * CELL.0;
    let is_reversed = first.modifier.contains(Modifier::REVERSED);
    if is_reversed {
        let height = CELL.1;
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height}\" \
             fill=\"{}\"/>",
            ink(first)
        );
    }
    if text.trim().is_empty() {
        return length;
    }
    let weight = if first.modifier.contains(Modifier::BOLD) { " font-weight=\"700\"" } else { "" };
    let _ = writeln!(
        out,
        "<text x=\"{left:.1}\" y=\"{:.1}\" fill=\"{}\" textLength=\"{width:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\"{weight}>{}</text>",
        top + 13.5,
        if is_reversed { PAPER } else { ink(first) },
        text.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}")
    );
    length
}

fn is_alike(one: &Cell, other: &Cell) -> bool {
    let is_wide = |cell: &Cell| columns(cell.symbol()) > 1;
    one.fg == other.fg && one.modifier == other.modifier && is_wide(one) == is_wide(other)
}

fn ink(cell: &Cell) -> &'static str {
    match cell.fg {
        Color::Red => "#ff6b68",
        Color::Yellow => "#e8c15a",
        Color::Green => "#6fcf7c",
        _ if cell.modifier.contains(Modifier::DIM) => "#7d8894",
        _ => INK,
    }
}
