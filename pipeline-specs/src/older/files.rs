//! A dataset of files and the source or sink that goes with it.

use serde_json::{Map, Value, json};

use super::{
    Notes, Part, Use, format, is_true,
    place::{self, Place},
};

/// A dataset of files of the older form.
pub(crate) struct Files<'a> {
    /// `AzureBlob`, `AzureBlobFSFile`, `FileShare` or `AzureDataLakeStoreFile`.
    pub(crate) dataset_type: &'a str,
    /// The type of its linked service.
    pub(crate) store: &'a str,
    pub(crate) usage: &'a Use,
}

/// What a copy says in the newer form, and the dataset said in the older one.
#[derive(Default)]
pub(crate) struct ReadAs {
    pub(crate) skip_lines: Option<Value>,
    pub(crate) file_pattern: Option<Value>,
    /// Which files are read: patterns and times.
    pub(crate) selection: Map<String, Value>,
}

/// A dataset of the newer form.
pub(crate) struct Converted {
    pub(crate) dataset_type: &'static str,
    pub(crate) settings: Map<String, Value>,
    pub(crate) read_as: ReadAs,
}

impl Files<'_> {
    /// The dataset of the newer form, from its settings and the folder and name that were taken out of them.
    pub(crate) fn dataset<P: Place>(&self, mut old: Part, folder: P, file: P, notes: &mut Notes) -> Converted {
        let mut location = place::location(self.dataset_type, self.store, folder, file);
        let (dataset_type, mut settings, mut read_as) = format::convert(old.part("format"), self.usage, notes);
        format::compression(old.part("compression"), dataset_type, &mut settings, notes);
        if self.usage.in_memory && self.usage.source {
            read_as.selection = place::patterns(&mut location);
        }
        let filter = old.take("fileFilter").map(|filter| ("wildcardFileName".to_owned(), filter));
        read_as.selection.extend(filter);
        for name in ["modifiedDatetimeStart", "modifiedDatetimeEnd"] {
            let moment = old.take(name).filter(|_| self.usage.source);
            read_as.selection.extend(moment.map(|moment| (name.to_owned(), moment)));
        }
        settings.insert("location".to_owned(), location.into());
        // It names a table of Hive, and no file.
        old.take("tableRootLocation");
        old.report_rest("the dataset", notes);
        Converted { dataset_type, settings, read_as }
    }
}

/// The source or sink that goes with a dataset of files of the newer form.
pub(crate) struct Side<'a> {
    pub(crate) dataset_type: &'a str,
    /// The type of its linked service.
    pub(crate) store: &'a str,
    pub(crate) read_as: &'a ReadAs,
}

impl Side<'_> {
    /// The source; `recursive` is whether folders below are read where nothing says so.
    pub(crate) fn source(&self, mut old: Part, recursive: bool) -> Map<String, Value> {
        old.take("type");
        let mut store_settings = Map::from_iter([
            ("type".to_owned(), json!(format!("{}ReadSettings", self.store))),
            ("recursive".to_owned(), old.take("recursive").unwrap_or_else(|| recursive.into())),
        ]);
        store_settings.extend(self.read_as.selection.clone());
        let mut new = self.named("Source", store_settings);
        let lines = old.take("skipHeaderLineCount").or_else(|| self.read_as.skip_lines.clone());
        old.take("treatEmptyAsNull");
        if self.dataset_type == "DelimitedText" {
            let mut format = json!({ "type": "DelimitedTextReadSettings" });
            if let Some(lines) = lines {
                format["skipLineCount"] = lines;
            }
            new.insert("formatSettings".to_owned(), format);
        }
        new.extend(old.rest());
        new
    }

    /// The sink.
    pub(crate) fn sink(&self, mut old: Part, notes: &mut Notes) -> Map<String, Value> {
        old.take("type");
        let mut store_settings = Map::from_iter([("type".to_owned(), json!(format!("{}WriteSettings", self.store)))]);
        for name in ["copyBehavior", "metadata"] {
            store_settings.extend(old.take(name).map(|value| (name.to_owned(), value)));
        }
        let mut new = self.named("Sink", store_settings);
        let format = match self.dataset_type {
            "DelimitedText" => Some(json!({ "type": "DelimitedTextWriteSettings", "fileExtension": ".txt" })),
            "Json" => {
                let mut format = json!({ "type": "JsonWriteSettings" });
                if let Some(pattern) = &self.read_as.file_pattern {
                    format["filePattern"] = pattern.clone();
                }
                Some(format)
            }
            _ => None,
        };
        new.extend(format.map(|format| ("formatSettings".to_owned(), format)));
        // It became the dataset's header.
        old.take("blobWriterAddHeader");
        if old.take("blobWriterDateTimeFormat").is_some() {
            let path = old.path("blobWriterDateTimeFormat");
            notes.refused(&path, "dates would be written in a format of their own ('blobWriterDateTimeFormat'); write it as 'typeConversionSettings', with a dataset of the newer form");
        }
        if !old.take("blobWriterOverwriteFiles").is_none_or(|flag| is_true(&flag)) {
            let path = old.path("blobWriterOverwriteFiles");
            notes.refused(
                &path,
                "files that are there would be kept ('blobWriterOverwriteFiles'), which Ropeway does not do",
            );
        }
        new.extend(old.rest());
        new
    }

    fn named(&self, end: &str, store_settings: Map<String, Value>) -> Map<String, Value> {
        Map::from_iter([
            ("type".to_owned(), json!(format!("{}{end}", self.dataset_type))),
            ("storeSettings".to_owned(), store_settings.into()),
        ])
    }
}
