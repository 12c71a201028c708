//! The options of `askway gateway`, and what they come to.

use crate::args::{BadValue, number};
use crate::escape::escape;
use crate::failure::{Exit, Failure};
use crate::help::Texts;
use lab::conntrack::{self, Forward, Personality};
use lab::gateway::Side;
use std::net::IpAddr;
use std::str::FromStr;
use wire::Family;
use wire::ip::protocol;
use wire::prefix::Prefix;

/// What the command line says.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The TUN device on the inside, in a named network namespace or here, and the gateway's
    /// addresses there; the device gets the next ones
    #[arg(long, value_name = "DEVICE[@NAMESPACE]=ADDRESS/BITS,...", required = true)]
    pub inside: End,
    /// Likewise on the outside: the addresses that everything inside shares
    #[arg(long, value_name = "DEVICE[@NAMESPACE]=ADDRESS/BITS,...", required = true)]
    pub outside: End,

    /// How it translates: linux, bcp127, full-cone, restricted, port-restricted, symmetric, cgnat
    #[arg(long, value_name = "NAME", value_parser = personality, default_value = "linux")]
    pub personality: Personality,
    /// The families that it translates: v4, v6. Others are passed on as they are, and tracked
    #[arg(long, value_name = "FAMILY,...", value_delimiter = ',', default_value = "v4,v6")]
    pub families: Vec<Translated>,
    /// Who inside answers at a port of the outer addresses
    #[arg(long = "forward", value_name = "PROTOCOL:PORT=ADDRESS[:PORT]")]
    pub forwards: Vec<Rule>,
    /// How many connections it remembers at most
    #[arg(long, value_name = "N", value_parser = limit, default_value = "262144")]
    pub limit: usize,
    /// The largest packet on either side, in bytes
    #[arg(long = "mtu", value_name = "BYTES", value_parser = mtu, default_value = "1500")]
    pub mtu_bytes: u32,
    /// Take and give large packets that stand for many, as network cards do
    #[arg(long)]
    pub fast: bool,

    /// Show connections as they come, change and go
    #[arg(long, help_heading = "Output")]
    pub events: bool,
    /// Show what becomes of each packet, hook by hook
    #[arg(long, help_heading = "Output")]
    pub why: bool,
    /// Show the connections at the end
    #[arg(long, help_heading = "Output")]
    pub table: bool,
    /// Show what was counted at the end
    #[arg(long, help_heading = "Output")]
    pub stats: bool,
}

/// The help of its options in Chinese; what is not here is said as elsewhere.
pub const CHINESE: Texts = &[
    (
        "inside",
        "内侧的 TUN 设备（在命名的网络命名空间里，或就在这里）和网关在那里的地址；设备得到下一个地址",
    ),
    ("outside", "外侧同上：内侧的一切共用的地址"),
    (
        "personality",
        "怎样转换：linux、bcp127、full-cone、restricted、port-restricted、symmetric、cgnat",
    ),
    ("families", "转换哪些协议族：v4、v6；其余的原样转发，连接仍被跟踪"),
    ("forwards", "由内侧的谁应答外侧地址的一个端口"),
    ("limit", "最多记住多少个连接"),
    ("mtu_bytes", "两侧最大的分组，字节"),
    ("fast", "像网卡那样收发代表许多分组的大分组"),
    ("events", "连接出现、变化、消失时显示"),
    ("why", "逐个钩子显示每个分组的经历"),
    ("table", "结束时显示所有连接"),
    ("stats", "结束时显示计数"),
];

/// One side as the command line has it.
#[derive(Clone, Debug)]
pub struct End {
    /// The device's name.
    pub device: String,
    /// The network namespace where it is to be.
    pub namespace: Option<String>,
    /// The gateway's addresses, and the length of their prefixes in bits.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The device's.
    pub neighbours: Vec<(IpAddr, u8)>,
}

