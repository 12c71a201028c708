//! How the program fails: one line that says what was wrong, perhaps a hint, and an exit code.

use crate::escape::defuse;
use std::fmt;

/// Exit codes of askway's own commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked was answered.
    Yes,
    /// Nothing, or not all.
    No,
    /// The command line is wrong.
    Usage,
    /// This process may not.
    NotPermitted,
    /// A name does not resolve.
    NameNotFound,
    /// Our own failure, or this host's.
    Failed,
    /// As the command that was run for the user.
    Other(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::NotPermitted => 3,
            Exit::NameNotFound => 4,
            Exit::Failed => 5,
            Exit::Other(code) => code,
        }
    }
}

/// Why the program gives up.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was wrong: lower case, no full stop.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
    /// The exit code of askway's own commands; dialects have theirs.
    pub exit: Exit,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "askway: {}", defuse(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", defuse(hint)),
            None => Ok(()),
        }
    }
}

impl From<net::Fault> for Failure {
    fn from(fault: net::Fault) -> Failure {
        let exit = match fault.blame {
            net::Blame::Usage => Exit::Usage,
            net::Blame::Rights => Exit::NotPermitted,
            net::Blame::Host => Exit::Failed,
        };
        Failure { message: fault.to_string(), hint: fault.hint, exit }
    }
}

impl From<lab::ScenarioFault> for Failure {
    fn from(fault: lab::ScenarioFault) -> Failure {
        Failure { message: fault.to_string(), hint: fault.hint, exit: Exit::Usage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_cannot_write_on_the_terminal() {
        let text = "[host]\n\"a\\u001b[2J\" = {}\n";
        let fault = lab::World::load(text, "\x1b]0;x\x07.toml", None).expect_err("no name");
        let shown = Failure::from(fault).to_string();
        assert!(shown.starts_with(r"askway: \u{1b}]0;x\u{7}.toml:2:1: "), "{shown}");
        assert!(!shown.contains('\x1b'), "{shown}");
    }
}
