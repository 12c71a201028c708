//! The kernel's answer to a question about sockets, and its counters.
#![no_main]
#![expect(dead_code, reason = "each target has a check of its own in one file")]

#[path = "../../crates/net/tests/netns/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::netlink(bytes));
