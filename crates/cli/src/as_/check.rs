//! What holds for every command line of ping and winping, whatever stands in it. For tests and the
//! fuzzer.

use crate::as_::console::Console;
use crate::as_::getopt::{Options, Style};
use crate::as_::{ping, winping};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Reads bytes as the number of a dialect and its arguments, each ended by a zero byte: they are
/// refused, or what was taken from them is within its bounds. The third is an answer's bytes.
pub fn of(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let arguments: Vec<OsString> =
        rest.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
    keeps_every_word(&arguments);
    match which % 3 {
        0 => ping_is_bounded(arguments),
        1 => winping_is_bounded(&arguments),
        _ => {
            let said = ping::node_information::line(rest, 1);
            assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
        }
    }
}

/// Operands behind `--` come out as they went in, and no argument is there twice.
fn keeps_every_word(arguments: &[OsString]) {
    for style in [Style::Gnu, Style::Optparse] {
        let mut options = Options::new(style, "ab:c::", &[], arguments.to_vec());
        let taken = options.by_ref().count();
        let words: usize = arguments.iter().map(|word| word.len()).sum();
        assert!(taken <= words, "{taken} options in {words} bytes");
        let operands = options.operands();
        assert!(operands.len() <= arguments.len());
        let behind = std::iter::once(OsString::from("--")).chain(arguments.iter().cloned());
        let mut all = Options::new(style, "ab:c::", &[], behind.collect());
        assert_eq!(all.by_ref().count(), 0);
        assert_eq!(all.operands(), arguments);
    }
}

fn ping_is_bounded(arguments: Vec<OsString>) {
    let mut console = Console::keeping("ping");
    let Ok(options) = ping::options::Options::parse("ping", arguments, false, &mut console) else {
        return;
    };
    assert!(!options.operands.is_empty());
    assert!((1..=65_536).contains(&options.preload));
    assert!(options.count != Some(0));
    assert!(options.pattern.is_none_or(|pattern| pattern.len() <= 16));
    assert!(options.interval.is_none_or(|interval| interval.as_secs() <= 2_147_483));
    assert!(options.wait.as_secs() <= 2_147_483);
}

fn winping_is_bounded(arguments: &[OsString]) {
    let arguments: Vec<String> =
        arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let mut console = Console::keeping("winping");
    let Ok(options) = winping::options::Options::parse(&arguments, &mut console) else { return };
    assert!(options.size <= 65_500 && options.count != Some(0));
    assert!(options.record_route.is_none_or(|hops| (1..=9).contains(&hops)));
    assert!(options.timestamps.is_none_or(|hops| (1..=4).contains(&hops)));
    assert!(!options.target.is_empty() && !options.timeout.is_zero());
}
