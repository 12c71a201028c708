//! The rules of the source tree that neither rustc nor clippy checks, one function a rule.
//!
//! An exception is a rule's name and a file; one that is no longer needed is itself a fault, so the
//! list only shrinks.

use crate::tree::{self, Source};

/// Files that a rule lets pass, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("words", "xtask/src/tidy.rs", "it names them"),
    ("paths", "xtask/src/tidy.rs", "it names some"),
    ("unsafe", "xtask/src/tidy.rs", "it names the forms"),
    ("family", "xtask/src/tidy.rs", "it names the variants"),
    ("unwrap", "xtask/src/tidy.rs", "it names the call"),
];

/// Which crates of ours a crate may depend on. Those that are not named are nobody's business here.
const ARROWS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("probe", &["wire"]),
    ("net", &["probe", "wire"]),
    ("lab", &["probe", "wire"]),
    ("cli", &["net", "lab", "probe", "wire"]),
    ("testbed", &[]),
];

/// The few files that may treat the families apart: where layouts differ, each once.
const FAMILY_FILES: &[&str] = &[
    "crates/wire/src/",
    // A kind's protocol and type numbers.
    "crates/probe/src/kind/",
    // A method's likewise.
    "crates/probe/src/method/",
    "crates/net/src/sys",
    // One table of what hosts and routers do by family.
    "crates/lab/src/rules.rs",
    // A socket filter is written against one layout.
    "crates/net/src/filter.rs",
    // What each family's numbers mean is what is explained.
    "crates/cli/src/command/explain",
    // Other tools' options and lines differ by family.
    "crates/cli/src/as_/",
    "crates/testbed/src/",
];

/// What code without input or output may not touch.
const OUTSIDE_WORLD: &[&str] = &[
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "ToSocketAddrs",
    "Instant",
    "SystemTime",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::io",
    "println!",
    "eprintln!",
];

/// What does not belong into a finished tree.
const UNFINISHED: &[&str] = &[
    "TODO",
    "FIXME",
    "XXX",
    "HACK",
    "dbg!",
    "todo!(",
    "unimplemented!(",
    "allow(dead_code)",
    "#[ignore",
    "Co-Authored-By",
];

/// Where absolute paths may begin: directories that every system has, those that tests want not to
/// be there, and those of a tree that stands in a variable before them. Any other path leads into
/// the machine that it was written on.
const ROOTS: &[&str] = &[
    "bin", "boot", "dev", "etc", "no", "nowhere", "proc", "run", "src", "sys", "tests", "usr",
    "var",
];

/// Words that say nothing about a type.
const EMPTY_NAMES: &[&str] =
    &["Manager", "Handler", "Helper", "Util", "Utils", "Context", "Data", "Info", "Impl", "Base"];

const LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;
const HEADER_LINES_MAX: usize = 12;

/// A breach of a rule.
struct Breach {
    rule: &'static str,
    path: String,
    line: usize,
    what: String,
}

type Rule = fn(&Source, &mut dyn FnMut(usize, String));

const RULES: &[(&str, Rule)] = &[
    ("arrows", arrows),
    ("outside world", outside_world),
    ("unsafe", unsafe_code),
    ("family", family),
    ("header", header),
    ("file name", file_name),
    ("lines", lines),
    ("columns", columns),
    ("words", words),
    ("paths", paths),
    ("names", names),
    ("unwrap", unwrap),
];

/// Checks the tree and prints every breach.
///
/// # Errors
/// If there is one, or an exception that nothing needs.
pub fn run() -> Result<(), String> {
    let faults = faults(&tree::sources()?, EXCEPTIONS);
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{} breaches of the rules", faults.len())) }
}

fn faults(sources: &[Source], exceptions: &[(&str, &str, &str)]) -> Vec<String> {
    let mut breaches = Vec::new();
    for &(rule, check) in RULES {
        for source in sources {
            check(source, &mut |line, what| {
                breaches.push(Breach { rule, path: source.path.clone(), line, what });
            });
        }
    }
    let excused = |breach: &&Breach| {
        exceptions.iter().any(|&(rule, path, _)| rule == breach.rule && path == breach.path)
    };
    let unneeded = exceptions.iter().filter(|&&(rule, path, _)| {
        !breaches.iter().any(|breach| breach.rule == rule && breach.path == path)
    });
    let unneeded = unneeded
        .map(|(rule, path, _)| format!("{path}: the exception from `{rule}` is not needed"));
    let inexcusable = breaches.iter().filter(|breach| !excused(breach));
    inexcusable
        .map(|b| format!("{}:{}: {}: {}", b.path, b.line, b.rule, b.what))
        .chain(unneeded)
        .collect()
}

/// The crate that a file belongs to, if it is one of those below `crates`.
fn crate_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.split('/').next()
}

