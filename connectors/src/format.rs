//! File formats as pure, synchronous encoders: no runtime, no IO.
//!
//! A file is always a preamble, then the fragments of its chunks in order, then a trailer; between two fragments that have
//! rows may stand a separator. A chunk
//! encodes its fragment without knowing where in the file it will stand, so the chunks of one file
//! are encoded and stored in parallel; a part file of a folder is a file with one fragment.

mod archived;
mod avro;
pub(crate) mod charset;
mod compression;
pub(crate) mod delimited_text;
mod excel;
mod hierarchy;
mod input;
mod json;
mod lines;
mod orc;
pub(crate) mod parquet;
mod repacked;
mod restored;
mod survived;
mod text_input;
mod xml;

use std::sync::Arc;

use self::delimited_text::{DelimitedText, TextFiles, TextReadSettings};
pub(crate) use self::{
    input::{Input, ReadAt},
    repacked::{Gathered, Inputs, Repacking},
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    digest::Digest,
    sink::{ColumnFit, Takes},
    skipping::Portion,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The format of a sink's dataset, from the dataset's properties and the sink's `formatSettings`.
///
/// # Errors
/// A dataset type that is no file format we write, or a property it cannot have.
pub(crate) fn for_writing(dataset: &Value, format_settings: Option<&Value>) -> Result<Arc<dyn Format>> {
    match dataset_type(dataset)? {
        "Parquet" => {
            let properties: parquet::DatasetProperties = properties(dataset)?;
            Ok(Arc::new(parquet::Parquet::new(properties.try_into()?)))
        }
        "DelimitedText" => {
            let settings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            let format = DelimitedText::new(properties(dataset)?, settings)?;
            format.compression.of_rows()?;
            Ok(Arc::new(format))
        }
        "Json" => {
            let settings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            Ok(Arc::new(json::Json::new(properties(dataset)?, settings)?))
        }
        "Avro" => {
            let settings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            Ok(Arc::new(avro::Avro::new(properties(dataset)?, settings)?))
        }
        // No definition can ask for it: it is for logs of our own.
        lines::DATASET => Ok(Arc::new(properties::<lines::Lines>(dataset)?)),
        other => Err(unknown(other)),
    }
}

/// The format of a source's dataset, from the dataset's properties and the source's `formatSettings`.
///
/// # Errors
/// As for writing.
pub(crate) fn for_reading(
    dataset: &Value,
    format_settings: Option<&Value>,
    memory: u64,
) -> Result<Arc<dyn ReadFormat>> {
    match dataset_type(dataset)? {
        "Parquet" => Ok(Arc::new(parquet::ParquetFiles { memory })),
        "DelimitedText" => {
            let settings: TextReadSettings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            let format = DelimitedText::new(properties(dataset)?, delimited_text::WriteSettings::default())?;
            archived::of(dataset, Arc::new(TextFiles::new(format, settings)?))
        }
        "Json" => {
            let settings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            archived::of(dataset, Arc::new(json::JsonFiles::reader(properties(dataset)?, settings)?))
        }
        "Avro" => Ok(Arc::new(avro::AvroFiles { memory })),
        "Orc" => Ok(Arc::new(orc::OrcFiles { memory })),
        "Excel" => archived::of(dataset, Arc::new(excel::ExcelFiles::new(properties(dataset)?, memory)?)),
        "Xml" => {
            let settings = given(format_settings).map(properties).transpose()?.unwrap_or_default();
            archived::of(dataset, Arc::new(xml::XmlFiles::reader(properties(dataset)?, settings, memory)?))
        }
        other => Err(unknown(other)),
    }
}

/// How a Binary dataset is read where it or the sink's says that files are compressed, as rows of [`crate::binary`]. `sink` is
/// the `compression` of the sink's dataset, and whether the sink has one file.
///
/// # Errors
/// [`ErrorKind::Spec`] for a codec that is not known.
pub(crate) fn for_repacking(
    dataset: &Value,
    format_settings: Option<&Value>,
    sink: (Option<&Value>, bool),
) -> Result<Repacking> {
    repacked::of(dataset, given(format_settings), sink)
}

/// The ending of the one file that the files of a Binary copy become, from the sink's dataset.
///
/// # Errors
/// [`ErrorKind::Spec`] for a codec that is not known, or whose streams cannot stand one after the other.
pub(crate) fn merged_ending(dataset: &Value) -> Result<&'static str> {
    repacked::merged_ending(dataset)
}

fn given(settings: Option<&Value>) -> Option<&Value> {
    settings.filter(|settings| !settings.is_null())
}

