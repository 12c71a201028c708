//! Control messages beside received datagrams, and errors rebuilt from them.
#![no_main]

#[path = "../../crates/net/tests/netns/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::control(bytes));
