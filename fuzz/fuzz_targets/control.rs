//! Control messages beside received datagrams, and errors rebuilt from them.
#![no_main]
#![expect(dead_code, reason = "each target has a check of its own in one file")]

#[path = "../../crates/net/tests/netns/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::control(bytes));
