//! What mtr's report prints, line by line. What differs: what a reply limit ate is no loss, and
//! whatever else must be known stands at the end of its line, or of the report.

use super::book::{Book, Who};
use super::fields::Field;
use super::notes;
use crate::lang::Language;
use crate::print::human::columns;
use crate::print::trace::words::Words;
use net::local_time::{self, LocalTime};
use probe::trace::End;
use probe::trace::ledger::{HopSummary, Responder};
use std::fmt::Write;
use std::net::IpAddr;

/// How wide numbers and names are together, if names are cut.
const NAMES_WIDTH: usize = 33;

/// How a report looks.
#[derive(Clone, Debug)]
pub struct Style {
    /// The columns.
    pub fields: Vec<&'static Field>,
    /// Names are not cut.
    pub is_wide: bool,
    /// How hops are shown.
    pub who: Who,
    /// Hops with the numbers of their autonomous systems.
    pub has_systems: bool,
    /// Each loss with between what and what the true one lies.
    pub intervals: bool,
    /// The language of notes.
    pub language: Language,
}

/// A line of the table before its columns are put together.
struct Row<'a> {
    summary: HopSummary,
    name: String,
    responders: Vec<&'a Responder>,
}

/// The report about one road.
pub fn report(book: &Book, index: usize, style: &Style) -> String {
    let rows = rows(book, index, style);
    let names = rows.iter().map(|row| columns(&row.name)).chain([columns(&book.host)]);
    let widest = names.max().unwrap_or(0);
    let mut text = format!("Start: {}\n", start(book));
    let heading = match style.is_wide {
        true => {
            format!("HOST: {}", padded(&book.host, lead(book, None, 1, style).len() - 6 + widest))
        }
        false => cut(&format!("HOST: {}", book.host), NAMES_WIDTH),
    };
    let titles: String = style.fields.iter().map(|field| field.fit(field.title)).collect();
    let _ = writeln!(text, "{heading}{titles}");
    for row in &rows {
        line(book, row, style, widest, &mut text);
    }
    let is_reached = book.roads[index].is_reached();
    if let Some(verdict) = book.verdict(index).filter(|_| !is_reached) {
        let who = |address: IpAddr| book.who(address, style.who);
        let last =
            rows.iter().rev().find_map(|it| it.summary.latest.map(|at| (it.summary.hop, at)));
        let said = Words(style.language).verdict(&book.road(index), &verdict, last, &who);
        // What refused is said at its hop.
        if !matches!(verdict.end, End::Refused { .. }) {
            let _ = writeln!(text, "     {said}");
        }
    }
    text
}

fn rows<'a>(book: &'a Book, index: usize, style: &Style) -> Vec<Row<'a>> {
    let road = &book.roads[index];
    book.summaries(index)
        .into_iter()
        .map(|summary| {
            let name = summary.latest.map(|address| book.who(address, style.who));
            let responders = road.ledger.responders(summary.hop);
            Row { summary, name: name.unwrap_or_else(|| "???".to_owned()), responders }
        })
        .collect()
}

fn line(book: &Book, row: &Row<'_>, style: &Style, widest: usize, text: &mut String) {
    let Row { summary, name, responders } = row;
    let lead = lead(book, summary.latest, summary.hop, style);
    let lead = match style.is_wide {
        true => format!("{lead}{}", padded(name, widest)),
        false => cut(&format!("{lead}{name}"), NAMES_WIDTH),
    };
    let cells: String = style.fields.iter().map(|it| it.fit(&(it.cell)(summary))).collect();
    let _ = write!(text, "{lead}{cells}");
    for note in notes::notes(summary, responders, style.intervals, style.language) {
        let _ = write!(text, "  {note}");
    }
    text.push('\n');
    for responder in responders.iter().filter(|it| Some(it.from) != summary.latest) {
        let _ = writeln!(text, "    |  `|-- {}", book.who(responder.from, style.who));
    }
    for extension in responders.iter().flat_map(|responder| &responder.extensions) {
        let _ = writeln!(text, "    |   +-- [{}]", Words(style.language).extension(extension));
    }
}

/// What stands before a name: the number of the hop, and the number of its system.
fn lead(book: &Book, latest: Option<IpAddr>, hop: u8, style: &Style) -> String {
    match style.has_systems {
        true => format!("{hop:3}. {}", book.system(latest)),
        false => format!("{hop:3}.|-- "),
    }
}

/// `text`, filled up or cut to that many columns.
pub fn cut(text: &str, width: usize) -> String {
    let mut taken = 0;
    let fits = |character: &char| {
        taken += columns(character.encode_utf8(&mut [0; 4]));
        taken <= width
    };
    padded(&text.chars().take_while(fits).collect::<String>(), width)
}

/// `text`, filled up to that many columns.
pub fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(missing))
}

/// When the figures begin, as ISO 8601 has it: local time with its distance from UTC.
fn start(book: &Book) -> String {
    let ns = book.epoch_ns + i128::from(book.since.0);
    let seconds = i64::try_from(ns.div_euclid(1_000_000_000)).unwrap_or_default();
    if book.utc {
        let text = crate::wall::with_fraction(ns, 1);
        return format!("{}+0000", &text[..text.len() - ".0Z".len()]);
    }
    let LocalTime { year, month, day, hour, minute, second, ahead_of_utc_s, .. } =
        local_time::at(seconds);
    let sign = if ahead_of_utc_s < 0 { '-' } else { '+' };
    let minutes = ahead_of_utc_s.unsigned_abs() / 60;
    let (ahead_h, ahead_m) = (minutes / 60, minutes % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}\
         {sign}{ahead_h:02}{ahead_m:02}"
    )
}
