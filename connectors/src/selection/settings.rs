//! The `storeSettings` of a source of files: which way they choose files.

use chrono::{DateTime, Utc};
use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::lenient;

/// `FileServerReadSettings`, `AzureBlobStorageReadSettings`, `AzureBlobFSReadSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadSettings {
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(super) recursive: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) wildcard_folder_path: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) wildcard_file_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) prefix: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) file_list_path: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) modified_datetime_start: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) modified_datetime_end: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(super) enable_partition_discovery: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) partition_root_path: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(super) delete_files_after_completion: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) file_filter: Option<String>,
}

impl ReadSettings {
    /// The settings, with what is empty left out.
    ///
    /// # Errors
    /// Ways to choose files that exclude each other, and one that only Windows has.
    pub(super) fn checked(self) -> Result<Self> {
        let settings = Self {
            wildcard_folder_path: given(self.wildcard_folder_path),
            wildcard_file_name: given(self.wildcard_file_name),
            prefix: given(self.prefix),
            file_list_path: given(self.file_list_path),
            partition_root_path: given(self.partition_root_path),
            file_filter: given(self.file_filter),
            ..self
        };
        if settings.file_filter.is_some() {
            return Err(Error::new(
                ErrorKind::Spec,
                "fileFilter is a pattern of Windows' own; use wildcardFileName, which means the same everywhere",
            ));
        }
        let wildcard = settings.wildcard_folder_path.is_some() || settings.wildcard_file_name.is_some();
        let ways = [
            (wildcard, "wildcardFolderPath and wildcardFileName"),
            (settings.prefix.is_some(), "prefix"),
            (settings.file_list_path.is_some(), "fileListPath"),
        ];
        let chosen: Vec<_> = ways.iter().filter(|(given, _)| *given).map(|(_, name)| *name).collect();
        if chosen.len() > 1 {
            return Err(Error::new(ErrorKind::Spec, "these ways to choose files exclude each other; keep one")
                .with("given", chosen.join(", ")));
        }
        Ok(settings)
    }

    /// `modifiedDatetimeStart` and `modifiedDatetimeEnd`.
    pub(super) fn modified(&self) -> Result<Modified> {
        let moment = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(moment).transpose();
        Ok(Modified { start: moment(&self.modified_datetime_start)?, end: moment(&self.modified_datetime_end)? })
    }
}

/// When files that are meant were last written: from the start to before the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Modified {
    start: Option<DateTime<Utc>>,
    end: Option<DateTime<Utc>>,
}

impl Modified {
    pub(super) fn covers(&self, modified: Option<DateTime<Utc>>) -> bool {
        self.start.is_none_or(|start| modified.is_some_and(|modified| modified >= start))
            && self.end.is_none_or(|end| modified.is_some_and(|modified| modified < end))
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn moment(text: &str) -> Result<DateTime<Utc>> {
    let zoned = if text.ends_with('Z') || text.contains('+') { text.to_owned() } else { format!("{text}Z") };
    DateTime::parse_from_rfc3339(&zoned).map(|moment| moment.to_utc()).map_err(|error| {
        Error::new(
            ErrorKind::Spec,
            "modifiedDatetimeStart and modifiedDatetimeEnd look like 2018-12-01T05:00:00Z; correct it",
        )
        .with("value", text.escape_debug())
        .caused_by(error)
    })
}
