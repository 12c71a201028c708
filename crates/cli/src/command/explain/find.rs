//! Types and codes by name, in English or Chinese: exactly, by words, and what comes near.

use super::book::{Page, pages};
use crate::meaning;
use wire::Family;

/// What a name stands for.
#[derive(Debug)]
pub enum Found {
    /// These pages: one, or the same in both families.
    Pages(Vec<&'static Page>),
    /// Any of these.
    Candidates(Vec<&'static Page>),
    /// None; these come nearest.
    Nearest(Vec<&'static Page>),
}

/// Other words for types and codes: what people call them.
const ALIASES: &[(&str, &[&str])] = &[
    ("time to live exceeded in transit", &["ttl exceeded", "ttl expired", "hop limit exceeded"]),
    ("hop limit exceeded in transit", &["ttl exceeded", "ttl expired", "hop limit exceeded"]),
    ("fragmentation needed and DF set", &["need to frag", "packet too big", "pmtu", "路径mtu"]),
    ("packet too big", &["need to frag", "fragmentation needed", "pmtu", "路径mtu"]),
    ("no route to destination", &["network unreachable"]),
    ("address unreachable", &["host unreachable", "主机不可达"]),
    (
        "communication administratively prohibited by filtering",
        &["admin prohibited", "communication prohibited", "firewall", "防火墙"],
    ),
    (
        "communication administratively prohibited",
        &["admin prohibited", "communication prohibited", "firewall", "防火墙"],
    ),
    ("echo request", &["ping"]),
    ("echo reply", &["ping reply", "pong"]),
    ("extended echo request", &["probe"]),
    ("neighbour solicitation", &["neighbor solicitation"]),
    ("neighbour advertisement", &["neighbor advertisement"]),
    ("inverse neighbour discovery solicitation", &["inverse neighbor discovery solicitation"]),
    ("inverse neighbour discovery advertisement", &["inverse neighbor discovery advertisement"]),
    ("host unreachable for TOS", &["host unreachable for type of service"]),
    ("network unreachable for TOS", &["network unreachable for type of service"]),
    ("network unreachable", &["net unreachable"]),
    ("IP header bad", &["parameter problem"]),
    ("erroneous header field", &["parameter problem"]),
];

/// At most so many candidates are shown.
const MOST: usize = 24;

/// Looks a name up, in one family or in both.
pub fn find(name: &str, family: Option<Family>) -> Found {
    let wanted = plain(name);
    let open = || pages().iter().filter(|page| family.is_none_or(|only| only == page.family));
    let exact: Vec<&Page> = open().filter(|page| names(page).contains(&wanted)).collect();
    if !exact.is_empty() {
        // More than one in a family: the name is of several codes.
        let once = |family| exact.iter().filter(|page| page.family == family).count() <= 1;
        return match Family::ALL.into_iter().all(once) {
            true => Found::Pages(exact),
            false => Found::Candidates(exact),
        };
    }
    let words: Vec<&str> = wanted.split(' ').filter(|word| !word.is_empty()).collect();
    let mut fitting: Vec<&Page> =
        open().filter(|page| names(page).iter().any(|name| has_words(name, &words))).collect();
    if !words.is_empty() && !fitting.is_empty() {
        fitting.truncate(MOST);
        return if says_one_thing(&fitting) {
            Found::Pages(fitting)
        } else {
            Found::Candidates(fitting)
        };
    }
    let likeness =
        |page: &&Page| names(page).iter().map(|it| alike(it, &wanted)).max().unwrap_or(0);
    let mut near: Vec<(u32, &Page)> = open().map(|page| (likeness(&page), page)).collect();
    near.sort_by_key(|(likeness, _)| std::cmp::Reverse(*likeness));
    near.truncate(3);
    near.retain(|(likeness, _)| *likeness >= 250);
    Found::Nearest(near.into_iter().map(|(_, page)| page).collect())
}

/// Whether pages are one, or the same in both families.
fn says_one_thing(pages: &[&Page]) -> bool {
    let same = |a: &Page, b: &Page| {
        a.family != b.family
            && (a.entry.name == b.entry.name || a.meaning().is_some() && a.meaning() == b.meaning())
    };
    match pages {
        [_] => true,
        [a, b] => same(a, b),
        _ => false,
    }
}

/// What a page goes by.
fn names(page: &Page) -> Vec<String> {
    let mut names = vec![plain(page.entry.name), plain(page.name_zh)];
    // `源站被关闭（源站抑制）` goes by both.
    names.extend(page.name_zh.split(['（', '）']).map(plain).filter(|name| !name.is_empty()));
    if let Some(meaning) = page.meaning() {
        names.push(meaning::name(meaning).replace('_', " "));
        names.push(plain(meaning::phrase(meaning, crate::lang::Language::Chinese)));
    }
    let aliases = ALIASES.iter().filter(|(name, _)| *name == page.entry.name);
    names.extend(aliases.flat_map(|(_, others)| others.iter().map(|other| plain(other))));
    names
}

/// Lower case, one space between words, no punctuation.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let is_apart = |c: char| c.is_whitespace() || "-_,.;:：，。/\"'()（）".contains(c);
    let words: Vec<&str> = lower.split(is_apart).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Whether every word stands in a name: whole, begun, or with a slip of the pen.
fn has_words(name: &str, words: &[&str]) -> bool {
    words.iter().all(|word| {
        if !word.is_ascii() {
            return name.contains(word);
        }
        name.split(' ').any(|known| {
            let slips = if word.len() >= 7 { 2 } else { usize::from(word.len() >= 4) };
            known == *word
                || word.len() >= 3 && known.starts_with(word)
                || known.is_ascii() && slips > 0 && distance(word, known) <= slips
        })
    })
}

/// How alike two texts are, in thousandths: the pairs of characters that they share (Dice).
fn alike(a: &str, b: &str) -> u32 {
    let pairs = |text: &str| -> Vec<(char, char)> {
        let characters: Vec<char> = text.chars().take(128).collect();
        characters.windows(2).map(|pair| (pair[0], pair[1])).collect()
    };
    let (a, mut b) = (pairs(a), pairs(b));
    let total = a.len() + b.len();
    let mut shared = 0_usize;
    for pair in a {
        if let Some(at) = b.iter().position(|other| *other == pair) {
            b.swap_remove(at);
            shared += 1;
        }
    }
    (shared * 2_000).checked_div(total).unwrap_or(0) as u32
}

/// How many bytes must be added, dropped or changed to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > 2 || a.len() > 32 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pages: &[&Page]) -> Vec<String> {
        pages.iter().map(|page| page.label()).collect()
    }

    #[track_caller]
    fn exact(name: &str, wanted: &[&str]) {
        match find(name, None) {
            Found::Pages(pages) => assert_eq!(labels(&pages), wanted, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn names_are_found_whatever_their_case_and_language() {
        exact("port unreachable", &["ICMP 3/3", "ICMPv6 1/4"]);
        exact("Port  UNREACHABLE", &["ICMP 3/3", "ICMPv6 1/4"]);
        exact("端口不可达", &["ICMP 3/3", "ICMPv6 1/4"]);
        exact("port unreachble", &["ICMP 3/3", "ICMPv6 1/4"]);
        exact("source quench", &["ICMP 4/0"]);
        exact("源站抑制", &["ICMP 4/0"]);
        exact("beyond scope", &["ICMPv6 1/2"]);
        exact("ttl expired", &["ICMP 11/0", "ICMPv6 3/0"]);
    }

    #[test]
    fn what_fits_several_is_a_choice() {
        let Found::Candidates(pages) = find("unreachable", None) else { panic!("several fit") };
        assert!(pages.len() > 5, "{:?}", labels(&pages));
        let Found::Candidates(pages) = find("不可达", None) else { panic!("several fit") };
        assert!(pages.len() > 5, "{:?}", labels(&pages));
    }

    #[test]
    fn what_fits_none_has_neighbours_or_not() {
        let Found::Nearest(pages) = find("sorce quenchingly", None) else { panic!("none fits") };
        assert_eq!(labels(&pages)[0], "ICMP 4/0");
        let Found::Nearest(pages) = find("zzzzqqqq", None) else { panic!("none fits") };
        assert!(pages.is_empty());
    }
}
