//! Names to targets and back, without blocking the run.

use probe::targets::Target;
use std::net::IpAddr;
use wire::Family;

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

/// The addresses of one name or literal (`address%zone` included), in the resolver's order; of one
/// family if that is given. Blocks: for tools that resolve before they start.
///
/// # Errors
/// If there is none.
pub fn resolve(_name: &str, _family: Option<Family>) -> Result<Vec<Target>, Unresolved> {
    todo!()
}

/// Resolves many names at once on a few threads; results in the order of the names.
pub fn resolve_all(
    names: &[String],
    family: Option<Family>,
) -> Vec<Result<Vec<Target>, Unresolved>> {
    names.iter().map(|name| resolve(name, family)).collect()
}

/// The name of an address, escaped for a terminal; `None` if it has none.
pub fn reverse(_address: IpAddr) -> Option<String> {
    todo!()
}
