//! This host: its interfaces.

use super::Address;
use crate::interfaces::{Interface, Number};
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io;
use std::net::IpAddr;

/// The index of an interface.
pub(crate) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name ends with a zero byte.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// The name of an interface.
pub(crate) fn interface_name(index: u32) -> Option<String> {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: there is room for the longest name and its zero byte.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: on success the buffer holds a string that ends with a zero byte.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_string_lossy().into_owned())
}

/// This host's name; empty if it has none.
pub(crate) fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the pointer and the length are of one buffer, whose last byte stays zero.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    if result == 0 { name.to_string_lossy().into_owned() } else { String::new() }
}

/// This host's interfaces with their addresses, by index.
pub(crate) fn interfaces() -> io::Result<Vec<Interface>> {
    let mut list = std::ptr::null_mut();
    // SAFETY: on success the pointer is of a list that is freed below.
    super::check(unsafe { libc::getifaddrs(&mut list) })?;
    let mut found = BTreeMap::new();
    let mut next = list.cast_const();
    // SAFETY: every entry of the list is valid until the list is freed, or null at its end.
    while let Some(entry) = unsafe { next.as_ref() } {
        add(entry, &mut found);
        next = entry.ifa_next;
    }
    // SAFETY: it is the list from above, and nothing of it is kept.
    unsafe { libc::freeifaddrs(list) };
    Ok(found.into_values().collect())
}

/// Adds what one entry of `getifaddrs` says; interfaces that are gone since have no index.
fn add(entry: &libc::ifaddrs, found: &mut BTreeMap<u32, Interface>) {
    // SAFETY: the name of an entry ends with a zero byte.
    let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
    let Some(index) = interface_index(&name) else { return };
    let has = |flag: libc::c_int| entry.ifa_flags & flag as u32 != 0;
    let interface = found.entry(index).or_insert_with(|| Interface {
        name,
        index,
        is_up: has(libc::IFF_UP) && has(libc::IFF_RUNNING),
        is_loopback: has(libc::IFF_LOOPBACK),
        is_multicast: has(libc::IFF_MULTICAST),
        numbers: Vec::new(),
    });
    let broadcast = has(libc::IFF_BROADCAST).then_some(entry.ifa_ifu).filter(|it| !it.is_null());
    // SAFETY: addresses of an entry are null or whole, as their family has them.
    let [address, mask, broadcast] = [Some(entry.ifa_addr), Some(entry.ifa_netmask), broadcast]
        .map(|pointer| unsafe { ip_of(pointer?) });
    if let Some(address) = address {
        interface.numbers.push(Number { address, mask, broadcast });
    }
}

/// The IP address that a socket address is of, if it is of one.
///
/// # Safety
/// The pointer is null, or of a whole socket address of its family.
unsafe fn ip_of(pointer: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: as promised.
    let family = i32::from(unsafe { pointer.as_ref() }?.sa_family);
    let bytes = match family {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    let mut address = Address::unspecified();
    // SAFETY: so many bytes are there by the family, and `Address` has room for either.
    unsafe {
        let into = std::ptr::from_mut(&mut address).cast::<u8>();
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), into, bytes);
    }
    address.ip()
}
