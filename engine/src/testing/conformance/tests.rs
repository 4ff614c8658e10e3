use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;

use super::*;
use crate::{
    Result,
    chunk::{BatchLimit, Chunk},
    digest::RowDigester,
    sink::Sink,
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{
        model_blob::{Broken, ModelBlob},
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};

struct Table(ModelTable);

#[async_trait]
impl SinkTarget for Table {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.0.clone())
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        self.0.rows()
    }

    fn all_at_once(&self) -> bool {
        false
    }
}

struct Blob(ModelBlob);

#[async_trait]
impl SinkTarget for Blob {
    fn sink(&self) -> Arc<dyn Sink> {
        Arc::new(self.0.clone())
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        self.0.published().unwrap_or_default()
    }

    fn all_at_once(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn the_models_keep_every_promise() {
    sink(async || Table(ModelTable::default())).await.unwrap();
    sink(async || Blob(ModelBlob::default())).await.unwrap();
}

#[tokio::test]
async fn a_table_without_its_ledger_is_found_out() {
    let Breach(breach) = sink(async || Table(ModelTable::without_ledger())).await.unwrap_err();
    assert!(breach.starts_with("lost answers: a reader sees"), "{breach}");
}

#[tokio::test]
async fn a_blob_that_publishes_what_was_aborted_is_found_out() {
    let Breach(breach) = sink(async || Blob(ModelBlob::broken(Broken::PublishesAllStaged))).await.unwrap_err();
    assert!(breach.contains("a reader sees"), "{breach}");
}

#[tokio::test]
async fn rows_that_are_visible_too_early_are_found_out() {
    struct Early(ModelTable);
    #[async_trait]
    impl SinkTarget for Early {
        fn sink(&self) -> Arc<dyn Sink> {
            Arc::new(self.0.clone())
        }
        async fn rows(&self) -> Vec<RecordBatch> {
            self.0.rows()
        }
        fn all_at_once(&self) -> bool {
            true
        }
    }
    let Breach(breach) = sink(async || Early(ModelTable::default())).await.unwrap_err();
    assert!(breach.contains("visible before finish"), "{breach}");
}

/// A source with one thing wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    LosesAChunk,
    LargeBatches,
    OtherRowsTheSecondTime,
    KeepsConnections,
}

struct Suspect {
    source: VecSource,
    wrong: Wrong,
    reads: AtomicU32,
}

#[async_trait]
impl Source for Suspect {
    async fn schema(&self) -> Result<SchemaRef> {
        self.source.schema().await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let mut chunks = self.source.plan(target).await?;
        if self.wrong == Wrong::LosesAChunk {
            chunks.pop();
        }
        Ok(chunks)
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let read = self.reads.fetch_add(1, Ordering::SeqCst);
        match self.wrong {
            Wrong::LargeBatches => self.source.read(chunk, rows_at_most(1_000)).await,
            Wrong::OtherRowsTheSecondTime if read == 1 => Ok(self.source.read(chunk, limit).await?.skip(1).boxed()),
            Wrong::KeepsConnections if read > 15 => std::future::pending().await,
            _ => self.source.read(chunk, limit).await,
        }
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.source.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        self.source.describe()
    }
}

async fn examine(wrong: Wrong) -> Result<(), Breach> {
    let source_of_rows = VecSource::numbered(3, 100);
    let whole = VecSource::numbered(1, 300);
    let target = ChunkTarget { bytes: 1, rows: 1, chunks: 1 };
    let chunk = whole.plan(target).await?.remove(0);
    let rows = whole.read(&chunk, rows_at_most(u32::MAX)).await?.next().await.unwrap()?;
    let digest = RowDigester::new(&whole.schema().await?)?.digest(&rows)?;
    let source_under_test = Suspect { source: source_of_rows, wrong, reads: AtomicU32::new(0) };
    let limit = rows_at_most(30);
    source(&SourceCase { source: Arc::new(source_under_test), target, limit, rows: 300, digest }).await
}

#[tokio::test(start_paused = true)]
async fn a_good_source_passes_and_every_wrong_one_is_found_out() {
    examine(Wrong::Nothing).await.unwrap();
    for (wrong, breach) in [
        (Wrong::LosesAChunk, "the chunks give"),
        (Wrong::LargeBatches, "a batch has 100 rows"),
        (Wrong::OtherRowsTheSecondTime, "reads as"),
        (Wrong::KeepsConnections, "hangs"),
    ] {
        let Breach(found) = examine(wrong).await.unwrap_err();
        assert!(found.contains(breach), "{found}");
    }
}
