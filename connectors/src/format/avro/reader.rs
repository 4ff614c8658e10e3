//! Avro files as rows, by blocks.

use std::{collections::HashMap, io::BufReader, panic::AssertUnwindSafe, sync::Arc};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use arrow_avro::reader::{Reader, ReaderBuilder};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::SOURCE_TYPE};

use super::{
    blocks::Blocks,
    columns::type_name,
    container::{Container, damaged},
};
use crate::format::{Batches, Input, ReadFormat, Slice};

/// Columns at most.
const MOST_COLUMNS: usize = 10_000;

/// Reads Avro files.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct AvroFiles {
    /// Bytes that the rows of a block may take.
    pub(in crate::format) memory: u64,
}

impl AvroFiles {
    /// A reader of the blocks from one place to another.
    fn open(
        self,
        file: &Input,
        container: &Container,
        place: (u64, u64),
        rows: usize,
    ) -> Result<Reader<BufReader<Blocks>>> {
        let blocks = BufReader::new(Blocks::new(file.clone(), container.clone(), place, self.memory / 2));
        survived(|| ReaderBuilder::new().with_batch_size(rows).build(blocks))?
            .map_err(|error| damaged("its schema cannot be read").caused_by(error))
    }
}

impl ReadFormat for AvroFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        let container = Container::open(&file)?;
        columns(&self.open(&file, &container, (0, 0), 1)?.schema())
    }

    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>> {
        let container = Container::open(&file)?;
        let (mut slices, mut first, mut place) = (Vec::new(), container.first, container.first);
        while let Some(block) = container.block(&file, place)? {
            place = block.end();
            if place - first >= bytes {
                slices.push(Slice::Bytes(first, place));
                first = place;
            }
        }
        if first < place {
            slices.push(Slice::Bytes(first, place));
        }
        Ok(slices)
    }

    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let container = Container::open(&file)?;
        let place = match slice {
            Slice::Bytes(from, to) => (*from, *to),
            _ => (container.first, file.length()),
        };
        let (rows, batch_rows) = count(&file, &container, place, limit)?;
        let mut reader = Some(self.open(&file, &container, place, batch_rows)?);
        let schema = columns(&reader.iter().map(Reader::schema).next().unwrap_or_else(|| Arc::new(Schema::empty())))?;
        let mut left = rows;
        Ok(Box::new(std::iter::from_fn(move || {
            let batch = match survived(|| reader.as_mut()?.next()) {
                Ok(None) if reader.is_some() && left > 0 => Err(damaged("it has fewer rows than its blocks say")),
                Ok(batch) => batch?.map_err(undecodable).and_then(|batch| with_columns(&batch, &schema)),
                Err(error) => Err(error),
            };
            let batch = batch.and_then(|batch| {
                left = left
                    .checked_sub(batch.num_rows() as u64)
                    .ok_or_else(|| damaged("it has more rows than its blocks say"))?;
                Ok(batch)
            });
            if batch.is_err() {
                reader = None;
            }
            Some(batch)
        })))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(3).saturating_add(32 << 20)
    }
}

/// Rows of a slice, and those of a batch: the average row decides, for blocks do not say more.
fn count(file: &Input, container: &Container, (start, end): (u64, u64), limit: BatchLimit) -> Result<(u64, usize)> {
    let (mut place, mut rows, mut bytes) = (start, 0_u64, 0_u64);
    while place < end
        && let Some(block) = container.block(file, place)?
    {
        place = block.end();
        rows = rows.checked_add(block.rows).ok_or_else(|| damaged("its blocks say that they have too many rows"))?;
        bytes += block.bytes;
    }
    // Compressed rows look smaller than they are.
    let row_bytes = (8 * bytes / rows.max(1)).max(8);
    Ok((rows, (limit.bytes / row_bytes).clamp(1, u64::from(limit.rows.get())) as usize))
}

fn undecodable(error: arrow::error::ArrowError) -> Error {
    damaged("a block cannot be decoded").caused_by(error)
}

/// What the `arrow-avro` crate makes of bytes that are damaged: a panic there is the file's fault.
fn survived<T>(decode: impl FnOnce() -> T) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(decode)).map_err(|_| damaged("a block cannot be decoded"))
}

/// The columns, each with its Avro type as the source's type.
fn columns(schema: &Schema) -> Result<SchemaRef> {
    if schema.fields().len() > MOST_COLUMNS {
        return Err(damaged("it has more than 10000 columns"));
    }
    let plain = |data_type: &DataType| {
        !data_type.is_nested() && !matches!(data_type, DataType::Interval(_) | DataType::RunEndEncoded(..))
    };
    if let Some(complex) = schema.fields().iter().find(|field| !plain(field.data_type())) {
        return Err(Error::new(
            ErrorKind::Data,
            "arrays, maps, records, unions and durations of Avro cannot be copied; leave the column out of the file",
        )
        .with("column", complex.name().escape_debug())
        .with("type", complex.data_type())
        .code("AvroUnsupportedType"));
    }
    let fields = schema.fields().iter().map(|field| {
        let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), type_name(field))]);
        Field::new(field.name(), field.data_type().clone(), field.is_nullable()).with_metadata(metadata)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn with_columns(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec())
        .map_err(|error| damaged("its columns changed").caused_by(error))
}
