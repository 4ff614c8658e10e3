//! What dataset and sink say about a delimited text file.

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::{DelimitedText, Dialect};
use crate::{
    format::{CompressionLevel, charset::Charset, compression::Compression},
    lenient,
};

/// The properties of a `DelimitedText` dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DatasetProperties {
    #[serde(deserialize_with = "lenient::option::text")]
    column_delimiter: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    row_delimiter: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    quote_char: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    escape_char: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    first_row_as_header: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    null_value: Option<String>,
    /// Other texts that are null when they are read: those of the older form of datasets.
    also_null: Vec<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    encoding_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    compression_codec: Option<String>,
    compression_level: Option<CompressionLevel>,
}

/// `DelimitedTextWriteSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WriteSettings {
    #[serde(deserialize_with = "lenient::option::bool")]
    quote_all_text: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    file_extension: Option<String>,
}

impl DelimitedText {
    pub(crate) fn new(dataset: DatasetProperties, write: WriteSettings) -> Result<Self> {
        let column_delimiter =
            dataset.column_delimiter.filter(|text| !text.is_empty()).unwrap_or_else(|| ",".to_owned());
        let dialect = Dialect::new(Dialect {
            column_delimiter,
            row_delimiter: dataset
                .row_delimiter
                .clone()
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| "\r\n".to_owned()),
            any_line_end: dataset.row_delimiter.is_none_or(|text| text.is_empty()),
            quote: one_char("quoteChar", dataset.quote_char.as_deref(), '"')?,
            escape: one_char("escapeChar", dataset.escape_char.as_deref(), '\\')?,
            null_value: dataset.null_value.unwrap_or_default(),
            also_null: dataset.also_null,
            quote_all_text: write.quote_all_text.unwrap_or(false),
            special: [false; 256],
        })?;
        Ok(Self {
            dialect,
            charset: Charset::named(dataset.encoding_name.as_deref())?,
            compression: Compression::named(
                dataset.compression_codec.as_deref(),
                dataset.compression_level.unwrap_or_default(),
            )?,
            header: dataset.first_row_as_header.unwrap_or(false),
            extension: extension(write.file_extension)?,
        })
    }
}

fn one_char(property: &'static str, given: Option<&str>, default: char) -> Result<Option<u8>> {
    let Some(text) = given else { return Ok(Some(default as u8)) };
    match text.as_bytes() {
        [] => Ok(None),
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ => Err(Error::new(ErrorKind::Spec, "this is one ASCII character, or empty for none; shorten it")
            .with("property", property)
            .with("value", text.escape_debug())),
    }
}

fn extension(given: Option<String>) -> Result<String> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(".csv".to_owned()) };
    if text.len() > 50
        || text.contains(['/', '\\', ':', '*', '?'])
        || text.contains("..")
        || text.chars().any(char::is_control)
    {
        return Err(Error::new(
            ErrorKind::Spec,
            "fileExtension is the ending of a file name, such as .txt; correct it",
        )
        .with("fileExtension", text.escape_debug()));
    }
    Ok(if text.starts_with('.') { text } else { format!(".{text}") })
}
