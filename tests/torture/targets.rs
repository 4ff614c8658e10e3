//! Where a copy goes, and what readers see there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use ropeway_tests::{
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::readers;
use crate::end_to_end::{example::Example, oracle::Row};

/// The kinds of sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    Blob,
    BlobFolder,
    File,
    FileFolder,
}

/// The formats of files and blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Parquet,
    Csv,
}

impl Sink {
    pub(crate) const ALL: [Self; 4] = [Self::Blob, Self::BlobFolder, Self::File, Self::FileFolder];

    fn is_folder(self) -> bool {
        matches!(self, Self::BlobFolder | Self::FileFolder)
    }
}

/// A container or a folder that one copy writes to.
pub(crate) struct Target {
    sink: Sink,
    format: Format,
    place: Place,
}

enum Place {
    Container(Arc<BlobService>, String),
    Folder(TempDir),
}

/// Names below the place and contents, as readers see them.
pub(crate) type Visible = BTreeMap<String, Vec<u8>>;

impl Target {
    /// An empty one; its container gets this name.
    pub(crate) fn new(sink: Sink, format: Format, blobs: &Arc<BlobService>, name: &str) -> Self {
        let place = match sink {
            Sink::Blob | Sink::BlobFolder => {
                blobs.create_container(name);
                Place::Container(blobs.clone(), name.to_owned())
            }
            Sink::File | Sink::FileFolder => Place::Folder(tempfile::tempdir().expect("a temporary folder")),
        };
        Self { sink, format, place }
    }

    /// Defines `To` in a factory; answers the activity's `sink`.
    pub(crate) fn define(&self, example: &mut Example) -> Value {
        let (service, mut location, store) = match &self.place {
            Place::Folder(root) => (
                json!({ "type": "FileServer", "typeProperties": { "host": root.path(), "userId": "nobody" } }),
                json!({ "type": "FileServerLocation" }),
                "FileServerWriteSettings",
            ),
            Place::Container(blobs, container) => {
                let account = format!("AccountName={};BlobEndpoint={}", blob_service::ACCOUNT, blobs.endpoint());
                let ca = blobs.ca().map(PrivateCa::authority).expect("HTTPS");
                example.trust(&fs::read_to_string(ca).expect("the authority"));
                example.secret("To", "accountKey", blob_service::KEY);
                (
                    json!({ "type": "AzureBlobStorage", "typeProperties": { "connectionString": account } }),
                    json!({ "type": "AzureBlobStorageLocation", "container": container }),
                    "AzureBlobStorageWriteSettings",
                )
            }
        };
        location["folderPath"] = "out".into();
        let (format, end) = match self.format {
            Format::Parquet => ("Parquet", ".parquet"),
            Format::Csv => ("DelimitedText", ".csv"),
        };
        if !self.sink.is_folder() {
            location["fileName"] = format!("all{end}").into();
        }
        let (mut of_format, mut settings) = (json!({ "location": location }), json!({}));
        if self.format == Format::Csv {
            of_format["escapeChar"] = "\"".into();
            of_format["quoteChar"] = "\"".into();
            of_format["columnDelimiter"] = ",".into();
            of_format["firstRowAsHeader"] = true.into();
            settings = json!({ "quoteAllText": true, "fileExtension": end });
        }
        settings["type"] = format!("{format}WriteSettings").into();
        let service_name = json!({ "referenceName": "To", "type": "LinkedServiceReference" });
        example.define("linkedService/To", &service);
        let dataset = json!({ "type": format, "linkedServiceName": service_name, "typeProperties": of_format });
        example.define("dataset/To", &dataset);
        json!({ "type": format!("{format}Sink"), "storeSettings": { "type": store }, "formatSettings": settings })
    }

    /// What readers see now.
    pub(crate) fn visible(&self) -> Visible {
        match &self.place {
            Place::Container(blobs, container) => {
                let names = blobs.names(container).into_iter();
                names.filter_map(|name| Some((name.clone(), blobs.blob(container, &name)?.bytes))).collect()
            }
            Place::Folder(root) => files(root.path()).into_iter().filter(|(name, _)| !is_hidden(name)).collect(),
        }
    }

    /// The folder of this machine that it is, if it is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Folder(root) => Some(root.path().to_owned()),
            Place::Container(..) => None,
        }
    }

    /// Hidden files that the copy left behind.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let Place::Folder(root) = &self.place else { return Vec::new() };
        files(root.path()).into_keys().filter(|name| is_hidden(name)).collect()
    }

    /// The rows of the copy; `None` as long as there is none: a folder is one once it has `_SUCCESS`.
    ///
    /// # Errors
    /// Why what is visible is not whole.
    pub(crate) fn copy(&self, visible: &Visible) -> Option<Result<Vec<Row>, String>> {
        let is_there = if self.sink.is_folder() { visible.contains_key("out/_SUCCESS") } else { !visible.is_empty() };
        is_there
            .then(|| parts(visible).map(|(name, bytes)| readers::rows(name, bytes)).collect::<Result<Vec<_>, _>>())
            .map(|rows| rows.map(|rows| rows.concat()))
    }
}

/// What holds rows.
fn parts(visible: &Visible) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    visible.iter().filter(|(name, _)| !name.split('/').any(|step| step.starts_with('_')))
}

fn is_hidden(name: &str) -> bool {
    name.split('/').any(|step| step.starts_with('.'))
}

/// Every file below a folder. What disappears while it is listed is not there.
fn files(root: &Path) -> Visible {
    let mut found = Visible::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                found.insert(name, bytes);
            }
        }
    }
    found
}
