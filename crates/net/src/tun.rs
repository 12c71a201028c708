//! A TUN device as the end of a wire: what a network namespace sends comes out of it, what is put
//! into it arrives there.

use crate::rights;
use crate::rtnetlink;
use crate::sys::{self, TunDevice};
use crate::{Blame, Fault};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::thread;

/// A TUN device of ours; it is gone when this is dropped, or the process however it ends.
#[derive(Debug)]
pub struct Tun {
    device: TunDevice,
    name: String,
    is_fast: bool,
}

/// What a network namespace knows of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Addresses and the length of their networks' prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet, in bytes. Linux has no IPv6 on a device that takes less than 1,280.
    pub mtu_bytes: u32,
    /// Networks that lie behind the device, and the length of their prefixes in bits.
    pub routes: Vec<(IpAddr, u8)>,
    /// Whether the device takes and gives large packets that stand for many, and leaves checksums
    /// to whoever needs them.
    pub is_fast: bool,
}

/// What is known of a packet's transport checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// It is there, and may be wrong.
    Unknown,
    /// It is there, and right.
    Good,
    /// It is to be computed yet: where it belongs, there is the sum of the pseudo-header.
    Partial,
}

/// What a device tells of a packet besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What is known of its transport checksum.
    pub sums: Sums,
    /// If it stands for many: the payload of each, in bytes.
    pub segment_bytes: Option<u16>,
}

/// Room for a packet, and in front of it for what a fast device says of it.
#[derive(Debug)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    length: usize,
}

/// The largest packet.
const PACKET_MAX_BYTES: usize = 65_535;

/// What a fast device puts in front of packets: struct virtio_net_hdr (linux/virtio_net.h).
pub(crate) const HEADER_BYTES: usize = 10;

impl Frame {
    pub(crate) fn new() -> Frame {
        Frame { bytes: vec![0; HEADER_BYTES + PACKET_MAX_BYTES], length: 0 }
    }

    /// The packet, and what the device told of it.
    pub(crate) fn packet(&mut self) -> (&mut [u8], Shape) {
        let shape = shape(&self.bytes[..HEADER_BYTES]);
        (&mut self.bytes[HEADER_BYTES..HEADER_BYTES + self.length], shape)
    }

    /// Reads the next packet of a device; whether there was one.
    pub(crate) fn receive(&mut self, from: &Tun) -> io::Result<bool> {
        let start = if from.is_fast { 0 } else { HEADER_BYTES };
        if start > 0 {
            self.bytes[..start].fill(0);
        }
        let Some(length) = from.device.receive(&mut self.bytes[start..])? else { return Ok(false) };
        self.length = (start + length).saturating_sub(HEADER_BYTES);
        Ok(true)
    }

    /// Hands the packet as it stands to a device.
    pub(crate) fn send(&self, to: &Tun) -> io::Result<()> {
        let start = if to.is_fast { 0 } else { HEADER_BYTES };
        to.device.send(&self.bytes[start..HEADER_BYTES + self.length])
    }
}

/// Reads a header of a fast device. What it does not say is as on a wire.
fn shape(header: &[u8]) -> Shape {
    /// Flags: the checksum is partial; it is good.
    const NEEDS_SUM: u8 = 1;
    const SUM_VALID: u8 = 2;
    let sums = match header[0] {
        flags if flags & NEEDS_SUM != 0 => Sums::Partial,
        flags if flags & SUM_VALID != 0 => Sums::Good,
        _ => Sums::Unknown,
    };
    // The second byte says what it stands for: nothing, or segments of some kind.
    let segment = u16::from_ne_bytes([header[4], header[5]]);
    Shape { sums, segment_bytes: (header[1] != 0).then_some(segment) }
}

/// Where `ip netns` keeps the namespaces that it names.
const NAMESPACES: &str = "/run/netns";

/// Packets that may wait in a device before the kernel drops more: as on Ethernet devices.
const QUEUE_PACKETS: u32 = 1_000;

impl Tun {
    /// Makes a device of that name (`NAME%d`: the next free one) in a named network namespace, or
    /// in this thread's, and sets it up.
    ///
    /// # Errors
    /// If this process may not, there is no such namespace, or the name or an address is taken.
    pub fn open(name: &str, namespace: Option<&str>, setup: &Setup) -> Result<Tun, Fault> {
        let Some(namespace) = namespace else { return Tun::open_here(name, setup) };
        // Threads have namespaces of their own: this one's goes with it.
        let entered = thread::scope(|scope| {
            let there = scope.spawn(|| {
                sys::enter_network(&Path::new(NAMESPACES).join(namespace)).map_err(|error| {
                    let doing = format!("enter the network namespace {namespace}");
                    rights::host(&doing, error).blaming(Blame::Usage)
                })?;
                Tun::open_here(name, setup)
            });
            there.join()
        });
        entered.expect("it does not panic")
    }

    fn open_here(name: &str, setup: &Setup) -> Result<Tun, Fault> {
        let made = TunDevice::make(name, setup.is_fast);
        let (device, name) = made.map_err(|error| fault("make", name, error))?;
        setup.apply(&name).map_err(|error| fault("set up", &name, error))?;
        Ok(Tun { device, name, is_fast: setup.is_fast })
    }

    pub(crate) fn adopt(device: TunDevice, name: String, is_fast: bool) -> Tun {
        Tun { device, name, is_fast }
    }

    /// Hands a packet as it is on a wire to the namespace.
    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        match self.is_fast {
            // All-zero: nothing is left to be done.
            true => self.device.send_with_header(&[0; HEADER_BYTES], packet),
            false => self.device.send(packet),
        }
    }

    /// Its name in its namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn device(&self) -> &TunDevice {
        &self.device
    }
}

impl Setup {
    /// Sets a device up in this thread's network namespace.
    pub(crate) fn apply(&self, name: &str) -> io::Result<()> {
        let gone = || io::Error::from_raw_os_error(libc::ENODEV);
        let device = sys::interface_index(name).ok_or_else(gone)?;
        let mut requests =
            vec![rtnetlink::raise(device, Some(self.mtu_bytes), Some(QUEUE_PACKETS))];
        let addresses = self.addresses.iter();
        requests.extend(addresses.map(|(a, bits)| rtnetlink::add_address(device, *a, *bits)));
        let routes = self.routes.iter();
        requests.extend(routes.map(|(to, bits)| rtnetlink::add_route(device, *to, *bits)));
        rtnetlink::request(&requests)
    }
}

fn fault(doing: &str, name: &str, error: io::Error) -> Fault {
    let doing = format!("{doing} the TUN device {name}");
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => Fault {
            hint: Some("it takes the capability CAP_NET_ADMIN".to_owned()),
            ..rights::host(&doing, error)
        }
        .blaming(Blame::Rights),
        Some(libc::EBUSY | libc::EEXIST | libc::EINVAL) => {
            rights::host(&doing, error).blaming(Blame::Usage)
        }
        Some(libc::ENOENT) => Fault {
            hint: Some("/dev/net/tun is not there: modprobe tun".to_owned()),
            ..rights::host(&doing, error)
        },
        _ => rights::host(&doing, error),
    }
}
