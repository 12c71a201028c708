//! Every line of JSON against the schema that users get, and CSV against JSON.

use super::askway;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const SCHEMA: &str = include_str!("../../../../docs/schema/ping.json");

/// Runs that between them produce every type of object.
const RUNS: &[&str] = &[
    "-c 2 good",
    "-c 2 -6 good",
    "-c 2 away",
    "-c 2 mute good",
    "-c 2 guarded",
    "-c 2 echoes",
    "-c 5 -W 1s slow tardy",
    "-c 2 broken short",
    "-c 2 twin",
    "-c 4 -i 300ms far",
    "-c 2 nowhere",
    "-c 2 good nowhere away",
    "-c 2 -R good",
    "-c 2 --timestamp-option good",
    "-c 2 -T tsonly --hints good",
    "-c 2 --kind timestamp good",
    "-c 2 -t 1 -v -v good",
    "-c 2 -6 -t 1 good",
    "-c 3 -M do -s 1400 far",
    "-c 2 -H --hints good",
    "--until up:2 good",
    "-w 2500ms -W 0 -vv mute",
    "-q -c 2 good away",
];

#[test]
fn every_object_is_as_the_schema_says() {
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let mut seen = BTreeSet::new();
    for run in RUNS {
        let objects = objects(run);
        assert!(!objects.is_empty(), "{run}: no output");
        for object in objects {
            if let Err(fault) = check(&schema, &object) {
                panic!("{run}: {fault}: {}", Value::Object(object));
            }
            seen.insert(text(&object, "type"));
        }
    }
    let defined = schema["$defs"].as_object().expect("definitions").keys().cloned();
    let missing: Vec<String> =
        defined.filter(|name| !seen.contains(name) && !UNSEEN.contains(&&**name)).collect();
    assert!(missing.is_empty(), "no run makes a {missing:?}");
}

/// Types that a lab does not make: an interrupt, and a queue of this host that overflows.
const UNSEEN: &[&str] = &["in_flight", "local_drop"];

#[test]
fn each_target_has_one_summary_whatever_happens() {
    for (run, targets) in [("-c 2 good nowhere away", 3), ("-c 1 away", 1), ("nowhere", 1)] {
        let objects = objects(run);
        let summaries = objects.iter().filter(|object| text(object, "type") == "summary");
        assert_eq!(summaries.count(), targets, "{run}");
    }
}

#[test]
fn csv_says_what_json_says() {
    for run in RUNS {
        let csv = askway(&format!("ping --lab town.toml --csv {run}"));
        let csv = String::from_utf8(csv.stdout).expect("UTF-8");
        let mut rows = csv.split_terminator("\r\n").map(cells);
        let header = rows.next().expect("a header line");
        for (object, row) in objects(run).into_iter().zip(rows.by_ref()) {
            assert_eq!(row.len(), header.len(), "{run}");
            let row: BTreeMap<&str, &str> =
                header.iter().map(String::as_str).zip(row.iter().map(String::as_str)).collect();
            for (name, value) in object.iter().filter(|(name, _)| *name != "v") {
                assert_eq!(row[name.as_str()], cell(value), "{run}: {name}");
            }
        }
        assert_eq!(rows.next(), None, "{run}: more rows than objects");
    }
}

fn objects(run: &str) -> Vec<Map<String, Value>> {
    let output = askway(&format!("ping --lab town.toml --json {run}"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{run}");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    stdout
        .lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(Value::Object(object)) => object,
            _ => panic!("{run}: no object: {line}"),
        })
        .collect()
}

fn text(object: &Map<String, Value>, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Checks an object against the definition of its type: what of JSON Schema ours makes use of.
fn check(schema: &Value, object: &Map<String, Value>) -> Result<(), String> {
    let definition = &schema["$defs"][text(object, "type")];
    let properties = definition["properties"].as_object().ok_or("an unknown type")?;
    for name in definition["required"].as_array().into_iter().flatten() {
        let name = name.as_str().expect("a name");
        if !object.contains_key(name) {
            return Err(format!("`{name}` is missing"));
        }
    }
    for (name, value) in object {
        let property = properties.get(name).ok_or_else(|| format!("`{name}` is not defined"))?;
        check_value(property, value).map_err(|fault| format!("`{name}`: {fault}"))?;
    }
    Ok(())
}

fn check_value(property: &Value, value: &Value) -> Result<(), String> {
    if let Some(constant) = property.get("const") {
        return if constant == value { Ok(()) } else { Err(format!("not {constant}")) };
    }
    if let Some(choices) = property.get("enum").and_then(Value::as_array) {
        return if choices.contains(value) { Ok(()) } else { Err(format!("{value} is no choice")) };
    }
    let types: Vec<&str> = match &property["type"] {
        Value::String(only) => vec![only],
        several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    };
    let is_of = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.as_array().is_some_and(|items| {
            items.iter().all(|item| check_value(&property["items"], item).is_ok())
        }),
        other => panic!("the schema speaks of {other}"),
    };
    if !types.iter().any(is_of) {
        return Err(format!("{value} is none of {types:?}"));
    }
    let within = |limit: &str, holds: fn(f64, f64) -> bool| match (
        property.get(limit).and_then(Value::as_f64),
        value.as_f64(),
    ) {
        (Some(limit), Some(value)) => holds(value, limit),
        _ => true,
    };
    if within("minimum", |value, least| value >= least)
        && within("maximum", |value, most| value <= most)
    {
        Ok(())
    } else {
        Err(format!("{value} is out of bounds"))
    }
}

/// A value as CSV shows it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(cell).collect();
            items.join("; ")
        }
        other => other.to_string(),
    }
}

/// The cells of one row (RFC 4180).
fn cells(row: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("there is one from the start");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                cell.push('"');
                characters.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}
