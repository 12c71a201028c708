//! Command lines of ping, winping, traceroute, tracepath and clockdiff, and what answers make of a
//! line.
#![no_main]
#![expect(dead_code, reason = "the program uses more of these files than command lines do")]

#[path = "../../crates/cli/src/as_/check.rs"]
mod check;
#[path = "../../crates/cli/src/escape.rs"]
mod escape;

#[path = "../../crates/cli/src/as_"]
mod as_ {
    pub mod clockdiff {
        pub mod options;
    }
    pub mod console;
    pub mod getopt;
    pub mod ping {
        pub mod node_information;
        pub mod number;
        pub mod options;
        pub mod words;
    }
    pub mod tracepath {
        pub mod options;
    }
    pub mod traceroute {
        pub mod command_line;
        pub mod module;
        pub mod number;
        pub mod options;
        pub mod words;
    }
    pub mod winping {
        pub mod options;
    }
}

/// Only where a road begins is part of a command line.
#[path = "../../crates/cli/src/road"]
mod road {
    mod choice;
    pub use choice::LabChoice;
}

/// Nobody is asked after names here.
mod resolve {
    use probe::targets::Target;

    /// As the program has it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Unresolved {
        pub name: String,
        pub reason: String,
        pub code: i32,
    }

    /// As the program has it.
    pub type Resolved = Result<Vec<Target>, Unresolved>;

    pub fn literal(text: &str) -> Option<Target> {
        Some(Target { address: text.parse().ok()?, zone: 0 })
    }

    pub fn resolve(name: &str, _: Option<wire::Family>) -> Resolved {
        let unknown =
            || Unresolved { name: name.to_owned(), reason: "unknown".to_owned(), code: -2 };
        literal(name).map(|target| vec![target]).ok_or_else(unknown)
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::of(bytes));
