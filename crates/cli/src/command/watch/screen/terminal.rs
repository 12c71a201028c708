//! The terminal: taken over and given back whatever happens, drawn on, and listened to.

use super::draw::View;
use super::state::Key;
use ratatui_core::terminal::Terminal as Drawing;
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui_crossterm::crossterm::execute;
use ratatui_crossterm::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui_crossterm::crossterm::{cursor, style};
use std::io::{self, BufWriter, Stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

/// What comes from the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Key),
    /// It has another size.
    Resize,
    /// It is gone.
    Gone,
}

/// A terminal that was taken over; dropping gives it back.
pub struct Terminal {
    drawing: Drawing<CrosstermBackend<BufWriter<Stdout>>>,
}

/// Whether the terminal is taken over, for whoever panics.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

impl Terminal {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// If it does not let itself.
    pub fn open() -> io::Result<Terminal> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        // A drawing goes out in one piece.
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, io::stdout()));
        let terminal = Terminal { drawing: Drawing::new(backend)? };
        take_over()?;
        Ok(terminal)
    }

    /// Draws a view. A terminal that takes nothing more will say so by its input.
    pub fn draw(&mut self, view: &View<'_>) {
        let _ = self.drawing.draw(|frame| view.draw(frame.buffer_mut()));
    }

    /// Gives the terminal back for as long as something else is done.
    pub fn lend(&mut self, work: impl FnOnce()) {
        give_back();
        work();
        // What fails here fails at the next drawing, too.
        let _ = take_over();
        // Draws everything anew; to clear would ask the terminal where its cursor is, and the
        // thread that reads keys would take the answer.
        if let Ok(size) = self.drawing.size() {
            let _ = self.drawing.resize(size.into());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

fn take_over() -> io::Result<()> {
    IS_TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)
}

fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // A terminal that is gone needs nothing.
        let _ = execute!(io::stdout(), style::ResetColor, cursor::Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// Listens on a thread of its own; `wake` is called after each input.
pub fn inputs(wake: impl Fn() + Send + 'static) -> mpsc::Receiver<Input> {
    let (sender, inputs) = mpsc::channel();
    thread::spawn(move || {
        loop {
            let input = match event::read() {
                Ok(Event::Key(pressed)) if pressed.kind != KeyEventKind::Release => {
                    key(pressed.code, pressed.modifiers).map(Input::Key)
                }
                Ok(Event::Resize(..)) => Some(Input::Resize),
                Ok(_) => None,
                Err(_) => Some(Input::Gone),
            };
            let Some(input) = input else { continue };
            let is_heard = sender.send(input).is_ok();
            wake();
            if !is_heard || input == Input::Gone {
                return;
            }
        }
    });
    inputs
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
    Some(match code {
        KeyCode::Char(letter) if modifiers.contains(KeyModifiers::CONTROL) => Key::Control(letter),
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        _ => return None,
    })
}
