//! What is known, put into a file of the directory that the program runs in.

use crate::clerk::Clerk;
use crate::command::watch::book::Book;
use crate::command::watch::{machine, report};
use std::fs::File;
use std::io::{self, Write};

/// How many names are tried before giving up.
const NAMES_MAX: u32 = 1_000;

/// A road's report as text. The name of the file.
///
/// # Errors
/// If none can be written.
pub fn text(book: &Book, road: usize, style: &report::Style, clerk: &Clerk) -> io::Result<String> {
    let text = report::report(book, road, style);
    save(book, road, "txt", text.into_bytes(), clerk)
}

/// Every figure of every road as JSON, one object a line. The name of the file.
///
/// # Errors
/// If none can be written.
pub fn json(book: &Book, road: usize, clerk: &Clerk) -> io::Result<String> {
    let mut text = Vec::new();
    machine::summaries(book, &mut text);
    save(book, road, "json", text, clerk)
}

/// Writes a file that was not there before.
fn save(
    book: &Book,
    road: usize,
    ending: &'static str,
    content: Vec<u8>,
    clerk: &Clerk,
) -> io::Result<String> {
    let plain = |letter: char| match letter {
        letter if letter.is_ascii_alphanumeric() || ".-".contains(letter) => letter,
        _ => '_',
    };
    let target: String = book.roads[road].label().chars().take(64).map(plain).collect();
    clerk.run(move || {
        for number in 1..=NAMES_MAX {
            let name = format!("askway-{target}-{number}.{ending}");
            let mut file = match File::create_new(&name) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            file.write_all(&content)?;
            return Ok(name);
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are too many of them"))
    })
}
