//! `askway lab show FILE`: the map of a network, as text or as a picture.

mod dot;
mod graph;
mod json;
mod layout;
mod svg;
mod tree;

use super::{Action, read, refuse_captures, say};
use crate::args::{Common, Format};
use crate::failure::{Exit, Failure};
use clap::{ArgMatches, Args, FromArgMatches, ValueEnum};
use lab::{Sketch, SketchLink, Trait};
use std::path::PathBuf;

pub const ACTION: Action = Action {
    name: "show",
    summary: ("draw a network", "画出一个网络"),
    define: Options::augment_args,
    run,
};

#[derive(Debug, Args)]
struct Options {
    /// The scenario
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How: text, svg, dot or json
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    format: Option<Picture>,
    /// Plain characters only
    #[arg(long)]
    ascii: bool,
    /// Addresses too
    #[arg(short, long)]
    verbose: bool,
}

/// How a network is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Picture {
    Text,
    Svg,
    Dot,
    Json,
}

fn run(matches: &ArgMatches, common: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    refuse_captures(common)?;
    let (text, origin) = read(&options.file)?;
    let sketch = Sketch::load(&text, &origin)?;
    let usual = match common.format() {
        Format::Human => Picture::Text,
        Format::Json => Picture::Json,
        Format::Csv => return Err(super::wrong("a network has no CSV", "take --format json")),
    };
    let drawn = match options.format.unwrap_or(usual) {
        Picture::Text => {
            let style = tree::Style {
                is_ascii: options.ascii,
                is_coloured: common.is_coloured(),
                has_addresses: options.verbose,
                language: common.language(),
            };
            tree::draw(&sketch, &origin, style)
        }
        Picture::Svg => svg::draw(&sketch, options.verbose),
        Picture::Dot => dot::draw(&sketch),
        Picture::Json => json::draw(&sketch),
    };
    say(&drawn)?;
    Ok(Exit::Yes)
}

/// What a link does, in a few words.
struct Said {
    /// In both directions.
    same: Vec<String>,
    /// To what the first end sends, and to what the others send, where that differs.
    there: Vec<String>,
    back: Vec<String>,
}

impl Said {
    fn of(link: &SketchLink) -> Said {
        let (mut there, mut back) = (words(&link.there), words(&link.back));
        let same: Vec<String> = there.iter().filter(|it| back.contains(it)).cloned().collect();
        there.retain(|word| !same.contains(word));
        back.retain(|word| !same.contains(word));
        Said { same, there, back }
    }

    /// Likewise, a line each: both directions, and each apart behind its arrow.
    fn lines(&self, arrows: [&str; 2]) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.same.is_empty() {
            lines.push(self.same.join(", "));
        }
        for (arrow, words) in arrows.into_iter().zip([&self.there, &self.back]) {
            if !words.is_empty() {
                lines.push(format!("{arrow} {}", words.join(", ")));
            }
        }
        lines
    }
}

/// What a link does in one direction: the delay and its jitter, the rate, keys and values of the
/// rest.
fn words(traits: &[Trait]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for (key, value) in traits {
        match *key {
            "delay" | "rate" => words.push(value.clone()),
            "jitter" => words.push(format!("±{value}")),
            "jitter_reorders" => words.push("reorders".to_owned()),
            "mtu" => words.push(format!("MTU {value}")),
            "jitter_shape" => {
                if let Some(jitter) = words.last_mut() {
                    jitter.push(' ');
                    jitter.push_str(value);
                }
            }
            "jitter_correlation" => words.push(format!("correlated {value}")),
            key => words.push(format!("{} {value}", key.replace('_', " "))),
        }
    }
    words
}
