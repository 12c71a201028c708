//! What stands below the hops: everything about one of them, or how the path has changed.

use super::{Line, View};
use crate::command::watch::fields;
use crate::command::watch::notes;
use crate::command::watch::screen::state::Panel;
use crate::print::human::columns;
use crate::print::trace::Book as _;
use crate::print::trace::facts::back_hops;
use crate::print::trace::words::Words;
use probe::stats::RttSummary;
use probe::trace::ledger::{HopSummary, Responder};

/// The line above a panel.
pub fn rule(view: &View<'_>, width: u16) -> String {
    let title = match (view.state.panel, view.state.hop) {
        (Panel::Details, Some(hop)) => view.pick(format!(" hop {hop} "), format!(" 第 {hop} 跳 ")),
        _ => view.pick(" path changes ", " 路径变化 ").to_owned(),
    };
    let rest = usize::from(width).saturating_sub(columns(&title) + 2);
    format!("--{title}{}", "-".repeat(rest))
}

/// What a panel says in lines that fit; nothing if none is open.
pub fn lines(view: &View<'_>, hops: &[HopSummary], width: u16) -> Vec<Line> {
    whole_lines(view, hops).into_iter().flat_map(|line| wrapped(line, width.into())).collect()
}

fn whole_lines(view: &View<'_>, hops: &[HopSummary]) -> Vec<Line> {
    match view.state.panel {
        Panel::None => Vec::new(),
        Panel::Changes => changes(view),
        Panel::Details => {
            let hop = hops.iter().find(|hop| Some(hop.hop) == view.state.hop);
            hop.map(|hop| details(view, hop)).unwrap_or_default()
        }
    }
}

fn changes(view: &View<'_>) -> Vec<Line> {
    let ledger = &view.book.roads[view.state.road].ledger;
    let line = |change: &probe::trace::ledger::PathChange| {
        let (before, now) = (view.who(change.before), view.who(change.now));
        let time = view.time(change.at.0, false);
        let hop = change.hop;
        let text = view.pick(
            format!("{time}  hop {hop}: {before} -> {now}"),
            format!("{time}  第 {hop} 跳：{before} -> {now}"),
        );
        vec![(text, view.plain())]
    };
    let lines: Vec<Line> = ledger.changes().rev().map(line).collect();
    if lines.is_empty() {
        let none = view.pick("every hop answers from one address", "每一跳都只从一个地址应答");
        return vec![vec![(none.to_owned(), view.plain())]];
    }
    lines
}

fn details(view: &View<'_>, hop: &HopSummary) -> Vec<Line> {
    let responders = view.book.roads[view.state.road].ledger.responders(hop.hop);
    let mut lines = vec![counts(view, hop)];
    lines.extend(loss(view, hop));
    if let Some(limit) = hop.limit {
        lines.push(notes::limits(limit, view.language));
    }
    if let Some(rtt) = &hop.rtt {
        lines.push(round_trips(view, hop, rtt));
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|text| vec![(text, view.plain())]).collect();
    for responder in responders {
        about(view, hop, responder, &mut lines);
    }
    lines
}

fn counts(view: &View<'_>, hop: &HopSummary) -> String {
    let HopSummary { sent, answered, lost, limited, in_flight, late, duplicates, .. } = hop;
    let here = hop.local_drops + hop.send_errors;
    view.pick(
        format!(
            "{sent} sent, {answered} answered ({late} late), {lost} lost, {limited} eaten by a \
             reply limit, {in_flight} in flight; {duplicates} duplicates, {here} lost here"
        ),
        format!(
            "发出 {sent}，应答 {answered}（迟到 {late}），丢失 {lost}，被应答限速吃掉 {limited}，\
             在途 {in_flight}；重复 {duplicates}，丢在本机 {here}"
        ),
    )
}

fn loss(view: &View<'_>, hop: &HopSummary) -> Option<String> {
    let ratio = hop.loss_ratio? * 100.0;
    let range = fields::interval(hop)?;
    let (forward, backward) = (hop.forward_ratio? * 100.0, hop.backward_ratio? * 100.0);
    Some(view.pick(
        format!(
            "loss {ratio:.1}%, with 95 % confidence {range}; on the way there at most \
             {forward:.1}%, on the way back {backward:.1}%"
        ),
        format!(
            "丢失率 {ratio:.1}%，95 % 置信区间 {range}；去程至多 {forward:.1}%，回程 {backward:.1}%"
        ),
    ))
}

