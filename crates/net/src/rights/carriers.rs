//! The sockets of runs whose probes are no ICMP messages. Raw: one that sends whole datagrams, one
//! that hears ICMP errors, one that hears the target itself. Unprivileged: one UDP socket a lane,
//! or for TCP a connection each, for which nothing is opened here but what keeps the ports.

use super::{
    Channel, Lanes, Opened, bind_lane, bind_source, capability_remedy, channel, configure, host,
    icmp_socket, is_left_out, raw_icmp, usage, want_errors, wrap,
};
use crate::dial;
use crate::filter;
use crate::sys::Socket;
use crate::{Blame, Fault, Want};
use probe::Carrier;
use std::io;
use wire::Family;

/// Whether a carrier can do without rights.
pub(super) fn without_rights(carrier: Carrier) -> Result<(), Fault> {
    let Carrier::Other(number) = carrier else { return Ok(()) };
    Err(Fault {
        doing: format!("send datagrams of IP protocol {number}"),
        error: io::Error::from_raw_os_error(libc::EPERM),
        blame: Blame::Rights,
        hint: Some(capability_remedy()),
    })
}

/// Three sockets a family: that which sends comes first.
pub(super) fn raw(want: &Want, lanes: Lanes) -> Result<Opened, Fault> {
    let mut opened = Opened::default();
    for &family in &want.families {
        let errors = match icmp_socket(family, true) {
            Err(fault) if is_left_out(want, &fault) => continue,
            opened => opened?,
        };
        hold(family, want, lanes, false, &mut opened.held)?;
        let protocol = want.carrier.protocol(family);
        let sender = Socket::raw_sender(family).map_err(|e| host("open a raw socket", e))?;
        configure(&sender, true, want.stamps, want)?;
        let how = want.envelope.fragmentation;
        sender.set_fragmentation(how).map_err(|e| host("choose how to fragment", e))?;
        bind_source(&sender, family, want, lanes)?;
        let program = filter::errors(family, protocol, lanes.block());
        let types = filter::types(family);
        let errors = raw_icmp(errors, family, types, &program, want, lanes)?;
        let answers = answers(family, protocol, want, lanes)?;
        let channel = |socket| channel(socket, family, true, want);
        opened.channels.extend([
            Channel { protocol, has_header: true, ..channel(sender) },
            channel(errors),
            Channel { protocol, ..channel(answers) },
        ]);
    }
    Ok(opened)
}

/// Hears what the target itself says.
fn answers(family: Family, protocol: u8, want: &Want, lanes: Lanes) -> Result<Socket, Fault> {
    let doing = || format!("open a raw socket for IP protocol {protocol}");
    let socket = Socket::raw(family, protocol).map_err(|e| host(&doing(), e))?;
    if let Some(program) = filter::answers(family, protocol, lanes.block()) {
        socket.attach_filter(&program).map_err(|e| host("attach a socket filter", e))?;
    }
    configure(&socket, true, want.stamps, want)?;
    bind_source(&socket, family, want, lanes)?;
    Ok(socket)
}

/// Keeps the lanes' ports from other programs, and this host's own answers off the wire: where a
/// UDP socket is bound, no error says that the port is unreachable. Connections share them. Other
/// protocols are not the kernel's.
fn hold(
    family: Family,
    want: &Want,
    lanes: Lanes,
    is_shared: bool,
    held: &mut Vec<Socket>,
) -> Result<(), Fault> {
    let open = match want.carrier {
        Carrier::Udp => Socket::udp,
        Carrier::Tcp => Socket::tcp,
        Carrier::Icmp | Carrier::Other(_) => return Ok(()),
    };
    refuse_port_0(lanes)?;
    for port in lanes.first..=lanes.last() {
        let socket = open(family).map_err(|e| host("open a socket that keeps a port", e))?;
        socket.keep_to_family().map_err(|e| host("keep a port", e))?;
        if let Some(name) = &want.interface {
            socket.bind_to_device(name).map_err(|e| host("keep a port", e))?;
        }
        if want.carrier == Carrier::Udp {
            socket
                .attach_filter(&filter::NOTHING)
                .map_err(|e| host("attach a socket filter", e))?;
        }
        if is_shared {
            // The kernel stamps for as long as anybody wants it to.
            let stamps = dial::stamps(want);
            socket.want_stamps(stamps).map_err(|e| host("ask for kernel stamps", e))?;
            socket.share_port().map_err(|e| host("keep a port", e))?;
        }
        bind_lane(&socket, family, port, want, lanes)?;
        held.push(socket);
    }
    Ok(())
}

fn refuse_port_0(lanes: Lanes) -> Result<(), Fault> {
    if lanes.first == 0 {
        return Err(usage("use the source port 0", libc::EINVAL, "choose 1 to 65535, or none"));
    }
    Ok(())
}

/// One UDP socket a family and lane.
pub(super) fn datagram(want: &Want, lanes: Lanes) -> Result<Opened, Fault> {
    refuse_port_0(lanes)?;
    if want.carrier == Carrier::Tcp {
        return connections(want, lanes);
    }
    let mut opened = Opened::default();
    for &family in &want.families {
        for port in lanes.first..=lanes.last() {
            let socket = match Socket::udp(family).map_err(|e| host("open a UDP socket", e)) {
                Err(fault) if is_left_out(want, &fault) => break,
                opened => opened?,
            };
            socket.keep_to_family().map_err(|e| host("keep a port", e))?;
            configure(&socket, false, want.stamps, want)?;
            wrap(&socket, want)?;
            want_errors(&socket)?;
            bind_lane(&socket, family, port, want, lanes)?;
            let protocol = want.carrier.protocol(family);
            let channel = channel(socket, family, false, want);
            opened.channels.push(Channel { protocol, port: Some(port), ..channel });
        }
    }
    Ok(opened)
}

/// Nothing but what keeps the ports, and a look whether connections can be had as they are wanted.
fn connections(want: &Want, lanes: Lanes) -> Result<Opened, Fault> {
    if want.mark.is_some() || want.debug {
        // Their sockets are opened one by one, when no right is left.
        return Err(Fault {
            doing: "mark or debug TCP connections".into(),
            error: io::Error::from_raw_os_error(libc::EPERM),
            blame: Blame::Rights,
            hint: Some(format!("with raw sockets it can be done: {}", capability_remedy())),
        });
    }
    let mut opened = Opened { connects: true, ..Opened::default() };
    for &family in &want.families {
        let trial = match Socket::tcp(family).map_err(|e| host("open a TCP socket", e)) {
            Err(fault) if is_left_out(want, &fault) => continue,
            opened => opened?,
        };
        dial::dress(&trial, None, want).map_err(|e| host("prepare a TCP connection", e))?;
        hold(family, want, lanes, true, &mut opened.held)?;
    }
    Ok(opened)
}
