//! Pictures of the live view over runs through labs, in virtual time. `ASKWAY_BLESS=1` writes what
//! is seen into the files.

mod svg;

use super::View;
use super::state::{Key, State};
use crate::args;
use crate::command::trace::systems::Systems;
use crate::command::watch::book::Book;
use crate::command::watch::options::Options;
use crate::command::watch::report::Style;
use crate::command::watch::session::{Leg, Session};
use crate::command::watch::{book, open, style};
use crate::lang::Language;
use crate::print::Out;
use crate::print::human::columns;
use crate::road::Epoch;
use clap::{Args, FromArgMatches};
use probe::trace::Trace;
use probe::{Time, method};
use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_core::style::{Color, Modifier};
use ratatui_core::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};

/// A picture: its file, the command line, keys, and how large the terminal is.
struct Case {
    name: &'static str,
    words: &'static str,
    keys: &'static str,
    size: (u16, u16),
}

const CASES: &[Case] = &[
    Case { name: "figures", words: "-c 30 -i 100ms limited b", keys: "", size: (100, 12) },
    Case { name: "details", words: "-c 30 -i 100ms limited b", keys: "v\n", size: (100, 20) },
    Case { name: "history", words: "-c 30 -i 100ms limited b", keys: "d", size: (80, 8) },
    Case {
        name: "chinese",
        words: "-c 30 -i 100ms --lang zh limited b",
        keys: "v\n",
        size: (100, 18),
    },
    Case { name: "narrow", words: "-c 30 -i 100ms limited b", keys: "", size: (40, 6) },
    Case { name: "tiny", words: "-c 3 limited b", keys: "v\n", size: (10, 2) },
    Case { name: "balanced", words: "-c 12 -i 100ms balanced b", keys: "", size: (100, 14) },
    Case { name: "changes", words: "-c 12 -i 100ms balanced b", keys: "x", size: (100, 20) },
    Case { name: "one-address", words: "-c 12 -i 100ms balanced b", keys: "e", size: (100, 12) },
    Case { name: "labels", words: "-c 12 -i 100ms balanced b", keys: "vv\n", size: (110, 24) },
    Case { name: "silent", words: "-c 12 -i 100ms silent b", keys: "", size: (100, 10) },
    Case {
        name: "refused",
        words: "-c 12 -i 100ms -k udp prohibiting b",
        keys: "",
        size: (100, 10),
    },
    Case { name: "loss", words: "-c 60 -i 100ms lossy b", keys: "", size: (110, 10) },
    Case { name: "tabs", words: "-c 5 -i 100ms line r3 r1", keys: "t", size: (100, 10) },
    Case { name: "jitter", words: "-c 5 -i 100ms line r3", keys: "j", size: (100, 10) },
    Case { name: "addresses", words: "-c 5 -i 100ms line r3", keys: "n", size: (100, 10) },
    Case { name: "prompt", words: "-c 5 -i 100ms line r3", keys: "i-1\n", size: (100, 10) },
    Case { name: "help", words: "-c 5 -i 100ms line r3", keys: "?", size: (100, 28) },
    Case { name: "help-chinese", words: "-c 5 --lang zh line r3", keys: "?", size: (100, 28) },
    Case { name: "long", words: "-c 5 -i 100ms -m 20 loop b", keys: "^", size: (90, 12) },
];

fn scenarios(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join(format!("tests/watch/{name}.toml"));
    if own.exists() { own } else { root.join(format!("../lab/scenarios/{name}.toml")) }
}

/// What is known at the end of a run, and how it was asked for.
fn run(words: &str) -> (Book, Style, Language) {
    let (words, lab) = words.rsplit_once(' ').expect("a lab and a target");
    let mut words: Vec<&str> = words.split(' ').collect();
    let at = words.iter().position(|word| scenarios(word).exists()).expect("a scenario");
    let (targets, file) = (words.split_off(at + 1), scenarios(words.remove(at)));
    let file = file.display().to_string();
    words.extend(targets.into_iter().chain([lab, "--lab", &file]));
    let parser = Options::augment_args(args::parser("watch"));
    let matches = parser.try_get_matches_from(["watch"].into_iter().chain(words)).expect("options");
    let options = Options::from_arg_matches(&matches).expect("options");
    let common = args::Common::from_arg_matches(&matches).expect("options");
    let method = options.kind.unwrap_or(&method::ICMP);
    let mut opened = open(&options, method, &common).expect("a lab");
    let mut session = Session {
        book: book(&opened, Systems::default(), &options, true),
        recorder: None,
        is_json: false,
        out: Out::default(),
        epoch: Epoch::Fixed(opened.road.epoch_ns()),
        is_live: false,
        leg: Leg::default(),
        watcher: (),
        is_ended: false,
    };
    let plan = session.book.plan.clone();
    let mut engine = Trace::new(plan, opened.routes.destinations().to_vec(), Time::ZERO);
    opened.road.drive(&mut engine, &mut session).expect("labs do not fail");
    let style = style(&options, &common);
    (session.book, style, common.language())
}

