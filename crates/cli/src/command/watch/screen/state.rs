//! What the live view shows, and what keys do to it: no terminal, no clock.

use crate::args::BadValue;
use crate::command::watch::book::Who;
use crate::command::watch::fields::{self, Field};
use crate::command::watch::options::{interval, typed_number};
use std::time::Duration;

/// A key as somebody presses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A character together with the control key.
    Control(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// Tab.
    Tab,
    /// Tab together with the shift key.
    BackTab,
    /// One hop up.
    Up,
    /// One hop down.
    Down,
    /// The first hop.
    Home,
    /// The last hop.
    End,
    /// Back in the panel.
    PageUp,
    /// On in the panel.
    PageDown,
}

/// What somebody wants that the view cannot do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To leave.
    Leave,
    /// To pause, or to go on.
    Pause(bool),
    /// New figures.
    Reset,
    /// Another time from round to round.
    Interval(Duration),
    /// Another first hop.
    FirstHop(u8),
    /// Another last hop.
    MaxHops(u8),
    /// Other bytes of payload.
    Size(usize),
    /// What is shown in a file, as text.
    Text,
    /// All figures in a file, as JSON.
    Json,
    /// To stop the program for a while, as ^Z does.
    Suspend,
    /// A recording to go by twice as fast, or half.
    Faster(bool),
}

/// How hops are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Figures, and history where there is room.
    #[default]
    Figures,
    /// A few figures and as much history as there is room for.
    History,
}

/// What stands below the hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// Nothing.
    #[default]
    None,
    /// Everything that is known of the chosen hop.
    Details,
    /// When hops began to answer from other addresses.
    Changes,
}

/// What is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub what: Question,
    /// So far.
    pub typed: String,
    /// Why it was refused.
    pub fault: Option<String>,
}

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Columns.
    Fields,
    /// From one round to the next.
    Interval,
    /// The first hop to ask.
    FirstHop,
    /// The last hop to ask.
    MaxHops,
    /// Bytes of payload.
    Size,
}

/// What keys depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scene {
    /// How many roads there are.
    pub roads: usize,
    /// The first hop that is shown.
    pub first_hop: u8,
    /// The last one; below the first if there is none.
    pub last_hop: u8,
    /// Whether a recording is shown.
    pub is_replay: bool,
    /// Whether autonomous systems are known.
    pub has_systems: bool,
    /// Whether probes carry a payload.
    pub carries_payload: bool,
}

/// What the live view shows.
#[derive(Clone, Debug)]
pub struct State {
    /// Which road.
    pub road: usize,
    /// Which hop is chosen.
    pub hop: Option<u8>,
    /// How hops are shown.
    pub mode: Mode,
    /// What stands below them.
    pub panel: Panel,
    /// How many lines of the panel are above it.
    pub scroll: usize,
    /// Whether the keys are explained.
    pub is_help: bool,
    /// How hops are named.
    pub who: Who,
    /// Whether all that answered for a hop are shown.
    pub all_responders: bool,
    /// Whether the numbers of autonomous systems are shown.
    pub has_systems: bool,
    /// The columns.
    pub fields: Vec<&'static Field>,
    /// The columns that `j` brings back.
    usual: Vec<&'static Field>,
    is_jitter: bool,
    /// Whether nothing is sent for a while.
    pub is_paused: bool,
    /// Whether the run is over.
    pub is_over: bool,
    /// What is being typed.
    pub prompt: Option<Prompt>,
    /// What the last key came to.
    pub message: Option<String>,
}

/// The longest that is typed.
const TYPED_MAX: usize = 48;

impl State {
    /// As it begins.
    pub fn new(fields: Vec<&'static Field>, who: Who) -> State {
        State {
            road: 0,
            hop: None,
            mode: Mode::Figures,
            panel: Panel::None,
            scroll: 0,
            is_help: false,
            who,
            all_responders: true,
            has_systems: false,
            usual: fields.clone(),
            fields,
            is_jitter: false,
            is_paused: false,
            is_over: false,
            prompt: None,
            message: None,
        }
    }

    /// Takes a key.
    pub fn press(&mut self, key: Key, scene: Scene) -> Option<Wish> {
        self.message = None;
        match key {
            Key::Control('c') => return Some(Wish::Leave),
            Key::Control('z') => return Some(Wish::Suspend),
            _ => {}
        }
        if self.prompt.is_some() {
            return self.type_in(key);
        }
        if self.is_help {
            match key {
                Key::Char('q') => return Some(Wish::Leave),
                Key::Up | Key::PageUp => self.scroll = self.scroll.saturating_sub(3),
                Key::Down | Key::PageDown => self.scroll += 3,
                _ => (self.is_help, self.scroll) = (false, 0),
            }
            return None;
        }
        match key {
            Key::Char(letter) => return self.letter(letter, scene),
            Key::Tab => self.turn_to(1, scene),
            Key::BackTab => self.turn_to(scene.roads.saturating_sub(1), scene),
            Key::Up => self.choose(|hop| hop.saturating_sub(1), scene.last_hop, scene),
            Key::Down => self.choose(|hop| hop.saturating_add(1), scene.first_hop, scene),
            Key::Home => self.choose(|_| 0, scene.first_hop, scene),
            Key::End => self.choose(|_| u8::MAX, scene.last_hop, scene),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(5),
            Key::PageDown => self.scroll += 5,
            Key::Enter => {
                if self.hop.is_none() {
                    self.choose(|_| 0, scene.first_hop, scene);
                }
                self.toggle(Panel::Details);
            }
            Key::Escape => {
                self.panel = Panel::None;
                self.hop = None;
            }
            Key::Control(_) | Key::Backspace => {}
        }
        None
    }

