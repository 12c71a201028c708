//! Objects against the schema that users get.

use serde_json::{Map, Value};

/// Checks an object against the definition of its type: what of JSON Schema ours makes use of.
pub fn check(schema: &Value, object: &Map<String, Value>) -> Result<(), String> {
    check_object(&schema["$defs"][object["type"].as_str().unwrap_or_default()], object)
}

fn check_object(definition: &Value, object: &Map<String, Value>) -> Result<(), String> {
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
        "object" => value.as_object().is_some_and(|it| check_object(property, it).is_ok()),
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
