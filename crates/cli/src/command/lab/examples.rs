//! `askway lab examples [NAME]`: the scenarios that come with the program.

use super::{Action, say, wrong};
use crate::args::Common;
use crate::failure::{Exit, Failure};
use clap::{ArgMatches, Args, FromArgMatches};
use std::fmt::Write;

pub const ACTION: Action = Action {
    name: "examples",
    summary: ("list the networks that come with the program", "列出程序自带的网络"),
    define: Options::augment_args,
    run,
};

#[derive(Debug, Args)]
struct Options {
    /// Write out this one
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Name and text of each.
const ALL: &[(&str, &str)] = &[
    ("satellite", include_str!("../../../../lab/examples/satellite.toml")),
    ("wifi", include_str!("../../../../lab/examples/wifi.toml")),
    ("ecmp", include_str!("../../../../lab/examples/ecmp.toml")),
    ("black-hole", include_str!("../../../../lab/examples/black-hole.toml")),
    ("two-nats", include_str!("../../../../lab/examples/two-nats.toml")),
    ("liar", include_str!("../../../../lab/examples/liar.toml")),
    ("flapping", include_str!("../../../../lab/examples/flapping.toml")),
    ("asymmetric", include_str!("../../../../lab/examples/asymmetric.toml")),
    ("bufferbloat", include_str!("../../../../lab/examples/bufferbloat.toml")),
    ("limits", include_str!("../../../../lab/examples/limits.toml")),
];

fn run(matches: &ArgMatches, _: &Common) -> Result<Exit, Failure> {
    let options = Options::from_arg_matches(matches).expect("the parser was made from them");
    let Some(name) = options.name else {
        let mut out = String::new();
        for (name, text) in ALL {
            let first = text.lines().next().unwrap_or_default();
            let _ = writeln!(out, "{name:<12} {}", first.trim_start_matches("# "));
        }
        out += "\nwrite one out: askway lab examples NAME > NAME.toml\n";
        say(&out)?;
        return Ok(Exit::Yes);
    };
    let found = ALL.iter().find(|(known, _)| *known == name);
    let (_, text) = found.ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        wrong(&format!("no example is named `{name}`"), &format!("one of: {}", names.join(", ")))
    })?;
    say(text)?;
    Ok(Exit::Yes)
}
