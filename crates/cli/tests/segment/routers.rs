//! Routers of both families on a real segment.

use super::{ASKWAY, LIMIT, Segment, of_type};
use serde_json::{Value, json};
use testbed::{Bed, Running};

const HOSTS: &[(&str, &str)] =
    &[("asker", "192.0.2.1/24"), ("router", "192.0.2.254/24"), ("liar", "192.0.2.66/24")];

/// What the router of IPv6 is told to say.
const RADVD: &str = "
interface eth0 {
    AdvSendAdvert on;
    AdvManagedFlag on;
    AdvOtherConfigFlag on;
    AdvDefaultPreference high;
    AdvDefaultLifetime 1234;
    AdvLinkMTU 1400;
    AdvReachableTime 30000;
    AdvRetransTimer 1000;
    AdvCurHopLimit 61;
    prefix 2001:db8:1::/64 {
        AdvOnLink on;
        AdvAutonomous off;
        AdvValidLifetime 7200;
        AdvPreferredLifetime 3600;
    };
    route 2001:db8:77::/48 { AdvRoutePreference low; AdvRouteLifetime 600; };
    RDNSS 2001:db8::53 2001:db8::54 { AdvRDNSSLifetime 900; };
    DNSSL lab.example example.net { AdvDNSSLLifetime 901; };
};
";

/// Starts radvd at a node.
fn radvd(segment: &Segment, node: usize) -> Running {
    let scratch = segment.bed.scratch();
    let [settings, pid] = ["radvd.conf", "radvd.pid"].map(|name| scratch.join(name));
    std::fs::write(&settings, RADVD).expect("the scratch directory takes it");
    let [settings, pid] = [settings, pid].map(|path| path.display().to_string());
    segment.nodes[node].sysctls(&[("net/ipv6/conf/all/forwarding", "1")]);
    let arguments = ["-n", "-m", "stderr", "-d", "1", "-C", &settings, "-p", &pid];
    let mut running = segment.nodes[node].launch("radvd").args(&arguments).limit(LIMIT).start();
    running.wait_for_stderr("started");
    running
}

fn believed(objects: &[Value], is_believed: bool) -> Vec<&Value> {
    let all = of_type(objects, "advertisement");
    all.into_iter().filter(|it| it["believed"] == is_believed).collect()
}

#[test]
fn routers_of_both_families_are_found() {
    let Some(bed) = Bed::open(&["radvd"]) else { return };
    let segment = Segment::new(bed, HOSTS);
    let _radvd = radvd(&segment, 1);
    let _router = segment.start(1, "router 192.0.2.254");
    for arguments in ["routers --json", "routers --json -I eth0"] {
        let (objects, code) = segment.askway(arguments);
        assert_eq!(code, Some(0), "{objects:?}");
        let offers = believed(&objects, true);
        let v4 = offers.iter().find(|it| it["from"] == "192.0.2.254").expect("a router of IPv4");
        assert_eq!(v4["lifetime_s"], 900);
        let router = json!([{"address": "192.0.2.254", "preference": 7, "on_link": true}]);
        assert_eq!(v4["routers"], router);
        let is_v6 = |it: &&&Value| it["from"].as_str().is_some_and(|from| from.contains("%eth0"));
        let v6 = offers.iter().find(is_v6).expect("a router of IPv6");
        check_radvd(v6);
        let offering = of_type(&objects, "summary")[0]["offering"].as_array().map(Vec::len);
        assert_eq!(offering, Some(2), "{objects:?}");
    }
    let (objects, code) = segment.askway("routers --json -4 --broadcast -W 20ms --retries 0");
    assert_eq!((of_type(&objects, "summary").len(), code.is_some()), (1, true), "{objects:?}");
    assert!(of_type(&objects, "send_error").is_empty(), "{objects:?}");
}

