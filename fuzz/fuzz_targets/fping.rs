//! The command line of fping: arguments between line feeds, any bytes in them.
#![no_main]
#![expect(dead_code, reason = "the program uses more of these files than their parser does")]

#[path = "../../crates/cli/src/as_/fping/check.rs"]
mod check;
#[path = "../../crates/cli/src/escape.rs"]
mod escape;
#[path = "../../crates/cli/src/as_/getopt.rs"]
mod getopt;
#[path = "../../crates/cli/src/as_/fping/number.rs"]
mod number;
#[path = "../../crates/cli/src/as_/fping/options.rs"]
mod options;
#[path = "../../crates/cli/src/as_/fping/usage.rs"]
mod usage;

mod as_ {
    pub(crate) use crate::getopt;
}

/// Only where a road begins is part of a command line.
#[path = "../../crates/cli/src/road"]
mod road {
    mod choice;
    pub use choice::LabChoice;
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::of(bytes));
