//! What is found out about addresses by asking others, on threads of their own while the run goes
//! on. A line waits for it for a short while only.

use probe::Time;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// While something is awaited, the run is woken so often in the time that a line waits.
const TICKS: u32 = 10;

/// The most addresses that are asked after: strangers may answer from any number of them.
const MOST: usize = 65_536;

/// What is known of addresses.
pub struct Inquiry<T> {
    known: HashMap<IpAddr, Entry<T>>,
    /// Nobody to ask if everything is known that will be.
    desk: Option<Desk<T>>,
    /// How long a line waits, from when an address was first seen.
    patience: Duration,
    pending: usize,
    alarms: Option<mpsc::Sender<()>>,
}

/// Who finds things out.
pub struct Desk<T> {
    /// Takes addresses.
    pub questions: mpsc::Sender<IpAddr>,
    /// Gives back what each is, or that it is nothing.
    pub answers: mpsc::Receiver<(IpAddr, Option<T>)>,
}

enum Entry<T> {
    Known(Option<T>),
    /// Asked for, and waited for until then.
    Pending(Time),
}

impl<T> Inquiry<T> {
    /// Nothing more will be known than this.
    pub fn closed(known: impl IntoIterator<Item = (IpAddr, T)>) -> Inquiry<T> {
        let known = known.into_iter().map(|(address, it)| (address, Entry::Known(Some(it))));
        Inquiry {
            known: known.collect(),
            desk: None,
            patience: Duration::ZERO,
            pending: 0,
            alarms: None,
        }
    }

    /// Nothing is known, and nothing will be.
    pub fn none() -> Inquiry<T> {
        Inquiry::closed([])
    }

    /// Somebody is asked. Whoever drives the run is woken when a line need not wait any more.
    pub fn open(desk: Desk<T>, patience: Duration, waker: Option<net::Waker>) -> Inquiry<T> {
        let alarms = waker.map(|waker| {
            let (alarms, set) = mpsc::channel();
            thread::spawn(move || {
                while set.recv().is_ok() {
                    // Those before now are over when this one is.
                    while set.try_recv().is_ok() {}
                    for _ in 0..=TICKS {
                        thread::park_timeout(patience / TICKS);
                        waker.wake();
                    }
                }
            });
            alarms
        });
        Inquiry { desk: Some(desk), patience, alarms, ..Inquiry::none() }
    }

    /// Asks after an address, once.
    pub fn want(&mut self, address: IpAddr, now: Time) {
        let Some(desk) = &self.desk else { return };
        if self.known.contains_key(&address) || self.known.len() >= MOST {
            return;
        }
        let is_asked = desk.questions.send(address).is_ok();
        let entry = match is_asked {
            true => Entry::Pending(now + self.patience),
            false => Entry::Known(None),
        };
        self.pending += usize::from(is_asked);
        self.known.insert(address, entry);
        if let Some(alarms) = &self.alarms {
            // Without an alarm, the next report wakes the run.
            let _ = alarms.send(());
        }
    }

    /// Takes in what has been found out. Whether there was anything.
    pub fn learn(&mut self) -> bool {
        let mut has_learnt = false;
        while let Some(Ok(news)) = self.desk.as_ref().map(|desk| desk.answers.try_recv()) {
            self.take(news);
            has_learnt = true;
        }
        has_learnt
    }

    fn take(&mut self, (address, it): (IpAddr, Option<T>)) {
        self.pending = self.pending.saturating_sub(1);
        self.known.insert(address, Entry::Known(it));
    }

    /// Whether a line that shows this address should wait.
    pub fn is_awaited(&self, address: IpAddr, now: Time) -> bool {
        match self.known.get(&address) {
            Some(Entry::Pending(until)) => *until > now,
            _ => false,
        }
    }

    /// Whether anything that was asked for is not known yet.
    pub fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Waits for the next thing to be found out, a tick at most.
    pub fn wait(&mut self) {
        let Some(desk) = &self.desk else { return };
        if let Ok(news) = desk.answers.recv_timeout(self.patience / TICKS) {
            self.take(news);
        }
    }

    /// Waits for everything that was asked for, as long as a line would.
    pub fn settle(&mut self) {
        let until = now() + self.patience;
        while self.is_pending() && now() < until {
            self.wait();
        }
    }

    /// What an address is; `None` if it is nothing or not known yet.
    pub fn of(&self, address: IpAddr) -> Option<&T> {
        match self.known.get(&address)? {
            Entry::Known(it) => it.as_ref(),
            Entry::Pending(_) => None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "others answer in real time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_asked_for_once_and_waited_for_a_while() {
        let (questions, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let patience = Duration::from_secs(2);
        let mut inquiry = Inquiry::open(Desk { questions, answers }, patience, None);
        let [first, second] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        inquiry.want(first, Time::ZERO);
        inquiry.want(first, Time::ZERO);
        inquiry.want(second, Time::ZERO);
        assert_eq!(asked.try_iter().collect::<Vec<_>>(), [first, second]);
        let just_before = Time(patience.as_nanos() as u64 - 1);
        assert!(inquiry.is_awaited(first, just_before));
        assert!(!inquiry.is_awaited(first, Time::ZERO + patience));
        answer.send((first, Some("one"))).expect("somebody listens");
        answer.send((second, None)).expect("somebody listens");
        assert!(inquiry.learn() && !inquiry.learn());
        assert!(!inquiry.is_pending() && !inquiry.is_awaited(first, just_before));
        assert_eq!((inquiry.of(first), inquiry.of(second)), (Some(&"one"), None));
        drop(asked);
        let third = IpAddr::from([192, 0, 2, 3]);
        inquiry.want(third, Time::ZERO);
        assert!(!inquiry.is_pending() && inquiry.of(third).is_none());
    }
}
