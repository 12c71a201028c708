//! What happens to files, over a lab: nothing is replaced, nothing left, nothing written elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of the test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("askway-tftp-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a new directory");
        Scratch(path)
    }

    fn tftp(&self, arguments: &str, stdin: Stdio) -> Output {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/scenarios/tftp.toml");
        Command::new(env!("CARGO_BIN_EXE_askway"))
            .arg("tftp")
            .arg("--lab")
            .arg(lab)
            .args(arguments.split_whitespace())
            .current_dir(&self.0)
            .env_clear()
            .stdin(stdin)
            .output()
            .expect("the program runs")
    }

    #[track_caller]
    fn check(&self, arguments: &str, code: i32, said: &str) {
        let output = self.tftp(arguments, Stdio::null());
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(output.status.code(), Some(code), "{arguments}: {text}");
        assert!(text.contains(said), "{arguments}: {text}");
    }

    fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.expect("readable").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = fs::read_dir(&self.0).expect("readable").map(name).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_replaced_only_by_force() {
    let scratch = Scratch::new("force");
    let path = scratch.0.join("hello.txt");
    scratch.check("get b hello.txt", 0, "12 bytes");
    assert_eq!(fs::read_to_string(&path).expect("it came"), "hello\nworld\n");
    fs::write(&path, "mine").expect("room");
    scratch.check("get b hello.txt", 5, "hello.txt is there already");
    assert_eq!(fs::read_to_string(&path).expect("there"), "mine");
    scratch.check("get b hello.txt -f", 0, "12 bytes");
    assert_eq!(fs::read_to_string(&path).expect("there"), "hello\nworld\n");
    assert_eq!(scratch.files(), ["hello.txt"]);
}

#[test]
fn what_fails_leaves_nothing() {
    let scratch = Scratch::new("nothing");
    for server in ["none f", "greedy f", "endless f", "short f", "painter f", "b nothing"] {
        scratch.check(&format!("get {server}"), 1, "");
        assert!(scratch.files().is_empty(), "{server}: {:?}", scratch.files());
    }
    scratch.check("get b big --max-size 99999", 1, "the file is too large: 100000 bytes");
    scratch.check("get b hello.txt -d missing", 5, "cannot write missing/hello.txt");
    scratch.check("get b hello.txt -o /dev/full/x", 5, "cannot write");
    assert!(scratch.files().is_empty());
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let scratch = Scratch::new("out");
    fs::create_dir(scratch.0.join("in")).expect("room");
    for name in ["..", "a/..", "/", "x/", "."] {
        scratch.check(&format!("get b {name} -d in"), 2, "gives no name for the file here");
    }
    for output in ["../x", "/nowhere/x", "a/b"] {
        scratch.check(&format!("get b hello.txt -d in -o {output}"), 2, "takes a name and no path");
    }
    symlink("../out", scratch.0.join("in/hello.txt")).expect("room");
    scratch.check("get b hello.txt -d in", 5, "is there already");
    scratch.check("get b hello.txt -d in -f", 0, "12 bytes");
    assert_eq!(scratch.files(), ["in"]);
    let found = fs::symlink_metadata(scratch.0.join("in/hello.txt")).expect("it came");
    assert!(found.is_file());
}

#[test]
fn a_disk_that_is_full_is_reported() {
    let scratch = Scratch::new("full");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a device");
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab/scenarios/tftp.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_askway"))
        .args(["tftp", "--lab", lab.to_str().expect("UTF-8"), "get", "b", "big", "-o", "-"])
        .current_dir(&scratch.0)
        .env_clear()
        .stdout(full)
        .output()
        .expect("the program runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("askway: cannot write to standard output: No space left"), "{stderr}");
}

#[test]
fn streams_go_and_come() {
    let scratch = Scratch::new("streams");
    let path = scratch.0.join("big");
    scratch.check("get b big", 0, "100000 bytes");
    let output = scratch.tftp("get b big -o -", Stdio::null());
    assert!(output.stdout == fs::read(&path).expect("it came"));
    let output = scratch.tftp("put b - again", fs::File::open(&path).expect("there").into());
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let sums: Vec<&str> = text.split("crc32 ").skip(1).map(|rest| &rest[..8]).collect();
    assert!(sums.len() == 2 && sums[0] == sums[1], "{text}");
    scratch.check("put b -", 2, "the file has no name at the server");
    scratch.check("put b missing", 5, "cannot read missing");
}
