//! What targets share that read files.

use std::{fs, path::PathBuf, process};

/// A folder of this process for a target's files: below `fuzz/target`, so that nothing is left elsewhere.
///
/// # Panics
/// If it cannot be made.
pub fn scratch(target: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/scratch");
    let folder = folder.join(format!("{target}-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
