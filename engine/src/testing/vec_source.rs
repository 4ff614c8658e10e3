//! A source of given rows.

use std::{borrow::Cow, collections::HashMap, num::NonZeroU32, sync::Arc};

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray},
    compute::filter_record_batch,
    datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::dice::Dice;
use crate::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    division::{Divided, Part},
    skipping::{Portion, PortionStream, SkippedRow},
    source::{BatchStream, ChunkTarget, Hastening, SOURCE_TYPE, Source, SourceDescription},
};

/// Serves the batches it was given, one chunk each.
#[derive(Clone, Debug)]
pub struct VecSource {
    schema: SchemaRef,
    chunks: Vec<RecordBatch>,
    dice: Option<Dice>,
    /// Rows whose `id` is a multiple of this do not fit.
    misfits: Option<i64>,
    /// Streams can end early.
    hastening: Option<Arc<Hastening>>,
}

impl VecSource {
    /// Every batch becomes a chunk.
    pub fn new(schema: SchemaRef, chunks: Vec<RecordBatch>) -> Self {
        Self { schema, chunks, dice: None, misfits: None, hastening: None }
    }

    /// Chunks of rows with the columns `id`, from 0 upwards without a gap, and `name`.
    pub fn numbered(chunks: i64, rows: i64) -> Self {
        let batches: Vec<_> = (0..chunks).map(|chunk| numbered(chunk * rows..(chunk + 1) * rows)).collect();
        Self::new(numbered(0..0).schema(), batches)
    }

    /// The same rows with a column under another name.
    pub fn renamed(self, from: &str, to: &str) -> Self {
        let rename = |field: &Arc<Field>| match field.name() == from {
            true => Arc::new(field.as_ref().clone().with_name(to)),
            false => field.clone(),
        };
        let schema: SchemaRef = Arc::new(Schema::new(self.schema.fields().iter().map(rename).collect::<Vec<_>>()));
        let chunks =
            self.chunks.into_iter().map(|rows| RecordBatch::try_new(schema.clone(), rows.columns().to_vec()).unwrap());
        Self { chunks: chunks.collect(), schema: schema.clone(), ..self }
    }

    /// Cuts the rows of a chunk into other batches at every read, and in another order.
    pub fn shuffled_by(self, dice: Dice) -> Self {
        Self { dice: Some(dice), ..self }
    }

    /// Rows whose `id` is a multiple of this do not fit: they end a read, or are left out.
    pub fn misfits(self, every: i64) -> Self {
        Self { misfits: Some(every), ..self }
    }

    /// Chunks can be divided while they are read; their rows come in order.
    pub fn dividing(self) -> Self {
        Self { hastening: Some(Arc::default()), ..self }
    }

    /// The rows of the batch with this index.
    pub fn all(&self, index: usize) -> RecordBatch {
        self.chunks[index].clone()
    }

    /// The rows of a recipe, and where they stand: in which of the given batches, and from which row on.
    fn rows(&self, recipe: &Value) -> (RecordBatch, u64, u64) {
        let number = |at| recipe.get(at).and_then(Value::as_u64);
        let index = recipe.as_u64().or(number(0)).unwrap();
        let rows = &self.chunks[index as usize];
        let (from, to) = (number(1).unwrap_or(0), number(2).unwrap_or(rows.num_rows() as u64));
        (rows.slice(from as usize, (to - from) as usize), index, from)
    }

    /// The batches of a chunk until somebody asks for its end.
    fn hasty(&self, hastening: &Hastening, chunk: &Chunk, limit: BatchLimit) -> BatchStream {
        let (rows, index, from) = self.rows(&chunk.recipe);
        let (haste, to) = (hastening.begin(chunk.id), from + rows.num_rows() as u64);
        let batches = self.cut(&rows, limit).into_iter();
        stream::unfold((batches, from), move |(mut batches, at)| {
            let part = |from, to| Part { label: format!("{index}: {from} to {to}"), recipe: json!([index, from, to]) };
            let (parts, left) = (u64::from(haste.parts()), to - at);
            if parts > 0 && at > from && left > 0 {
                let bound = |part: u64| at + left * part / parts;
                let rest = (0..parts).map(|number| part(bound(number), bound(number + 1))).collect();
                let end = Divided { read: part(from, at), rest }.into_end();
                return std::future::ready(Some((Err(end), (Vec::new().into_iter(), to))));
            }
            let next = batches.next().map(|batch| {
                let at = at + batch.num_rows() as u64;
                (Ok(batch), (batches, at))
            });
            std::future::ready(next)
        })
        .boxed()
    }

