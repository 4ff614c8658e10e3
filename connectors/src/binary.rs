//! Files as they are: a Binary copy moves pieces of files as rows.
//!
//! A row is a piece: the path of its file below the dataset's folder, the length of the whole file, where the piece lies,
//! its bytes, and the MD5 of the whole file if the source knows it. So everything that holds for rows holds for files: a
//! chunk is a range of a large file or several small ones, it is retried on its own, its digest is compared at both ends,
//! the journal knows what is done, and a file can be read back piece by piece. Pieces lie on a grid, so that the same file
//! always makes the same rows.

mod assembly;
mod format;
mod leaving_out;
mod naming;
mod source;
mod spans;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use arrow::{
    array::{Array, AsArray, BinaryArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray},
    buffer::{Buffer, OffsetBuffer},
    datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
};
use bytes::Bytes;
use ropeway_engine::{Error, ErrorKind, Result, source::SOURCE_TYPE};

pub use self::leaving_out::INCONSISTENT_FILES;
#[cfg(test)]
pub(crate) use self::source::RANGES;
pub(crate) use self::{
    assembly::{Assembled, Assembly},
    format::BinaryFiles,
    leaving_out::{BLOB_FORBIDDEN, BLOB_MISSING, CHANGED, FILE_FORBIDDEN, FILE_MISSING, INVALID_NAME, SkipErrorFile},
    naming::{CopyBehavior, Naming, behavior, given, merged_name},
    source::{BinarySource, BinaryStore},
    spans::{Copied, Span, same_md5},
};

/// The dataset type.
pub(crate) const DATASET: &str = "Binary";

/// Bytes of a piece; only the last one of a file is shorter.
pub(crate) const PIECE: u64 = 1 << 20;

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) path: String,
    /// Of the whole file.
    pub(crate) length: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
    /// Of the whole file, if the source knows it.
    pub(crate) md5: Option<[u8; 16]>,
}

/// The columns of pieces.
pub(crate) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let field = |name: &str, data_type: DataType, nullable| {
            let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), format!("file {name}"))]);
            Field::new(name, data_type, nullable).with_metadata(metadata)
        };
        Arc::new(Schema::new(vec![
            field("path", DataType::Utf8, false),
            field("length", DataType::Int64, false),
            field("offset", DataType::Int64, false),
            field("content", DataType::Binary, false),
            field("md5", DataType::FixedSizeBinary(16), true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// # Errors
/// [`ErrorKind::Spec`] if these are not the columns of pieces.
pub(crate) fn are_pieces(columns: &SchemaRef) -> Result<()> {
    if *columns == schema() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Spec,
        "a Binary dataset goes with a Binary dataset at the other end; give both ends the same kind of dataset",
    ))
}

/// Bytes of a file from a place of the grid on as rows, one for each piece, without copying them; an empty file has one
/// row.
pub(crate) fn rows(
    path: &str,
    (length, start): (u64, u64),
    bytes: Bytes,
    md5: Option<[u8; 16]>,
) -> Result<RecordBatch> {
    let defect = |error| Error::new(ErrorKind::Bug, "pieces of files make no rows; please report it").caused_by(error);
    let count = (bytes.len() as u64).div_ceil(PIECE).max(1);
    let begins = |number: u64| (number * PIECE).min(bytes.len() as u64);
    let lengths = (0..count).map(|number| (begins(number + 1) - begins(number)) as usize);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(StringArray::from_iter_values((0..count).map(|_| path))),
        Arc::new((0..count).map(|_| length as i64).collect::<Int64Array>()),
        Arc::new((0..count).map(|number| (start + number * PIECE) as i64).collect::<Int64Array>()),
        Arc::new(BinaryArray::try_new(offsets, bytes.into(), None).map_err(defect)?),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size((0..count).map(|_| md5), 16).map_err(defect)?),
    ];
    RecordBatch::try_new(schema(), columns).map_err(defect)
}

/// Rows as pieces of the same bytes.
pub(crate) fn pieces(rows: &RecordBatch) -> Result<Vec<Piece>> {
    let defect = || Error::new(ErrorKind::Bug, "rows are no pieces of files; please report it");
    if rows.num_columns() != schema().fields().len() {
        return Err(defect());
    }
    let paths = rows.column(0).as_string_opt::<i32>().ok_or_else(defect)?;
    let lengths = rows.column(1).as_primitive_opt::<Int64Type>().ok_or_else(defect)?;
    let offsets = rows.column(2).as_primitive_opt::<Int64Type>().ok_or_else(defect)?;
    let contents = rows.column(3).as_binary_opt::<i32>().ok_or_else(defect)?;
    let md5 = rows.column(4).as_any().downcast_ref::<FixedSizeBinaryArray>().ok_or_else(defect)?;
    let (bounds, all) = (contents.value_offsets(), Bytes::from_owner(Content(contents.values().clone())));
    (0..rows.num_rows())
        .map(|row| {
            let (from, to) = (bounds[row] as usize, bounds[row + 1] as usize);
            Ok(Piece {
                path: paths.value(row).to_owned(),
                length: u64::try_from(lengths.value(row)).map_err(|_| defect())?,
                offset: u64::try_from(offsets.value(row)).map_err(|_| defect())?,
                bytes: all.slice(from..to),
                md5: md5.is_valid(row).then(|| md5.value(row).try_into()).transpose().map_err(|_| defect())?,
            })
        })
        .collect()
}

/// A buffer of Arrow's as the owner of bytes.
struct Content(Buffer);

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests;
