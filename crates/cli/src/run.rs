//! From the command line to an exit code. A binary under the name of a dialect speaks that dialect.

use crate::args::{self, Common, Refusal};
use crate::as_::{self, Dialect};
use crate::command::{self, Command};
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use clap::{FromArgMatches, ValueEnum};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

/// Runs the program: the arguments with the program's name first. Returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    if let Err(error) = net::lay_privileges_aside() {
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "askway: cannot act as the user who calls: {error}");
        return Exit::Failed.code();
    }
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_default();
    let called = Path::new(&program).file_name().unwrap_or(&program).to_string_lossy();
    let rest: Vec<OsString> = arguments.collect();
    if let Some(dialect) = as_::by_name(&called) {
        return (dialect.run)(&called, rest);
    }
    match dispatch(&rest) {
        Ok(code) => code,
        Err(failure) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit.code()
        }
    }
}

fn dispatch(arguments: &[OsString]) -> Result<u8, Failure> {
    let Some((first, rest)) = arguments.split_first() else {
        return Err(usage("no command".to_owned(), commands()));
    };
    let first = first.to_string_lossy();
    match &*first {
        "as" => return speak(rest),
        "--help" | "-h" | "help" => return show(&help(Language::chosen(None))),
        "--version" | "-V" => return show(&format!("askway {}\n", env!("CARGO_PKG_VERSION"))),
        _ => {}
    }
    match command::by_name(&first) {
        Some(command) => obey(command, rest),
        None => Err(unknown(&first)),
    }
}

/// `askway as NAME ARGS...`
fn speak(arguments: &[OsString]) -> Result<u8, Failure> {
    let names: Vec<&str> = as_::ALL.iter().map(|Dialect { name, .. }| *name).collect();
    let hint = format!("askway as NAME ARGS..., where NAME is one of: {}", names.join(", "));
    let Some((name, rest)) = arguments.split_first() else {
        return Err(usage("no tool is named".to_owned(), hint));
    };
    let name = name.to_string_lossy();
    match as_::by_name(&name) {
        Some(dialect) => Ok((dialect.run)(&name, rest.to_vec())),
        None if name == "--help" || name == "-h" => show(&format!("{hint}\n")),
        None => Err(usage(format!("no dialect `{}`", escape(&name)), hint)),
    }
}

/// Runs one command; only its own parser is built. Returns the exit code.
///
/// # Errors
/// If the arguments are wrong, or the command fails.
pub fn obey(command: &Command, arguments: &[OsString]) -> Result<u8, Failure> {
    // The language of help must be known before there is a parser.
    let language = Language::chosen(asked_language(arguments));
    let parser = command.parser(language);
    // So that the option says what is wrong with `-1`, instead of a refusal of an option `-1`.
    let parser = parser.mut_args(|argument| {
        let takes_value = !argument.is_positional() && argument.get_action().takes_values();
        argument.allow_negative_numbers(takes_value)
    });
    let program = OsString::from(command.name);
    let actions: Vec<String> = parser.get_subcommands().map(|it| it.get_name().into()).collect();
    let parsed = parser
        .try_get_matches_from(std::iter::once(&program).chain(arguments))
        .and_then(|matches| Common::from_arg_matches(&matches).map(|common| (matches, common)));
    match parsed {
        Ok((matches, common)) => {
            command.refuse_foreign(&matches)?;
            if !common.capture.is_empty() && common.lab.is_none() && command.name != "lab" {
                let hint = "name a scenario: --lab FILE; askway dump -w FILE is for real networks";
                return Err(usage("--capture is about labs".to_owned(), hint.to_owned()));
            }
            (command.run)(&matches, &common).map(Exit::code)
        }
        Err(error) => match args::refusal(&error, &spoken(command.name, &actions, arguments)) {
            Refusal::Help(text) => show(&text),
            Refusal::Wrong(failure) => Err(failure),
        },
    }
}

/// A command, and the one of its actions that is named: `lab run`.
fn spoken(command: &str, actions: &[String], arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|word| word.to_string_lossy());
    let mut words = words.take_while(|word| word != "--");
    let action = words.find_map(|word| actions.iter().find(|action| **action == word));
    action.map_or(command.to_owned(), |action| format!("{command} {action}"))
}

/// What `--lang` says, before the command line is parsed.
fn asked_language(arguments: &[OsString]) -> Option<Language> {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lang") {
            Some("") => words.next()?.into_owned(),
            Some(rest) => rest.strip_prefix('=').unwrap_or_default().to_owned(),
            None if word == "--" => return None,
            None => continue,
        };
        return Language::from_str(&value, false).ok();
    }
    None
}

/// Writes to standard output; a reader that has seen enough is no failure.
///
/// # Errors
/// If it cannot be written.
pub fn show(text: &str) -> Result<u8, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Exit::Yes.code()),
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Yes.code()),
        Err(error) => Err(Failure {
            message: format!("cannot write to standard output: {error}"),
            hint: None,
            exit: Exit::Failed,
        }),
    }
}

fn help(lang: Language) -> String {
    let mut text = lang
        .pick(
            "askway asks the way: is the host there, how far, by which road?\n\n\
         Usage: askway COMMAND ...\n       askway as NAME ...\n\nCommands:\n",
            "askway（问路）：主机在不在，有多远，走哪条路？\n\n\
         用法：askway 命令 ...\n      askway as 工具名 ...\n\n命令：\n",
        )
        .to_owned();
    for command in command::ALL {
        let summary = lang.pick(command.summary.0, command.summary.1);
        text.push_str(&format!("  {:<12}{summary}\n", command.name));
    }
    let names: Vec<&str> = as_::ALL.iter().map(|Dialect { name, .. }| *name).collect();
    let dialects = lang.pick("speaks the language of another tool", "按另一个工具的方式工作");
    text.push_str(&format!("  {:<12}{dialects}: {}\n", "as", names.join(", ")));
    text.push_str(lang.pick(
        "\naskway COMMAND --help shows the options of a command.\n",
        "\naskway 命令 --help 显示该命令的选项。\n",
    ));
    text
}

fn commands() -> String {
    let names: Vec<&str> = command::ALL.iter().map(|command| command.name).collect();
    format!("askway COMMAND ..., where COMMAND is one of: {}, as", names.join(", "))
}

fn unknown(name: &str) -> Failure {
    let nearest = command::ALL
        .iter()
        .map(|command| command.name)
        .chain(["as"])
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| *distance * 2 <= known.len());
    let message = format!("no command `{}`", escape(name));
    match nearest {
        Some((_, known)) => usage(message, format!("did you mean `askway {known}`?")),
        None => usage(message, commands()),
    }
}

fn usage(message: String, hint: String) -> Failure {
    Failure { message, hint: Some(hint), exit: Exit::Usage }
}

/// How many characters must be added, dropped or changed to make one word the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("pnig", "ping"), 2);
        assert_eq!(distance("", "ping"), 4);
        assert_eq!(distance("ping", "ping"), 0);
    }
}
