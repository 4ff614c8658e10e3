//! One run of the sink: its table, its ledger, its chunks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use odbc_api::sys::{CDataType, SqlDataType};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    sink::{Opened, Published, RunContext, SinkRun},
    skipping::Misfit,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{connection::Session, drivers::Rendering, raw::insert::Passed},
    Settings, claim,
    connections::Connections,
    encode::{Column, Encoder, Form},
    faults::Destination,
    fit::Fit,
    load::taken_over,
    rights::{self, Reliance},
    statements::{ENTRY, Ledger, Owned},
    table::{self, Table, TableColumn},
    writer::TableWriter,
};
use crate::{
    ledger::{self, Entry},
    sql,
};

/// Parameters of one statement, at most: SQLite has had 999.
const MOST_PARAMETERS: usize = 900;

/// What the chunks of a run share.
pub(super) struct Shared {
    pub(super) asks: Connections,
    pub(super) loads: Connections,
    pub(super) encoder: Encoder,
    pub(super) destination: Destination,
    /// The columns, quoted.
    pub(super) columns: Vec<String>,
    /// What stands for their values.
    pub(super) markers: Vec<&'static str>,
    /// Rows of one INSERT.
    pub(super) values: usize,
    /// Whether one execution takes many.
    pub(super) arrays: bool,
    pub(super) owned: Owned,
    pub(super) ledger: Option<Ledger>,
    /// Bytes of values that the database took.
    pub(super) moved: AtomicU64,
}

impl Shared {
    /// Whether the ledger, as this session sees it, has just this entry.
    pub(super) fn is_committed(&self, session: &Session, ledger: &Ledger, entry: &Entry) -> Result<bool> {
        Ok(entries(session, &ledger.entry(entry.chunk), &self.owned)?.contains(entry))
    }
}

/// A run that has begun.
pub(super) struct TableRun {
    shared: Arc<Shared>,
    opening: Opening,
    pub(super) reliance: Reliance,
}

/// What a resume has to know.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Opening {
    /// Whether the run has a ledger: what began with one goes on with it.
    ledger: bool,
}

impl TableRun {
    /// Takes the run, prepares the table once, and decides how rows get there.
    pub(super) async fn begin(
        (asks, loads): (Connections, Connections),
        settings: Arc<Settings>,
        owner: &str,
        context: RunContext,
    ) -> Result<Self> {
        let known = context.opening.as_ref().map(Opening::deserialize).transpose().map_err(not_ours)?;
        let owned = Owned { run: context.run.clone(), epoch: context.epoch, owner: owner.to_owned() };
        let queues = (asks.clone(), loads);
        let begun = asks.call(move |session| {
            let had = known.map(|opening| opening.ledger);
            let ledger = Ledger::beside(session, &settings.table)?;
            let mut reliance = rights::ledger(session, &ledger, &owned.run, had)?;
            let ledger = (reliance == Reliance::Ledger).then_some(ledger);
            claim::prepare(session, ledger.as_ref(), &owned, (settings.script.as_deref(), known.is_none()))?;
            let table = Table::look(session, &settings.table)?;
            if !table.has_transactions {
                reliance = Reliance::NoTransactions;
            }
            let rendering = session.peer.driver.rendering;
            let columns = Fit::of(&context.schema, &table, rendering)?.columns;
            let shared = shared(session, &table.name, columns, Run { queues, context, settings, owned, ledger })?;
            Ok((shared, reliance))
        });
        let (shared, reliance) = begun.await?;
        let opening = Opening { ledger: shared.ledger.is_some() };
        Ok(Self { shared: Arc::new(shared), opening, reliance })
    }
}

struct Run {
    queues: (Connections, Connections),
    context: RunContext,
    settings: Arc<Settings>,
    owned: Owned,
    ledger: Option<Ledger>,
}

fn shared(session: &Session, table: &str, columns: Vec<(Column, TableColumn)>, run: Run) -> Result<Shared> {
    let (driver, quote) = (session.peer.driver, session.quote()?);
    let quoted: Result<Vec<_>> = columns.iter().map(|(column, _)| sql::quote_odbc_ident(&column.name, quote)).collect();
    let markers = columns.iter().map(|(column, _)| marker(column.form, driver.rendering)).collect();
    let names = columns.iter().map(|(column, _)| column.name.clone()).collect();
    let values = driver.dialect.values.min(MOST_PARAMETERS / columns.len().max(1)).max(1);
    let passed = columns.into_iter().map(|(column, to)| {
        let passed = passed(&column, &to, driver.rendering);
        (column, passed)
    });
    let encoder = Encoder::new(&run.context.schema, passed.collect(), run.settings.block_rows)?;
    let (asks, loads) = run.queues;
    Ok(Shared {
        asks,
        loads,
        encoder,
        destination: Destination { table: table.to_owned(), columns: names },
        columns: quoted?,
        markers,
        values,
        arrays: driver.dialect.arrays,
        owned: run.owned,
        ledger: run.ledger,
        moved: AtomicU64::new(0),
    })
}

