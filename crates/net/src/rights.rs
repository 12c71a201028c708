//! Opening sockets as wanted and as this process may, each failure with the option it is about and
//! what would help; then giving up every right.

mod carriers;

use crate::filter::{self, Block, Instruction};
use crate::stamps::SendKeys;
use crate::sys::{self, Address, Socket, Wrapper};
use crate::{Access, Blame, Fault, Hears, Stamps, Want};
use probe::Carrier;
use std::io;
use std::net::IpAddr;
use wire::Family;
use wire::icmp;

/// A socket and what is known of it.
pub(crate) struct Channel {
    pub(crate) socket: Socket,
    pub(crate) family: Family,
    pub(crate) is_raw: bool,
    /// What it receives, and what it sends unless the header says.
    pub(crate) protocol: u8,
    /// Our port, if the kernel writes and reads the header that has it.
    pub(crate) port: Option<u16>,
    /// The most that was sent behind a header of the kernel's.
    pub(crate) payload_max_bytes: usize,
    /// Whether what it sends begins with the IP header.
    pub(crate) has_header: bool,
    /// Whether addresses may carry a flow label.
    pub(crate) has_label: bool,
    /// Writes the headers of what is sent, where the kernel does not.
    pub(crate) wrapper: Option<Wrapper>,
    /// Which sends wait for their stamp.
    pub(crate) keys: SendKeys,
    /// Sends since it was last read.
    pub(crate) unread: usize,
    /// Sends whose stamp was not yet asked for.
    pub(crate) stamps_due: usize,
    /// Datagrams that it threw away, as last heard.
    pub(crate) dropped: u32,
    /// So many datagrams may have filled the receive buffer.
    pub(crate) brim: usize,
    /// Datagrams read since it was last found empty.
    pub(crate) streak: usize,
    /// Whether more than one datagram at a time is likely to be there.
    pub(crate) is_bursty: bool,
}

impl Channel {
    /// Whether the kernel wraps what is sent here, and writes no more than an IP header.
    pub(crate) fn is_plain(&self) -> bool {
        !self.has_header && self.port.is_none()
    }

    /// Whether it only sends: what comes of that arrives at the family's other sockets.
    pub(crate) fn hears_elsewhere(&self) -> bool {
        self.has_header && self.protocol != icmp::protocol(self.family)
    }
}

/// Everything that was opened for a run.
#[derive(Default)]
pub(crate) struct Opened {
    /// A family's sockets stand together, those first that send: one for all lanes, or one each.
    pub(crate) channels: Vec<Channel>,
    /// Sockets that only keep ports from others.
    pub(crate) held: Vec<Socket>,
    /// Whether probes are connections, which get their sockets one by one.
    pub(crate) connects: bool,
}

/// The lanes of a run, and what else names its sockets.
#[derive(Clone, Copy)]
struct Lanes {
    first: u16,
    count: u16,
    /// Index of the interface that the user named, or 0.
    device: u32,
}

impl Lanes {
    fn last(self) -> u16 {
        self.first + (self.count - 1)
    }

    fn block(self) -> Block {
        Block::around(self.first, self.last())
    }
}

/// How many identifiers are tried before a free one is given up.
const TRIES: usize = 16;

/// Opens every socket that is wanted, sets its options, and drops all privileges. Also says which
/// identifiers or ports the lanes have.
pub(crate) fn open(want: &Want, hears: Hears) -> Result<(Opened, Vec<u16>), Fault> {
    let count = want.lanes.clamp(1, 256);
    let device = want.interface.as_deref().map(index_of).transpose()?.unwrap_or(0);
    let is_raw = choose(want)?;
    let mut tries = 0;
    let (opened, identifiers) = loop {
        let first = match want.identifier {
            Some(identifier) => identifier.min(u16::MAX - (count - 1)),
            None => random_identifier(want.carrier, count)?,
        };
        let lanes = Lanes { first, count, device };
        let opened = match (want.carrier, is_raw) {
            (Carrier::Icmp, true) => raw(want, lanes, hears),
            (Carrier::Icmp, false) => datagram(want, lanes),
            (_, true) => carriers::raw(want, lanes),
            (_, false) => carriers::datagram(want, lanes),
        };
        tries += 1;
        match opened {
            Ok(opened) => break (opened, (first..=lanes.last()).collect()),
            Err(fault) if is_taken(&fault) && want.identifier.is_none() && tries < TRIES => {}
            Err(fault) => return Err(fault),
        }
    };
    for channel in opened.channels.iter().filter(|channel| channel.is_raw) {
        // What came in before the filter was attached.
        channel.socket.discard();
    }
    sys::drop_privileges().map_err(|error| host("give up privileges", error))?;
    Ok((opened, identifiers))
}

