//! All that is known of each type and code: the numbers of wire's catalogue, and the words of
//! `data/`.

use super::both::Pair;
use std::sync::OnceLock;
use wire::Family;
use wire::catalogue::{self, Entry};
use wire::icmp::Meaning;

const V4: &str = include_str!("../../../data/icmp-v4.txt");
const V6: &str = include_str!("../../../data/icmp-v6.txt");

/// What is known of a type and code.
#[derive(Clone, Debug)]
pub struct Page {
    /// The family.
    pub family: Family,
    /// Numbers, name and dispositions.
    pub entry: Entry,
    /// Its name in Chinese.
    pub name_zh: &'static str,
    /// Where it is laid down, with sections.
    pub sources: Vec<&'static str>,
    /// What causes it, or what it is for.
    pub cause: Pair,
    /// Where systems differ from the standard or from each other.
    pub note: Option<Pair>,
}

impl Page {
    /// `ICMP 3/3`, `ICMPv6 138/*`.
    pub fn label(&self) -> String {
        let protocol = protocol(self.family);
        match self.entry.code {
            Some(code) => format!("{protocol} {}/{code}", self.entry.kind),
            None => format!("{protocol} {}/*", self.entry.kind),
        }
    }

    /// The code; 0 where the type has any.
    pub fn code(&self) -> u8 {
        self.entry.code.unwrap_or(0)
    }

    /// What it says, if it is an error with a meaning of its own.
    pub fn meaning(&self) -> Option<Meaning> {
        let meaning = Meaning::of(self.family, self.entry.kind, self.code());
        (meaning != Meaning::Unnamed).then_some(meaning)
    }
}

/// The protocol as people call it.
pub fn protocol(family: Family) -> &'static str {
    match family {
        Family::V4 => "ICMP",
        Family::V6 => "ICMPv6",
    }
}

/// Every page, IPv4 first, by type and code.
pub fn pages() -> &'static [Page] {
    static PAGES: OnceLock<Vec<Page>> = OnceLock::new();
    PAGES.get_or_init(|| Family::ALL.into_iter().flat_map(of_family).collect())
}

/// The page of a type and code.
pub fn page(family: Family, kind: u8, code: u8) -> Option<&'static Page> {
    let fits = |page: &&Page| page.entry.code.is_none_or(|only| only == code);
    pages_of(family, kind).find(fits)
}

/// The pages of all codes of a type.
pub fn pages_of(family: Family, kind: u8) -> impl Iterator<Item = &'static Page> {
    pages().iter().filter(move |page| page.family == family && page.entry.kind == kind)
}

fn of_family(family: Family) -> Vec<Page> {
    let text = match family {
        Family::V4 => V4,
        Family::V6 => V6,
    };
    let blocks: Vec<&'static str> = text.split("\n\n").collect();
    let entries = catalogue::entries(family);
    entries.filter_map(|entry| page_of(family, entry, &blocks)).collect()
}

fn page_of(family: Family, entry: Entry, blocks: &[&'static str]) -> Option<Page> {
    let numbers = match entry.code {
        Some(code) => format!("{}/{code} |", entry.kind),
        None => format!("{}/* |", entry.kind),
    };
    let block = blocks.iter().find(|block| block.starts_with(&numbers))?;
    let mut lines = block.lines();
    let mut head = lines.next()?.splitn(3, " | ").skip(1);
    let name_zh = head.next()?;
    let sources = head.next()?.split("; ").collect();
    let value = |mark: &str| block.lines().find_map(|line| line.strip_prefix(mark));
    let note = value("note: ").zip(value("注: "));
    Some(Page { family, entry, name_zh, sources, cause: (value("en: ")?, value("zh: ")?), note })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_words_and_no_words_are_left_over() {
        for (family, text) in [(Family::V4, V4), (Family::V6, V6)] {
            let numbers = catalogue::entries(family).count();
            let blocks = text.split("\n\n").filter(|block| !block.starts_with('#')).count();
            assert_eq!(pages().iter().filter(|page| page.family == family).count(), numbers);
            assert_eq!(blocks, numbers, "{family}");
        }
    }

    #[test]
    fn every_page_is_complete_in_both_languages() {
        for page in pages() {
            let label = page.label();
            for (english, chinese) in std::iter::once(page.cause).chain(page.note) {
                assert!(english.len() > 20 && english.ends_with('.'), "{label}: {english}");
                assert!(chinese.chars().count() > 6 && chinese.ends_with('。'), "{label}");
                assert!(english.is_ascii() || english.contains('§'), "{label}: {english}");
            }
            assert!(!page.name_zh.is_ascii() || page.entry.name == "SKIP");
            assert!(page.sources.iter().all(|it| it.starts_with("RFC ")), "{label}");
            assert!(!page.entry.linux.is_empty() && !page.entry.bsd.is_empty(), "{label}");
        }
    }

    #[test]
    fn a_note_stands_in_both_languages_or_in_none() {
        for block in V4.split("\n\n").chain(V6.split("\n\n")) {
            let has = |mark: &str| block.lines().any(|line| line.starts_with(mark));
            assert_eq!(has("note: "), has("注: "), "{block}");
        }
    }
}
