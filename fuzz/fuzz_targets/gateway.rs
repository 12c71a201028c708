//! Any packets from both sides of a gateway, at any times.
#![no_main]

#[path = "../../crates/lab/tests/conntrack/gateway.rs"]
mod gateway;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gateway::check(bytes));
