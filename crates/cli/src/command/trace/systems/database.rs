//! Database files of the form of MaxMind's.

#[cfg(feature = "asn")]
pub use file::{Reader, look_up, open};
#[cfg(not(feature = "asn"))]
pub use nothing::{Reader, look_up, open};

#[cfg(feature = "asn")]
mod file {
    use super::super::HINT;
    use crate::failure::{Exit, Failure};
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
        maxminddb::Reader::open_readfile(path).map_err(|error| Failure {
            message: format!("cannot read {}: {error}", path.display()),
            hint: Some(HINT.to_owned()),
            exit: Exit::Usage,
        })
    }

    pub fn look_up(reader: &Reader, address: IpAddr) -> Option<(u32, Option<String>)> {
        let record: Record = reader.lookup(address).ok()?.decode().ok()??;
        let short = || record.asn.as_deref()?.trim_start_matches("AS").parse().ok();
        let number = record.autonomous_system_number.or_else(short)?;
        Some((number, record.autonomous_system_organization.or(record.name)))
    }
}

#[cfg(not(feature = "asn"))]
mod nothing {
    use crate::failure::{Exit, Failure};
    use std::net::IpAddr;
    use std::path::Path;

    pub type Reader = std::convert::Infallible;

    pub fn open(_path: &Path) -> Result<Reader, Failure> {
        Err(Failure {
            message: "this askway was built without databases of AS numbers".to_owned(),
            hint: Some("build it with the feature `asn`, or use --asn-dns".to_owned()),
            exit: Exit::Usage,
        })
    }

    pub fn look_up(reader: &Reader, _address: IpAddr) -> Option<(u32, Option<String>)> {
        match *reader {}
    }
}
