//! The engines that gather answers, against hosts and routers that send what they like.
#![no_main]

#[path = "../../crates/probe/tests/engine/gather/hostile.rs"]
mod hostile;
#[path = "../../crates/probe/tests/engine/input.rs"]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::check(bytes));
