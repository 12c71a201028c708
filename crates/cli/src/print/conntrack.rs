//! Tracked connections for people and machines: tables, events, counters, and packets' roads. People
//! get the lines of conntrack(8), so that what reads those reads these.

use crate::args::Format;
use crate::escape::escape;
use crate::wall;
use lab::conntrack::{Event, EventKind, Listed, Road, Statistics, Tracker};
use probe::Time;
use serde_json::{Map, Value};

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

    /// Writes what happened since it was asked last. `node` says where, if there are several.
    pub fn news(&self, node: Option<&str>, tracker: &mut Tracker, out: &mut Vec<u8>) {
        let mut lines: Vec<(Time, String)> = Vec::new();
        if self.has_roads {
            lines.extend(tracker.take_roads().map(|road| (road.at, self.road(node, &road))));
        }
        if self.has_events {
            lines.extend(tracker.take_events().map(|event| (event.at, self.event(node, &event))));
        }
        // Stable: a packet's road stands before what came of it.
        lines.sort_by_key(|(at, _)| *at);
        for (_, line) in lines {
            out.extend(line.bytes());
            out.push(b'\n');
        }
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
            _ => named(node, counts.to_string().trim_end()),
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
        let mut object = Map::new();
        object.insert("v".to_owned(), 1.into());
        object.insert("type".to_owned(), kind.into());
        if let Some(node) = node {
            object.insert("node".to_owned(), node.into());
        }
        let at = wall::rfc3339(self.epoch_ns + i128::from(at.0));
        object.insert("at".to_owned(), at.into());
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        object.extend(fields);
        let connection = connection.map(|listed| serde_json::from_str(&listed.json()));
        if let Some(Ok(Value::Object(connection))) = connection {
            object.extend(connection);
        }
        Value::Object(object).to_string()
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
        ("insert", counts.insert.into()),
        ("insert_failed", counts.insert_failed.into()),
        ("drop", counts.drop.into()),
        ("early_drop", counts.early_drop.into()),
        ("error", counts.error.into()),
        ("clash_resolve", counts.clash_resolve.into()),
    ]
}