/// Ports from here on are nobody's in particular (RFC 6335 §6).
const DYNAMIC_PORTS: u16 = 49_152;

fn random_identifier(carrier: Carrier, lanes: u16) -> Result<u16, Fault> {
    let random = sys::random().map_err(|error| host("draw a random number", error))? as u16;
    // An aligned block is one that the filter's mask tells exactly. 0 is no datagram's identifier.
    let block = lanes.next_power_of_two();
    let aligned = random & !(block - 1);
    Ok(if carrier == Carrier::Icmp { aligned.max(block) } else { aligned | DYNAMIC_PORTS })
}

fn is_taken(fault: &Fault) -> bool {
    fault.error.kind() == io::ErrorKind::AddrInUse
}

/// Whether the sockets are to be raw, found by opening one.
pub(crate) fn choose(want: &Want) -> Result<bool, Fault> {
    // Without the right to raise them, what is in effect must do.
    let _ = sys::raise_privileges();
    let carrier = carriers::without_rights(want.carrier);
    if want.access == Access::Datagram {
        return carrier.map(|()| false);
    }
    let Err(fault) = first_that_opens(want, true) else { return Ok(true) };
    if fault.blame != Blame::Rights || want.access == Access::Raw || !want.datagram_will_do {
        return Err(fault);
    }
    carrier?;
    if want.carrier != Carrier::Icmp {
        return Ok(false);
    }
    match first_that_opens(want, false) {
        Ok(()) => Ok(false),
        Err(other) if other.blame == Blame::Rights => {
            Err(Fault { hint: Some(both_remedies()), ..other })
        }
        Err(other) => Err(other),
    }
}

/// Tries to open a socket of any wanted family.
fn first_that_opens(want: &Want, is_raw: bool) -> Result<(), Fault> {
    let mut first = None;
    for family in &want.families {
        match icmp_socket(*family, is_raw) {
            Ok(_) => return Ok(()),
            Err(fault) => first = first.or(Some(fault)),
        }
    }
    Err(first.unwrap_or_else(|| usage("open a socket", libc::EAFNOSUPPORT, "name a family")))
}

fn icmp_socket(family: Family, is_raw: bool) -> Result<Socket, Fault> {
    Socket::icmp(family, is_raw).map_err(|error| {
        let kind = if is_raw { "raw" } else { "datagram" };
        let doing = format!("open a {kind} ICMP socket for {family}");
        let (blame, hint) = match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) if is_raw => {
                (Blame::Rights, Some(capability_remedy()))
            }
            Some(libc::EPERM | libc::EACCES) => (Blame::Rights, Some(sysctl_remedy())),
            Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT) => {
                (Blame::Host, Some(format!("this host does not speak {family}")))
            }
            _ => (Blame::Host, None),
        };
        Fault { doing, error, blame, hint }
    })
}

pub(crate) fn capability_remedy() -> String {
    let program =
        std::env::current_exe().map_or("PROGRAM".into(), |path| path.display().to_string());
    format!("run it as root, or give it the right: setcap cap_net_raw+ep {program}")
}

fn sysctl_remedy() -> String {
    "let every group: sysctl -w net.ipv4.ping_group_range='0 2147483647'".into()
}