    fn letter(&mut self, letter: char, scene: Scene) -> Option<Wish> {
        let is_live = !scene.is_replay;
        match letter {
            'q' => return Some(Wish::Leave),
            '?' | 'h' => (self.is_help, self.scroll) = (true, 0),
            'p' | ' ' if !self.is_over => {
                // As in mtr, the space bar only goes on.
                let pauses = letter == 'p' && !self.is_paused;
                if pauses != self.is_paused {
                    self.is_paused = pauses;
                    return Some(Wish::Pause(pauses));
                }
            }
            'd' => {
                self.mode = match self.mode {
                    Mode::Figures => Mode::History,
                    Mode::History => Mode::Figures,
                }
            }
            'e' => self.all_responders = !self.all_responders,
            'n' => self.who = if self.who == Who::Address { Who::Name } else { Who::Address },
            'b' => self.who = if self.who == Who::Both { Who::Name } else { Who::Both },
            'y' | 'z' if scene.has_systems => self.has_systems = !self.has_systems,
            'r' => return Some(Wish::Reset),
            'x' => self.toggle(Panel::Changes),
            'j' => self.switch_jitter(),
            'o' => self.ask(Question::Fields, fields::letters(&self.fields)),
            'i' if is_live => self.ask(Question::Interval, String::new()),
            'f' if is_live => self.ask(Question::FirstHop, String::new()),
            'm' if is_live => self.ask(Question::MaxHops, String::new()),
            's' if is_live && scene.carries_payload => self.ask(Question::Size, String::new()),
            'w' => return Some(Wish::Text),
            'S' => return Some(Wish::Json),
            '+' if scene.is_replay => return Some(Wish::Faster(true)),
            '-' if scene.is_replay => return Some(Wish::Faster(false)),
            _ => {}
        }
        None
    }

    fn toggle(&mut self, panel: Panel) {
        self.panel = if self.panel == panel { Panel::None } else { panel };
        self.scroll = 0;
    }

    fn switch_jitter(&mut self) {
        self.is_jitter = !self.is_jitter;
        if self.is_jitter {
            self.usual = self.fields.clone();
            self.fields = fields::parse(fields::JITTER).expect("they are columns");
        } else {
            self.fields = self.usual.clone();
        }
    }

    fn turn_to(&mut self, further: usize, scene: Scene) {
        self.road = (self.road + further) % scene.roads.max(1);
        (self.hop, self.scroll) = (None, 0);
    }

    /// Chooses another hop, or this one if none was chosen before.
    fn choose(&mut self, other: impl Fn(u8) -> u8, first: u8, scene: Scene) {
        if scene.last_hop < scene.first_hop {
            return;
        }
        let hop = self.hop.map_or(first, other);
        self.hop = Some(hop.clamp(scene.first_hop, scene.last_hop));
        self.scroll = 0;
    }

    fn ask(&mut self, what: Question, typed: String) {
        self.prompt = Some(Prompt { what, typed, fault: None });
    }

    fn type_in(&mut self, key: Key) -> Option<Wish> {
        let prompt = self.prompt.as_mut()?;
        match key {
            Key::Char(letter) if prompt.typed.chars().count() < TYPED_MAX => {
                prompt.typed.push(letter);
            }
            Key::Backspace => drop(prompt.typed.pop()),
            Key::Control('u') => prompt.typed.clear(),
            Key::Escape => self.prompt = None,
            Key::Enter => {
                let Prompt { what, typed, .. } = prompt.clone();
                match self.answer(what, &typed) {
                    Ok(wish) => {
                        self.prompt = None;
                        return wish;
                    }
                    Err(bad) => {
                        let fault = Some(format!("{}: {}", bad.message, bad.hint));
                        self.prompt = Some(Prompt { what, typed, fault });
                    }
                }
            }
            _ => {}
        }
        None
    }

    fn answer(&mut self, what: Question, typed: &str) -> Result<Option<Wish>, BadValue> {
        if typed.trim().is_empty() && what != Question::Fields {
            return Ok(None);
        }
        let hop = || typed_number(typed, 255).map(|hop| hop as u8).and_then(at_least_1);
        Ok(match what {
            Question::Fields => {
                self.fields = fields::parse(typed)?;
                self.is_jitter = false;
                None
            }
            Question::Interval => Some(Wish::Interval(interval(typed.trim())?)),
            Question::FirstHop => Some(Wish::FirstHop(hop()?)),
            Question::MaxHops => Some(Wish::MaxHops(hop()?)),
            Question::Size => Some(Wish::Size(typed_number(typed, 65_000)? as usize)),
        })
    }
}