fn round_trips(view: &View<'_>, hop: &HopSummary, rtt: &RttSummary) -> String {
    let ms = |ns: f64| format!("{:.3}", ns / 1e6);
    let figures = [
        (view.pick("min", "最短"), rtt.min_ns as f64),
        (view.pick("avg", "平均"), rtt.mean_ns),
        (view.pick("median", "中位数"), rtt.median_ns as f64),
        ("p90", rtt.p90_ns as f64),
        ("p95", rtt.p95_ns as f64),
        ("p99", rtt.p99_ns as f64),
        (view.pick("max", "最长"), rtt.max_ns as f64),
        (view.pick("stddev", "标准差"), rtt.stddev_ns),
        (view.pick("jitter", "抖动"), hop.variation.map_or(0.0, |it| it.mean_ns)),
    ];
    let said: Vec<String> =
        figures.iter().map(|(name, value)| format!("{name} {}", ms(*value))).collect();
    format!("{}{} ms", view.pick("rtt ", "往返 "), said.join("  "))
}

fn about(view: &View<'_>, hop: &HopSummary, responder: &Responder, lines: &mut Vec<Line>) {
    let Responder { from, answered, says, hop_limit, quote, extensions, .. } = responder;
    let rtt = responder.rtt();
    let share = *answered as f64 * 100.0 / hop.answered.max(1) as f64;
    let [best, mean, worst] =
        [rtt.min_ns as f64, rtt.mean_ns, rtt.max_ns as f64].map(|ns| format!("{:.3}", ns / 1e6));
    let mut who = view.whole_name(*from);
    if let Some(system) = view.book.names.system(*from) {
        who += &format!(" [{system}]");
    }
    let plan = &view.book.plan;
    let said = Words(view.language).says(*says, plan.method.usual_port().map(|_| plan.port));
    let text = view.pick(
        format!(
            "{who}: {answered} answers ({share:.0}%), rtt {best} / {mean} / {worst} ms, {said}"
        ),
        format!(
            "{who}：应答 {answered}（{share:.0}%），往返 {best} / {mean} / {worst} 毫秒，{said}"
        ),
    );
    lines.push(vec![(text, view.head())]);
    let words = Words(view.language);
    let mut more: Vec<String> = Vec::new();
    if let Some(hop_limit) = hop_limit {
        let back = back_hops(*hop_limit).map_or_else(String::new, |hops| {
            let unit = if hops == 1 { "hop" } else { "hops" };
            view.pick(format!(", {hops} {unit} back"), format!("，回程 {hops} 跳"))
        });
        let ttl = view.pick("its answer arrives with a hop limit of", "应答到达时的跳数限制为");
        more.push(format!("{ttl} {hop_limit}{back}"));
    }
    if let Some(quote) = quote {
        more.extend(
            quote.hop_limit.filter(|it| says.is_expired() && *it != 1).map(|it| words.quoted(it)),
        );
        more.extend(quote.changes.iter().map(|change| words.change(*change, None)));
    }
    more.extend(extensions.iter().map(|extension| words.extension(extension)));
    lines.extend(more.into_iter().map(|text| vec![(format!("    {text}"), view.plain())]));
}

/// A line in as many as it takes: broken after a space or a character of two columns, and what
/// follows is indented.
fn wrapped(line: Line, width: usize) -> Vec<Line> {
    const INDENT: &str = "    ";
    let mut lines = Vec::new();
    for (text, style) in line {
        let mut piece = String::new();
        // Where the piece may be broken.
        let mut gap = None;
        for character in text.chars() {
            piece.push(character);
            let may_grow = columns(&piece) <= width;
            if let Some(at) = gap.filter(|_| !may_grow) {
                let rest = format!("{INDENT}{}", &piece[at..]);
                piece.truncate(at);
                lines.push(vec![(piece, style)]);
                (piece, gap) = (rest, None);
            }
            let is_wide = columns(character.encode_utf8(&mut [0; 4])) > 1;
            if (character == ' ' || is_wide) && !piece.trim().is_empty() {
                gap = Some(piece.len());
            }
        }
        lines.push(vec![(piece, style)]);
    }
    lines
}
