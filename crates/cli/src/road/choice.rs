//! What a command line says of a lab.

use std::path::PathBuf;

/// A lab chosen on the command line: `--lab FILE --from NODE --seed N`.
#[derive(Clone, Debug, Default)]
pub struct LabChoice {
    /// The scenario.
    pub file: PathBuf,
    /// The node to run at.
    pub from: Option<String>,
    /// Overrides the scenario's seed.
    pub seed: Option<u64>,
    /// Files for what enters its links: see [`begin`](crate::capture::begin).
    pub captures: Vec<String>,
}
