//! Where a run goes: over the real network or through a lab. Everything behind is the same.

mod choice;
pub mod witness;

pub use choice::LabChoice;

use crate::capture;
use crate::failure::{Exit, Failure};
use crate::resolve::{self, Resolved, Unresolved};
use lab::{Device, NodeId, World};
use net::{Hears, Interface, Network, Number, Signals, WallClock, Want};
use probe::targets::Target;
use probe::token::Key;
use probe::{Carrier, Engine, Envelope, Observer, Time};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use wire::Family;

/// The first identifier in a lab: any will do, as long as it is always the same.
const LAB_IDENTIFIER: u16 = 0x4157;

/// The first source port in a lab: likewise, among those that systems choose from.
const LAB_PORT: u16 = 41_570;

/// Where a run goes.
pub enum Road {
    /// The real network.
    Network(Box<Network>, Box<Want>),
    /// A lab.
    Lab(Box<Walk>),
}

/// A run through a lab.
pub struct Walk {
    world: World,
    at: NodeId,
    carrier: Carrier,
    envelope: Envelope,
    identifiers: Vec<u16>,
    captured: capture::Outcome,
}

/// The wall clock at [`Time::ZERO`].
#[derive(Clone, Debug)]
pub enum Epoch {
    /// A lab's: nanoseconds since 1970-01-01 UTC.
    Fixed(i128),
    /// This host's, which may step.
    Following(WallClock),
}

impl Epoch {
    /// Nanoseconds since 1970-01-01 UTC.
    pub fn ns(&self) -> i128 {
        match self {
            Epoch::Fixed(ns) => *ns,
            Epoch::Following(clock) => clock.epoch_ns(),
        }
    }
}

impl Road {
    /// Opens the network, or loads the lab and finds the node.
    ///
    /// # Errors
    /// If sockets cannot be opened, or the scenario or the node is wrong.
    pub fn open(want: &Want, lab: Option<&LabChoice>) -> Result<Road, Failure> {
        Road::open_to_hear(want, Hears::Answers, lab)
    }

    /// Likewise; what raw ICMP sockets hear is for the caller to say. In a lab they hear all.
    ///
    /// # Errors
    /// As [`Road::open`].
    pub fn open_to_hear(
        want: &Want,
        hears: Hears,
        lab: Option<&LabChoice>,
    ) -> Result<Road, Failure> {
        match lab {
            Some(choice) => Ok(Road::Lab(Box::new(Walk::open(want, choice)?))),
            None => {
                let network = Network::open_to_hear(want, hears)?;
                Ok(Road::Network(Box::new(network), Box::new(want.clone())))
            }
        }
    }

