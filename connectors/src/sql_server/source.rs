//! SQL Server as a source.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    skipping::PortionStream,
    source::{Arrivals, BatchStream, ChunkTarget, Hastening, Source, SourceDescription},
};
use tokio::sync::OnceCell;

use super::{
    cut::{PartitionOption, Planner, Recipe},
    describe,
    early_end::EarlyEnd,
    input::Input,
    login::Login,
    pool::Pool,
    reading::{Planned, Reading, Sessions},
    settings::TypeSettings,
    snapshot::Snapshot,
    spec::SourceSpec,
    statements, time_span, types,
};
use crate::{shared_snapshot::CONSISTENCY, sql::quote_ident};

/// Seconds: Data Factory's own default.
const QUERY_TIMEOUT: u32 = 7_200;
/// Batches of a stream that exist at once: in the making, its buffers growing, waiting, and taken.
const BATCHES: u64 = 4;
/// What a session holds beside its batches.
const SESSION: u64 = 256 * 1024;

const NOT_PLANNED: &str = "not planned yet";

/// The isolation level under which all chunks show one state.
const SNAPSHOT: &str = "SNAPSHOT";

/// A table, a query or a procedure of one SQL Server.
pub(crate) struct SqlServerSource {
    pool: Arc<Pool>,
    input: Input,
    option: PartitionOption,
    isolation: Option<&'static str>,
    timeout: u32,
    copies: Option<u32>,
    types: TypeSettings,
    planned: OnceCell<Arc<Planned>>,
    /// Why the input is cut as it is, and the column in whose order ranges are read, quoted.
    cut: Mutex<Option<(String, Option<String>)>>,
    arrivals: Arrivals,
    hastening: Hastening,
    /// While chunks share one.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
}

impl SqlServerSource {
    /// Checks the settings.
    pub(crate) fn new(spec: SourceSpec) -> Result<Self> {
        let login = Login::of(&spec.linked_service, &spec.ropeway)?;
        let source = spec.source;
        let input = Input::of(&spec.dataset, &source)?;
        let timeout = match source.query_timeout.as_deref() {
            Some(text) => time_span::seconds("queryTimeout", text)?,
            None => login.command_timeout.unwrap_or(QUERY_TIMEOUT),
        };
        Ok(Self {
            option: PartitionOption::of(source.partition_option.as_deref(), source.partition_settings)?,
            isolation: isolation(source.isolation_level.as_deref())?,
            types: TypeSettings::of(&spec.ropeway)?,
            pool: Arc::new(Pool::new(login)?),
            input,
            timeout,
            copies: spec.parallel_copies,
            planned: OnceCell::new(),
            cut: Mutex::new(None),
            arrivals: Arrivals::default(),
            hastening: Hastening::default(),
            snapshot: Mutex::new(None),
        })
    }

    /// A table of this name, quoted, over sessions that somebody else uses as well.
    pub(crate) fn of_table(pool: Arc<Pool>, name: String, types: TypeSettings) -> Self {
        Self {
            option: PartitionOption::Unset,
            isolation: None,
            types,
            timeout: pool.login().command_timeout.unwrap_or(QUERY_TIMEOUT),
            pool,
            input: Input::Table(name),
            copies: None,
            planned: OnceCell::new(),
            cut: Mutex::new(None),
            arrivals: Arrivals::default(),
            hastening: Hastening::default(),
            snapshot: Mutex::new(None),
        }
    }

    async fn planned(&self) -> Result<&Arc<Planned>> {
        self.planned.get_or_try_init(|| self.describe_columns()).await
    }

    async fn describe_columns(&self) -> Result<Arc<Planned>> {
        let mut session = self.pool.session(&statements::session(None, self.isolation)).await?;
        let columns = describe::columns(&mut session, &self.input).await?;
        self.pool.put_back(session);
        let schema = Arc::new(types::schema(&columns, self.types)?);
        Ok(Arc::new(Planned { schema, columns, types: self.types }))
    }
}

impl SqlServerSource {
    /// Where a chunk is read, and the isolation level that its session is given for it.
    fn sessions(&self, recipe: &Recipe) -> Result<(Sessions, Option<&'static str>)> {
        if self.isolation != Some(SNAPSHOT) || *recipe == Recipe::Whole {
            return Ok((Sessions::Pool(Arc::clone(&self.pool)), self.isolation));
        }
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let snapshot = snapshot.ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a chunk was read before the snapshot that it shares; please report it")
        })?;
        Ok((Sessions::Snapshot(snapshot), None))
    }

    async fn portions(&self, chunk: &Chunk, limit: BatchLimit, skips: bool) -> Result<PortionStream> {
        let recipe = Recipe::of(chunk)?;
        let (sessions, isolation) = self.sessions(&recipe)?;
        let planned = Arc::clone(self.planned().await?);
        let haste = self.hastening.begin(chunk.id);
        let reading = Reading {
            early_end: EarlyEnd::of(&self.input, &recipe, &planned.columns, haste),
            planned,
            query: self.input.part(&recipe)?,
            preamble: statements::session(Some(limit.bytes), isolation),
            timeout: self.timeout,
            limit,
            skips,
            arrived: self.arrivals.begin(chunk.id),
        };
        Ok(reading.start(sessions))
    }
}

