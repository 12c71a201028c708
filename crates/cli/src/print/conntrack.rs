//! Tracked connections for people and machines: tables, events, counters, and packets' roads.
//! People get the lines of conntrack(8), so that what reads those reads these.

use crate::args::Format;
use crate::escape::escape;
use crate::wall;
use lab::conntrack::{Event, EventKind, Listed, Road, Statistics, Tracker};
use probe::Time;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What is written of trackers, and how.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// For people or for machines; there are no separated values.
    pub format: Format,
    /// Events as they come.
    pub has_events: bool,
    /// Every packet's road through the hooks.
    pub has_roads: bool,
    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub epoch_ns: i128,
}

impl Ledger {
    /// Has a tracker keep what is to be written.
    pub fn begin(&self, tracker: &mut Tracker) {
        tracker.watch(self.has_events);
        tracker.explain(self.has_roads);
    }

    /// What happened since it was asked last, line by line. `node` says where, if there are
    /// several.
    pub fn news(&self, node: Option<&str>, tracker: &mut Tracker) -> Vec<(Time, String)> {
        let mut lines = Vec::new();
        if self.has_roads {
            lines.extend(tracker.take_roads().map(|road| (road.at, self.road(node, &road))));
        }
        if self.has_events {
            lines.extend(tracker.take_events().map(|event| (event.at, self.event(node, &event))));
        }
        lines
    }

    /// Writes the connections of a tracker, as `conntrack -L` does.
    pub fn table(&self, node: Option<&str>, tracker: &Tracker, now: Time, out: &mut Vec<u8>) {
        for listed in tracker.list(now) {
            let line = match self.format {
                Format::Json => self.object("connection", node, now, &[], Some(&listed)),
                _ => named(node, &listed.to_string()),
            };
            out.extend(line.bytes());
            out.push(b'\n');
        }
    }

    /// Writes what a tracker has counted, as `conntrack -S` does; `more` besides, for machines.
    pub fn statistics(
        &self,
        node: Option<&str>,
        tracker: &Tracker,
        now: Time,
        more: &[(&str, Value)],
        out: &mut Vec<u8>,
    ) {
        let counts = tracker.statistics();
        let line = match self.format {
            Format::Json => {
                let mut fields = numbers(&counts, tracker);
                fields.extend(more.iter().cloned());
                self.object("statistics", node, now, &fields, None)
            }
            _ => named(node, &counts.to_string()),
        };
        out.extend(line.bytes());
        out.push(b'\n');
    }

    fn event(&self, node: Option<&str>, event: &Event) -> String {
        if self.format != Format::Json {
            return named(node, &event.to_string());
        }
        let word = match event.kind {
            EventKind::New => "new",
            EventKind::Update => "update",
            EventKind::Destroy => "destroy",
        };
        let fields = [("event", Value::from(word))];
        self.object("event", node, event.at, &fields, Some(&event.connection))
    }

    fn road(&self, node: Option<&str>, road: &Road) -> String {
        if self.format != Format::Json {
            return named(node, &road.to_string());
        }
        let step = |step: &lab::conntrack::Step| {
            let mut fields = Map::new();
            fields.insert("hook".to_owned(), step.hook.name().to_ascii_lowercase().into());
            fields.insert("priority".to_owned(), step.station.priority().into());
            fields.insert("what".to_owned(), step.what.to_string().into());
            Value::Object(fields)
        };
        let steps: Vec<Value> = road.steps.iter().map(step).collect();
        let fields = [("packet", Value::from(road.packet.as_str())), ("steps", steps.into())];
        self.object("road", node, road.at, &fields, None)
    }

    /// One object: `v`, `type`, `node` if there is one, `at`, the fields, those of a connection.
    fn object(
        &self,
        kind: &str,
        node: Option<&str>,
        at: Time,
        fields: &[(&str, Value)],
        connection: Option<&Listed>,
    ) -> String {
        let mut text = format!(r#"{{"v":1,"type":"{kind}""#);
        let mut put = |name: &str, value: &Value| {
            let _ = write!(text, r#","{name}":{value}"#);
        };
        if let Some(node) = node {
            put("node", &node.into());
        }
        put("at", &wall::rfc3339(self.epoch_ns + i128::from(at.0)).into());
        for (name, value) in fields {
            put(name, value);
        }
        if let Some(listed) = connection {
            text.push(',');
            text.push_str(listed.json().trim_start_matches('{'));
        } else {
            text.push('}');
        }
        text
    }
}

/// Puts lines in the order of their time: a packet's road stands before what came of it.
pub fn in_order(mut lines: Vec<(Time, String)>, out: &mut Vec<u8>) {
    lines.sort_by_key(|(at, _)| *at);
    for (_, line) in lines {
        out.extend(line.bytes());
        out.push(b'\n');
    }
}

fn named(node: Option<&str>, line: &str) -> String {
    match node {
        Some(node) => format!("{}: {line}", escape(node)),
        None => line.to_owned(),
    }
}

/// Counters by the names that `conntrack -S` has for them.
fn numbers(counts: &Statistics, tracker: &Tracker) -> Vec<(&'static str, Value)> {
    vec![
        ("connections", tracker.len().into()),
        ("mappings", tracker.mappings().into()),
        ("found", counts.found.into()),
        ("invalid", counts.invalid.into()),
        ("confirmed", counts.confirmed.into()),
        ("insert", counts.insert.into()),
        ("insert_failed", counts.insert_failed.into()),
        ("drop", counts.drop.into()),
        ("early_drop", counts.early_drop.into()),
        ("error", counts.error.into()),
        ("clash_resolve", counts.clash_resolve.into()),
    ]
}
