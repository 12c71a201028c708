//! The autonomous systems of routers: from a database file of the user's, for which nobody is
//! asked and nothing leaves this host, or on demand by DNS.

mod cymru;
mod database;

use super::inquiry::Inquiry;
use crate::args::BadValue;
use crate::failure::{Exit, Failure};
use crate::print::trace::System;
use crate::resolve;
use crate::values::bad;
use net::dns::Servers;
use probe::Time;
use probe::targets::Target;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wire::prefix;

/// Where packages of databases put them.
const USUAL_PLACES: &[&str] = &[
    "/usr/share/GeoIP/GeoLite2-ASN.mmdb",
    "/var/lib/GeoIP/GeoLite2-ASN.mmdb",
    "/usr/local/share/GeoIP/GeoLite2-ASN.mmdb",
    "/usr/share/GeoIP/GeoIPASNum.mmdb",
];

/// How long a line waits for a system: two questions, one after the other, to a server that has to
/// ask others in turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where AS numbers come from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Sources {
    /// Show AS numbers from this file, a MaxMind DB such as GeoLite2-ASN.mmdb
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub asn_db: Option<PathBuf>,
    /// Show AS numbers by Team Cymru's DNS, which learns the public addresses of hops; by this
    /// server [default: the system's]
    #[arg(long, value_name = "SERVER", value_parser = server, num_args = 0..=1,
        require_equals = true, default_missing_value = "system", conflicts_with = "lab",
        help_heading = "Output")]
    pub asn_dns: Option<Server>,
}

/// Who is asked by DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The servers of this system.
    System,
    /// This one; port 0 is the usual one.
    At(SocketAddr),
}

impl Sources {
    /// Whether any is named.
    pub fn are_given(&self) -> bool {
        self.asn_db.is_some() || self.asn_dns.is_some()
    }
}

fn server(text: &str) -> Result<Server, BadValue> {
    if text == "system" {
        return Ok(Server::System);
    }
    if let Some(Target { address, zone }) = resolve::literal(text) {
        return Ok(Server::At(match address {
            IpAddr::V4(v4) => SocketAddr::from((v4, 0)),
            IpAddr::V6(v6) => SocketAddrV6::new(v6, 0, 0, zone).into(),
        }));
    }
    let address = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    let hint = "192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:5353";
    address.map(Server::At).ok_or_else(|| bad("not the address of a server", hint))
}

/// What is known of systems.
pub struct Systems {
    database: Option<database::Reader>,
    server: Option<Server>,
    /// What DNS servers say.
    pub asked: Inquiry<System>,
    /// What kept them from saying more; the first thing of that kind.
    trouble: Arc<OnceLock<String>>,
}

impl Default for Systems {
    /// Nobody is asked, nothing is known.
    fn default() -> Systems {
        let trouble = Arc::default();
        Systems { database: None, server: None, asked: Inquiry::none(), trouble }
    }
}

impl Systems {
    /// Opens the database that was named, or if one is wanted that of a usual place. DNS servers
    /// will do for the latter.
    ///
    /// # Errors
    /// If there is none, or it is none.
    pub fn open(sources: &Sources, is_wanted: bool) -> Result<Systems, Failure> {
        let usual = || USUAL_PLACES.iter().map(Path::new).find(|path| path.exists());
        let path = sources.asn_db.as_deref().or_else(|| usual().filter(|_| is_wanted));
        if path.is_none() && is_wanted && sources.asn_dns.is_none() {
            return Err(Failure {
                message: "no database of AS numbers in the usual places".to_owned(),
                hint: Some(format!("{HINT}; --asn-dns asks others")),
                exit: Exit::Usage,
            });
        }
        let database = path.map(database::open).transpose()?;
        Ok(Systems { database, server: sources.asn_dns, ..Systems::default() })
    }

    /// Starts to ask DNS servers, if that was wanted; who is given is woken by their answers.
    pub fn start(&mut self, waker: Option<net::Waker>) {
        let servers = match self.server {
            None => return,
            Some(Server::System) => Servers::of_system(),
            Some(Server::At(address)) => Servers::only(address),
        };
        let wakes = waker.clone();
        let desk = cymru::start(servers, Arc::clone(&self.trouble), move || {
            if let Some(waker) = &wakes {
                waker.wake();
            }
        });
        self.asked = Inquiry::open(desk, PATIENCE, waker);
    }

    /// Whether there is anything to know them from.
    #[cfg(feature = "tui")]
    pub fn are_known(&self) -> bool {
        self.database.is_some() || self.server.is_some()
    }

    /// Asks after the system of an address, once: if it is one of the public Internet's that the
    /// database does not know.
    pub fn want(&mut self, address: IpAddr, now: Time) {
        if prefix::is_public(address) && self.filed(address).is_none() {
            self.asked.want(address, now);
        }
    }

    /// The system that an address belongs to.
    pub fn of(&self, address: IpAddr) -> Option<System> {
        self.filed(address).or_else(|| self.asked.of(address).cloned())
    }

    fn filed(&self, address: IpAddr) -> Option<System> {
        let (number, name) = database::look_up(self.database.as_ref()?, address)?;
        Some(System { number, others: Vec::new(), name: name.map(|name| resolve::shown(&name)) })
    }

    /// What to say at the end if DNS servers left something unsaid.
    pub fn remark(&self) -> Option<String> {
        let late = || "no answer in time".to_owned();
        let late = self.asked.is_pending().then(late);
        let why = self.trouble.get().cloned().or(late)?;
        Some(format!("askway: some AS numbers are missing: {why}"))
    }
}

/// What is a database.
const HINT: &str = "--asn-db FILE takes a MaxMind DB of AS numbers, such as GeoLite2-ASN.mmdb";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_perhaps_with_a_port() {
        let at = |text: &str| match server(text) {
            Ok(Server::At(address)) => address.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(at("192.0.2.53"), "192.0.2.53:0");
        assert_eq!(at("192.0.2.53:5353"), "192.0.2.53:5353");
        assert_eq!(at("2001:db8::53"), "[2001:db8::53]:0");
        assert_eq!(at("fe80::1%7"), "[fe80::1%7]:0");
        assert_eq!(at("[2001:db8::53]:5353"), "[2001:db8::53]:5353");
        assert_eq!(server("system"), Ok(Server::System));
        for wrong in ["", "name", "192.0.2.53:0", "192.0.2.53:65536", "[2001:db8::53]", ":53"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
