//! What must hold for any command line: it is fuzzed, and tests feed what the fuzzer kept.

use super::options::Options;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The bytes are arguments with line feeds between them.
pub fn of(bytes: &[u8]) {
    let words = bytes.split(|byte| *byte == b'\n');
    let arguments = words.map(|word| OsString::from_vec(word.to_vec())).collect();
    match Options::parse("fping", arguments) {
        Ok(options) => {
            assert!(options.size_bytes <= 65_488, "{options:?}");
            assert!((1.0..=5.0).contains(&options.backoff), "{options:?}");
            assert!(!options.period.is_zero(), "{options:?}");
        }
        Err(leave) => {
            assert!(leave.code <= 1, "{leave:?}");
            assert_ne!(leave.stdout.is_empty(), leave.stderr.is_empty(), "{leave:?}");
        }
    }
}
