//! The clock of a kernel, of chrony's NTP server and of inetd's daytime and time, each in a
//! namespace of this host: all show one clock, so each offset must be 0 within its own bound.

use serde_json::Value;
use std::time::Duration;
use testbed::{Bed, Chain, Running};

const ASKWAY: &str = env!("CARGO_BIN_EXE_askway");

/// Far beyond what any run takes, also on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(120);

/// No way is less exact than that, ns: a whole second, and what the machine may take to answer.
const BOUND_MAX_NS: u64 = 3_000_000_000;

const INETD: &str = "inetd";
const CHRONYD: &str = "chronyd";

/// inetd's own services, by the carriers that are named.
fn services(carriers: &[&str]) -> String {
    let line = |service: &str, carrier: &str| match carrier.starts_with("udp") {
        true => format!("{service} dgram {carrier} wait root internal\n"),
        false => format!("{service} stream {carrier} nowait root internal\n"),
    };
    let lines = |carrier: &&str| line("daytime", carrier) + &line("time", carrier);
    carriers.iter().map(lines).collect()
}

/// Starts inetd at the server, whose local time is nine hours and a half ahead of UTC.
fn inetd(bed: &Bed, chain: &Chain, carriers: &[&str]) -> Running {
    let file = bed.scratch().join("inetd.conf");
    std::fs::write(&file, services(carriers)).expect("the bed's own directory");
    let file = file.display().to_string();
    let inetd = chain[1].launch(INETD).args(&["-d", &file]).env("TZ", "XYZ-9:30");
    let running = inetd.limit(LIMIT).start();
    listens(chain, carriers[0], 13);
    listens(chain, carriers[carriers.len() - 1], 37);
    running
}

/// Starts chrony at the server. It leaves the clock alone (-x) and says that it is right.
fn chrony(bed: &Bed, chain: &Chain) -> Running {
    let file = bed.scratch().join("chrony.conf");
    let scratch = bed.scratch().display();
    let text = format!(
        "user root\nlocal stratum 5\nallow\ncmdport 0\npidfile {scratch}/chrony.pid\n\
         bindcmdaddress {scratch}/chrony.sock\n"
    );
    std::fs::write(&file, text).expect("the bed's own directory");
    let file = file.display().to_string();
    let running = chain[1].launch(CHRONYD).args(&["-d", "-x", "-f", &file]).limit(LIMIT).start();
    listens(chain, "udp", 123);
    listens(chain, "udp6", 123);
    running
}

/// Waits until somebody is at a port of the server's.
fn listens(chain: &Chain, carrier: &str, port: u16) {
    let family = if carrier.ends_with('6') { "-6" } else { "-4" };
    let sockets = if carrier.starts_with("udp") { "-u" } else { "-t" };
    let filter = format!("sport = :{port}");
    testbed::poll_until(&format!("somebody is at {carrier} port {port}"), || {
        let ran = chain[1].run("ss", &["-H", "-l", "-n", family, sockets, &filter]);
        !ran.stdout().trim().is_empty()
    });
}

struct Asked {
    code: Option<i32>,
    objects: Vec<Value>,
    stderr: String,
}

fn ask(chain: &Chain, arguments: &str, is_nobody: bool) -> Asked {
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let launch = chain[0].launch(ASKWAY).args(&["clock", "--json"]).args(&words).limit(LIMIT);
    let ran = if is_nobody { launch.as_nobody().run() } else { launch.run() };
    let parse = |line: &str| serde_json::from_str(line).expect("JSON");
    let objects = ran.stdout().lines().map(parse).collect();
    Asked { code: ran.code(), objects, stderr: ran.stderr() }
}

impl Asked {
    fn of_type(&self, wanted: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["type"] == wanted).collect()
    }

    /// The offset by a way.
    #[track_caller]
    fn offset(&self, way: &str) -> &Value {
        let offsets = self.of_type("offset");
        let found = offsets.into_iter().find(|it| it["way"] == way);
        found.unwrap_or_else(|| panic!("no {way}: {:?} {}", self.objects, self.stderr))
    }

    /// Checks that a way says 0, within its own bound.
    #[track_caller]
    fn is_right_by(&self, way: &str) {
        let it = self.offset(way);
        let offset_ns = it["offset_ns"].as_i64().unwrap_or_else(|| panic!("{it}"));
        let bound_ns = it["bound_ns"].as_u64().expect("every offset has a bound");
        assert!(offset_ns.unsigned_abs() <= bound_ns, "{it}");
        assert!((1..BOUND_MAX_NS).contains(&bound_ns), "{it}");
        assert_eq!((&it["end"], &it["disagreeing"]), (&"answered".into(), &0.into()), "{it}");
    }
}

#[test]
fn a_kernel_tells_its_time() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let asked = ask(&chain, &chain.v4(1).to_string(), false);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    asked.is_right_by("icmp");
    let offset = asked.offset("icmp");
    assert_eq!((&offset["answered"], &offset["sent"]), (&20.into(), &20.into()));
    // Linux reads its clock once for both.
    assert_eq!(offset["habits"], serde_json::json!(["copies_receive"]));
    let samples = asked.of_type("sample");
    // The kernel begins to stamp a moment after it is asked to, and a busy machine is late.
    assert!(samples.iter().any(|sample| sample["rtt_source"] == "kernel"), "{samples:?}");
    for sample in samples {
        let correction_ns = sample["correction_ns"].as_i64().expect("a number");
        let bound_ns = sample["bound_ns"].as_u64().expect("a number");
        assert!(correction_ns.unsigned_abs() <= bound_ns, "{sample}");
        for stamp in ["originate_ms", "receive_ms", "transmit_ms"] {
            assert!(sample[stamp].as_u64().is_some_and(|ms| ms < 86_400_000), "{sample}");
        }
    }
}

