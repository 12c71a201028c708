//! Traced roads as plain text to paste into a mail or a ticket: ASCII, English, without colour, and
//! with everything on top that a reader elsewhere does not know.

use super::facts::Facts;
use super::human::Human;
use super::{Page, Printer, Road, Totals};
use crate::lang::Language;
use crate::print::Unresolved;
use probe::trace::{Graph, Hop, Verdict};

/// Prints plain text.
#[derive(Debug)]
pub struct Text {
    human: Human,
    /// When, where and how: a line each.
    top: Vec<String>,
}

impl Text {
    /// A printer with these lines on top.
    pub fn new(top: Vec<String>, is_quiet: bool) -> Text {
        Text { human: Human::new(Language::English, false, is_quiet), top }
    }
}

impl Printer for Text {
    fn start(&mut self, out: &mut Vec<u8>) {
        for line in &self.top {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        out.push(b'\n');
        plain(out);
    }

    fn mixes_roads(&self) -> bool {
        false
    }

    fn separate(&mut self, out: &mut Vec<u8>) {
        self.human.separate(out);
    }

    fn begin(&mut self, road: &Road<'_>, page: &mut Page) {
        self.human.begin(road, page);
        plain(&mut page.text);
    }

    fn hop(&mut self, road: &Road<'_>, hop: &Hop, facts: &Facts, page: &mut Page) {
        self.human.hop(road, hop, facts, page);
        plain(&mut page.text);
    }

    fn graph(&mut self, road: &Road<'_>, graph: &Graph, page: &mut Page) {
        self.human.graph(road, graph, page);
        plain(&mut page.text);
    }

    fn verdict(&mut self, road: &Road<'_>, verdict: &Verdict, page: &mut Page) {
        self.human.verdict(road, verdict, page);
        plain(&mut page.text);
    }

    fn unresolved(&mut self, unresolved: &Unresolved<'_>, out: &mut Vec<u8>) {
        self.human.unresolved(unresolved, out);
        plain(out);
    }

    fn finish(&mut self, totals: &Totals, out: &mut Vec<u8>) {
        self.human.finish(totals, out);
        plain(out);
    }
}

/// Writes whatever is not ASCII as `\u{..}`.
fn plain(text: &mut Vec<u8>) {
    if text.is_ascii() {
        return;
    }
    let escaped: String = String::from_utf8_lossy(text)
        .chars()
        .map(|it| if it.is_ascii() { it.to_string() } else { it.escape_unicode().to_string() })
        .collect();
    *text = escaped.into_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascii_is_left() {
        let mut text = "r\u{e9}seau 1\n".as_bytes().to_vec();
        plain(&mut text);
        assert_eq!(text, b"r\\u{e9}seau 1\n");
    }
}
