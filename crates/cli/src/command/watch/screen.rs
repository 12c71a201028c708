//! The live view: a screen that is drawn when something has changed, and keys that are pressed.
//!
//! Keys are read on a thread of their own, which wakes the run. So does a timer, for what changed
//! too soon after the last drawing. A lab or a recording has no driver that sleeps: there the
//! screen itself waits until real time has caught up.

mod draw;
#[cfg(test)]
mod golden;
mod snapshot;
mod state;
mod terminal;

pub use draw::View;
pub use state::{State, Wish};

use super::book::Book;
use super::report;
use super::session::Watcher;
use crate::clerk::Clerk;
use crate::failure::{Exit, Failure};
use crate::lang::Language;
use net::{Signals, Waker};
use probe::{Signal, Time};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use terminal::{Input, Terminal};

/// The least time between two drawings that nobody pressed a key for.
const DRAWING: Duration = Duration::from_millis(250);

/// How often signals are looked for while nothing drives the run.
const PATROL: Duration = Duration::from_millis(100);

/// How fast a recording goes by at most, and at least.
const SPEEDS: (f64, f64) = (1.0 / 64.0, 4_096.0);

/// What a screen is about.
pub struct About {
    /// How reports look, and the first columns.
    pub style: report::Style,
    /// Whether there are colours.
    pub is_coloured: bool,
    /// How fast a recording or a lab goes by; `None` if real time does by itself.
    pub speed: Option<f64>,
    /// Whether a recording is shown.
    pub is_replay: bool,
    /// Wakes whoever drives the run.
    pub waker: Option<Waker>,
    /// Writes files.
    pub clerk: Clerk,
}

/// The screen of a run.
pub struct Screen {
    about: About,
    state: State,
    terminal: Terminal,
    inputs: mpsc::Receiver<Input>,
    timer: Option<mpsc::Sender<Instant>>,
    /// Until when the timer is set.
    timer_at: Option<Instant>,
    drawn_at: Option<Instant>,
    is_dirty: bool,
    wish: Option<Wish>,
    /// What an engine was ended for.
    pending: Option<Wish>,
    /// A moment of the run, and when it was or would be shown.
    anchor: (Time, Instant),
    signals: Signals,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// If it cannot be taken over.
    pub fn open(about: About) -> Result<Screen, Failure> {
        let signals = Signals::install().map_err(|error| broken("listen for signals", &error))?;
        let waker = about.waker.clone();
        let terminal = Terminal::open().map_err(|error| broken("use the terminal", &error))?;
        let wakes = waker.clone();
        let inputs = terminal::inputs(move || {
            if let Some(waker) = &wakes {
                waker.wake();
            }
        });
        let timer = waker.map(|waker| {
            let (timer, set) = mpsc::channel::<Instant>();
            thread::spawn(move || {
                for at in set {
                    thread::park_timeout(at.saturating_duration_since(now()));
                    waker.wake();
                }
            });
            timer
        });
        let mut state = State::new(about.style.fields.clone(), about.style.who);
        state.has_systems = about.style.has_systems;
        Ok(Screen {
            about,
            state,
            terminal,
            inputs,
            timer,
            timer_at: None,
            drawn_at: None,
            is_dirty: true,
            wish: None,
            pending: None,
            anchor: (Time::ZERO, now()),
            signals,
        })
    }

    /// What somebody wants, once.
    pub fn wish(&mut self, book: &Book) -> Option<Wish> {
        while self.wish.is_none() {
            let Ok(input) = self.inputs.try_recv() else { break };
            self.take(input, book);
        }
        self.wish.take()
    }

    fn take(&mut self, input: Input, book: &Book) {
        (self.is_dirty, self.drawn_at) = (true, None);
        match input {
            Input::Key(key) => {
                let scene = view(&self.about, &self.state, book).scene();
                self.wish = self.state.press(key, scene);
            }
            Input::Resize => {}
            // Nobody can press a key any more.
            Input::Gone => self.wish = Some(Wish::Leave),
        }
    }

    fn language(&self) -> Language {
        self.about.style.language
    }

    /// Draws if something has changed and the last drawing is long enough ago; else sees to it that
    /// the run is woken in time.
    pub fn refresh(&mut self, book: &Book) {
        if !self.is_dirty {
            return;
        }
        let now = now();
        let due = self.drawn_at.map_or(now, |drawn_at| drawn_at + DRAWING);
        if due > now {
            if let Some(timer) = self.timer.as_ref().filter(|_| self.timer_at != Some(due)) {
                // Without the timer, the next report draws.
                let _ = timer.send(due);
                self.timer_at = Some(due);
            }
            return;
        }
        self.is_dirty = false;
        self.drawn_at = Some(now);
        let view = view(&self.about, &self.state, book);
        self.terminal.draw(&view);
    }

