//! From options to what the network and the engine need, and what no packet carries.

use super::options::{Form, Options};
use crate::args::When;
use crate::command::mtu::options as mtu;
use crate::failure::{Exit, Failure};
use crate::road::Road;
use net::{Batch, Want};
use probe::Envelope;
use probe::trace::{Course, Naming, Plan};
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
        self.origin.family(&self.family)
    }

    /// Refuses what makes no sense together.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self) -> Result<(), Failure> {
        let name = self.kind.name();
        if self.hops.first_hop > self.hops.max_hops {
            let message =
                format!("hop {} is beyond hop {}", self.hops.first_hop, self.hops.max_hops);
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

    /// Bytes behind the transport header.
    pub fn payload_bytes(&self) -> usize {
        if self.kind.carries_payload() { self.size.unwrap_or(PAYLOAD_BYTES) } else { 0 }
    }

    /// What the run needs of the network.
    pub fn want(&self, families: Vec<Family>) -> Want {
        let envelope = Envelope {
            source: self.origin.source_address(),
            traffic_class: self.class.byte(),
            ..Envelope::default()
        };
        let message_bytes = self.kind.overhead_bytes() + self.payload_bytes();
        Want {
            access: self.sockets.access,
            envelope,
            interface: self.origin.interface_name().map(str::to_owned),
            mark: self.sockets.mark,
            identifier: self.source_port,
            lanes: if self.paths { FLOWS_MAX } else { 1 },
            message_max_bytes: message_bytes.max(QUOTE_MAX_BYTES),
            burst: BURST,
            batch: Batch::Many,
            ..Want::new(families, self.kind.carrier())
        }
    }

    /// How widths are measured after the trace.
    pub fn for_mtu(&self) -> mtu::Options {
        mtu::Options {
            targets: Vec::new(),
            family: self.family,
            all_addresses: false,
            max: probe::mtu::BYTES_MAX,
            kind: None,
            port: self.port.unwrap_or(method_of_classic().usual_port().unwrap_or(0)),
            max_hops: self.hops.max_hops,
            timeout: self.timeout,
            deadline: Duration::from_secs(30),
            origin: self.origin.clone(),
            sockets: self.sockets,
            numeric: self.numeric,
            quiet: self.quiet,
        }
    }

    /// The engine's plan.
    pub fn plan(&self, road: &Road, targets: usize, families: &[Family]) -> Plan {
        let key = road.key();
        let flow_label = road.flow_label(&key, families);
        let several = if targets > 1 { GAP } else { Duration::ZERO };
        let usual = Plan::new(self.kind, road.identifiers(), key);
        Plan {
            port: self.port.unwrap_or(usual.port),
            naming: if self.classic { Naming::CountingPort } else { Naming::Steady },
            course: match self.paths {
                true => Course::Paths { risk: f64::from(100 - self.confidence) / 100.0 },
                false => Course::Once { queries: self.queries },
            },
            first_hop: self.hops.first_hop,
            hops_max: self.hops.max_hops,
            in_flight_max: self.in_flight,
            gap: self.gap.unwrap_or(several),
            timeout: self.timeout,
            patience: self.patience,
            payload_bytes: self.payload_bytes(),
            traffic_class: self.class.byte(),
            flow_label,
            sees_quoted_headers: flow_label.is_some(),
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
