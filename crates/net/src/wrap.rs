//! Datagrams with a header of their own: written here where the socket is raw, told to the kernel
//! as far as it takes it where it is not.

use crate::sys::Address;
use crate::{Fault, Network, rights, routes};
use probe::{Carrier, Engine, Envelope, Fragmentation, Own, Stamp, StampedBy, Transmit};
use std::net::IpAddr;
use wire::Family;
use wire::icmp;
use wire::ip::{self, Datagram, Fragment, Header};

/// What every datagram of a run is wrapped in, and room for one.
pub(crate) struct Wrapping {
    pub(crate) envelope: Envelope,
    pub(crate) carrier: Carrier,
    interface: Option<String>,
    datagram: Vec<u8>,
}

/// The kernel's default, of both families.
const HOP_LIMIT: u8 = 64;

/// Every link takes so much (RFC 8200 §5; IPv4's guarantee is less, its links are the same).
const EVERY_LINK_BYTES: usize = 1_280;

/// Of UDP, which the kernel writes where the socket is not raw.
const UDP_HEADER_BYTES: usize = 8;

impl Wrapping {
    pub(crate) fn new(
        envelope: &Envelope,
        carrier: Carrier,
        interface: Option<String>,
    ) -> Wrapping {
        Wrapping { envelope: envelope.clone(), carrier, interface, datagram: Vec::new() }
    }

    /// Whether raw sockets send headers of ours where a datagram asks for one. Linux refuses them
    /// beside options of the socket's, and a socket that had options never gets rid of them.
    pub(crate) fn writes_headers(&self) -> bool {
        self.carrier != Carrier::Icmp || self.envelope.options.is_empty()
    }

    /// Puts the IP header before a transport message. The error is the system's number for what is
    /// wrong.
    fn write_header(&mut self, transmit: &Transmit, message: &mut Vec<u8>) -> Result<(), i32> {
        let Transmit { to, zone, header: own, .. } = *transmit;
        let envelope = &self.envelope;
        let given = own.source.or(envelope.source).filter(|s| Family::of(*s) == Family::of(to));
        let source = match given {
            Some(source) => source,
            None => self.source_towards(to, zone)?,
        };
        if self.carrier == Carrier::Icmp && message.get(2..4) == Some(&[0, 0]) {
            icmp::fill_checksum(source, to, message);
        }
        let mut header = Header::new(source, to, self.carrier.protocol(Family::of(to)));
        header.hop_limit = own.hop_limit.or(envelope.hop_limit).unwrap_or(HOP_LIMIT);
        header.traffic_class = envelope.traffic_class;
        header.flow_label = own.flow_label.or(envelope.flow_label).unwrap_or(0);
        // The kernel replaces 0.
        header.identification = own.identification.unwrap_or(0);
        header.dont_fragment =
            matches!(envelope.fragmentation, Fragmentation::Forbidden | Fragmentation::Probe);
        header.options.clone_from(&envelope.options);
        self.datagram.clear();
        header.emit(message, &mut self.datagram).map_err(|_| libc::EMSGSIZE)?;
        std::mem::swap(&mut self.datagram, message);
        Ok(())
    }

    /// The MTU towards a destination, if a datagram with our header exceeds it and may be cut.
    fn cuts_at(&self, transmit: &Transmit, datagram: &[u8]) -> Option<usize> {
        let is_whole =
            matches!(self.envelope.fragmentation, Fragmentation::Forbidden | Fragmentation::Probe);
        if is_whole || datagram.len() <= EVERY_LINK_BYTES {
            return None;
        }
        let mtu = routes::path_mtu(transmit.to, transmit.zone, self.interface.as_deref())?;
        usize::try_from(mtu).ok().filter(|mtu| *mtu < datagram.len())
    }

    fn source_towards(&self, to: IpAddr, zone: u32) -> Result<IpAddr, i32> {
        let found = routes::source_towards(to, zone, None, self.interface.as_deref(), None);
        found.map_err(|fault| fault.error.raw_os_error().unwrap_or(libc::ENETUNREACH))
    }
}