impl FromStr for End {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<End, BadValue> {
        let bad = |what: &str| BadValue {
            message: format!("`{}` {what}", escape(text)),
            hint: "such as lan0@blue=10.0.0.1/24,fd00::1/64: a device, the namespace, the \
                   gateway's addresses",
        };
        let (device, addresses) =
            text.split_once('=').ok_or_else(|| bad("is not DEVICE=ADDRESS/BITS"))?;
        let (device, namespace) = match device.split_once('@') {
            Some((device, namespace)) => (device, Some(namespace.to_owned())),
            None => (device, None),
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains('/');
        if !is_name(device) || !namespace.as_deref().is_none_or(is_name) {
            return Err(bad("names no device"));
        }
        let mut end = End {
            device: device.to_owned(),
            namespace,
            addresses: Vec::new(),
            neighbours: Vec::new(),
        };
        for one in addresses.split(',') {
            let (address, bits) = one.split_once('/').ok_or_else(|| bad("has no prefix"))?;
            let address: IpAddr = address.parse().map_err(|_| bad("has no address"))?;
            let prefix = bits.parse().ok().and_then(|bits| Prefix::new(address, bits));
            let prefix = prefix.ok_or_else(|| bad(no_prefix(address)))?;
            let bits = prefix.length();
            if let Some(what) = wire::prefix::unusable(&prefix) {
                return Err(bad(&format!("has addresses of no device: {what}")));
            }
            if prefix.is_broadcast(address) {
                let what = match address == prefix.first() {
                    true => "network itself,",
                    false => "broadcast address of",
                };
                return Err(bad(&format!("names the {what} {prefix}")));
            }
            let other =
                neighbour(address, bits).ok_or_else(|| bad("leaves no address for the device"))?;
            end.addresses.push((address, bits));
            end.neighbours.push((other, bits));
        }
        Ok(end)
    }
}

/// What is wrong with the length of a prefix, if it is too long or no number.
fn no_prefix(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "has no prefix of 0 to 32 bits",
        IpAddr::V6(_) => "has no prefix of 0 to 128 bits",
    }
}

/// A family, by the names of the lab's scenarios.
#[derive(Clone, Copy, Debug)]
pub struct Translated(pub Family);

impl FromStr for Translated {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Translated, BadValue> {
        let known = lab::FAMILIES.iter().find(|(name, _)| *name == text);
        known.map(|(_, family)| Translated(*family)).ok_or_else(|| BadValue {
            message: format!("no family is called `{}`", escape(text)),
            hint: "v4, v6, or v4,v6",
        })
    }
}

/// The next address of a network that a host can have, else the one before, if there is any.
fn neighbour(address: IpAddr, bits: u8) -> Option<IpAddr> {
    let (width, own) = match address {
        IpAddr::V4(own) => (32, u128::from(own.to_bits())),
        IpAddr::V6(own) => (128, own.to_bits()),
    };
    let host_bits = u32::checked_sub(width, bits.into()).filter(|host_bits| *host_bits > 0)?;
    let mask = u128::MAX.checked_shr(128 - host_bits).unwrap_or(0);
    let host = own & mask;
    // IPv4 networks of more than two addresses have a first and a last one that no host has; IPv6
    // ones a first one, which is every router's (RFC 4291 §2.6.1).
    let (first, last) = match address {
        _ if host_bits == 1 => (0, mask),
        IpAddr::V4(_) => (1, mask - 1),
        IpAddr::V6(_) => (1, mask),
    };
    if !(first..=last).contains(&host) {
        return None;
    }
    let other = if host < last { own + 1 } else { own - 1 };
    Some(match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::from_bits(other as u32).into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::from_bits(other).into(),
    })
}

/// A rule of `--forward`.
#[derive(Clone, Debug)]
pub struct Rule(Forward);

/// The protocols that have ports, by the names of the lab's scenarios.
const PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", protocol::TCP),
    ("udp", protocol::UDP),
    ("sctp", protocol::SCTP),
    ("dccp", protocol::DCCP),
    ("udplite", protocol::UDP_LITE),
];

