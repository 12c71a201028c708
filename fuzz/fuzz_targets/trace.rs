//! The trace engine against a network that does what it likes.
#![no_main]
#![expect(dead_code, reason = "tests use more of these files than their checks do")]

#[path = "../../crates/probe/tests/engine/trace/hostile.rs"]
mod hostile;
#[path = "../../crates/probe/tests/engine/input.rs"]
mod input;
#[path = "../../crates/probe/tests/engine/trace/network.rs"]
mod network;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::check(bytes));
