//! Personalities, judged by coturn's client for NAT behaviour discovery (RFC 5780).

use super::{Between, between};
use std::time::Duration;
use testbed::Running;

/// A name, and what the judge is to say of mapping and filtering.
const PERSONALITIES: &[(&str, &str, &str)] = &[
    // Linux gives no port to two connections unless it must, which looks independent.
    ("linux", "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
    ("bcp127", "Endpoint Independent Mapping", "NAT with Address Dependent Filtering"),
    ("full-cone", "Endpoint Independent Mapping", "Endpoint Independent Filtering"),
    ("restricted", "Endpoint Independent Mapping", "NAT with Address Dependent Filtering"),
    ("port-restricted", "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
    ("symmetric", "Address and Port Dependent Mapping", "Address and Port Dependent Filtering"),
    ("cgnat", "Endpoint Independent Mapping", "Endpoint Independent Filtering"),
];

#[test]
fn personalities_are_what_their_names_say() {
    // The judge waits for what must not come: all at once.
    std::thread::scope(|scope| {
        for personality in PERSONALITIES {
            scope.spawn(move || judge(personality));
        }
    });
}

fn judge(&(name, mapping, filtering): &(&str, &str, &str)) {
    let programs = ["turnserver", "turnutils_natdiscovery"];
    let Some(it) = between(&programs, &["--personality", name]) else { return };
    it.outside.ip(&["address", "add", "203.0.113.3/24", "dev", "wan0"]);
    let server = serve(&it);
    for (option, expected) in [("-m", mapping), ("-f", filtering)] {
        let launch = it.inside.launch("turnutils_natdiscovery").args(&[option, "203.0.113.2"]);
        let ran = launch.limit(Duration::from_secs(60)).run();
        let said = format!("{}{}", ran.stdout(), ran.stderr());
        assert!(said.contains(expected), "{name} {option}: {said}");
    }
    server.signal("TERM");
    drop(server.finish());
    it.end();
}

/// A server with two addresses, once it answers at the last of its ports.
fn serve(it: &Between) -> Running {
    let pid = it.bed.scratch().join("turn.pid");
    let pid = pid.to_string_lossy();
    let listen = ["-n", "-S", "-L", "203.0.113.2", "-L", "203.0.113.3", "--no-cli"];
    let launch = it.outside.launch("turnserver").args(&listen).args(&["-l", "stdout"]);
    let server = launch.args(&["--pidfile", &pid]).limit(Duration::from_secs(120)).start();
    testbed::poll_until("the server listens", || {
        let sockets = it.outside.run("ss", &["-Hlun"]).stdout();
        ["203.0.113.2:3478", "203.0.113.2:3479", "203.0.113.3:3478", "203.0.113.3:3479"]
            .iter()
            .all(|end| sockets.contains(end))
    });
    server
}
