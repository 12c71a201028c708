//! Over real kernels: whole prefixes, every reason, signals, and files where they are hard to
//! write.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;
use testbed::{Bed, Chain, Ran};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(300);

/// Client, router and server. The server answers for 203.0.113.0/24, of which the router drops
/// .64/26 and rejects .128/26 (host unreachable) and .192/26 (prohibited), and for
/// 2001:db8:aaaa::/48.
struct Network {
    chain: Chain,
    bed: Bed,
}

impl Network {
    fn open() -> Option<Network> {
        let mut bed = Bed::open(&["nft"])?;
        let chain = bed.chain(&["client", "router", "server"]);
        chain.answers_for("203.0.113.0/24");
        chain.answers_for("2001:db8:aaaa::/48");
        // Not by `unreachable` routes: the kernel limits their errors for all namespaces together.
        chain[1].nft(
            "table ip t { chain forward { type filter hook forward priority 0;
                ip daddr 203.0.113.64/26 drop;
                ip daddr 203.0.113.128/26 reject with icmp type host-unreachable;
                ip daddr 203.0.113.192/26 reject with icmp type admin-prohibited;
            }; }",
        );
        Some(Network { chain, bed })
    }

    /// A directory that only its owner writes to, anybody reads.
    fn directory(&self, name: &str, owner: u32) -> PathBuf {
        let path = self.bed.scratch().join(name);
        fs::create_dir(&path).expect("a new directory");
        std::os::unix::fs::chown(&path, Some(owner), Some(owner)).expect("root may");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("root may");
        path
    }

    #[track_caller]
    fn up(&self, arguments: &str) -> Ran {
        let words: Vec<&str> = ["up"].into_iter().chain(arguments.split_whitespace()).collect();
        self.chain[0].launch(ASKWAY).args(&words).limit(LIMIT).run()
    }

    #[track_caller]
    fn shell(&self, script: &str) -> Ran {
        self.chain[0].launch("sh").args(&["-c", script]).limit(LIMIT).run()
    }
}