impl FromStr for Rule {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Rule, BadValue> {
        let bad = || BadValue {
            message: format!("`{}` is not PROTOCOL:PORT=ADDRESS[:PORT]", escape(text)),
            hint: "such as tcp:8080=10.0.0.2:80 or udp:53=[fd00::2]",
        };
        let (asked, to) = text.split_once('=').ok_or_else(bad)?;
        let (name, asked) = asked.split_once(':').ok_or_else(bad)?;
        let port = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0).ok_or_else(bad);
        let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
        let (_, number) = known.ok_or_else(bad)?;
        let (address, to_port) = match (to.parse::<IpAddr>(), to.rsplit_once(':')) {
            (Ok(address), _) => (address, None),
            (Err(_), Some((address, behind))) if !to.ends_with(']') => {
                (bare(address).parse().map_err(|_| bad())?, Some(port(behind)?))
            }
            _ => (bare(to).parse().map_err(|_| bad())?, None),
        };
        Ok(Rule(Forward {
            protocol: Some(*number),
            address: None,
            port: Some(port(asked)?),
            to: address,
            to_port,
            is_anywhere: false,
        }))
    }
}

/// Without the brackets around an IPv6 address.
fn bare(text: &str) -> &str {
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text)
}

fn personality(text: &str) -> Result<Personality, BadValue> {
    let known = Personality::ALL.iter().find(|(name, _)| *name == text);
    known.map(|(_, personality)| *personality).ok_or_else(|| BadValue {
        message: format!("no personality is called `{}`", escape(text)),
        hint: "linux, bcp127, full-cone, restricted, port-restricted, symmetric or cgnat",
    })
}

fn limit(text: &str) -> Result<usize, BadValue> {
    match number(text, 16_777_216)? {
        0 => Err(BadValue {
            message: "a gateway that remembers nothing translates nothing".to_owned(),
            hint: "from 1 to 16777216 connections",
        }),
        limit => Ok(limit as usize),
    }
}

/// The least that IPv4 allows, and IPv6 (RFC 791, RFC 8200 §5).
const MTU_MIN_BYTES: [u32; 2] = [68, 1_280];

fn mtu(text: &str) -> Result<u32, BadValue> {
    match number(text, 65_535)? as u32 {
        mtu if mtu >= MTU_MIN_BYTES[0] => Ok(mtu),
        _ => Err(BadValue {
            message: "IPv4 packets have room for 68 bytes everywhere".to_owned(),
            hint: "from 68 to 65535 bytes",
        }),
    }
}

