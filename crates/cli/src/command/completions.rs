//! `askway completions SHELL`: every command and option, as a script that a shell completes by.

use super::{ABOUT_RUNS, Command};
use crate::args::Common;
use crate::as_;
use crate::command;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::lang::Language;
use crate::run::show;
use clap::{ArgMatches, Args, FromArgMatches};
use clap_complete::{Shell, generate};

/// The command.
pub const COMMAND: Command = Command {
    name: "completions",
    summary: ("write the completions of a shell", "写出 shell 的补全脚本"),
    define: Options::augment_args,
    chinese: CHINESE,
    without: ABOUT_RUNS,
    run,
};

/// What the command line says.
#[derive(Debug, Args)]
struct Options {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts = &[("shell", "哪种 shell")];

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let mut script = Vec::new();
    generate(options.shell, &mut whole(common.language()), "askway", &mut script);
    show(&String::from_utf8_lossy(&script)).map(|_| Exit::Yes)
}

/// The program as one parser, which nothing but completions needs.
fn whole(language: Language) -> clap::Command {
    let tools = as_::ALL.iter().map(|dialect| {
        let about = language.pick("the options and lines of this tool", "这个工具的选项和输出");
        clap::Command::new(dialect.name).about(about).disable_help_flag(true)
    });
    let summary = language.pick("speak the language of another tool", "按另一个工具的方式工作");
    let dialects = clap::Command::new("as").about(summary).subcommands(tools);
    clap::Command::new("askway")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommands(command::ALL.iter().map(|command| command.parser(language)))
        .subcommand(dialects.disable_help_subcommand(true))
}
