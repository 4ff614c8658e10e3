//! Files: a folder, a name and a format become a dataset of that format with a location.

mod format;

use serde_json::{Map, Value, json};

use crate::v1::{
    notes::Notes,
    part::Part,
    schedule::Window,
    slice::{self, Pieces},
    usage::Use,
};

/// A dataset of files, and what is known of it beside its settings.
pub(super) struct File<'a> {
    /// `AzureBlob`, `FileShare` or `AzureDataLakeStoreFile`.
    pub(super) dataset_type: &'a str,
    /// The type of its linked service, if that is known.
    pub(super) store: Option<&'a str>,
    pub(super) usage: Use,
}

/// What a copy says in version 2, and the dataset said in version 1.
#[derive(Default)]
pub(super) struct ReadAs {
    pub(super) skip_lines: Option<Value>,
    pub(super) file_filter: Option<String>,
    pub(super) file_pattern: Option<Value>,
}

impl File<'_> {
    /// Its type in version 2, its settings, and what belongs to copies there.
    pub(super) fn convert(&self, mut old: Part, notes: &mut Notes) -> (String, Value, ReadAs) {
        let partitions = partitions(&mut old, notes);
        let mut path = |name: &str, notes: &mut Notes| {
            let at = old.path(name);
            let text = old.text(name).unwrap_or_default();
            placed(&text, &partitions).unwrap_or_else(|why| {
                notes.refused(&at, format!("'{text}' cannot be converted: {why}"));
                Pieces::text(text)
            })
        };
        let folder = path("folderPath", notes);
        let folder = if folder.is_empty() { path("blobPath", notes) } else { folder };
        let file = path("fileName", notes);
        let location = self.location(folder, file);
        let format = old.part("format");
        let (type_name, mut properties, mut read_as) = format::convert(format, &self.usage, notes);
        properties.insert("location".to_owned(), location);
        format::compression(old.part("compression"), type_name, &mut properties, notes);
        read_as.file_filter = old.text("fileFilter");
        old.take("blobPath");
        old.take("tableRootLocation");
        old.report_rest("the dataset", notes);
        (type_name.to_owned(), properties.into(), read_as)
    }

    fn location(&self, folder: Pieces, file: Pieces) -> Value {
        let store = self.store.unwrap_or(match self.dataset_type {
            "AzureBlob" => "AzureBlobStorage",
            "FileShare" => "FileServer",
            _ => "AzureDataLakeStore",
        });
        let mut location = Map::from_iter([("type".to_owned(), json!(format!("{store}Location")))]);
        let folder = if self.dataset_type == "AzureBlob" {
            let (container, folder) = folder.split_at_slash();
            insert(&mut location, "container", container);
            folder
        } else {
            // A path of Windows that begins at its share.
            folder.map_text(|text| text.replace('\\', "/").trim_start_matches("./").to_owned())
        };
        let folder =
            if folder.is_dynamic() { folder } else { folder.map_text(|text| text.trim_matches('/').to_owned()) };
        insert(&mut location, "folderPath", folder);
        insert(&mut location, "fileName", file);
        location.into()
    }
}

fn insert(location: &mut Map<String, Value>, name: &str, value: Pieces) {
    if !value.is_empty() {
        location.insert(name.to_owned(), value.into_string().into());
    }
}

/// `partitionedBy`: what stands for `{Name}` in a path.
fn partitions(old: &mut Part, notes: &mut Notes) -> Vec<(String, Pieces)> {
    let at = old.path("partitionedBy");
    let entries = match old.take("partitionedBy") {
        Some(Value::Array(entries)) => entries,
        _ => Vec::new(),
    };
    let mut partitions = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let at = crate::diagnostic::element(&at, index);
        let mut entry = Part::of(Some(entry), &at);
        let name = entry.text("name").unwrap_or_default();
        match stands_for(entry.part("value")) {
            Ok(pieces) => partitions.push((name, pieces)),
            Err(why) => notes.refused(&at, format!("the partition '{name}' cannot be converted: {why}")),
        }
    }
    partitions
}

fn stands_for(mut value: Part) -> Result<Pieces, String> {
    if let Some(text) = value.text("value") {
        return Ok(Pieces::text(text));
    }
    let date = value.text("date").ok_or("it has neither a 'date' nor a 'value'")?;
    let moment = Window::of_dataset().variable(&date)?;
    let format = value.text("format").ok_or("it has no 'format'")?;
    let mut pieces = Pieces::default();
    pieces.push_expression(format!("formatDateTime({moment}, {})", slice::quoted(&format)));
    Ok(pieces)
}

/// A path with its partitions put in.
fn placed(text: &str, partitions: &[(String, Pieces)]) -> Result<Pieces, String> {
    if text.starts_with("$$") {
        return slice::read(text, &Window::of_dataset());
    }
    let mut pieces = Pieces::default();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let named = behind.split_once('}').and_then(|(name, after)| {
            let partition = partitions.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
            Some((partition.1.clone(), after))
        });
        pieces.push_text(before);
        match named {
            Some((partition, after)) => {
                pieces.append(partition);
                rest = after;
            }
            None => {
                pieces.push_text("{");
                rest = behind;
            }
        }
    }
    pieces.push_text(rest);
    Ok(pieces)
}