impl Options {
    /// One side.
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Inside => &self.inside,
            Side::Outside => &self.outside,
        }
    }

    /// How it tracks and translates.
    pub fn tracking(&self) -> conntrack::Plan {
        let mut plan = conntrack::Plan::new(self.personality.behaviour());
        plan.limit = self.limit;
        plan.families = self.families.iter().map(|it| it.0).collect();
        plan.forwards = self.forwards.iter().map(|rule| rule.0).collect();
        plan
    }

    /// The name of the personality.
    pub fn personality_name(&self) -> &'static str {
        let known = Personality::ALL.iter().find(|(_, known)| *known == self.personality);
        known.map_or("", |(name, _)| *name)
    }

    /// Refuses what does not go together.
    ///
    /// # Errors
    /// With exit code 2.
    pub fn check(&self) -> Result<(), Failure> {
        let wrong = |message: &str, hint: &str| {
            let (message, hint) = (message.to_owned(), Some(hint.to_owned()));
            Err(Failure { message, hint, exit: Exit::Usage })
        };
        let all = || self.inside.addresses.iter().chain(&self.outside.addresses);
        if self.mtu_bytes < MTU_MIN_BYTES[1] && all().any(|(address, _)| address.is_ipv6()) {
            return wrong("IPv6 has no links of less than 1280 bytes", "--mtu 1280 or more");
        }
        let networks = |end: &End| -> Vec<Prefix> {
            end.addresses.iter().map(|(address, bits)| Prefix::of(*address, *bits)).collect()
        };
        let (inner, outer) = (networks(&self.inside), networks(&self.outside));
        if inner.iter().any(|a| outer.iter().any(|b| a.overlaps(b))) {
            return wrong("the networks inside and outside overlap", "give them different ones");
        }
        let families = |networks: &[Prefix]| {
            let has = |family: &Family| networks.iter().any(|it| it.family() == *family);
            Family::ALL.into_iter().filter(has).collect::<Vec<_>>()
        };
        let (inner_families, outer_families) = (families(&inner), families(&outer));
        if !inner_families.iter().any(|family| outer_families.contains(family)) {
            let [inside, outside] = [inner_families, outer_families].map(|it| it[0]);
            let message =
                format!("nothing can pass: inside is {inside} only, outside {outside} only");
            return wrong(&message, "give both sides addresses of one family");
        }
        let inside = |rule: &Rule| inner.iter().any(|network| network.contains(rule.0.to));
        if !self.forwards.iter().all(inside) {
            return wrong("--forward leads to nobody inside", "name an address of its networks");
        }
        let is_translated =
            |rule: &Rule| self.families.iter().any(|family| family.0 == Family::of(rule.0.to));
        if !self.forwards.iter().all(is_translated) {
            let hint = "name a family of --families, or leave --families out";
            return wrong("--forward leads to a family that is not translated", hint);
        }
        let asked = |rule: &Rule| (rule.0.protocol, rule.0.port, Family::of(rule.0.to));
        let all = self.forwards.iter().enumerate();
        let is_second = |(index, rule): (usize, &Rule)| {
            self.forwards[..index].iter().any(|it| asked(it) == asked(rule))
        };
        if all.clone().any(is_second) {
            return wrong("--forward names a port twice", "one address answers at a port");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_get_the_next_address() {
        for (own, bits, next) in [
            ("10.0.0.1", 24, Some("10.0.0.2")),
            ("10.0.0.254", 24, Some("10.0.0.253")),
            ("10.0.0.2", 30, Some("10.0.0.1")),
            ("10.0.0.2", 31, Some("10.0.0.3")),
            ("10.0.0.3", 31, Some("10.0.0.2")),
            ("10.0.0.0", 24, None),
            ("10.0.0.255", 24, None),
            ("10.0.0.1", 32, None),
            ("10.0.0.1", 33, None),
            ("fd00::1", 64, Some("fd00::2")),
            ("fd00::1", 127, Some("fd00::")),
            ("fd00::", 64, None),
            ("fd00::1", 128, None),
            ("255.255.255.254", 0, Some("255.255.255.253")),
        ] {
            let own: IpAddr = own.parse().expect("an address");
            let next = next.map(|next| next.parse::<IpAddr>().expect("an address"));
            assert_eq!(neighbour(own, bits), next, "{own}/{bits}");
        }
    }

    #[test]
    fn rules_name_a_port_and_who_answers() {
        let rule = |text: &str| text.parse::<Rule>().map(|rule| rule.0);
        let web = rule("tcp:8080=10.0.0.2:80").expect("a rule");
        assert_eq!((web.protocol, web.port, web.to_port), (Some(6), Some(8_080), Some(80)));
        assert_eq!(rule("udp:53=fd00::2").expect("a rule").to_port, None);
        assert_eq!(rule("udp:53=[fd00::2]").expect("a rule").to_port, None);
        assert_eq!(rule("udp:53=[fd00::2]:54").expect("a rule").to_port, Some(54));
        for wrong in
            ["tcp=10.0.0.2", "tcp:0=10.0.0.2", "icmp:1=10.0.0.2", "tcp:1=x", "tcp:1=1.2.3.4:0"]
        {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }
}
