//! Runs under names of a test's own: the ledger of a real server is everybody's, and the tests name their runs alike.

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::chunk::{BatchLimit, RunId};
use ropeway_engine::sink::{ColumnFit, SinkDescription, TargetSource};

use super::*;

/// A sink whose runs have these letters in front of their names.
pub(super) struct OwnRuns {
    pub(super) sink: Arc<dyn Sink>,
    pub(super) prefix: String,
}

/// The name of a run with its prefix.
pub(super) fn named(prefix: &str, run: &str) -> RunId {
    RunId::try_from(format!("{prefix}{run}")).unwrap()
}

#[async_trait]
impl Sink for OwnRuns {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.sink.fit(schema).await
    }

    fn guarantee(&self) -> String {
        self.sink.guarantee()
    }

    fn describe(&self) -> SinkDescription {
        self.sink.describe()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let run = named(&self.prefix, context.run.as_str());
        self.sink.begin(RunContext { run, ..context }).await
    }

    fn as_source(&self, schema: &SchemaRef) -> Result<Option<TargetSource>> {
        self.sink.as_source(schema)
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.sink.working_set(schema, limit)
    }
}
