//! Avro files as rows, by blocks.

use std::{
    collections::{HashMap, VecDeque},
    io::Cursor,
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use arrow_avro::reader::{Reader, ReaderBuilder};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::SOURCE_TYPE};

use super::{
    blocks::{Blocks, Group},
    codec::Codec,
    columns::type_name,
    container::{Container, damaged},
};
use crate::format::{Batches, Input, ReadFormat, Slice, survived::survived};

/// Columns at most.
const MOST_COLUMNS: usize = 10_000;

/// Reads Avro files.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct AvroFiles {
    /// Bytes that the rows of a block may take.
    pub(in crate::format) memory: u64,
}

/// A reader of a file of one block.
fn reader(file: Cursor<Vec<u8>>, rows: usize) -> Result<Reader<Cursor<Vec<u8>>>> {
    survived(undecoded, || ReaderBuilder::new().with_batch_size(rows.max(1)).build(file))?
        .map_err(|error| damaged("its schema cannot be read").caused_by(error))
}

impl ReadFormat for AvroFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        let header = Container::open(&file)?.header_with(Codec::Null);
        columns(&reader(Cursor::new(header), 1)?.schema())
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
        let schema = self.schema(file.clone())?;
        let (next, end) = place;
        let mut blocks = Blocks { file, container, next, end, most: self.memory / 2 };
        let mut ready: VecDeque<RecordBatch> = VecDeque::new();
        let mut failed = false;
        Ok(Box::new(std::iter::from_fn(move || {
            if let Some(batch) = ready.pop_front() {
                return Some(Ok(batch));
            }
            let group = if failed { Ok(None) } else { blocks.group(limit.bytes) };
            let batch = group.and_then(|group| group.map(|group| decoded(group, &schema)).transpose()).transpose()?;
            failed = batch.is_err();
            Some(batch.map(|batch| {
                ready.extend(pieces(&batch, limit));
                ready.pop_front().unwrap_or(batch)
            }))
        })))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // Some blocks as they are, as rows, and as a batch.
        limit.bytes.saturating_mul(4).saturating_add(32 << 20)
    }
}

/// The rows of some blocks.
fn decoded(group: Group, schema: &SchemaRef) -> Result<RecordBatch> {
    let Group { rows, file } = group;
    let mut reader = reader(file, rows)?;
    let batch = survived(undecoded, || reader.next())?
        .ok_or_else(|| damaged("it has fewer rows than its blocks say"))?
        .map_err(|error| undecoded().caused_by(error))?;
    if batch.num_rows() != rows {
        return Err(damaged("it has fewer rows than its blocks say"));
    }
    with_columns(&batch, schema)
}

/// The batch in pieces that keep the limit; the average row decides.
fn pieces(batch: &RecordBatch, limit: BatchLimit) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let row_bytes = (batch.get_array_memory_size() / rows.max(1)).max(1) as u64;
    let most = (limit.bytes / row_bytes).clamp(1, u64::from(limit.rows.get())) as usize;
    (0..rows).step_by(most).map(|first| batch.slice(first, most.min(rows - first))).collect()
}

fn undecoded() -> Error {
    damaged("a block cannot be decoded")
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
