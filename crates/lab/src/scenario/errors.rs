//! The keys of a node that say what its ICMP errors look like.

use super::text::{Table, Value};
use super::{Names, node_named};
use crate::mangle::{self, Mangle};
use crate::{NodeId, ScenarioFault};
use std::net::IpAddr;
use wire::ext::Label;

/// What a node's errors look like. By default as Linux sends them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorPlan {
    /// Bytes behind the IP header that they quote at most; `None` for as much as fits.
    pub(crate) quotes_bytes: Option<usize>,
    /// MPLS labels that time exceeded carries, outermost first (RFC 4950).
    pub(crate) labels: Vec<Label>,
    /// Whether they name the interface that the datagram came in by (RFC 5837).
    pub(crate) names_interface: bool,
    /// Further objects that they carry (RFC 4884).
    pub(crate) objects: Vec<ObjectPlan>,
    /// Whether extensions stand at byte 128 and no length says so (RFC 4884 §5).
    pub(crate) is_legacy: bool,
    /// Where they seem to come from; `None` for the interface that they leave by.
    pub(crate) from: Option<Origin>,
    /// How they are malformed: each in turn, from the first again.
    pub(crate) mangles: Vec<Mangle>,
    pub(crate) come_twice: bool,
    /// Whether the quoted identification has its bytes the wrong way round.
    pub(crate) swaps_identification: bool,
    /// Whether packets that are too big vanish without a word.
    pub(crate) is_mtu_silent: bool,
    /// What "packet too big" says instead of the truth.
    pub(crate) mtu_said: Option<u32>,
}

/// An extension object.
#[derive(Clone, Debug)]
pub(crate) struct ObjectPlan {
    pub(crate) class: u8,
    pub(crate) kind: u8,
    pub(crate) body: Vec<u8>,
}

/// Where errors seem to come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// The interface that the datagram came in by.
    Incoming,
    /// Whoever the datagram was for.
    Target,
    /// The first address of that node.
    Node(NodeId),
    /// These addresses, one a family.
    Addresses(Vec<IpAddr>),
}

/// The most bytes that an object may hold.
const OBJECT_MAX_BYTES: usize = 200;

/// Reads them.
pub(super) fn read(table: &mut Table<'_>, names: &Names) -> Result<ErrorPlan, ScenarioFault> {
    let mut number = |key, most| table.take(key).map(|v| v.number(0, most)).transpose();
    let (quotes, mtu_said) = (number("quotes", 65_535)?, number("lies_mtu", 65_535)?);
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    Ok(ErrorPlan {
        quotes_bytes: quotes.map(|bytes| bytes as usize),
        names_interface: yes("interface_info")?,
        is_legacy: yes("legacy_extensions")?,
        come_twice: yes("errors_twice")?,
        swaps_identification: yes("swaps_id")?,
        is_mtu_silent: yes("silent_mtu")?,
        mtu_said: mtu_said.map(|mtu| mtu as u32),
        labels: table.take("mpls").map_or(Ok(Vec::new()), |value| labels(&value))?,
        objects: table.take("objects").map_or(Ok(Vec::new()), |value| objects(&value))?,
        from: table.take("errors_from").map(|value| origin(&value, names)).transpose()?,
        mangles: table.take("mangles").map_or(Ok(Vec::new()), |value| mangles(&value))?,
    })
}

fn labels(value: &Value<'_>) -> Result<Vec<Label>, ScenarioFault> {
    let list = value.list()?;
    let mut labels = Vec::with_capacity(list.len());
    for (index, item) in list.iter().enumerate() {
        let mut table = item.table()?;
        let label = table.need("label")?.number(0, 0xf_ffff)?;
        let class = table.take("tc").map_or(Ok(0), |value| value.number(0, 7))?;
        let ttl = table.take("ttl").map_or(Ok(1), |value| value.number(0, 255))?;
        table.finish()?;
        labels.push(Label {
            label: label as u32,
            traffic_class: class as u8,
            is_bottom: index + 1 == list.len(),
            hop_limit: ttl as u8,
        });
    }
    Ok(labels)
}

fn objects(value: &Value<'_>) -> Result<Vec<ObjectPlan>, ScenarioFault> {
    let object = |item: &Value<'_>| {
        let mut table = item.table()?;
        let class = table.need("class")?.number(0, 255)? as u8;
        let kind = table.need("kind")?.number(0, 255)? as u8;
        let body =
            table.take("hex").map_or(Ok(Vec::new()), |value| hex(&value, OBJECT_MAX_BYTES))?;
        table.finish()?;
        Ok(ObjectPlan { class, kind, body })
    };
    value.list()?.iter().map(object).collect()
}

/// Bytes as pairs of hexadecimal digits; blanks between them are left out.
pub(super) fn hex(value: &Value<'_>, most: usize) -> Result<Vec<u8>, ScenarioFault> {
    let digits: Vec<char> = value.text()?.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| match pair {
        [high, low] => Some((high.to_digit(16)? << 4 | low.to_digit(16)?) as u8),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    let hint = format!("pairs of hexadecimal digits, at most {most}");
    let fits = bytes.filter(|bytes| bytes.len() <= most);
    fits.ok_or_else(|| value.fault_with("these are no bytes".to_string(), hint))
}

/// `"incoming"`, `"target"`, a node, an address, or one address a family.
fn origin(value: &Value<'_>, names: &Names) -> Result<Origin, ScenarioFault> {
    if value.is_list() {
        let addresses = value.list()?.iter().map(super::nodes::address).collect::<Result<_, _>>();
        return Ok(Origin::Addresses(addresses?));
    }
    Ok(match value.text()? {
        "incoming" => Origin::Incoming,
        "target" => Origin::Target,
        text => match text.parse() {
            Ok(address) => Origin::Addresses(vec![address]),
            Err(_) => Origin::Node(node_named(value, names)?),
        },
    })
}

/// One way, several, or `"all"`.
fn mangles(value: &Value<'_>) -> Result<Vec<Mangle>, ScenarioFault> {
    if value.is_list() {
        return value.list()?.iter().map(|item| item.word(mangle::NAMES)).collect();
    }
    if value.text()? == "all" {
        return Ok(mangle::NAMES.iter().map(|(_, mangle)| *mangle).collect());
    }
    Ok(vec![value.word(mangle::NAMES)?])
}
