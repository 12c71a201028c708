//! TFTP packets, and the engine against a server that sends what it likes.
#![no_main]
#![expect(dead_code, reason = "tests use more of these files than their checks do")]

#[path = "../../crates/wire/tests/wire/checks.rs"]
mod checks;
#[path = "../../crates/probe/tests/engine/input.rs"]
mod input;
#[path = "../../crates/probe/tests/engine/tftp.rs"]
mod tftp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    checks::of("tftp")(bytes);
    tftp::check(bytes);
});
