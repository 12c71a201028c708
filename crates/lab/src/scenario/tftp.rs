//! The key `tftp` of a node: which files a server there has, and how it treats clients.

use super::text::{Table, Value};
use crate::ScenarioFault;
use crate::random::Random;
use std::collections::BTreeMap;
use std::time::Duration;
use wire::tftp::{BLOCK_BYTES, PORT};

/// No server holds more of one file.
pub(crate) const FILE_MAX_BYTES: usize = 64 << 20;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct TftpPlan {
    pub(crate) port: u16,
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Whether it takes files.
    pub(crate) is_writable: bool,
    /// Whether it knows options.
    pub(crate) knows_options: bool,
    /// The largest block and window that it agrees to.
    pub(crate) block_max: u16,
    pub(crate) window_max: u16,
    /// When it sends again, unless the client asks for another time, and how often.
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) lies: TftpLies,
}

/// How a server is wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct TftpLies {
    /// Says nothing.
    pub(crate) mute: bool,
    /// Sends everything twice.
    pub(crate) twice: bool,
    /// Sends a block again for every repeated acknowledgment, as before RFC 1123 §4.2.3.1.
    pub(crate) sorcerer: bool,
    /// Something comes from another port before each packet.
    pub(crate) stranger: bool,
    /// A block of a far number comes before each.
    pub(crate) strays: bool,
    /// Blocks are a byte larger than agreed.
    pub(crate) oversize: bool,
    /// Files do not end.
    pub(crate) endless: bool,
    /// Acknowledges options in this way.
    pub(crate) options: Option<OptionLie>,
    /// Says that files have that size.
    pub(crate) size: Option<u64>,
    /// Answers requests by this error.
    pub(crate) error: Option<(u16, Vec<u8>)>,
    /// Breaks off by the error "disk full" behind so many bytes.
    pub(crate) full_bytes: Option<usize>,
}

/// How a server acknowledges options wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OptionLie {
    /// Twice the block size that was asked for.
    Larger,
    /// One that nobody asked for.
    Unasked,
}

/// Reads `tftp`, if it is there.
pub(super) fn read(table: &mut Table<'_>) -> Result<Option<TftpPlan>, ScenarioFault> {
    let Some(value) = table.take("tftp") else { return Ok(None) };
    let mut table = value.table()?;
    let port = table.take("port").map(|v| v.number(1, 65_535)).transpose()?;
    let files = match table.take("files") {
        Some(files) => files
            .table()?
            .entries()
            .into_iter()
            .map(|(name, content)| Ok((name.as_bytes().to_vec(), read_file(&content)?)))
            .collect::<Result<_, _>>()?,
        None => BTreeMap::new(),
    };
    let is_writable = table.take("writable").map(|v| v.boolean()).transpose()?;
    let knows_options = table.take("options").map(|v| v.boolean()).transpose()?;
    let (least, most) = (u64::from(*BLOCK_BYTES.start()), u64::from(*BLOCK_BYTES.end()));
    let block_max = table.take("blksize").map(|v| v.number(least, most)).transpose()?;
    let window_max = table.take("windowsize").map(|v| v.number(1, 1_024)).transpose()?;
    let timeout = table.take("timeout").map(|v| v.duration()).transpose()?;
    let retries = table.take("retries").map(|v| v.number(0, 100)).transpose()?;
    let lies = table.take("lies").map(|v| read_lies(&v)).transpose()?;
    table.finish()?;
    Ok(Some(TftpPlan {
        port: port.map_or(PORT, |port| port as u16),
        files,
        is_writable: is_writable.unwrap_or(false),
        knows_options: knows_options.unwrap_or(true),
        block_max: block_max.map_or(*BLOCK_BYTES.end(), |bytes| bytes as u16),
        window_max: window_max.map_or(64, |blocks| blocks as u16),
        timeout: timeout.unwrap_or(Duration::from_secs(1)).max(Duration::from_nanos(1)),
        retries: retries.unwrap_or(5) as u32,
        lies: lies.unwrap_or_default(),
    }))
}

/// A text, or a size and a seed.
fn read_file(value: &Value<'_>) -> Result<Vec<u8>, ScenarioFault> {
    if value.is_text() {
        return Ok(value.text()?.as_bytes().to_vec());
    }
    let mut table = value.table()?;
    let bytes = table.need("bytes")?.number(0, FILE_MAX_BYTES as u64)? as usize;
    let seed = table.take("seed").map(|v| v.number(0, u64::from(u32::MAX))).transpose()?;
    table.finish()?;
    let mut random = Random::seeded(seed.unwrap_or(0));
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        content.extend_from_slice(&random.next().to_le_bytes());
    }
    content.truncate(bytes);
    Ok(content)
}

fn read_lies(value: &Value<'_>) -> Result<TftpLies, ScenarioFault> {
    let mut table = value.table()?;
    let mut yes = |key| table.take(key).map_or(Ok(false), |value: Value<'_>| value.boolean());
    let (mute, twice, sorcerer) = (yes("mute")?, yes("twice")?, yes("sorcerer")?);
    let (stranger, strays) = (yes("stranger")?, yes("strays")?);
    let (oversize, endless) = (yes("oversize")?, yes("endless")?);
    let lies = [("larger", OptionLie::Larger), ("unasked", OptionLie::Unasked)];
    let options = table.take("options").map(|v| v.word(&lies)).transpose()?;
    let size = table.take("size").map(|v| v.number(0, i64::MAX as u64)).transpose()?;
    let full = table.take("full").map(|v| v.number(0, FILE_MAX_BYTES as u64)).transpose()?;
    let error = table.take("error").map(|v| read_error(&v)).transpose()?;
    table.finish()?;
    let full_bytes = full.map(|bytes| bytes as usize);
    Ok(TftpLies {
        mute,
        twice,
        sorcerer,
        stranger,
        strays,
        oversize,
        endless,
        options,
        size,
        error,
        full_bytes,
    })
}

fn read_error(value: &Value<'_>) -> Result<(u16, Vec<u8>), ScenarioFault> {
    let mut table = value.table()?;
    let code = table.need("code")?.number(0, 65_535)?;
    let text = table.take("text").map(|v| v.text()).transpose()?;
    table.finish()?;
    Ok((code as u16, text.unwrap_or_default().as_bytes().to_vec()))
}
