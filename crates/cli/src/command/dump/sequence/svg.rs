//! A ladder as a picture.

use super::{Ladder, Rung, Tone, clock, length, more};
use crate::lang::Language;
use crate::xml::escaped;
use std::fmt::Write;

// Sizes in pixels.
const WIDTH: f64 = 980.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 770.0;
const TOP: f64 = 116.0;
/// How far an arrow falls: packets take time.
const FALL: f64 = 9.0;
const STEP: f64 = 30.0;
/// What a pause adds at most before it is folded.
const PAUSE_MAX: f64 = 30.0;
const FOLD: f64 = 40.0;

/// Draws a ladder.
pub fn draw(ladder: &Ladder) -> String {
    let places = places(ladder);
    let bottom = places.last().copied().unwrap_or(TOP) + FALL + 26.0;
    let height = bottom + 58.0;
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"'DejaVu Sans', 'Noto Sans CJK SC', Helvetica, Arial, sans-serif\" \
         font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>"
    );
    markers(&mut out);
    let title = escaped(&ladder.title);
    let _ = writeln!(
        out,
        "<text x=\"24\" y=\"34\" font-size=\"15\" font-weight=\"600\" fill=\"#1b2733\">\
         {title}</text>"
    );
    lines(ladder, &places, bottom, &mut out);
    for (x, name) in [(LEFT, &ladder.left), (RIGHT, &ladder.right)] {
        head(x, name, &mut out);
    }
    for (rung, y) in ladder.rungs.iter().zip(&places) {
        draw_rung(rung, *y, &mut out);
    }
    if let Some(more) = more(ladder) {
        let x = f64::midpoint(LEFT, RIGHT);
        let more = escaped(&more);
        let y = bottom - 6.0;
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#6b7885\">{more}</text>"
        );
    }
    legend(ladder, bottom + 34.0, &mut out);
    out.push_str("</svg>\n");
    out
}

/// Where each rung begins, from the top.
fn places(ladder: &Ladder) -> Vec<f64> {
    let mut gaps: Vec<u64> =
        ladder.rungs.iter().map(|rung| rung.gap_ns).filter(|gap| *gap > 0).collect();
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied().unwrap_or(1).max(1) as f64;
    let mut y = TOP;
    let mut places = Vec::with_capacity(ladder.rungs.len());
    for (index, rung) in ladder.rungs.iter().enumerate() {
        if index > 0 {
            let pause = (1.0 + rung.gap_ns as f64 / median).log2() * 4.0;
            y += STEP + if rung.is_folded { FOLD } else { pause.min(PAUSE_MAX) };
        }
        places.push(y);
    }
    places
}

fn markers(out: &mut String) {
    out.push_str("<defs>\n");
    for tone in ALL {
        let (name, colour, _) = style(tone);
        let _ = writeln!(
            out,
            "<marker id=\"{name}\" viewBox=\"0 0 10 8\" refX=\"9.4\" refY=\"4\" \
             markerWidth=\"9\" markerHeight=\"7.2\" orient=\"auto\" \
             markerUnits=\"userSpaceOnUse\"><path d=\"M0 0 L10 4 L0 8 L2.6 4 Z\" \
             fill=\"{colour}\"/></marker>"
        );
    }
    out.push_str("</defs>\n");
}

const ALL: [Tone; 5] = [Tone::Turn, Tone::Data, Tone::Plain, Tone::Again, Tone::Trouble];

/// The name of a tone's arrow head, its colour and how its line is dashed.
fn style(tone: Tone) -> (&'static str, &'static str, &'static str) {
    match tone {
        Tone::Turn => ("turn", "#1f5fbf", ""),
        Tone::Data => ("data", "#1b8a5a", ""),
        Tone::Plain => ("plain", "#8593a1", ""),
        Tone::Again => ("again", "#c8730a", "7 4"),
        Tone::Trouble => ("trouble", "#c62f2f", ""),
    }
}

