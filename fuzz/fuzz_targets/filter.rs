//! Filters, and the programs that they become.
#![no_main]

#[path = "../../crates/wire/tests/wire/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::of("filter")(bytes));
