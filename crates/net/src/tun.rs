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
        let (device, name) = TunDevice::make(name).map_err(|error| fault("make", name, error))?;
        setup.apply(&name).map_err(|error| fault("set up", &name, error))?;
        Ok(Tun { device, name })
    }

    pub(crate) fn adopt(device: TunDevice, name: String) -> Tun {
        Tun { device, name }
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
        sys::request(&requests)
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