fn is_rust(source: &Source) -> bool {
    source.path.ends_with(".rs")
}

/// Code that is compiled into something other than a test.
fn is_product(source: &Source) -> bool {
    let is_test = source.path.ends_with("tests.rs") || source.path.contains("/tests/");
    is_rust(source) && source.path.contains("/src/") && !is_test
}

/// The lines before the tests at the bottom, numbered from 1.
fn product_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let product = source.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    product.lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// Its code without comments, as far as a line shows them.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn arrows(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    let Some(name) = crate_of(&source.path).filter(|_| source.path.ends_with("/Cargo.toml")) else {
        return;
    };
    let Some((_, allowed)) = ARROWS.iter().find(|(listed, _)| *listed == name) else {
        return breach(1, format!("crate {name} is not on the list of arrows"));
    };
    let mut section = "";
    for (at, line) in source.text.lines().enumerate() {
        if let Some(title) = line.trim().strip_prefix('[') {
            section = title.trim_end_matches(']');
            continue;
        }
        let key = line.split(['.', '=', ' ']).next().unwrap_or_default().trim();
        let ours = key.strip_prefix("askway-").unwrap_or(key);
        let ours = if ours == "askway" { "cli" } else { ours };
        if !section.ends_with("dependencies") || !ARROWS.iter().any(|(listed, _)| *listed == ours) {
            continue;
        }
        let for_tests = section.ends_with("dev-dependencies") && ours == "testbed";
        if !for_tests && !allowed.contains(&ours) {
            breach(at + 1, format!("{name} may not depend on {ours}"));
        }
    }
}

fn outside_world(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    if !is_product(source) || !matches!(crate_of(&source.path), Some("wire" | "probe" | "lab")) {
        return;
    }
    for (at, line) in product_lines(source) {
        for word in OUTSIDE_WORLD.iter().filter(|word| has_word(code(line), word)) {
            breach(at, format!("`{word}`: no socket, clock, file, thread or printer here"));
        }
    }
}

fn unsafe_code(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    if !is_rust(source) || source.path.starts_with("crates/net/src/sys") {
        return;
    }
    for (at, line) in product_lines(source) {
        if ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|form| code(line).contains(form)) {
            breach(at, "`unsafe` stands below crates/net/src/sys only".into());
        }
    }
}

fn family(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    let allowed = FAMILY_FILES.iter().any(|listed| source.path.starts_with(listed));
    if allowed || !is_product(source) {
        return;
    }
    for (at, line) in product_lines(source) {
        if code(line).contains("Family::V") {
            breach(at, "the families are told apart in the listed files only".into());
        }
    }
}

fn header(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    if !is_rust(source) {
        return;
    }
    let count = source.text.lines().take_while(|line| line.starts_with("//!")).count();
    if count == 0 {
        breach(1, "a file begins with `//!`: what it is for".into());
    } else if count > HEADER_LINES_MAX {
        breach(1, format!("{count} lines of header; {HEADER_LINES_MAX} are enough"));
    }
}

fn file_name(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    if source.path.ends_with("/mod.rs") {
        breach(1, "a module is NAME.rs beside NAME/".into());
    }
}

fn lines(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    let count = product_lines(source).count();
    if is_product(source) && count > LINES_MAX {
        breach(count, format!("{count} lines without tests; {LINES_MAX} are enough"));
    }
}

fn columns(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    for (at, line) in source.text.lines().enumerate().filter(|_| is_rust(source)) {
        let count = line.chars().count();
        if count > COLUMNS_MAX {
            breach(at + 1, format!("{count} columns; {COLUMNS_MAX} are enough"));
        }
    }
}

fn words(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    for (at, line) in source.text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            breach(at + 1, format!("`{word}` has no place in a finished tree"));
        }
    }
}

fn paths(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    for (at, line) in source.text.lines().enumerate() {
        for root in roots(line).filter(|root| !ROOTS.contains(root)) {
            breach(at + 1, format!("`/{root}/` is no place that every machine has"));
        }
    }
}

/// The first directories of the absolute paths in a line.
fn roots(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices('/').filter_map(|(at, _)| {
        let goes_on = |c: char| c.is_alphanumeric() || "_.-+*~/>})]".contains(c);
        let begins = !line[..at].chars().next_back().is_some_and(goes_on);
        let (root, _) = line[at + 1..].split_once('/')?;
        let is_name = !root.is_empty() && root.chars().all(|c| c.is_ascii_alphanumeric());
        (begins && is_name).then_some(root)
    })
}

