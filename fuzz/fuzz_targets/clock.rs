//! The clock engine and its decoders against a peer that sends what it likes.
#![no_main]
#![expect(dead_code, reason = "tests use more of these files than their checks do")]

#[path = "../../crates/probe/tests/engine/clock/hostile.rs"]
mod hostile;
#[path = "../../crates/probe/tests/engine/input.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::check(bytes));
