//! Options: what is asked for, and what of it a server may agree to (RFC 2347).

use super::{Agreed, Breach, OptionFault, Plan, Task};
use wire::tftp::{self, BLOCK_BYTES, Options, Packet};

const BLOCK: &str = "blksize";
const WINDOW: &str = "windowsize";
const TIMEOUT: &str = "timeout";
const SIZE: &str = "tsize";
const ROLLOVER: &str = "rollover";

/// Names and values that are asked for.
fn asked(plan: &Plan) -> impl Iterator<Item = (&'static str, u64)> {
    let asks = &plan.asks;
    let size = match plan.task {
        // The server puts it in (RFC 2349).
        Task::Get => Some(0),
        Task::Put { bytes } => bytes,
    };
    [
        (SIZE, size.filter(|_| asks.size)),
        (BLOCK, asks.block_bytes.map(u64::from)),
        (TIMEOUT, asks.timeout_s.map(u64::from)),
        (WINDOW, asks.window.map(u64::from)),
        (ROLLOVER, asks.rolls_over_to_1.then_some(1)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

impl Plan {
    /// The request as it goes out.
    pub(super) fn request(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let request = Packet::Request {
            is_write: matches!(self.task, Task::Put { .. }),
            file: &self.name,
            mode: self.mode.name().as_bytes(),
            options: Options::default(),
        };
        request.emit(&mut out);
        for (name, value) in asked(self) {
            tftp::push_option(name, &value.to_string(), &mut out);
        }
        out
    }

    /// What options that the server acknowledged put in force.
    ///
    /// # Errors
    /// If one was not asked for, stands twice, or has a value that was not allowed.
    pub(super) fn agree(&self, options: &Options<'_>) -> Result<Agreed, Breach> {
        let mut agreed = Agreed { is_by_options: true, ..Agreed::default() };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in options.iter() {
            let breach = |why| Breach::Option { name: name.to_vec(), value: value.to_vec(), why };
            let known = asked(self).find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
            let (known, wanted) = known.ok_or_else(|| breach(OptionFault::NotAsked))?;
            if seen.contains(&known) {
                return Err(breach(OptionFault::Twice));
            }
            seen.push(known);
            let got = tftp::number(value).ok_or_else(|| breach(OptionFault::Value))?;
            let is_allowed = match known {
                BLOCK => got >= u64::from(*BLOCK_BYTES.start()) && got <= wanted,
                WINDOW => got >= 1 && got <= wanted,
                // Of a file that comes, the size is the server's to say.
                SIZE => self.task == Task::Get || got == wanted,
                // RFC 2349: the value must be the client's.
                _ => got == wanted,
            };
            if !is_allowed {
                return Err(breach(OptionFault::Value));
            }
            match known {
                BLOCK => agreed.block_bytes = got as u16,
                WINDOW => agreed.window = got as u16,
                TIMEOUT => agreed.timeout_s = Some(got as u8),
                SIZE => agreed.bytes = Some(got),
                _ => {}
            }
        }
        Ok(agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asks;
    use super::*;
    use crate::targets::Target;

    fn plan(task: Task, asks: Asks) -> Plan {
        let server = Target { address: [192, 0, 2, 1].into(), zone: 0 };
        Plan { asks, ..Plan::new(server, 50_000, [192, 0, 2, 2].into(), task, b"f") }
    }

    const ALL: Asks = Asks {
        block_bytes: Some(1_428),
        window: Some(16),
        timeout_s: Some(3),
        size: true,
        rolls_over_to_1: false,
    };

    #[test]
    fn a_request_asks_for_what_the_plan_says() {
        let request = |task, asks| plan(task, asks).request();
        assert_eq!(request(Task::Get, Asks::default()), b"\0\x01f\0octet\0");
        assert_eq!(
            request(Task::Get, ALL),
            b"\0\x01f\0octet\0tsize\x000\0blksize\x001428\0timeout\x003\0windowsize\x0016\0"
        );
        let size = Asks { size: true, ..Asks::default() };
        let put = |bytes| request(Task::Put { bytes }, size);
        assert_eq!(put(Some(77)), b"\0\x02f\0octet\0tsize\x0077\0");
        assert_eq!(put(None), b"\0\x02f\0octet\0");
    }

    #[test]
    fn less_than_asked_is_agreed_to_and_more_is_not() {
        let agree =
            |bytes: &[u8], task| plan(task, ALL).agree(&Options::parse(bytes).expect("options"));
        let agreed =
            agree(b"BLKSIZE\x00512\0windowsize\x001\0tsize\x009\0timeout\x003\0", Task::Get);
        let wanted = Agreed {
            block_bytes: 512,
            window: 1,
            timeout_s: Some(3),
            bytes: Some(9),
            is_by_options: true,
        };
        assert_eq!(agreed, Ok(wanted));
        assert_eq!(agree(b"", Task::Get), Ok(Agreed { is_by_options: true, ..Agreed::default() }));
        let put = Task::Put { bytes: Some(5) };
        for (bytes, task, fault) in [
            (&b"blksize\x001429\0"[..], Task::Get, OptionFault::Value),
            (b"blksize\x007\0", Task::Get, OptionFault::Value),
            (b"blksize\x00\0", Task::Get, OptionFault::Value),
            (b"windowsize\x0017\0", Task::Get, OptionFault::Value),
            (b"windowsize\x000\0", Task::Get, OptionFault::Value),
            (b"timeout\x002\0", Task::Get, OptionFault::Value),
            (b"tsize\x00-1\0", Task::Get, OptionFault::Value),
            (b"tsize\x006\0", put, OptionFault::Value),
            (b"rollover\x001\0", Task::Get, OptionFault::NotAsked),
            (b"multicast\x00\0", Task::Get, OptionFault::NotAsked),
            (b"tsize\x001\0TSIZE\x001\0", Task::Get, OptionFault::Twice),
        ] {
            let Err(Breach::Option { why, .. }) = agree(bytes, task) else {
                panic!("{bytes:?} is agreed to")
            };
            assert_eq!(why, fault, "{bytes:?}");
        }
    }
}
