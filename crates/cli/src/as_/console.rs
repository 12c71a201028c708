//! Where a dialect prints: standard output in one write a wake, standard error at once, in the
//! order in which a terminal should show them.

use crate::escape::defuse;
use std::io::{self, Write};

/// Buffered output past this is written without waiting for the next wake.
const FLUSH_BYTES: usize = 32_768;

/// What a process is ended with whose reader has gone away: 128 and SIGPIPE.
const READER_GONE: i32 = 141;

/// The two outputs of a tool.
pub struct Console {
    program: String,
    pending: Vec<u8>,
    /// Set in tests.
    kept: Option<Kept>,
}

/// Outputs that are kept instead of written, for tests.
#[derive(Default)]
pub struct Kept {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Console {
    /// A console whose error messages begin with the program's name.
    pub fn new(program: &str) -> Console {
        Console { program: program.to_owned(), pending: Vec::new(), kept: None }
    }

    /// A console that writes nowhere.
    #[cfg(any(test, fuzzing))]
    pub fn keeping(program: &str) -> Console {
        Console { kept: Some(Kept::default()), ..Console::new(program) }
    }

    /// Everything that was printed.
    #[cfg(any(test, fuzzing))]
    pub fn kept(mut self) -> (String, String) {
        self.flush();
        let kept = self.kept.unwrap_or_default();
        let text = |bytes| String::from_utf8(bytes).expect("dialects print text");
        (text(kept.stdout), text(kept.stderr))
    }

    /// Prints on standard output, as it stands.
    pub fn print(&mut self, text: &str) {
        self.pending.extend_from_slice(text.as_bytes());
        if self.pending.len() >= FLUSH_BYTES {
            self.flush();
        }
    }

    /// Prints a line on standard error: the program's name, a colon, the message, which may quote
    /// the command line.
    pub fn error(&mut self, message: &str) {
        let lines: Vec<_> = message.split('\n').map(defuse).collect();
        let text = format!("{}: {}\n", defuse(&self.program), lines.join("\n"));
        self.error_bare(&text);
    }

    /// Prints on standard error, as it stands.
    pub fn error_bare(&mut self, text: &str) {
        self.flush();
        match &mut self.kept {
            Some(kept) => kept.stderr.extend_from_slice(text.as_bytes()),
            // Nobody is left to tell if this fails.
            None => drop(io::stderr().write_all(text.as_bytes())),
        }
    }

    /// Writes what is pending. Ends the process if nobody can read it any more.
    pub fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        match &mut self.kept {
            Some(kept) => kept.stdout.extend_from_slice(&pending),
            None => self.put_out(&pending),
        }
        self.pending = pending;
        self.pending.clear();
    }

    fn put_out(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) else { return };
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(READER_GONE);
        }
        let why = system_words(&error);
        let _ = writeln!(io::stderr(), "{}: write error: {why}", self.program);
        std::process::exit(1);
    }
}

/// What the C library calls an error: without the number that Rust adds.
pub fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_carry_the_name_and_come_behind_what_was_printed() {
        let mut console = Console::keeping("ping");
        console.print("one");
        console.error("two");
        assert!(console.pending.is_empty());
        console.print("\n");
        assert_eq!(console.kept(), ("one\n".to_owned(), "ping: two\n".to_owned()));
    }

    #[test]
    fn system_words_are_those_of_the_c_library() {
        assert_eq!(system_words(&io::Error::from_raw_os_error(101)), "Network is unreachable");
    }
}
