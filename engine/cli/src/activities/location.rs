//! What a dataset of files points to: paths below the root of its store.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry, Files},
};
use ropeway_specs::ResolvedDataset;
use serde_json::{Value, json};

use super::crew::Crew;

/// The files of a dataset's store, and what of them is meant.
pub(super) struct Location {
    pub(super) files: Arc<dyn Files>,
    /// The folder, and the file in it if one is named.
    pub(super) folder: String,
    pub(super) file: Option<String>,
}

impl Location {
    /// Where the dataset points.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a store without files, and for a path that leads out of the store.
    pub(super) fn of(crew: &Crew<'_>, dataset: &ResolvedDataset) -> Result<Self> {
        let settings = dataset.settings.expose();
        let location = &settings["dataset"]["location"];
        let text = |name: &str| location.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let container = text("container").or_else(|| text("fileSystem"));
        let folder = [container, text("folderPath")].into_iter().flatten().collect::<Vec<_>>().join("/");
        let of_store = crew.extras.beside(json!({ "linkedService": settings["linkedService"] }), 1, None);
        let store = crew.registry.connect_store(&dataset.linked_service_type, of_store)?;
        let files = store.files().filter(|_| location.is_object()).ok_or_else(|| {
            let message = format!(
                "the dataset is no place of files that Ropeway can look at ({} on {})",
                dataset.type_name, dataset.linked_service_type
            );
            Error::new(ErrorKind::Spec, message).with("dataset", &dataset.name).code("2110")
        })?;
        Ok(Self { files, folder: normal(&folder)?, file: text("fileName").map(normal).transpose()? })
    }

    /// The path of the file, or of the folder if no file is named.
    pub(super) fn path(&self) -> String {
        match &self.file {
            Some(file) => joined(&self.folder, file),
            None => self.folder.clone(),
        }
    }

    /// What is there; `None` if nothing is.
    pub(super) async fn look(&self) -> Result<Option<Entry>> {
        self.files.look(&self.path()).await
    }
}

/// A path below a folder.
fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The last piece of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Without empty pieces; a piece that leads elsewhere is refused.
fn normal(path: &str) -> Result<String> {
    let pieces: Vec<&str> = path.split(['/', '\\']).filter(|piece| !piece.is_empty() && *piece != ".").collect();
    if pieces.contains(&"..") || path.contains('\0') {
        return Err(Error::new(ErrorKind::Spec, "the dataset's path leads out of its store; remove the '..'")
            .with("path", path.escape_debug()));
    }
    Ok(pieces.join("/"))
}

/// When a file was last written, as Data Factory writes it.
pub(super) fn modified(file: &FileEntry) -> Value {
    let shown = |at| DateTime::<Utc>::from(at).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    file.modified.map(shown).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        assert_eq!(normal("/a//./b/").unwrap(), "a/b");
        assert_eq!(normal("a\\b").unwrap(), "a/b");
        assert_eq!(normal("").unwrap(), "");
        for wrong in ["..", "a/../b", "a\\..\\..\\etc", "a\0"] {
            assert!(normal(wrong).is_err(), "{wrong}");
        }
    }
}
