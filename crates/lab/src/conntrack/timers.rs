//! How long what is idle is remembered, in seconds, under the names of Linux's sysctls
//! (`net.netfilter.nf_conntrack_*`).

use std::time::Duration;

/// The timers of a tracker, each in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// By state of a TCP connection, in the order of [`State`](super::State).
    pub tcp: [u32; 10],
    /// TCP, after segments that came again and again.
    pub tcp_max_retrans: u32,
    /// TCP, while something is not acknowledged.
    pub tcp_unacknowledged: u32,
    /// UDP that nobody has answered.
    pub udp: u32,
    /// UDP that goes to and fro for a while.
    pub udp_stream: u32,
    /// ICMP queries.
    pub icmp: u32,
    /// GRE that nobody has answered.
    pub gre: u32,
    /// GRE that goes to and fro.
    pub gre_stream: u32,
    /// SCTP and DCCP, which are tracked by addresses and ports alone.
    pub other_transport: u32,
    /// Everything else.
    pub generic: u32,
}

impl Timers {
    /// Linux's defaults.
    pub const LINUX: Timers = Timers {
        tcp: [120, 120, 60, 432_000, 120, 60, 30, 120, 10, 120],
        tcp_max_retrans: 300,
        tcp_unacknowledged: 300,
        udp: 30,
        udp_stream: 120,
        icmp: 30,
        gre: 30,
        gre_stream: 180,
        other_transport: 210,
        generic: 600,
    };

    /// The least that RFC 5382 REQ-5 (established 2 h 4 min, else 4 min) and RFC 5508 REQ-2 allow,
    /// and what RFC 4787 REQ-5c recommends for UDP.
    pub const BCP127: Timers = Timers {
        tcp: [240, 240, 240, 7_440, 240, 240, 240, 240, 240, 240],
        tcp_max_retrans: 7_440,
        tcp_unacknowledged: 7_440,
        udp: 300,
        udp_stream: 300,
        icmp: 60,
        gre: 300,
        gre_stream: 300,
        other_transport: 7_440,
        generic: 600,
    };
}

/// Seconds as a span.
pub(crate) fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}
