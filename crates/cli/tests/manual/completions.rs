//! Completions: shells take the scripts, and bash completes by its own.

use super::{commands, root, said, shell, stdout};
use std::fs;
use std::process::Command;

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"
        shift
        complete -p askway > /dev/null || exit 1
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _askway askway "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let script = shell("askway completions bash", &root());
    let name = format!("askway-{}-{}.bash", std::process::id(), words.join("-"));
    let path = std::env::temp_dir().join(name);
    fs::write(&path, script.stdout).expect("writable");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK, "bash"]).arg(&path).args(words);
    let output = bash.output().expect("bash is installed");
    fs::remove_file(path).expect("it is ours");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    stdout(&output).lines().map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_commands_options_values_and_dialects() {
    for (words, expected) in [
        (&["askway", "tra"][..], &["trace"][..]),
        (&["askway", "trace", "--pat"], &["--paths", "--patience"]),
        (&["askway", "trace", "--kind", ""], &["udp", "icmp", "tcp"]),
        (&["askway", "as", "tra"], &["traceroute", "tracepath"]),
        (&["askway", "lab", "ru"], &["run"]),
        (&["askway", "completions", "z"], &["zsh"]),
        (&["askway", "nothing-begins-so"], &[]),
    ] {
        assert_eq!(offered(words), expected, "{words:?}");
    }
    let all = offered(&["askway", ""]);
    for name in commands() {
        assert!(all.contains(&name), "{name}: {all:?}");
    }
}

#[test]
fn shells_take_the_scripts() {
    for language in ["en", "zh"] {
        for (name, checker) in
            [("bash", "bash -n"), ("zsh", "zsh -n"), ("fish", "fish --no-execute")]
        {
            let line = format!("askway completions {name} --lang {language} > $0 && {checker} $0");
            let path = std::env::temp_dir().join(format!("askway-{}.{name}", std::process::id()));
            let line = line.replace("$0", &path.to_string_lossy());
            let output = shell(&line, &root());
            assert!(
                output.status.success() && said(&output).is_empty(),
                "{name}: {}",
                said(&output)
            );
            fs::remove_file(path).expect("it is ours");
        }
        for name in ["powershell", "elvish"] {
            let script =
                stdout(&shell(&format!("askway completions {name} --lang {language}"), &root()));
            for command in commands() {
                assert!(
                    script.contains(&format!("'{command}'")) || script.contains(&command),
                    "{name}"
                );
            }
        }
    }
}
