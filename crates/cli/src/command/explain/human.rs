//! Explanations for people, in English and in Chinese.

use super::Line;
use super::book::Page;
use super::both::{Both, Pair};
use super::dissect::Dissection;
use super::errno::Errno;
use super::sockets::{self, bsd_disposition, disposition};
use super::words;
use crate::escape::escape;
use crate::lang::Language;
use crate::print::human::{Colour, columns};
use std::fmt::Write as _;

/// Columns of a page.
const WIDTH: usize = 100;

/// Columns of the labels at its left.
const LABELS: usize = 10;

/// Writes for people.
#[derive(Debug)]
pub struct Human {
    language: Language,
    is_coloured: bool,
    /// What is written so far.
    pub text: String,
}

impl Human {
    /// A writer with nothing written.
    pub fn new(language: Language, is_coloured: bool) -> Human {
        Human { language, is_coloured, text: String::new() }
    }

    fn pick(&self, (english, chinese): Pair) -> &'static str {
        self.language.pick(english, chinese)
    }

    fn both<'a>(&self, both: &'a Both) -> &'a str {
        self.language.pick(&both.en, &both.zh)
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.is_coloured { colour.paint(text) } else { text.to_owned() }
    }

    fn name(&self, page: &Page) -> &'static str {
        self.pick((page.entry.name, page.name_zh))
    }

    fn class(&self, page: &Page) -> &'static str {
        match page.entry.is_error {
            true => self.pick(("error", "差错")),
            false => self.pick(("query", "查询")),
        }
    }

    /// An empty line, but not at the start.
    pub fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// A label and a text that is broken into lines.
    fn labelled(&mut self, label: &str, text: &str) {
        let mut label = pad(label, LABELS);
        for line in broken(text, WIDTH - LABELS - 2) {
            self.line(&format!("  {label}{line}"));
            label = " ".repeat(LABELS);
        }
    }

    /// Types and codes, a line each: name, class, what Linux does, and how it stands today unless
    /// it is current.
    pub fn table(&mut self, pages: &[&Page]) {
        let widest = pages.iter().map(|page| columns(self.name(page))).max().unwrap_or(0).min(58);
        let linux = |page: &Page| disposition(page.entry.linux, page.entry.is_hard);
        let middle = pages.iter().map(|page| columns(self.both(&linux(page)))).max().unwrap_or(0);
        for page in pages {
            let is_current = page.entry.standing.starts_with("current");
            let standing = words::standing(page);
            let line = format!(
                "{}  {}  {}  {}  {}",
                pad(&page.label(), 13),
                pad(self.name(page), widest),
                pad(self.class(page), 5),
                pad(self.both(&linux(page)), middle),
                if is_current { "" } else { self.both(&standing) },
            );
            self.line(line.trim_end());
        }
    }

    /// Types and codes that may be meant.
    pub fn candidates(&mut self, pages: &[&Page]) {
        let head = self.pick(("this may be any of:", "可能是其中之一："));
        self.line(head);
        self.table(pages);
    }

    /// All that is known of a type and code.
    pub fn page(&mut self, page: &Page) {
        self.separate();
        let head = format!("{}  {}", page.label(), self.name(page));
        let head = self.paint(Colour::Bold, &head);
        let class = self.class(page);
        let head = match self.language {
            Language::English => format!("{head} ({class})"),
            Language::Chinese => format!("{head}（{class}）"),
        };
        self.line(&head);
        let cause = if page.entry.is_error { ("cause", "原因") } else { ("purpose", "用途") };
        self.labelled(self.pick(cause), self.pick(page.cause));
        if page.entry.is_error {
            let quote = words::quote(page);
            self.labelled(self.pick(("quotes", "引用")), &quote_of(&quote, self.language));
        }
        self.reactions(page);
        let mut label = self.pick(("shown by", "工具"));
        for (name, says) in words::instruments(page) {
            self.labelled(label, &format!("askway {}  {}", pad(name, 8), self.both(&says)));
            label = "";
        }
        if let Some(note) = page.note {
            self.labelled(self.pick(("note", "注意")), self.pick(note));
        }
        self.labelled(self.pick(("source", "出处")), &page.sources.join(", "));
        let standing = words::standing(page);
        self.labelled(self.pick(("standing", "现状")), &quote_of(&standing, self.language));
    }

    /// What 4.4BSD does beside what Linux does.
    fn reactions(&mut self, page: &Page) {
        let has_bsd = page.entry.bsd != "-";
        let linux = disposition(page.entry.linux, page.entry.is_hard);
        let bsd = bsd_disposition(page.entry.bsd);
        let mut rows = vec![(
            self.pick(("the kernel", "内核")),
            self.both(&bsd).to_owned(),
            self.both(&linux).to_owned(),
        )];
        for row in sockets::rows(page) {
            let seen = |seen: sockets::Seen| quote_of(&seen.words(), self.language);
            let none = self.pick(("none of these", "没有这种"));
            let old = row.bsd.map_or(none.to_owned(), seen);
            let old = if has_bsd { old } else { String::new() };
            rows.push((self.pick(row.socket), old, seen(row.linux)));
        }
        let widest = rows.iter().map(|(socket, ..)| columns(socket)).max().unwrap_or(0) + 2;
        let middle = rows.iter().map(|(_, old, _)| columns(old)).max().unwrap_or(0).max(6) + 2;
        let label = pad(self.pick(("kernels", "内核")), LABELS);
        self.line(&format!("  {label}{}{}Linux", pad("", widest), pad("4.4BSD", middle)));
        for (socket, old, new) in rows {
            let line =
                format!("{}{}{}{new}", pad("", LABELS + 2), pad(socket, widest), pad(&old, middle));
            self.line(line.trim_end());
        }
    }

    /// A packet field by field, then what is wrong with it and what it tells.
    pub fn packet(&mut self, packet: &Dissection, dump: Option<&Both>) {
        for section in &packet.sections {
            let title = self.paint(Colour::Bold, self.pick(section.title));
            self.line(&title);
            let names = section.fields.iter().map(|field| columns(self.pick(field.name)));
            let names = names.max().unwrap_or(0) + 2;
            let values = section.fields.iter().map(|field| columns(&field.value));
            let values = values.max().unwrap_or(0).min(40) + 2;
            for field in &section.fields {
                let last = field.offset + field.bytes.max(1) - 1;
                let place = match field.bytes {
                    0 | 1 => format!("{}", field.offset),
                    _ => format!("{}-{last}", field.offset),
                };
                let says = field.says.as_ref().map_or("", |says| self.both(says));
                let line = format!(
                    "  {}{}{}{says}",
                    pad(&place, 9),
                    pad(self.pick(field.name), names),
                    pad(&field.value, values),
                );
                self.line(line.trim_end());
            }
        }
        let flaws = packet.flaws.iter().map(|flaw| (Some(flaw.offset), &flaw.what));
        for (offset, what) in flaws.chain(dump.map(|what| (None, what))) {
            let line = match (offset, self.language) {
                (Some(at), Language::English) => format!("malformed at byte {at}: {}", what.en),
                (Some(at), Language::Chinese) => format!("第 {at} 字节有错：{}", what.zh),
                (None, Language::English) => format!("malformed: {}", what.en),
                (None, Language::Chinese) => format!("有错：{}", what.zh),
            };
            let line = self.paint(Colour::Red, &line);
            self.line(&line);
        }
        for told in &packet.told {
            let line = self.both(told).to_owned();
            self.line(&line);
        }
    }

    /// A line of another tool, and what it says.
    pub fn pasted(&mut self, line: &Line<'_>) {
        self.separate();
        let text = self.paint(Colour::Bold, &escape(line.text));
        self.line(&text);
        let Some(reading) = &line.reading else {
            let text = self.pick(("nothing is known of this line", "不认识这一行"));
            let text = self.paint(Colour::Yellow, text);
            self.labelled("", &text);
            return;
        };
        for (_, label, value) in &reading.facts {
            let label = self.pick(*label);
            let _ = writeln!(self.text, "  {label}: {}", escape(value));
        }
        for (family, kind, code) in &reading.messages {
            if super::book::page(*family, *kind, *code).is_none() {
                let protocol = super::book::protocol(*family);
                let is = self.pick(("is assigned to nothing", "没有定义"));
                let _ = writeln!(self.text, "  {protocol} {kind}/{code} {is}");
            }
        }
        if let Some(remark) = reading.remark {
            self.labelled(self.pick(("note", "注意")), self.pick(remark));
        }
    }

    /// An errno, and the messages that turn into it.
    pub fn errno(&mut self, errno: &Errno, pages: &[&Page]) {
        self.separate();
        let head = format!("{} ({}): {}", errno.name, errno.number, self.pick(errno.text));
        let head = self.paint(Colour::Bold, &head);
        self.line(&head);
        let without = self.pick(("no ICMP", "与ICMP无关"));
        self.labelled(without, self.pick(errno.otherwise));
        if !pages.is_empty() {
            let head =
                self.pick(("messages that Linux turns into it:", "Linux会把这些报文变成它："));
            self.line(head);
            self.table(pages);
        }
    }
}

