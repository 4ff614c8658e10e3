//! SQL Server as a sink: what a bulk load stores is looked at by the stand-in's own eyes, or by another client.

mod conformance;
mod delivery;
mod growing;
mod keys;
mod own_runs;
mod procedure;
mod staged;
mod tables;
mod values;
mod whole_run;

use std::sync::{Arc, atomic::Ordering};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{
    Result,
    chunk::{Attempt, ChunkId, Receipt},
    sink::{Opened, RunContext, Sink, SinkRun},
};
use serde_json::{Value, json};

use self::own_runs::OwnRuns;
use super::Stage;
use crate::table_sink::{FIRST, chunk, context, write};

impl Stage {
    /// A sink for a table of the test's schema.
    pub(super) fn sink(&self, table: &str, sink: Value) -> Arc<dyn Sink> {
        self.try_sink(table, sink).unwrap()
    }

    /// Another copy may have the id of an earlier one.
    fn forget_runs(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// What stands in front of the names of runs.
    fn prefix(&self) -> String {
        format!("{}-{}-", self.target.schema(), self.generation.load(Ordering::SeqCst))
    }

    /// Rows of the ledger that belong to the runs of this test that are not forgotten.
    fn committed_chunks(&self) -> i32 {
        let query = format!("SELECT COUNT(*) FROM [_cpy].[ledger] WHERE run_id LIKE N'{}%'", self.prefix());
        self.number(&query)
    }

    /// The number that a query gives; -1 for null.
    fn number(&self, query: &str) -> i32 {
        let text = self.target.ask(&format!("SELECT CAST(({query}) AS nvarchar(20)) AS n")).unwrap();
        text.map_or(-1, |text| text.parse().unwrap())
    }

    fn try_sink(&self, table: &str, sink: Value) -> Result<Arc<dyn Sink>> {
        let (service, mut ropeway) = self.target.connection();
        for name in ["lossy", "commit"] {
            if let Some(value) = sink.get(name) {
                ropeway[name] = value.clone();
            }
        }
        let dataset = json!({"schema": self.target.schema(), "table": table});
        let settings = json!({"linkedService": service, "dataset": dataset, "sink": sink, "ropeway": ropeway});
        let sink = ropeway_connectors::registry().connect_sink("SqlServer", settings)?;
        Ok(Arc::new(OwnRuns { sink, prefix: self.prefix() }))
    }
}

/// Copies batches as one run of one chunk.
async fn copy(sink: &dyn Sink, batches: &[RecordBatch]) -> Result<Receipt> {
    let schema = batches[0].schema();
    sink.fit(&schema).await?;
    let run = sink.begin(context(&schema, "copy", 1)).await?;
    let receipt = write(&*run, 0, FIRST, batches).await?;
    run.finish(std::slice::from_ref(&receipt)).await?;
    Ok(receipt)
}
