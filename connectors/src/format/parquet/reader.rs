//! Parquet files as rows, by row groups. What a file says about itself is checked before anything is
//! allocated for it.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{Field, Schema, SchemaRef},
};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::SOURCE_TYPE};

use super::{MAGIC, columns::type_name, pages};
use crate::format::{Batches, Input, ReadFormat, Slice, survived::survived};

/// Bytes of a footer at most.
const LONGEST_FOOTER: u64 = 64 << 20;
/// Columns at most.
const MOST_COLUMNS: usize = 10_000;
/// Uncompressed bytes of a row group at most.
pub(super) const LARGEST_ROW_GROUP: i64 = 1 << 30;

/// Reads Parquet files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParquetFiles {
    /// Bytes that the decompressed pages of a chunk may take.
    pub(crate) memory: u64,
}

impl ReadFormat for ParquetFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        columns(&footer(&file)?)
    }

    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>> {
        let footer = footer(&file)?;
        let groups = footer.metadata().row_groups();
        let mut slices = Vec::new();
        let (mut first, mut gathered) = (0, 0);
        for (position, group) in groups.iter().enumerate() {
            gathered += group.compressed_size().max(0) as u64;
            if gathered >= bytes || position + 1 == groups.len() {
                slices.push(Slice::RowGroups(first, position as u32 + 1));
                (first, gathered) = (position as u32 + 1, 0);
            }
        }
        Ok(slices)
    }

    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let footer = footer(&file)?;
        let schema = columns(&footer)?;
        let count = footer.metadata().num_row_groups();
        let groups: Vec<usize> = match slice {
            Slice::Bytes(..) | Slice::Stripes(..) => return Err(damaged("it has row groups and nothing else")),
            Slice::Whole => (0..count).collect(),
            Slice::RowGroups(from, to) => (*from as usize..*to as usize).collect(),
        };
        if groups.iter().any(|group| *group >= count) {
            return Err(damaged("it has fewer row groups than when the run was planned"));
        }
        pages::check(&file, footer.metadata(), &groups, self.memory)?;
        let rows = batch_rows(&footer, &groups, limit);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer)
            .with_row_groups(groups)
            .with_batch_size(rows);
        let reader = survived(|| damaged("its row groups cannot be read"), || reader.build())?
            .map_err(|error| damaged("its row groups cannot be read").caused_by(error))?;
        Ok(Box::new(batches(reader).map(move |batch| {
            batch?.with_schema(Arc::clone(&schema)).map_err(|error| damaged("its columns changed").caused_by(error))
        })))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // A page and a dictionary per column, decompressed, besides the batch.
        limit.bytes.saturating_mul(3).saturating_add(32 << 20)
    }
}

/// The batches of a reader, up to the first that the file's damage spoils.
fn batches(reader: ParquetRecordBatchReader) -> impl Iterator<Item = Result<RecordBatch>> {
    let mut sound = Some(reader);
    std::iter::from_fn(move || {
        let reader = sound.as_mut()?;
        let next = match survived(|| damaged("a page cannot be decoded"), || reader.next()) {
            Ok(next) => next?.map_err(|error| damaged("a page cannot be decoded").caused_by(error)),
            Err(error) => Err(error),
        };
        if next.is_err() {
            sound = None;
        }
        Some(next)
    })
}

/// Rows per batch: the average row decides, for the file does not say more.
fn batch_rows(footer: &ArrowReaderMetadata, groups: &[usize], limit: BatchLimit) -> usize {
    let chosen = groups.iter().map(|group| footer.metadata().row_group(*group));
    let (rows, bytes) = chosen.fold((1_u64, 1_u64), |(rows, bytes), group| {
        (rows + group.num_rows().max(0) as u64, bytes + group.total_byte_size().max(0) as u64)
    });
    // Dictionary pages make rows look smaller than they are.
    let row_bytes = (4 * bytes / rows).max(8);
    (limit.bytes / row_bytes).clamp(1, u64::from(limit.rows.get())) as usize
}

fn footer(file: &Input) -> Result<ArrowReaderMetadata> {
    let read = |error: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "the file cannot be read; see the cause").caused_by(error)
    };
    let length = file.length();
    if length < 12 {
        return Err(damaged("it is shorter than any Parquet file"));
    }
    let mut tail = [0; 8];
    file.fill(length - tail.len() as u64, &mut tail).map_err(read)?;
    let [a, b, c, d, magic @ ..] = tail;
    let footer_length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if magic != *MAGIC {
        return Err(damaged("it does not end like one"));
    }
    if footer_length > LONGEST_FOOTER || footer_length + 12 > length {
        return Err(damaged("its footer is too long"));
    }
    // The Arrow schema some writers add would be trusted blindly; the Parquet types say all we need.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let footer = survived(|| damaged("its footer cannot be read"), || ArrowReaderMetadata::load(file, options))?
        .map_err(|error| damaged("its footer cannot be read").caused_by(error))?;
    check(&footer, length)?;
    Ok(footer)
}

fn check(footer: &ArrowReaderMetadata, length: u64) -> Result<()> {
    if footer.parquet_schema().num_columns() > MOST_COLUMNS {
        return Err(damaged("it has more than 10000 columns"));
    }
    for group in footer.metadata().row_groups() {
        if group.total_byte_size() > LARGEST_ROW_GROUP {
            return Err(damaged("a row group is larger than 1 GiB; write it anew with smaller row groups"));
        }
        let ends = group.columns().iter().all(|column| {
            let (start, bytes) = (column.data_page_offset(), column.compressed_size());
            start >= 0
                && bytes >= 0
                && column.dictionary_page_offset().is_none_or(|offset| offset >= 0)
                && start
                    .checked_add(bytes)
                    .is_some_and(|end| column.dictionary_page_offset().is_some() || end as u64 <= length)
        });
        if group.num_rows() < 0 || !ends {
            return Err(damaged("a row group lies outside of it"));
        }
    }
    Ok(())
}

/// The columns, each with its Parquet type as the source's type.
fn columns(footer: &ArrowReaderMetadata) -> Result<SchemaRef> {
    let fields = footer.schema().fields();
    if let Some(nested) = fields.iter().find(|field| field.data_type().is_nested()) {
        return Err(Error::new(
            ErrorKind::Data,
            "lists, structs and maps cannot be copied; leave the column out of the file",
        )
        .with("column", nested.name().escape_debug())
        .code("ParquetUnsupportedType"));
    }
    let named = fields.iter().zip(footer.parquet_schema().columns()).map(|(field, column)| {
        let source_type = HashMap::from([(SOURCE_TYPE.to_owned(), type_name(column))]);
        Field::new(field.name(), field.data_type().clone(), field.is_nullable()).with_metadata(source_type)
    });
    Ok(Arc::new(Schema::new(named.collect::<Vec<_>>())))
}

pub(super) fn damaged(how: &'static str) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("this is no sound Parquet file: {how}; check the file, or the type of the dataset"),
    )
    .code("ParquetInvalidFile")
}
