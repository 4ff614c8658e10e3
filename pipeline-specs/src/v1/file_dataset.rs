//! Files: a folder, a name and a format become a dataset of that format with a location.

use serde_json::Value;

use crate::{
    older::{Converted, Files, Notes, Part, Place},
    v1::{
        schedule::Window,
        slice::{self, Pieces},
    },
};

/// The dataset of the newer form.
pub(super) fn convert(files: &Files<'_>, mut old: Part, notes: &mut Notes) -> Converted {
    let partitions = partitions(&mut old, notes);
    let mut path = |name: &str, notes: &mut Notes| {
        let at = old.path(name);
        let text = old.text(name).unwrap_or_default();
        placed(&text, &partitions).unwrap_or_else(|why| {
            notes.refused(&at, format!("'{text}' cannot be converted: {why}"));
            Pieces::text(text)
        })
    };
    let of_2014 = path("blobPath", notes);
    let folder = path("folderPath", notes);
    let folder = if folder.is_empty() { of_2014 } else { folder };
    let file = path("fileName", notes);
    files.dataset(old, folder, file, notes)
}

/// The store that a dataset of this type is in, where its linked service is not known.
pub(super) fn usual_store(dataset_type: &str) -> &'static str {
    match dataset_type {
        "AzureBlob" => "AzureBlobStorage",
        "FileShare" => "FileServer",
        _ => "AzureDataLakeStore",
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