/// The ends' lines, which break where time is folded.
fn lines(ladder: &Ladder, places: &[f64], bottom: f64, out: &mut String) {
    let mut from = 82.0;
    let folds = ladder.rungs.iter().zip(places).filter(|(rung, _)| rung.is_folded);
    for (rung, y) in folds {
        let middle = y - (STEP + FOLD) / 2.0 + FALL / 2.0;
        for x in [LEFT, RIGHT] {
            piece(x, from, middle - 9.0, out);
            let top = middle - 9.0;
            let _ = writeln!(
                out,
                "<path d=\"M{x} {top} l-6 4.5 l12 4.5 l-12 4.5 l6 4.5\" fill=\"none\" \
                 stroke=\"#54616e\" stroke-width=\"1.4\"/>"
            );
        }
        let (x, y) = (f64::midpoint(LEFT, RIGHT), middle + 4.0);
        let gap = escaped(&length(rung.gap_ns));
        let (left, right) = (LEFT + 16.0, RIGHT - 16.0);
        let _ = writeln!(
            out,
            "<path d=\"M{left} {middle} H{right}\" stroke=\"#c9d1d9\" stroke-width=\"1\" \
             stroke-dasharray=\"2 5\"/>\n<rect x=\"{}\" y=\"{}\" width=\"92\" height=\"18\" \
             rx=\"9\" fill=\"#eef2f6\"/>\n<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" \
             font-size=\"11\" fill=\"#54616e\">{gap}</text>",
            x - 46.0,
            middle - 9.0
        );
        from = middle + 9.0;
    }
    for x in [LEFT, RIGHT] {
        piece(x, from, bottom, out);
    }
}

fn piece(x: f64, from: f64, to: f64, out: &mut String) {
    let _ = writeln!(
        out,
        "<path d=\"M{x} {from:.1} V{to:.1}\" stroke=\"#54616e\" stroke-width=\"1.4\"/>"
    );
}

fn head(x: f64, name: &str, out: &mut String) {
    let width = (name.chars().count() as f64 * 7.6 + 24.0).min(330.0);
    let size = if name.chars().count() > 38 { 9.5 } else { 12.5 };
    // Long names stay within the picture.
    let left = (x - width / 2.0).clamp(8.0, WIDTH - 8.0 - width);
    let middle = left + width / 2.0;
    let name = escaped(name);
    let _ = writeln!(
        out,
        "<rect x=\"{left:.1}\" y=\"54\" width=\"{width:.1}\" height=\"28\" rx=\"6\" \
         fill=\"#f3f6f9\" stroke=\"#54616e\" stroke-width=\"1.2\"/>\n\
         <text x=\"{middle:.1}\" y=\"72.5\" text-anchor=\"middle\" font-size=\"{size}\" \
         font-weight=\"600\" fill=\"#1b2733\">{name}</text>"
    );
}

fn draw_rung(rung: &Rung, y: f64, out: &mut String) {
    let (name, colour, dashes) = style(rung.tone);
    let (near, far) = if rung.is_forward { (LEFT, RIGHT) } else { (RIGHT, LEFT) };
    let begin = if rung.third.is_some() { f64::midpoint(LEFT, RIGHT) } else { near };
    let fall = if rung.third.is_some() { FALL / 2.0 } else { FALL };
    let dash = match dashes {
        "" => String::new(),
        dashes => format!(" stroke-dasharray=\"{dashes}\""),
    };
    let _ = writeln!(
        out,
        "<path d=\"M{begin} {y:.1} L{far} {:.1}\" stroke=\"{colour}\" stroke-width=\"1.6\" \
         fill=\"none\"{dash} marker-end=\"url(#{name})\"/>",
        y + fall
    );
    time(rung, y, out);
    label(rung, (begin, far), y, fall, out);
    if let Some(address) = rung.third {
        let (anchor, x) = if rung.is_forward { ("end", -9.0) } else { ("start", 9.0) };
        let _ = writeln!(
            out,
            "<circle cx=\"{begin}\" cy=\"{y:.1}\" r=\"4.5\" fill=\"#fff\" stroke=\"{colour}\" \
             stroke-width=\"1.8\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" \
             font-weight=\"600\" fill=\"#1b2733\">{}</text>",
            begin + x,
            y + 4.0,
            escaped(&address.to_string())
        );
    }
    if let Some(remark) = &rung.remark {
        let y = y + if rung.is_forward { FALL } else { 0.0 } + 4.0;
        let x = RIGHT + 14.0;
        let remark = escaped(remark);
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y:.1}\" font-size=\"11\" font-style=\"italic\" \
             fill=\"{colour}\">{remark}</text>"
        );
    }
}