    fn portion(&self, rows: &RecordBatch) -> Portion {
        let (ids, names) = (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
        let fits = |id: i64| self.misfits.is_none_or(|every| id % every != 0);
        let fitting: BooleanArray = ids.values().iter().map(|id| Some(fits(*id))).collect();
        let row = |(id, name): (&i64, Option<&str>)| SkippedRow {
            cells: vec![Some(id.to_string()), name.map(str::to_owned)],
            code: "UserErrorInvalidDataValue",
            message: "it does not fit".into(),
        };
        let skipped = ids.values().iter().zip(names.iter()).filter(|(id, _)| !fits(**id)).map(row).collect();
        let read = rows.num_rows() as u64;
        Portion { read, rows: filter_record_batch(rows, &fitting).unwrap(), skipped, left_out: Vec::new() }
    }

    fn cut(&self, rows: &RecordBatch, limit: BatchLimit) -> Vec<RecordBatch> {
        let per_row = (rows.get_array_memory_size() as u64).div_ceil(rows.num_rows().max(1) as u64).max(1);
        let most = u64::from(limit.rows.get()).min((limit.bytes / per_row).max(1));
        let mut batches = Vec::new();
        let mut start = 0;
        while start < rows.num_rows() {
            let length = self.dice.as_ref().map_or(most, |dice| 1 + dice.below(most)) as usize;
            let end = rows.num_rows().min(start + length);
            batches.push(rows.slice(start, end - start));
            start = end;
        }
        if let Some(dice) = self.dice.as_ref().filter(|_| self.hastening.is_none()) {
            (1..batches.len()).rev().for_each(|i| batches.swap(i, dice.below(i as u64 + 1) as usize));
        }
        batches
    }
}

/// A limit of so many rows.
pub fn rows_at_most(rows: u32) -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(rows).unwrap(), ..BatchLimit::default() }
}

fn numbered(ids: std::ops::Range<i64>) -> RecordBatch {
    let column = |name: &str, data_type, source_type: &str| {
        Field::new(name, data_type, false)
            .with_metadata(HashMap::from([(SOURCE_TYPE.to_owned(), source_type.to_owned())]))
    };
    let schema =
        Schema::new(vec![column("id", DataType::Int64, "bigint"), column("name", DataType::Utf8, "varchar(30)")]);
    let names: ArrayRef = Arc::new(StringArray::from_iter_values(ids.clone().map(|id| format!("row {id}"))));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    RecordBatch::try_new(Arc::new(schema), vec![ids, names]).unwrap()
}

#[async_trait]
impl Source for VecSource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(self.schema.clone())
    }

    async fn plan(&self, _: ChunkTarget) -> Result<Vec<Chunk>> {
        let chunk = |index| Chunk { id: ChunkId(index), label: format!("chunk {index}"), recipe: json!(index) };
        Ok((0..self.chunks.len() as u32).map(chunk).collect())
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        if let Some(hastening) = &self.hastening {
            return Ok(self.hasty(hastening, chunk, limit));
        }
        let (rows, ..) = self.rows(&chunk.recipe);
        let misfit = || Error::new(ErrorKind::Data, "a row does not fit");
        let whole = |portion: Portion| if portion.skipped.is_empty() { Ok(portion.rows) } else { Err(misfit()) };
        let batches: Vec<_> = match self.misfits {
            Some(_) => self.cut(&rows, limit).iter().map(|rows| whole(self.portion(rows))).collect(),
            None => self.cut(&rows, limit).into_iter().map(Ok).collect(),
        };
        Ok(stream::iter(batches).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        let (rows, ..) = self.rows(&chunk.recipe);
        let portions: Vec<_> = self.cut(&rows, limit).iter().map(|rows| Ok(self.portion(rows))).collect();
        Ok(stream::iter(portions).boxed())
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        self.misfits.map(|_| "rows that do not fit".into())
    }

    fn divides(&self, _: &Chunk) -> bool {
        self.hastening.is_some()
    }

    fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        self.hastening.as_ref().is_some_and(|hastening| hastening.hasten(chunk, parts))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        limit.bytes
    }

    fn describe(&self) -> SourceDescription {
        SourceDescription {
            statement: "given rows".into(),
            cut: "as given".into(),
            consistency: "they never change".into(),
        }
    }
}