    /// The interfaces that the run can go by: this host's, or in a lab those of its node, which are
    /// named as their links and numbered from 1.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn interfaces(&self) -> Result<Vec<Interface>, Failure> {
        match self {
            Road::Network(..) => Ok(net::interfaces()?),
            Road::Lab(walk) => {
                let devices = walk.world.devices(walk.at).into_iter();
                Ok((1..).zip(devices).map(|(index, it)| interface(index, it)).collect())
            }
        }
    }

    /// Hears nothing but what comes by that interface of a lab from now on; its number is one of
    /// [`Road::interfaces`]. Does nothing to the network, whose sockets are bound when opened.
    pub fn bind(&mut self, interface: Option<u32>) {
        if let Road::Lab(walk) = self {
            walk.world.bind(interface.and_then(|it| it.checked_sub(1)).map(|it| it as usize));
        }
    }

    /// The identifiers that a plan may use, one a lane.
    pub fn identifiers(&self) -> Vec<u16> {
        match self {
            Road::Network(network, _) => network.identifiers().to_vec(),
            Road::Lab(walk) => walk.identifiers.clone(),
        }
    }

    /// The lab's name of the node that the run is at, not safe for a terminal; `None` outside a
    /// lab.
    pub fn node(&self) -> Option<&str> {
        match self {
            Road::Network(..) => None,
            Road::Lab(walk) => Some(walk.world.name(walk.at)),
        }
    }

    /// A fresh secret for the run's tokens: random on the network, from the seed in a lab.
    pub fn key(&self) -> Key {
        match self {
            // The standard library seeds its hash maps from the system's random source.
            Road::Network(..) => {
                Key([RandomState::new().hash_one(0_u64), RandomState::new().hash_one(1_u64)])
            }
            Road::Lab(walk) => Key([walk.world.seed(), u64::from(LAB_IDENTIFIER)]),
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        match self {
            Road::Network(network, _) => network.now(),
            Road::Lab(walk) => walk.world.now(),
        }
    }

    /// The wall clock at [`Time::ZERO`], nanoseconds since 1970-01-01 UTC.
    pub fn epoch_ns(&self) -> i128 {
        match self {
            Road::Network(network, _) => network.epoch_ns(),
            Road::Lab(walk) => walk.world.epoch_ns(),
        }
    }

    /// The wall clock, for whoever shows times while the run goes on.
    pub fn epoch(&self) -> Epoch {
        match self {
            Road::Network(network, _) => Epoch::Following(network.wall_clock()),
            Road::Lab(walk) => Epoch::Fixed(walk.world.epoch_ns()),
        }
    }

    /// The source address towards a target.
    pub fn source_towards(&self, to: Target) -> Option<IpAddr> {
        match self {
            Road::Network(_, want) => net::source_towards(
                to.address,
                to.zone,
                want.envelope.source,
                want.interface.as_deref(),
                want.mark,
            )
            .ok(),
            Road::Lab(walk) => {
                let fits = |it: &IpAddr| Family::of(*it) == Family::of(to.address);
                let source = walk.envelope.source.filter(fits);
                source.or_else(|| walk.world.source_towards(walk.at, to.address))
            }
        }
    }

    /// Whether errors show the IP header of a probe as it arrived at the hop.
    pub fn sees_quoted_headers(&self, family: Family) -> bool {
        match self {
            Road::Network(network, _) => network.sees_quoted_headers(family),
            Road::Lab(walk) => walk.world.sees_quoted_headers(),
        }
    }

    /// The flow label of a run with this secret; `None` unless errors of all these families show
    /// headers.
    pub fn flow_label(&self, key: &Key, families: &[Family]) -> Option<u32> {
        let secret = key.token(u64::MAX, IpAddr::from([0; 16]));
        let is_seen = families.iter().all(|family| self.sees_quoted_headers(*family));
        // 20 bits, never 0, which would say that there is none (RFC 6437 §2).
        is_seen.then_some((secret as u32 & 0xf_ffff).max(1))
    }

    /// Whether all probes of a lane can belong to one flow.
    pub fn holds_flows(&self, family: Family) -> bool {
        match self {
            Road::Network(network, want) => want.carrier != Carrier::Tcp || network.is_raw(family),
            Road::Lab(_) => true,
        }
    }

    /// The addresses of a name: the resolver's, or in a lab those of the node of that name. Blocks.
    ///
    /// # Errors
    /// If there is none.
    pub fn resolve(&self, name: &str, family: Option<Family>) -> Resolved {
        match self {
            Road::Network(..) => resolve::resolve(name, family),
            Road::Lab(walk) => walk.resolve(name, family),
        }
    }

    /// A handle that wakes the run from another thread; none in a lab, where nothing blocks.
    pub fn waker(&self) -> Option<net::Waker> {
        match self {
            Road::Network(network, _) => Some(network.waker()),
            Road::Lab(_) => None,
        }
    }

    /// The lab's name of an address, escaped for a terminal; `None` outside a lab: ask
    /// [`resolve::reverse`].
    pub fn lab_name(&self, address: IpAddr) -> Option<String> {
        match self {
            Road::Network(..) => None,
            Road::Lab(walk) => walk.world.name_of(address).map(resolve::shown),
        }
    }

    /// What a lab's TFTP server at an address holds under a name; `None` outside a lab, too.
    pub fn lab_file(&self, at: IpAddr, name: &[u8]) -> Option<&[u8]> {
        let Road::Lab(walk) = self else { return None };
        let node = walk.world.node(walk.world.name_of(at)?)?;
        walk.world.tftp_file(node, name)
    }

    /// Every address of a lab and its name, escaped for a terminal; `None` outside a lab: ask
    /// [`resolve::reverse`].
    pub fn lab_names(&self) -> Option<impl Iterator<Item = (IpAddr, String)>> {
        let Road::Lab(walk) = self else { return None };
        let nodes = u32::try_from(walk.world.nodes()).unwrap_or(u32::MAX);
        Some((0..nodes).map(NodeId).flat_map(|node| {
            let name = resolve::shown(walk.world.name(node));
            let addresses = Family::ALL.map(|family| walk.world.addresses(node, family)).concat();
            addresses.into_iter().map(move |address| (address, name.clone()))
        }))
    }

    /// Runs an engine to its end.
    ///
    /// # Errors
    /// If the operating system fails.
    pub fn drive<E: Engine, O: Observer<E>>(
        &mut self,
        engine: &mut E,
        observer: &mut O,
    ) -> Result<(), Failure> {
        match self {
            Road::Network(network, _) => network.drive(engine, observer)?,
            Road::Lab(walk) => {
                let Walk { world, at, carrier, envelope, captured, .. } = &mut **walk;
                let signals = Signals::install().map_err(|error| Failure {
                    message: format!("cannot listen for signals: {error}"),
                    hint: None,
                    exit: Exit::Failed,
                })?;
                world.drive(*at, *carrier, envelope, engine, observer, &mut || signals.take());
                world.flush_captures();
                captured.told()?;
            }
        }
        Ok(())
    }
}

