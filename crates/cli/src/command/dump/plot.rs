//! A TCP connection over time, as SVG: its segments against what was acknowledged and what the
//! window allowed (after W. Richard Stevens), or the bytes in flight.

use super::flows::{Conversation, What};
use super::judge::{Judge, Mark};
use crate::lang::Language;
use crate::xml::escaped;
use std::fmt::Write;
use wire::tcp::flag;

// Sizes in pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 930.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 500.0;

/// A direction of a connection, to be drawn.
#[derive(Debug, Default)]
pub struct Trace {
    /// Its segments: when, first byte, the byte behind the last, whether it was sent before.
    segments: Vec<(f64, f64, f64, bool)>,
    /// When what was acknowledged, and up to where the window reached.
    acknowledged: Vec<(f64, f64, f64)>,
    /// When how many bytes were in flight.
    in_flight: Vec<(f64, f64)>,
}

impl Trace {
    /// The direction of a connection that brought more; `None` if it is none of TCP with data.
    pub fn of(conversation: &Conversation) -> Option<(Trace, bool)> {
        let bytes = |is_forward: bool| -> u64 {
            let segments = conversation.packets.iter().filter_map(|kept| match &kept.what {
                What::Segment(it) if kept.is_forward == is_forward => {
                    Some(u64::from(it.data_bytes))
                }
                _ => None,
            });
            segments.sum()
        };
        let is_forward = bytes(true) >= bytes(false);
        if bytes(is_forward) == 0 {
            return None;
        }
        let begun_ns = conversation.packets.first()?.time_ns;
        let mut judge = Judge::default();
        let mut trace = Trace::default();
        let (mut high, mut low) = (0.0_f64, 0.0_f64);
        for kept in &conversation.packets {
            let What::Segment(segment) = &kept.what else { continue };
            let judged = judge.segment(kept.is_forward, segment);
            let time_s = (kept.time_ns - begun_ns).max(0) as f64 / 1e9;
            if kept.is_forward != is_forward {
                // A reset's numbers are not always the connection's.
                if let Some(number) = judged.acknowledgment
                    && segment.flags & flag::RST == 0
                {
                    let edge = f64::from(number) + judged.window_bytes as f64;
                    trace.acknowledged.push((time_s, number.into(), edge));
                    low = low.max(number.into());
                    trace.in_flight.push((time_s, (high - low).max(0.0)));
                }
            } else if segment.data_bytes > 0 {
                let (first, end) = (
                    f64::from(judged.sequence),
                    f64::from(judged.sequence) + f64::from(segment.data_bytes),
                );
                let is_again = matches!(judged.mark, Some(Mark::Again | Mark::OutOfOrder));
                trace.segments.push((time_s, first, end, is_again));
                high = high.max(end);
                trace.in_flight.push((time_s, (high - low).max(0.0)));
            }
        }
        Some((trace, is_forward))
    }
}

impl Trace {
    /// From when to when it is drawn, in seconds since the capture's first packet. A pause that
    /// takes more than half of the time would leave no room for what happens: then the busier side
    /// of it is drawn alone.
    fn span(&self) -> (f64, f64) {
        let times: Vec<f64> = self.in_flight.iter().map(|it| it.0).collect();
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return (0.0, 1.0) };
        let pauses = times.windows(2).map(|pair| pair[1] - pair[0]).enumerate();
        let longest = pauses.max_by(|a, b| a.1.total_cmp(&b.1));
        match longest {
            Some((at, pause)) if pause > (last - first) / 2.0 => {
                if at + 1 > times.len() / 2 {
                    (*first, times[at])
                } else {
                    (times[at + 1], *last)
                }
            }
            _ => (*first, *last),
        }
    }
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Segments, acknowledgments, window.
    TimeSequence,
    /// Bytes that are not acknowledged.
    InFlight,
}

/// From seconds and bytes to pixels.
struct Scale {
    start_s: f64,
    seconds: f64,
    bytes: f64,
}

impl Scale {
    fn x(&self, time_s: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (time_s - self.start_s) / self.seconds
    }

    fn y(&self, bytes: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * bytes / self.bytes
    }
}

