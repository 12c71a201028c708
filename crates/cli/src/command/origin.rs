//! Options that several instruments have in common: which family, where from, in which traffic
//! class, as far as which hop.

use crate::failure::{Exit, Failure};
use crate::values::{access, byte, dscp, hops, mark};
use net::Access;
use std::net::IpAddr;
use wire::Family;

/// Which family to ask; both unless one is chosen.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OneFamily {
    /// Only IPv4
    #[arg(short = '4', long = "ipv4", conflicts_with = "v6")]
    pub v4: bool,
    /// Only IPv6
    #[arg(short = '6', long = "ipv6")]
    pub v6: bool,
}

/// From which of this host's addresses probes leave.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Origin {
    /// Send through this interface or VRF; an address is a source, as --source
    #[arg(short = 'I', long, value_name = "INTERFACE", help_heading = "Where from")]
    pub interface: Option<String>,
    /// Source address
    #[arg(short = 'S', long, value_name = "ADDRESS", help_heading = "Where from")]
    pub source: Option<IpAddr>,
}

/// Through which sockets they leave.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Sockets {
    /// Firewall mark
    #[arg(long, value_name = "MARK", value_parser = mark, help_heading = "Where from")]
    pub mark: Option<u32>,
    /// Sockets: raw, datagram, or auto (raw where allowed)
    #[arg(long, value_name = "SOCKETS", value_parser = access, default_value = "auto",
        hide_default_value = true, help_heading = "Where from")]
    pub access: Access,
}

/// What routers on the way should make of them.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Class {
    /// TOS byte, or traffic class
    #[arg(short, long, value_name = "0-255", value_parser = byte, help_heading = "What")]
    pub tos: Option<u8>,
    /// DSCP by number or name: 46, ef, af41, cs5, le
    #[arg(long, value_name = "DSCP", value_parser = dscp, conflicts_with = "tos",
        help_heading = "What")]
    pub dscp: Option<u8>,
}

/// Which hops are asked.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Hops {
    /// The first hop to ask
    #[arg(short, long, value_name = "HOP", value_parser = hops, default_value = "1",
        help_heading = "When")]
    pub first_hop: u8,
    /// The last hop to ask
    #[arg(short, long, value_name = "HOP", value_parser = hops, default_value = "30",
        help_heading = "When")]
    pub max_hops: u8,
}

/// One family, or both if none is the only one.
pub fn families(only: Option<Family>) -> Vec<Family> {
    Family::ALL.into_iter().filter(|family| only.is_none_or(|only| only == *family)).collect()
}

impl OneFamily {
    /// The family that was chosen.
    pub fn asked(&self) -> Option<Family> {
        let [v4, v6] = Family::ALL;
        match (self.v4, self.v6) {
            (true, _) => Some(v4),
            (_, true) => Some(v6),
            _ => None,
        }
    }

    /// The only family to ask, if something else that was asked for needs one; `None` for both.
    /// What it is called is said if the other was chosen, and what option could be left out.
    ///
    /// # Errors
    /// If the other was chosen.
    pub fn or_needed(
        &self,
        needs: Option<(Family, &str)>,
        option: &str,
    ) -> Result<Option<Family>, Failure> {
        match (self.asked(), needs) {
            (Some(asked), Some((needed, what))) if asked != needed => Err(Failure {
                message: format!("{what} needs {needed}, and only {asked} is asked for"),
                hint: Some(format!("leave out -4 and -6, or {option}")),
                exit: Exit::Usage,
            }),
            (asked, needs) => Ok(asked.or(needs.map(|(needed, _)| needed))),
        }
    }
}

impl Origin {
    /// `-I` with an address: a source, as other pings have it.
    fn interface_address(&self) -> Option<IpAddr> {
        self.interface.as_deref()?.parse().ok()
    }

    /// The interface or VRF, by name.
    pub fn interface_name(&self) -> Option<&str> {
        let name = self.interface.as_deref()?;
        if self.interface_address().is_none() { Some(name) } else { None }
    }

    /// The source address that was given.
    pub fn source_address(&self) -> Option<IpAddr> {
        self.source.or_else(|| self.interface_address())
    }

    /// The only family to ask, which a source address may need; `None` for both.
    ///
    /// # Errors
    /// If the other was chosen.
    pub fn family(&self, chosen: &OneFamily) -> Result<Option<Family>, Failure> {
        let needed = self.source_address().map(|it| (Family::of(it), "the source address"));
        chosen.or_needed(needed, "--source")
    }
}

impl Class {
    /// The traffic class, or TOS byte.
    pub fn byte(&self) -> u8 {
        traffic_class(self.tos, self.dscp)
    }
}

/// The traffic class of one of its two spellings (RFC 2474 §3).
pub fn traffic_class(tos: Option<u8>, dscp: Option<u8>) -> u8 {
    tos.or(dscp.map(|dscp| dscp << 2)).unwrap_or(0)
}
