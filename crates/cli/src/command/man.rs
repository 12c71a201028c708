//! `askway man [COMMAND]`: manual pages, made from the options themselves and from what
//! `data/man` says of each command.

mod options;
mod page;
mod roff;
mod texts;

use super::{ABOUT_RUNS, ALL, Command, by_name};
use crate::args::Common;
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::lang::Language;
use crate::run::show;
use clap::{ArgMatches, Args, FromArgMatches};
use std::fs;
use std::path::{Path, PathBuf};

/// The command.
pub const COMMAND: Command = Command {
    name: "man",
    summary: ("write manual pages", "写出手册页"),
    define: Options::augment_args,
    chinese: CHINESE,
    without: ABOUT_RUNS,
    run,
};

/// What the command line says.
#[derive(Debug, Args)]
struct Options {
    /// The command whose page to write [default: that of askway itself]
    #[arg(value_name = "COMMAND", conflicts_with = "all")]
    subject: Option<String>,
    /// Write every page into this directory
    #[arg(long, value_name = "DIRECTORY")]
    all: Option<PathBuf>,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts =
    &[("subject", "哪条命令的手册页 [默认：askway 本身的]"), ("all", "把所有手册页写进这个目录")];

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let language = common.language();
    let text = match (&options.all, options.subject.as_deref()) {
        (Some(directory), _) => return write_all(directory, language),
        (None, None | Some("askway")) => page::overview(language),
        (None, Some(name)) => match by_name(name) {
            Some(command) => page::of(command, language),
            None => return Err(unknown(name)),
        },
    };
    show(&text).map(|_| Exit::Yes)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = ALL.iter().map(|command| command.name).collect();
    Failure {
        message: format!("no page for a command `{}`", escape(name)),
        hint: Some(format!("one of: {}", names.join(", "))),
        exit: Exit::Usage,
    }
}

/// Every page, under the name by which `man` finds it.
fn write_all(directory: &Path, language: Language) -> Result<Exit, Failure> {
    if !directory.is_dir() {
        return Err(Failure {
            message: format!("{} is no directory", escape(&directory.to_string_lossy())),
            hint: Some("make it first; man looks for pages in directories called man1".to_owned()),
            exit: Exit::Usage,
        });
    }
    let pages = ALL.iter().map(|it| (format!("askway-{}.1", it.name), page::of(it, language)));
    let overview = ("askway.1".to_owned(), page::overview(language));
    for (name, text) in std::iter::once(overview).chain(pages) {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| Failure {
            message: format!("cannot write {}: {error}", escape(&path.to_string_lossy())),
            hint: None,
            exit: Exit::Failed,
        })?;
    }
    Ok(Exit::Yes)
}
