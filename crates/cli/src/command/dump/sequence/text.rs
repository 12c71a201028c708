//! A ladder of characters.

use super::{Ladder, Rung, clock, length, more};

/// The most columns between the two ends.
const WIDTH_MAX: usize = 92;
/// The fewest.
const WIDTH_MIN: usize = 44;

/// What it is drawn with.
struct Strokes {
    line: char,
    across: char,
    right: char,
    left: char,
    fold: char,
    third: char,
    cut: &'static str,
    about: &'static str,
}

const UNICODE: Strokes = Strokes {
    line: '│',
    across: '─',
    right: '▶',
    left: '◀',
    fold: '┊',
    third: '○',
    cut: "…",
    about: "≈",
};

const ASCII: Strokes = Strokes {
    line: '|',
    across: '-',
    right: '>',
    left: '<',
    fold: ':',
    third: 'o',
    cut: "~",
    about: "~",
};

/// Draws a ladder.
pub fn draw(ladder: &Ladder, is_ascii: bool) -> String {
    let strokes = if is_ascii { &ASCII } else { &UNICODE };
    let label = |rung: &Rung| {
        let third = rung.third.map_or(0, |address| address.to_string().len() + 3);
        columns(&rung.name) + 1 + columns(&rung.rest) + third + 8
    };
    let widest = ladder.rungs.iter().map(label).max().unwrap_or(0);
    let width = widest.clamp(WIDTH_MIN, WIDTH_MAX);
    let times: Vec<String> = ladder.rungs.iter().map(|rung| clock(rung.time_ns)).collect();
    // The left end's name is centred over its line, and must not begin before the margin.
    let half = columns(&ladder.left).div_ceil(2);
    let margin = times.iter().map(String::len).max().unwrap_or(0).max(half + 1).max(10) + 2;
    let mut out = ladder.title.clone();
    if is_ascii {
        out = out.replace('–', "-").replace('µ', "u");
    }
    out += "\n\n";
    heads(ladder, margin, width, &mut out);
    let side = |fill: &str| format!("{:margin$}{}{fill}{}", "", strokes.line, strokes.line);
    out += &(side(&" ".repeat(width)) + "\n");
    for (rung, time) in ladder.rungs.iter().zip(&times) {
        if rung.is_folded {
            fold(rung, margin, width, strokes, is_ascii, &mut out);
        }
        let pad = margin - 2;
        out += &format!("{time:>pad$}  {}", strokes.line);
        out += &arrow(rung, width, strokes);
        out.push(strokes.line);
        if let Some(remark) = &rung.remark {
            out += &format!("  {remark}");
        }
        out.push('\n');
    }
    out += &(side(&" ".repeat(width)) + "\n");
    if let Some(more) = more(ladder) {
        out += &format!("{:margin$}{more}\n", "");
    }
    out
}

fn heads(ladder: &Ladder, margin: usize, width: usize, out: &mut String) {
    let left = margin.saturating_sub(columns(&ladder.left) / 2);
    let right = (margin + width + 1).saturating_sub(columns(&ladder.right) / 2);
    let between = right.saturating_sub(left + columns(&ladder.left)).max(2);
    *out += &format!("{:left$}{}{:between$}{}\n", "", ladder.left, "", ladder.right);
}

fn fold(
    rung: &Rung,
    margin: usize,
    width: usize,
    strokes: &Strokes,
    is_ascii: bool,
    out: &mut String,
) {
    let mut label = format!("{} {}", strokes.about, length(rung.gap_ns));
    if is_ascii {
        label = label.replace('µ', "u");
    }
    let left = width.saturating_sub(columns(&label)) / 2;
    let right = width.saturating_sub(left + columns(&label));
    let fold = strokes.fold;
    *out += &format!("{:margin$}{fold}{:left$}{label}{:right$}{fold}\n", "", "", "");
}

/// What stands between the two lines.
fn arrow(rung: &Rung, width: usize, strokes: &Strokes) -> String {
    let label = match rung.rest.as_str() {
        "" => rung.name.clone(),
        rest => format!("{} {rest}", rung.name),
    };
    let Some(address) = rung.third.map(|address| address.to_string()) else {
        return shaft(&label, rung.is_forward, width, strokes);
    };
    // From between the ends, with the sender's address behind.
    let needed = columns(&label) + 7;
    let room = width.saturating_sub(columns(&address) + 2);
    let reach = needed.max(width * 5 / 8).min(room);
    let pad = room - reach;
    let body = shaft(&label, rung.is_forward, reach, strokes);
    match rung.is_forward {
        true => format!("{:pad$}{address} {}{body}", "", strokes.third),
        false => format!("{body}{} {address}{:pad$}", strokes.third, ""),
    }
}

/// An arrow with its label in the middle.
fn shaft(label: &str, is_forward: bool, width: usize, strokes: &Strokes) -> String {
    let most = width.saturating_sub(6);
    let mut label = label.to_owned();
    if columns(&label) > most {
        while columns(&label) >= most && label.pop().is_some() {}
        label += strokes.cut;
    }
    let rest = width.saturating_sub(columns(&label) + 3);
    let before = rest / 2;
    let across = |count: usize| strokes.across.to_string().repeat(count);
    let (near, far) = (across(before.max(1)), across((rest - before).max(1)));
    match is_forward {
        true => format!("{near} {label} {far}{}", strokes.right),
        false => format!("{}{near} {label} {far}", strokes.left),
    }
}

/// How many columns of a terminal a text takes: Chinese characters are two wide.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if ('\u{2e80}'..'\u{ffe0}').contains(&c) { 2 } else { 1 }).sum()
}
