//! Directories for tests that write files.

use std::fs;
use std::path::PathBuf;

/// A directory of a test's own, removed at its end.
pub struct Scratch {
    /// Where it is.
    pub path: PathBuf,
}

impl Scratch {
    /// An empty one; no other test has its name.
    pub fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("askway-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a new directory");
        Scratch { path }
    }

    /// The names of what is in it, in order.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.path)
            .expect("readable")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
