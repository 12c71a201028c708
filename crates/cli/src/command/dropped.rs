//! What the devices of a network in real time could not take.

use crate::escape::escape;
use crate::lang::Language;
use net::tun::Tun;
use std::io::{self, Write};

/// Says how many packets found no room in each device's queue, if any did not.
pub fn tell_dropped(tuns: &[Tun], language: Language) {
    for tun in tuns {
        // A count that the kernel does not tell is none to tell of.
        let Ok(count @ 1..) = tun.dropped() else { continue };
        let device = escape(tun.name());
        let line = language.pick(
            format!("{device} dropped {count} packets: its queue was full"),
            format!("{device} 丢弃了 {count} 个分组：它的队列已满"),
        );
        // Nobody is left to tell if this fails.
        let _ = writeln!(io::stderr(), "askway: {line}");
    }
}
