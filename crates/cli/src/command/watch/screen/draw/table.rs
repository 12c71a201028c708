//! The hops, a line each: who, figures, history.

use super::{Line, View};
use crate::command::watch::fields::{self, Field};
use crate::command::watch::notes;
use crate::command::watch::report::cut;
use crate::command::watch::screen::state::Mode;
use crate::print::human::columns;
use probe::trace::Course;
use probe::trace::ledger::{HopSummary, Responder};
use std::time::Duration;

/// How much history there is at least, if there is any, in characters.
const HISTORY_MIN: usize = 10;

/// The narrowest column of names.
const NAMES_MIN: usize = 12;

/// Columns beside a long history.
const FEW: &str = "LNA";

/// Columns of figures that one address of several has, too.
const OF_RESPONDERS: &str = "RNBAWVmpq";

/// How high round trips are, from the shortest to the longest of the road.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The widest gap in a history: a pause may be long.
const GAP_MAX: usize = 16;

/// How wide everything is.
struct Layout {
    fields: Vec<&'static Field>,
    names: usize,
    history: usize,
    /// The shortest and the longest round trip that are shown, in nanoseconds.
    scale: Option<(f64, f64)>,
}

/// A line, and the hop that it is about.
struct Row {
    hop: u8,
    line: Line,
}

/// The heading and those hops that fit, the chosen one among them.
pub fn lines(view: &View<'_>, hops: &[HopSummary], width: u16, room: usize) -> Vec<Line> {
    let layout = layout(view, hops, width.into());
    let mut rows = Vec::new();
    for hop in hops {
        hop_rows(view, hop, &layout, &mut rows);
    }
    let shown = room.saturating_sub(1);
    let chosen = view.state.hop.unwrap_or(0);
    let last = rows.iter().rposition(|row| row.hop == chosen).map_or(0, |at| at + 1);
    let skipped = last.saturating_sub(shown);
    let rows = rows.into_iter().skip(skipped).take(shown).map(|row| row.line);
    std::iter::once(heading(view, &layout)).chain(rows).collect()
}

fn layout(view: &View<'_>, hops: &[HopSummary], width: usize) -> Layout {
    let fields = match view.state.mode {
        Mode::Figures => view.state.fields.clone(),
        Mode::History => fields::parse(FEW).expect("they are columns"),
    };
    let figures: usize = fields.iter().map(|field| field.width).sum();
    let widest = hops.iter().map(|hop| columns(&name(view, hop))).max().unwrap_or(0);
    let road = &view.book.roads[view.state.road];
    let responders = hops.iter().flat_map(|hop| road.ledger.responders(hop.hop));
    let others = responders.map(|it| columns(&view.who(it.from)) + 2).max().unwrap_or(0);
    let wanted = widest.max(others).max(NAMES_MIN);
    let free = width.saturating_sub(4 + figures);
    let history = free.saturating_sub(wanted + 2);
    let history = if history < HISTORY_MIN { 0 } else { history };
    let names = if history > 0 { wanted } else { free.max(NAMES_MIN) };
    Layout { fields, names, history, scale: scale(hops) }
}

fn scale(hops: &[HopSummary]) -> Option<(f64, f64)> {
    let trips = || hops.iter().filter_map(|hop| hop.rtt.as_ref());
    let low = trips().map(|rtt| rtt.min_ns).min()?;
    let high = trips().map(|rtt| rtt.max_ns).max()?;
    Some((low.max(1) as f64, high.max(1) as f64))
}

fn heading(view: &View<'_>, layout: &Layout) -> Line {
    let mut text = format!("    {}", cut(view.pick("Host", "主机"), layout.names));
    for field in &layout.fields {
        text += &field.fit(field.title);
    }
    if let Some((low, high)) = layout.scale.filter(|_| layout.history > 0) {
        let [low, high] = [low, high].map(|ns| format!("{:.1}", ns / 1e6));
        text += &format!("  {low} {} {high} ms", BARS.iter().collect::<String>());
    }
    vec![(text, view.head())]
}

/// Who answered last, and what is odd about the hop.
fn name(view: &View<'_>, hop: &HopSummary) -> String {
    let mut name = hop.latest.map_or_else(|| "???".to_owned(), |address| view.who(address));
    if view.state.has_systems {
        name = format!("{}{name}", view.book.system(hop.latest));
    }
    let responders = view.book.roads[view.state.road].ledger.responders(hop.hop);
    if let Some(refusal) = responders.iter().find_map(|it| notes::refusal(it.says, view.language)) {
        name += &format!(" {}", refusal.split(' ').next().unwrap_or_default());
    }
    if hop.limit.is_some() || hop.limited > 0 {
        name += view.pick(" [limits]", " [限速]");
    }
    if responders.len() > 1 && !view.state.all_responders {
        name += &format!(" +{}", responders.len() - 1);
    }
    name
}

