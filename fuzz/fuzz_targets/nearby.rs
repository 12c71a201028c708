//! What machines of the local segment answer when asked for their names.
#![no_main]
#![expect(dead_code, reason = "asking is not fuzzed, only reading what is answered")]

#[path = "../../crates/net/src/nearby.rs"]
mod nearby;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for name in [nearby::mdns_answer(bytes), nearby::netbios_answer(bytes)].into_iter().flatten() {
        assert!(!name.is_empty() && name.len() <= 255 * 4);
    }
});
