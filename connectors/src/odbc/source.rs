//! Reading from ODBC.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    blocking::{ConnectionThreads, Outlet},
    chunk::{BatchLimit, Chunk},
    registry::{Setting, SourceKind},
    skipping::{Portion, PortionStream},
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
};
use tokio::sync::OnceCell;

use super::{
    Odbc,
    columns::{self, schema},
    connection::{Connector, Session},
    cut::{self, Recipe},
    drivers::{Portions, Rendering},
    fetch::{self, Reading},
    result::{self, OpenResult},
    snapshot::{self, Snapshot},
    spec::{Input, Partition, SourceSpec},
    statement::Statement,
};
use crate::shared_snapshot::CONSISTENCY;

/// Batches that wait in a stream.
const PREFETCH: usize = 2;

impl SourceKind for Odbc {
    const NAME: &'static str = "Odbc";
    const SETTINGS: &'static [Setting] = &[snapshot::ISOLATION_LEVEL];
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        let connector = Connector::new(&spec.linked_service)?;
        let open = connector.clone();
        Ok(Arc::new(OdbcSource {
            input: spec.input()?,
            partition: spec.partition()?,
            timeout_seconds: spec.query_timeout()?,
            one_state: snapshot::is_asked(spec.ropeway.isolation_level.as_deref())?,
            threads: ConnectionThreads::start(spec.connections(), move || open.open())?,
            connector,
            statement: OnceCell::new(),
            cut: Mutex::default(),
            snapshot: Mutex::default(),
        }))
    }
}

pub(super) struct OdbcSource {
    input: Input,
    partition: Partition,
    timeout_seconds: Option<usize>,
    /// Whether all chunks have to show one state.
    one_state: bool,
    threads: ConnectionThreads<Session>,
    connector: Connector,
    statement: OnceCell<Arc<Statement>>,
    /// How the input is cut, and into how many chunks.
    cut: Mutex<(String, usize)>,
    /// While chunks share one.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
}

impl OdbcSource {
    /// A table, read through so many connections at most.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if threads cannot be started.
    pub(super) fn of_table(connector: &Connector, parts: Vec<String>, connections: usize) -> Result<Self> {
        let open = connector.clone();
        Ok(Self {
            input: Input::Table(parts),
            partition: Partition::Found,
            timeout_seconds: None,
            one_state: false,
            threads: ConnectionThreads::start(connections, move || open.open())?,
            connector: connector.clone(),
            statement: OnceCell::new(),
            cut: Mutex::default(),
            snapshot: Mutex::default(),
        })
    }

    /// The input with its columns, asked once.
    async fn statement(&self) -> Result<&Arc<Statement>> {
        let input = self.input.clone();
        let describe = || self.threads.call(move |session| Statement::describe(session, &input).map(Arc::new));
        self.statement.get_or_try_init(describe).await.map_err(|error| error.on(Side::Source))
    }
}

impl OdbcSource {
    async fn portions(&self, chunk: &Chunk, limit: BatchLimit, skips: bool) -> Result<PortionStream> {
        let statement = self.statement().await?.clone();
        let recipe: Recipe = serde_json::from_value(chunk.recipe.clone()).map_err(|error| {
            Error::new(ErrorKind::Spec, "the stored plan is not one of this source; start a new run").caused_by(error)
        })?;
        let (input, timeout_seconds) = (self.input.clone(), self.timeout_seconds);
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.one_state && snapshot.is_none() && !recipe.is_whole() {
            return Err(Error::new(
                ErrorKind::Bug,
                "a chunk was read before the snapshot that it shares; please report it",
            ));
        }
        self.threads.read(PREFETCH, move |session, outlet| {
            read(session, ReadChunk { input, statement, recipe, limit, skips, timeout_seconds, snapshot }, outlet)
                .map_err(|error| error.on(Side::Source))
        })
    }
}

