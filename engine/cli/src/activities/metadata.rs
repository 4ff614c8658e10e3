//! Says what is there, for a GetMetadata.

use arrow::datatypes::{DataType, Schema};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::TryStreamExt;
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry},
};
use ropeway_specs::MetadataRequest;
use serde_json::{Map, Value, json};

use super::{
    location::{Location, modified, name_of},
    one::{Doing, Done},
    task,
};
use crate::assemble;

/// Items of a folder at most: Data Factory gives 4 MB of output and no more.
const MOST_ITEMS: usize = 20_000;

/// What the fields are of a place of files, and of a table.
const OF_FILES: [&str; 10] = [
    "exists",
    "itemName",
    "itemType",
    "size",
    "created",
    "lastModified",
    "contentMD5",
    "structure",
    "columnCount",
    "childItems",
];
const OF_TABLES: [&str; 3] = ["exists", "structure", "columnCount"];

/// The fields that were asked for.
pub(super) async fn ask(doing: &Doing<'_>, request: &MetadataRequest) -> Result<Done> {
    let is_place = request.dataset.settings.expose()["dataset"].get("location").is_some();
    let known = if is_place { &OF_FILES[..] } else { &OF_TABLES[..] };
    for field in &request.fields {
        if !known.iter().any(|known| known.eq_ignore_ascii_case(field)) {
            let message =
                format!("'{}' cannot be asked of this dataset; it has {}", field.escape_debug(), known.join(", "));
            return Err(Error::new(ErrorKind::Spec, message).with("dataset", &request.dataset.name).code("2104"));
        }
    }
    let mut output = if is_place { of_place(doing, request).await? } else { of_table(doing, request).await? };
    output.insert("effectiveIntegrationRuntime".to_owned(), "Ropeway".into());
    output.insert("durationInQueue".to_owned(), json!({ "integrationRuntimeQueue": 0 }));
    Ok(task::output(output.into()))
}

fn asks(request: &MetadataRequest, field: &str) -> bool {
    request.fields.iter().any(|asked| asked.eq_ignore_ascii_case(field))
}

async fn of_place(doing: &Doing<'_>, request: &MetadataRequest) -> Result<Map<String, Value>> {
    let place = Location::of(doing.crew, &request.dataset)?;
    let found = place.look().await?;
    let mut output = Map::new();
    if asks(request, "exists") {
        output.insert("exists".to_owned(), found.is_some().into());
    }
    let Some(found) = found else {
        // Whoever asks whether something is there is not surprised if nothing is.
        return if asks(request, "exists") { Ok(output) } else { Err(missing(&place)) };
    };
    let mut put = |field: &str, value: Value| {
        if asks(request, field) {
            output.insert(field.to_owned(), value);
        }
    };
    match &found {
        Entry::File(file) => of_file(file, &mut put),
        Entry::Folder(path) => {
            put("itemName", name_of(path).into());
            put("itemType", "Folder".into());
        }
    }
    let is_folder = matches!(found, Entry::Folder(_));
    if asks(request, "childItems") {
        if !is_folder {
            let error = Error::new(ErrorKind::Spec, "'childItems' are those of a folder, and the dataset names a file");
            return Err(error.with("path", place.path()).code("2104"));
        }
        output.insert("childItems".to_owned(), children(&place).await?.into());
    }
    if asks(request, "structure") || asks(request, "columnCount") {
        if is_folder {
            let error = Error::new(
                ErrorKind::Spec,
                "'structure' and 'columnCount' are those of a file; name one in the dataset",
            );
            return Err(error.with("path", place.path()).code("2104"));
        }
        columns(doing, request, &mut output).await?;
    }
    Ok(output)
}

fn of_file(file: &FileEntry, put: &mut impl FnMut(&str, Value)) {
    put("itemName", name_of(&file.path).into());
    put("itemType", "File".into());
    put("size", file.bytes.into());
    put("lastModified", modified(file));
    // Stores of files say when one was written, not when it was made.
    put("created", modified(file));
    put("contentMD5", file.md5.map(|md5| BASE64_STANDARD.encode(md5)).into());
}

async fn children(place: &Location) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut entries = place.files.list(&place.path());
    while let Some(entry) = entries.try_next().await? {
        if items.len() == MOST_ITEMS {
            let error = Error::new(ErrorKind::Data, format!("the folder has more than {MOST_ITEMS} items"));
            return Err(error.with("path", place.path()).code("2001"));
        }
        let (path, kind) = match &entry {
            Entry::File(file) => (&file.path, "File"),
            Entry::Folder(path) => (path, "Folder"),
        };
        items.push(json!({ "name": name_of(path), "type": kind }));
    }
    Ok(items)
}

async fn of_table(doing: &Doing<'_>, request: &MetadataRequest) -> Result<Map<String, Value>> {
    let mut output = Map::new();
    if !asks(request, "exists") {
        columns(doing, request, &mut output).await?;
        return Ok(output);
    }
    let looked = columns(doing, request, &mut output).await;
    let is_there = match looked {
        Ok(()) => true,
        // A table that is not there is a wrong name to whoever reads it.
        Err(error) if error.kind() == ErrorKind::Spec => false,
        Err(error) => return Err(error),
    };
    output.insert("exists".to_owned(), is_there.into());
    Ok(output)
}

/// Asks the source for its columns.
async fn columns(doing: &Doing<'_>, request: &MetadataRequest, output: &mut Map<String, Value>) -> Result<()> {
    let Some(side) = &request.source else {
        let message = format!(
            "Ropeway does not read datasets of type {} yet, and knows no columns of them",
            request.dataset.type_name
        );
        return Err(Error::new(ErrorKind::Spec, message).with("dataset", &request.dataset.name).code("2110"));
    };
    let source = assemble::source(side.clone(), doing.crew.registry, doing.crew.extras, 1)?;
    let schema = source.schema().await?;
    if asks(request, "columnCount") {
        output.insert("columnCount".to_owned(), schema.fields().len().into());
    }
    if asks(request, "structure") {
        output.insert("structure".to_owned(), structure(&schema).into());
    }
    Ok(())
}

fn structure(schema: &Schema) -> Vec<Value> {
    schema.fields().iter().map(|field| json!({ "name": field.name(), "type": interim(field.data_type()) })).collect()
}

/// Data Factory's name of a type.
fn interim(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "Boolean",
        DataType::Int8 => "SByte",
        DataType::UInt8 => "Byte",
        DataType::Int16 => "Int16",
        DataType::UInt16 => "UInt16",
        DataType::Int32 => "Int32",
        DataType::UInt32 => "UInt32",
        DataType::Int64 => "Int64",
        DataType::UInt64 => "UInt64",
        DataType::Float16 | DataType::Float32 => "Single",
        DataType::Float64 => "Double",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "Decimal",
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => "DateTime",
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => "TimeSpan",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "Byte[]",
        DataType::Dictionary(_, values) => interim(values),
        _ => "String",
    }
}

fn missing(place: &Location) -> Error {
    Error::new(ErrorKind::Data, "there is nothing at the dataset's path; ask for 'exists' where that may be")
        .with("path", place.path())
        .code("UserErrorFileNotFound")
}
