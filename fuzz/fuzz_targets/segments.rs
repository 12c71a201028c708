//! Packets that stand for many, and what devices say of them.
#![no_main]

#[path = "../../crates/lab/tests/segments.rs"]
mod segments;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| segments::check(bytes));
