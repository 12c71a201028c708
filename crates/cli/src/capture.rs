//! Captures of a lab: which files are written, and of which links.

use crate::failure::{Exit, Failure};
use lab::World;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Begins the captures that the scenario asks for, and those of the command line: `FILE` for all
/// links, `LINK=FILE` for one. A file that is named several times takes all that is meant for it.
///
/// # Errors
/// If there is no such link, or a file cannot be created.
pub fn begin(world: &mut World, wanted: &[String]) -> Result<Outcome, Failure> {
    let outcome = Outcome::default();
    let links: Vec<String> = world.links().map(str::to_owned).collect();
    // Of each file the links; none for all.
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut want = |file: &str, link: Option<&str>| {
        let all = || links.clone();
        let chosen = link.map_or_else(all, |link| vec![link.to_owned()]);
        let of_file = files.entry(file.to_owned()).or_default();
        let is_new = |link: &String| !of_file.contains(link);
        let new: Vec<String> = chosen.into_iter().filter(is_new).collect();
        of_file.extend(new);
    };
    for plan in world.capture_plans() {
        want(&plan.file, plan.link.as_deref());
    }
    for text in wanted {
        match text.split_once('=') {
            Some((link, file)) if links.iter().any(|known| known == link) => want(file, Some(link)),
            Some((link, _)) => return Err(unknown(link, &links)),
            None => want(text, None),
        }
    }
    for (file, links) in files {
        let created = open(&file).map_err(|error| Failure {
            message: format!("cannot create {file}: {error}"),
            hint: None,
            exit: Exit::Usage,
        })?;
        let links: Vec<&str> = links.iter().map(String::as_str).collect();
        let is_known = world.capture(&links, outcome.sink(created));
        debug_assert!(is_known, "only links of this world are wanted");
    }
    // So that a file is one even if nothing ever enters a link.
    world.flush_captures();
    outcome.told()?;
    Ok(outcome)
}

/// The files that this process has created.
static CREATED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Creates a file, or goes on with it: a command may run through its lab several times, in turn.
/// Each begins a section of the file, and the interfaces of all are the same.
fn open(file: &str) -> io::Result<File> {
    let mut created = CREATED.lock().expect("nobody panics who holds it");
    if !created.contains(file) {
        File::create(file)?;
        created.insert(file.to_owned());
    }
    OpenOptions::new().append(true).open(file)
}

fn unknown(link: &str, links: &[String]) -> Failure {
    const SHOWN: usize = 12;
    let more = if links.len() > SHOWN { ", ..." } else { "" };
    let shown = links[..links.len().min(SHOWN)].join(", ");
    Failure {
        message: format!("no link is named `{link}`"),
        hint: Some(format!("--capture LINK=FILE, where LINK is one of: {shown}{more}")),
        exit: Exit::Usage,
    }
}

/// What became of the files of a lab's captures.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<Mutex<Option<io::Error>>>);

impl Outcome {
    /// Writes to a file until that fails; then nothing more.
    fn sink(&self, mut file: File) -> lab::Sink {
        let fault = self.0.clone();
        Box::new(move |bytes| {
            let mut fault = fault.lock().expect("nobody panics who holds it");
            if fault.is_none() {
                *fault = file.write_all(bytes).err();
            }
        })
    }

    /// What went wrong so far.
    ///
    /// # Errors
    /// If something was not written.
    pub fn told(&self) -> Result<(), Failure> {
        match &*self.0.lock().expect("nobody panics who holds it") {
            None => Ok(()),
            Some(error) => Err(Failure {
                message: format!("cannot write the capture: {error}"),
                hint: None,
                exit: Exit::Failed,
            }),
        }
    }
}
