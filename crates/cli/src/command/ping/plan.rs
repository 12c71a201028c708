//! From options to what the network and the engine need, and what is not done unasked.

use super::options::{Fill, Options, StampForm};
use crate::args::Common;
use crate::command::origin::traffic_class;
use crate::failure::{Exit, Failure};
use crate::road::Road;
use crate::wall;
use net::{Batch, Stamps, Want};
use probe::kind::Rights;
use probe::ping::{Goal, Linger, Pace, Pattern, Plan};
use probe::{Envelope, Fragmentation};
use std::net::IpAddr;
use std::time::Duration;
use wire::Family;
use wire::ip::options;

/// What is as fast as it gets without being asked for by name.
const INTERVAL_MIN: Duration = Duration::from_millis(2);

/// The pause between probes to different targets, unless another is given.
const GAP: Duration = Duration::from_millis(1);

/// Groups answer with many voices, so they are asked no more often than that.
const GROUP_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// A payload from here on is large: no Ethernet frame carries it.
const LARGE_BYTES: usize = 9_000;

/// Large payloads are sent no more often than that.
const LARGE_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Probes that may go at once.
const PRELOAD_MAX: u32 = 3;

/// An unanswered flood goes on at this pace.
const FLOOD_INTERVAL: Duration = Duration::from_millis(10);

/// How long a run waits for answers when probes never time out.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// How many answers may queue up at a moderate pace.
const BURST: u32 = 64;

/// Payload that an IP datagram carries: 65,535 bytes less the fixed header in IPv4, whose length
/// field counts it, and in any case less the 8 bytes of ICMP.
const PAYLOAD_MAX_BYTES: [usize; 2] = [65_507, 65_527];

impl Options {
    /// The only family to ask; `None` for both.
    ///
    /// # Errors
    /// If the options contradict one another.
    pub fn family(&self) -> Result<Option<Family>, Failure> {
        let [v4, v6] = Family::ALL;
        let needs = match self.origin.source_address() {
            Some(source) => Some((Family::of(source), "the source address")),
            None if self.has_ip_options() => Some((v4, "an option of the IP header")),
            None if !self.kind.speaks(v6) => Some((v4, "this probe type")),
            None if !self.kind.speaks(v4) => Some((v6, "this probe type")),
            None if self.broadcast => Some((v4, "broadcast")),
            None if self.flow_label.is_some() => Some((v6, "a flow label")),
            None => None,
        };
        self.family.or_needed(needs, "the option")
    }

    fn has_ip_options(&self) -> bool {
        self.record_route
            || self.timestamp_option
            || self.timestamp_form.is_some()
            || !self.source_route.is_empty()
    }

    /// Payload bytes; kinds of a fixed layout have none.
    pub fn payload_bytes(&self) -> usize {
        if self.kind.carries_payload() { self.size } else { 0 }
    }

    /// From one probe to a target to the next.
    fn pause(&self) -> Duration {
        let usual = if self.flood { FLOOD_INTERVAL } else { Duration::from_secs(1) };
        self.interval.unwrap_or(usual)
    }

    /// Refuses what would harm a network unless asked for by name, and what no packet carries.
    ///
    /// # Errors
    /// If there is something of that kind.
    pub fn check(&self, families: &[Family], has_group: bool) -> Result<(), Failure> {
        let interval = self.pause();
        let by_name = "add --flood if this is meant";
        let refuse = |message: String, hint: &str| {
            Err(Failure { message, hint: Some(hint.to_owned()), exit: Exit::Usage })
        };
        for family in families {
            let most = match Family::ALL.iter().position(|known| known == family) {
                Some(0) => PAYLOAD_MAX_BYTES[0] - self.ip_options()?.len(),
                _ => PAYLOAD_MAX_BYTES[1],
            };
            if self.payload_bytes() > most {
                let message = format!("{family} does not carry {} bytes of payload", self.size);
                return refuse(message, &format!("at most {most} bytes"));
            }
        }
        if self.flood {
            return Ok(());
        }
        if interval < INTERVAL_MIN {
            return refuse("an interval under 2 ms is a flood".to_owned(), by_name);
        }
        if self.gap.is_some_and(|gap| gap < GAP) {
            return refuse("a gap under 1 ms is a flood".to_owned(), by_name);
        }
        if self.preload.is_some_and(|preload| preload > PRELOAD_MAX) {
            return refuse(format!("a preload over {PRELOAD_MAX} is a flood"), by_name);
        }
        let is_too_fast = self.adaptive || interval < LARGE_INTERVAL_MIN;
        if self.payload_bytes() > LARGE_BYTES && is_too_fast {
            let message = format!("over {LARGE_BYTES} bytes more often than every 100 ms");
            return refuse(message, by_name);
        }
        if has_group && (self.adaptive || interval < GROUP_INTERVAL_MIN) {
            let message = "a group is asked no more often than once a second".to_owned();
            return refuse(message, by_name);
        }
        Ok(())
    }