fn at_least_1(hop: u8) -> Result<u8, BadValue> {
    match hop {
        0 => Err(crate::values::bad("no packet leaves with 0 hops", "1 to 255")),
        hop => Ok(hop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: Scene = Scene {
        roads: 3,
        first_hop: 1,
        last_hop: 4,
        is_replay: false,
        has_systems: true,
        carries_payload: true,
    };

    fn state() -> State {
        State::new(fields::parse(fields::USUAL).expect("columns"), Who::Name)
    }

    /// Presses keys, a character each; `\n` is Enter. What the last one came to.
    fn press(state: &mut State, keys: &str) -> Option<Wish> {
        let key = |letter| match letter {
            '\n' => Key::Enter,
            '\t' => Key::Tab,
            letter => Key::Char(letter),
        };
        keys.chars().map(|letter| state.press(key(letter), SCENE)).last().flatten()
    }

    #[test]
    fn columns_and_numbers_are_typed_and_wrong_ones_stay_to_be_mended() {
        let mut state = state();
        press(&mut state, "o");
        state.press(Key::Control('u'), SCENE);
        press(&mut state, "LZ\n");
        let prompt = state.prompt.clone().expect("it is asked again");
        assert!(prompt.fault.is_some() && prompt.typed == "LZ", "{prompt:?}");
        state.press(Key::Backspace, SCENE);
        press(&mut state, "Sm\n");
        assert_eq!((fields::letters(&state.fields).as_str(), state.prompt), ("LSm", None));
    }

    #[test]
    fn plans_change_by_typing() {
        for (keys, wish) in [
            ("i200ms\n", Some(Wish::Interval(Duration::from_millis(200)))),
            ("i0.5\n", Some(Wish::Interval(Duration::from_millis(500)))),
            ("m12\n", Some(Wish::MaxHops(12))),
            ("f2\n", Some(Wish::FirstHop(2))),
            ("s100\n", Some(Wish::Size(100))),
            ("m\n", None),
            ("m0\n", None),
            ("i-1\n", None),
        ] {
            assert_eq!(press(&mut state(), keys), wish, "{keys}");
        }
    }

    #[test]
    fn hops_are_chosen_within_the_road() {
        let mut state = state();
        for (key, hop) in [
            (Key::Down, Some(1)),
            (Key::Down, Some(2)),
            (Key::End, Some(4)),
            (Key::Down, Some(4)),
            (Key::Up, Some(3)),
            (Key::Home, Some(1)),
            (Key::Up, Some(1)),
            (Key::Escape, None),
            (Key::Up, Some(4)),
        ] {
            state.press(key, SCENE);
            assert_eq!(state.hop, hop, "{key:?}");
        }
        let nothing = Scene { last_hop: 0, ..SCENE };
        let mut state = self::state();
        state.press(Key::Down, nothing);
        assert_eq!(state.hop, None);
    }

    #[test]
    fn roads_come_round() {
        let mut state = state();
        press(&mut state, "\t\t");
        assert_eq!(state.road, 2);
        press(&mut state, "\t");
        assert_eq!(state.road, 0);
        state.press(Key::BackTab, SCENE);
        assert_eq!(state.road, 2);
    }

    #[test]
    fn p_pauses_and_goes_on_and_space_only_goes_on() {
        let mut state = state();
        assert_eq!(press(&mut state, " "), None);
        assert_eq!(press(&mut state, "p"), Some(Wish::Pause(true)));
        assert_eq!(press(&mut state, " "), Some(Wish::Pause(false)));
        assert_eq!(press(&mut state, "pp"), Some(Wish::Pause(false)));
    }

    #[test]
    fn j_shows_jitter_and_brings_back_what_was() {
        let mut state = state();
        press(&mut state, "j");
        assert_eq!(fields::letters(&state.fields), fields::JITTER);
        press(&mut state, "j");
        assert_eq!(fields::letters(&state.fields), fields::USUAL);
    }

    #[test]
    fn any_key_ends_the_help_and_q_and_control_c_leave_from_anywhere() {
        let mut state = state();
        press(&mut state, "?x");
        assert!(!state.is_help && state.panel == Panel::None);
        assert_eq!(press(&mut state, "?q"), Some(Wish::Leave));
        press(&mut state, "o");
        assert_eq!(state.press(Key::Control('c'), SCENE), Some(Wish::Leave));
        assert_eq!(press(&mut self::state(), "q"), Some(Wish::Leave));
    }

    #[test]
    fn a_recording_changes_no_plan_but_its_speed() {
        let replay = Scene { is_replay: true, ..SCENE };
        let mut state = state();
        for letter in ['i', 'm', 'f', 's'] {
            assert_eq!(state.press(Key::Char(letter), replay), None);
            assert_eq!(state.prompt, None, "{letter}");
        }
        assert_eq!(state.press(Key::Char('+'), replay), Some(Wish::Faster(true)));
        assert_eq!(press(&mut state, "+"), None);
    }
}
