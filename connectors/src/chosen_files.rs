//! The files that a definition means, for whoever does not copy them.

use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{FileEntry, Files},
};
use serde_json::Value;

use crate::selection::{Place, ReadSettings, Selection};

/// The files of a dataset's `location` that `storeSettings` choose, in the order of their paths, all of them also those
/// that hold no rows.
///
/// # Errors
/// [`ErrorKind::Spec`] for settings that are wrong or exclude each other, and, with the code `UserErrorSourceFileNotExist`,
/// if there are no such files.
pub async fn chosen_files(store: &dyn Files, location: &Value, settings: Value) -> Result<Vec<FileEntry>> {
    let text =
        |name: &str| location.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let place = Place {
        container: text("container").or_else(|| text("fileSystem")).unwrap_or_default(),
        folder: text("folderPath"),
        file: text("fileName"),
    };
    let settings: ReadSettings = match settings {
        Value::Null => ReadSettings::default(),
        settings => serde_json::from_value(settings).map_err(|error| {
            Error::new(ErrorKind::Spec, format!("the storeSettings are wrong: {error}")).code("2104")
        })?,
    };
    Selection::of_files(place, settings)?.files(store).await
}
