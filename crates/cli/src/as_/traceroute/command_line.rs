//! Command lines as traceroute reads them: options of one or two dashes, the latter with their
//! argument behind `=`, anywhere among the operands; `--` ends them. Its messages count the
//! arguments.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// An option that there is.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// How it is written with one dash, if it is: `m`, or a word like `UL`, which stands alone.
    pub short: &'static str,
    /// How it is written with two dashes, if it is.
    pub long: &'static str,
    /// What messages call its argument; empty if it takes none.
    pub argument: &'static str,
    /// Whether the argument of the long form may also be the next word.
    pub is_loose: bool,
    /// What it is reported as.
    pub id: char,
}

/// An option that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which: see [`Known::id`].
    pub id: char,
    /// As it was written: `-m`, `--max-hops`.
    pub shown: String,
    /// Its argument; empty if it takes none.
    pub argument: String,
    /// Which word it, or its argument, was; 1-based.
    pub at: usize,
}

/// What is no option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The word.
    pub word: String,
    /// Which word of the command line it was; 1-based.
    pub at: usize,
}

/// Why the command line does not parse: the line to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

/// Yields the options one by one; what is left are [`CommandLine::operands`].
pub struct CommandLine {
    known: &'static [Known],
    left: VecDeque<OsString>,
    /// Which word comes next; 1-based.
    at: usize,
    /// What is left of a word like `-abc`, and whether nothing of it has been taken.
    cluster: Vec<u8>,
    is_fresh: bool,
    /// Words behind it are operands.
    is_over: bool,
    operands: Vec<Operand>,
}

impl CommandLine {
    /// Starts on the arguments behind the program's name.
    pub fn new(known: &'static [Known], arguments: Vec<OsString>) -> CommandLine {
        CommandLine {
            known,
            left: arguments.into(),
            at: 0,
            cluster: Vec::new(),
            is_fresh: false,
            is_over: false,
            operands: Vec::new(),
        }
    }

    /// Everything that is no option, in order. Complete once the iterator has ended.
    pub fn operands(self) -> Vec<Operand> {
        self.operands
    }

    fn next_word(&mut self) -> Option<OsString> {
        let word = self.left.pop_front()?;
        self.at += 1;
        Some(word)
    }

    fn next_short(&mut self) -> Result<Found, Fault> {
        let byte = self.cluster.remove(0);
        let is_first = std::mem::take(&mut self.is_fresh);
        let shown = format!("-{}", text(&[byte]));
        let known = self.known.iter().find(|known| known.short.as_bytes() == [byte]);
        let Some(known) = known else {
            self.cluster.clear();
            return Err(Fault(format!("Bad option `{shown}' (argc {})", self.at)));
        };
        if known.argument.is_empty() {
            return Ok(self.found(known, shown, String::new()));
        }
        let rest = std::mem::take(&mut self.cluster);
        let argument = match (rest.is_empty(), is_first) {
            (false, true) => Some(text(&rest)),
            (false, false) => None,
            (true, _) if self.left.is_empty() => None,
            (true, _) => self.next_word().map(|word| text(word.as_bytes())),
        };
        match argument {
            Some(argument) => Ok(self.found(known, shown, argument)),
            None => Err(self.wants_argument(&shown, &format!("{shown} {}", known.argument))),
        }
    }

    fn next_long(&mut self, word: &[u8]) -> Result<Found, Fault> {
        let (name, attached) = match word.iter().position(|byte| *byte == b'=') {
            Some(at) => (&word[..at], Some(text(&word[at + 1..]))),
            None => (word, None),
        };
        let is_meant = |known: &&Known| !name.is_empty() && known.long.as_bytes() == name;
        let known = self.known.iter().find(is_meant);
        let known = known.filter(|known| attached.is_none() || !known.argument.is_empty());
        let Some(known) = known else {
            let with = attached.map(|argument| format!(" (with arg `{argument}')"));
            let (word, with) = (text(word), with.unwrap_or_default());
            return Err(Fault(format!("Bad option `--{word}'{with} (argc {})", self.at)));
        };
        let shown = format!("--{}", known.long);
        let argument = match attached {
            None if known.argument.is_empty() => Some(String::new()),
            None if known.is_loose => self.next_word().map(|word| text(word.as_bytes())),
            attached => attached,
        };
        match argument {
            Some(argument) => Ok(self.found(known, shown, argument)),
            None => Err(self.wants_argument(&shown, &format!("{shown}={}", known.argument))),
        }
    }