    /// The options of the IP header, padded to a multiple of 4 bytes.
    fn ip_options(&self) -> Result<Vec<u8>, Failure> {
        let built = if self.record_route {
            options::record_route(9)
        } else if !self.source_route.is_empty() && self.strict {
            options::strict_source_route(&self.source_route)
        } else if !self.source_route.is_empty() {
            options::loose_source_route(&self.source_route)
        } else {
            match &self.timestamp_form {
                Some(StampForm::Of(hosts)) => options::timestamp_prespecified(hosts),
                Some(StampForm::TimeOnly) => {
                    options::timestamp(options::TimestampForm::TimeOnly, 9)
                }
                Some(StampForm::WithAddress) => {
                    options::timestamp(options::TimestampForm::WithAddress, 4)
                }
                None if self.timestamp_option => {
                    options::timestamp(options::TimestampForm::WithAddress, 4)
                }
                None => Ok(Vec::new()),
            }
        };
        let mut bytes = built.map_err(|_| Failure {
            message: "the options do not fit an IPv4 header".to_owned(),
            hint: Some("a source route has nine routers at most".to_owned()),
            exit: Exit::Usage,
        })?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }

    /// What the run needs of the network.
    ///
    /// # Errors
    /// If the options do not fit a header.
    pub fn want(
        &self,
        families: Vec<Family>,
        source: Option<IpAddr>,
        targets: usize,
    ) -> Result<Want, Failure> {
        let envelope = Envelope {
            source,
            hop_limit: self.ttl,
            traffic_class: traffic_class(self.tos, self.dscp),
            flow_label: self.flow_label,
            fragmentation: self.fragment.unwrap_or(Fragmentation::System),
            options: self.ip_options()?,
        };
        let preload = self.preload.unwrap_or(1);
        let is_unpaced = self.flood && self.gap.is_none_or(|gap| gap.is_zero());
        let at_once = u32::try_from(targets).unwrap_or(u32::MAX).saturating_mul(preload);
        Ok(Want {
            families,
            carrier: probe::Carrier::Icmp,
            access: self.access,
            datagram_will_do: self.kind.rights() == Rights::Datagram,
            envelope,
            interface: self.origin.interface_name().map(str::to_owned),
            mark: self.mark,
            broadcast: self.broadcast,
            direct_only: self.direct,
            multicast_loop: !self.no_loopback,
            debug: self.debug,
            identifier: self.identifier,
            lanes: self.lanes(targets),
            message_max_bytes: self.kind.overhead_bytes() + self.payload_bytes(),
            burst: if is_unpaced { at_once.max(BURST) } else { at_once.clamp(BURST, 1_024) },
            send_buffer_bytes: self.send_buffer,
            stamps: self.stamps(),
            batch: if self.batch || (self.flood && preload > 1) { Batch::Many } else { Batch::One },
        })
    }

    /// Which kernel stamps to ask for.
    pub fn stamps(&self) -> Stamps {
        match (self.user_clock, self.flood) {
            (true, _) => Stamps::None,
            (_, true) => Stamps::Receive,
            _ => Stamps::Both,
        }
    }

    /// Identifiers: one for each 65,536 probes that may be unanswered at one time.
    fn lanes(&self, targets: usize) -> u16 {
        let waiting = if self.timeout.is_zero() { LAST_WAIT } else { self.timeout };
        let rounds = waiting.as_nanos() / self.pause().as_nanos().max(1) + 1;
        let rounds = rounds.saturating_add(self.preload.unwrap_or(1).into());
        let by_schedule = rounds.saturating_mul(targets as u128);
        let by_gap = waiting.as_nanos() / self.gap(targets).as_nanos().max(1);
        let most = if targets > 1 { by_schedule.min(by_gap.max(65_536)) } else { by_schedule };
        (most / 65_536 + 1).min(256) as u16
    }

    /// The least time between two probes.
    fn gap(&self, targets: usize) -> Duration {
        match (self.gap, self.flood) {
            (Some(gap), _) => gap,
            (None, true) => Duration::ZERO,
            (None, false) if self.adaptive => INTERVAL_MIN,
            (None, false) if targets == 1 => Duration::ZERO,
            (None, false) => GAP,
        }
    }

    /// How long a group is listened to if the probes are counted: until the last one's timeout, for
    /// the first answer is not the last. `None` if they are not.
    pub fn time_of_group(&self) -> Option<Duration> {
        let rounds = u32::try_from(self.count? - 1).unwrap_or(u32::MAX);
        let last = if self.timeout.is_zero() { LAST_WAIT } else { self.timeout };
        Some(self.pause().saturating_mul(rounds).saturating_add(last))
    }

    /// The engine's plan.
    pub fn plan(&self, road: &Road, common: &Common, targets: usize) -> Plan {
        let key = road.key();
        let preload = self.preload.unwrap_or(1);
        let is_answered = self.adaptive || (self.flood && self.interval.is_none());
        let pattern = match &self.pattern {
            None => Pattern::Counting,
            Some(Fill::Fixed(pattern)) => pattern.clone(),
            Some(Fill::Random) => Pattern::Random(common.seed.unwrap_or(key.0[0])),
        };
        let is_endless = self.timeout.is_zero();
        Plan {
            kind: self.kind,
            goal: Goal::Probes(self.count),
            pace: match is_answered {
                true => Pace::Answered { in_flight: preload },
                false => Pace::Schedule { preload },
            },
            interval: self.pause(),
            gap: self.gap(targets),
            timeout: if is_endless { Duration::MAX } else { self.timeout },
            linger: match is_endless {
                true => Linger::TwiceLongest(LAST_WAIT),
                false => Linger::UntilTimeout,
            },
            deadline: self.deadline,
            until: self.until,
            payload_bytes: self.payload_bytes(),
            pattern,
            any_source: self.broadcast,
            report_sent: self.outstanding || self.verbose > 1,
            midnight_ms: wall::midnight_ms(road.epoch_ns()),
            ..Plan::new(road.identifiers(), key)
        }
    }
}
