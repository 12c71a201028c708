//! A TUN device as the end of a wire: what a network namespace sends comes out of it, what is put
//! into it arrives there.

use crate::rights;
use crate::rtnetlink::{self, Way};
use crate::sys::{self, Netlink, TunDevice};
use crate::vnet::{self, HEADER_BYTES, Header};
use crate::{Blame, Fault};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::thread;
use wire::offload::Shape;
use wire::prefix::Prefix;

/// A TUN device of ours; it is gone when this is dropped, or the process however it ends.
#[derive(Debug)]
pub struct Tun {
    device: TunDevice,
    name: String,
    is_fast: bool,
    /// Asks the kernel about it, in its network namespace.
    kernel: Netlink,
}

/// What a network namespace knows of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Addresses and the length of their networks' prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The largest packet, in bytes. IPv6, if it has such addresses, takes 1,280 in any case.
    pub mtu_bytes: u32,
    /// Networks that lie behind the device, besides those of its addresses; none twice.
    pub routes: Vec<Route>,
    /// Whether the device takes and gives large packets that stand for many, and leaves checksums
    /// to whoever needs them.
    pub is_fast: bool,
}

/// A network behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network.
    pub to: Prefix,
    /// The address of the device that what goes there comes from, unless its sender chooses; else
    /// the kernel's choice.
    pub source: Option<IpAddr>,
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

/// Packets that may wait in a device before the kernel drops more. It gives a program back the room
/// in its socket as soon as a packet is here, so that nothing slows it down as a network card does
/// whose queue is full; a burst that a card would take in its own time has to fit in here. What a
/// link cannot take yet waits in the link's own queue, not here: this one is empty unless packets
/// come faster than this process passes them on. So many of 1,500 bytes are some 25 MB of memory,
/// and far more than TCP has under way where little is delayed; only who sends without ever
/// listening fills it, and then all wait as long as it takes to pass so many on.
const QUEUE_PACKETS: u32 = 10_000;

/// The least MTU with which Linux has IPv6 on a device (RFC 8200 §5).
const V6_MTU_MIN_BYTES: u32 = 1_280;

/// How the kernel is to treat a device: files below /proc/sys/net, and what they are to say.
const SETTINGS: [(&str, &str, &str); 5] = [
    // What the other end says in the place of this host comes from this host's own address.
    ("ipv4", "accept_local", "1"),
    // It has the addresses and routes that it is given, and asks for no others.
    ("ipv6", "accept_ra", "0"),
    ("ipv6", "autoconf", "0"),
    ("ipv6", "router_solicitations", "0"),
    // No link-local address of the kernel's own making (IN6_ADDR_GEN_MODE_NONE).
    ("ipv6", "addr_gen_mode", "1"),
];

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
        let kernel = setup.apply(&name).and_then(|()| Netlink::routes());
        let kernel = kernel.map_err(|error| fault("set up", &name, error))?;
        Ok(Tun { device, name, is_fast: setup.is_fast, kernel })
    }

    pub(crate) fn adopt(device: TunDevice, kernel: Netlink, name: String, is_fast: bool) -> Tun {
        Tun { device, name, is_fast, kernel }
    }

    /// Packets of its namespace that found no room in its queue.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn dropped(&self) -> io::Result<u64> {
        rtnetlink::dropped(&self.kernel, &self.name)
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
        for (family, setting, value) in SETTINGS {
            change(&format!("/proc/sys/net/{family}/conf/{name}/{setting}"), value)?;
        }
        let has_v6 = self.addresses.iter().any(|(address, _)| address.is_ipv6());
        let mtu_bytes = self.mtu_bytes.max(if has_v6 { V6_MTU_MIN_BYTES } else { 0 });
        // What the device takes for the sake of IPv6 is too much for IPv4.
        let lesser = (self.mtu_bytes < mtu_bytes).then_some(self.mtu_bytes);
        let way = |route: &Route, is_shared| {
            let mtu_bytes = lesser.filter(|_| route.to.first().is_ipv4());
            Way { device, to: route.to, source: route.source, mtu_bytes, is_shared }
        };
        let mut requests = vec![rtnetlink::raise(device, Some(mtu_bytes), Some(QUEUE_PACKETS))];
        let addresses = self.addresses.iter();
        requests.extend(addresses.map(|(a, bits)| rtnetlink::add_address(device, *a, *bits)));
        let near = self.near();
        requests.extend(near.iter().map(|route| rtnetlink::add_route(&way(route, true))));
        let routes = self.routes.iter();
        requests.extend(routes.map(|route| rtnetlink::add_route(&way(route, false))));
        rtnetlink::request(&requests)
    }

    /// Routes to the networks of the addresses, where none is stated.
    fn near(&self) -> Vec<Route> {
        let mut near: Vec<Route> = Vec::new();
        for (address, bits) in &self.addresses {
            let to = Prefix::of(*address, *bits);
            // A network of one address is that address.
            let is_alone = to == Prefix::of_one(*address);
            if !is_alone && !near.iter().chain(&self.routes).any(|route| route.to == to) {
                near.push(Route { to, source: Some(*address) });
            }
        }
        near
    }
}

/// Changes a setting of the kernel's. Where there is none, or nobody may change any (as in some
/// containers), all else goes on.
fn change(file: &str, value: &str) -> io::Result<()> {
    match fs::write(file, value) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
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
        Some(libc::EINVAL) => Fault {
            hint: Some("a device's name has at most 15 bytes, none of them a space".to_owned()),
            ..rights::host(&doing, error)
        }
        .blaming(Blame::Usage),
        Some(libc::EBUSY | libc::EEXIST) => rights::host(&doing, error).blaming(Blame::Usage),
        Some(libc::ENOENT) => Fault {
            hint: Some("/dev/net/tun is not there: modprobe tun".to_owned()),
            ..rights::host(&doing, error)
        },
        _ => rights::host(&doing, error),
    }
}