/// Presses keys, a character each: `\n` is Enter, `t` Tab, `v` and `^` the arrows.
fn press(state: &mut State, keys: &str, view: impl Fn(&State) -> super::state::Scene) {
    for letter in keys.chars() {
        let key = match letter {
            '\n' => Key::Enter,
            't' => Key::Tab,
            'v' => Key::Down,
            '^' => Key::Up,
            letter => Key::Char(letter),
        };
        let scene = view(state);
        state.press(key, scene);
    }
}

fn view<'a>(book: &'a Book, state: &'a State, language: Language, is_coloured: bool) -> View<'a> {
    View { book, state, language, is_coloured, replay: None }
}

fn picture(case: &Case, is_coloured: bool) -> Terminal<TestBackend> {
    let (book, style, language) = run(case.words);
    let mut state = State::new(style.fields.clone(), style.who);
    press(&mut state, case.keys, |state| view(&book, state, language, is_coloured).scene());
    let backend = TestBackend::new(case.size.0, case.size.1);
    let mut terminal = Terminal::new(backend).expect("memory is there");
    let view = view(&book, &state, language, is_coloured);
    terminal.draw(|frame| view.draw(frame.buffer_mut())).expect("memory takes it");
    terminal
}

/// What stands there, without what a character of two columns hides.
fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut hidden = 0;
        for x in 0..buffer.area.width {
            if hidden == 0 {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                hidden = columns(symbol);
            }
            hidden -= 1;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn every_picture_is_as_it_was() {
    let is_blessing = std::env::var_os("ASKWAY_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in CASES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/watch/screens/{}.txt", case.name));
        let seen = text(picture(case, true).backend().buffer());
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if is_blessing {
            fs::write(&path, &seen).expect("writable");
        } else if seen != expected {
            wrong.push(format!("{}\n{seen}", case.name));
        }
    }
    assert!(wrong.is_empty(), "if this is as it should be: ASKWAY_BLESS=1\n{}", wrong.join("\n"));
}

#[test]
fn without_colour_there_is_none() {
    for case in CASES.iter().filter(|case| case.size.1 > 6) {
        let terminal = picture(case, false);
        let cells = &terminal.backend().buffer().content;
        assert!(cells.iter().all(|cell| cell.fg == Color::Reset), "{}", case.name);
    }
    let terminal = picture(&CASES[0], true);
    let is_green = |cell: &ratatui_core::buffer::Cell| cell.fg == Color::Green;
    assert!(terminal.backend().buffer().content.iter().any(is_green));
}

#[test]
fn what_is_chosen_is_reversed() {
    let terminal = picture(&CASES[1], false);
    let buffer = terminal.backend().buffer();
    let is_reversed = |y: u16| buffer[(1, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!((0..8).filter(|y| is_reversed(*y)).collect::<Vec<u16>>(), [4]);
}

/// The pictures of README.md, by their files below `docs/pictures`.
const PICTURES: &[Case] = &[
    Case {
        name: "watch",
        words: "-c 120 -i 250ms evening server",
        keys: "vvvvv\n",
        size: (112, 18),
    },
    Case {
        name: "watch.zh",
        words: "-c 120 -i 250ms --lang zh evening server",
        keys: "vvvvv\n",
        size: (112, 18),
    },
];

#[test]
fn the_pictures_of_the_manual_are_what_is_drawn() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures");
    for case in PICTURES {
        let path = folder.join(format!("{}.svg", case.name));
        let drawn = svg::draw(picture(case, true).backend().buffer());
        if std::env::var_os("ASKWAY_BLESS").is_some() {
            fs::write(&path, &drawn).expect("writable");
        }
        let stands = fs::read_to_string(&path).unwrap_or_default();
        assert!(stands == drawn, "{}: if this is as it should be: ASKWAY_BLESS=1", case.name);
    }
}
