//! How the kernel's TCP is set, and what it has counted: `/proc/sys/net` and `/proc/net/netstat` of
//! this network namespace.

use std::fs;

/// Settings (sysctls). `None`: this kernel does not show it here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The ports that connections are given: first and last.
    pub port_range: Option<(u16, u16)>,
    /// Ports of these that are not given: first and last of each run.
    pub reserved_ports: Vec<(u16, u16)>,
    /// Whether a port in TIME_WAIT may be used again by timestamps: 0 no, 1 yes, 2 over loopback.
    pub time_wait_reuse: Option<u32>,
    /// Whether timestamps are used: 0 no, 1 with a random offset, 2 without.
    pub timestamps: Option<u32>,
    /// How many sockets in TIME_WAIT there may be.
    pub time_wait_max: Option<u32>,
    /// The most that a listener's backlog can be.
    pub backlog_max: Option<u32>,
    /// From how many requests for connections on they are dropped, without SYN cookies.
    pub syn_backlog_max: Option<u32>,
    /// SYN cookies: 0 never, 1 when the queue is full, 2 always.
    pub syn_cookies: Option<u32>,
    /// How many orphans there may be.
    pub orphans_max: Option<u32>,
    /// For how many seconds an orphan stays in FIN_WAIT2.
    pub fin_timeout_s: Option<u32>,
    /// After how many retransmissions a connection is given up.
    pub retries: Option<u32>,
}

/// What was counted since the network namespace began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections that were not taken because the accept queue was full.
    pub listen_overflows: u64,
    /// Requests for connections that were dropped, for that or another reason.
    pub listen_drops: u64,
    /// Requests that were dropped because the SYN queue was full.
    pub syn_drops: u64,
    /// SYN cookies that were sent instead.
    pub cookies_sent: u64,
    /// Sockets that could not go to TIME_WAIT because there were too many.
    pub time_wait_overflows: u64,
    /// Connections that were reset because there were too many orphans or too little memory.
    pub aborted_on_memory: u64,
    /// Connections that were given up after too many retransmissions or probes.
    pub aborted_on_timeout: u64,
}

impl Settings {
    /// Those of now.
    pub fn read() -> Settings {
        let text = |name: &str| fs::read_to_string(format!("/proc/sys/net/{name}")).ok();
        let number = |name: &str| text(name)?.trim().parse().ok();
        Settings {
            port_range: text("ipv4/ip_local_port_range").and_then(|text| pair(&text)),
            reserved_ports: text("ipv4/ip_local_reserved_ports").map_or(Vec::new(), |it| runs(&it)),
            time_wait_reuse: number("ipv4/tcp_tw_reuse"),
            timestamps: number("ipv4/tcp_timestamps"),
            time_wait_max: number("ipv4/tcp_max_tw_buckets"),
            backlog_max: number("core/somaxconn"),
            syn_backlog_max: number("ipv4/tcp_max_syn_backlog"),
            syn_cookies: number("ipv4/tcp_syncookies"),
            orphans_max: number("ipv4/tcp_max_orphans"),
            fin_timeout_s: number("ipv4/tcp_fin_timeout"),
            retries: number("ipv4/tcp_retries2"),
        }
    }

    /// How many ports connections can be given to one destination; `None` if the range is unknown.
    pub fn ports(&self) -> Option<u32> {
        let (first, last) = self.port_range?;
        let reserved = |run: &(u16, u16)| {
            let (from, to) = (run.0.max(first), run.1.min(last));
            if from <= to { u32::from(to - from) + 1 } else { 0 }
        };
        let all = u32::from(last.checked_sub(first)?) + 1;
        Some(all.saturating_sub(self.reserved_ports.iter().map(reserved).sum()))
    }

    /// Whether connections may be given that port.
    pub fn gives(&self, port: u16) -> bool {
        let within = |run: &(u16, u16)| (run.0..=run.1).contains(&port);
        self.port_range.as_ref().is_some_and(within) && !self.reserved_ports.iter().any(within)
    }
}

impl Counters {
    /// Those of now; all 0 where they cannot be read.
    pub fn read() -> Counters {
        Counters::parse(&fs::read_to_string("/proc/net/netstat").unwrap_or_default())
    }

    /// Reads pairs of lines: names behind `TcpExt:`, then numbers behind the same.
    pub fn parse(text: &str) -> Counters {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
        let (names, numbers) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
        let of = |wanted: &str| {
            let mut both = names.split_whitespace().zip(numbers.split_whitespace());
            both.find(|(name, _)| *name == wanted).and_then(|(_, it)| it.parse().ok()).unwrap_or(0)
        };
        Counters {
            listen_overflows: of("ListenOverflows"),
            listen_drops: of("ListenDrops"),
            syn_drops: of("TCPReqQFullDrop"),
            cookies_sent: of("SyncookiesSent"),
            time_wait_overflows: of("TCPTimeWaitOverflow"),
            aborted_on_memory: of("TCPAbortOnMemory"),
            aborted_on_timeout: of("TCPAbortOnTimeout"),
        }
    }
}

/// `32768 60999`.
fn pair(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace();
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// `8080,9000-9100`; the kernel sorts and merges them.
fn runs(text: &str) -> Vec<(u16, u16)> {
    let run = |item: &str| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.trim().split(',').filter_map(run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_not_given() {
        let settings = Settings {
            port_range: Some((32_768, 60_999)),
            reserved_ports: runs("8080,32768-32770,60999,61000-61010\n"),
            ..Settings::default()
        };
        assert_eq!(settings.ports(), Some(28_232 - 4));
        assert!(settings.gives(32_771) && !settings.gives(32_770) && !settings.gives(8_080));
        assert_eq!(Settings { port_range: Some((9, 1)), ..settings }.ports(), None);
        assert_eq!(runs("\n"), []);
    }

    #[test]
    fn counters_are_found_by_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2 3\n\
                    IpExt: InNoRoutes\nIpExt: 9\n";
        let counters = Counters::parse(text);
        assert_eq!((counters.cookies_sent, counters.listen_overflows), (1, 2));
        assert_eq!((counters.listen_drops, counters.syn_drops), (3, 0));
        for text in ["", "TcpExt:", "TcpExt: ListenDrops", "TcpExt: ListenDrops\nTcpExt: x\n"] {
            assert_eq!(Counters::parse(text), Counters::default(), "{text}");
        }
    }

    #[test]
    fn this_host_has_settings() {
        let settings = Settings::read();
        assert!(settings.ports().is_some_and(|ports| ports > 0), "{settings:?}");
        assert!(settings.backlog_max.is_some(), "{settings:?}");
    }
}
