//! The language that people are spoken to in. JSON and CSV are the same in all.

use std::env;

/// A language that askway speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    #[value(name = "en")]
    English,
    /// Chinese, in simplified characters.
    #[value(name = "zh")]
    Chinese,
}

impl Language {
    /// The one asked for on the command line, else that of the environment.
    pub fn chosen(asked: Option<Language>) -> Language {
        asked.unwrap_or_else(|| Language::of_environment(|name| env::var(name).ok()))
    }

    /// The one of these that is meant.
    pub fn pick<T>(self, english: T, chinese: T) -> T {
        match self {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// The first variable that is set and not empty decides (POSIX, Base Definitions §8.2).
    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Language {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        if locale.starts_with("zh") { Language::Chinese } else { Language::English }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_variable_that_is_set_decides() {
        let language = |set: &[(&str, &str)]| {
            Language::of_environment(|name| {
                set.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(language(&[]), Language::English);
        assert_eq!(language(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(language(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::English);
        assert_eq!(
            language(&[("LANG", "C"), ("LC_ALL", ""), ("LC_MESSAGES", "zh")]),
            Language::Chinese
        );
    }
}