    /// Waits until the run's time has come, in a lab or a recording; somebody may want something
    /// before.
    pub fn keep_pace(&mut self, book: &Book, at: Time) {
        let Some(speed) = self.about.speed else { return };
        let (began, shown_at) = self.anchor;
        let due = shown_at + at.since(began).div_f64(speed);
        self.wait(book, Some(due));
    }

    /// What the last engine was ended for, or what somebody wants while nothing drives the run.
    pub fn hold(&mut self, book: &Book) -> Wish {
        self.is_dirty = true;
        loop {
            if let Some(wish) = self.pending.take().or_else(|| self.wish(book)) {
                return wish;
            }
            self.wait(book, None);
        }
    }

    fn wait(&mut self, book: &Book, until: Option<Instant>) {
        while self.wish.is_none() {
            self.refresh(book);
            let now = now();
            if until.is_some_and(|until| until <= now) {
                return;
            }
            let left = until.map_or(PATROL, |until| until - now).min(PATROL);
            match self.inputs.recv_timeout(left) {
                Ok(input) => self.take(input, book),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.wish = Some(Wish::Leave),
            }
            // A driver that sleeps takes them itself.
            if self.about.speed.is_some() || until.is_none() {
                self.heed_signals();
            }
        }
    }

    fn heed_signals(&mut self) {
        if matches!(self.signals.take(), Some(Signal::Interrupt | Signal::Terminate)) {
            self.wish = Some(Wish::Leave);
        }
    }

    /// From here on, time goes by anew: after a pause, or at another speed.
    pub fn set_anchor(&mut self, at: Time) {
        self.anchor = (at, now());
    }

    /// Does what a wish of any run's asks for, if it asks for nothing else.
    pub fn grant(&mut self, wish: &Wish, book: &mut Book) {
        match wish {
            Wish::Reset => book.reset(),
            Wish::Text | Wish::Json => {
                let style = report::Style { is_wide: true, ..self.style() };
                let clerk = &self.about.clerk;
                let saved = match wish {
                    Wish::Text => snapshot::text(book, self.state.road, &style, clerk),
                    _ => snapshot::json(book, self.state.road, clerk),
                };
                self.say(match saved {
                    Ok(name) => {
                        self.language().pick(format!("written to {name}"), format!("已写入 {name}"))
                    }
                    Err(error) => self.language().pick(
                        format!("cannot write a file here: {error}"),
                        format!("不能在这里写文件：{error}"),
                    ),
                });
            }
            Wish::Faster(is_faster) => {
                let factor = if *is_faster { 2.0 } else { 0.5 };
                let speed = self.about.speed.map(|speed| speed * factor);
                self.about.speed = speed.map(|speed| speed.clamp(SPEEDS.0, SPEEDS.1));
                self.set_anchor(book.now);
            }
            Wish::Suspend => {
                self.terminal.lend(net::suspend);
                self.set_anchor(book.now);
            }
            _ => {}
        }
        self.is_dirty = true;
    }

    /// Shows a message at the bottom.
    pub fn say(&mut self, message: String) {
        self.state.message = Some(message);
        self.is_dirty = true;
    }

    /// Nothing more will come.
    pub fn set_over(&mut self) {
        self.state.is_over = true;
        self.is_dirty = true;
    }

    /// Whether nothing is to be sent, or shown, for now.
    pub fn is_idle(&self) -> bool {
        self.state.is_paused || self.state.is_over
    }

    /// How reports are to look that follow what was shown.
    pub fn style(&self) -> report::Style {
        report::Style {
            fields: self.state.fields.clone(),
            who: self.state.who,
            has_systems: self.state.has_systems,
            ..self.about.style.clone()
        }
    }
}

impl Watcher for Screen {
    fn changed(&mut self) {
        self.is_dirty = true;
    }

    fn idle(&mut self, book: &Book, now: Time) {
        self.keep_pace(book, now);
        self.refresh(book);
    }

    fn ends(&mut self, book: &mut Book) -> bool {
        while let Some(wish) = self.wish(book) {
            match wish {
                Wish::Reset | Wish::Text | Wish::Json => self.grant(&wish, book),
                other => {
                    self.pending = Some(other);
                    return true;
                }
            }
        }
        self.refresh(book);
        false
    }
}

fn view<'a>(about: &'a About, state: &'a State, book: &'a Book) -> View<'a> {
    View {
        book,
        state,
        language: about.style.language,
        is_coloured: about.is_coloured,
        replay: about.speed.filter(|_| about.is_replay),
    }
}

fn broken(what: &str, error: &std::io::Error) -> Failure {
    Failure {
        message: format!("cannot {what}: {error}"),
        hint: Some("--report needs no terminal".to_owned()),
        exit: Exit::Failed,
    }
}

#[expect(clippy::disallowed_methods, reason = "drawings and recordings are paced in real time")]
fn now() -> Instant {
    Instant::now()
}
