//! What a manual page says beside its options: a file of `data/man` for each command.

use crate::lang::Language;

/// What is written about a command.
pub struct Texts {
    sections: Vec<(&'static str, Vec<&'static str>)>,
}

/// A command line that readers can try.
pub struct Example {
    /// As it is typed.
    pub line: &'static str,
    /// What it is for.
    pub says: &'static str,
}

/// Every file, by its command; that of askway itself is the overview.
const FILES: &[(&str, &str)] = &[
    ("askway", include_str!("../../../data/man/askway.txt")),
    ("ping", include_str!("../../../data/man/ping.txt")),
    ("up", include_str!("../../../data/man/up.txt")),
    ("trace", include_str!("../../../data/man/trace.txt")),
    ("mtu", include_str!("../../../data/man/mtu.txt")),
    ("watch", include_str!("../../../data/man/watch.txt")),
    ("clock", include_str!("../../../data/man/clock.txt")),
    ("mask", include_str!("../../../data/man/mask.txt")),
    ("routers", include_str!("../../../data/man/routers.txt")),
    ("explain", include_str!("../../../data/man/explain.txt")),
    ("tftp", include_str!("../../../data/man/tftp.txt")),
    ("dump", include_str!("../../../data/man/dump.txt")),
    ("sockets", include_str!("../../../data/man/sockets.txt")),
    ("lab", include_str!("../../../data/man/lab.txt")),
    ("gateway", include_str!("../../../data/man/gateway.txt")),
    ("man", include_str!("../../../data/man/man.txt")),
    ("completions", include_str!("../../../data/man/completions.txt")),
];

impl Texts {
    /// Those about a command; empty if nothing is written.
    pub fn of(command: &str) -> Texts {
        let file = FILES.iter().find(|(name, _)| *name == command);
        Texts::read(file.map_or("", |(_, text)| text))
    }

    fn read(text: &'static str) -> Texts {
        let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let title = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            match (title, sections.last_mut()) {
                (Some(title), _) => sections.push((title, Vec::new())),
                (None, Some((_, lines))) => lines.push(line),
                (None, None) => {}
            }
        }
        Texts { sections }
    }

    /// A paragraph: `about`, `yes` or `no`. Empty if it is not written.
    pub fn paragraph(&self, name: &str, language: Language) -> &'static str {
        let title = format!("{name}{}", language.pick("", " zh"));
        let found = self.sections.iter().find(|(known, _)| *known == title);
        found.and_then(|(_, lines)| lines.first().copied()).unwrap_or_default()
    }

    /// The commands that do something alike.
    pub fn alike(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.sections.iter().filter(|(title, _)| *title == "see");
        lines.flat_map(|(_, lines)| lines.iter().flat_map(|line| line.split(' ')))
    }

    /// Command lines to try.
    pub fn examples(&self, language: Language) -> impl Iterator<Item = Example> {
        let examples = self.sections.iter().filter(|(title, _)| title.starts_with("example"));
        examples.filter_map(move |(_, lines)| match lines.as_slice() {
            [line, english, chinese] => {
                Some(Example { line, says: language.pick(*english, *chinese) })
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn every_command_is_written_about_in_both_languages() {
        let names = command::ALL.iter().map(|command| command.name).chain(["askway"]);
        for name in names {
            let texts = Texts::of(name);
            for language in [Language::English, Language::Chinese] {
                for paragraph in ["about", "yes", "no"] {
                    assert_ne!(texts.paragraph(paragraph, language), "", "{paragraph} of {name}");
                }
                let count = texts.examples(language).count();
                assert!((3..=5).contains(&count), "{count} examples of {name}");
            }
            let sections = texts.sections.iter().filter(|(title, _)| title.starts_with("example"));
            assert_eq!(sections.count(), texts.examples(Language::English).count(), "{name}");
            assert!(texts.alike().all(|other| command::by_name(other).is_some()), "{name}");
        }
        for (name, _) in FILES {
            assert!(*name == "askway" || command::by_name(name).is_some(), "{name} is no command");
        }
    }
}