impl Network {
    /// Makes the datagram that the engine has just written ready for the socket that it goes by,
    /// behind what is queued. `None` if it cannot be sent, which the engine then knows.
    pub(crate) fn wrap<E: Engine>(
        &mut self,
        engine: &mut E,
        index: usize,
        transmit: &Transmit,
    ) -> Result<Option<Address>, Fault> {
        let wants_header = self.channels[index].is_raw
            && (self.wrapping.carrier != Carrier::Icmp
                || transmit.header != Own::default() && self.wrapping.writes_headers());
        let wants_label = transmit.header.flow_label.is_some();
        if wants_header != self.channels[index].has_header
            || wants_label && !self.channels[index].has_label
        {
            self.flush_others(engine)?;
            self.prepare(index, wants_header, wants_label)?;
        }
        let at = self.queue.len();
        let message = self.outbox.buffer(at);
        let mut to_port = 0;
        let wrapped = if wants_header {
            self.wrapping.write_header(transmit, message)
        } else if self.channels[index].port.is_some() {
            let stripped = strip(message).map(|port| to_port = port);
            let most = &mut self.channels[index].payload_max_bytes;
            *most = message.len().max(*most);
            stripped
        } else {
            Ok(())
        };
        if let Err(os_error) = wrapped {
            self.refuse(engine, transmit, os_error);
            return Ok(None);
        }
        if let (false, Some(hop_limit)) = (wants_header, transmit.header.hop_limit) {
            self.outbox.hop_limit(at, Family::of(transmit.to), hop_limit);
        }
        let label = transmit.header.flow_label.unwrap_or(self.flow_label) & 0x000f_ffff;
        let to = Address::new(transmit.to, to_port, transmit.zone, label);
        if wants_header {
            let message = self.outbox.buffer(at);
            if let Some(mtu_bytes) = self.wrapping.cuts_at(transmit, message) {
                self.flush_others(engine)?;
                self.send_pieces(engine, index, transmit, to, mtu_bytes);
                return Ok(None);
            }
        }
        Ok(Some(to))
    }

    /// Sends the only datagram in the outbox in fragments: the kernel cuts none whose header it did
    /// not write.
    fn send_pieces<E: Engine>(
        &mut self,
        engine: &mut E,
        index: usize,
        transmit: &Transmit,
        to: Address,
        mtu_bytes: usize,
    ) {
        let whole = std::mem::take(self.outbox.buffer(0));
        let datagram = Datagram::parse(&whole).expect("it was just written");
        let mut header = datagram.header();
        let identification = match datagram.identification {
            0 => (transmit.ticket as u16).max(1).into(),
            chosen => chosen,
        };
        header.fragment = Some(Fragment { identification, offset_bytes: 0, more: true });
        let begun = self.clock.now();
        let mut failed = None;
        let bytes = datagram.payload.len();
        for (range, more) in ip::pieces(bytes, header.bytes(), mtu_bytes) {
            let offset_bytes = range.start as u16;
            header.fragment = Some(Fragment { identification, offset_bytes, more });
            let piece = self.outbox.buffer(0);
            piece.clear();
            header
                .emit(&datagram.payload[range], piece)
                .expect("a piece is shorter than the whole");
            self.outbox.address(0, to);
            if let Err(error) = self.outbox.send(&self.channels[index].socket, 0, 1) {
                failed = Some(error.raw_os_error().unwrap_or(0));
                break;
            }
        }
        // The kernel stamps each piece, and counts them.
        self.channels[index].keys.mark_stale();
        self.note_sent(index, 1);
        match failed {
            Some(os_error) => self.refuse(engine, transmit, os_error),
            None => engine.sent(transmit.ticket, Stamp { at: begun, by: StampedBy::Program }),
        }
    }

    /// Sends what is queued before the datagram that was written last.
    fn flush_others<E: Engine>(&mut self, engine: &mut E) -> Result<(), Fault> {
        let at = self.queue.len();
        if at > 0 {
            let message = std::mem::take(self.outbox.buffer(at));
            self.flush(engine)?;
            *self.outbox.buffer(0) = message;
        }
        Ok(())
    }

    /// Tells a socket what its next datagrams bring.
    fn prepare(&mut self, index: usize, header: bool, label: bool) -> Result<(), Fault> {
        let channel = &mut self.channels[index];
        if header != channel.has_header {
            // In floods all have one, of a wrapper's if not of their own.
            let done = channel.socket.include_header(header || channel.wrapper.is_some());
            done.map_err(|error| rights::host("write IP headers", error))?;
            channel.has_header = header;
        }
        if label && !channel.has_label {
            let done = channel.socket.send_flow_label();
            done.map_err(|error| rights::host("set flow labels", error))?;
            channel.has_label = true;
        }
        Ok(())
    }
}

/// Takes the UDP header off, which the kernel writes; says which port it goes to.
fn strip(message: &mut Vec<u8>) -> Result<u16, i32> {
    let port = message.get(2..4).ok_or(libc::EINVAL)?;
    let port = u16::from_be_bytes(port.try_into().expect("two bytes"));
    if message.len() < UDP_HEADER_BYTES {
        return Err(libc::EINVAL);
    }
    message.drain(..UDP_HEADER_BYTES);
    Ok(port)
}
