//! JSON, one object a line (`docs/json.md`).

use super::fields::{self, Extra, Value};
use super::{End, Event, Printer, Start, Unresolved};
use std::io::Write;

/// Prints JSON.
#[derive(Debug)]
pub struct Json {
    extra: Extra,
    is_quiet: bool,
}

impl Json {
    /// A printer; a quiet one leaves out what became of single probes.
    pub fn new(extra: Extra, is_quiet: bool) -> Json {
        Json { extra, is_quiet }
    }
}

impl Printer for Json {
    fn start(&mut self, _start: &Start<'_>, _out: &mut Vec<u8>) {}

    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if !self.is_quiet {
            object(out, |sink| fields::event(event, self.extra, sink));
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        object(out, |sink| fields::unresolved(unresolved, sink));
    }

    fn summary(&mut self, end: &End<'_>, out: &mut Vec<u8>) {
        object(out, |sink| fields::summary(end, self.extra, sink));
    }
}

/// Appends one object as a line.
pub fn object(out: &mut Vec<u8>, fill: impl FnOnce(fields::Sink<'_>)) {
    let _ = write!(out, "{{\"v\":{}", fields::VERSION);
    fill(&mut |name, value| {
        let _ = write!(out, ",\"{name}\":");
        append(&value, out);
    });
    out.extend_from_slice(b"}\n");
}

/// Appends a value; writing to memory cannot fail.
pub fn append(value: &Value, out: &mut Vec<u8>) {
    let _ = match value {
        Value::Null => write!(out, "null"),
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Natural(value) => write!(out, "{value}"),
        Value::Ratio(value) => write!(out, "{value}"),
        Value::Text(text) => return text_into(text, out),
        Value::Word(word) => return text_into(word, out),
        Value::List(texts) => {
            out.push(b'[');
            for (index, text) in texts.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text_into(text, out);
            }
            write!(out, "]")
        }
        Value::Values(values) => {
            out.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                append(value, out);
            }
            write!(out, "]")
        }
        Value::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                let _ = write!(out, "{}\"{name}\":", if index > 0 { ',' } else { '{' });
                append(value, out);
            }
            write!(out, "{}", if fields.is_empty() { "{}" } else { "}" })
        }
    };
}

fn text_into(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text is JSON and memory takes it");
}
