//! The manual: what its pages say that a command prints, it prints. In a block, `$ ` begins a
//! command line; what follows is all that it prints, and ends before the next one. Links lead
//! somewhere.

use super::{root, said, shell};
use std::fs;
use std::path::PathBuf;

/// Every page that people write, but decisions, which are not rewritten.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "README.zh.md", "ARCHITECTURE.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    let docs = fs::read_dir(root().join("docs")).expect("the manual");
    pages.extend(docs.map(|entry| entry.expect("readable").path()));
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort();
    pages
}

/// A command line of a page, and what stands below it.
struct Shown {
    line: String,
    output: String,
}

/// The command lines of a page that stand with what they print.
fn shown(page: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for block in page.split("```").skip(1).step_by(2) {
        let mut is_shown = false;
        for line in block.lines().skip(1) {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(line), _) => {
                    is_shown = true;
                    found.push(Shown { line: line.to_owned(), output: String::new() });
                }
                (None, Some(shown)) if is_shown => shown.output += &format!("{line}\n"),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn commands_print_what_pages_show() {
    let mut wrong = String::new();
    let mut ran = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("readable");
        for Shown { line, output } in shown(&page) {
            let got = said(&shell(&line, &root()));
            let got: String = got.lines().map(|line| format!("{}\n", line.trim_end())).collect();
            if got.trim_end() != output.trim_end() {
                let name = path.strip_prefix(root()).expect("below the root").display();
                wrong += &format!("{name}: {line}\n{got}\n");
            }
            ran += 1;
        }
    }
    assert!(wrong.is_empty(), "pages do not show what is printed now:\n{wrong}");
    assert!(ran > 20, "{ran} command lines");
}

/// The name that a heading is linked to by, as GitHub and others make it.
fn anchor(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = plain.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut followed = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("readable");
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, name) = link.split_once('#').unwrap_or((link, ""));
            let there = match file {
                "" => path.clone(),
                file => path.parent().expect("a folder").join(file),
            };
            assert!(there.exists(), "{}: {link}", path.display());
            if !name.is_empty() {
                let text = fs::read_to_string(&there).expect("readable");
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let found = headings.map(anchor).any(|anchor| anchor == name);
                assert!(found, "{}: {link}", path.display());
            }
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed} links");
}

#[test]
fn pictures_are_what_is_drawn_now() {
    let ladder = "askway dump -r crates/cli/tests/dump/captures/tcp-v4.pcap --sequence=svg";
    let drawn = shell(ladder, &root());
    let path = root().join("docs/pictures/ladder.svg");
    if std::env::var_os("ASKWAY_BLESS").is_some() {
        fs::write(&path, &drawn.stdout).expect("writable");
    }
    let stands = fs::read(&path).unwrap_or_default();
    assert!(stands == drawn.stdout, "if this is as it should be: ASKWAY_BLESS=1");
}
