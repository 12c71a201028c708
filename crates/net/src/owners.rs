//! Which processes hold a socket: a search through `/proc/PID/fd`, as far as this process may look.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its number.
    pub pid: u32,
    /// The descriptor.
    pub fd: u32,
    /// The name that it goes by: at most 15 bytes, its own choice, not safe for a terminal.
    pub name: String,
}

/// Holders of sockets by inode.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    by_inode: HashMap<u32, Vec<Owner>>,
    /// Whether there were processes whose descriptors this one may not see.
    pub is_partial: bool,
}

impl Owners {
    /// Who holds it, in the order of `/proc`; empty if nobody is known.
    pub fn of(&self, inode: u32) -> &[Owner] {
        self.by_inode.get(&inode).map_or(&[], Vec::as_slice)
    }

    /// Looks for the holders of these inodes.
    pub fn find(inodes: &HashSet<u32>) -> Owners {
        let mut owners = Owners::default();
        if inodes.is_empty() {
            return owners;
        }
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
                owners.search(pid, &entry.path(), inodes);
            }
        }
        owners
    }

    fn search(&mut self, pid: u32, process: &Path, inodes: &HashSet<u32>) {
        let descriptors = match fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            Err(error) => {
                // A process that ended meanwhile is none that is kept from us.
                self.is_partial |= error.kind() == std::io::ErrorKind::PermissionDenied;
                return;
            }
        };
        let mut name = None;
        for entry in descriptors.flatten() {
            let inode = fs::read_link(entry.path()).ok().and_then(|link| inode(link.to_str()?));
            let Some(inode) = inode.filter(|inode| inodes.contains(inode)) else { continue };
            let fd = entry.file_name().to_str().and_then(|fd| fd.parse().ok());
            let Some(fd) = fd else { continue };
            let name: &String = name.get_or_insert_with(|| {
                let name = fs::read(process.join("comm")).unwrap_or_default();
                String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()
            });
            self.by_inode.entry(inode).or_default().push(Owner { pid, fd, name: name.clone() });
        }
    }
}

/// The inode in `socket:[1234]`.
fn inode(link: &str) -> Option<u32> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_socket_of_our_own_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let fd = socket.as_raw_fd();
        let link = fs::read_link(format!("/proc/self/fd/{fd}")).expect("a link");
        let inode = inode(link.to_str().expect("ASCII")).expect("an inode");
        let owners = Owners::find(&HashSet::from([inode]));
        let [owner] = owners.of(inode) else { panic!("{owners:?}") };
        assert_eq!((owner.pid, owner.fd), (std::process::id(), fd as u32));
        assert!(!owner.name.is_empty() && owners.of(0).is_empty());
    }

    #[test]
    fn links_to_anything_else_are_none() {
        assert_eq!(inode("socket:[77]"), Some(77));
        for link in ["pipe:[77]", "socket:[]", "socket:[x]", "socket:[99999999999]", "/dev/null"] {
            assert_eq!(inode(link), None, "{link}");
        }
    }
}
