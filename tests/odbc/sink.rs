//! Writing through real ODBC drivers: what is stored is looked at by the databases' own clients.

mod conformance;
mod delivery;
mod refusals;
mod values;

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{
    Result,
    chunk::{ChunkId, Receipt},
    sink::{ColumnFit, Opened, Sink, SinkRun},
};
use ropeway_tests::odbc::{MariaDb, PostgreSql, Sqlite};
use serde_json::{Value, json};

use super::{Row, settings};
use crate::table_sink::{FIRST, chunk, context, write};

/// A database under test.
pub(crate) enum Database {
    PostgreSql(PostgreSql),
    MariaDb(MariaDb),
    Sqlite(Sqlite),
}

impl Database {
    pub(crate) fn all() -> [Self; 3] {
        [Self::PostgreSql(PostgreSql::start()), Self::MariaDb(MariaDb::start()), Self::Sqlite(Sqlite::start())]
    }

    pub(crate) fn connection_string(&self) -> String {
        match self {
            Self::PostgreSql(it) => it.connection_string(),
            Self::MariaDb(it) => it.connection_string(),
            Self::Sqlite(it) => it.connection_string(),
        }
    }

    pub(crate) fn run(&self, sql: &str) {
        match self {
            Self::PostgreSql(it) => it.run(sql),
            Self::MariaDb(it) => it.run(&format!("USE ropeway; {sql}")),
            Self::Sqlite(it) => it.run(sql),
        }
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Row> {
        match self {
            Self::PostgreSql(it) => it.rows(sql),
            Self::MariaDb(it) => it.rows(sql),
            Self::Sqlite(it) => it.rows(sql),
        }
    }

    fn count(&self, table: &str) -> u64 {
        self.rows(&format!("SELECT count(*) FROM {table}"))[0][0].as_ref().unwrap().parse().unwrap()
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::PostgreSql(_) => "PostgreSQL",
            Self::MariaDb(_) => "MariaDB",
            Self::Sqlite(_) => "SQLite",
        }
    }

    pub(crate) fn sink(&self, table: &str, sink: Value) -> Arc<dyn Sink> {
        connect(&self.connection_string(), json!({"tableName": table}), sink).unwrap()
    }
}

fn connect(connection: &str, dataset: Value, sink: Value) -> Result<Arc<dyn Sink>> {
    let mut settings = settings(connection, dataset, json!({}));
    settings["sink"] = sink;
    ropeway_connectors::registry().connect_sink("Odbc", settings)
}

/// Copies batches as one run of one chunk. How their columns fitted, and the receipt.
async fn copy(sink: &dyn Sink, run: &str, batches: &[RecordBatch]) -> Result<(Vec<ColumnFit>, Receipt)> {
    let schema = batches[0].schema();
    let fits = sink.fit(&schema).await?;
    let run = sink.begin(context(&schema, run, 1)).await?;
    let receipt = write(&*run, 0, FIRST, batches).await?;
    run.finish(std::slice::from_ref(&receipt)).await?;
    Ok((fits, receipt))
}
