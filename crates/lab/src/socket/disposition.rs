//! What becomes of an ICMP error that a host receives about a datagram of UDP: what a process
//! hears of it, by stack, type and code.
//!
//! Linux as measured (6.18). 4.4BSD as its in_pcbnotify and inetctlerrmap have it; in IPv6 the code
//! of the KAME project, which the BSDs took over.

use crate::rules::Both;

/// What a system call fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Errno {
    /// EACCES.
    AccessDenied,
    /// ECONNREFUSED.
    ConnectionRefused,
    /// EHOSTDOWN.
    HostDown,
    /// EHOSTUNREACH.
    HostUnreachable,
    /// EMSGSIZE.
    MessageSize,
    /// ENETUNREACH.
    NetworkUnreachable,
    /// ENONET.
    NoNetwork,
    /// ENOPROTOOPT.
    NoProtocolOption,
    /// EOPNOTSUPP.
    NotSupported,
    /// EPROTO.
    Protocol,
}

impl Errno {
    /// The name that C knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Errno::AccessDenied => "EACCES",
            Errno::ConnectionRefused => "ECONNREFUSED",
            Errno::HostDown => "EHOSTDOWN",
            Errno::HostUnreachable => "EHOSTUNREACH",
            Errno::MessageSize => "EMSGSIZE",
            Errno::NetworkUnreachable => "ENETUNREACH",
            Errno::NoNetwork => "ENONET",
            Errno::NoProtocolOption => "ENOPROTOOPT",
            Errno::NotSupported => "EOPNOTSUPP",
            Errno::Protocol => "EPROTO",
        }
    }
}

/// Whose network code a host runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stack {
    #[default]
    Linux,
    Bsd,
}

/// What becomes of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Connected sockets hear it, and those that want to hear all.
    Hard(Errno),
    /// Only those that want to hear all (IP_RECVERR) hear it.
    Soft(Errno),
    /// The kernel acts on it.
    Kernel,
    /// Raw sockets alone see it.
    Ignored,
}

/// First type, code and the last code of a row.
type Row = (u8, u8, u8, Disposition);

const fn hard(kind: u8, code: u8, errno: Errno) -> Row {
    (kind, code, code, Disposition::Hard(errno))
}

const fn soft(kind: u8, code: u8, errno: Errno) -> Row {
    (kind, code, code, Disposition::Soft(errno))
}

const LINUX_V4: &[Row] = &[
    soft(3, 0, Errno::NetworkUnreachable),
    soft(3, 1, Errno::HostUnreachable),
    hard(3, 2, Errno::NoProtocolOption),
    hard(3, 3, Errno::ConnectionRefused),
    hard(3, 4, Errno::MessageSize),
    soft(3, 5, Errno::NotSupported),
    hard(3, 6, Errno::NetworkUnreachable),
    hard(3, 7, Errno::HostDown),
    hard(3, 8, Errno::NoNetwork),
    hard(3, 9, Errno::NetworkUnreachable),
    hard(3, 10, Errno::HostUnreachable),
    soft(3, 11, Errno::NetworkUnreachable),
    soft(3, 12, Errno::HostUnreachable),
    (3, 13, 15, Disposition::Hard(Errno::HostUnreachable)),
    (5, 0, 3, Disposition::Kernel),
    soft(11, 0, Errno::HostUnreachable),
    (12, 0, 255, Disposition::Hard(Errno::Protocol)),
];

const LINUX_V6: &[Row] = &[
    soft(1, 0, Errno::NetworkUnreachable),
    hard(1, 1, Errno::AccessDenied),
    soft(1, 2, Errno::HostUnreachable),
    soft(1, 3, Errno::HostUnreachable),
    hard(1, 4, Errno::ConnectionRefused),
    hard(1, 5, Errno::AccessDenied),
    hard(1, 6, Errno::AccessDenied),
    (1, 7, 255, Disposition::Hard(Errno::Protocol)),
    (2, 0, 255, Disposition::Hard(Errno::MessageSize)),
    (3, 0, 255, Disposition::Soft(Errno::HostUnreachable)),
    (4, 0, 255, Disposition::Hard(Errno::Protocol)),
    (137, 0, 0, Disposition::Kernel),
];

const BSD_V4: &[Row] = &[
    hard(3, 0, Errno::HostUnreachable),
    hard(3, 1, Errno::HostUnreachable),
    hard(3, 2, Errno::ConnectionRefused),
    hard(3, 3, Errno::ConnectionRefused),
    hard(3, 4, Errno::MessageSize),
    (3, 5, 12, Disposition::Hard(Errno::HostUnreachable)),
    // TCP slows down; UDP has nothing to slow down.
    (4, 0, 0, Disposition::Kernel),
    (5, 0, 3, Disposition::Kernel),
    (12, 0, 2, Disposition::Hard(Errno::NoProtocolOption)),
];

const BSD_V6: &[Row] = &[
    hard(1, 0, Errno::HostUnreachable),
    hard(1, 1, Errno::ConnectionRefused),
    hard(1, 2, Errno::NoProtocolOption),
    hard(1, 3, Errno::HostDown),
    hard(1, 4, Errno::ConnectionRefused),
    hard(2, 0, Errno::MessageSize),
    hard(4, 0, Errno::NoProtocolOption),
    hard(4, 1, Errno::ConnectionRefused),
    hard(4, 2, Errno::NoProtocolOption),
    (137, 0, 0, Disposition::Kernel),
];

/// What becomes of an error of that type and code.
pub(crate) fn of(stack: Stack, family: wire::Family, kind: u8, code: u8) -> Disposition {
    let rows = match stack {
        Stack::Linux => Both::from([LINUX_V4, LINUX_V6]),
        Stack::Bsd => Both::from([BSD_V4, BSD_V6]),
    };
    let row = rows.of(family).iter().find(|row| row.0 == kind && (row.1..=row.2).contains(&code));
    row.map_or(Disposition::Ignored, |row| row.3)
}
