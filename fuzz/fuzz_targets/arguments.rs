//! Command lines of ping and winping, and what answers make of a line.
#![no_main]
#![expect(dead_code, reason = "the program uses more of these files than command lines do")]

#[path = "../../crates/cli/src/as_/check.rs"]
mod check;
#[path = "../../crates/cli/src/escape.rs"]
mod escape;

#[path = "../../crates/cli/src/as_"]
mod as_ {
    pub mod console;
    pub mod getopt;
    pub mod ping {
        pub mod node_information;
        pub mod number;
        pub mod options;
        pub mod words;
    }
    pub mod winping {
        pub mod options;
    }
}

/// Only where a road begins is part of a command line.
mod road {
    /// As the program has it.
    #[derive(Clone, Debug)]
    pub struct LabChoice {
        pub file: std::path::PathBuf,
        pub from: Option<String>,
        pub seed: Option<u64>,
    }
}

/// Nobody is asked after names here.
mod resolve {
    use probe::targets::Target;

    /// As the program has it.
    pub struct Unresolved {
        pub reason: String,
    }

    pub fn resolve(name: &str, _: Option<wire::Family>) -> Result<Vec<Target>, Unresolved> {
        match name.parse() {
            Ok(address) => Ok(vec![Target { address, zone: 0 }]),
            Err(_) => Err(Unresolved { reason: "unknown".to_owned() }),
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::of(bytes));
