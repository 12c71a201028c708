//! Whom to ask, by which hops, from where.

use super::options::{Options, Stop, fail, usage};
use crate::as_::console::{Console, system_words};
use crate::escape::escape;
use crate::resolve;
use crate::road::Road;
use probe::targets::Target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use wire::Family;
use wire::ip::options::TimestampForm;

/// The most hops that a source route takes.
const HOPS_MAX: usize = 9;

/// The most hosts that a timestamp option can ask by name.
const STAMPING_HOPS_MAX: usize = 4;

const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const ENETUNREACH: i32 = 101;
const EHOSTUNREACH: i32 = 113;

/// One address of the target's name.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The address.
    pub target: Target,
    /// What lines call it, safe for a terminal.
    pub host: String,
    /// The name that the resolver arrived at; empty if it did not say, or was not asked.
    pub canonical: String,
    /// Whether it was given as a number, so that addresses are shown as numbers too.
    pub is_numeric: bool,
}

/// Whom to ask and from where.
#[derive(Clone, Debug)]
pub struct Aim {
    /// Whom.
    pub candidate: Candidate,
    /// By which hops, the target not among them.
    pub hops: Vec<Ipv4Addr>,
    /// From where.
    pub source: IpAddr,
    /// Whether many may answer.
    pub is_multicast: bool,
}

/// The addresses of the target, in the resolver's order; `lab` knows the names of a lab.
///
/// # Errors
/// If there is none: what to say.
pub fn candidates(options: &Options, lab: Option<&Road>) -> Result<Vec<Candidate>, String> {
    let name = options.operands.last().expect("parse wants an operand");
    let number = dotted(name);
    let of = |target: Target, canonical: &str| {
        let is_v4 = Family::of(target.address) == Family::V4;
        let is_numeric = if is_v4 { number.is_some() } else { name.contains(':') };
        let host = if !is_v4 || is_numeric || canonical.is_empty() {
            escape(name)
        } else {
            canonical.to_owned()
        };
        Candidate { target, host, canonical: canonical.to_owned(), is_numeric }
    };
    let found: Vec<Candidate> = match (lab, number) {
        (Some(road), _) => match road.resolve(name, None) {
            Ok(targets) => targets.into_iter().map(|target| of(target, "")).collect(),
            Err(unresolved) => return Err(format!("{name}: {}", unresolved.reason)),
        },
        (None, Some(address)) => {
            vec![of(Target { address: address.into(), zone: 0 }, name)]
        }
        (None, None) => match net::names::lookup(name, None) {
            Ok(found) => {
                let canonical = found.canonical.as_deref().map(resolve::shown).unwrap_or_default();
                let target = |(address, zone)| of(Target { address, zone }, &canonical);
                found.addresses.into_iter().map(target).collect()
            }
            Err(unknown) => return Err(format!("{name}: {}", unknown.reason)),
        },
    };
    let wanted = |candidate: &Candidate| {
        options.family.is_none_or(|family| family == Family::of(candidate.target.address))
    };
    let wanted: Vec<Candidate> = found.into_iter().filter(wanted).collect();
    if wanted.is_empty() {
        return Err(format!("{name}: Address family for hostname not supported"));
    }
    Ok(wanted)
}

/// Finds hops and source for one candidate; `None` if there is no way to it and another candidate
/// is left.
///
/// # Errors
/// If there is no way and none is left, or the options do not fit the target.
pub fn aim(
    options: &Options,
    mut candidate: Candidate,
    others_left: bool,
    lab: Option<&Road>,
    console: &mut Console,
) -> Result<Option<Aim>, Stop> {
    let family = Family::of(candidate.target.address);
    let hops = hops(options, family, lab, console)?;
    check_device(options, family, console)?;
    let given = match family {
        Family::V4 => options.source_v4.map(IpAddr::V4),
        Family::V6 => options.source_v6.map(IpAddr::V6),
    };
    if family == Family::V6
        && candidate.target.zone == 0
        && is_link_local(candidate.target.address)
        && let Some(device) = &options.device
    {
        candidate.target.zone = net::interface_index(device).unwrap_or(0);
    }
    let first = match hops.first() {
        Some(hop) => Target { address: (*hop).into(), zone: 0 },
        None => candidate.target,
    };
    let is_broadcast = lab.is_none() && net::is_broadcast(first.address);
    if given.is_none() && is_broadcast {
        warn_of_broadcast(options, console)?;
    }
    let source = match source(options, first, given, lab) {
        Ok(source) => source,
        Err(EACCES) if !is_broadcast => {
            warn_of_broadcast(options, console)?;
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        }
        // A link-local target without its zone: the kernel will choose.
        Err(EINVAL) if is_link_local(first.address) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Err(ENETUNREACH | EHOSTUNREACH) if others_left => return Ok(None),
        Err(number) => {
            let error = std::io::Error::from_raw_os_error(number);
            let what = if given.is_some() { bind_words(family) } else { "connect" };
            return fail(console, &format!("{what}: {}", system_words(&error)));
        }
    };
    if candidate.target.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
        candidate.target.address = source;
    }
    let is_multicast =
        options.broadcast && family == Family::V4 || candidate.target.address.is_multicast();
    Ok(Some(Aim { candidate, hops, source, is_multicast }))
}

