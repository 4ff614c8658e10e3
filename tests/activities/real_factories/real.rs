//! A real factory in a folder of its own, with what a person adds to it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{
    activities::storage::Storage,
    cli::workshop::{Finished, Workshop},
};

/// A factory beside the workshop's own.
pub(super) struct Real {
    pub(super) workshop: Workshop,
    /// Where its files come from, and where they are now.
    files: Vec<(PathBuf, PathBuf)>,
}

impl Real {
    /// One template of the gallery; `None`, and a word of it, where the machine has no real definitions.
    pub(super) fn template(name: &str) -> Option<Self> {
        let origin = factories()?.join(format!("Azure__Azure-DataFactory/templates/{name}/{name}.json"));
        let mut real = Self { workshop: Workshop::folder(0.001), files: Vec::new() };
        real.copy(origin, "template.json");
        Some(real)
    }

    /// A folder in Git's layout.
    pub(super) fn folder(path: &str) -> Option<Self> {
        let mut real = Self { workshop: Workshop::folder(0.001), files: Vec::new() };
        let entries = |folder: &Path| fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
        let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        for part in entries(&factories()?.join(path)) {
            if part.is_file() {
                real.copy(part.clone(), &name(&part));
                continue;
            }
            for file in entries(&part).filter(|file| file.is_file()) {
                real.copy(file.clone(), &format!("{}/{}", name(&part), name(&file)));
            }
        }
        Some(real)
    }

    /// The values of the template's parameters.
    pub(super) fn parameters(&self, values: &Value) {
        let values = values.as_object().expect("an object").iter();
        let given: Map<String, Value> = values.map(|(name, value)| (name.clone(), json!({ "value": value }))).collect();
        let file = json!({ "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#",
                           "contentVersion": "1.0.0.0", "parameters": given });
        fs::write(self.root().join("template.parameters.json"), file.to_string()).expect("a writable folder");
    }

    /// A linked service that the factory has and its template does not bring along.
    pub(super) fn service(&self, name: &str, properties: &Value) {
        self.define("linkedService", name, properties);
    }

    /// A definition beside those of the factory.
    pub(super) fn define(&self, folder: &str, name: &str, properties: &Value) {
        let folder = self.root().join(folder);
        fs::create_dir_all(&folder).expect("a writable folder");
        let text = json!({ "name": name, "properties": properties }).to_string();
        let file = folder.join(format!("{}.json", name.replace('/', "_")));
        assert!(!file.exists(), "{} is there already", file.display());
        fs::write(file, text).expect("a writable folder");
    }

    /// What `--secrets` says: linked service, property, value.
    pub(super) fn secrets(&self, secrets: &Value) {
        let file = self.workshop.data().join(".secrets.json");
        fs::write(&file, secrets.to_string()).expect("a writable folder");
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("our file");
    }

    /// `Source` is the workshop's file server and `Sink` the account as a Data Lake, both named by `--secrets` only.
    pub(super) fn between(&self, storage: &Storage) {
        let masked = "https://**********.dfs.core.windows.net";
        self.service(
            "Source",
            &json!({ "type": "FileServer", "typeProperties": { "host": "**********", "userId": "x" } }),
        );
        self.service("Sink", &json!({ "type": "AzureBlobFS", "typeProperties": { "url": masked } }));
        let sink = json!({ "url": storage.endpoint(), "accountKey": ropeway_tests::azurite::KEY });
        self.secrets(&json!({ "Source": { "host": self.workshop.data() }, "Sink": sink }));
    }

    /// Runs a pipeline and gives its report.
    #[track_caller]
    pub(super) fn run(&self, pipeline: &str, more: &[&str]) -> Value {
        self.perform(&[&["run", pipeline], more].concat()).ended(0).json()
    }

    /// A command on the factory's pipelines, with its secrets; the definitions are those of the repository.
    pub(super) fn perform(&self, arguments: &[&str]) -> Finished {
        self.of_factory(&[arguments, &["--progress", "none"]].concat())
    }

    /// The same for commands without progress.
    pub(super) fn of_factory(&self, arguments: &[&str]) -> Finished {
        let own = ["--factory", "real", "--secrets", "data/.secrets.json", "--output", "json"];
        for (origin, copied) in &self.files {
            let read = |file: &Path| fs::read(file).expect("a definition");
            assert!(read(origin) == read(copied), "{} was touched", copied.display());
        }
        self.workshop.finish(&[arguments, &own[..]].concat())
    }

    /// Asserts that `validate` finds no error, and that this many pipelines of so many run.
    #[track_caller]
    pub(super) fn is_valid(&self, runnable: usize, pipelines: usize) {
        let said = self.workshop.finish(&["validate", "real", "--output", "json"]).ended(0).json();
        let counted = &said["coverage"][0]["pipelines"];
        assert_eq!((&counted["runnable"], &counted["loaded"]), (&json!(runnable), &json!(pipelines)), "{said:#}");
    }

    /// The names and the content of its own files.
    pub(super) fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let below = |copied: &Path| copied.strip_prefix(self.root()).expect("below the root").to_path_buf();
        let mut all: Vec<_> = self
            .files
            .iter()
            .map(|(origin, copied)| (below(copied), fs::read(origin).expect("a definition")))
            .collect();
        all.sort();
        all
    }

    /// Where the factory lies.
    pub(super) fn root(&self) -> PathBuf {
        self.workshop.root().with_file_name("real")
    }

    fn copy(&mut self, from: PathBuf, name: &str) {
        let to = self.root().join(name);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a writable folder");
        fs::write(&to, fs::read(&from).expect("a definition")).expect("a writable folder");
        self.files.push((from, to));
    }
}

/// What is evaluated when the pipeline runs.
pub(super) fn expression(text: &str) -> Value {
    json!({ "value": text, "type": "Expression" })
}

/// What an activity gives to a dataset's parameters.
pub(super) fn given(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), expression(text))).collect::<serde_json::Map<_, _>>().into()
}

/// Parameters that are texts.
pub(super) fn texts(names: &[&str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), json!({ "type": "String" }))).collect::<serde_json::Map<_, _>>().into()
}

/// Where the real definitions are; a word of it where the machine has none.
pub(super) fn factories() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let shared = std::env::var_os("ROPEWAY_SHARED").map_or_else(|| workspace.join("../shared"), PathBuf::from);
    let factories = shared.join("data/factories");
    if !factories.is_dir() {
        println!("no real definitions here: set ROPEWAY_SHARED to run them");
        return None;
    }
    Some(factories)
}
