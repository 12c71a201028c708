//! One network namespace and what can be done to it.

use crate::{Launch, Ran, poll_until};
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// One network namespace of a [`Bed`](crate::Bed). Clones name the same one.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) scratch: PathBuf,
}

impl Node {
    /// The namespace's name, as `ip netns` knows it.
    pub fn namespace(&self) -> &str {
        &self.name
    }

    /// A command to run here: a program on the path, or the path of one.
    pub fn launch(&self, program: impl AsRef<std::ffi::OsStr>) -> Launch {
        Launch::new(self, program.as_ref())
    }

    /// Runs a command here as root, for ten seconds at most.
    ///
    /// # Panics
    /// If it cannot be started.
    #[track_caller]
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Ran {
        self.launch(program).args(arguments).run()
    }

    /// Runs `ip` here and returns what it printed.
    ///
    /// # Panics
    /// If `ip` fails.
    #[track_caller]
    pub fn ip(&self, arguments: &[&str]) -> String {
        crate::ip(&[&["-n", &self.name][..], arguments].concat())
    }

    /// Gives an interface an address, usable when this returns: `192.0.2.1/24`.
    ///
    /// # Panics
    /// If `ip` fails, or the kernel does not take it up within five seconds.
    #[track_caller]
    pub fn address(&self, interface: &str, address: &str) {
        let add = ["address", "add", address, "dev", interface];
        if !address.contains(':') {
            self.ip(&add);
            return;
        }
        self.ip(&[&add[..], &["nodad"]].concat());
        // The kernel joins the group where neighbours ask for it, and then routes it to itself,
        // when it finds the time (addrconf_dad_work). Who asks earlier asks again a second later.
        let own = address.split('/').next().unwrap_or_default();
        let route = ["-6", "route", "show", "table", "local", "exact", own, "dev", interface];
        poll_until(&format!("{own} on {interface} of {} is in use", self.name), || {
            !self.ip(&route).is_empty()
        });
    }

    /// Routes a prefix, or `default`, through a neighbour.
    ///
    /// # Panics
    /// If `ip` fails.
    #[track_caller]
    pub fn route(&self, prefix: &str, via: impl Display) {
        let via = via.to_string();
        let family = if via.contains(':') { "-6" } else { "-4" };
        self.ip(&[family, "route", "add", prefix, "via", &via]);
    }

    /// Refuses to forward to a prefix: `blackhole` drops in silence, `unreachable` and `prohibit`
    /// answer with an ICMP error.
    ///
    /// # Panics
    /// If `ip` fails.
    #[track_caller]
    pub fn refuse(&self, how: &str, prefix: &str) {
        self.ip(&[family_flag(prefix), "route", "add", how, prefix]);
    }

    /// Holds every address of a prefix, so that it answers for all of them.
    ///
    /// # Panics
    /// If `ip` fails.
    #[track_caller]
    pub fn hold(&self, prefix: &str) {
        self.ip(&[family_flag(prefix), "route", "add", "local", prefix, "dev", "lo"]);
    }

    /// Forwards as a router does, and sends every ICMP error that is due, without rate limit.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn forward(&self) {
        self.sysctls(&[
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv6/conf/all/forwarding", "1"),
            ("net/ipv6/conf/default/forwarding", "1"),
        ]);
        self.unlimited_errors();
    }

    /// Lifts the rate limits on ICMP messages.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn unlimited_errors(&self) {
        self.sysctls(&[
            ("net/ipv4/icmp_ratelimit", "0"),
            ("net/ipv4/icmp_ratemask", "0"),
            ("net/ipv6/icmp/ratelimit", "0"),
            // Without it, all errors of a node share a limit of 1,000 a second.
            ("net/ipv6/icmp/ratemask", ""),
        ]);
    }

    /// Sets the MTU of an interface, in bytes.
    ///
    /// # Panics
    /// If `ip` fails.
    #[track_caller]
    pub fn mtu(&self, interface: &str, mtu_bytes: u32) {
        self.ip(&["link", "set", "dev", interface, "mtu", &mtu_bytes.to_string()]);
    }

    /// Which groups may open datagram ICMP sockets; `(1, 0)` is nobody.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[track_caller]
    pub fn ping_group_range(&self, low: u32, high: u32) {
        self.sysctls(&[("net/ipv4/ping_group_range", &format!("{low} {high}"))]);
    }

    /// Sets kernel parameters: paths below `/proc/sys`.
    ///
    /// # Panics
    /// If the kernel refuses one.
    #[track_caller]
    pub fn sysctls(&self, settings: &[(&str, &str)]) {
        let script: Vec<String> = settings
            .iter()
            .map(|(name, value)| format!("echo '{value}' > /proc/sys/{name}"))
            .collect();
        let ran = self.run("sh", &["-e", "-c", &script.join("\n")]);
        assert!(ran.code() == Some(0), "sysctls of {}: {}", self.name, ran.stderr());
    }

    /// Loads nftables rules.
    ///
    /// # Panics
    /// If `nft` does not take them.
    #[track_caller]
    pub fn nft(&self, rules: &str) {
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.name, "nft", "-f", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot run nft: {e}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(rules.as_bytes()).unwrap_or_else(|e| panic!("nft: {e}"));
        drop(stdin);
        let out = child.wait_with_output().unwrap_or_else(|e| panic!("nft: {e}"));
        assert!(out.status.success(), "nft: {}", String::from_utf8_lossy(&out.stderr));
    }
}

fn family_flag(prefix: &str) -> &'static str {
    if prefix.contains(':') { "-6" } else { "-4" }
}
