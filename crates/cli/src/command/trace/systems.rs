//! The autonomous systems of routers, from a database file of the user's (MaxMind DB): nobody is
//! asked, nothing leaves this host.

use crate::failure::{Exit, Failure};
use crate::print::trace::System;
use crate::resolve;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where packages of databases put them.
const USUAL_PLACES: &[&str] = &[
    "/usr/share/GeoIP/GeoLite2-ASN.mmdb",
    "/var/lib/GeoIP/GeoLite2-ASN.mmdb",
    "/usr/local/share/GeoIP/GeoLite2-ASN.mmdb",
    "/usr/share/GeoIP/GeoIPASNum.mmdb",
];

/// What a database says of addresses.
#[derive(Default)]
pub struct Systems(Option<reader::Reader>);

impl Systems {
    /// Opens the database that was named, or if one is wanted that of a usual place.
    ///
    /// # Errors
    /// If there is none, or it is none.
    pub fn open(named: Option<&Path>, is_wanted: bool) -> Result<Systems, Failure> {
        let usual = || USUAL_PLACES.iter().map(PathBuf::from).find(|path| path.exists());
        match (named, is_wanted) {
            (Some(path), _) => reader::open(path).map(|reader| Systems(Some(reader))),
            (None, false) => Ok(Systems::default()),
            (None, true) => match usual() {
                Some(path) => reader::open(&path).map(|reader| Systems(Some(reader))),
                None => Err(wrong("no database of AS numbers in the usual places".to_owned())),
            },
        }
    }

    /// Whether there is a database.
    #[cfg(feature = "tui")]
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// The system that an address belongs to.
    pub fn of(&self, address: IpAddr) -> Option<System> {
        let (number, name) = reader::look_up(self.0.as_ref()?, address)?;
        Some(System { number, name: name.map(|name| resolve::shown(&name)) })
    }
}

fn wrong(message: String) -> Failure {
    let hint = "--asn-db FILE takes a MaxMind DB of AS numbers, such as GeoLite2-ASN.mmdb";
    Failure { message, hint: Some(hint.to_owned()), exit: Exit::Usage }
}

#[cfg(feature = "asn")]
mod reader {
    use super::wrong;
    use crate::failure::Failure;
    use serde::Deserialize;
    use std::net::IpAddr;
    use std::path::Path;

    pub type Reader = maxminddb::Reader<Vec<u8>>;

    /// What databases write: MaxMind and DB-IP the long names, IPinfo the short ones.
    #[derive(Deserialize)]
    struct Record {
        autonomous_system_number: Option<u32>,
        autonomous_system_organization: Option<String>,
        asn: Option<String>,
        #[serde(alias = "as_name")]
        name: Option<String>,
    }

    pub fn open(path: &Path) -> Result<Reader, Failure> {
        maxminddb::Reader::open_readfile(path)
            .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))
    }

    pub fn look_up(reader: &Reader, address: IpAddr) -> Option<(u32, Option<String>)> {
        let record: Record = reader.lookup(address).ok()?.decode().ok()??;
        let short = || record.asn.as_deref()?.trim_start_matches("AS").parse().ok();
        let number = record.autonomous_system_number.or_else(short)?;
        Some((number, record.autonomous_system_organization.or(record.name)))
    }
}

#[cfg(not(feature = "asn"))]
mod reader {
    use crate::failure::{Exit, Failure};
    use std::net::IpAddr;
    use std::path::Path;

    pub type Reader = std::convert::Infallible;

    pub fn open(_path: &Path) -> Result<Reader, Failure> {
        Err(Failure {
            message: "this askway was built without AS numbers".to_owned(),
            hint: Some("build it with the feature `asn`".to_owned()),
            exit: Exit::Usage,
        })
    }

    pub fn look_up(reader: &Reader, _address: IpAddr) -> Option<(u32, Option<String>)> {
        match *reader {}
    }
}
