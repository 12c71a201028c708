//! The options of a parser as they stand in a manual page.

use super::roff::{Piece, Roff};
use crate::lang::Language;
use clap::{Arg, ArgAction};

/// Writes them all: arguments, options without a heading, then each heading; those of every command
/// come last.
pub fn write(page: &mut Roff, parser: &clap::Command, everywhere: &str, language: Language) {
    let shown: Vec<&Arg> = parser.get_arguments().filter(|it| !it.is_hide_set()).collect();
    for argument in shown.iter().filter(|it| it.get_help_heading().is_none()) {
        entry(page, argument, language);
    }
    let mut headings: Vec<&str> = Vec::new();
    for heading in shown.iter().filter_map(|it| it.get_help_heading()) {
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings.sort_by_key(|heading| *heading == everywhere);
    for heading in headings {
        page.part(heading);
        for argument in shown.iter().filter(|it| it.get_help_heading() == Some(heading)) {
            entry(page, argument, language);
        }
    }
}

/// One option: how it is typed, and what it means.
fn entry(page: &mut Roff, argument: &Arg, language: Language) {
    page.term();
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let separator = if short.is_some() && long.is_some() { ", " } else { "" };
    let value = value(argument);
    let opens = match (argument.is_positional(), argument.is_require_equals_set(), &long) {
        (true, ..) => "",
        (_, true, _) => "[=",
        (_, _, Some(_)) => "=",
        (_, _, None) => " ",
    };
    let closes = if argument.is_require_equals_set() { "]" } else { "" };
    let mut pieces = vec![
        Piece::Bold(short.as_deref().unwrap_or_default()),
        Piece::Roman(separator),
        Piece::Bold(long.as_deref().unwrap_or_default()),
    ];
    if let Some(value) = &value {
        pieces.extend([Piece::Roman(opens), Piece::Italic(value), Piece::Roman(closes)]);
    } else if matches!(argument.get_action(), ArgAction::Count) {
        pieces.push(Piece::Roman(" ..."));
    }
    page.line(&pieces);
    page.line(&[Piece::Roman(&meaning(argument, language))]);
}

/// What stands for its value: `TIME`, or `TARGET...`.
fn value(argument: &Arg) -> Option<String> {
    let takes = argument.is_positional() || argument.get_action().takes_values();
    let name = || match argument.get_value_names() {
        Some(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "),
        None => argument.get_id().as_str().to_uppercase(),
    };
    let is_many = argument.is_positional() && matches!(argument.get_action(), ArgAction::Append);
    takes.then(|| format!("{}{}", name(), if is_many { "..." } else { "" }))
}

/// Its help, with the values that it takes and the one that it has if it is not given.
fn meaning(argument: &Arg, language: Language) -> String {
    let (stop, colon) = language.pick((". ", ": "), ("。", "："));
    let mut text = match (argument.get_id().as_str(), argument.get_help()) {
        ("help", _) => language.pick("Print help", "显示帮助").to_owned(),
        (_, help) => help.map(ToString::to_string).unwrap_or_default(),
    };
    let takes = argument.is_positional() || argument.get_action().takes_values();
    let values = argument.get_possible_values();
    if takes && !argument.is_hide_possible_values_set() && !values.is_empty() {
        let values: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        let word = language.pick("One of", "可取");
        text += &format!("{stop}{word}{colon}{}", values.join(language.pick(", ", "、")));
    }
    let values = argument.get_default_values();
    if takes && !argument.is_hide_default_value_set() && !values.is_empty() {
        let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
        let word = language.pick("Default", "默认");
        text += &format!("{stop}{word}{colon}{}", values.join(","));
    }
    text
}
