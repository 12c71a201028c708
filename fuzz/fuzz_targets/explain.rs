//! Whatever may be pasted for an explanation: dumps, packets, lines of other tools.
#![no_main]
#![expect(dead_code, reason = "the program uses more of these files than their parsers do")]

#[path = "../../crates/cli/src/escape.rs"]
mod escape;

#[path = "../../crates/cli/src/command"]
mod command {
    #[path = "explain"]
    pub mod explain {
        pub mod book;
        pub mod both;
        pub mod check;
        pub mod dissect;
        pub mod dump;
        pub mod errno;
        pub mod line;
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| command::explain::check::of(bytes));
