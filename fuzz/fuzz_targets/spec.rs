//! Lists of targets, as files and standard input bring them.
#![no_main]
#![expect(dead_code, reason = "the program uses more of these files than reading lists does")]

#[path = "../../crates/cli/src/spec/check.rs"]
mod check;
#[path = "../../crates/cli/src/escape.rs"]
mod escape;
#[path = "../../crates/cli/src/failure.rs"]
mod failure;
#[path = "../../crates/cli/src/spec.rs"]
mod spec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::of(bytes));
