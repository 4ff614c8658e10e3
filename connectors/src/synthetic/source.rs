//! Generates the rows of a chunk, a batch at a time on the CPU pool.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    cpu,
    source::{BatchStream, ChunkTarget, SOURCE_TYPE, Source, SourceDescription},
};
use serde::{Deserialize, Serialize};

use super::tables::{Batches, Part, Table};

/// One table at one scale factor.
pub(super) struct SyntheticSource {
    table: &'static Table,
    scale_factor: f64,
    schema: SchemaRef,
}

/// Part `part` of `of`, numbered from 1.
#[derive(Debug, Serialize, Deserialize)]
struct Recipe {
    part: i32,
    of: i32,
}

impl SyntheticSource {
    pub(super) fn new(table: &'static Table, scale_factor: f64) -> Self {
        let fields = (table.schema)().fields().iter().map(|field| named(field)).collect::<Vec<_>>();
        Self { table, scale_factor, schema: Arc::new(Schema::new(fields)) }
    }

    fn batch_rows(&self, limit: BatchLimit) -> usize {
        let fitting = (limit.bytes / self.table.row_bytes).clamp(1, u64::from(limit.rows.get()));
        usize::try_from(fitting).unwrap_or(1)
    }

    fn parts(&self, target: ChunkTarget) -> i32 {
        let rows = self.table.rows.map_or(0.0, |rows| rows * self.scale_factor);
        let by_rows = rows / target.rows.max(1) as f64;
        let by_bytes = rows * self.table.row_bytes as f64 / target.bytes.max(1) as f64;
        // A part holds a thousand rows at least: below that it is not worth a commit of its own.
        let parts = by_rows.max(by_bytes).max(f64::from(target.chunks)).min(rows / 1000.0).ceil();
        parts.clamp(1.0, 100_000.0) as i32
    }
}

#[async_trait]
impl Source for SyntheticSource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let of = self.parts(target);
        let chunk = |part: i32| Chunk {
            id: ChunkId(part as u32 - 1),
            label: format!("{} part {part} of {of}", self.table.name),
            recipe: serde_json::json!({ "part": part, "of": of }),
        };
        Ok((1..=of).map(chunk).collect())
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let recipe = Recipe::deserialize(&chunk.recipe).map_err(|error| {
            Error::new(ErrorKind::Bug, "the recipe of a synthetic chunk is damaged; start the run anew")
                .caused_by(error)
        })?;
        let part = Part {
            scale_factor: self.scale_factor,
            number: recipe.part,
            of: recipe.of,
            batch_rows: self.batch_rows(limit),
        };
        let (generate, schema) = (self.table.generate, Arc::clone(&self.schema));
        let batches = cpu::run(move || generate(part)).await?;
        let next = move |mut batches: Batches| {
            let schema = Arc::clone(&schema);
            async move {
                let (batch, rest) = cpu::run(move || (batches.next(), batches)).await?;
                let labelled =
                    batch.transpose().and_then(|batch| batch.map(|batch| batch.with_schema(schema)).transpose());
                let batch = labelled.map_err(|error| {
                    Error::new(ErrorKind::Bug, "a synthetic batch does not fit its columns; please report it")
                        .caused_by(error)
                })?;
                Ok(batch.map(|batch| (batch, rest)))
            }
        };
        Ok(stream::try_unfold(batches, next).boxed())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // The generator's rows, and the batch made of them.
        2 * self.batch_rows(limit) as u64 * self.table.row_bytes
    }

    fn describe(&self) -> SourceDescription {
        SourceDescription {
            statement: format!("TPC-H {} at scale factor {}", self.table.name, self.scale_factor),
            cut: match self.table.rows {
                Some(_) => "by ranges of the primary key".to_owned(),
                None => "one chunk: the table has a fixed, small size".to_owned(),
            },
            consistency: "every read gives the same rows".to_owned(),
        }
    }
}

/// The field with the SQL type that the benchmark's specification gives it.
fn named(field: &Field) -> Field {
    let source_type = match field.data_type() {
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Date32 => "date".to_owned(),
        _ => "varchar".to_owned(),
    };
    field.clone().with_metadata(HashMap::from([(SOURCE_TYPE.to_owned(), source_type)]))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures::TryStreamExt;
    use ropeway_engine::{digest::RowDigester, registry::SourceKind};
    use serde_json::json;

    use crate::synthetic::{Synthetic, spec::Spec};

    use super::*;

    fn source(table: &str, scale_factor: &str) -> Arc<dyn Source> {
        let spec = json!({"linkedService": {}, "dataset": {"table": table, "scaleFactor": scale_factor}, "source": {}});
        Synthetic::connect(Spec::deserialize(spec).unwrap()).unwrap()
    }

    fn limit() -> BatchLimit {
        BatchLimit { rows: NonZeroU32::new(1000).unwrap(), bytes: 1 << 20 }
    }

    async fn rows_and_digest(source: &dyn Source, target: ChunkTarget) -> (usize, usize, String) {
        let digester = RowDigester::new(&source.schema().await.unwrap()).unwrap();
        let (mut rows, mut digest) = (0, ropeway_engine::digest::Digest::default());
        let chunks = source.plan(target).await.unwrap();
        for chunk in &chunks {
            let mut batches = source.read(chunk, limit()).await.unwrap();
            while let Some(batch) = batches.try_next().await.unwrap() {
                assert!(batch.num_rows() <= 1000);
                assert_eq!(batch.schema(), source.schema().await.unwrap());
                rows += batch.num_rows();
                digest += digester.digest(&batch).unwrap();
            }
        }
        (chunks.len(), rows, digest.to_string())
    }

    #[tokio::test]
    async fn however_a_table_is_cut_it_has_the_same_rows() {
        for (table, rows) in [("lineitem", 6005), ("orders", 1500), ("nation", 25), ("region", 5), ("partsupp", 800)] {
            let source = source(table, "0.001");
            let whole =
                rows_and_digest(source.as_ref(), ChunkTarget { bytes: 1 << 30, rows: 1 << 30, chunks: 1 }).await;
            let cut = rows_and_digest(source.as_ref(), ChunkTarget { bytes: 1 << 30, rows: 1 << 30, chunks: 4 }).await;
            assert_eq!(whole.0, 1);
            assert_eq!(whole.1, rows, "{table}");
            assert_eq!((whole.1, whole.2), (cut.1, cut.2), "{table}");
        }
        let cut =
            source("lineitem", "0.001").plan(ChunkTarget { bytes: 1 << 30, rows: 1 << 30, chunks: 4 }).await.unwrap();
        assert_eq!(cut.len(), 4);
    }

    #[test]
    fn an_unknown_table_lists_the_known_ones() {
        let spec = json!({"dataset": {"table": "lines", "scaleFactor": 1}});
        let error = Synthetic::connect(Spec::deserialize(spec).unwrap()).err().unwrap();
        assert!(error.to_string().contains("lineitem, orders"), "{error}");
    }
}