/// What iputils calls the step that fails if the source is not this host's.
pub fn bind_words(family: Family) -> &'static str {
    match family {
        Family::V4 => "bind",
        Family::V6 => "bind icmp socket",
    }
}

/// The operands before the target, as addresses.
fn hops(
    options: &Options,
    family: Family,
    lab: Option<&Road>,
    console: &mut Console,
) -> Result<Vec<Ipv4Addr>, Stop> {
    let (_, names) = options.operands.split_last().expect("parse wants an operand");
    let most = match (family, options.timestamps) {
        (Family::V6, _) => 0,
        (Family::V4, _) if options.record_route => 0,
        (Family::V4, Some(TimestampForm::Prespecified)) => STAMPING_HOPS_MAX,
        (Family::V4, Some(_)) => 0,
        (Family::V4, None) => HOPS_MAX,
    };
    if names.len() > most {
        return Err(usage(console));
    }
    let mut hops = Vec::new();
    for name in names {
        let resolved = match (dotted(name), lab) {
            (Some(address), _) => Ok(IpAddr::V4(address)),
            (None, Some(road)) => first(road.resolve(name, Some(Family::V4))),
            (None, None) => first(resolve::resolve(name, Some(Family::V4))),
        };
        match resolved {
            Ok(IpAddr::V4(address)) => hops.push(address),
            Ok(IpAddr::V6(_)) => return Err(usage(console)),
            Err(reason) => return fail(console, &format!("{name}: {reason}")),
        }
    }
    Ok(hops)
}

fn first(resolved: resolve::Resolved) -> Result<IpAddr, String> {
    match resolved.as_deref() {
        Ok([target, ..]) => Ok(target.address),
        Ok([]) => Err("Name or service not known".to_owned()),
        Err(unresolved) => Err(unresolved.reason.clone()),
    }
}

fn check_device(options: &Options, family: Family, console: &mut Console) -> Result<(), Stop> {
    let Some(device) = &options.device else { return Ok(()) };
    let exists = options.lab.is_some() || net::interface_index(device).is_some();
    match family {
        Family::V4 if device.is_empty() || exists => Ok(()),
        Family::V4 => fail(console, &format!("SO_BINDTODEVICE {device}: No such device")),
        Family::V6 if exists => Ok(()),
        Family::V6 => fail(console, &format!("unknown iface: {device}")),
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.octets()[..2] == [0xff, 0x02],
    }
}

fn warn_of_broadcast(options: &Options, console: &mut Console) -> Result<(), Stop> {
    if !options.broadcast {
        let message = "Do you want to ping broadcast? Then -b. \
                       If not, check your local firewall rules";
        return fail(console, message);
    }
    console.error_bare("WARNING: pinging broadcast address\n");
    Ok(())
}

/// Our address towards the target, or the system's error number.
fn source(
    options: &Options,
    to: Target,
    given: Option<IpAddr>,
    lab: Option<&Road>,
) -> Result<IpAddr, i32> {
    if let Some(road) = lab {
        return given.or_else(|| road.source_towards(to)).ok_or(ENETUNREACH);
    }
    if let Some(given) = given {
        return Ok(given);
    }
    let device = options.device.as_deref().filter(|device| !device.is_empty());
    let ask = |mark| net::source_towards(to.address, to.zone, None, device, mark);
    // Who may not mark may still ask for the unmarked way.
    let answer = match (ask(options.mark), options.mark) {
        (Err(_), Some(_)) => ask(None),
        (answer, _) => answer,
    };
    answer.map_err(|fault| fault.error.raw_os_error().unwrap_or(ENETUNREACH))
}

/// An IPv4 address in any of inet_aton(3)'s spellings: one to four numbers, decimal, octal behind
/// `0` or hexadecimal behind `0x`, of which the last fills what the others leave.
pub fn dotted(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(part).collect::<Option<_>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|part| *part > 255) {
        return None;
    }
    let room_bits = 32 - 8 * leading.len() as u32;
    if u64::from(*last) >= 1 << room_bits {
        return None;
    }
    let high =
        leading.iter().enumerate().map(|(at, part)| part << (24 - 8 * at as u32)).sum::<u32>();
    Some(Ipv4Addr::from_bits(high | last))
}

fn part(text: &str) -> Option<u32> {
    let (digits, base) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    plain.then(|| u32::from_str_radix(digits, base).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_numbers_in_all_spellings() {
        let read = |text| dotted(text).map(|address| address.to_string());
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("127.1", "127.0.0.1"),
            ("1.2.3", "1.2.0.3"),
            ("0", "0.0.0.0"),
            ("2130706433", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("4294967295", "255.255.255.255"),
        ] {
            assert_eq!(read(text).as_deref(), Some(address), "{text}");
        }
        for text in ["", ".", "1.", "256.1", "1.2.3.256", "1.2.3.4.5", "08", "0x", "a", "+1", "é"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
