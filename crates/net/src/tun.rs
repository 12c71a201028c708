//! A TUN device as the end of a wire: what a network namespace sends comes out of it, what is put
//! into it arrives there.

use crate::rights;
use crate::rtnetlink;
use crate::sys::{self, TunDevice};
use crate::vnet::{self, HEADER_BYTES, Header};
use crate::{Blame, Fault};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use wire::offload::Shape;

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

/// A packet from a device.
#[derive(Debug)]
pub struct Frame {
    header: Header,
    /// All of the room; less if it was taken.
    bytes: Vec<u8>,
    length: usize,
}

/// Rooms for packets that came back.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Vec<Vec<u8>>);

/// The largest packet.
const PACKET_MAX_BYTES: usize = 65_535;

/// A packet of so many bytes is taken with its room, a smaller one is copied: then no room is more
/// than twice as large as what it holds.
const TAKEN_BYTES: usize = PACKET_MAX_BYTES / 2;

/// Rooms that are kept for later.
const SPARE_MAX: usize = 128;

impl Frame {
    pub(crate) fn new() -> Frame {
        let header = [0; HEADER_BYTES];
        Frame { header, bytes: vec![0; PACKET_MAX_BYTES], length: 0 }
    }

    /// The packet's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length.min(self.bytes.len())]
    }

    /// The packet, and what the device told of it. It has no bytes any more once it was taken.
    pub fn packet(&mut self) -> (&mut [u8], Shape) {
        let shape = vnet::read(&self.header);
        let length = self.length.min(self.bytes.len());
        (&mut self.bytes[..length], shape)
    }

    /// Takes the packet away. A large one is not copied.
    pub fn take(&mut self) -> (Vec<u8>, Shape) {
        let shape = vnet::read(&self.header);
        let length = self.length.min(self.bytes.len());
        self.length = 0;
        if length < TAKEN_BYTES {
            return (self.bytes[..length].to_vec(), shape);
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.truncate(length);
        (bytes, shape)
    }

    /// Reads the next packet of a device; whether there was one.
    pub(crate) fn receive(&mut self, from: &Tun, rooms: &mut Rooms) -> io::Result<bool> {
        if self.bytes.len() < PACKET_MAX_BYTES {
            self.bytes = rooms.0.pop().unwrap_or_default();
            self.bytes.resize(PACKET_MAX_BYTES, 0);
        }
        let length = match from.is_fast {
            true => {
                let length = from.device.receive_with_header(&mut self.header, &mut self.bytes)?;
                length.map(|length| length.saturating_sub(HEADER_BYTES))
            }
            false => {
                self.header = [0; HEADER_BYTES];
                from.device.receive(&mut self.bytes)?
            }
        };
        self.length = length.unwrap_or(0);
        Ok(length.is_some())
    }

    /// Hands the packet as it stands to a device.
    pub(crate) fn send(&self, to: &Tun) -> io::Result<()> {
        match to.is_fast {
            true => to.device.send_with_header(&self.header, self.bytes()),
            false => to.device.send(self.bytes()),
        }
    }
}

impl Rooms {
    /// Takes a room back that is not needed any more, if it is one.
    pub(crate) fn put_back(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() >= PACKET_MAX_BYTES && self.0.len() < SPARE_MAX {
            self.0.push(bytes);
        }
    }
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

    /// Hands a packet to the namespace. Only a fast device can be told that it has another shape
    /// than on a wire.
    pub(crate) fn send(&self, packet: &[u8], shape: Shape) -> io::Result<()> {
        match self.is_fast {
            true => self.device.send_with_header(&vnet::write(packet, shape), packet),
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
