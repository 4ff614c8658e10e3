//! What a source promises.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt};

use super::{Breach, Sum, ensure, in_time};
use crate::{
    chunk::{BatchLimit, Chunk},
    digest::{Digest, RowDigester},
    run::columns,
    source::{ChunkTarget, SOURCE_TYPE, Source},
};

/// How often a stream is dropped after its first batch: more often than any pool has connections.
const DROPS: usize = 20;

/// A source, and what it should give.
pub struct SourceCase {
    /// The source.
    pub source: Arc<dyn Source>,
    /// How it should be cut.
    pub target: ChunkTarget,
    /// How large its batches may be.
    pub limit: BatchLimit,
    /// The rows of the whole input.
    pub rows: u64,
    /// Their digest.
    pub digest: Digest,
}

/// Asks of a source: the schema is the same each time and names its own types; the chunks are
/// numbered, survive their way through JSON, and cover every row once; a chunk read twice gives the
/// same rows; batches keep their limit and have the schema; a stream that is dropped frees what it
/// held.
///
/// # Errors
/// The first promise that is not kept.
pub async fn source(case: &SourceCase) -> Result<(), Breach> {
    let SourceCase { source, limit, .. } = case;
    let schema = in_time("schema", source.schema()).await??;
    ensure(in_time("schema", source.schema()).await?? == schema, || "the schema differs the second time".into())?;
    for field in schema.fields() {
        ensure(field.metadata().contains_key(SOURCE_TYPE), || format!("column {} has no source type", field.name()))?;
    }
    ensure(source.working_set(*limit) > 0, || "the working set is 0".into())?;

    let chunks = in_time("plan", source.plan(case.target)).await??;
    let mut sum: Sum = (0, Digest::default());
    for (position, chunk) in chunks.iter().enumerate() {
        ensure(chunk.id.0 as usize == position, || format!("chunk {position} is numbered {}", chunk.id.0))?;
        ensure(!chunk.label.is_empty(), || format!("chunk {position} has no label"))?;
        let once = case.read(&schema, chunk).await?;
        let again = case.read(&schema, &through_json(chunk)).await?;
        ensure(once == again, || format!("chunk '{}' reads as {once:?}, then as {again:?}", chunk.label))?;
        sum.0 += once.0;
        sum.1 += once.1;
    }
    let expected = (case.rows, case.digest);
    ensure(sum == expected, || format!("the chunks give {sum:?}, the input has {expected:?}"))?;

    if let Some(chunk) = chunks.first() {
        for _ in 0..DROPS {
            let mut batches = in_time("read", source.read(chunk, *limit)).await??;
            in_time("the first batch", batches.next()).await?;
        }
        in_time("a read after dropped streams", case.read(&schema, chunk)).await??;
    }
    Ok(())
}

impl SourceCase {
    async fn read(&self, schema: &SchemaRef, chunk: &Chunk) -> Result<Sum, Breach> {
        let digester = RowDigester::new(schema)?;
        let mut sum: Sum = (0, Digest::default());
        let mut batches = in_time("read", self.source.read(chunk, self.limit)).await??;
        while let Some(batch) = in_time("the next batch", batches.try_next()).await?? {
            columns::announced(schema, batch.schema_ref())?;
            let rows = batch.num_rows() as u64;
            let bytes: usize =
                batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum();
            ensure(rows <= u64::from(self.limit.rows.get()), || format!("a batch has {rows} rows"))?;
            ensure(rows == 1 || bytes as u64 <= self.limit.bytes, || format!("a batch has {bytes} bytes"))?;
            sum.0 += rows;
            sum.1 += digester.digest(&batch)?;
        }
        Ok(sum)
    }
}

/// The chunk as a resume finds it.
fn through_json(chunk: &Chunk) -> Chunk {
    serde_json::from_str(&serde_json::to_string(chunk).unwrap()).unwrap()
}
