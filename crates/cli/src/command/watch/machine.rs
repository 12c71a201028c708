//! Watched roads as JSON and CSV: reports as they come, and at the end every figure of each hop.

use super::book::{Book, Watched};
use super::coding::{Fields, nanoseconds};
use crate::print::Unresolved;
use crate::print::csv::quoted;
use crate::print::fields::{self, address};
use crate::print::json::object;
use crate::print::trace::{self, Book as _};
use crate::resolve;
use crate::wall;
use probe::stats::RttSummary;
use probe::trace::ledger::{HopSummary, Responder};
use probe::trace::limit::ReplyLimit;
use probe::trace::{Event, Report, Says};
use serde_json::Value;

/// The columns of CSV: every figure of a hop.
const COLUMNS: &[&str] = &[
    "type",
    "target",
    "address",
    "hop",
    "from",
    "name",
    "sent",
    "received",
    "lost",
    "limited",
    "in_flight",
    "late",
    "duplicates",
    "local_drops",
    "send_errors",
    "loss_ratio",
    "loss_ratio_low",
    "loss_ratio_high",
    "forward_loss_ratio",
    "backward_loss_ratio",
    "limit_interval_ns",
    "limit_burst",
    "rtt_ns_last",
    "rtt_ns_min",
    "rtt_ns_mean",
    "rtt_ns_median",
    "rtt_ns_p90",
    "rtt_ns_p95",
    "rtt_ns_p99",
    "rtt_ns_max",
    "rtt_ns_stddev",
    "rtt_ns_geometric_mean",
    "jitter_ns",
    "jitter_ns_last",
    "jitter_ns_mean",
    "jitter_ns_max",
];

/// Appends what became of a probe.
pub fn report(book: &Book, report: &Report, out: &mut Vec<u8>) {
    if let Event::Probe(probe) = &report.event {
        let road = book.road(report.target as usize);
        object(out, |sink| trace::fields::probe(&road, probe, sink));
    }
}

/// Appends what was found out about each road: its hops, its changes, its end.
pub fn summaries(book: &Book, out: &mut Vec<u8>) {
    for (index, road) in book.roads.iter().enumerate() {
        for summary in summaries_of(book, road) {
            let mut fields = hop(book, road, &summary);
            let responders = road.ledger.responders(summary.hop);
            let list: Vec<Value> = responders.iter().map(|it| responder(book, it)).collect();
            fields.put("responders", list);
            fields.write(out);
        }
        for change in road.ledger.changes() {
            let mut fields = Fields::of("path_change");
            target(road, &mut fields);
            fields.put("hop", change.hop);
            fields.put("at", wall::rfc3339(book.epoch_ns + i128::from(change.at.0)));
            fields.put("before", change.before.to_string());
            fields.put("now", change.now.to_string());
            fields.write(out);
        }
        if let Some(verdict) = book.verdict(index) {
            let hops = road.ledger.hops();
            let limits: Vec<(u8, ReplyLimit)> =
                hops.iter().filter_map(|hop| Some((hop.hop, hop.limit?))).collect();
            object(out, |sink| {
                trace::fields::verdict(&book.road(index), &verdict, &limits, sink);
            });
        }
    }
}

/// A name without an address.
pub fn unresolved(unresolved: &resolve::Unresolved, out: &mut Vec<u8>) {
    object(out, |sink| fields::unresolved(&Unresolved::of(unresolved), sink));
}

