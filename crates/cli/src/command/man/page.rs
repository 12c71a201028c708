//! A manual page: name, synopsis, description, options, exit status, examples, what else to see.

use super::options;
use super::roff::{Piece, Roff};
use super::texts::Texts;
use crate::args;
use crate::as_;
use crate::command::{self, Command};
use crate::lang::Language;

/// The exit codes that mean the same of every command.
const FAILURES: &[(&str, (&str, &str))] = &[
    ("2", ("the command line is wrong", "命令行有误")),
    ("3", ("not permitted; the message says how to permit it", "没有权限；报错会说怎样获得权限")),
    ("4", ("a name has no address", "名字没有地址")),
    ("5", ("our own failure, or this host's", "程序自身或本机出错")),
];

/// The page of a command.
pub fn of(command: &Command, language: Language) -> String {
    let texts = Texts::of(command.name);
    let name = format!("askway-{}", command.name);
    let mut page = Roff::new(&name);
    let mut parser = command.parser(language);
    parser.build();
    head(&mut page, &name, language.pick(command.summary.0, command.summary.1), language);
    for parser in leaves(&mut parser) {
        synopsis(&mut page, parser);
    }
    page.section(language.pick("DESCRIPTION", "描述"));
    page.line(&[Piece::Roman(texts.paragraph("about", language))]);
    page.section(language.pick("OPTIONS", "选项"));
    let everywhere = language.pick("Everywhere", "通用");
    for action in parser.get_subcommands() {
        page.part(&format!("askway {} {}", command.name, action.get_name()));
        let about = action.get_about().map(ToString::to_string).unwrap_or_default();
        page.line(&[Piece::Roman(&about)]);
        options::write(&mut page, &own(action, everywhere), everywhere, language);
    }
    if parser.has_subcommands() {
        page.part(language.pick("Every action", "每个动作"));
    }
    options::write(&mut page, &parser, everywhere, language);
    tail(&mut page, &texts, language);
    page.into_text()
}

/// The page of askway itself.
pub fn overview(language: Language) -> String {
    let texts = Texts::of("askway");
    let mut page = Roff::new("askway");
    let summary = language.pick("ask the way: ping, trace and the rest", "问路：ping、trace 等等");
    head(&mut page, "askway", summary, language);
    for (rest, value) in [("", "COMMAND"), (" as", "NAME")] {
        let start = format!("askway{rest}");
        page.break_line();
        page.line(&[
            Piece::Bold(&start),
            Piece::Roman(" "),
            Piece::Italic(value),
            Piece::Roman(" ..."),
        ]);
    }
    page.section(language.pick("DESCRIPTION", "描述"));
    page.line(&[Piece::Roman(texts.paragraph("about", language))]);
    page.section(language.pick("COMMANDS", "命令"));
    for command in command::ALL {
        page.term();
        page.line(&[Piece::Bold(command.name)]);
        page.line(&[Piece::Roman(language.pick(command.summary.0, command.summary.1))]);
    }
    page.term();
    let names: Vec<&str> = as_::ALL.iter().map(|dialect| dialect.name).collect();
    page.line(&[Piece::Bold("as "), Piece::Italic("NAME")]);
    let speaks = language.pick("speak the language of another tool: ", "按另一个工具的方式工作：");
    page.line(&[Piece::Roman(&format!("{speaks}{}", names.join(language.pick(", ", "、"))))]);
    page.section(language.pick("OPTIONS", "选项"));
    let common = crate::help::translated(args::parser("askway"), &[], language);
    options::write(&mut page, &common, language.pick("Everywhere", "通用"), language);
    environment(&mut page, language);
    tail(&mut page, &texts, language);
    page.into_text()
}

/// A parser without the options that its command has, too.
fn own(parser: &clap::Command, everywhere: &str) -> clap::Command {
    parser.clone().mut_args(|argument| {
        let is_common = argument.get_help_heading() == Some(everywhere);
        let is_hidden = argument.is_hide_set() || is_common || argument.get_id() == "help";
        argument.hide(is_hidden)
    })
}

/// The parsers that a command line ends in: those of a command's actions, or its own.
fn leaves(parser: &mut clap::Command) -> Vec<&mut clap::Command> {
    match parser.has_subcommands() {
        true => parser.get_subcommands_mut().collect(),
        false => vec![parser],
    }
}

fn head(page: &mut Roff, name: &str, summary: &str, language: Language) {
    page.section(language.pick("NAME", "名称"));
    page.line(&[Piece::Roman(name), Piece::Roman(" - "), Piece::Roman(summary)]);
    page.section(language.pick("SYNOPSIS", "概要"));
}

/// A command line in short, as help shows it: names are typed, the rest is to be replaced.
fn synopsis(page: &mut Roff, parser: &mut clap::Command) {
    let usage = parser.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).trim();
    let end = usage.find(['[', '<']).unwrap_or(usage.len());
    let (typed, rest) = usage.split_at(end);
    page.break_line();
    page.line(&[Piece::Bold(typed), Piece::Italic(rest)]);
}

fn environment(page: &mut Roff, language: Language) {
    page.section(language.pick("ENVIRONMENT", "环境变量"));
    let variables = [
        (
            "LC_ALL, LC_MESSAGES, LANG",
            language.pick(
                "the language of what people read, unless --lang says it",
                "给人看的语言，除非有 --lang",
            ),
        ),
        ("NO_COLOR", language.pick("if set and not empty: no colour", "设置且不为空时：不用颜色")),
    ];
    for (name, says) in variables {
        page.term();
        page.line(&[Piece::Bold(name)]);
        page.line(&[Piece::Roman(says)]);
    }
}

fn tail(page: &mut Roff, texts: &Texts, language: Language) {
    page.section(language.pick("EXIT STATUS", "退出状态"));
    let results = [("0", texts.paragraph("yes", language)), ("1", texts.paragraph("no", language))];
    let failures = FAILURES.iter().map(|(code, says)| (*code, language.pick(says.0, says.1)));
    for (code, says) in results.into_iter().chain(failures) {
        page.term();
        page.line(&[Piece::Bold(code)]);
        page.line(&[Piece::Roman(says)]);
    }
    page.section(language.pick("EXAMPLES", "示例"));
    for example in texts.examples(language) {
        page.paragraph();
        page.line(&[Piece::Roman(example.says)]);
        page.example(example.line);
    }
    page.section(language.pick("SEE ALSO", "参见"));
    let alike: Vec<&str> = texts.alike().collect();
    let all = || command::ALL.iter().map(|command| command.name).collect();
    let (first, rest) = if alike.is_empty() { (None, all()) } else { (Some("askway"), alike) };
    let names = first.map(str::to_owned).into_iter();
    let names: Vec<String> = names.chain(rest.iter().map(|it| format!("askway-{it}"))).collect();
    for (at, name) in names.iter().enumerate() {
        let ends = if at + 1 < names.len() { "(1)," } else { "(1)" };
        page.line(&[Piece::Bold(name), Piece::Roman(ends)]);
    }
}
