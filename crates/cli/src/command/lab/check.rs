//! `askway lab check FILE...`: what is wrong with scenarios, and what is hardly meant.

use super::{Action, refuse_captures, say};
use crate::args::{Common, Format};
use crate::escape::{defuse, escape};
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use clap::{ArgMatches, Args, FromArgMatches};
use lab::{Checked, ScenarioFault};
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

pub const ACTION: Action = Action {
    name: "check",
    summary: ("say what is wrong with scenarios", "检查场景文件有什么错误"),
    define: Options::augment_args,
    run,
};

#[derive(Debug, Args)]
struct Options {
    /// The scenarios
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    refuse_captures(common)?;
    let mut out = String::new();
    let mut is_wrong = false;
    let mut unread = Vec::new();
    for file in &options.files {
        let origin = file.display().to_string();
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            // The others are looked at all the same.
            Err(error) => {
                unread.push(format!("cannot read {origin}: {error}"));
                continue;
            }
        };
        let checked = match lab::text(&bytes, &origin) {
            Ok(text) => lab::check(text, &origin),
            Err(fault) => Checked { faults: vec![fault], warnings: Vec::new() },
        };
        is_wrong |= !checked.faults.is_empty();
        match common.format() {
            Format::Human => tell(&checked, &origin, common.language(), &mut out),
            Format::Json => json(&checked, &mut out),
            Format::Csv => return Err(super::wrong("lab check has no CSV", "take --json")),
        }
    }
    say(&out)?;
    if !unread.is_empty() {
        return Err(super::wrong(&unread.join("; "), "FILE is a scenario"));
    }
    Ok(if is_wrong { Exit::Usage } else { Exit::Yes })
}

/// `FILE:LINE:COLUMN: what is wrong`, and how to mend it; or that all is well.
fn tell(checked: &Checked, origin: &str, language: Language, out: &mut String) {
    let warning = language.pick("warning: ", "警告：");
    let told = [("", &checked.faults), (warning, &checked.warnings)];
    for (word, list) in told {
        for fault in list {
            let ScenarioFault { line, column, message, .. } = fault;
            let _ = writeln!(out, "{}:{line}:{column}: {word}{}", escape(origin), defuse(message));
            if let Some(hint) = &fault.hint {
                let _ = writeln!(out, "  {}: {}", language.pick("hint", "提示"), defuse(hint));
            }
        }
    }
    if checked.faults.is_empty() && checked.warnings.is_empty() {
        let _ = writeln!(out, "{}: {}", escape(origin), language.pick("well-formed", "没有错误"));
    }
}

/// One object for each, `fault` or `warning`, and one for the file.
fn json(checked: &Checked, out: &mut String) {
    let told = [("fault", &checked.faults), ("warning", &checked.warnings)];
    for (kind, list) in told {
        for fault in list {
            let object = json!({
                "v": 1,
                "type": kind,
                "file": fault.origin,
                "line": fault.line,
                "column": fault.column,
                "message": fault.message,
                "hint": fault.hint,
            });
            let _ = writeln!(out, "{object}");
        }
    }
}
