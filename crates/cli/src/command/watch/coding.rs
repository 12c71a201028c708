//! Reports as JSON and back, without loss: what recordings consist of, and what `--json` prints.

mod answer;

use answer::{answer, read_answer, read_says, says};
use probe::trace::{End, Event, Outcome, Probe, Report, Verdict};
use probe::{SendFault, SendFaultReason, Time};
use serde_json::{Map, Value};
use std::time::Duration;

/// The schema's version: the field `v` of every object.
pub const VERSION: u64 = 1;

/// The fields of one object, in order.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// An object of that type.
    pub fn of(kind: &str) -> Fields {
        let mut fields = Fields::default();
        fields.put("v", VERSION);
        fields.put("type", kind);
        fields
    }

    /// Adds a field.
    pub fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// Adds a field if there is something to say.
    pub fn put_some(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// What a field holds.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Appends the object as a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (index, (name, value)) in self.0.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"" } else { b",\"" });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            serde_json::to_writer(&mut *out, value).expect("it is JSON and memory takes it");
        }
        out.extend_from_slice(b"}\n");
    }

    /// As a value within another.
    pub fn value(self) -> Value {
        Value::Object(self.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// The fields of an object that is read. Errors say which one is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(pub &'a Map<String, Value>);

/// What is wrong with an object.
pub type Wrong = String;

impl<'a> Object<'a> {
    /// A field that may be missing, as whatever it is.
    pub fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    ///
    /// # Errors
    /// If there is none.
    pub fn text(self, name: &str) -> Result<&'a str, Wrong> {
        self.value(name).and_then(Value::as_str).ok_or_else(|| format!("`{name}` is no text"))
    }

    /// Something that is written as a text.
    ///
    /// # Errors
    /// If it is none.
    pub fn parsed<T: std::str::FromStr>(self, name: &str) -> Result<T, Wrong> {
        self.text(name)?.parse().map_err(|_| format!("`{name}` is not what it should be"))
    }

    /// A number that fits.
    ///
    /// # Errors
    /// If there is none.
    pub fn number<T: TryFrom<u64>>(self, name: &str) -> Result<T, Wrong> {
        let number = self.value(name).and_then(Value::as_u64).and_then(|it| T::try_from(it).ok());
        number.ok_or_else(|| format!("`{name}` is no such number"))
    }

    /// A number that may be missing.
    ///
    /// # Errors
    /// If it is there and does not fit.
    pub fn number_if_any<T: TryFrom<u64>>(self, name: &str) -> Result<Option<T>, Wrong> {
        self.value(name).map(|_| self.number(name)).transpose()
    }

    /// Yes or no; no if it is missing.
    pub fn flag(self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A list of objects; empty if it is missing.
    ///
    /// # Errors
    /// If it is something else.
    pub fn objects(self, name: &str) -> Result<Vec<Object<'a>>, Wrong> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let objects = value.as_array().and_then(|list| {
            list.iter().map(|it| it.as_object().map(Object)).collect::<Option<Vec<_>>>()
        });
        objects.ok_or_else(|| format!("`{name}` is no list of objects"))
    }

    fn time(self, name: &str) -> Result<Time, Wrong> {
        self.number(name).map(Time)
    }

    fn duration(self, name: &str) -> Result<Duration, Wrong> {
        self.number(name).map(Duration::from_nanos)
    }
}

/// A length of time in nanoseconds.
pub fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A report as an object.
pub fn encode(report: &Report) -> Fields {
    let kind = match &report.event {
        Event::Probe(_) => "probe",
        Event::Round { .. } => "round",
        _ => "verdict",
    };
    let mut fields = Fields::of(kind);
    fields.put("road", report.target);
    fields.put("at_ns", report.at.0);
    match &report.event {
        Event::Probe(it) => probe(it, &mut fields),
        Event::Round { round, end: ending } => {
            fields.put("round", *round);
            end(ending, &mut fields);
        }
        Event::Verdict(it) => {
            fields.put("sent", it.sent);
            fields.put("answered", it.answered);
            fields.put("took_ns", nanoseconds(it.took));
            end(&it.end, &mut fields);
        }
        // What only traces report that run once.
        _ => {}
    }
    fields
}

/// A report from an object; `None` if it is of another type.
///
/// # Errors
/// If a field is not what it should be.
pub fn decode(object: Object<'_>) -> Result<Option<Report>, Wrong> {
    let event = match object.text("type")? {
        "probe" => Event::Probe(read_probe(object)?),
        "round" => Event::Round { round: object.number("round")?, end: read_end(object)? },
        "verdict" => Event::Verdict(Verdict {
            end: read_end(object)?,
            sent: object.number("sent")?,
            answered: object.number("answered")?,
            took: object.duration("took_ns")?,
        }),
        _ => return Ok(None),
    };
    Ok(Some(Report { target: object.number("road")?, at: object.time("at_ns")?, event }))
}

fn probe(probe: &Probe, fields: &mut Fields) {
    fields.put("hop", probe.hop);
    fields.put("number", probe.number);
    fields.put("query", probe.query);
    fields.put("flow", probe.flow);
    fields.put("port", probe.port);
    fields.put("sent_ns", probe.sent_at.0);
    let outcome = match &probe.outcome {
        Outcome::Answer(_) => "answer",
        Outcome::Silent => "silent",
        Outcome::SendError(_) => "send_error",
        Outcome::LocalDrop => "local_drop",
        Outcome::InFlight => "in_flight",
        Outcome::Moot => "moot",
    };
    fields.put("outcome", outcome);
    match &probe.outcome {
        Outcome::Answer(it) => answer(it, fields),
        Outcome::SendError(fault) => send_fault(*fault, fields),
        _ => {}
    }
}

