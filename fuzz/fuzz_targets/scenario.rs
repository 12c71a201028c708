//! Networks as text, and a trace over those that can be.
#![no_main]

#[path = "../../crates/lab/tests/roads/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::check(bytes));