/// An interface of a lab's node.
fn interface(index: u32, device: Device) -> Interface {
    let number = |it: lab::Number| Number {
        address: it.address,
        mask: Some(it.mask),
        broadcast: it.broadcast,
    };
    Interface {
        name: device.link,
        index,
        is_up: true,
        is_loopback: false,
        is_multicast: true,
        numbers: device.numbers.into_iter().map(number).collect(),
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        witness::after(&mut self.world);
    }
}

impl Walk {
    fn open(want: &Want, choice: &LabChoice) -> Result<Walk, Failure> {
        let origin = choice.file.display().to_string();
        let bytes = fs::read(&choice.file).map_err(|error| Failure {
            message: format!("cannot read {origin}: {error}"),
            hint: Some("--lab takes a scenario file".to_owned()),
            exit: Exit::Usage,
        })?;
        let text = lab::text(&bytes, &origin)?;
        let mut world = World::load(text, &origin, choice.seed)?;
        let at = match &choice.from {
            None => world.default_node(),
            Some(name) => world.node(name).ok_or_else(|| Failure {
                message: format!("{origin} has no node `{name}`"),
                hint: Some("--from takes the name of a node of the scenario".to_owned()),
                exit: Exit::Usage,
            })?,
        };
        let captured = capture::begin(&mut world, &choice.captures)?;
        let usual = if want.carrier == Carrier::Icmp { LAB_IDENTIFIER } else { LAB_PORT };
        let first = want.identifier.unwrap_or(usual);
        witness::before(&mut world)?;
        Ok(Walk {
            world,
            at,
            captured,
            carrier: want.carrier,
            envelope: want.envelope.clone(),
            identifiers: (0..want.lanes.max(1)).map(|lane| first.wrapping_add(lane)).collect(),
        })
    }

    fn resolve(&self, name: &str, family: Option<Family>) -> Resolved {
        let unresolved = || Unresolved {
            name: name.to_owned(),
            reason: "no node of that name".to_owned(),
            code: -2, // EAI_NONAME of the GNU C library
        };
        let addresses = match (resolve::literal(name), self.world.node(name)) {
            (Some(target), _) => vec![target.address],
            (None, Some(node)) => Family::ALL
                .into_iter()
                .flat_map(|family| self.world.addresses(node, family))
                .collect(),
            (None, None) => return Err(unresolved()),
        };
        let targets: Vec<Target> = addresses
            .into_iter()
            .filter(|address| family.is_none_or(|family| family == Family::of(*address)))
            .map(|address| Target { address, zone: 0 })
            .collect();
        if targets.is_empty() { Err(unresolved()) } else { Ok(targets) }
    }
}