/// SQLite's driver ends texts at a NUL character: they go as bytes.
fn marker(form: Form, rendering: Rendering) -> &'static str {
    match form {
        Form::Whole | Form::Real { .. } | Form::Bytes { .. } => "?",
        _ if rendering == Rendering::Sqlite => "CAST(? AS TEXT)",
        _ => "?",
    }
}

/// A database that is known finds the type of the column by itself.
fn passed(column: &Column, to: &TableColumn, rendering: Rendering) -> Passed {
    let (c_type, sql_type) = match column.form {
        Form::Whole => (CDataType::SBigInt, SqlDataType::EXT_BIG_INT),
        Form::Real { .. } => (CDataType::Double, SqlDataType::DOUBLE),
        Form::Bytes { .. } => (CDataType::Binary, SqlDataType::EXT_VAR_BINARY),
        Form::Wide(_) => (CDataType::WChar, SqlDataType::EXT_W_VARCHAR),
        _ if rendering == Rendering::Sqlite => (CDataType::Binary, SqlDataType::EXT_VAR_BINARY),
        _ => (CDataType::Char, SqlDataType::VARCHAR),
    };
    let (described, size, digits) = to.described;
    match rendering {
        Rendering::Driver if !matches!(column.form, Form::Whole | Form::Real { .. }) => {
            Passed { c_type, sql_type: described, digits, size: Some(size).filter(|size| *size > 0) }
        }
        _ => Passed { c_type, sql_type, digits: 0, size: None },
    }
}

/// The ledger's rows that a query gives.
fn entries(session: &Session, query: &str, owned: &Owned) -> Result<Vec<Entry>> {
    let rows = table::rows(session, query, &[owned.run.as_str()])?;
    let entry = |row: Vec<Option<String>>| {
        Entry::read(|name| ENTRY.iter().position(|column| *column == name).and_then(|at| row.get(at)?.as_deref()))
    };
    rows.into_iter().map(entry).collect()
}

#[async_trait]
impl SinkRun for TableRun {
    fn opening(&self) -> Value {
        json!(self.opening)
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let first = attempt == Attempt { epoch: 1, number: 1 };
        if let (Some(ledger), false) = (&self.shared.ledger, first) {
            let (query, owned) = (ledger.entry(chunk.id), self.shared.owned.clone());
            let committed = self.shared.asks.call(move |session| entries(session, &query, &owned)).await?;
            if let Some(entry) = committed.first() {
                return Ok(Opened::AlreadyCommitted(entry.receipt()));
            }
        }
        Ok(Opened::Writer(Box::new(TableWriter::new(Arc::clone(&self.shared), chunk.id, attempt))))
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        let Some(ledger) = self.shared.ledger.as_ref().filter(|_| !receipts.is_empty()) else { return Ok(Vec::new()) };
        let (query, owned) = (ledger.entries(), self.shared.owned.clone());
        let stored = self.shared.asks.call(move |session| entries(session, &query, &owned)).await?;
        Ok(ledger::lost(receipts, &stored))
    }

    fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        self.shared.encoder.misfits(batch)
    }

    fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }

    async fn finish(&self, _: &[Receipt]) -> Result<Published> {
        if let Some(ledger) = self.shared.ledger.clone() {
            let owned = self.shared.owned.clone();
            self.shared.asks.call(move |session| finish(session, &ledger, &owned)).await?;
        }
        Ok(Published { names: vec![self.shared.destination.table.clone()], ..Published::default() })
    }

    /// The rows that are committed stay: nobody can tell them from others any more.
    async fn abort(&self) -> Result<()> {
        Ok(())
    }
}

fn finish(session: &Session, ledger: &Ledger, owned: &Owned) -> Result<()> {
    let done = table::execute(session, &ledger.finish(owned.epoch), &[owned.run.as_str(), &owned.owner]);
    done.map_err(|error| session.peer.error("finishing the run in the ledger", &error))?;
    match claim::holder(session, ledger, owned)? {
        Some(holder) if holder.is(owned) => Ok(()),
        _ => Err(taken_over()),
    }
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the checkpoint of this run was not written by this sink; please report it")
        .caused_by(error)
}
