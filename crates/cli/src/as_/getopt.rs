//! Command lines as getopt(3) and getopt_long(3) read them, error messages included, and as the
//! small public-domain parser `optparse` does. Options may stand behind operands; `--` ends them.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Whether an option takes an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// None: `-n`, `--numeric`.
    Nothing,
    /// One: `-c 3`, `-c3`, `--count 3`, `--count=3`.
    Argument,
    /// One, but only if attached: `-c3`, `--count=3`.
    Attached,
}

/// A long option.
#[derive(Clone, Copy, Debug)]
pub struct Long {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// Whether it takes an argument.
    pub takes: Takes,
    /// What it is reported as: the equivalent short option, or any other character.
    pub id: char,
}

/// How abbreviations and errors are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As the GNU C library: long options may be cut short while they are unambiguous.
    Gnu,
    /// As `optparse`: no abbreviations, and messages that do not tell long from short.
    Optparse,
}

/// An option that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which: the short option's character, or [`Long::id`].
    pub id: char,
    /// Its argument; always there if it must be.
    pub argument: Option<OsString>,
}

/// Why the command line does not parse: the text that the tool prints behind its name, without a
/// line's end. Parsing may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

/// Yields the options one by one; what is left are the [`Options::operands`].
pub struct Options {
    style: Style,
    short: &'static str,
    long: &'static [Long],
    left: VecDeque<OsString>,
    operands: Vec<OsString>,
    /// What is left of an argument like `-abc`.
    cluster: Vec<u8>,
}

impl Options {
    /// Starts on the arguments behind the program's name. `short` is written as for getopt(3):
    /// `ab:c::` for options without, with, and with an attached argument.
    pub fn new(
        style: Style,
        short: &'static str,
        long: &'static [Long],
        arguments: Vec<OsString>,
    ) -> Options {
        let left = arguments.into();
        Options { style, short, long, left, operands: Vec::new(), cluster: Vec::new() }
    }

    /// Everything that is no option, in order. Complete once the iterator has ended.
    pub fn operands(self) -> Vec<OsString> {
        self.operands.into_iter().chain(self.left).collect()
    }

    fn next_short(&mut self) -> Result<Found, Fault> {
        let byte = self.cluster.remove(0);
        let id = char::from(byte);
        let Some(takes) = self.short_takes(byte) else {
            return Err(Fault(format!("invalid option -- '{}'", shown(&[byte]))));
        };
        let attached = match takes {
            Takes::Nothing => Vec::new(),
            _ => std::mem::take(&mut self.cluster),
        };
        let argument = match takes {
            Takes::Nothing => None,
            _ if !attached.is_empty() => Some(OsString::from_vec(attached)),
            Takes::Attached => None,
            Takes::Argument => match self.left.pop_front() {
                Some(argument) => Some(argument),
                None => return Err(Fault(format!("option requires an argument -- '{id}'"))),
            },
        };
        Ok(Found { id, argument })
    }

    fn short_takes(&self, byte: u8) -> Option<Takes> {
        if byte == b':' || byte == b';' {
            return None;
        }
        let at = self.short.bytes().position(|known| known == byte)?;
        Some(match &self.short.as_bytes()[at + 1..] {
            [b':', b':', ..] => Takes::Attached,
            [b':', ..] => Takes::Argument,
            _ => Takes::Nothing,
        })
    }

    fn next_long(&mut self, text: &[u8]) -> Result<Found, Fault> {
        let (name, attached) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&text[..at], Some(OsStr::from_bytes(&text[at + 1..]).to_owned())),
            None => (text, None),
        };
        let long = self.find_long(name, text)?;
        let argument = match (long.takes, attached) {
            (Takes::Nothing, Some(_)) => {
                return Err(Fault(match self.style {
                    Style::Gnu => format!("option '--{}' doesn't allow an argument", long.name),
                    Style::Optparse => format!("option takes no arguments -- '{}'", long.name),
                }));
            }
            (Takes::Argument, None) => match self.left.pop_front() {
                Some(argument) => Some(argument),
                None => {
                    return Err(Fault(match self.style {
                        Style::Gnu => format!("option '--{}' requires an argument", long.name),
                        Style::Optparse => {
                            format!("option requires an argument -- '{}'", long.name)
                        }
                    }));
                }
            },
            (_, attached) => attached,
        };
        Ok(Found { id: long.id, argument })
    }

    /// The long option of that name, or in GNU style the only one that starts so. `text` is the
    /// name with `=` and argument, which messages repeat.
    fn find_long(&self, name: &[u8], text: &[u8]) -> Result<Long, Fault> {
        if let Some(long) = self.long.iter().find(|long| long.name.as_bytes() == name) {
            return Ok(*long);
        }
        if self.style == Style::Optparse {
            return Err(Fault(format!("invalid option -- '{}'", shown(text))));
        }
        let starts = |long: &&Long| long.name.as_bytes().starts_with(name);
        let candidates: Vec<&Long> = self.long.iter().filter(starts).collect();
        match candidates.as_slice() {
            [] => Err(Fault(format!("unrecognized option '--{}'", shown(text)))),
            [first, rest @ ..]
                if rest.iter().all(|long| (long.id, long.takes) == (first.id, first.takes)) =>
            {
                Ok(**first)
            }
            _ => {
                let names: Vec<String> =
                    candidates.iter().map(|long| format!(" '--{}'", long.name)).collect();
                Err(Fault(format!(
                    "option '--{}' is ambiguous; possibilities:{}",
                    shown(text),
                    names.concat()
                )))
            }
        }
    }
}

