//! Names and standing of ICMP types and codes, from the tables in `data/`.

use crate::Family;

const V4: &str = include_str!("../data/icmp-v4.tsv");
const V6: &str = include_str!("../data/icmp-v6.tsv");

/// A type and code of ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// ICMP type.
    pub kind: u8,
    /// ICMP code; `None` if the type means the same with any.
    pub code: Option<u8>,
    /// Its name, in lower case but for proper names.
    pub name: &'static str,
    /// Whether it reports an error; if not, it asks or answers.
    pub is_error: bool,
    /// What 4.4BSD does with a received one: `kernel`, `process`, `ignore` or an errno. `-` in
    /// IPv6.
    pub bsd: &'static str,
    /// What Linux does with it, in the same words.
    pub linux: &'static str,
    /// Whether Linux's errno reaches every connected datagram socket; if not, those alone that ask
    /// for it with IP_RECVERR.
    pub is_hard: bool,
    /// `current`, `deprecated`, ..., with the document that says so.
    pub standing: &'static str,
}

/// Every entry of a family, by type and code.
pub fn entries(family: Family) -> impl Iterator<Item = Entry> {
    let table = match family {
        Family::V4 => V4,
        Family::V6 => V6,
    };
    table.lines().filter_map(entry)
}

/// The entry of a type and code.
pub fn entry_of(family: Family, kind: u8, code: u8) -> Option<Entry> {
    let fits = |entry: &Entry| entry.kind == kind && entry.code.is_none_or(|only| only == code);
    entries(family).find(fits)
}

/// Reads a row; headings and comments are none.
fn entry(row: &'static str) -> Option<Entry> {
    let mut cells = row.split('\t');
    let kind = cells.next()?.parse().ok()?;
    let code = match cells.next()? {
        "*" => None,
        code => Some(code.parse().ok()?),
    };
    Some(Entry {
        kind,
        code,
        name: cells.next()?,
        is_error: cells.next()? == "error",
        bsd: cells.next()?,
        linux: cells.next()?,
        is_hard: cells.next()? == "hard",
        standing: cells.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmp::NUMBERS;

    #[test]
    fn every_row_is_read_and_none_twice() {
        for (family, table) in [(Family::V4, V4), (Family::V6, V6)] {
            let rows = table.lines().filter(|row| !row.starts_with(['#', 't'])).count();
            let mut read: Vec<_> = entries(family).map(|e| (e.kind, e.code)).collect();
            assert_eq!(read.len(), rows);
            read.dedup();
            assert_eq!(read.len(), rows);
            assert!(read.is_sorted());
        }
    }

    #[test]
    fn every_error_with_a_meaning_has_a_name() {
        for (meaning, v4, v6) in NUMBERS {
            for (family, numbers) in [(Family::V4, v4), (Family::V6, v6)] {
                if let Some((kind, code)) = *numbers {
                    let entry = entry_of(family, kind, code);
                    assert!(entry.is_some_and(|e| e.is_error), "{meaning:?} {kind}/{code}");
                }
            }
        }
    }
}
