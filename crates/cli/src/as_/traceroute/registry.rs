//! AS numbers from a registry of routes (RFC 2622), which is asked by the whois protocol
//! (RFC 3912). It learns every address that is shown, so only those ask who want it.

use super::number;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

/// Who is asked unless the environment names another.
const SERVER: &str = "whois.radb.net";
const SERVICE: &str = "nicname";

/// The number of the service, should this system not know its name.
const PORT: u16 = 43;

/// A registry that does not answer for so long is one that cannot be asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// More of an answer is not read.
const ANSWER_MAX_BYTES: u64 = 1 << 16;

/// No address has more origins that are shown.
const ORIGINS_MAX: usize = 16;

/// Shown if the registry knows nothing, or cannot be asked.
pub const UNKNOWN: &str = "*";
const UNASKED: &str = "!!";

/// Where a registry is.
#[derive(Clone, Debug)]
pub struct Registry(Vec<SocketAddr>);

impl Registry {
    /// One that is not there.
    pub fn nowhere() -> Registry {
        Registry(Vec::new())
    }

    /// Finds the registry: `RA_SERVER` and `RA_SERVICE` of the environment, or the usual one.
    ///
    /// # Errors
    /// If its name has no address: what to say.
    pub fn find() -> Result<Registry, String> {
        let set = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
        let (server, service) = (set("RA_SERVER", SERVER), set("RA_SERVICE", SERVICE));
        let port = number::port(&service).unwrap_or(PORT);
        match crate::resolve::resolve(&server, None) {
            Ok(targets) => {
                let addresses = targets.into_iter().map(|it| SocketAddr::new(it.address, port));
                Ok(Registry(addresses.collect()))
            }
            Err(unresolved) => Err(format!("{server}/{service}: {}", unresolved.reason)),
        }
    }

    /// The AS numbers from which the nearest route to an address comes: `AS64500/AS64501`. Blocks.
    pub fn look_up(&self, address: IpAddr) -> String {
        let Some(text) = self.0.iter().find_map(|server| ask(*server, address)) else {
            return UNASKED.to_owned();
        };
        origins(&text)
    }
}

fn ask(server: SocketAddr, address: IpAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("{address}\r\n").as_bytes()).ok()?;
    let mut bytes = Vec::new();
    // What came before a failure is an answer, too.
    let _ = stream.take(ANSWER_MAX_BYTES).read_to_end(&mut bytes);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The origins of the longest prefixes in an answer.
fn origins(text: &str) -> String {
    let mut longest = 0_u32;
    let mut is_longest = false;
    let mut origins: Vec<&str> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match (key, value.trim()) {
            ("route" | "route6", prefix) => {
                let bits = prefix.split_once('/').and_then(|(_, bits)| bits.parse().ok());
                let bits: u32 = bits.unwrap_or(0);
                is_longest = bits >= longest;
                if bits > longest {
                    longest = bits;
                    origins.clear();
                }
            }
            ("origin", origin)
                if is_longest
                    && is_number(origin)
                    && !origins.contains(&origin)
                    && origins.len() < ORIGINS_MAX =>
            {
                origins.push(origin);
            }
            _ => {}
        }
    }
    if origins.is_empty() { UNKNOWN.to_owned() } else { origins.join("/") }
}

/// Whether a stranger's text is an AS number.
fn is_number(text: &str) -> bool {
    let number = text.strip_prefix("AS").or_else(|| text.strip_prefix("as"));
    number.is_some_and(|number| {
        (1..=10).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_tells_the_origins() {
        let wide = "route:  192.0.0.0/16\norigin: AS64501\n";
        let near = "route:      192.0.2.0/24\norigin:     AS64500\n";
        let other = "route: 192.0.2.0/24\norigin:AS64502\n";
        assert_eq!(origins(&[near, wide, other].join("\n")), "AS64500/AS64502");
        assert_eq!(origins(&[wide, near, near].join("\n")), "AS64500");
        assert_eq!(origins("%  No entries found\n"), "*");
        assert_eq!(origins("route6: 2001:db8::/32\norigin: AS64500 # \x1b[2J\n"), "*");
    }
}
