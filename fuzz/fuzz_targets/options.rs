//! Options and headers in rows: IPv4, IPv6, TCP, neighbour discovery, listener reports.
#![no_main]

#[path = "../../crates/wire/tests/wire/checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::of("options")(bytes));
