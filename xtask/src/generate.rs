//! Files that are made from the program, so that they cannot differ from it.

use crate::tree;

/// One such file: where it stands below the root, and how it is made.
type Generated = (&'static str, fn() -> Result<String, String>);

const FILES: &[Generated] = &[];

/// Writes them all.
///
/// # Errors
/// If one cannot be made or written.
pub fn write() -> Result<(), String> {
    for (path, make) in FILES {
        let text = make()?;
        std::fs::write(tree::root().join(path), text)
            .map_err(|e| format!("cannot write {path}: {e}"))?;
    }
    Ok(())
}

/// Says which are not what they would be made now.
///
/// # Errors
/// If there is one.
pub fn check() -> Result<(), String> {
    let mut stale = Vec::new();
    for (path, make) in FILES {
        let stands = std::fs::read_to_string(tree::root().join(path)).unwrap_or_default();
        if stands != make()? {
            stale.push(*path);
        }
    }
    match stale.is_empty() {
        true => Ok(()),
        false => Err(format!("stale: {}\nhint: cargo xtask gen", stale.join(", "))),
    }
}