/// Draws a connection's direction; `title` says which.
pub fn draw(trace: &Trace, kind: Kind, title: &str, language: Language) -> String {
    let (start_s, end_s) = trace.span();
    let bytes = match kind {
        Kind::TimeSequence => trace.segments.iter().map(|it| it.2).fold(1.0, f64::max) * 1.08,
        Kind::InFlight => trace.in_flight.iter().map(|it| it.1).fold(1.0, f64::max) * 1.12,
    };
    let scale = Scale { start_s, seconds: ((end_s - start_s) * 1.02).max(1e-6), bytes };
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"'DejaVu Sans', 'Noto Sans CJK SC', Helvetica, Arial, sans-serif\" \
         font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"24\" y=\"32\" font-size=\"15\" font-weight=\"600\" fill=\"#1b2733\">{}</text>",
        escaped(title)
    );
    axes(&scale, kind, language, &mut out);
    let (width, height) = (RIGHT - LEFT + 2.0, BOTTOM - TOP + 4.0);
    let _ = writeln!(
        out,
        "<clipPath id=\"inside\"><rect x=\"{LEFT}\" y=\"{}\" width=\"{width}\" \
         height=\"{height}\"/></clipPath>\n<g clip-path=\"url(#inside)\">",
        TOP - 2.0
    );
    match kind {
        Kind::TimeSequence => time_sequence(trace, &scale, &mut out),
        Kind::InFlight => in_flight(trace, &scale, &mut out),
    }
    out.push_str("</g>\n");
    if kind == Kind::TimeSequence {
        legend(language, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// A round step that makes about so many.
fn step(span: f64, count: f64) -> f64 {
    let rough = (span / count).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

fn axes(scale: &Scale, kind: Kind, language: Language, out: &mut String) {
    let across = step(scale.seconds, 9.0);
    let up = step(scale.bytes, 8.0).max(1.0);
    // A number below 1 has as many decimals as its step needs.
    let decimals = (-across.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (scale.start_s / across).ceil();
    for index in 0..=20 {
        let time_s = (first + f64::from(index)) * across;
        if time_s > scale.start_s + scale.seconds {
            break;
        }
        let x = scale.x(time_s);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {TOP} V{BOTTOM}\" stroke=\"#edf1f4\"/>\n<text x=\"{x:.1}\" \
             y=\"{}\" text-anchor=\"middle\" fill=\"#54616e\">{time_s:.decimals$}</text>",
            BOTTOM + 17.0
        );
    }
    for index in 0..=(scale.bytes / up).floor() as u32 {
        let bytes = f64::from(index) * up;
        let y = scale.y(bytes);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1} H{RIGHT}\" stroke=\"#edf1f4\"/>\n<text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\" fill=\"#54616e\">{bytes:.0}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let (down, time) = match kind {
        Kind::TimeSequence => language.pick(("sequence number", "seconds"), ("序号", "秒")),
        Kind::InFlight => language.pick(("bytes in flight", "seconds"), ("在途字节", "秒")),
    };
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {TOP} V{BOTTOM} H{RIGHT}\" fill=\"none\" stroke=\"#54616e\" \
         stroke-width=\"1.2\"/>\n<text x=\"{LEFT}\" y=\"{}\" fill=\"#54616e\">{down}</text>\n\
         <text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\" fill=\"#54616e\">{time}</text>",
        TOP - 10.0,
        BOTTOM + 34.0
    );
}

fn time_sequence(trace: &Trace, scale: &Scale, out: &mut String) {
    let stairs = |pick: fn(&(f64, f64, f64)) -> f64| {
        let mut path = String::new();
        for (index, it) in trace.acknowledged.iter().enumerate() {
            let (x, y) = (scale.x(it.0), scale.y(pick(it)));
            let _ = match index {
                0 => write!(path, "M{x:.1} {y:.1}"),
                _ => write!(path, "H{x:.1} V{y:.1}"),
            };
        }
        let _ = write!(path, "H{RIGHT}");
        path
    };
    let colours = [("#b98ad6", "5 4", 2), ("#1b8a5a", "none", 1)];
    for (colour, dashes, which) in colours {
        let path = if which == 1 { stairs(|it| it.1) } else { stairs(|it| it.2) };
        if trace.acknowledged.is_empty() {
            break;
        }
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\" \
             stroke-dasharray=\"{dashes}\"/>"
        );
    }
    for (time_s, first, end, is_again) in &trace.segments {
        let (x, low, high) = (scale.x(*time_s), scale.y(*first), scale.y(*end));
        let (colour, wide) = if *is_again { ("#d0342c", 2.6) } else { ("#1f5fbf", 1.8) };
        // A bar with a foot and a head, as Stevens drew them.
        let (left, right) = (x - 2.5, x + 2.5);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {low:.1} V{high:.1} M{left:.1} {low:.1} H{right:.1} M{left:.1} \
             {high:.1} H{right:.1}\" stroke=\"{colour}\" stroke-width=\"{wide}\"/>"
        );
    }
}

fn legend(language: Language, out: &mut String) {
    let words = language.pick(
        ["segments", "sent again", "acknowledged", "window"],
        ["报文段", "重传", "已确认", "窗口"],
    );
    let colours = ["#1f5fbf", "#d0342c", "#1b8a5a", "#b98ad6"];
    let mut x = LEFT;
    for (word, colour) in words.into_iter().zip(colours) {
        let y = BOTTOM + 46.0;
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y} h18\" stroke=\"{colour}\" stroke-width=\"3\"/>\n<text x=\"{}\" \
             y=\"{}\" fill=\"#54616e\">{word}</text>",
            x + 24.0,
            y + 4.0
        );
        x += 140.0;
    }
}

fn in_flight(trace: &Trace, scale: &Scale, out: &mut String) {
    let mut path = format!("M{LEFT} {BOTTOM}");
    for (time_s, bytes) in &trace.in_flight {
        let _ = write!(path, "H{:.1} V{:.1}", scale.x(*time_s), scale.y(*bytes));
    }
    let end = trace.in_flight.last().map_or(LEFT, |it| scale.x(it.0));
    let _ = writeln!(
        out,
        "<path d=\"{path} H{end:.1} V{BOTTOM} Z\" fill=\"#1f5fbf\" fill-opacity=\"0.12\"/>\n\
         <path d=\"{path}\" fill=\"none\" stroke=\"#1f5fbf\" stroke-width=\"1.6\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        assert_eq!(step(9.0, 9.0), 1.0);
        assert_eq!(step(100.0, 8.0), 20.0);
        assert_eq!(step(0.4, 9.0), 0.05);
        assert!(step(0.0, 9.0) > 0.0);
    }
}
