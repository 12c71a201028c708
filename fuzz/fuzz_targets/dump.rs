//! Packets as lines.
#![no_main]

#[path = "../../crates/wire/tests/wire/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::of("dump")(bytes));
