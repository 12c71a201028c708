//! The gateway between its devices, and what is written meanwhile.

use super::screen::Screen;
use crate::print::Out;
use crate::print::conntrack::{Ledger, in_order};
use lab::gateway::{Counts, Gateway, Side};
use net::live::Internet;
use net::tun::Frame;
use probe::Time;
use serde_json::Value;
use wire::offload::Shape;

/// A gateway, and who watches it.
pub struct Passing {
    gateway: Gateway,
    ledger: Ledger,
    screen: Option<Screen>,
    has_table: bool,
    has_statistics: bool,
    now: Time,
    out: Out,
}

impl Passing {
    /// A gateway that nothing has passed yet.
    pub fn new(
        gateway: Gateway,
        ledger: Ledger,
        screen: Option<Screen>,
        has_table: bool,
        has_statistics: bool,
    ) -> Passing {
        let (now, out) = (Time::ZERO, Out::default());
        Passing { gateway, ledger, screen, has_table, has_statistics, now, out }
    }

    /// Writes what is due at the end.
    pub fn end(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.draw(self.now, &self.gateway, &mut self.out.text);
        }
        self.news();
        if self.has_table {
            self.ledger.table(None, self.gateway.tracker(), self.now, &mut self.out.text);
        }
        if self.has_statistics {
            self.statistics();
        }
        self.write();
    }

    fn news(&mut self) {
        let lines = self.ledger.news(None, self.gateway.tracker_mut());
        in_order(lines, &mut self.out.text);
    }

    fn statistics(&mut self) {
        let more = numbers(&self.gateway.counts());
        let tracker = self.gateway.tracker();
        self.ledger.statistics(None, tracker, self.now, &more, &mut self.out.text);
    }

    /// The gateway goes on when nobody reads what it writes.
    fn write(&mut self) {
        let _ = self.out.flush();
        self.out.text.clear();
    }
}

impl Internet for Passing {
    fn foresee(&mut self, frames: &[Frame]) {
        self.gateway.tracker_mut().foresee(frames.iter().map(Frame::bytes));
    }

    fn receive(&mut self, now: Time, device: usize, frame: &mut Frame) -> Option<usize> {
        let from = Side::BOTH[device];
        let (packet, shape) = frame.packet();
        self.gateway.pass(now, from, packet, shape).map(Side::index)
    }

    fn advance(&mut self, now: Time) {
        self.now = now;
        self.gateway.advance(now);
    }

    fn due(&self) -> Time {
        let drawn = self.screen.as_ref().map_or(Time::NEVER, Screen::due);
        self.gateway.due().min(drawn)
    }

    fn take(&mut self, packet: &mut Vec<u8>) -> Option<(usize, Shape)> {
        let (side, bytes) = self.gateway.take()?;
        *packet = bytes;
        Some((side.index(), Shape::PLAIN))
    }

    fn show(&mut self, now: Time) {
        self.now = now;
        self.news();
        if self.screen.is_none() {
            self.ledger.table(None, self.gateway.tracker(), now, &mut self.out.text);
            self.statistics();
        }
        self.write();
    }

    fn idle(&mut self, now: Time) {
        self.now = now;
        self.news();
        if let Some(screen) = &mut self.screen
            && screen.due() <= now
        {
            screen.draw(now, &self.gateway, &mut self.out.text);
        }
        self.write();
    }
}

/// What the gateway counts besides its tracker, by the names of the JSON fields.
fn numbers(counts: &Counts) -> Vec<(&'static str, Value)> {
    let [inside, outside] = [Side::Inside, Side::Outside].map(Side::index);
    vec![
        ("received_inside", counts.received[inside].into()),
        ("received_outside", counts.received[outside].into()),
        ("received_inside_bytes", counts.received_bytes[inside].into()),
        ("received_outside_bytes", counts.received_bytes[outside].into()),
        ("forwarded_out", counts.forwarded[inside].into()),
        ("forwarded_in", counts.forwarded[outside].into()),
        ("own", counts.own.into()),
        ("errors_sent", counts.errors.into()),
        ("malformed", counts.malformed.into()),
        ("spoofed", counts.spoofed.into()),
        ("refused", counts.refused.into()),
        ("local", counts.local.into()),
    ]
}
