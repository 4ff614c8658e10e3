//! Formats: `TextFormat` and its like become types of datasets, with the defaults that they had.

use serde_json::{Map, Value, json};

use super::{Notes, Part, ReadAs, is_true};

/// How a dataset of files is used.
#[derive(Clone, Default)]
pub(crate) struct Use {
    pub(crate) source: bool,
    pub(crate) sink: bool,
    /// A copy has rows at its other end, so that a file without a format is not copied as it is.
    pub(crate) rows: bool,
    /// A copy writes a header (`blobWriterAddHeader`).
    pub(crate) header: bool,
    /// What a copy of 2014 reads as null (`NullValues`).
    pub(crate) null: Option<Value>,
    /// Whether a copy reads the empty text as null, where it says so itself.
    pub(crate) empty_is_null: Option<bool>,
    /// Whether one copy alone sees the result, so that what is no property of Data Factory's may stand in it.
    pub(crate) in_memory: bool,
}

/// The type of the dataset, its settings, and what belongs to copies.
pub(crate) fn convert(mut format: Part, usage: &Use, notes: &mut Notes) -> (&'static str, Map<String, Value>, ReadAs) {
    let written = format.text("type").unwrap_or_default();
    match written.to_ascii_lowercase().as_str() {
        "jsonformat" => json_format(format, notes),
        "avroformat" => plain("Avro", format, notes),
        "orcformat" => plain("Orc", format, notes),
        "parquetformat" => plain("Parquet", format, notes),
        "textformat" => text(format, usage, notes),
        // Without a format files are copied as they are, unless rows come from elsewhere: then they are texts.
        "" if usage.rows => text(format, usage, notes),
        "" => ("Binary", Map::new(), ReadAs::default()),
        _ => {
            let path = format.path("type");
            notes.refused(&path, format!("the format '{written}' is not known"));
            ("Binary", Map::new(), ReadAs::default())
        }
    }
}

fn plain(type_name: &'static str, format: Part, notes: &mut Notes) -> (&'static str, Map<String, Value>, ReadAs) {
    format.report_rest("the format", notes);
    (type_name, Map::new(), ReadAs::default())
}

/// Text of the older form has neither quotes nor escapes unless it says so, and another text for nulls.
fn text(mut format: Part, usage: &Use, notes: &mut Notes) -> (&'static str, Map<String, Value>, ReadAs) {
    let mut new = Map::new();
    let mut keep = |name: &str, default: Option<&str>| {
        let value = format.take(name).or_else(|| default.map(Value::from));
        new.extend(value.map(|value| (name.to_owned(), value)));
    };
    keep("columnDelimiter", Some(","));
    keep("rowDelimiter", None);
    keep("quoteChar", Some(""));
    keep("escapeChar", None);
    keep("encodingName", None);
    // Quotes within quotes are doubled unless something else stands before them.
    if !new.contains_key("escapeChar") {
        let quote = new.get("quoteChar").cloned().unwrap_or_default();
        new.insert("escapeChar".to_owned(), quote);
    }
    let header = format.take("firstRowAsHeader").is_some_and(|flag| is_true(&flag)) || (usage.header && !usage.source);
    if usage.header && usage.source {
        let path = format.path("firstRowAsHeader");
        notes.refused(&path, "a copy writes a header into this dataset (blobWriterAddHeader) and another one reads it without; use two datasets");
    }
    new.insert("firstRowAsHeader".to_owned(), header.into());
    nulls(&mut format, usage, &mut new, notes);
    let read_as = ReadAs { skip_lines: format.take("skipLineCount"), ..ReadAs::default() };
    format.report_rest("the format", notes);
    ("DelimitedText", new, read_as)
}

/// Which texts are null: `\\N` and `NULL` unless another one is given, and the empty one unless it is none.
fn nulls(format: &mut Part, usage: &Use, new: &mut Map<String, Value>, notes: &mut Notes) {
    let of_format = format.take("treatEmptyAsNull").is_none_or(|flag| is_true(&flag));
    let empty_is_null = usage.empty_is_null.unwrap_or(of_format);
    let given = format.take("nullValue").or_else(|| usage.null.clone());
    let only_read = usage.source && !usage.sink;
    if usage.in_memory && usage.source {
        let also = given.is_none().then_some("NULL").into_iter().chain(empty_is_null.then_some(""));
        new.insert("alsoNull".to_owned(), also.collect());
    } else if given.is_none() && only_read && empty_is_null {
        let path = format.path("nullValue");
        notes.dropped(&path, "of the texts that version 1 reads as null (empty, '\\N', 'NULL') only the empty one still is; say 'nullValue' if the files have another one");
        new.insert("nullValue".to_owned(), "".into());
        return;
    }
    new.insert("nullValue".to_owned(), given.unwrap_or_else(|| "\\N".into()));
}

fn json_format(mut format: Part, notes: &mut Notes) -> (&'static str, Map<String, Value>, ReadAs) {
    let mut new = Map::new();
    new.extend(format.take("encodingName").map(|value| ("encodingName".to_owned(), value)));
    for name in ["jsonNodeReference", "jsonPathDefinition"] {
        if format.take(name).is_some() {
            let message = format!(
                "'{name}' says which parts of a document are rows; write it as the copy's 'translator', with a dataset of type Json"
            );
            notes.refused(&format.path(name), message);
        }
    }
    let separator = format.text("nestingSeparator").filter(|separator| separator != ".");
    if let Some(separator) = separator {
        let path = format.path("nestingSeparator");
        notes.refused(&path, format!("the separator '{separator}' of nested names has no equal"));
    }
    let read_as = ReadAs { file_pattern: format.take("filePattern"), ..ReadAs::default() };
    format.report_rest("the format", notes);
    ("Json", new, read_as)
}

/// `compression` of any file, where the type of version 2 has it.
pub(crate) fn compression(mut old: Part, type_name: &str, new: &mut Map<String, Value>, notes: &mut Notes) {
    let Some(codec) = old.text("type") else { return };
    let level = old.text("level");
    match type_name {
        "DelimitedText" => {
            new.insert("compressionCodec".to_owned(), codec_name(&codec).into());
            new.extend(level.map(|level| ("compressionLevel".to_owned(), level.into())));
        }
        "Json" | "Binary" => {
            let mut compression = json!({ "type": codec });
            if let Some(level) = level {
                compression["level"] = level.into();
            }
            new.insert("compression".to_owned(), compression);
        }
        _ => notes.refused(&old.path("type"), format!("{type_name} files have no compression around them")),
    }
}

/// As version 2 writes it.
fn codec_name(codec: &str) -> String {
    match codec.to_ascii_lowercase().as_str() {
        "zipdeflate" => "ZipDeflate".to_owned(),
        lower => lower.to_owned(),
    }
}
