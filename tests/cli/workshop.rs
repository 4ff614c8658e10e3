//! A temporary factory, a state folder and the binary that works on them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A value that stands in secret properties and must never be printed.
pub(crate) const CANARY: &str = "canary-7f3a-secret";

/// A factory that copies synthetic rows to files; tests change its definitions before they run it.
pub(crate) struct Workshop {
    folder: TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Workshop {
    /// One Copy of lineitem at this scale factor into one Parquet file, `out/lineitem.parquet`.
    pub(crate) fn one_file(scale_factor: f64) -> Self {
        Self::new(
            scale_factor,
            json!({ "type": "FileServerLocation", "folderPath": "out", "fileName": "lineitem.parquet" }),
        )
    }

    /// One Copy of lineitem at this scale factor into a folder of Parquet files, `out/`.
    pub(crate) fn folder(scale_factor: f64) -> Self {
        Self::new(scale_factor, json!({ "type": "FileServerLocation", "folderPath": "out" }))
    }

    fn new(scale_factor: f64, location: Value) -> Self {
        let workshop = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        fs::create_dir(workshop.data()).expect("an empty folder");
        workshop.define("linkedService/Generator", json!({ "type": "Synthetic", "typeProperties": {} }));
        workshop.define(
            "linkedService/Files",
            json!({ "type": "FileServer", "typeProperties": { "host": workshop.data(), "userId": "nobody" } }),
        );
        workshop.define(
            "dataset/Lineitem",
            json!({
                "type": "SyntheticTable",
                "linkedServiceName": { "referenceName": "Generator", "type": "LinkedServiceReference" },
                "typeProperties": { "table": "lineitem", "scaleFactor": scale_factor },
            }),
        );
        workshop.define(
            "dataset/Target",
            json!({
                "type": "Parquet",
                "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" },
                "typeProperties": { "location": location, "compressionCodec": "snappy" },
            }),
        );
        workshop
            .define("pipeline/CopyLineitem", json!({ "activities": [copy("Copy lineitem", "Lineitem", "Target")] }));
        workshop
    }

    /// Writes a definition: `folder/Name` and its properties.
    pub(crate) fn define(&self, name: &str, properties: Value) {
        let file = self.root().join(format!("{name}.json"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        let short = name.rsplit('/').next().expect("a name");
        let text = json!({ "name": short, "properties": properties }).to_string();
        fs::write(file, text).expect("a writable folder");
    }

    /// Changes a definition's properties.
    pub(crate) fn change(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let file = self.root().join(format!("{name}.json"));
        let mut definition: Value =
            serde_json::from_slice(&fs::read(&file).expect("a definition")).expect("a definition is JSON");
        change(&mut definition["properties"]);
        fs::write(file, definition.to_string()).expect("a writable folder");
    }

    /// The factory's folder.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("orders")
    }

    /// The folder that the file server stands for.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The file of the pipeline.
    pub(crate) fn pipeline(&self) -> PathBuf {
        self.root().join("pipeline/CopyLineitem.json")
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The binary with nothing of our environment but the path, and with its own state folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.state())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end. Whatever it says, it does not say the canary.
    pub(crate) fn finish(&self, arguments: &[&str]) -> Finished {
        finished(self.command(arguments).output().expect("the binary starts"))
    }

    /// `run` of the pipeline with more arguments.
    pub(crate) fn run(&self, more: &[&str]) -> Finished {
        self.finish(&self.run_arguments(more))
    }

    /// `run` of the pipeline that goes on in the background.
    pub(crate) fn start(&self, more: &[&str]) -> Child {
        self.command(&self.run_arguments(more)).spawn().expect("the binary starts")
    }

    fn run_arguments<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", "orders/pipeline/CopyLineitem.json"], more].concat()
    }

    /// Every file below the data folder that a reader would see, sorted.
    pub(crate) fn visible(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        list(&self.data(), &mut files);
        files.sort();
        files
    }
}

impl Finished {
    /// Asserts an exit code; shows everything that was said if it is another one.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

/// What a process said; it must not have said the canary.
pub(crate) fn finished(output: Output) -> Finished {
    let stdout = String::from_utf8(output.stdout).expect("standard output is UTF-8");
    let stderr = String::from_utf8(output.stderr).expect("standard error is UTF-8");
    assert!(!stdout.contains(CANARY) && !stderr.contains(CANARY), "a secret was printed:\n{stdout}\n{stderr}");
    Finished { code: output.status.code(), stdout, stderr }
}

/// A Copy activity between two datasets.
pub(crate) fn copy(name: &str, from: &str, to: &str) -> Value {
    json!({
        "name": name,
        "type": "Copy",
        "inputs": [{ "referenceName": from, "type": "DatasetReference" }],
        "outputs": [{ "referenceName": to, "type": "DatasetReference" }],
        "typeProperties": {
            "source": { "type": "SyntheticSource" },
            "sink": {
                "type": "ParquetSink",
                "storeSettings": { "type": "FileServerWriteSettings" },
                "formatSettings": { "type": "ParquetWriteSettings" },
            },
        },
    })
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("a readable folder");
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().expect("a type").is_dir() {
            list(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

/// `$ROPEWAY_BIN`, or the binary beside the test's target folder.
pub(crate) fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("ROPEWAY_BIN") {
        return named.into();
    }
    let test = std::env::current_exe().expect("a test is a program");
    let beside = test.ancestors().nth(2).expect("target/debug").join("ropeway");
    assert!(beside.exists(), "build the binary first: cargo build -p ropeway ({})", beside.display());
    beside
}