/// When it was seen, beside the end that it begins at.
fn time(rung: &Rung, y: f64, out: &mut String) {
    let time = clock(rung.time_ns);
    let (x, y) = (LEFT - 16.0, y + 4.0);
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\" font-size=\"11\" \
         font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         fill=\"#6b7885\">{time}</text>"
    );
}

/// What an arrow says, along it.
fn label(rung: &Rung, (begin, far): (f64, f64), y: f64, fall: f64, out: &mut String) {
    let (x, middle) = (f64::midpoint(begin, far), y + fall / 2.0);
    let slope = if far > begin { fall / (far - begin) } else { -fall / (begin - far) };
    let angle = slope.atan().to_degrees();
    let characters = rung.name.chars().count() + rung.rest.chars().count() + 2;
    // As much as fits between the lines.
    let room = (far - begin).abs() - 40.0;
    let size = (room / (characters as f64 * 0.56)).clamp(8.0, 12.0);
    let name = escaped(&rung.name);
    let rest = escaped(&rung.rest);
    let _ = writeln!(
        out,
        "<text transform=\"translate({x:.1} {:.1}) rotate({angle:.2})\" text-anchor=\"middle\" \
         font-size=\"{size:.1}\" fill=\"#1b2733\"><tspan font-weight=\"600\">{name}</tspan>\
         <tspan dx=\"7\" fill=\"#3d4a57\">{rest}</tspan></text>",
        middle - 5.0
    );
}

fn legend(ladder: &Ladder, y: f64, out: &mut String) {
    let word = |tone: Tone| -> &'static str {
        let (english, chinese) = match tone {
            Tone::Turn => ("opens or closes", "打开或关闭"),
            Tone::Data => ("data", "数据"),
            Tone::Plain => ("acknowledgment", "确认"),
            Tone::Again => ("sent again or late", "重传或迟到"),
            Tone::Trouble => ("reset or ICMP error", "复位或 ICMP 差错"),
        };
        ladder.language.pick(english, chinese)
    };
    let mut x = 24.0;
    for tone in ALL.into_iter().filter(|tone| ladder.rungs.iter().any(|it| it.tone == *tone)) {
        let (name, colour, dashes) = style(tone);
        let (end, text) = (x + 30.0, x + 37.0);
        let word = word(tone);
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y:.1} H{end}\" stroke=\"{colour}\" stroke-width=\"1.6\" \
             stroke-dasharray=\"{}\" marker-end=\"url(#{name})\"/>\n<text x=\"{text}\" \
             y=\"{:.1}\" font-size=\"11\" fill=\"#54616e\">{word}</text>",
            if dashes.is_empty() { "none" } else { dashes },
            y + 4.0
        );
        let wide = if ladder.language == Language::Chinese { 11.5 } else { 6.6 };
        x = text + word.chars().count() as f64 * wide + 26.0;
    }
    let note = ladder.language.pick(
        "time runs down, in seconds; heights are not to scale",
        "时间向下流逝，单位为秒；高度不按比例",
    );
    let (x, y) = (WIDTH - 24.0, y + 4.0);
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\" font-size=\"11\" fill=\"#8593a1\">\
         {note}</text>"
    );
}
