//! The keys of a node that answers for its network: the masks that it tells, and how it offers to
//! route.

use super::errors::hex;
use super::text::{Table, Value};
use crate::ScenarioFault;
use crate::address::Prefix;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How a node answers address mask requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct MaskPlan {
    /// What it says; `None` for the truth.
    pub(crate) mask: Option<Ipv4Addr>,
    /// Says the mask of its address's class.
    pub(crate) is_classful: bool,
    /// Broadcasts its answers, also to those who have an address.
    pub(crate) broadcasts: bool,
    /// Answers twice.
    pub(crate) twice: bool,
    /// Answers to another identifier.
    pub(crate) identifier: bool,
    /// Answers with a wrong checksum.
    pub(crate) checksum: bool,
    /// Cuts or fills its answers to that many bytes.
    pub(crate) bytes: Option<usize>,
    /// Answers that much later.
    pub(crate) late: Option<Duration>,
}

/// How a node offers to route.
#[derive(Clone, Debug)]
pub(crate) struct AdvertPlan {
    pub(crate) lifetime_s: u16,
    pub(crate) preference: Preferred,
    /// The hop limit that it advises.
    pub(crate) hop_limit: u8,
    /// Addresses come from DHCPv6.
    pub(crate) is_managed: bool,
    /// Other things come from DHCPv6.
    pub(crate) has_other: bool,
    pub(crate) reachable_ms: u32,
    pub(crate) retransmit_ms: u32,
    /// Tells the prefix of the link.
    pub(crate) has_prefix: bool,
    /// Tells its link-layer address.
    pub(crate) has_link: bool,
    pub(crate) mtu_bytes: Option<u32>,
    /// Name servers.
    pub(crate) servers: Vec<Ipv6Addr>,
    /// Domains to search.
    pub(crate) search: Vec<String>,
    pub(crate) nat64: Option<Prefix>,
    pub(crate) portal: Option<String>,
    pub(crate) routes: Vec<AdvertRoute>,
    /// Bytes behind all other options.
    pub(crate) extra: Vec<u8>,
    /// Answers to everybody, not to the asker alone.
    pub(crate) multicasts: bool,
    /// Answers that much later.
    pub(crate) late: Duration,
    /// Advertises unasked, so often.
    pub(crate) every: Option<Duration>,
    pub(crate) lies: AdvertLies,
}

/// A route that an advertisement tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdvertRoute {
    pub(crate) to: Prefix,
    pub(crate) preference: Preferred,
    pub(crate) lifetime_s: u32,
}

/// How an advertisement breaks the rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct AdvertLies {
    /// Its own hop limit.
    pub(crate) hop_limit: Option<u8>,
    pub(crate) code: Option<u8>,
    /// IPv6: comes from an address that is not link-local.
    pub(crate) is_global: bool,
    pub(crate) checksum: bool,
    /// Cuts or fills it to that many bytes.
    pub(crate) bytes: Option<usize>,
    /// IPv4: says that it has so many addresses.
    pub(crate) count: Option<u8>,
    /// IPv4: says that an entry has so many words.
    pub(crate) entry_words: Option<u8>,
}

/// How much a router wants to be preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preferred {
    Low,
    Medium,
    High,
    /// IPv4: not as a default router. IPv6: the value that is reserved.
    Never,
}

impl Preferred {
    /// In IPv4, where any number will do (RFC 1256 §4.1).
    pub(crate) fn level(self) -> i32 {
        match self {
            Preferred::Low => -1,
            Preferred::Medium => 0,
            Preferred::High => 1,
            Preferred::Never => i32::MIN,
        }
    }

    /// In IPv6, as the flags of an advertisement or a route have it (RFC 4191 §2.1).
    pub(crate) fn flags(self) -> u8 {
        match self {
            Preferred::Low => 0x18,
            Preferred::Medium => 0,
            Preferred::High => 0x08,
            Preferred::Never => 0x10,
        }
    }
}

/// No option is longer.
const EXTRA_MAX_BYTES: usize = 1_024;

