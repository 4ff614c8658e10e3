//! Footers: cut off a fragment, joined into the trailer of a file.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use parquet::{
    errors::ParquetError,
    file::metadata::{
        ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter,
        RowGroupMetaData,
    },
};
use ropeway_engine::{Error, ErrorKind, Result};
use serde_json::Value;

use super::{MAGIC, columns::Columns};
use crate::format::Fragment;

/// The writer's name in the file.
pub(super) const CREATED_BY: &str = concat!("ropeway version ", env!("CARGO_PKG_VERSION"));

/// The length of the footer, and the magic number.
const TAIL: usize = 8;

/// Cuts the footer off the end of a fragment's bytes and returns it.
pub(super) fn split_off(bytes: &mut Vec<u8>) -> Result<Vec<u8>> {
    let end = bytes.len().checked_sub(TAIL).ok_or_else(|| damaged("it ends before its footer"))?;
    let length = bytes[end..].first_chunk().map_or(0, |length| u32::from_le_bytes(*length)) as usize;
    let start = end.checked_sub(length).ok_or_else(|| damaged("its footer is longer than itself"))?;
    let footer = bytes[start..end].to_vec();
    bytes.truncate(start);
    Ok(footer)
}

/// The trailer of a file of these fragments.
pub(super) fn join(columns: &Columns, fragments: &[Fragment]) -> Result<Vec<u8>> {
    let mut row_groups: Vec<RowGroupMetaData> = Vec::new();
    let mut start = MAGIC.len() as i64;
    for fragment in fragments {
        // The fragment's own offsets count from a magic number that only the file has.
        let shift = start - MAGIC.len() as i64;
        for group in parse(&fragment.detail)?.row_groups() {
            let group = shifted(group, shift, row_groups.len()).map_err(|error| damaged("").caused_by(error))?;
            row_groups.push(group);
        }
        start += i64::try_from(fragment.length).map_err(|_| damaged("it is longer than 8 EiB"))?;
    }
    write(columns, row_groups).map_err(|error| {
        Error::new(ErrorKind::Bug, "the footer of the Parquet file cannot be written; please report it")
            .caused_by(error)
    })
}

fn write(columns: &Columns, row_groups: Vec<RowGroupMetaData>) -> Result<Vec<u8>, ParquetError> {
    let rows = row_groups.iter().map(RowGroupMetaData::num_rows).sum();
    let pairs = columns.key_values();
    let file = FileMetaData::new(
        1,
        rows,
        Some(CREATED_BY.to_owned()),
        (!pairs.is_empty()).then_some(pairs),
        Arc::clone(&columns.descriptor),
        None,
    );
    let mut bytes = Vec::new();
    ParquetMetaDataWriter::new(&mut bytes, &ParquetMetaData::new(file, row_groups)).finish()?;
    Ok(bytes)
}

fn parse(detail: &Value) -> Result<ParquetMetaData> {
    let text = detail.as_str().ok_or_else(|| damaged("it has no footer"))?;
    let footer = BASE64_STANDARD.decode(text).map_err(|error| damaged("its footer is not base64").caused_by(error))?;
    ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| damaged("its footer is wrong").caused_by(error))
}

fn shifted(group: &RowGroupMetaData, shift: i64, position: usize) -> Result<RowGroupMetaData, ParquetError> {
    let columns = group.columns().iter().map(|column| shifted_column(column, shift)).collect::<Result<Vec<_>, _>>()?;
    let mut builder = group.clone().into_builder().set_column_metadata(columns);
    if let Some(offset) = group.file_offset() {
        builder = builder.set_file_offset(offset + shift);
    }
    // The format has 16 bits for the ordinal; it is optional, and beyond them it repeats.
    builder.set_ordinal((position % (1 << 15)) as i16).build()
}

fn shifted_column(column: &ColumnChunkMetaData, shift: i64) -> Result<ColumnChunkMetaData, ParquetError> {
    let moved = |offset: Option<i64>| offset.map(|offset| offset + shift);
    let builder = column
        .clone()
        .into_builder()
        .set_data_page_offset(column.data_page_offset() + shift)
        .set_dictionary_page_offset(moved(column.dictionary_page_offset()))
        .set_index_page_offset(moved(column.index_page_offset()))
        .set_bloom_filter_offset(moved(column.bloom_filter_offset()));
    builder.build()
}

fn damaged(how: &'static str) -> Error {
    Error::new(
        ErrorKind::Bug,
        format!(
            "the record of a Parquet fragment is damaged{}{how}; start the run anew and report it",
            if how.is_empty() { "" } else { ": " }
        ),
    )
}