/// The text of a language, owned.
fn quote_of(both: &Both, language: Language) -> String {
    language.pick(&both.en, &both.zh).clone()
}

/// A text filled up with spaces to a number of columns.
fn pad(text: &str, width: usize) -> String {
    let spaces = width.saturating_sub(columns(text));
    format!("{text}{}", " ".repeat(spaces))
}

/// A text in lines of at most so many columns: broken at spaces, and between wide characters.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for piece in pieces(text) {
        let size = columns(piece);
        let is_closing = piece.starts_with(['，', '。', '、', '：', '；', '）', '”', ' ']);
        if used > 0 && used + size > width && !is_closing {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut().filter(|_| used > 0 || piece != " ") {
            line.push_str(piece);
            used += size;
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The pieces between which a line may end: words, spaces, wide characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_word = |c: char| c != ' ' && columns(c.encode_utf8(&mut [0; 4])) == 1;
        let end = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            // What opens a bracket stays with what follows.
            false if first == '（' || first == '“' => {
                let inner = &rest[first.len_utf8()..];
                let end = inner.find(|c| !is_word(c)).unwrap_or(inner.len());
                first.len_utf8() + end.max(inner.chars().next().map_or(0, char::len_utf8))
            }
            false => first.len_utf8(),
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::explain::book::pages;

    #[test]
    fn every_page_is_shown_whole_in_both_languages() {
        for language in [Language::English, Language::Chinese] {
            for page in pages() {
                let mut human = Human::new(language, false);
                human.page(page);
                let text = &human.text;
                assert!(text.lines().all(|line| columns(line) <= 120), "{text}");
                let labels = language.pick(
                    ["4.4BSD", "Linux", "source", "standing", "the kernel"],
                    ["4.4BSD", "Linux", "出处", "现状", "内核"],
                );
                for label in labels {
                    assert!(text.contains(label), "{label}: {text}");
                }
                assert!(text.contains(&page.label()) && text.contains("RFC "), "{text}");
                assert!(!text.contains('\x1b'));
            }
        }
    }

    #[test]
    fn lines_are_broken_where_they_may() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("一二三四，五", 8), ["一二三四，", "五"]);
        assert_eq!(broken("", 8), [""]);
    }
}