fn read_probe(object: Object<'_>) -> Result<Probe, Wrong> {
    let outcome = match object.text("outcome")? {
        "answer" => Outcome::Answer(Box::new(read_answer(object)?)),
        "silent" => Outcome::Silent,
        "send_error" => Outcome::SendError(read_send_fault(object)?),
        "local_drop" => Outcome::LocalDrop,
        "in_flight" => Outcome::InFlight,
        "moot" => Outcome::Moot,
        _ => return Err("`outcome` is none that is known".to_owned()),
    };
    let hop = object.number("hop")?;
    if hop == 0 {
        return Err("`hop` is 0".to_owned());
    }
    Ok(Probe {
        hop,
        number: object.number("number")?,
        query: object.number("query")?,
        flow: object.number("flow")?,
        port: object.number("port")?,
        sent_at: object.time("sent_ns")?,
        outcome,
    })
}

/// Why a probe did not leave, by name.
const REASONS: &[(&str, SendFaultReason)] = &[
    ("no_route", SendFaultReason::NoRoute),
    ("prohibited", SendFaultReason::Prohibited),
    ("no_buffers", SendFaultReason::NoBuffers),
    ("other", SendFaultReason::Other),
];

fn send_fault(fault: SendFault, fields: &mut Fields) {
    let named = REASONS.iter().find(|(_, reason)| *reason == fault.reason);
    fields.put("reason", named.map_or("too_big", |(name, _)| *name));
    if let SendFaultReason::TooBig { mtu_bytes } = fault.reason {
        fields.put_some("mtu_bytes", mtu_bytes);
    }
    fields.put("os_error", fault.os_error);
}

fn read_send_fault(object: Object<'_>) -> Result<SendFault, Wrong> {
    let name = object.text("reason")?;
    let reason = match REASONS.iter().find(|(known, _)| *known == name) {
        Some((_, reason)) => *reason,
        None if name == "too_big" => {
            SendFaultReason::TooBig { mtu_bytes: object.number_if_any("mtu_bytes")? }
        }
        None => return Err("`reason` is none that is known".to_owned()),
    };
    let os_error = object.number::<u64>("os_error")?;
    let os_error = i32::try_from(os_error).map_err(|_| "`os_error` is no such number")?;
    Ok(SendFault { reason, os_error })
}

fn end(end: &End, fields: &mut Fields) {
    match end {
        End::Reached { hop, from, says: said } => {
            fields.put("end", "reached");
            fields.put("hop", *hop);
            fields.put("from", from.to_string());
            says(*said, fields);
        }
        End::Refused { hop, from, says: said } => {
            fields.put("end", "refused");
            fields.put("hop", *hop);
            fields.put("from", from.to_string());
            says(*said, fields);
        }
        End::Silent { from_hop } => {
            fields.put("end", "silent");
            fields.put("from_hop", *from_hop);
        }
        End::HopsExhausted => fields.put("end", "hops_exhausted"),
        End::Loop { from_hop, length } => {
            fields.put("end", "loop");
            fields.put("from_hop", *from_hop);
            fields.put("length", *length);
        }
        End::Unsendable(fault) => {
            fields.put("end", "unsendable");
            send_fault(*fault, fields);
        }
        End::Unknown => fields.put("end", "unknown"),
    }
}

fn read_end(object: Object<'_>) -> Result<End, Wrong> {
    Ok(match object.text("end")? {
        "reached" => End::Reached {
            hop: object.number("hop")?,
            from: object.parsed("from")?,
            says: read_says(object)?,
        },
        "refused" => End::Refused {
            hop: object.number("hop")?,
            from: object.parsed("from")?,
            says: read_says(object)?,
        },
        "silent" => End::Silent { from_hop: object.number("from_hop")? },
        "hops_exhausted" => End::HopsExhausted,
        "loop" => {
            End::Loop { from_hop: object.number("from_hop")?, length: object.number("length")? }
        }
        "unsendable" => End::Unsendable(read_send_fault(object)?),
        "unknown" => End::Unknown,
        _ => return Err("`end` is none that is known".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_found_out_comes_back_as_it_was() {
        for report in answer::samples::all() {
            let mut line = Vec::new();
            encode(&report).write(&mut line);
            let value: Value = serde_json::from_slice(&line).expect("JSON");
            let object = Object(value.as_object().expect("an object"));
            assert_eq!(decode(object), Ok(Some(report)), "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn what_is_no_report_says_which_field_is_wrong() {
        for (text, wrong) in [
            ("{}", "`type` is no text"),
            (r#"{"type":"probe"}"#, "`outcome` is no text"),
            (r#"{"type":"probe","outcome":"silent","hop":256}"#, "`hop` is no such number"),
            (r#"{"type":"probe","outcome":"silent","hop":0}"#, "`hop` is 0"),
            (r#"{"type":"round","round":1,"end":"reached","hop":1}"#, "`from` is no text"),
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            let object = Object(value.as_object().expect("an object"));
            assert_eq!(decode(object).map(|_| ()), Err(wrong.to_owned()), "{text}");
        }
    }
}