fn hop_rows(view: &View<'_>, hop: &HopSummary, layout: &Layout, rows: &mut Vec<Row>) {
    let is_chosen = view.state.hop == Some(hop.hop);
    let style = if is_chosen { view.chosen() } else { view.plain() };
    let figures = if is_chosen { view.chosen() } else { view.style_of(hop) };
    let mut line = vec![(format!("{:2}. {}", hop.hop, cut(&name(view, hop), layout.names)), style)];
    let cells = layout.fields.iter().map(|field| field.fit(&(field.cell)(hop)));
    line.push((cells.collect(), figures));
    if layout.history > 0 {
        line.push(("  ".to_owned(), view.plain()));
        history(view, hop, layout, &mut line);
    }
    rows.push(Row { hop: hop.hop, line });
    let responders = view.book.roads[view.state.road].ledger.responders(hop.hop);
    if !view.state.all_responders || responders.len() < 2 {
        return;
    }
    for responder in responders.iter().filter(|it| Some(it.from) != hop.latest) {
        let line = responder_line(view, hop, responder, layout);
        rows.push(Row { hop: hop.hop, line });
    }
}

/// One address of several: its share of the answers, and those figures that it can have.
fn responder_line(
    view: &View<'_>,
    hop: &HopSummary,
    responder: &Responder,
    layout: &Layout,
) -> Line {
    let of_one = HopSummary {
        answered: responder.answered,
        rtt: Some(responder.rtt()),
        variation: None,
        ..hop.clone()
    };
    let name = cut(&format!("  {}", view.who(responder.from)), layout.names);
    let mut text = format!("    {name}");
    for field in &layout.fields {
        let cell = match OF_RESPONDERS.contains(field.key) {
            true => (field.cell)(&of_one),
            false => String::new(),
        };
        text += &field.fit(&cell);
    }
    if layout.history > 0 {
        let share = responder.answered as f64 * 100.0 / hop.answered.max(1) as f64;
        text +=
            &view.pick(format!("  {share:.0}% of the answers"), format!("  占应答的 {share:.0}%"));
    }
    vec![(text, view.faint())]
}

/// The newest probes, a column a round, the last one on the right.
fn history(view: &View<'_>, hop: &HopSummary, layout: &Layout, line: &mut Line) {
    let mut cells = cells(view, hop, layout);
    cells.truncate(layout.history);
    let silent_style = if hop.lost == 0 { view.odd() } else { view.wrong() };
    let style = |cell: char| if "?.".contains(cell) { silent_style } else { view.good() };
    let mut piece = String::new();
    let mut last = ' ';
    for cell in cells.into_iter().rev() {
        if style(cell) != style(last) && !piece.is_empty() {
            line.push((std::mem::take(&mut piece), style(last)));
        }
        last = cell;
        piece.push(cell);
    }
    line.push((piece, style(last)));
}

/// By how much of a round a probe may come early.
const EARLY: f64 = 0.02;

/// A character for each of the last rounds, the newest first. Rounds that left nothing to know yet,
/// or during a pause, are blank.
fn cells(view: &View<'_>, hop: &HopSummary, layout: &Layout) -> Vec<char> {
    let ledger = &view.book.roads[view.state.road].ledger;
    let Course::Rounds { interval, .. } = view.book.plan.course else { return Vec::new() };
    let rounds = |span: Duration| span.as_secs_f64() / interval.as_secs_f64();
    let newest = |hop| ledger.history(hop).next_back().map(|sample| sample.sent_at);
    let Some(mut after) = (1..=ledger.length()).filter_map(newest).max() else {
        return Vec::new();
    };
    let mut cells = Vec::new();
    for sample in ledger.history(hop.hop).rev().take(layout.history) {
        let passed = rounds(after.since(sample.sent_at));
        let blank = match cells.is_empty() {
            // The newest of all stands in the last column itself, not one before it.
            true => passed.round() as usize,
            // From the first round, which asks all at once, to its turn in the second a hop waits
            // for nearly two.
            false => ((passed + EARLY) as usize).saturating_sub(1),
        };
        cells.extend(std::iter::repeat_n(' ', blank.min(GAP_MAX)));
        after = sample.sent_at;
        cells.push(match sample.rtt {
            Some(rtt) => bar(rtt, layout.scale),
            // Eaten by a limit, or nobody knows.
            None if hop.lost == 0 => '.',
            None => '?',
        });
    }
    cells
}

/// How high a round trip is, on a logarithmic scale: a road has hops of a tenth of a millisecond
/// and of hundreds.
fn bar(rtt: Duration, scale: Option<(f64, f64)>) -> char {
    let Some((low, high)) = scale.filter(|(low, high)| high > low) else { return BARS[0] };
    let part = (rtt.as_nanos().max(1) as f64 / low).ln() / (high / low).ln();
    BARS[((part * BARS.len() as f64) as usize).min(BARS.len() - 1)]
}
