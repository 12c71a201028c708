//! The TCP sockets of this machine, as the kernel tells them (sock_diag(7), linux/inet_diag.h).
//! Anybody may ask. Reading stands apart from asking, so that any bytes can be read.

mod entry;
mod filter;
mod state;
mod vitals;

pub use entry::{Bbr, Endpoint, Memory, Name, Shutdown, TcpSocket, Timer, TimerKind};
pub use filter::{End, Match, Place};
pub use state::{State, States};
pub use vitals::{CongestionState, Vitals};

use crate::netlink::{Messages, append_attribute, append_message, u32_at};
use crate::sys::{Netlink, domain};
use crate::{Blame, Fault};
use std::io;
use wire::Family;

/// Which sockets, and how much of each.
#[derive(Clone, Debug)]
pub struct Query {
    /// Sockets of this family alone. An IPv6 socket stays one with IPv4-mapped addresses.
    pub family: Option<Family>,
    /// Sockets in these states.
    pub states: States,
    /// Sockets that match all of these.
    pub matches: Vec<Match>,
    /// Whether `struct tcp_info`, congestion control, memory and traffic class come along. The
    /// kernel locks every socket for that.
    pub in_detail: bool,
}

/// A request for both families in one walk over the kernel's tables, `TCPDIAG_GETSOCK`; the newer
/// one takes a walk for each.
const BOTH_FAMILIES: u16 = 18;

/// `SOCK_DIAG_BY_FAMILY` of linux/sock_diag.h.
const BY_FAMILY: u16 = 20;

/// `INET_DIAG_REQ_BYTECODE`.
const BYTECODE: u16 = 1;

/// Bits of `idiag_ext`, each an attribute's number less 1: INFO is 2, VEGASINFO 3 (it brings BBR's,
/// too), CONG 4, TOS 5, TCLASS 6, SKMEMINFO 7.
const DETAIL: u8 = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6;

/// A dump comes in pieces as large as what is read at a time, but no larger than 32 KiB
/// (`netlink_recvmsg` of the kernel).
const BUFFER_BYTES: usize = 64 << 10;

/// The only request of its socket.
const SEQUENCE: u32 = 1;

impl Query {
    /// The request as it goes to the kernel: for one family, or for both at a time.
    pub fn encode(&self) -> Vec<u8> {
        self.request(self.family)
    }

    fn request(&self, family: Option<Family>) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let kind = if family.is_some() { BY_FAMILY } else { BOTH_FAMILIES };
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
        let extensions = if self.in_detail { DETAIL } else { 0 };
        let states = self.states.bits().to_ne_bytes();
        append_message(&mut out, kind, flags, SEQUENCE, |body| {
            match family {
                // struct inet_diag_req_v2: family, protocol, extensions, padding, states, identity.
                Some(family) => {
                    let tcp = libc::IPPROTO_TCP as u8;
                    body.extend_from_slice(&[domain(family), tcp, extensions, 0]);
                    body.extend_from_slice(&states);
                    body.extend_from_slice(&ANY_IDENTITY);
                }
                // struct inet_diag_req: family, lengths, extensions, identity, states, tables.
                None => {
                    body.extend_from_slice(&[0, 0, 0, extensions]);
                    body.extend_from_slice(&ANY_IDENTITY);
                    body.extend_from_slice(&states);
                    body.extend_from_slice(&[0; 4]);
                }
            }
            let program = filter::program(&self.matches);
            if !program.is_empty() {
                append_attribute(body, BYTECODE, &program);
            }
        });
        out
    }
}

/// `struct inet_diag_sockid` of any socket: ports, addresses, interface, cookie.
const ANY_IDENTITY: [u8; 48] = [0; 48];

/// What one datagram of the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come.
    More,
    /// That was all.
    Done,
    /// The kernel refuses: its error number.
    Refused(i32),
}

/// Reads one datagram of the kernel's answer; messages that make no sense are left out.
pub fn read(datagram: &[u8], each: &mut impl FnMut(TcpSocket)) -> Progress {
    for message in Messages::new(datagram).filter(|message| message.sequence == SEQUENCE) {
        match message.kind {
            BOTH_FAMILIES | BY_FAMILY => {
                if let Some(socket) = TcpSocket::parse(message.body) {
                    each(socket);
                }
            }
            // Both begin with an error number, 0 or negative; that of DONE may be missing.
            kind if kind == libc::NLMSG_DONE as u16 || kind == libc::NLMSG_ERROR as u16 => {
                let error = u32_at(message.body, 0).map_or(0, u32::cast_signed);
                return match error {
                    0.. => Progress::Done,
                    _ => Progress::Refused(error.checked_neg().unwrap_or(i32::MAX)),
                };
            }
            _ => {}
        }
    }
    Progress::More
}

/// Asks the kernel for sockets and hands over each as it comes. A socket that changes its state
/// meanwhile may come twice or not at all.
///
/// # Errors
/// If the kernel tells nobody: it was built without that.
pub fn list(query: &Query, mut each: impl FnMut(TcpSocket)) -> Result<(), Fault> {
    match ask(&query.encode(), &mut each) {
        // A kernel without the request for both families.
        Err(error) if query.family.is_none() && is_unknown(&error) => Family::ALL
            .into_iter()
            .try_for_each(|family| ask(&query.request(Some(family)), &mut each))
            .map_err(fault),
        other => other.map_err(fault),
    }
}

fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINVAL | libc::EOPNOTSUPP))
}

fn ask(request: &[u8], each: &mut impl FnMut(TcpSocket)) -> io::Result<()> {
    let kernel = Netlink::diagnostics()?;
    kernel.send(request)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = kernel.receive(&mut buffer)?;
        match read(&buffer[..length], each) {
            Progress::More => {}
            Progress::Done => return Ok(()),
            Progress::Refused(number) => return Err(io::Error::from_raw_os_error(number)),
        }
    }
}

fn fault(error: io::Error) -> Fault {
    let hint = match error.raw_os_error() {
        Some(libc::ENOENT | libc::EPROTONOSUPPORT | libc::EAFNOSUPPORT | libc::EOPNOTSUPP) => {
            Some("the kernel needs its module tcp_diag: modprobe tcp_diag".to_owned())
        }
        _ => None,
    };
    Fault {
        doing: "ask the kernel for its TCP sockets".to_owned(),
        error,
        blame: Blame::Host,
        hint,
    }
}
