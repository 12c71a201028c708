//! Dialects: the options, lines and exit codes of the tools that scripts know.

#[cfg(test)]
mod check;
mod clockdiff;
mod console;
mod fping;
mod getopt;
mod ping;
mod tracepath;
mod traceroute;
mod winping;

use std::ffi::OsString;

/// A tool whose command line and output we speak.
pub struct Dialect {
    /// The tool's name; a binary of that name speaks it.
    pub name: &'static str,
    /// Other names that binaries of the tool go by.
    pub aliases: &'static [&'static str],
    /// Runs it: the arguments without the program's name, and the name it was called by.
    pub run: fn(called: &str, arguments: Vec<OsString>) -> u8,
}

/// Every dialect.
pub const ALL: &[Dialect] = &[
    ping::PING,
    fping::FPING,
    traceroute::TRACEROUTE,
    tracepath::TRACEPATH,
    clockdiff::CLOCKDIFF,
    winping::WINPING,
];

/// The dialect of that name.
pub fn by_name(name: &str) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.name == name || dialect.aliases.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn every_command_line_of_the_corpus_is_refused_or_bounded() {
        let lines = testbed::replay("arguments", check::of);
        assert!(lines >= 10, "{lines} command lines");
    }
}
