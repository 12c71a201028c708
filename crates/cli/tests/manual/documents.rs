//! The manual: what its pages say that a command prints, it prints. In a block, `$ ` begins a
//! command line; what follows is all that it prints, up to the next one. `ASKWAY_BLESS=1` writes
//! what is printed into the pages. Links lead somewhere, and options that pages use exist.

use super::{commands, root, shell, stdout};
use std::collections::BTreeMap;
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

/// A page as it would be today, and how many commands it shows with their output.
fn written_down(page: &str) -> (String, usize) {
    let mut out = String::new();
    let (mut is_block, mut is_output, mut count) = (false, false, 0);
    for line in page.lines() {
        if line.starts_with("```") {
            (is_block, is_output) = (!is_block, false);
        }
        if is_output && !line.starts_with("$ ") {
            continue;
        }
        out += &format!("{line}\n");
        if let Some(command) = line.strip_prefix("$ ").filter(|_| is_block) {
            // Both streams, in the order in which they were written.
            let printed = stdout(&shell(&format!("{{ {command}\n}} 2>&1"), &root()));
            out.extend(printed.lines().map(|line| format!("{}\n", line.trim_end())));
            is_output = true;
            count += 1;
        }
    }
    (out, count)
}

#[test]
fn commands_print_what_pages_show() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("readable");
        let (today, count) = written_down(&page);
        ran += count;
        if today == page {
            continue;
        }
        if std::env::var_os("ASKWAY_BLESS").is_some() {
            fs::write(&path, &today).expect("writable");
        } else {
            wrong.push(format!("{}\n{today}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "pages do not show what is printed now:\n{}", wrong.join("\n"));
    assert!(ran > 30, "{ran} command lines");
}

/// The command lines of a page, also those without output: in blocks and between backticks.
fn command_lines(page: &str) -> impl Iterator<Item = &str> {
    let lines = page.lines().filter_map(|line| {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        line.strip_prefix("askway ")
    });
    let quoted = page.split('`').skip(1).step_by(2).filter(|words| !words.contains('\n'));
    lines.chain(quoted.filter_map(|words| words.strip_prefix("askway ")))
}

#[test]
fn options_that_pages_use_exist() {
    let helps: BTreeMap<String, String> = commands()
        .into_iter()
        .map(|name| (name.clone(), stdout(&shell(&format!("askway {name} --help"), &root()))))
        .collect();
    let mut checked = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("readable");
        for line in command_lines(&page) {
            let line = line.split(['|', '#', '>']).next().unwrap_or_default();
            let mut words = line.split_whitespace().take_while(|word| *word != "--");
            let name = words.next().unwrap_or_default();
            // Dialects have other tools' options, and the lab's actions their own.
            let Some(help) = helps.get(name).filter(|_| name != "lab") else { continue };
            for word in words.filter(|word| word.starts_with('-') && word.len() > 1) {
                let is_long = word.starts_with("--");
                let end = if is_long { word.find(['=', '[']).unwrap_or(word.len()) } else { 2 };
                let option = word[..end].trim_end_matches([',', '.', ';', ')']);
                let mut known = help.split([' ', ',', '=', '[', '.', '\n']);
                assert!(known.any(|it| it == option), "{}: {name} {option}", path.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 60, "{checked} options");
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
