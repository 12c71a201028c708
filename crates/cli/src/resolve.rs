//! Names to targets and back, without blocking the run.

use crate::escape::escape;
use probe::targets::Target;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use wire::Family;

/// The most names that are looked up at one time.
const THREADS_MAX: usize = 16;

/// The most of a stranger's name that is shown: what the DNS allows (RFC 1035 §2.3.4).
const NAME_MAX_CHARS: usize = 255;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The name as given.
    pub name: String,
    /// The resolver's word, as `getaddrinfo` puts it: `Name or service not known`.
    pub reason: String,
    /// The resolver's code (EAI_*).
    pub code: i32,
}

/// What a name stands for.
pub type Resolved = Result<Vec<Target>, Unresolved>;

/// The target that a literal address names, `address%zone` included, without asking anybody; `None`
/// for anything else, and for a zone that this host does not have.
pub fn literal(text: &str) -> Option<Target> {
    if let Ok(address) = text.parse() {
        return Some(Target { address, zone: 0 });
    }
    let (address, zone) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let zone = zone.parse().ok().or_else(|| net::interface_index(zone))?;
    Some(Target { address: address.into(), zone })
}

/// The addresses of one name or literal (`address%zone` included), in the resolver's order; of one
/// family if that is given. Blocks: for tools that resolve before they start.
///
/// # Errors
/// If there is none.
pub fn resolve(name: &str, family: Option<Family>) -> Resolved {
    if let Some(target) = literal(name)
        && family.is_none_or(|family| family == Family::of(target.address))
    {
        return Ok(vec![target]);
    }
    match net::names::lookup(name, family) {
        Ok(found) => Ok(found
            .addresses
            .into_iter()
            .map(|(address, zone)| Target { address, zone })
            .collect()),
        Err(unknown) => {
            Err(Unresolved { name: name.to_owned(), reason: unknown.reason, code: unknown.code })
        }
    }
}

/// Resolves many names at once on a few threads; results in the order of the names.
pub fn resolve_all(names: &[String], family: Option<Family>) -> Vec<Resolved> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, name)) = take(names, &next) {
            done.push((index, resolve(name, family)));
        }
        done
    };
    let strangers = names.iter().filter(|name| literal(name).is_none()).count();
    let mut results: Vec<(usize, Resolved)> = thread::scope(|scope| {
        let others: Vec<_> = (1..strangers.min(THREADS_MAX)).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for other in others {
            results.extend(other.join().expect("a lookup does not panic"));
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The next name that nobody has taken yet.
fn take<'a>(names: &'a [String], next: &AtomicUsize) -> Option<(usize, &'a str)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    names.get(index).map(|name| (index, name.as_str()))
}

/// Names that are being looked up while a run goes on.
pub struct Lookups {
    results: mpsc::Receiver<(usize, Resolved)>,
    pending: usize,
}

impl Lookups {
    /// Starts looking up; `wake` is called after each result, from another thread.
    pub fn start(
        names: Vec<String>,
        family: Option<Family>,
        wake: impl Fn() + Clone + Send + 'static,
    ) -> Lookups {
        let (sender, results) = mpsc::channel();
        let pending = names.len();
        let shared = Arc::new((names, AtomicUsize::new(0)));
        for _ in 0..pending.min(THREADS_MAX) {
            let (shared, sender, wake) = (Arc::clone(&shared), sender.clone(), wake.clone());
            thread::spawn(move || {
                while let Some((index, name)) = take(&shared.0, &shared.1) {
                    if sender.send((index, resolve(name, family))).is_err() {
                        return;
                    }
                    wake();
                }
            });
        }
        Lookups { results, pending }
    }

    /// The next result that is there: the name's index, 0-based, and its addresses.
    pub fn next(&mut self) -> Option<(usize, Resolved)> {
        let result = self.results.try_recv().ok()?;
        self.pending -= 1;
        Some(result)
    }

    /// How many names are still being looked up.
    pub fn pending(&self) -> usize {
        self.pending
    }
}

/// The name of an address, escaped for a terminal; `None` if it has none.
pub fn reverse(address: IpAddr) -> Option<String> {
    let name = net::names::reverse(address, 0)?;
    Some(shown(&name))
}

/// As [`reverse`]; a machine of the local segment without a name in the DNS is asked itself.
pub fn reverse_or_nearby(address: IpAddr) -> Option<String> {
    reverse(address).or_else(|| net::names::nearby(address, 0).map(|name| shown(&name)))
}

/// A link-local address needs to know its link: without a zone of its own it gets this one.
pub fn zoned(target: Target, zone: u32) -> Target {
    let is_local = match target.address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => {
            let is_link_local_group = address.segments()[0] & 0xff0f == 0xff02;
            address.is_unicast_link_local() || is_link_local_group
        }
    };
    if is_local && target.zone == 0 { Target { zone, ..target } } else { target }
}

/// A zone by the name of its interface, escaped for a terminal: the kernel lets names hold anything
/// but spaces, slashes and colons. By its number if there is none.
pub fn zone(index: u32) -> String {
    net::interface_name(index).map_or_else(|| index.to_string(), |name| escape(&name))
}

/// A stranger's name, cut and escaped.
pub fn shown(name: &str) -> String {
    let end = name.char_indices().nth(NAME_MAX_CHARS).map_or(name.len(), |(at, _)| at);
    escape(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_resolve_in_order_and_keep_their_zone() {
        let names: Vec<String> =
            ["192.0.2.1", "2001:db8::1", "fe80::1%7", "192.0.2.2"].map(String::from).into();
        let found = resolve_all(&names, None);
        let targets: Vec<Target> =
            found.into_iter().flat_map(|result| result.expect("literal")).collect();
        assert_eq!(targets.len(), 4);
        assert_eq!(targets[0].address, IpAddr::from([192, 0, 2, 1]));
        assert_eq!(targets[2].zone, 7);
        assert_eq!(targets[3].address, IpAddr::from([192, 0, 2, 2]));
    }

    #[test]
    fn an_address_of_the_other_family_does_not_resolve() {
        let unresolved = resolve("192.0.2.1", Some(Family::V6)).expect_err("no IPv6 address");
        assert_eq!(unresolved.name, "192.0.2.1");
    }

    #[test]
    fn a_long_hostile_name_is_cut_and_escaped() {
        let name = shown(&format!("\x1b[31m{}", "é".repeat(300)));
        assert!(name.starts_with(r"\u{1b}[31m"));
        assert_eq!(name.matches('é').count(), 250);
    }
}