#[async_trait]
impl Source for SqlServerSource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.planned().await?.schema))
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let mut session = self.pool.session(&statements::session(None, self.isolation)).await?;
        let one_state = self.isolation == Some(SNAPSHOT);
        let mut planner = Planner { session: &mut session, input: &self.input, target, copies: self.copies, one_state };
        let cut = planner.plan(&self.option).await?;
        self.pool.put_back(session);
        let chunks = cut.chunks()?;
        let order = cut.recipes.iter().find_map(Recipe::order).map(|key| quote_ident(&key.column)).transpose()?;
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = Some((cut.why, order));
        Ok(chunks)
    }

    fn shares_snapshot(&self, chunks: &[Chunk]) -> bool {
        self.isolation == Some(SNAPSHOT) && chunks.len() > 1
    }

    async fn begin_snapshot(&self, readers: u32) -> Result<()> {
        self.end_snapshot();
        let Input::Table(table) = &self.input else {
            return Err(Error::new(ErrorKind::Bug, "what is no table was cut for a shared snapshot; please report it"));
        };
        let snapshot = Snapshot::begin(&self.pool, table, readers as usize).await?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
        Ok(())
    }

    fn end_snapshot(&self) {
        // Its sessions close with the last chunk that reads.
        drop(self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        Ok(self.portions(chunk, limit, false).await?.map_ok(|portion| portion.rows).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        self.portions(chunk, limit, true).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        Some("rows with a value that its column cannot hold exactly: dates outside 1677 to 2262, malformed text".into())
    }

    fn arrived(&self, chunk: ChunkId) -> Option<u64> {
        self.arrivals.of(chunk)
    }

    fn divides(&self, chunk: &Chunk) -> bool {
        matches!(self.input, Input::Table(_)) && Recipe::of(chunk).is_ok_and(|recipe| recipe.order().is_some())
    }

    fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        self.hastening.hasten(chunk, parts)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        let unbounded = self.planned.get().is_some_and(|planned| planned.columns.iter().any(|column| column.unbounded));
        // A large value exists once as it came, beside the batch that it is copied into.
        BATCHES * limit.bytes + if unbounded { 2 * limit.bytes } else { 0 } + SESSION
    }

    fn describe(&self) -> SourceDescription {
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (why, order) = cut.unwrap_or_else(|| (NOT_PLANNED.to_owned(), None));
        let several = why != NOT_PLANNED && !why.starts_with("one chunk");
        let statement = self.input.shown(several);
        SourceDescription {
            statement: match order {
                Some(order) => statements::in_order(&statement, &order),
                None => statement,
            },
            cut: why,
            consistency: consistency(self.isolation, several),
        }
    }
}

fn consistency(isolation: Option<&'static str>, several: bool) -> String {
    let level = match isolation {
        None => "the database's default isolation",
        Some(level) => level,
    };
    if several && level == SNAPSHOT {
        CONSISTENCY.to_owned()
    } else if several {
        format!("each chunk by itself, under {level}: a row that changes its key meanwhile may be seen twice or never")
    } else {
        format!("one statement under {level}")
    }
}

fn isolation(name: Option<&str>) -> Result<Option<&'static str>> {
    match name.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "unspecified") => Ok(None),
        Some("readcommitted") => Ok(Some("READ COMMITTED")),
        Some("readuncommitted") => Ok(Some("READ UNCOMMITTED")),
        Some("repeatableread") => Ok(Some("REPEATABLE READ")),
        Some("serializable") => Ok(Some("SERIALIZABLE")),
        Some("snapshot") => Ok(Some(SNAPSHOT)),
        Some(other) => Err(Error::new(
            ErrorKind::Spec,
            "«isolationLevel» is ReadCommitted, ReadUncommitted, RepeatableRead, Serializable or Snapshot",
        )
        .with("isolationLevel", other.escape_debug())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolation_levels_are_sql_servers_own() {
        assert_eq!(isolation(Some("Snapshot")).unwrap(), Some("SNAPSHOT"));
        assert_eq!(isolation(None).unwrap(), None);
        assert!(isolation(Some("Chaos; DROP TABLE t")).is_err());
    }
}
