//! What an independent implementation reads from files that Ropeway wrote.

use std::{env, path::Path, path::PathBuf, process::Command};

use serde::Deserialize;
use serde_json::Value;

/// The content of a file or of a folder of files.
#[derive(Debug, Deserialize)]
pub struct Content {
    /// Names and types of the columns.
    pub schema: Vec<(String, String)>,
    /// All rows.
    pub rows: u64,
    /// The rows asked for, every value as its canonical text.
    pub values: Vec<Vec<Option<String>>>,
}

/// Reads Parquet with pyarrow.
///
/// # Panics
/// If it is missing, or cannot read the file.
pub fn parquet(path: &Path, limit: usize) -> Content {
    read(&["parquet", path.to_str().expect("a test path is UTF-8"), &limit.to_string()])
}

/// Reads ORC with pyarrow.
///
/// # Panics
/// If it is missing, or cannot read the file.
pub fn orc(path: &Path, limit: usize) -> Content {
    read(&["orc", path.to_str().expect("a test path is UTF-8"), &limit.to_string()])
}

/// Writes an ORC file with pyarrow, a column of every type; the options are those of `write_orc.py`.
///
/// # Panics
/// If it is missing, or cannot write the file.
pub fn write_orc(path: &Path, options: &Value) {
    run("write_orc.py", &[path.to_str().expect("a test path is UTF-8"), &options.to_string()]);
}

/// Reads delimited text with pyarrow; the options are those of `readback.py`.
///
/// # Panics
/// If it is missing, or cannot read the file.
pub fn csv(path: &Path, options: &Value, limit: usize) -> Content {
    read(&["csv", path.to_str().expect("a test path is UTF-8"), &options.to_string(), &limit.to_string()])
}

/// Reads JSON with Python's own reader, every number as its digits.
///
/// # Panics
/// If it is missing, or cannot read the file.
pub fn json(path: &Path, limit: usize) -> Content {
    read(&["json", path.to_str().expect("a test path is UTF-8"), &limit.to_string()])
}

/// Reads Avro with fastavro.
///
/// # Panics
/// If it is missing, or cannot read the file.
pub fn avro(path: &Path, limit: usize) -> Content {
    read(&["avro", path.to_str().expect("a test path is UTF-8"), &limit.to_string()])
}

fn read(arguments: &[&str]) -> Content {
    let said = run("readback.py", arguments);
    serde_json::from_slice(&said).unwrap_or_else(|error| panic!("no JSON from the reader: {error}"))
}

fn run(script: &str, arguments: &[&str]) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = env::var_os("ROPEWAY_PYTHON").map_or_else(|| built(root), PathBuf::from);
    assert!(python.exists(), "{} is missing: run `make install`, or set ROPEWAY_PYTHON", python.display());
    let output = Command::new(&python)
        .arg(root.join("readback").join(script))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{} cannot run: {error}", python.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the independent implementation refuses {arguments:?}: {said}");
    output.stdout
}

fn built(root: &Path) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("../target"), PathBuf::from);
    target.join("readback/bin/python")
}
