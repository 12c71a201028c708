//! When a probe left this host, by the clocks of those who saw it go.

use crate::stats::round_trip;
use crate::{RttSource, Stamp, StampedBy, Time};
use std::time::Duration;

/// The best that is known of a send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    sent_at: Time,
    /// From the program's send stamp to the kernel's.
    kernel_delay_ns: Option<u32>,
}

impl Departure {
    /// It goes now, by the program's clock.
    pub fn at(now: Time) -> Departure {
        Departure { sent_at: now, kernel_delay_ns: None }
    }

    /// When this program sent it.
    pub fn sent_at(&self) -> Time {
        self.sent_at
    }

    /// Takes a better send stamp.
    pub fn stamp_with(&mut self, stamp: Stamp) {
        match stamp.by {
            StampedBy::Program => self.sent_at = stamp.at,
            StampedBy::Kernel => {
                let delay = kernel_delay_ns(self.sent_at, stamp.at);
                self.kernel_delay_ns = delay.or(self.kernel_delay_ns);
            }
        }
    }

    /// From the send to an answer, by the best stamps that go together.
    pub fn round_trip(&self, received: Stamp) -> (Duration, RttSource) {
        let stamp = match self.kernel_delay_ns {
            Some(delay) => kernel_stamp(self.sent_at, delay),
            None => Stamp { at: self.sent_at, by: StampedBy::Program },
        };
        round_trip(stamp, self.sent_at, received)
    }
}

/// From the send call to the kernel's stamp. One from before the call, or seconds after it, is some
/// other packet's and not believed.
pub(crate) fn kernel_delay_ns(sent_at: Time, stamped_at: Time) -> Option<u32> {
    u32::try_from(stamped_at.0.checked_sub(sent_at.0)?).ok()
}

/// The kernel's stamp, so long after the send call.
pub(crate) fn kernel_stamp(sent_at: Time, delay_ns: u32) -> Stamp {
    Stamp { at: Time(sent_at.0.saturating_add(delay_ns.into())), by: StampedBy::Kernel }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_kernel_stamp_is_not_believed() {
        let kernel = |at| Stamp { at: Time(at), by: StampedBy::Kernel };
        let mut departure = Departure::at(Time(1_000));
        departure.stamp_with(kernel(999));
        departure.stamp_with(kernel(1_000 + (1 << 33)));
        let rtt = |departure: &Departure| departure.round_trip(kernel(2_000));
        assert_eq!(rtt(&departure), (Duration::from_nanos(1_000), RttSource::KernelReceive));
        departure.stamp_with(kernel(1_250));
        departure.stamp_with(kernel(999));
        assert_eq!(rtt(&departure), (Duration::from_nanos(750), RttSource::Kernel));
    }
}