    fn found(&self, known: &Known, shown: String, argument: String) -> Found {
        Found { id: known.id, shown, argument, at: self.at }
    }

    fn wants_argument(&self, shown: &str, form: &str) -> Fault {
        Fault(format!("Option `{shown}' (argc {}) requires an argument: `{form}'", self.at))
    }
}

impl Iterator for CommandLine {
    type Item = Result<Found, Fault>;

    fn next(&mut self) -> Option<Result<Found, Fault>> {
        if !self.cluster.is_empty() {
            return Some(self.next_short());
        }
        while let Some(word) = self.next_word() {
            match word.as_bytes() {
                b"--" if !self.is_over => self.is_over = true,
                [b'-', b'-', name @ ..] if !self.is_over => return Some(self.next_long(name)),
                [b'-', cluster @ ..] if !self.is_over && !cluster.is_empty() => {
                    let is_whole =
                        |known: &&Known| known.short.len() > 1 && known.short.as_bytes() == cluster;
                    if let Some(known) = self.known.iter().find(is_whole) {
                        let shown = format!("-{}", known.short);
                        return Some(Ok(self.found(known, shown, String::new())));
                    }
                    self.cluster = cluster.to_vec();
                    self.is_fresh = true;
                    return Some(self.next_short());
                }
                _ => self.operands.push(Operand { word: lossy(&word), at: self.at }),
            }
        }
        None
    }
}

fn lossy(word: &OsStr) -> String {
    text(word.as_bytes())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Known] = &[
        Known { short: "n", long: "", argument: "", is_loose: false, id: 'n' },
        Known { short: "m", long: "max-hops", argument: "max_ttl", is_loose: false, id: 'm' },
        Known { short: "U", long: "udp", argument: "", is_loose: false, id: 'U' },
        Known { short: "UL", long: "", argument: "", is_loose: false, id: 'L' },
        Known { short: "", long: "lab", argument: "file", is_loose: true, id: 'l' },
    ];

    /// One word for each option and fault, then the operands with their places.
    fn parse(line: &str) -> String {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let mut options = CommandLine::new(KNOWN, arguments);
        let mut out: Vec<String> = options
            .by_ref()
            .map(|item| match item {
                Ok(found) if found.argument.is_empty() => found.id.to_string(),
                Ok(found) => format!("{}={}", found.id, found.argument),
                Err(Fault(line)) => line,
            })
            .collect();
        out.extend(
            options.operands().iter().map(|operand| format!("{}@{}", operand.word, operand.at)),
        );
        out.join("|")
    }

    #[test]
    fn options_stand_anywhere_and_cluster() {
        assert_eq!(parse("-m5 a -n b"), "m=5|n|a@2|b@4");
        assert_eq!(parse("-nm 5 a"), "n|m=5|a@3");
        assert_eq!(parse("--max-hops=5 --lab x --lab=y"), "m=5|l=x|l=y");
        assert_eq!(parse("-m -n a"), "m=-n|a@3");
        assert_eq!(parse("- -- -n"), "-@1|-n@3");
        assert_eq!(parse("-UL -U"), "L|U");
    }

    #[test]
    fn faults_are_counted() {
        let needs = "requires an argument: `-m max_ttl'";
        assert_eq!(parse("-nm5"), format!("n|Option `-m' (argc 1) {needs}"));
        assert_eq!(parse("-n -m"), format!("n|Option `-m' (argc 2) {needs}"));
        assert_eq!(
            parse("--max-hops 5"),
            "Option `--max-hops' (argc 1) requires an argument: `--max-hops=max_ttl'|5@2"
        );
        assert_eq!(parse("--udp=3"), "Bad option `--udp=3' (with arg `3') (argc 1)");
        assert_eq!(parse("--max"), "Bad option `--max' (argc 1)");
        assert_eq!(parse("-ULn"), "U|Bad option `-L' (argc 1)");
    }
}