/// Appends the header line of CSV.
pub fn csv_header(out: &mut Vec<u8>) {
    out.extend_from_slice(COLUMNS.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a row of CSV for each hop.
pub fn csv(book: &Book, out: &mut Vec<u8>) {
    for road in &book.roads {
        for summary in summaries_of(book, road) {
            let fields = hop(book, road, &summary);
            let cells: Vec<String> = COLUMNS.iter().map(|name| cell(fields.field(name))).collect();
            out.extend_from_slice(cells.join(",").as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => quoted(text),
        Some(other) => other.to_string(),
    }
}

fn summaries_of(book: &Book, road: &Watched) -> Vec<HopSummary> {
    let mut all = road.ledger.hops();
    all.retain(|summary| summary.hop >= book.plan.first_hop);
    all
}

fn target(road: &Watched, fields: &mut Fields) {
    let shown = address(road.target);
    fields.put("target", road.name.clone().unwrap_or_else(|| shown.clone()));
    fields.put("address", shown);
}

fn hop(book: &Book, road: &Watched, it: &HopSummary) -> Fields {
    let mut fields = Fields::of("hop_summary");
    target(road, &mut fields);
    fields.put("hop", it.hop);
    fields.put("from", it.latest.map(|from| from.to_string()));
    fields.put("name", it.latest.and_then(|from| book.names.name(from)));
    for (name, count) in [
        ("sent", it.sent),
        ("received", it.answered),
        ("lost", it.lost),
        ("limited", it.limited),
        ("in_flight", it.in_flight),
        ("late", it.late),
        ("duplicates", it.duplicates),
        ("local_drops", it.local_drops),
        ("send_errors", it.send_errors),
    ] {
        fields.put(name, count);
    }
    fields.put("loss_ratio", it.loss_ratio);
    fields.put("loss_ratio_low", it.loss_interval.map(|(low, _)| low));
    fields.put("loss_ratio_high", it.loss_interval.map(|(_, high)| high));
    fields.put("forward_loss_ratio", it.forward_ratio);
    fields.put("backward_loss_ratio", it.backward_ratio);
    fields.put("limit_interval_ns", it.limit.map(|limit| nanoseconds(limit.interval)));
    fields.put("limit_burst", it.limit.map(|limit| limit.burst));
    round_trips(it.rtt.as_ref(), &mut fields);
    let variation = it.variation.as_ref();
    fields.put("rtt_ns_geometric_mean", variation.map(|it| whole(it.geometric_mean_ns)));
    fields.put("jitter_ns", it.rtt.as_ref().map(|rtt| whole(rtt.jitter_ns)));
    fields.put("jitter_ns_last", variation.map(|it| it.last_ns));
    fields.put("jitter_ns_mean", variation.map(|it| whole(it.mean_ns)));
    fields.put("jitter_ns_max", variation.map(|it| it.max_ns));
    fields
}

fn round_trips(rtt: Option<&RttSummary>, fields: &mut Fields) {
    fields.put("rtt_ns_last", rtt.map(|it| it.last_ns));
    fields.put("rtt_ns_min", rtt.map(|it| it.min_ns));
    fields.put("rtt_ns_mean", rtt.map(|it| whole(it.mean_ns)));
    fields.put("rtt_ns_median", rtt.map(|it| it.median_ns));
    fields.put("rtt_ns_p90", rtt.map(|it| it.p90_ns));
    fields.put("rtt_ns_p95", rtt.map(|it| it.p95_ns));
    fields.put("rtt_ns_p99", rtt.map(|it| it.p99_ns));
    fields.put("rtt_ns_max", rtt.map(|it| it.max_ns));
    fields.put("rtt_ns_stddev", rtt.map(|it| whole(it.stddev_ns)));
}

fn responder(book: &Book, it: &Responder) -> Value {
    let mut fields = Fields::default();
    fields.put("from", it.from.to_string());
    fields.put("name", book.names.name(it.from));
    fields.put("received", it.answered);
    let meaning = match it.says {
        Says::Error { meaning, .. } => Some(crate::meaning::name(meaning)),
        Says::Greeting(_) => None,
    };
    fields.put("meaning", meaning);
    fields.put("hop_limit", it.hop_limit);
    fields.put("rtt_source", it.rtt_source.name());
    round_trips(Some(&it.rtt()), &mut fields);
    fields.value()
}

/// Nanoseconds, rounded: less is nobody's business.
fn whole(ns: f64) -> u64 {
    ns.round() as u64
}