fn both_remedies() -> String {
    format!("{}; or {}", sysctl_remedy(), capability_remedy())
}

/// Whether a family is left out: this host does not speak it, and there is another.
fn is_left_out(want: &Want, fault: &Fault) -> bool {
    let unknown =
        matches!(fault.error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT));
    unknown && want.families.len() > 1
}

/// One socket a family for all lanes.
fn raw(want: &Want, lanes: Lanes, hears: Hears) -> Result<Opened, Fault> {
    let mut channels = Vec::new();
    for &family in &want.families {
        let socket = match icmp_socket(family, true) {
            Err(fault) if is_left_out(want, &fault) => continue,
            opened => opened?,
        };
        let socket = match hears {
            Hears::Answers => {
                let program = filter::program(family, lanes.block());
                raw_icmp(socket, family, filter::types(family), &program, want, lanes)?
            }
            Hears::Advertisements => {
                let types = filter::advertisements(family);
                raw_icmp(socket, family, types, &filter::EVERYTHING, want, lanes)?
            }
        };
        wrap(&socket, want)?;
        let wrapper = wrapper(&socket, want)?;
        channels.push(Channel { wrapper, ..channel(socket, family, true, want) });
    }
    Ok(Opened { channels, ..Opened::default() })
}

/// Makes a raw ICMP socket choosy, and sets its options.
fn raw_icmp(
    socket: Socket,
    family: Family,
    types: &[u8],
    program: &[Instruction],
    want: &Want,
    lanes: Lanes,
) -> Result<Socket, Fault> {
    socket.set_type_filter(types).map_err(|e| host("filter ICMP types", e))?;
    socket.attach_filter(program).map_err(|e| host("attach a socket filter", e))?;
    configure(&socket, true, want.stamps, want)?;
    bind_source(&socket, family, want, lanes)?;
    Ok(socket)
}

/// Binds a raw socket to the address that the user chose.
fn bind_source(socket: &Socket, family: Family, want: &Want, lanes: Lanes) -> Result<(), Fault> {
    match source(want, family) {
        Some(source) => bind(socket, source, 0, want, lanes.device),
        None => Ok(()),
    }
}

/// The address of a family that the user chose.
fn source(want: &Want, family: Family) -> Option<IpAddr> {
    want.envelope.source.filter(|source| Family::of(*source) == family)
}

/// Writes a raw socket's headers in floods and sweeps, where the time that it saves counts. Sends
/// that are stamped leave it to the kernel: not every one numbers the stamps of those that bring
/// their header.
fn wrapper(socket: &Socket, want: &Want) -> Result<Option<Wrapper>, Fault> {
    if want.stamps != Stamps::Receive || !want.envelope.options.is_empty() {
        return Ok(None);
    }
    Wrapper::of(socket, want.message_max_bytes).map_err(|e| host("write its own IP headers", e))
}

/// One socket a family and lane, whose port is the lane's identifier.
fn datagram(want: &Want, lanes: Lanes) -> Result<Opened, Fault> {
    if lanes.first == 0 {
        let hint = "the kernel keeps it for itself: choose 1 to 65535, or a raw socket";
        return Err(usage("use the identifier 0", libc::EINVAL, hint));
    }
    let mut channels = Vec::new();
    for &family in &want.families {
        for identifier in lanes.first..=lanes.last() {
            let socket = match icmp_socket(family, false) {
                Err(fault) if is_left_out(want, &fault) => break,
                opened => opened?,
            };
            if want.families.len() > 1 {
                socket.share_port().map_err(|e| host("share an identifier", e))?;
            }
            configure(&socket, false, want.stamps, want)?;
            wrap(&socket, want)?;
            want_errors(&socket)?;
            bind_lane(&socket, family, identifier, want, lanes)?;
            channels.push(channel(socket, family, false, want));
        }
    }
    Ok(Opened { channels, ..Opened::default() })
}