/// Reads `mask_agent`: `true`, or a table.
pub(super) fn mask(table: &mut Table<'_>) -> Result<Option<MaskPlan>, ScenarioFault> {
    let Some(value) = table.take("mask_agent") else { return Ok(None) };
    if value.is_boolean() {
        return Ok(value.boolean()?.then(MaskPlan::default));
    }
    let mut table = value.table()?;
    let told = table.take("mask");
    let is_classful = match &told {
        Some(value) => value.text()? == "classful",
        None => false,
    };
    let mask = told.filter(|_| !is_classful).map(|v| v4(&v)).transpose()?;
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    let (broadcasts, twice) = (yes("broadcasts")?, yes("twice")?);
    let (identifier, checksum) = (yes("identifier")?, yes("checksum")?);
    let bytes = table.take("bytes").map(|v| v.number(0, 1_400)).transpose()?;
    let late = table.take("late").map(|v| v.duration()).transpose()?;
    table.finish()?;
    let bytes = bytes.map(|n| n as usize);
    let plan = MaskPlan { mask, is_classful, broadcasts, twice, identifier, checksum, bytes, late };
    Ok(Some(plan))
}

fn v4(value: &Value<'_>) -> Result<Ipv4Addr, ScenarioFault> {
    match super::nodes::address(value)? {
        IpAddr::V4(mask) => Ok(mask),
        IpAddr::V6(_) => {
            let hint = "as in \"255.255.255.0\", or \"classful\"".to_string();
            Err(value.fault_with("IPv6 has no such masks".to_string(), hint))
        }
    }
}

/// Reads `advertises`: `true`, or a table.
pub(super) fn advertises(table: &mut Table<'_>) -> Result<Option<AdvertPlan>, ScenarioFault> {
    let Some(value) = table.take("advertises") else { return Ok(None) };
    let plan = AdvertPlan::default();
    if value.is_boolean() {
        return Ok(value.boolean()?.then_some(plan));
    }
    let mut table = value.table()?;
    let plan = numbers(&mut table, plan)?;
    let plan = options(&mut table, plan)?;
    table.finish()?;
    Ok(Some(plan))
}

impl Default for AdvertPlan {
    fn default() -> AdvertPlan {
        AdvertPlan {
            // RFC 1256 §4.1, RFC 4861 §6.2.1.
            lifetime_s: 1_800,
            preference: Preferred::Medium,
            hop_limit: 64,
            is_managed: false,
            has_other: false,
            reachable_ms: 0,
            retransmit_ms: 0,
            has_prefix: true,
            has_link: true,
            mtu_bytes: None,
            servers: Vec::new(),
            search: Vec::new(),
            nat64: None,
            portal: None,
            routes: Vec::new(),
            extra: Vec::new(),
            multicasts: false,
            late: Duration::ZERO,
            every: None,
            lies: AdvertLies::default(),
        }
    }
}