#[test]
fn a_kernel_is_watched_until_the_count() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let asked = ask(&chain, &format!("--watch -c 12 -i 20ms {}", chain.v4(1)), false);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    asked.is_right_by("icmp");
    let samples = asked.of_type("sample");
    assert_eq!(samples.len(), 12);
    for change in ["forward_change_ns", "backward_change_ns"] {
        let least = samples.iter().filter_map(|it| it[change].as_u64()).min();
        assert_eq!(least, Some(0), "{change}");
    }
}

#[test]
fn a_watch_ends_with_what_it_knows_when_it_is_interrupted() {
    let Some(mut bed) = Bed::open(&[]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let to = chain.v4(1).to_string();
    let watch = chain[0].launch(ASKWAY).args(&["clock", "--watch", "-i", "10ms", &to]);
    let mut watch = watch.limit(LIMIT).start();
    watch.wait_for_stdout("seq=8 ");
    watch.signal("INT");
    let ran = watch.finish();
    assert_eq!(ran.code(), Some(0), "{ran:?}");
    assert!(ran.stdout().contains("\nicmp  "), "{ran:?}");
}

#[test]
fn servers_and_kernel_agree_by_every_way() {
    let Some(mut bed) = Bed::open(&[INETD, CHRONYD, "ss"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let _inetd = inetd(&bed, &chain, &["udp", "udp6", "tcp", "tcp6"]);
    let _chrony = chrony(&bed, &chain);
    for (to, code) in chain.both(1).into_iter().zip([0, 1]) {
        let ways = format!("--via icmp,daytime,time,ntp -i 20ms -c 6 {to}");
        let asked = ask(&chain, &ways, false);
        assert_eq!(asked.code, Some(code), "{:?} {}", asked.objects, asked.stderr);
        for way in ["daytime", "time", "ntp"] {
            asked.is_right_by(way);
            assert_eq!(asked.offset(way)["transport"], "udp");
        }
        assert_eq!(asked.offset("daytime")["assumed_zone_s"], 34_200);
        let ntp = asked.offset("ntp");
        assert_eq!((&ntp["stratum"], &ntp["leap"]), (&5.into(), &0.into()));
        match to.is_ipv4() {
            true => asked.is_right_by("icmp"),
            false => assert_eq!(asked.offset("icmp")["end"], "ipv4_only"),
        }
        let tcp = ask(&chain, &format!("--tcp --via daytime,time -c 3 {to}"), true);
        assert_eq!(tcp.code, Some(0), "{:?} {}", tcp.objects, tcp.stderr);
        for way in ["daytime", "time"] {
            tcp.is_right_by(way);
            assert_eq!(tcp.offset(way)["transport"], "tcp");
        }
    }
}

#[test]
fn where_udp_is_refused_tcp_is_asked() {
    let Some(mut bed) = Bed::open(&[INETD, "ss"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let _inetd = inetd(&bed, &chain, &["tcp", "tcp6"]);
    for to in chain.both(1) {
        let asked = ask(&chain, &format!("--via daytime,time,ntp -c 3 {to}"), false);
        assert_eq!(asked.code, Some(1), "{:?} {}", asked.objects, asked.stderr);
        for way in ["daytime", "time"] {
            asked.is_right_by(way);
            assert_eq!(asked.offset(way)["transport"], "tcp");
        }
        let ntp = asked.offset("ntp");
        assert_eq!((&ntp["end"], &ntp["meaning"]), (&"refused".into(), &"port_unreachable".into()));
    }
}

#[test]
fn without_rights_all_but_icmp_work() {
    let Some(mut bed) = Bed::open(&[CHRONYD, "ss"]) else { return };
    let chain = bed.chain(&["client", "server"]);
    let _chrony = chrony(&bed, &chain);
    let to = chain.v4(1);
    let asked = ask(&chain, &format!("--via ntp -c 3 -i 20ms {to}"), true);
    assert_eq!(asked.code, Some(0), "{:?} {}", asked.objects, asked.stderr);
    asked.is_right_by("ntp");
    let asked = ask(&chain, &to.to_string(), true);
    assert_eq!((asked.code, asked.objects.len()), (Some(3), 0));
    for text in ["ICMP timestamps need a raw socket", "setcap cap_net_raw", "--via ntp"] {
        assert!(asked.stderr.contains(text), "{text}: {}", asked.stderr);
    }
    let asked = ask(&chain, &format!("--via icmp,ntp -c 3 -i 20ms {to}"), true);
    assert_eq!(asked.code, Some(3), "{:?}", asked.objects);
    asked.is_right_by("ntp");
    assert_eq!(asked.offset("icmp")["end"], "not_permitted");
    assert!(asked.stderr.contains("setcap cap_net_raw"), "{}", asked.stderr);
}