/// What radvd says is what it was told to say.
fn check_radvd(said: &Value) {
    let fields = [
        ("hop_limit", json!(255)),
        ("lifetime_s", json!(1234)),
        ("preference", json!("high")),
        ("managed", json!(true)),
        ("other", json!(true)),
        ("mtu_bytes", json!(1400)),
        ("reachable_ms", json!(30000)),
        ("retransmit_ms", json!(1000)),
        ("advised_hop_limit", json!(61)),
        ("violations", json!([])),
        ("unknown_options", json!([])),
        (
            "prefixes",
            json!([{"prefix": "2001:db8:1::/64", "on_link": true, "autonomous": false,
                "valid_s": 7200, "preferred_s": 3600}]),
        ),
        ("routes", json!([{"prefix": "2001:db8:77::/48", "preference": "low", "lifetime_s": 600}])),
        (
            "name_servers",
            json!([{"addresses": ["2001:db8::53", "2001:db8::54"], "lifetime_s": 900}]),
        ),
        ("search_domains", json!([{"domains": ["lab.example", "example.net"], "lifetime_s": 901}])),
    ];
    for (name, wanted) in fields {
        assert_eq!(said[name], wanted, "{name}: {said}");
    }
    let address = said["link_address"].as_str().expect("a link-layer address");
    assert_eq!(address.len(), "02:00:00:00:00:01".len());
}

#[test]
fn who_only_listens_hears_what_comes_and_believes_no_stranger() {
    let Some(bed) = Bed::open(&[]) else { return };
    let segment = Segment::new(bed, HOSTS);
    let file = segment.bed.scratch().join("heard");
    let script = format!("exec {ASKWAY} routers --json --listen -I eth0 > {}", file.display());
    let run = segment.nodes[0].launch("sh").args(&["-c", &script]).limit(LIMIT).start();
    let index = segment.nodes[2].run("cat", &["/sys/class/net/eth0/ifindex"]);
    let index = index.stdout().trim().to_owned();
    let has = |text: &str| std::fs::read_to_string(&file).unwrap_or_default().contains(text);
    // Nothing tells when it begins to listen, so it is told until it has heard.
    for (node, orders, text) in [
        (1, "announce4 192.0.2.254".to_owned(), "\"from\":\"192.0.2.254\""),
        (2, format!("announce6 {index} 64"), "[\"hop_limit\"]"),
        (
            2,
            format!("announce6 {index} 255"),
            "\"news\":\"new\",\"offers\":true,\"lifetime_s\":9000",
        ),
    ] {
        testbed::poll_until(&format!("{orders} is heard"), || {
            segment.start(node, &orders).finish();
            has(text)
        });
    }
    run.signal("INT");
    let ran = run.finish();
    assert_eq!((ran.code(), ran.stderr().as_str()), (Some(0), ""));
    let told = std::fs::read_to_string(&file).expect("it was written");
    let objects: Vec<Value> =
        told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let news = |it: &&&Value| it["news"] == "new";
    assert_eq!(believed(&objects, true).iter().filter(news).count(), 2, "{objects:?}");
    let strangers = believed(&objects, false);
    assert!(strangers.iter().all(|it| it["violations"] == json!(["hop_limit"])), "{objects:?}");
    let summary = of_type(&objects, "summary")[0];
    assert_eq!((&summary["asked"], &summary["disbelieved"]), (&0.into(), &strangers.len().into()));
    assert_eq!(summary["offering"].as_array().map(Vec::len), Some(2));
}

#[test]
fn where_nobody_routes_the_answer_is_no() {
    let Some(bed) = Bed::open(&[]) else { return };
    let segment = Segment::new(bed, &HOSTS[..2]);
    let (objects, code) = segment.askway("routers --json -W 50ms --retries 1");
    assert_eq!(code, Some(1), "{objects:?}");
    assert_eq!(objects.len(), 1, "{objects:?}");
    // Both families, twice each.
    assert_eq!(objects[0]["asked"], 4, "{objects:?}");
}