/// What is a number, a word, or true or false.
fn numbers(table: &mut Table<'_>, plan: AdvertPlan) -> Result<AdvertPlan, ScenarioFault> {
    let mut number = |key, usual: u32, most: u64| match table.take(key) {
        Some(value) => value.number(0, most).map(|n| n as u32),
        None => Ok(usual),
    };
    let lifetime_s = number("lifetime", plan.lifetime_s.into(), u16::MAX.into())? as u16;
    let hop_limit = number("hop_limit", plan.hop_limit.into(), 255)? as u8;
    let reachable_ms = number("reachable_ms", 0, u32::MAX.into())?;
    let retransmit_ms = number("retransmit_ms", 0, u32::MAX.into())?;
    let mtu_bytes = table.take("mtu").map(|v| v.number(0, u32::MAX.into())).transpose()?;
    let mut is = |key, usual| table.take(key).map_or(Ok(usual), |value: Value<'_>| value.boolean());
    let (is_managed, has_other) = (is("managed", false)?, is("other", false)?);
    let (has_prefix, has_link) = (is("prefix", true)?, is("link_address", true)?);
    let multicasts = is("multicasts", false)?;
    Ok(AdvertPlan {
        lifetime_s,
        preference: preference(table)?,
        hop_limit,
        reachable_ms,
        retransmit_ms,
        mtu_bytes: mtu_bytes.map(|n| n as u32),
        is_managed,
        has_other,
        has_prefix,
        has_link,
        multicasts,
        late: table.take("late").map_or(Ok(plan.late), |v| v.duration())?,
        every: table.take("every").map(|v| interval(&v)).transpose()?,
        ..plan
    })
}

/// Not so often that nothing else can happen.
fn interval(value: &Value<'_>) -> Result<Duration, ScenarioFault> {
    let every = value.duration()?;
    let is_long = every >= Duration::from_millis(1);
    is_long.then_some(every).ok_or_else(|| value.fault("`every` is at least 1ms".to_string()))
}

fn preference(table: &mut Table<'_>) -> Result<Preferred, ScenarioFault> {
    let words = [
        ("low", Preferred::Low),
        ("medium", Preferred::Medium),
        ("high", Preferred::High),
        ("never", Preferred::Never),
    ];
    table.take("preference").map_or(Ok(Preferred::Medium), |value| value.word(&words))
}

/// The options of IPv6, and the lies.
fn options(table: &mut Table<'_>, plan: AdvertPlan) -> Result<AdvertPlan, ScenarioFault> {
    let mut each = |key| table.take(key).map_or(Ok(Vec::new()), |value| value.list());
    let (servers, search) = (each("name_servers")?, each("search")?);
    let routes = each("routes")?;
    let extra = table.take("hex").map_or(Ok(Vec::new()), |v| hex(&v, EXTRA_MAX_BYTES))?;
    let portal = table.take("portal").map(|v| v.text().map(str::to_string)).transpose()?;
    Ok(AdvertPlan {
        servers: servers.iter().map(v6).collect::<Result<_, _>>()?,
        search: search.iter().map(domain).collect::<Result<_, _>>()?,
        routes: routes.iter().map(route).collect::<Result<_, _>>()?,
        nat64: table.take("nat64").map(|v| prefix_v6(&v)).transpose()?,
        portal,
        extra,
        lies: table.take("lies").map_or(Ok(AdvertLies::default()), |v| lies(&v))?,
        ..plan
    })
}

fn v6(value: &Value<'_>) -> Result<Ipv6Addr, ScenarioFault> {
    match super::nodes::address(value)? {
        IpAddr::V6(address) => Ok(address),
        IpAddr::V4(_) => Err(value.fault("this is no IPv6 address".to_string())),
    }
}

fn domain(value: &Value<'_>) -> Result<String, ScenarioFault> {
    let text = value.text()?;
    let fits = text.len() < 254 && text.split('.').all(|it| (1..=63).contains(&it.len()));
    fits.then(|| text.to_string()).ok_or_else(|| value.fault("this is no domain name".to_string()))
}

fn prefix_v6(value: &Value<'_>) -> Result<Prefix, ScenarioFault> {
    let prefix = match value.text()?.contains('/') {
        true => Some(value.network()?),
        false => value.text()?.parse().ok().map(Prefix::of_one),
    };
    prefix.filter(|it| it.first().is_ipv6()).ok_or_else(|| {
        let hint = "as in \"2001:db8:7::/48\"".to_string();
        value.fault_with("this is no IPv6 prefix".to_string(), hint)
    })
}

fn route(value: &Value<'_>) -> Result<AdvertRoute, ScenarioFault> {
    let mut table = value.table()?;
    let to = prefix_v6(&table.need("to")?)?;
    let preference = preference(&mut table)?;
    let lifetime = table.take("lifetime").map(|v| v.number(0, u32::MAX.into())).transpose()?;
    table.finish()?;
    Ok(AdvertRoute { to, preference, lifetime_s: lifetime.unwrap_or(1_800) as u32 })
}

fn lies(value: &Value<'_>) -> Result<AdvertLies, ScenarioFault> {
    let mut table = value.table()?;
    let mut byte = |key| table.take(key).map(|v: Value<'_>| v.number(0, 255)).transpose();
    let hop_limit = byte("hop_limit")?.map(|n| n as u8);
    let code = byte("code")?.map(|n| n as u8);
    let count = byte("count")?.map(|n| n as u8);
    let entry_words = byte("entry_words")?.map(|n| n as u8);
    let bytes = table.take("bytes").map(|v| v.number(0, 1_400)).transpose()?;
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    let (is_global, checksum) = (yes("global")?, yes("checksum")?);
    table.finish()?;
    let bytes = bytes.map(|n| n as usize);
    Ok(AdvertLies { hop_limit, code, is_global, checksum, bytes, count, entry_words })
}
