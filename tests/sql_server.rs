//! SQL Server as a source, over the wire, against the stand-in.

mod catalogue;
mod cuts;
mod faults;
mod logins;
mod values;

use std::{io::Write as _, num::NonZeroU32, sync::Arc};

use arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use ropeway_engine::{
    Error, Result,
    chunk::{BatchLimit, Chunk},
    source::{ChunkTarget, Source},
};
use ropeway_tests::sql_server::Server;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

const LIMIT: BatchLimit = BatchLimit { rows: NonZeroU32::new(64).unwrap(), bytes: 1 << 20 };
/// Small chunks, so that small tables are cut.
const TARGET: ChunkTarget = ChunkTarget { bytes: 1 << 30, rows: 50, chunks: 1 };

/// A server with a table, and what a definition says of it.
struct Stage {
    server: Server,
    ca: NamedTempFile,
}

impl Stage {
    /// Starts a server and runs a batch on it.
    fn with(batch: &str) -> Self {
        let server = Server::start().unwrap();
        server.execute("sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
        let mut ca = NamedTempFile::new().unwrap();
        ca.write_all(server.ca_pem.as_bytes()).unwrap();
        Self { server, ca }
    }

    fn linked_service(&self) -> Value {
        json!({"type": "SqlServer", "connectionString": self.server.connection_string()})
    }

    fn spec(&self, dataset: Value, source: Value) -> Value {
        json!({"linkedService": self.linked_service(), "dataset": dataset, "source": source,
            "ropeway": {"caBundle": self.ca.path()}})
    }

    fn source(&self, dataset: Value, source: Value) -> Arc<dyn Source> {
        connect(self.spec(dataset, source)).unwrap()
    }

    fn table(&self, name: &str) -> Arc<dyn Source> {
        self.source(json!({"schema": "dbo", "table": name}), json!({}))
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
