//! What JSON and CSV call things that are explained. `docs/explain.md` explains them; names and
//! meanings hold within one schema version.

use super::Line;
use super::book::Page;
use super::dissect::{Field, Section};
use super::errno::Errno;
use super::{sockets, words};
use crate::escape::escape;
use crate::meaning;
use crate::print::fields::{Sink, Value};

/// Every field, in the order of CSV's columns.
pub const COLUMNS: &[&str] = &[
    "type",
    "family",
    "icmp_type",
    "icmp_code",
    "name",
    "name_zh",
    "meaning",
    "class",
    "cause",
    "cause_zh",
    "quote",
    "quote_zh",
    "bsd",
    "linux",
    "hard",
    "sockets",
    "instruments",
    "mark",
    "sources",
    "standing",
    "note",
    "note_zh",
    "packet",
    "section",
    "section_zh",
    "offset",
    "bytes",
    "value",
    "says",
    "says_zh",
    "line",
    "text",
    "tool",
    "messages",
    "facts",
    "remark",
    "remark_zh",
    "errno",
    "number",
    "otherwise",
    "otherwise_zh",
];

fn numbers(page: &Page, sink: Sink<'_>) {
    sink("family", page.family.to_string().into());
    sink("icmp_type", page.entry.kind.into());
    sink("icmp_code", page.entry.code.into());
    sink("name", Value::Word(page.entry.name));
    sink("name_zh", Value::Word(page.name_zh));
}

/// A type and code, with all that is known of it.
pub fn message(page: &Page, sink: Sink<'_>) {
    sink("type", Value::Word("message"));
    numbers(page, sink);
    sink("meaning", page.meaning().map(|it| Value::Word(meaning::name(it))).into());
    sink("class", Value::Word(if page.entry.is_error { "error" } else { "query" }));
    sink("cause", Value::Word(page.cause.0));
    sink("cause_zh", Value::Word(page.cause.1));
    let quote = words::quote(page);
    sink("quote", quote.en.into());
    sink("quote_zh", quote.zh.into());
    let bsd = Some(page.entry.bsd).filter(|bsd| *bsd != "-");
    sink("bsd", bsd.map(Value::Word).into());
    sink("linux", Value::Word(page.entry.linux));
    sink("hard", page.entry.linux.starts_with('E').then_some(page.entry.is_hard).into());
    let rows = sockets::rows(page).into_iter().map(|row| {
        let seen = |seen: sockets::Seen| match seen {
            sockets::Seen::Nothing => Value::Null,
            _ => seen.words().en.into(),
        };
        Value::Object(vec![
            ("socket", Value::Word(row.name)),
            ("bsd", row.bsd.map(seen).unwrap_or(Value::Null)),
            ("linux", seen(row.linux)),
        ])
    });
    sink("sockets", Value::Values(rows.collect()));
    let shown = words::instruments(page).into_iter().map(|(name, says)| {
        Value::Object(vec![
            ("command", Value::Word(name)),
            ("says", says.en.into()),
            ("says_zh", says.zh.into()),
        ])
    });
    sink("instruments", Value::Values(shown.collect()));
    sink("mark", words::trace_mark(page).into());
    let sources = page.sources.iter().map(|it| (*it).to_owned());
    sink("sources", Value::List(sources.collect()));
    sink("standing", Value::Word(page.entry.standing));
    sink("note", page.note.map(|(en, _)| Value::Word(en)).into());
    sink("note_zh", page.note.map(|(_, zh)| Value::Word(zh)).into());
}

/// A type and code that may be meant.
pub fn candidate(page: &Page, sink: Sink<'_>) {
    sink("type", Value::Word("candidate"));
    numbers(page, sink);
}

/// A field of a packet; packets are numbered from 1.
pub fn field(packet: usize, section: &Section, field: &Field, sink: Sink<'_>) {
    sink("type", Value::Word("field"));
    sink("packet", (packet as u64).into());
    sink("section", Value::Word(section.title.0));
    sink("section_zh", Value::Word(section.title.1));
    sink("offset", (field.offset as u64).into());
    sink("bytes", (field.bytes as u64).into());
    sink("name", Value::Word(field.name.0));
    sink("name_zh", Value::Word(field.name.1));
    sink("value", field.value.clone().into());
    sink("says", field.says.as_ref().map(|it| it.en.clone()).into());
    sink("says_zh", field.says.as_ref().map(|it| it.zh.clone()).into());
}

/// What is malformed in a packet, or what it tells as a whole (without an offset).
pub fn remark(
    packet: usize,
    kind: &'static str,
    offset: Option<usize>,
    en: &str,
    zh: &str,
    sink: Sink<'_>,
) {
    sink("type", Value::Word(kind));
    sink("packet", (packet as u64).into());
    if kind == "flaw" {
        sink("offset", offset.map(|it| it as u64).into());
    }
    sink("says", en.to_owned().into());
    sink("says_zh", zh.to_owned().into());
}

/// A line of another tool; `reading` is `None` if it says nothing that is known.
pub fn line(line: &Line<'_>, sink: Sink<'_>) {
    sink("type", Value::Word("line"));
    sink("line", (line.number as u64).into());
    sink("text", escape(line.text).into());
    let reading = line.reading.as_ref();
    sink("tool", reading.map(|it| Value::Word(it.tool)).into());
    let messages = reading.into_iter().flat_map(|it| &it.messages);
    let messages = messages.map(|(family, kind, code)| {
        Value::Object(vec![
            ("family", family.to_string().into()),
            ("icmp_type", (*kind).into()),
            ("icmp_code", (*code).into()),
        ])
    });
    sink("messages", Value::Values(messages.collect()));
    let facts = reading.into_iter().flat_map(|it| &it.facts);
    let facts = facts.map(|(name, _, value)| {
        Value::Object(vec![("name", Value::Word(name)), ("value", escape(value).into())])
    });
    sink("facts", Value::Values(facts.collect()));
    let remark = reading.and_then(|it| it.remark);
    sink("remark", remark.map(|(en, _)| Value::Word(en)).into());
    sink("remark_zh", remark.map(|(_, zh)| Value::Word(zh)).into());
}

/// An errno and what turns into it.
pub fn errno(errno: &Errno, pages: &[&Page], sink: Sink<'_>) {
    sink("type", Value::Word("errno"));
    sink("errno", Value::Word(errno.name));
    sink("number", errno.number.into());
    sink("text", Value::Word(errno.text.0));
    let messages = pages.iter().map(|page| {
        Value::Object(vec![
            ("family", page.family.to_string().into()),
            ("icmp_type", page.entry.kind.into()),
            ("icmp_code", page.entry.code.into()),
        ])
    });
    sink("messages", Value::Values(messages.collect()));
    sink("otherwise", Value::Word(errno.otherwise.0));
    sink("otherwise_zh", Value::Word(errno.otherwise.1));
}