/// Asks for ICMP errors on the error queue.
fn want_errors(socket: &Socket) -> Result<(), Fault> {
    socket.want_errors().map_err(|e| host("ask for ICMP errors", e))?;
    // Older kernels do not tell where extensions begin.
    let _ = socket.want_extensions();
    Ok(())
}

/// Binds a socket to a lane's identifier or port.
fn bind_lane(
    socket: &Socket,
    family: Family,
    identifier: u16,
    want: &Want,
    lanes: Lanes,
) -> Result<(), Fault> {
    match source(want, family) {
        Some(source) => bind(socket, source, identifier, want, lanes.device),
        None => socket
            .bind(&Address::any(family, identifier))
            .map_err(|error| identifier_fault(want, identifier, error)),
    }
}

fn channel(socket: Socket, family: Family, is_raw: bool, want: &Want) -> Channel {
    let room = socket.receive_buffer().unwrap_or(0);
    let brim = (room / 2 / truesize(want.message_max_bytes)).max(1);
    Channel {
        socket,
        family,
        is_raw,
        protocol: icmp::protocol(family),
        port: None,
        payload_max_bytes: 0,
        has_header: false,
        has_label: want.envelope.flow_label.is_some(),
        wrapper: None,
        unread: 0,
        keys: SendKeys::new(),
        stamps_due: 0,
        dropped: 0,
        brim,
        streak: 0,
        is_bursty: false,
    }
}

fn bind(socket: &Socket, source: IpAddr, port: u16, want: &Want, device: u32) -> Result<(), Fault> {
    let zone = if is_link_local(source) { device } else { 0 };
    socket.bind(&Address::new(source, port, zone, 0)).map_err(|error| {
        let doing = format!("send from {source}");
        match error.raw_os_error() {
            Some(libc::EADDRNOTAVAIL) => Fault {
                doing,
                error,
                blame: Blame::Usage,
                hint: Some("name an address of this host; `ip address` lists them".into()),
            },
            Some(libc::EINVAL | libc::ENODEV) if is_link_local(source) => Fault {
                doing,
                error,
                blame: Blame::Usage,
                hint: Some("a link-local address needs its interface named, too".into()),
            },
            Some(libc::EADDRINUSE | libc::EACCES) => identifier_fault(want, port, error),
            _ => Fault { doing, error, blame: Blame::Host, hint: None },
        }
    })
}

fn identifier_fault(want: &Want, identifier: u16, error: io::Error) -> Fault {
    let what = if want.carrier == Carrier::Icmp { "identifier" } else { "source port" };
    let doing = format!("use the {what} {identifier}");
    let (blame, hint) = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => {
            (Blame::Usage, Some("another program has it: choose another, or none".into()))
        }
        Some(libc::EACCES) => (Blame::Rights, Some("ports below 1024 need a right".into())),
        _ => (Blame::Host, None),
    };
    Fault { doing, error, blame, hint }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_multicast(),
    }
}

/// Sets every option but filters, addresses and what datagrams are wrapped in.
fn configure(socket: &Socket, is_raw: bool, stamps: Stamps, want: &Want) -> Result<(), Fault> {
    // First, since the kernel begins to stamp a little after it is asked to.
    socket.want_stamps(stamps).map_err(|e| host("ask for kernel stamps", e))?;
    socket.want_control(is_raw).map_err(|e| host("ask for control messages", e))?;
    // Older kernels do not count; then nothing is reported.
    let _ = socket.count_overflow();
    let room = (want.burst as usize).saturating_mul(truesize(want.message_max_bytes));
    let room = room.min(BUFFER_MAX_BYTES);
    socket.set_receive_buffer(room).map_err(|e| host("size the receive buffer", e))?;
    match want.send_buffer_bytes {
        Some(bytes) => socket
            .set_send_buffer(bytes)
            .map_err(|e| host(&format!("set the send buffer to {bytes} bytes"), e))?,
        None => {
            socket.set_send_buffer_at_least(room).map_err(|e| host("size the send buffer", e))?;
        }
    }
    if let Some(name) = &want.interface {
        socket.bind_to_device(name).map_err(|error| {
            let hint = "the kernel lets only privileged programs choose an interface here";
            right(&format!("bind to interface {name}"), error, hint)
        })?;
    }
    if let Some(mark) = want.mark {
        let hint = "a mark needs a right: setcap cap_net_admin+ep, or run it as root";
        socket.set_mark(mark).map_err(|e| right(&format!("set the mark {mark}"), e, hint))?;
    }
    if want.broadcast {
        socket.set_broadcast().map_err(|e| host("allow broadcasts", e))?;
    }
    if want.direct_only {
        socket.set_direct_only().map_err(|e| host("leave routing out", e))?;
    }
    if want.debug {
        let hint = "socket debugging needs a right: setcap cap_net_admin+ep, or run it as root";
        socket.set_debug().map_err(|e| right("turn on socket debugging", e, hint))?;
    }
    socket
        .set_multicast_loop(want.multicast_loop)
        .map_err(|e| host("choose whether to hear multicasts of its own", e))
}

