//! `askway lab ACTION FILE`: networks of scenario files judged, drawn, and run in real time around
//! real programs.

mod check;
mod conntrack;
mod examples;
mod internet;
mod run;
mod show;
mod tracked;
mod up;

use super::{Command, Without};
use crate::args::Common;
use crate::capture;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use crate::print::Out;
use clap::{ArgMatches, FromArgMatches};
use lab::{NodeId, World};
use std::fs;
use std::path::Path;

/// The command.
pub const COMMAND: Command = Command {
    name: "lab",
    summary: ("networks that exist in this process only", "只存在于本进程中的网络"),
    define,
    chinese: CHINESE,
    without: &[Without {
        options: &["lab", "from"],
        hint: "its actions take the scenario as an argument",
    }],
    run,
};

/// The help of its options in Chinese; what is not here is said as elsewhere.
const CHINESE: Texts = &[
    ("file", "场景文件"),
    ("at", "命令在哪个节点的位置上运行；不给则为场景的 from"),
    ("command", "要运行的命令和它的参数"),
    ("files", "场景文件"),
    ("name", "哪个例子；不给则列出所有例子"),
    ("format", "怎样画：text、svg、dot、json，或 toml（场景原文）"),
    ("ascii", "只用 ASCII 字符画"),
    ("verbose", "也显示地址"),
    ("time", "命令结束后，实验网络再运行多久"),
    ("conntrack", "结束时和收到 SIGQUIT 时显示一个路由器跟踪的连接；all 为所有路由器"),
    ("events", "连接出现、变化、消失时显示"),
    ("why", "逐个钩子显示每个分组在跟踪连接的路由器那里的经历"),
    ("stats", "结束时显示计数"),
    ("fast", "设备像网卡那样收发代表许多分组的大分组"),
    ("tuns", "把节点接到这个名字的 TUN 设备：节点=名字"),
];

/// One thing to do with a scenario.
pub struct Action {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line for help, in English and in Chinese.
    pub summary: (&'static str, &'static str),
    define: fn(clap::Command) -> clap::Command,
    run: fn(&ArgMatches, &Common) -> Result<Exit, Failure>,
}

/// Every one, in the order in which help shows them.
pub const ACTIONS: &[Action] =
    &[check::ACTION, show::ACTION, examples::ACTION, run::ACTION, up::ACTION, conntrack::ACTION];

fn define(parser: clap::Command) -> clap::Command {
    let parser = parser.mut_args(|argument| argument.global(true)).subcommand_required(true);
    let actions = ACTIONS.iter().map(|action| {
        let own = clap::Command::new(action.name).disable_version_flag(true);
        // At the end: options that several share would bring a summary of their own.
        (action.define)(own).about(action.summary.0)
    });
    parser.subcommands(actions).disable_help_subcommand(true)
}

fn run(matches: &ArgMatches, _: &Common) -> Result<Exit, Failure> {
    let (name, matches) = matches.subcommand().expect("the parser requires one");
    let action = ACTIONS.iter().find(|action| action.name == name);
    let action = action.expect("the parser was made from them");
    let common = Common::from_arg_matches(matches).expect("its options are everywhere");
    (action.run)(matches, &common)
}

/// Loads a scenario, and begins what it and the command line want captured.
fn load(file: &Path, common: &Common) -> Result<(World, capture::Outcome), Failure> {
    let (text, origin) = read(file)?;
    let mut world = World::load(&text, &origin, common.seed)?;
    let captured = capture::begin(&mut world, &common.capture)?;
    Ok((world, captured))
}

/// The text of a file, and what it is called.
fn read(file: &Path) -> Result<(String, String), Failure> {
    let origin = file.display().to_string();
    let bytes = fs::read(file)
        .map_err(|error| wrong(&format!("cannot read {origin}: {error}"), "FILE is a scenario"))?;
    let text = lab::text(&bytes, &origin)?.to_owned();
    Ok((text, origin))
}

/// Writes to standard output.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = Out { text: text.as_bytes().to_vec() };
    out.flush().map_or_else(|closed| closed.failure().map_or(Ok(()), Err), Ok)
}

/// Refuses options that are for labs that run.
fn refuse_captures(common: &Common) -> Result<(), Failure> {
    match common.capture.is_empty() {
        true => Ok(()),
        false => Err(wrong("nothing runs that could be captured", "leave out --capture")),
    }
}

/// The node of that name.
fn node(world: &World, file: &Path, name: &str) -> Result<NodeId, Failure> {
    world.node(name).ok_or_else(|| {
        wrong(&format!("{} has no node `{name}`", file.display()), "name a node of the scenario")
    })
}

fn wrong(message: &str, hint: &str) -> Failure {
    Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Language;

    #[test]
    fn actions_are_summed_up_in_their_own_words() {
        for language in [Language::English, Language::Chinese] {
            let parser = COMMAND.parser(language);
            for action in ACTIONS {
                let own = parser.find_subcommand(action.name).expect("it is one");
                let said = own.get_about().map(ToString::to_string);
                let (english, chinese) = action.summary;
                assert_eq!(said.as_deref(), Some(language.pick(english, chinese)));
            }
        }
    }
}
