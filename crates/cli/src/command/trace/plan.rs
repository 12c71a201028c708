//! From options to what the network and the engine need, and what no packet carries.

use super::options::{Form, Options};
use crate::args::When;
use crate::command::mtu::options as mtu;
use crate::failure::{Exit, Failure};
use crate::road::Road;
use net::{Batch, Stamps, Want};
use probe::Envelope;
use probe::trace::{Course, Naming, Plan};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;

/// The pause between probes to several targets, unless another is given.
const GAP: Duration = Duration::from_millis(1);

/// From so many targets on, hops that roads have in common are asked once.
const SHARING_MIN: usize = 16;

/// Flows that paths are looked for with: enough for a router with 21 branches.
const FLOWS_MAX: u16 = 128;

/// Payload of a probe unless another is given: with IPv4 and UDP headers 60 bytes, as traceroute's.
const PAYLOAD_BYTES: usize = 32;

/// Payload that an IPv4 datagram carries behind eight bytes of UDP or ICMP; IPv6 has room for more.
const PAYLOAD_MAX_BYTES: usize = 65_507;

/// How many answers may queue up at the usual pace.
const BURST: u32 = 256;

/// What errors quote at most: the least that every IPv6 link carries (RFC 4443 §2.4).
const QUOTE_MAX_BYTES: usize = 1_280;

fn usage<T>(message: &str, hint: &str) -> Result<T, Failure> {
    Err(Failure { message: message.to_owned(), hint: Some(hint.to_owned()), exit: Exit::Usage })
}

impl Options {
    /// The only family to trace; `None` for both.
    ///
    /// # Errors
    /// If the options contradict one another.
    pub fn family(&self) -> Result<Option<Family>, Failure> {
        let [v4, v6] = Family::ALL;
        let asked = match (self.v4, self.v6) {
            (true, _) => Some(v4),
            (_, true) => Some(v6),
            _ => None,
        };
        let needed = self.source_address().map(Family::of);
        match (asked, needed) {
            (Some(asked), Some(needed)) if asked != needed => usage(
                &format!("the source address needs {needed}, and only {asked} is asked for"),
                "leave out -4 and -6, or --source",
            ),
            (asked, needed) => Ok(asked.or(needed)),
        }
    }

    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self) -> Result<(), Failure> {
        let name = self.kind.name();
        if self.first_hop > self.max_hops {
            let message = format!("hop {} is beyond hop {}", self.first_hop, self.max_hops);
            return usage(&message, "--first-hop is at most --max-hops");
        }
        if self.classic && name != method_of_classic().name() {
            let message = format!("the classic way is UDP, not {name}");
            return usage(&message, "leave out --classic or --kind");
        }
        if self.port.is_some() && self.kind.usual_port().is_none() {
            return usage(&format!("{name} has no ports"), "leave out --port, or choose a --kind");
        }
        if self.port == Some(0) {
            return usage("nothing is ever sent to port 0", "a port from 1 to 65535");
        }
        let is_picture = matches!(self.format, Some(Form::Dot | Form::Svg));
        if is_picture && !self.paths {
            return usage("that format shows paths", "add --paths");
        }
        if self.paths && self.format == Some(Form::Atlas) {
            return usage("RIPE Atlas has no form for paths", "another --format, or no --paths");
        }
        if self.size.is_some() && !self.kind.carries_payload() {
            return usage(&format!("{name} probes carry no payload"), "leave out --size");
        }
        if self.payload_bytes() > PAYLOAD_MAX_BYTES {
            let message = format!("no datagram carries {} bytes of payload", self.payload_bytes());
            return usage(&message, &format!("at most {PAYLOAD_MAX_BYTES} bytes"));
        }
        Ok(())
    }

    /// `-I` with an address: a source, as ping has it.
    fn interface_address(&self) -> Option<IpAddr> {
        self.interface.as_deref()?.parse().ok()
    }

    /// The interface or VRF, by name.
    pub fn interface_name(&self) -> Option<&str> {
        let name = self.interface.as_deref()?;
        if self.interface_address().is_none() { Some(name) } else { None }
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.source.or_else(|| self.interface_address())
    }

    /// Bytes behind the transport header.
    pub fn payload_bytes(&self) -> usize {
        if self.kind.carries_payload() { self.size.unwrap_or(PAYLOAD_BYTES) } else { 0 }
    }

    fn traffic_class(&self) -> u8 {
        self.tos.or(self.dscp.map(|dscp| dscp << 2)).unwrap_or(0)
    }

    /// What the run needs of the network.
    pub fn want(&self, families: Vec<Family>) -> Want {
        let envelope = Envelope {
            source: self.source_address(),
            traffic_class: self.traffic_class(),
            ..Envelope::default()
        };
        let message_bytes = self.kind.overhead_bytes() + self.payload_bytes();
        Want {
            families,
            carrier: self.kind.carrier(),
            access: self.access,
            datagram_will_do: true,
            envelope,
            interface: self.interface_name().map(str::to_owned),
            mark: self.mark,
            broadcast: false,
            direct_only: false,
            multicast_loop: true,
            debug: false,
            identifier: self.source_port,
            lanes: if self.paths { FLOWS_MAX } else { 1 },
            message_max_bytes: message_bytes.max(QUOTE_MAX_BYTES),
            burst: BURST,
            send_buffer_bytes: None,
            stamps: Stamps::Both,
            batch: Batch::Many,
        }
    }

    /// How widths are measured after the trace.
    pub fn for_mtu(&self) -> mtu::Options {
        mtu::Options {
            targets: Vec::new(),
            v4: self.v4,
            v6: self.v6,
            all_addresses: false,
            max: probe::mtu::BYTES_MAX,
            kind: None,
            port: self.port.unwrap_or(method_of_classic().usual_port().unwrap_or(0)),
            max_hops: self.max_hops,
            timeout: self.timeout,
            deadline: Duration::from_secs(30),
            interface: self.interface.clone(),
            source: self.source,
            mark: self.mark,
            access: self.access,
            numeric: self.numeric,
            quiet: self.quiet,
        }
    }

    /// The engine's plan.
    pub fn plan(&self, road: &Road, targets: usize, families: &[Family]) -> Plan {
        let key = road.key();
        let secret = key.token(u64::MAX, IpAddr::from([0; 16]));
        let sees_quoted_headers = families.iter().all(|it| road.sees_quoted_headers(*it));
        let several = if targets > 1 { GAP } else { Duration::ZERO };
        let usual = Plan::new(self.kind, road.identifiers(), key);
        Plan {
            port: self.port.unwrap_or(usual.port),
            naming: if self.classic { Naming::CountingPort } else { Naming::Steady },
            course: match self.paths {
                true => Course::Paths { risk: f64::from(100 - self.confidence) / 100.0 },
                false => Course::Once { queries: self.queries },
            },
            first_hop: self.first_hop,
            hops_max: self.max_hops,
            in_flight_max: self.in_flight,
            gap: self.gap.unwrap_or(several),
            timeout: self.timeout,
            patience: self.patience,
            payload_bytes: self.payload_bytes(),
            traffic_class: self.traffic_class(),
            // 20 bits of the run's secret, never 0, which would say that there is none.
            flow_label: sees_quoted_headers.then_some((secret as u32 & 0xf_ffff).max(1)),
            sees_quoted_headers,
            roads_max: self.roads,
            shares_hops: match self.share_hops {
                When::Auto => targets >= SHARING_MIN,
                When::Always => true,
                When::Never => false,
            },
            ..usual
        }
    }
}

/// What the classic traceroute sends.
fn method_of_classic() -> &'static dyn probe::method::Method {
    &probe::method::UDP
}
