//! Random packets through the tracker, beside a model that is clear and slow.
#![no_main]

#[path = "../../crates/lab/tests/conntrack/hostile.rs"]
mod hostile;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::check(bytes));
