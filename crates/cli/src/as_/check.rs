//! What holds for every command line of ping, winping, traceroute, tracepath and clockdiff,
//! whatever stands in it. For tests and the fuzzer.

use crate::as_::console::Console;
use crate::as_::getopt::{Options, Style};
use crate::as_::{clockdiff, ping, tracepath, traceroute, winping};
use crate::resolve;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Reads bytes as the number of a dialect and its arguments, each ended by a zero byte: they are
/// refused, or what was taken from them is within its bounds. The third is an answer's bytes.
pub fn of(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let arguments: Vec<OsString> =
        rest.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
    keeps_every_word(&arguments);
    match which % 6 {
        0 => ping_is_bounded(arguments),
        1 => winping_is_bounded(&arguments),
        3 => traceroute_is_bounded(arguments),
        4 => tracepath_is_bounded(arguments),
        5 => clockdiff_is_bounded(arguments),
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

fn traceroute_is_bounded(arguments: Vec<OsString>) {
    let mut console = Console::keeping("traceroute");
    let _ = traceroute::options::lab(&arguments);
    // Nobody is asked after names here.
    let resolver = |name: &str, _| match resolve::literal(name) {
        Some(target) => Ok(vec![target]),
        None => Err(resolve::Unresolved {
            name: name.to_owned(),
            reason: "unknown".to_owned(),
            code: -2,
        }),
    };
    let parsed =
        traceroute::options::Options::parse("traceroute", arguments, &resolver, &mut console);
    let Ok(options) = parsed else { return };
    assert!((1..=options.hops_max).contains(&options.first_hop));
    assert!((1..=10).contains(&options.queries) && options.in_flight_max >= 1);
    assert!(options.packet_bytes.is_none_or(|bytes| bytes <= 65_000));
    assert!(options.port != Some(0) && options.source_port != Some(0));
    assert!(options.gap_s >= 0.0 || options.gap_s.is_nan());
    let (module, keywords) = (options.module, &options.keywords);
    let Ok(recipe) = traceroute::module::recipe(module, keywords, true, &mut console) else {
        return;
    };
    assert!(recipe.method().overhead_bytes() <= 60);
}

fn tracepath_is_bounded(mut arguments: Vec<OsString>) {
    let mut console = Console::keeping("tracepath");
    let before = arguments.len();
    let lab = tracepath::options::take_lab(&mut arguments);
    assert!(arguments.len() <= before && (lab.is_none() || arguments.len() < before));
    let parsed = tracepath::options::Options::parse("tracepath", arguments, &mut console);
    let Ok(options) = parsed else { return };
    assert!(options.length.is_none_or(|bytes| bytes <= i32::MAX.unsigned_abs()));
    assert!(options.port != Some(0));
}

fn clockdiff_is_bounded(arguments: Vec<OsString>) {
    let mut console = Console::keeping("clockdiff");
    let operands = arguments.len();
    let parsed = clockdiff::options::Options::parse("clockdiff", arguments, &mut console);
    assert!(parsed.is_err() || operands > 0);
}
