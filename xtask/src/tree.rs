//! The source tree: where it is and which files it has.

use std::path::{Path, PathBuf};

/// A text file of the tree.
pub struct Source {
    /// Below the root, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask stands in the workspace").to_owned()
}

/// The program as a profile (`debug`, `release`) has built it.
pub fn built(profile: &str) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    chosen.unwrap_or_else(|| root().join("target")).join(profile).join("askway")
}

/// Every text file of the tree, in the order of their paths; what git ignores is left out.
///
/// # Errors
/// If a directory or file cannot be read.
pub fn sources() -> Result<Vec<Source>, String> {
    let root = root();
    let mut found = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(directory) = left.pop() {
        let fault = |e: std::io::Error| format!("cannot read {}: {e}", directory.display());
        for entry in std::fs::read_dir(&directory).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(name.as_str(), ".git" | "target" | "corpus" | "artifacts") {
                    left.push(path);
                }
            } else if let Some(text) = read_text(&path) {
                let below = path.strip_prefix(&root).expect("it was found below the root");
                found.push(Source { path: below.to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// What a file says, if it is one that people write.
fn read_text(path: &Path) -> Option<String> {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let written = matches!(extension.as_ref(), "rs" | "toml" | "md" | "sh" | "txt");
    let is_script = path.file_name().is_some_and(|name| name == "run");
    if written || is_script { std::fs::read_to_string(path).ok() } else { None }
}