fn names(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    for (at, line) in source.text.lines().enumerate().filter(|_| is_rust(source)) {
        let words: Vec<&str> = code(line).split_whitespace().collect();
        for pair in words.windows(2) {
            let name = pair[1].split(|c: char| !c.is_alphanumeric() && c != '_').next();
            let name = name.unwrap_or_default();
            let is_type = matches!(pair[0], "struct" | "enum" | "trait" | "type");
            if is_type && EMPTY_NAMES.iter().any(|word| name.ends_with(word)) {
                breach(at + 1, format!("`{name}` ends in a word that says nothing"));
            }
            if pair[0] == "fn" && name.starts_with("get_") {
                breach(at + 1, format!("`{name}`: leave out `get_`"));
            }
        }
    }
}

fn unwrap(source: &Source, breach: &mut dyn FnMut(usize, String)) {
    for (at, line) in product_lines(source).filter(|_| is_product(source)) {
        if code(line).contains(".unwrap()") {
            breach(at, "say with `expect` why it cannot fail".into());
        }
    }
}

/// Whether a text contains a word, not merely a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        let starts = !joins(before) || !joins(word.chars().next());
        starts && (!joins(after) || !joins(word.chars().next_back()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_keeps_the_rules() {
        let faults = faults(&tree::sources().expect("the tree can be read"), EXCEPTIONS);
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    }

    /// The breaches that a file of that name and text has.
    fn found(path: &str, text: &str) -> Vec<String> {
        faults(&[Source { path: path.into(), text: text.into() }], &[])
    }

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        assert_eq!(found(path, text), expected);
    }

    #[test]
    fn a_missing_arrow_is_the_architecture() {
        let manifest = "[dependencies]\nwire.workspace = true\nnet.workspace = true\n";
        let path = "crates/probe/Cargo.toml";
        check(path, manifest, &["crates/probe/Cargo.toml:3: arrows: probe may not depend on net"]);
        let manifest = "[dependencies]\ntestbed.path = \"x\"\n[dev-dependencies]\ntestbed = {}\n";
        let path = "crates/net/Cargo.toml";
        check(path, manifest, &["crates/net/Cargo.toml:2: arrows: net may not depend on testbed"]);
        let path = "crates/new/Cargo.toml";
        check(
            path,
            "",
            &["crates/new/Cargo.toml:1: arrows: crate new is not on the list of arrows"],
        );
    }

    #[test]
    fn every_other_rule_finds_its_breach() {
        let long = format!("//! x\n{}", "//\n".repeat(900));
        let wide = format!("//! {}", "x".repeat(100));
        for (path, text, rule) in [
            ("crates/wire/src/a.rs", "//! x\nuse std::net::UdpSocket;", "outside world"),
            ("crates/cli/src/a.rs", "//! x\nfn f() { unsafe { g() } }", "unsafe"),
            ("crates/cli/src/a.rs", "//! x\nlet f = Family::V4;", "family"),
            ("crates/cli/src/a.rs", "fn f() {}", "header"),
            ("crates/cli/src/a/mod.rs", "//! x", "file name"),
            ("crates/cli/src/a.rs", long.as_str(), "lines"),
            ("crates/cli/src/a.rs", wide.as_str(), "columns"),
            ("docs/a.md", "TODO: write", "words"),
            ("docs/a.md", "cd /elsewhere/askway", "paths"),
            ("crates/cli/src/a.rs", "//! x\nstruct ReplyHandler;", "names"),
            ("crates/cli/src/a.rs", "//! x\nfn get_it() {}", "names"),
            ("crates/cli/src/a.rs", "//! x\nlet a = b.unwrap();", "unwrap"),
        ] {
            let found = found(path, text);
            let [only] = found.as_slice() else { panic!("{rule}: {found:?}") };
            assert!(only.contains(&format!(": {rule}: ")), "{rule}: {only}");
        }
    }

    #[test]
    fn tests_at_the_bottom_may_do_more() {
        let text =
            "//! x\n#[cfg(test)]\nmod tests {\n    let a = b.unwrap(); let f = Family::V4;\n}\n";
        check("crates/cli/src/a.rs", text, &[]);
    }

    #[test]
    fn an_exception_excuses_and_must_be_needed() {
        let source = || Source { path: "a.md".into(), text: "FIXME".into() };
        assert_eq!(faults(&[source()], &[("words", "a.md", "")]), Vec::<String>::new());
        let unneeded = faults(&[source()], &[("words", "a.md", ""), ("lines", "a.md", "")]);
        assert_eq!(unneeded, ["a.md: the exception from `lines` is not needed"]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use std::fs;", "std::fs") && !has_word("std::fsx", "std::fs"));
        assert!(!has_word("Instantly", "Instant") && has_word("a TODO", "TODO"));
    }

    #[test]
    fn a_path_of_a_machine_is_known_by_its_first_directory() {
        let of = |line| roots(line).collect::<Vec<_>>();
        assert_eq!(of("see `/here/x`, (/dev/null) and file:/there/y"), ["here", "dev", "there"]);
        assert_eq!(of("crates/net/src, ../a/b, https://c.d/e/f and 1/2/3"), [""; 0]);
    }
}
