//! Comma-separated values (RFC 4180), with a header line. One table for events and summaries: the
//! first column tells which a row is, and fields that it does not have are empty.

use super::fields::{self, Extra, Value};
use super::{End, Event, Printer, Start, Unresolved};

/// Prints CSV.
#[derive(Debug)]
pub struct Csv {
    extra: Extra,
    is_quiet: bool,
}

impl Csv {
    /// A printer; a quiet one leaves out what became of single probes.
    pub fn new(extra: Extra, is_quiet: bool) -> Csv {
        Csv { extra, is_quiet }
    }
}

impl Printer for Csv {
    fn start(&mut self, _start: &Start<'_>, out: &mut Vec<u8>) {
        header(fields::ALL, out);
    }

    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if !self.is_quiet {
            row(fields::ALL, out, |sink| fields::event(event, self.extra, sink));
        }
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        row(fields::ALL, out, |sink| fields::unresolved(unresolved, sink));
    }

    fn summary(&mut self, end: &End<'_>, out: &mut Vec<u8>) {
        row(fields::ALL, out, |sink| fields::summary(end, self.extra, sink));
    }
}

/// Appends the header line of a table.
pub fn header(columns: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(columns.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a row of a table with these columns.
pub fn row(columns: &[&str], out: &mut Vec<u8>, fill: impl FnOnce(fields::Sink<'_>)) {
    let mut cells = vec![String::new(); columns.len()];
    let mut next = 0;
    fill(&mut |name, value| {
        // Most fields come in the order of the columns.
        let mut around = (next..columns.len()).chain(0..next);
        let column = around.find(|column| columns[*column] == name);
        let column = column.expect("every field has a column");
        cells[column] = cell(value);
        next = column + 1;
    });
    for (column, cell) in cells.iter().enumerate() {
        if column > 0 {
            out.push(b',');
        }
        out.extend_from_slice(quoted(cell).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Natural(value) => value.to_string(),
        Value::Ratio(value) => value.to_string(),
        Value::Text(text) => text,
        Value::Word(word) => word.to_owned(),
        Value::List(texts) => texts.join("; "),
        Value::Values(values) => {
            let cells: Vec<String> = values.into_iter().map(cell).collect();
            cells.join("; ")
        }
        Value::Object(fields) => {
            let given = fields.into_iter().filter(|(_, value)| *value != Value::Null);
            let pair = |(name, value)| match value {
                Value::Values(_) => format!("{name}=({})", cell(value)),
                _ => format!("{name}={}", cell(value)),
            };
            let pairs: Vec<String> = given.map(pair).collect();
            pairs.join(" ")
        }
    }
}

/// A cell as RFC 4180 §2 has it. A text that a spreadsheet would run as a formula gets an
/// apostrophe.
pub fn quoted(cell: &str) -> String {
    let cell = match cell.chars().next() {
        Some('=' | '+' | '-' | '@') if cell.parse::<f64>().is_err() => format!("'{cell}"),
        _ => cell.to_owned(),
    };
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("a\"b\n"), "\"a\"\"b\n\"");
        assert_eq!(quoted("-5"), "-5");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }

    #[test]
    fn no_field_stands_twice() {
        let mut names = fields::ALL.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields::ALL.len());
    }
}
