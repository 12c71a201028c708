//! The time protocol (RFC 868): seconds since 1900-01-01 UTC in 32 bits, which are full in 2036 and
//! begin anew; the era is the one that brings it nearest to our clock.

use super::{ERA_NS, Reading, Said, UNIX_EPOCH_NS, WholeSeconds};
use crate::clock::{Doubt, SECOND_NS};

/// The time protocol.
pub static TIME: WholeSeconds = WholeSeconds { name: "time", port: 37, hear: seconds, read };

fn read(said: &Said) -> Result<Reading, Doubt> {
    let Said::Seconds(seconds) = *said else { return Err(Doubt::Unfilled) };
    if seconds == 0 {
        // Nobody filled it in; the second that it stands for is one of 2036.
        return Err(Doubt::Unfilled);
    }
    let unix_ns = i128::from(seconds) * SECOND_NS - UNIX_EPOCH_NS;
    Ok(WholeSeconds::reading(unix_ns, Some(ERA_NS)))
}

/// What a datagram or a connection brought: four bytes, no more and no less.
pub fn seconds(payload: &[u8]) -> Option<Said> {
    Some(Said::Seconds(u32::from_be_bytes(payload.try_into().ok()?)))
}
