//! SQL Server as a source and as a sink, over the wire: against the server that `ROPEWAY_TEST_SQLSERVER` names, or the
//! stand-in. Statements are plain T-SQL; `$(schema)` is the test's own schema. What depends on a server's
//! statistics (how many chunks, where they end) is asserted of the stand-in only; that every row is in
//! exactly one chunk, of both.

mod catalogue;
mod conformance;
mod cuts;
mod dividing;
mod entra;
mod faults;
mod logins;
mod shares;
mod sink;
mod snapshot;
pub(crate) mod target;
mod values;

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::AtomicU32},
};

use arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use ropeway_engine::{
    Error, Result,
    chunk::{BatchLimit, Chunk},
    source::{ChunkTarget, Source},
};
use ropeway_tests::sql_server::Server;
use serde_json::{Value, json};

use self::target::Target;

const LIMIT: BatchLimit = BatchLimit { rows: NonZeroU32::new(64).unwrap(), bytes: 1 << 20 };
/// Small chunks, so that small tables are cut.
const TARGET: ChunkTarget = ChunkTarget { bytes: 1 << 30, rows: 50, chunks: 1 };

/// A server with a table, and what a definition says of it.
struct Stage {
    target: Target,
    /// How often its runs were forgotten: those that come are others.
    generation: AtomicU32,
}

impl Stage {
    /// A target on which a batch has run.
    fn with(batch: &str) -> Self {
        Self::on(Target::from_env_or_start(), batch)
    }

    /// A stand-in on which a batch has run; `None` if a real server is to be tested.
    fn stand_in(because: &str, batch: &str) -> Option<Self> {
        Target::only_stand_in(because).map(|target| Self::on(target, batch))
    }

    fn on(target: Target, batch: &str) -> Self {
        target.run(batch);
        Self::of(target)
    }

    fn of(target: Target) -> Self {
        Self { target, generation: AtomicU32::new(0) }
    }

    /// The stand-in.
    fn server(&self) -> &Server {
        self.target.server()
    }

    fn spec(&self, dataset: Value, source: Value) -> Value {
        let (service, ropeway) = self.target.connection();
        json!({"linkedService": service, "dataset": dataset, "source": source, "ropeway": ropeway})
    }

    /// The settings of a table of the test's schema.
    fn spec_of(&self, table: &str) -> Value {
        self.spec(json!({"schema": self.target.schema(), "table": table}), json!({}))
    }

    fn source(&self, dataset: Value, source: Value) -> Arc<dyn Source> {
        connect(self.spec(dataset, source)).unwrap()
    }

    fn table(&self, name: &str) -> Arc<dyn Source> {
        self.cut(name, json!({}))
    }

    /// A table, cut as a copy source says.
    fn cut(&self, name: &str, source: Value) -> Arc<dyn Source> {
        self.source(json!({"schema": self.target.schema(), "table": name}), source)
    }

    fn is_real(&self) -> bool {
        self.target.is_real()
    }
}

fn connect(spec: Value) -> Result<Arc<dyn Source>> {
    ropeway_connectors::registry().connect_source("SqlServer", spec)
}

async fn read(source: &dyn Source, chunk: &Chunk) -> Result<Vec<RecordBatch>> {
    source.read(chunk, LIMIT).await?.try_collect().await
}

/// All batches of all chunks, and how many chunks there were.
async fn read_all(source: &dyn Source) -> Result<(Vec<RecordBatch>, usize)> {
    source.schema().await?;
    let chunks = source.plan(TARGET).await?;
    let mut batches = Vec::new();
    for chunk in &chunks {
        batches.extend(read(source, chunk).await?);
    }
    Ok((batches, chunks.len()))
}

/// The texts of a column over all batches, `None` for null.
fn texts(batches: &[RecordBatch], column: &str) -> Vec<Option<String>> {
    use arrow::{
        array::Array as _,
        util::display::{ArrayFormatter, FormatOptions},
    };
    let mut all = Vec::new();
    for batch in batches {
        let array = batch.column_by_name(column).unwrap();
        let format = ArrayFormatter::try_new(array, &FormatOptions::default()).unwrap();
        all.extend((0..array.len()).map(|row| array.is_valid(row).then(|| format.value(row).to_string())));
    }
    all
}

async fn failure(source: &dyn Source) -> Error {
    match read_all(source).await {
        Ok((batches, chunks)) => panic!("{} batches of {chunks} chunks instead of an error", batches.len()),
        Err(error) => error,
    }
}
