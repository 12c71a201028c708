//! Against tftpd-hpa in a network namespace, byte for byte both ways; and against nobody.

use serde_json::Value;
use std::fs::{self, Permissions};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;
use testbed::{Bed, Chain, Ran};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(240);

/// A client, a server that serves a directory, and a directory of the client's.
struct Town {
    chain: Chain,
    served: PathBuf,
    here: PathBuf,
}

impl Town {
    fn open(bed: &mut Bed) -> Town {
        let chain = bed.chain(&["client", "server"]);
        chain[1].unlimited_errors();
        let [served, here] = ["served", "here"].map(|name| bed.scratch().join(name));
        for directory in [&served, &here] {
            fs::create_dir(directory).expect("a new directory");
            fs::set_permissions(directory, Permissions::from_mode(0o777)).expect("ours");
        }
        // It has bound its port when it leaves for the background.
        let arguments = ["-l", "-c", "-p", "-u", "nobody", "-s", served.to_str().expect("UTF-8")];
        let ran = chain[1].run("in.tftpd", &arguments);
        assert_eq!(ran.code(), Some(0), "{ran:?}");
        Town { chain, served, here }
    }

    fn serve(&self, name: &str, bytes: &[u8]) {
        let path = self.served.join(name);
        fs::write(&path, bytes).expect("room");
        fs::set_permissions(&path, Permissions::from_mode(0o666)).expect("ours");
    }

    fn tftp(&self, arguments: &str, is_nobody: bool) -> Ran {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let launch = self.chain[0].launch(ASKWAY).args(&["tftp"]).args(&words).limit(LIMIT);
        if is_nobody { launch.as_nobody().run() } else { launch.run() }
    }

    /// Fetches a file; what came.
    fn get(&self, to: IpAddr, name: &str, more: &str) -> Vec<u8> {
        let here = self.here.display();
        let ran = self.tftp(&format!("get [{to}] {name} -d {here} -f --dally 0 {more}"), true);
        assert_eq!(ran.code(), Some(0), "{name} {more}: {}{}", ran.stdout(), ran.stderr());
        fs::read(self.here.join(name)).expect("it came")
    }

    /// Sends a file; what the server has then.
    fn put(&self, to: IpAddr, name: &str, bytes: &[u8], more: &str) -> Vec<u8> {
        let path = self.here.join(name);
        fs::write(&path, bytes).expect("room");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("ours");
        let ran = self.tftp(&format!("put [{to}] {} up {more}", path.display()), true);
        assert_eq!(ran.code(), Some(0), "{name} {more}: {}{}", ran.stdout(), ran.stderr());
        let up = self.served.join("up");
        let got = fs::read(&up).expect("it came");
        fs::remove_file(up).expect("ours");
        fs::remove_file(path).expect("ours");
        got
    }
}

/// Every byte, and lines.
fn sample(bytes: usize) -> Vec<u8> {
    let mix = |at: usize| (at.wrapping_mul(167) >> 3) as u8;
    (0..bytes).map(|at| if at % 61 == 60 { b"\r\n"[at & 1] } else { mix(at) }).collect()
}

#[test]
fn every_size_arrives_byte_for_byte_both_ways() {
    let Some(mut bed) = Bed::open(&["in.tftpd"]) else { return };
    let town = Town::open(&mut bed);
    for to in town.chain.both(1) {
        for bytes in [0, 1, 511, 512, 513, 1_428, 100_000] {
            let file = sample(bytes);
            town.serve("file", &file);
            for more in ["", "--no-options", "-b 512", "-b 9000 -t 3"] {
                assert!(town.get(to, "file", more) == file, "{to} {bytes} {more}");
                assert!(town.put(to, "mine", &file, more) == file, "{to} {bytes} {more}");
            }
        }
    }
}

#[test]
fn texts_are_translated_as_the_server_does_it() {
    let Some(mut bed) = Bed::open(&["in.tftpd"]) else { return };
    let town = Town::open(&mut bed);
    for to in town.chain.both(1) {
        for text in [&b""[..], b"\n", b"\r", b"a\nb\rc\r\n\0", &sample(5_000), &[b'\n'; 511]] {
            town.serve("text", text);
            for more in ["-m netascii", "-m netascii --no-options", "-m netascii -b 8"] {
                assert!(town.get(to, "text", more) == text, "{to} {text:?} {more}");
                assert!(town.put(to, "mine", text, more) == text, "{to} {text:?} {more}");
            }
        }
    }
}

#[test]
fn block_numbers_go_round() {
    let Some(mut bed) = Bed::open(&["in.tftpd"]) else { return };
    let town = Town::open(&mut bed);
    let to = town.chain.v4(1);
    let file = sample(8 * 65_540 + 5);
    town.serve("long", &file);
    assert!(town.get(to, "long", "-b 8") == file);
    assert!(town.put(to, "mine", &file, "-b 8 --rollover 1") == file);
}

#[test]
fn where_nobody_listens_it_ends_at_once() {
    let Some(mut bed) = Bed::open(&["in.tftpd"]) else { return };
    let town = Town::open(&mut bed);
    for to in town.chain.both(1) {
        for is_nobody in [false, true] {
            let here = town.here.display();
            let ran = town.tftp(&format!("get [{to}]:6900 file --json -d {here}"), is_nobody);
            assert_eq!(ran.code(), Some(1), "{}{}", ran.stdout(), ran.stderr());
            let objects: Vec<Value> = ran
                .stdout()
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            let [error, summary] = objects.as_slice() else { panic!("{objects:?}") };
            assert_eq!(error["meaning"], "port_unreachable");
            assert_eq!((&error["from"], &error["ends"]), (&to.to_string().into(), &true.into()));
            assert_eq!(error["destination_port"], 6_900);
            assert!(error["source_port"].as_u64().is_some_and(|port| port >= 49_152));
            assert_eq!((&summary["end"], &summary["sent"]), (&"unreachable".into(), &1.into()));
            assert_eq!(fs::read_dir(&town.here).expect("there").count(), 0);
        }
    }
}

#[test]
fn the_servers_refusal_is_shown_and_no_file_left() {
    let Some(mut bed) = Bed::open(&["in.tftpd"]) else { return };
    let town = Town::open(&mut bed);
    for to in town.chain.both(1) {
        let ran = town.tftp(&format!("get [{to}] nothing -d {}", town.here.display()), true);
        assert_eq!(ran.code(), Some(1), "{}", ran.stderr());
        assert!(ran.stdout().contains("file not found (error 1)"), "{}", ran.stdout());
        assert_eq!(fs::read_dir(&town.here).expect("there").count(), 0);
    }
}
