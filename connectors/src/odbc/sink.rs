//! Tables of any ODBC driver as a sink.
//!
//! A chunk is one transaction: its rows go in through arrays of parameters, then one statement checks that the run is still
//! this process's (the fence) and writes the chunk's row of the ledger, then it is committed. A commit whose answer was lost is
//! settled by reading the ledger. Whether there is a ledger, and whether rows are undone with a transaction, is tried.

mod claim;
mod connections;
mod encode;
mod faults;
mod fit;
mod holds;
mod load;
mod rights;
mod run;
mod statements;
mod table;
mod takes;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::{
    Result,
    chunk::BatchLimit,
    registry::SinkKind,
    sink::{ColumnFit, RunContext, Sink, SinkDescription, SinkRun, Takes, TargetSource},
};

use self::{connections::Connections, encode::BLOCK_BYTES, fit::Fit, rights::Reliance, run::TableRun, table::Table};
use super::{Odbc, connection::Connector, source::OdbcSource, spec::SinkSpec};

/// Rows that are executed at once, at most.
const BLOCK_ROWS: usize = 4_096;
/// Connections beside those that write, for the ledger.
const ASKING: usize = 2;

/// What a definition asks for, checked.
struct Settings {
    /// The parts of the table's name, outermost first.
    table: Vec<String>,
    /// Runs once per run, before the first row.
    script: Option<String>,
    block_rows: usize,
}

impl SinkKind for Odbc {
    const NAME: &'static str = "Odbc";
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        let connector = Connector::new(&spec.linked_service)?;
        let readers = spec.connections();
        let writers = if connector.driver()?.dialect.one_writer { 1 } else { readers };
        let asked = spec.sink.write_batch_size.filter(|rows| *rows > 0);
        let settings = Settings {
            table: spec.table()?,
            script: spec.sink.pre_copy_script.filter(|script| !script.trim().is_empty()),
            block_rows: asked.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(BLOCK_ROWS).min(BLOCK_ROWS),
        };
        Ok(Arc::new(OdbcSink {
            readers,
            asks: Connections::start(&connector, ASKING, false)?,
            loads: Connections::start(&connector, writers, true)?,
            settings: Arc::new(settings),
            owner: uuid::Uuid::new_v4().to_string(),
            seen: Mutex::default(),
            connector,
        }))
    }
}

/// A table of one database.
struct OdbcSink {
    connector: Connector,
    /// Connections that read the table back, at most.
    readers: usize,
    asks: Connections,
    loads: Connections,
    settings: Arc<Settings>,
    /// Tells this process from others that believe to have the same epoch.
    owner: String,
    seen: Mutex<Seen>,
}

/// What was found at the database, for `plan` and the report.
#[derive(Clone, Debug, Default)]
struct Seen {
    database: &'static str,
    table: String,
    reliance: Option<Reliance>,
    ddl_commits: bool,
}

impl OdbcSink {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for OdbcSink {
    async fn takes(&self) -> Result<Takes> {
        let settings = Arc::clone(&self.settings);
        self.asks.call(move |session| Ok(Table::look(session, &settings.table)?.takes())).await
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let (settings, schema) = (Arc::clone(&self.settings), Arc::clone(schema));
        let looked = self.asks.call(move |session| {
            let table = Table::look(session, &settings.table)?;
            let driver = session.peer.driver;
            let seen = Seen {
                database: driver.name,
                reliance: Some(rights::foreseen(session, &settings.table, &table)?),
                ddl_commits: driver.dialect.ddl_commits,
                table: table.name.clone(),
            };
            Ok((Fit::of(&schema, &table, driver.rendering)?.fits, seen))
        });
        let (fits, seen) = looked.await?;
        *self.seen() = seen;
        Ok(fits)
    }

    fn guarantee(&self) -> String {
        self.seen().reliance.unwrap_or(Reliance::Ledger).guarantee().to_owned()
    }

    fn describe(&self) -> SinkDescription {
        let Seen { database, table, ddl_commits, .. } = self.seen().clone();
        let script = if self.settings.script.is_some() && ddl_commits {
            "; a statement of «preCopyScript» that changes tables, such as TRUNCATE, commits by itself, so that a process that \
             is killed in between runs it again before the first row"
        } else {
            ""
        };
        SinkDescription {
            target: format!("{table} of {database}: each chunk by INSERTs in one transaction{script}"),
            statements: self.settings.script.iter().cloned().collect(),
        }
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let queues = (self.asks.clone(), self.loads.clone());
        let run = TableRun::begin(queues, Arc::clone(&self.settings), &self.owner, context).await?;
        self.seen().reliance = Some(run.reliance);
        Ok(Box::new(run))
    }

    fn skips(&self) -> Option<&'static str> {
        Some(crate::unfit::OF_A_TABLE)
    }

    fn as_source(&self, _: &SchemaRef) -> Result<Option<TargetSource>> {
        let source = OdbcSource::of_table(&self.connector, self.settings.table.clone(), self.readers)?;
        Ok(Some(TargetSource { source: Arc::new(source), is_there: true }))
    }

    fn working_set(&self, _: &SchemaRef, limit: BatchLimit) -> u64 {
        // The batch, its values as the driver takes them, and blocks: one being made, one waiting, one being written, of
        // which drivers make texts of their own.
        limit.bytes.saturating_mul(3).saturating_add(8 * BLOCK_BYTES as u64)
    }
}