impl Iterator for Options {
    type Item = Result<Found, Fault>;

    fn next(&mut self) -> Option<Result<Found, Fault>> {
        if !self.cluster.is_empty() {
            return Some(self.next_short());
        }
        while let Some(argument) = self.left.pop_front() {
            match argument.as_bytes() {
                b"--" => return None,
                // Without long options, getopt(3) reads `--x` as the options `-` and `x`.
                [b'-', b'-', text @ ..] if !self.long.is_empty() => {
                    return Some(self.next_long(text));
                }
                [b'-', cluster @ ..] if !cluster.is_empty() => {
                    self.cluster = cluster.to_vec();
                    return Some(self.next_short());
                }
                _ => self.operands.push(argument),
            }
        }
        None
    }
}

/// Bytes of the command line as a message shows them.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &[Long] = &[
        Long { name: "count", takes: Takes::Argument, id: 'c' },
        Long { name: "color", takes: Takes::Attached, id: '\u{100}' },
        Long { name: "quiet", takes: Takes::Nothing, id: 'q' },
    ];

    /// One line for each option and fault, then the operands.
    fn parse(style: Style, long: &'static [Long], line: &str) -> String {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let mut options = Options::new(style, "qc:x::", long, arguments);
        let mut out: Vec<String> = options
            .by_ref()
            .map(|item| match item {
                Ok(Found { id, argument: None }) => id.to_string(),
                Ok(Found { id, argument: Some(argument) }) => {
                    format!("{id}={}", argument.display())
                }
                Err(Fault(message)) => message,
            })
            .collect();
        out.extend(options.operands().iter().map(|operand| operand.display().to_string()));
        out.join("|")
    }

    #[test]
    fn short_options_cluster_and_permute() {
        let parse = |line| parse(Style::Gnu, &[], line);
        assert_eq!(parse("a -qc3 b -c 4 -x -x5 c"), "q|c=3|c=4|x|x=5|a|b|c");
        assert_eq!(parse("a -- -q b"), "a|-q|b");
        assert_eq!(parse("- -q"), "q|-");
        assert_eq!(parse("-c"), "option requires an argument -- 'c'");
        assert_eq!(parse("-zq"), "invalid option -- 'z'|q");
        assert_eq!(parse("--q"), "invalid option -- '-'|q");
        assert_eq!(parse("-c -- q"), "c=--|q");
        assert_eq!(parse("-:"), "invalid option -- ':'");
    }

    #[test]
    fn long_options_as_the_c_library() {
        let parse = |line| parse(Style::Gnu, LONG, line);
        assert_eq!(parse("--count 3 --cou=4 --color --col=5 a"), "c=3|c=4|\u{100}|\u{100}=5|a");
        assert_eq!(
            parse("--co=3"),
            "option '--co=3' is ambiguous; possibilities: '--count' '--color'"
        );
        assert_eq!(parse("--bogus=3"), "unrecognized option '--bogus=3'");
        assert_eq!(parse("--quiet=3"), "option '--quiet' doesn't allow an argument");
        assert_eq!(parse("--count"), "option '--count' requires an argument");
    }

    #[test]
    fn long_options_as_optparse() {
        let parse = |line| parse(Style::Optparse, LONG, line);
        assert_eq!(parse("--count 3 a --quiet"), "c=3|q|a");
        assert_eq!(parse("--co=3"), "invalid option -- 'co=3'");
        assert_eq!(parse("--quiet=3"), "option takes no arguments -- 'quiet'");
        assert_eq!(parse("--count"), "option requires an argument -- 'count'");
        assert_eq!(parse("-c"), "option requires an argument -- 'c'");
    }

    #[test]
    fn bytes_that_are_not_text_are_kept() {
        let arguments = vec![OsString::from_vec(vec![b'-', b'c', 0xff]), OsString::from("-\u{e9}")];
        let found: Vec<_> = Options::new(Style::Gnu, "c:", &[], arguments).collect();
        let argument = Some(OsString::from_vec(vec![0xff]));
        assert_eq!(found[0], Ok(Found { id: 'c', argument }));
        assert_eq!(found.len(), 3);
    }
}