fn dataset_type(dataset: &Value) -> Result<&str> {
    dataset["type"].as_str().ok_or_else(|| Error::new(ErrorKind::Spec, "the dataset has no type; set its \"type\""))
}

fn properties<T: DeserializeOwned>(of: &Value) -> Result<T> {
    T::deserialize(of).map_err(|error| Error::new(ErrorKind::Spec, format!("the format settings are wrong: {error}")))
}

fn unknown(dataset_type: &str) -> Error {
    Error::new(
        ErrorKind::Spec,
        "this dataset type is not a file format that Ropeway knows; use DelimitedText, Json, Parquet or Avro, or read Orc, Excel or Xml",
    )
    .with("type", dataset_type.escape_debug())
}

/// `compressionLevel` of a dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum CompressionLevel {
    /// As small as is reasonable.
    #[default]
    Optimal,
    /// As fast as possible.
    Fastest,
}

/// How rows become the bytes of a file. Chosen once per dataset.
pub(crate) trait Format: Send + Sync + 'static {
    /// The file name's ending with its dot, compression included: `.parquet`, `.csv.gz`.
    fn extension(&self) -> String;
    /// What becomes of columns.
    fn takes(&self) -> Takes {
        Takes::Anything
    }
    /// How each column is stored, and what would be lost.
    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>>;
    /// Peak bytes that one encoder may hold, encoded bytes that nobody took yet excluded.
    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64;
    /// The bytes before the first fragment.
    fn preamble(&self, schema: &SchemaRef) -> Result<Vec<u8>>;
    /// Starts a fragment.
    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>>;
    /// The bytes between two fragments of one file that both have rows.
    fn separator(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    /// The bytes after the last fragment, from all fragments in file order.
    fn trailer(&self, schema: &SchemaRef, fragments: &[Fragment]) -> Result<Vec<u8>>;
    /// Reads back files that were written with these columns: every value as it went in, or an error.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if the format cannot tell all values of a column apart.
    fn read_back(&self, schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>>;
}

/// Encodes the rows of one fragment.
pub(crate) trait FragmentEncoder: Send + 'static {
    /// Takes the rows in.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Encoded bytes that [`take`](Self::take) would give now.
    fn ready(&self) -> usize;
    /// Moves out the bytes that are complete; call it again after more writes.
    fn take(&mut self) -> Vec<u8>;
    /// Ends the fragment; [`take`](Self::take) gives the rest of its bytes afterwards.
    fn finish(&mut self) -> Result<Finished>;
}

/// What an encoder says at the end of its fragment.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Rows encoded.
    pub(crate) rows: u64,
    /// The digest of the rows as they went into the encoding.
    pub(crate) digest: Digest,
    /// What the trailer needs of this fragment: row-group metadata for Parquet, null for text.
    pub(crate) detail: Value,
}

/// A finished fragment at its place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Its bytes in the file.
    pub(crate) length: u64,
    /// [`Finished::detail`].
    pub(crate) detail: Value,
}

/// How the bytes of files become rows. Blocking, and pure but for reading the open file.
pub(crate) trait ReadFormat: Send + Sync + 'static {
    /// The columns of a file.
    fn schema(&self, file: Input) -> Result<SchemaRef>;
    /// The slices of a file that can be read on their own, each of about so many bytes.
    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>>;
    /// The rows of a slice; every batch has the schema of the file.
    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches>;
    /// The same, with rows that do not fit left out and handed on; `read` ends with an error at the first of them.
    fn read_skipping(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Portions> {
        Ok(Box::new(self.read(file, slice, limit)?.map(|batch| batch.map(Portion::from))))
    }
    /// Which rows those are, in words; `None` if there are none.
    fn skips(&self) -> Option<&'static str> {
        None
    }
    /// What becomes of the bytes of files that are no rows, in words behind the name of their place.
    fn announced(&self) -> String {
        String::new()
    }
    /// Peak bytes of reading a slice.
    fn working_set(&self, limit: BatchLimit) -> u64;
}

/// Bytes of a slice of a file that is read back, about.
pub(crate) const READ_BACK_BYTES: u64 = 32 << 20;

/// The rows of a slice of a file.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The rows of a slice of a file, and those that were left out.
pub(crate) type Portions = Box<dyn Iterator<Item = Result<Portion>> + Send>;

/// A part of a file that one chunk reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Slice {
    /// All of it.
    Whole,
    /// Parquet row groups from the first to before the last.
    RowGroups(u32, u32),
    /// Stripes of ORC, likewise.
    Stripes(u32, u32),
    /// Blocks of Avro, from the first byte to before the last.
    Bytes(u64, u64),
}