#[async_trait]
impl Source for OdbcSource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(schema(&self.statement().await?.columns))
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let statement = self.statement().await?.clone();
        let (input, partition, one_state) = (self.input.clone(), self.partition.clone(), self.one_state);
        let plan = move |session: &mut Session| {
            if one_state && !session.peer.driver.exports_snapshots {
                return Err(snapshot::unknown_here(session.peer.driver.name));
            }
            cut::cut(session, &statement, &input, &partition, target)
        };
        let cut = self.threads.call(plan).await.map_err(|error| error.on(Side::Source))?;
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = (cut.how, cut.chunks.len());
        Ok(cut.chunks)
    }

    fn shares_snapshot(&self, chunks: &[Chunk]) -> bool {
        self.one_state && chunks.len() > 1
    }

    async fn begin_snapshot(&self, _: u32) -> Result<()> {
        self.end_snapshot();
        let snapshot = Snapshot::begin(&self.connector).await.map_err(|error| error.on(Side::Source))?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
        Ok(())
    }

    fn end_snapshot(&self) {
        drop(self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        Ok(self.portions(chunk, limit, false).await?.map_ok(|portion| portion.rows).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        self.portions(chunk, limit, true).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        Some(
            "rows with a value that is none of its column's type, or cannot be held exactly: zero dates, malformed text"
                .into(),
        )
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // Asked after the schema, when the driver is known.
        let portions = self.statement.get().map_or(Portions::Driver, |statement| statement.portions);
        fetch::working_set(portions, limit) + PREFETCH as u64 * limit.bytes
    }

    fn describe(&self) -> SourceDescription {
        let statement = match self.statement.get() {
            Some(statement) => statement.select(None),
            None => String::new(),
        };
        let (cut, chunks) = self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let consistency = match (self.one_state, chunks) {
            (true, 2..) => CONSISTENCY,
            (true, _) => "one statement, which sees one state",
            (false, _) => {
                "each chunk is one statement and sees one state; chunks are read one after the other, so that \
                 rows whose key changes meanwhile may be missed or read twice"
            }
        };
        SourceDescription { statement, cut, consistency: consistency.to_owned() }
    }
}

struct ReadChunk {
    input: Input,
    statement: Arc<Statement>,
    recipe: Recipe,
    limit: BatchLimit,
    skips: bool,
    timeout_seconds: Option<usize>,
    snapshot: Option<Arc<Snapshot>>,
}

/// What a statement that failed says: whether the columns are still those that were planned.
fn changed_or(session: &Session, chunk: &ReadChunk, error: odbc_api::Error) -> Error {
    let error = session.peer.error("reading", &error);
    if error.kind() != ErrorKind::Spec {
        return error;
    }
    // Nothing can be asked in a transaction that failed.
    if chunk.statement.portions == Portions::Declared && session.connection.rollback().is_err() {
        return error;
    }
    let Ok(now) = Statement::describe(session, &chunk.input) else { return error };
    columns::refuse_change(&chunk.statement.columns, &now.columns, Rendering::Driver).err().unwrap_or(error)
}

fn read(session: &Session, chunk: ReadChunk, outlet: &Outlet<Portion>) -> Result<()> {
    let predicate = chunk.recipe.predicate(session)?;
    let sql = chunk.statement.select(predicate.sql.as_deref());
    let failed = |error: odbc_api::Error| session.peer.error("reading", &error);
    let mut asking = session.connection.preallocate().map_err(failed)?;
    if let Some(seconds) = chunk.timeout_seconds
        && let Err(error) = asking.set_query_timeout_sec(seconds)
    {
        // SQLite's and MariaDB's drivers have no time-out; Data Factory's designer always writes one.
        tracing::debug!(state = session.peer.complaint(&error).state, "the driver has no query time-out");
    }
    let portions = chunk.statement.portions;
    if let Some(snapshot) = &chunk.snapshot {
        snapshot.enter(session)?;
    }
    let cursor = result::open(session, &mut asking, (&sql, &predicate.parameters[..]), portions)
        .map_err(|error| changed_or(session, &chunk, error))?;
    let Some(mut cursor) = cursor else {
        return Err(Error::new(ErrorKind::Spec, "the query returns no rows and no columns; a source needs a SELECT"));
    };
    let found = columns::describe(&mut cursor, session.peer.driver).map_err(failed);
    if let Err(error) =
        found.and_then(|found| columns::refuse_change(&chunk.statement.columns, &found?, session.peer.driver.rendering))
    {
        // Its statement is freed on return; closing the cursor first could panic.
        let _ = cursor.into_stmt();
        return Err(error);
    }
    // Freeing the statement closes the cursor; odbc-api panics where closing alone fails.
    let mut open = OpenResult::new(cursor.into_stmt(), portions);
    let columns = &chunk.statement.columns;
    let reading =
        Reading { peer: &session.peer, columns, schema: schema(columns), limit: chunk.limit, skips: chunk.skips };
    reading.run(&mut open, outlet)?;
    result::finish(session, portions).map_err(failed)
}
