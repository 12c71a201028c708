//! Scenarios against the schema that editors get: every file of the tree is as it says, and it
//! knows the keys that the lab knows, no more and no fewer.

use super::here;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use toml::de::{DeTable, DeValue};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../docs/schema/scenario.json")).expect("JSON")
}

/// Every scenario of the tree: its name and its text.
fn texts() -> Vec<(String, String)> {
    let folders = ["../../../lab/scenarios", "../../../lab/examples", "."];
    let entries = folders.iter().flat_map(|it| fs::read_dir(here().join(it)).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let toml = paths.filter(|path| path.extension().is_some_and(|it| it == "toml"));
    toml.map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("a text")))
        .collect()
}

fn read(text: &str) -> Value {
    table(DeTable::parse(text).expect("TOML").get_ref())
}

fn table(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, it)| (key.get_ref().to_string(), value(it.get_ref())));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn value(it: &DeValue<'_>) -> Value {
    match it {
        DeValue::String(text) => json!(text),
        DeValue::Boolean(yes) => json!(yes),
        DeValue::Integer(number) => {
            json!(i64::from_str_radix(number.as_str(), number.radix()).expect("a number"))
        }
        DeValue::Array(items) => items.iter().map(|item| value(item.get_ref())).collect(),
        DeValue::Table(inner) => table(inner),
        other => panic!("scenarios have no {other:?}"),
    }
}

/// Whether a value is as a schema says: what of JSON Schema ours makes use of. Patterns are for
/// editors.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, said) in schema.as_object().expect("a schema") {
        match keyword.as_str() {
            "$ref" => {
                let name = said.as_str().and_then(|it| it.strip_prefix("#/$defs/"));
                check(root, &root["$defs"][name.expect("a definition")], value)?;
            }
            "anyOf" => {
                let tries = said.as_array().expect("a list").iter();
                let faults: Vec<String> =
                    tries.map_while(|it| check(root, it, value).err()).collect();
                if faults.len() == said.as_array().map_or(0, Vec::len) {
                    return Err(faults.join("; "));
                }
            }
            "type" => {
                let is_so = match said.as_str().expect("one type") {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    other => panic!("the schema speaks of {other}"),
                };
                if !is_so {
                    return Err(format!("{value} is no {said}"));
                }
            }
            "enum" if !said.as_array().expect("a list").contains(value) => {
                return Err(format!("{value} is no choice"));
            }
            "minimum" if value.as_i64() < said.as_i64() => return Err(format!("{value} < {said}")),
            "maximum" if value.as_i64() > said.as_i64() => return Err(format!("{value} > {said}")),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(root, said, item)?;
                }
            }
            "required" => {
                for name in said.as_array().expect("a list") {
                    if value.get(name.as_str().expect("a name")).is_none() {
                        return Err(format!("{name} is missing"));
                    }
                }
            }
            "properties" | "additionalProperties" => {}
            "$schema" | "$defs" | "title" | "description" | "pattern" | "examples" | "enum"
            | "minimum" | "maximum" => {}
            other => panic!("the schema says {other}"),
        }
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(property), _) => check(root, property, value),
            (None, Some(Value::Bool(false))) => Err("is unknown".to_owned()),
            (None, Some(others)) => check(root, others, value),
            (None, None) => Ok(()),
        }
        .map_err(|fault| format!("{name}: {fault}"))?;
    }
    Ok(())
}

#[test]
fn every_scenario_is_as_the_schema_says() {
    let schema = schema();
    let texts = texts();
    assert!(texts.len() > 40, "only {} scenarios", texts.len());
    for (name, text) in texts {
        if let Err(fault) = check(&schema, &schema, &read(&text)) {
            panic!("{name}: {fault}");
        }
    }
}

#[test]
fn the_schema_refuses_what_the_lab_refuses() {
    let schema = schema();
    for wrong in [
        "[host]\na = { ttl = 5 }",
        "[host]\na = { hop_limit = 0 }",
        "[[link]]\ndelay = \"1ms\"",
        "[[link]]\nends = [\"a\", \"b\"]\nmtu = \"1500\"",
        "[[link]]\nends = [\"a\", \"b\"]\nloss = { of = \"ipx\", share = \"1%\" }",
        "[[link]]\nends = [\"a\", \"b\"]\njitter_shape = \"cauchy\"",
        "[[expect]]\nstdout = \"\"",
        "hosts = 1",
    ] {
        assert!(check(&schema, &schema, &read(wrong)).is_err(), "{wrong}");
        assert!(!lab::check(wrong, "wrong").faults.is_empty(), "{wrong}");
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_lab_knows() {
    let schema = schema();
    let keys = |place: &Value| -> BTreeSet<String> {
        place["properties"].as_object().expect("properties").keys().cloned().collect()
    };
    let defined = |name: &str| keys(&schema["$defs"][name]);
    let pair = "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\n";
    let at = |what: &str| format!("{pair}[[at]]\ntime = \"1s\"\n{what}\nqqqqqqqq = 1\n");
    let mut changes = known(&at("link = \"a-b\""));
    changes.extend(known(&at("node = \"a\"")));
    for (told, stated) in [
        (known(&format!("qqqqqqqq = 1\n{pair}")), keys(&schema)),
        (known("[host]\na = { qqqqqqqq = 1 }\n"), defined("node")),
        (known(&format!("{pair}qqqqqqqq = 1\n")), defined("link")),
        (known(&format!("{pair}there = {{ qqqqqqqq = 1 }}\n")), defined("impairments")),
        (known(&format!("{pair}loss = {{ p = \"1%\", qqqqqqqq = 1 }}\n")), defined("rule")),
        (
            known(&format!("{pair}[[capture]]\nfile = \"a.pcapng\"\nqqqqqqqq = 1")),
            defined("capture"),
        ),
        (known(&format!("{pair}[[expect]]\ncommand = \"\"\nqqqqqqqq = 1")), defined("expectation")),
        (
            known(&format!("{pair}[[traffic]]\nfrom = \"a\"\nto = \"b\"\nudp = 9\nqqqqqqqq = 1")),
            defined("process"),
        ),
        (changes, defined("change")),
    ] {
        assert_eq!(told, stated);
    }
}

/// The keys that the lab names when it meets one that it does not know.
fn known(text: &str) -> BTreeSet<String> {
    let faults = lab::check(text, "keys").faults;
    let hints = faults.iter().filter_map(|fault| fault.hint.as_deref());
    let mut lists = hints.filter_map(|hint| hint.strip_prefix("known here: "));
    let list = lists.next_back().unwrap_or_else(|| panic!("no list: {faults:?}"));
    list.split(", ").map(str::to_owned).collect()
}