/// Sets what every datagram is wrapped in.
fn wrap(socket: &Socket, want: &Want) -> Result<(), Fault> {
    let envelope = &want.envelope;
    if let Some(hop_limit) = envelope.hop_limit {
        let doing = format!("set the hop limit to {hop_limit}");
        socket
            .set_hop_limit(hop_limit)
            .map_err(|error| invalid(&doing, error, "it must be 1 to 255"))?;
    }
    if envelope.traffic_class != 0 {
        let class = envelope.traffic_class;
        let doing = format!("set the traffic class to {class:#04x}");
        let hint = "that precedence needs a right: setcap cap_net_admin+ep, or run it as root";
        socket.set_traffic_class(class).map_err(|error| right(&doing, error, hint))?;
    }
    socket
        .set_fragmentation(envelope.fragmentation)
        .map_err(|error| host("choose how to fragment", error))?;
    if !envelope.options.is_empty() {
        let hint = "at most 40 bytes of whole, well-formed options fit the IPv4 header";
        socket
            .set_ip_options(&envelope.options)
            .map_err(|error| invalid("set IPv4 options", error, hint))?;
    }
    if envelope.flow_label.is_some() {
        socket.send_flow_label().map_err(|error| host("set flow labels", error))?;
    }
    Ok(())
}

/// No buffer is asked to be larger.
const BUFFER_MAX_BYTES: usize = 64 << 20;

/// What the kernel charges for a received message at most, near enough: the page fragments of a
/// network driver, and its own structures.
fn truesize(message_bytes: usize) -> usize {
    message_bytes.saturating_mul(2).saturating_add(2_304)
}

/// The index of an interface that the user named.
pub(crate) fn index_of(name: &str) -> Result<u32, Fault> {
    sys::interface_index(name).ok_or_else(|| {
        let doing = format!("use the interface {name}");
        usage(&doing, libc::ENODEV, "`ip link` lists the interfaces")
    })
}

pub(crate) fn usage(doing: &str, errno: i32, hint: &str) -> Fault {
    let error = io::Error::from_raw_os_error(errno);
    Fault { doing: doing.into(), error, blame: Blame::Usage, hint: Some(hint.into()) }
}

pub(crate) fn host(doing: &str, error: io::Error) -> Fault {
    Fault { doing: doing.into(), error, blame: Blame::Host, hint: None }
}

/// A failure that is one of rights if the system says so.
fn right(doing: &str, error: io::Error, hint: &str) -> Fault {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            Fault { doing: doing.into(), error, blame: Blame::Rights, hint: Some(hint.into()) }
        }
        _ => host(doing, error),
    }
}

/// A failure that is the user's if the system calls the value invalid.
fn invalid(doing: &str, error: io::Error, hint: &str) -> Fault {
    match error.raw_os_error() {
        Some(libc::EINVAL) => {
            Fault { doing: doing.into(), error, blame: Blame::Usage, hint: Some(hint.into()) }
        }
        _ => host(doing, error),
    }
}