fn objects(ran: &Ran) -> Vec<Value> {
    ran.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn count(objects: &[Value], field: &str, value: &str) -> usize {
    objects.iter().filter(|object| object[field] == value).count()
}

fn lines(path: &std::path::Path) -> Vec<String> {
    fs::read_to_string(path).expect("a list").lines().map(str::to_owned).collect()
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn reasons_are_told(ran: &Ran) {
    let objects = objects(ran);
    assert_eq!(count(&objects, "verdict", "alive"), 63, "{ran:?}");
    assert_eq!(count(&objects, "reason", "timeout"), 64);
    assert_eq!(count(&objects, "meaning", "host_unreachable"), 64);
    assert_eq!(count(&objects, "meaning", "communication_prohibited"), 63);
    let summary = objects.last().expect("a summary");
    assert_eq!(summary["targets"], 254);
    assert_eq!(summary["no"], 191);
    assert_eq!(ran.code(), Some(1));
}

#[test]
fn every_reason_is_told_by_raw_sockets_and_without_privilege() {
    let Some(network) = Network::open() else { return };
    let arguments = "--json --rate max --timeout 100ms --retries 1 203.0.113.0/24";
    reasons_are_told(&network.up(arguments));
    network.chain[0].ping_group_range(65_534, 65_534);
    let words: Vec<&str> = ["up"].into_iter().chain(arguments.split_whitespace()).collect();
    reasons_are_told(&network.chain[0].launch(ASKWAY).args(&words).as_nobody().run());
}

#[test]
fn twice_as_many_targets_as_there_are_sequence_numbers_all_answer() {
    let Some(network) = Network::open() else { return };
    let ok = network.bed.scratch().join("ok");
    let options = "--quiet --rate max --timeout 5s";
    let ran = network.up(&format!("{options} --ok {} 2001:db8:aaaa::/111", ok.display()));
    assert!(ran.stdout().starts_with("131072 of 131072 alive, 0 not; "), "{ran:?}");
    assert_eq!(ran.code(), Some(0));
    let lines = lines(&ok);
    assert_eq!(lines.len(), 131_072);
    assert_eq!(lines[0], "2001:db8:aaaa::");
    assert_eq!(lines[131_071], "2001:db8:aaaa::1:ffff");
}

#[test]
fn measured_from_kernel_to_kernel_unless_it_is_a_flood() {
    let Some(network) = Network::open() else { return };
    // The kernel begins to stamp a little after it is asked to: the first answers may do without.
    let paced = objects(&network.up("--json --rate 1000 203.0.113.0/26"));
    assert!(count(&paced, "rtt_source", "kernel") > 32, "{paced:?}");
    let flood = objects(&network.up("--json --rate max 2001:db8:aaaa::/116"));
    assert_eq!(count(&flood, "rtt_source", "kernel"), 0);
    assert!(count(&flood, "rtt_source", "kernel_receive") > 2_048);
}

#[test]
fn both_files_are_complete_after_an_interrupt() {
    let Some(network) = Network::open() else { return };
    let directory = network.directory("lists", 0);
    let (ok, no) = (directory.join("ok"), directory.join("no"));
    for signal in ["INT", "TERM"] {
        fs::write(&ok, "old\n").expect("room");
        let words = ["up", "--json", "--rate", "50", "--timeout", "300ms", "--retries", "0"];
        let mut running = network.chain[0]
            .launch(ASKWAY)
            .args(&words)
            .args(&["--ok".as_ref(), ok.as_os_str(), "--no".as_ref(), no.as_os_str()])
            .args(&["203.0.113.62-203.0.113.65", "2001:db8:aaaa::/112"])
            .start();
        // The silent ones were asked before it, and given up long before.
        running.wait_for_stdout("\"2001:db8:aaaa::28\"");
        assert_eq!(lines(&ok), ["old"], "nothing is replaced before the end");
        running.signal(signal);
        let ran = running.finish();
        let objects = objects(&ran);
        let summary = objects.last().expect("a summary");
        assert_eq!(summary["is_interrupted"], true);
        let of = |class: &str| -> Vec<String> {
            let of_class = objects.iter().filter(|object| object["verdict"] == class);
            of_class.map(|o| o["target"].as_str().expect("a target").to_owned()).collect()
        };
        assert_eq!(lines(&ok), of("alive"));
        assert_eq!(lines(&no), ["203.0.113.64", "203.0.113.65"]);
        assert_eq!(of("no"), lines(&no));
        assert_eq!(of("alive").len() + of("unknown").len(), 2 + 65_536);
        assert_eq!(names(&directory), ["no", "ok"]);
        assert_eq!(ran.code(), Some(1));
    }
}

#[test]
fn a_status_request_says_how_far_the_run_is() {
    let Some(network) = Network::open() else { return };
    let words = ["up", "--json", "--rate", "20", "2001:db8:aaaa::/112"];
    let mut running = network.chain[0].launch(ASKWAY).args(&words).start();
    running.wait_for_stdout("\"2001:db8:aaaa::1\"");
    running.signal("QUIT");
    running.wait_for_stderr("/65536 (0%), ");
    running.signal("INT");
    let ran = running.finish();
    assert!(ran.stderr().contains(" alive, "), "{ran:?}");
}

#[test]
fn a_directory_that_takes_no_file_ends_it_before_anything_is_sent() {
    let Some(network) = Network::open() else { return };
    let directory = network.directory("others", 0);
    network.chain[0].ping_group_range(0, 65_534);
    let ok = directory.join("ok").display().to_string();
    let words = ["up", "--ok", &ok, "203.0.113.1"];
    let ran = network.chain[0].launch(ASKWAY).args(&words).as_nobody().run();
    assert_eq!(ran.code(), Some(5), "{ran:?}");
    let said = format!(
        "askway: cannot write {ok}: Permission denied (os error 13)\n\
         hint: what stood there before is unchanged\n"
    );
    assert_eq!((ran.stdout(), ran.stderr()), (String::new(), said));
    assert!(names(&directory).is_empty());
}

#[test]
fn a_superuser_writes_into_the_directories_of_others_and_keeps_owner_and_mode() {
    let Some(network) = Network::open() else { return };
    let directory = network.directory("theirs", 65_534);
    let ok = directory.join("ok");
    fs::write(&ok, "old\n").expect("room");
    std::os::unix::fs::chown(&ok, Some(65_534), Some(65_534)).expect("root may");
    fs::set_permissions(&ok, fs::Permissions::from_mode(0o640)).expect("root may");
    let no = directory.join("no");
    let ran = network.up(&format!("--ok {} --no {} 203.0.113.1-2", ok.display(), no.display()));
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    assert_eq!(lines(&ok), ["203.0.113.1", "203.0.113.2"]);
    assert!(lines(&no).is_empty());
    let kept = fs::metadata(&ok).expect("there");
    assert_eq!((kept.uid(), kept.gid(), kept.mode() & 0o7777), (65_534, 65_534, 0o640));
    assert_eq!(names(&directory), ["no", "ok"]);
}

#[test]
fn a_file_that_lends_its_owners_rights_lends_them_to_sockets_alone() {
    let Some(network) = Network::open() else { return };
    network.chain[0].ping_group_range(1, 0);
    let directory = network.directory("roots", 0);
    let secret = directory.join("secret");
    fs::write(&secret, "se!cret\n").expect("room");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("root may");
    let lab = directory.join("lab.toml");
    fs::write(&lab, "[host]\na = {}\nb = {}\n[[link]]\nends = [\"a\", \"b\"]\n").expect("room");
    let up = |arguments: &str| {
        network.shell(&format!(
            "test -e lent || cp {ASKWAY} lent; chmod 4755 lent; \
             exec setpriv --reuid=65534 --regid=65534 --clear-groups ./lent up {arguments}"
        ))
    };
    let ran = up("203.0.113.1");
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    let (secret, ok) = (secret.display(), directory.join("ok").display().to_string());
    for arguments in [
        format!("--file {secret}"),
        format!("--lab {secret} b"),
        format!("--lab {} --ok {ok} b", lab.display()),
        format!("--ok {ok} 203.0.113.1"),
    ] {
        let ran = up(&arguments);
        assert!(ran.stderr().contains(": Permission denied (os error 13)"), "{ran:?}");
        assert!(!ran.stderr().contains("se!"), "{ran:?}");
    }
    assert_eq!(names(&directory), ["lab.toml", "secret"]);
}

#[test]
fn a_full_disk_leaves_both_old_files() {
    let Some(network) = Network::open() else { return };
    let disk = network.directory("disk", 0).display().to_string();
    // The mount is the shell's own and goes with it.
    let ran = network.shell(&format!(
        "mount -t tmpfs -o size=16k none {disk} && cd {disk} && echo old > ok && echo old > no
         {ASKWAY} up --quiet --rate max --ok ok --no no 203.0.113.64-65 --retries 0 \
                  2001:db8:aaaa::/118
         echo \"exit $?\"; cat ok no; ls -A"
    ));
    let said = "askway: cannot write ok: No space left on device (os error 28)\n\
                hint: what stood there before is unchanged\n";
    assert_eq!(ran.stderr(), said, "{ran:?}");
    let sum = ran.stdout().lines().next().expect("a sum").to_owned();
    assert!(sum.starts_with("1024 of 1026 alive, 2 not; "), "{sum}");
    assert!(ran.stdout().ends_with("\nexit 5\nold\nold\nno\nok\n"), "{ran:?}");
}

#[test]
fn whoever_stops_reading_does_not_stop_the_files() {
    let Some(network) = Network::open() else { return };
    let ok = network.bed.scratch().join("ok");
    let ran = network.shell(&format!(
        "{ASKWAY} up --json --rate max --ok {} 2001:db8:aaaa::/116 | head -n 1",
        ok.display()
    ));
    assert_eq!(ran.stdout().lines().count(), 1);
    assert_eq!(ran.stderr(), "");
    assert_eq!(lines(&ok).len(), 4_096);
}
