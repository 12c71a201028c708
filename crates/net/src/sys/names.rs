//! getaddrinfo and getnameinfo.

use crate::names::{Found, Unknown};
use std::ffi::{CStr, CString};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use wire::Family;

pub(crate) fn lookup(name: &str, family: Option<Family>) -> Result<Found, Unknown> {
    let Ok(name) = CString::new(name) else {
        return Err(unknown(libc::EAI_NONAME));
    };
    // SAFETY: all-zero is a valid addrinfo: no flags, null pointers.
    let mut hints: libc::addrinfo = unsafe { mem::zeroed() };
    hints.ai_flags = libc::AI_CANONNAME;
    hints.ai_socktype = libc::SOCK_DGRAM;
    hints.ai_family = match family {
        None => libc::AF_UNSPEC,
        Some(Family::V4) => libc::AF_INET,
        Some(Family::V6) => libc::AF_INET6,
    };
    let mut list = ptr::null_mut();
    // SAFETY: `name` is a C string, `hints` is filled in, `list` takes the result.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &hints, &mut list) };
    if code != 0 {
        return Err(unknown(code));
    }
    // SAFETY: on success `list` is a well-formed list that is ours until it is freed.
    let found = unsafe {
        let found = read(list);
        libc::freeaddrinfo(list);
        found
    };
    if found.addresses.is_empty() { Err(unknown(libc::EAI_NONAME)) } else { Ok(found) }
}

/// # Safety
/// `list` is null or a list that getaddrinfo made.
unsafe fn read(list: *const libc::addrinfo) -> Found {
    let mut found = Found { addresses: Vec::new(), canonical: None };
    let mut next = list;
    // SAFETY: each node is either null or valid, with an address of the length that it states.
    while let Some(node) = unsafe { next.as_ref() } {
        if !node.ai_canonname.is_null() && found.canonical.is_none() {
            // SAFETY: a canonical name is a C string.
            let name = unsafe { CStr::from_ptr(node.ai_canonname) };
            found.canonical = Some(name.to_string_lossy().into_owned());
        }
        // SAFETY: see above.
        if let Some(address) = unsafe { address_of(node) }
            && !found.addresses.contains(&address)
        {
            found.addresses.push(address);
        }
        next = node.ai_next;
    }
    found
}

/// # Safety
/// `node.ai_addr` points to `node.ai_addrlen` bytes of an address of family `node.ai_family`.
unsafe fn address_of(node: &libc::addrinfo) -> Option<(IpAddr, u32)> {
    match node.ai_family {
        libc::AF_INET if node.ai_addrlen as usize >= mem::size_of::<libc::sockaddr_in>() => {
            // SAFETY: family and length say that it is one; it need not be aligned.
            let v4 = unsafe { node.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some((Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr)).into(), 0))
        }
        libc::AF_INET6 if node.ai_addrlen as usize >= mem::size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above.
            let v6 = unsafe { node.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some((Ipv6Addr::from(v6.sin6_addr.s6_addr).into(), v6.sin6_scope_id))
        }
        _ => None,
    }
}

pub(crate) fn reverse(address: IpAddr, zone: u32) -> Option<String> {
    // SAFETY: all-zero is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let base = (&raw mut storage).cast::<libc::sockaddr>();
    let length = match address {
        IpAddr::V4(v4) => {
            // SAFETY: all-zero is a valid sockaddr_in, and sockaddr_storage has room for it.
            let mut to: libc::sockaddr_in = unsafe { mem::zeroed() };
            to.sin_family = libc::AF_INET as libc::sa_family_t;
            to.sin_addr.s_addr = v4.to_bits().to_be();
            // SAFETY: as above; sockaddr_storage is aligned for it.
            unsafe { base.cast::<libc::sockaddr_in>().write(to) };
            mem::size_of::<libc::sockaddr_in>()
        }
        IpAddr::V6(v6) => {
            // SAFETY: as above, for sockaddr_in6.
            let mut to: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            to.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            to.sin6_addr.s6_addr = v6.octets();
            to.sin6_scope_id = zone;
            // SAFETY: as above.
            unsafe { base.cast::<libc::sockaddr_in6>().write(to) };
            mem::size_of::<libc::sockaddr_in6>()
        }
    };
    let mut host = [0 as libc::c_char; libc::NI_MAXHOST as usize];
    // SAFETY: `base` holds an address of that length, `host` takes a C string of its size.
    let code = unsafe {
        libc::getnameinfo(
            base,
            length as libc::socklen_t,
            host.as_mut_ptr(),
            host.len() as libc::socklen_t,
            ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    // SAFETY: on success `host` holds a C string.
    (code == 0).then(|| unsafe { CStr::from_ptr(host.as_ptr()) }.to_string_lossy().into_owned())
}

fn unknown(code: i32) -> Unknown {
    // SAFETY: gai_strerror returns a C string that lives as long as the program.
    let reason = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
    Unknown { code, reason: reason.to_string_lossy().into_owned() }
}
