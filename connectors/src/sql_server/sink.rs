//! SQL Server as a sink.
//!
//! A chunk is one transaction: its rows go in as a bulk load, then one batch checks that the run is still this process's
//! (the fence), writes the chunk's row of the ledger, and commits. The fence comes last and waits for no answer of ours, so
//! a process that is stopped anywhere holds up nobody. A commit whose answer was lost is settled by reading the ledger.

mod call;
mod clashes;
mod create;
pub(super) mod encode;
mod fit;
mod grow;
mod into_table;
mod layout;
mod load;
mod procedure;
mod rights;
mod run;
mod settings;
mod staging;
mod statements;
mod table;
mod takes;
mod target;
mod whole_run;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{FieldRef, SchemaRef};
use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    sink::{ColumnFit, RunContext, Sink, SinkDescription, SinkRun, Takes, TargetSource},
};

pub(super) use self::whole_run::COMMIT;
use self::{
    fit::Fit,
    procedure::Procedure,
    rights::Ledger,
    run::{TableRun, no_table},
    settings::{Behavior, Settings},
    table::Shape,
    target::Target,
};
use super::{login::Login, pool::Pool, settings::TypeSettings, source::SqlServerSource, spec::SinkSpec};

/// What a session holds beside its blocks: packets, the state of the line.
const SESSION: u64 = 256 * 1024;

/// The type of a column whose length depends on what comes, for people.
const GROWING: &str = "nvarchar, as long as its texts";

/// A table of one SQL Server.
pub(crate) struct SqlServerSink {
    pool: Arc<Pool>,
    settings: Settings,
    /// Tells this process from others that believe to have the same epoch.
    owner: String,
    seen: Mutex<Seen>,
}

/// What was found at the server, for `plan` and the report.
#[derive(Clone, Debug, Default)]
struct Seen {
    ledger: Option<Ledger>,
    shape: Option<Shape>,
    has_keys: bool,
    procedure: Option<Procedure>,
    create: Option<String>,
}

impl SqlServerSink {
    /// Checks the settings; opens no connection.
    pub(crate) fn new(spec: SinkSpec) -> Result<Self> {
        let login = Login::of(&spec.linked_service, &spec.ropeway)?;
        Ok(Self {
            pool: Arc::new(Pool::new(login)?),
            settings: Settings::of(&spec.dataset, spec.sink, &spec.ropeway)?,
            owner: uuid::Uuid::new_v4().to_string(),
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn way_into_the_table(&self, shape: Option<Shape>) -> String {
        let what = match shape {
            None => "a new table",
            Some(Shape::Heap) => "a heap",
            Some(Shape::Columnstore) => "a columnstore",
            Some(Shape::Indexed) => "a table with indexes",
        };
        let way = match (&self.settings.behavior, shape) {
            (Behavior::Upsert { .. }, _) if !self.settings.whole_run => {
                ", through a table of its own, from which rows are upserted"
            }
            _ if self.settings.whole_run => {
                ", through tables of its own, from which all rows go in one transaction in the end"
            }
            (_, Some(Shape::Indexed)) => ", through a table of its own where there are several chunks",
            _ => "",
        };
        let lock = if self.settings.table_lock { ", under a table lock" } else { "" };
        format!("{}, {what}: each chunk by one bulk load{lock}{way}", self.settings.target)
    }

    /// How columns fit into a table that is not there yet.
    fn fit_of_the_future(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        if self.settings.auto_create {
            let types = create::types(schema)?.into_iter().zip(schema.fields());
            let fit = |(made, field): (String, &FieldRef)| {
                let sink_type = if create::grows(field) { GROWING.to_owned() } else { made };
                ColumnFit { sink_type, loss: None }
            };
            return Ok(types.map(fit).collect());
        }
        if self.settings.script.is_none() {
            return Err(no_table(&self.settings));
        }
        let fit = |_| ColumnFit { sink_type: "as «preCopyScript» makes it".to_owned(), loss: None };
        Ok(schema.fields().iter().map(fit).collect())
    }
}

#[async_trait]
impl Sink for SqlServerSink {
    async fn takes(&self) -> Result<Takes> {
        let mut session = self.pool.session(statements::SESSION).await?;
        let target = Target::look(&mut session, &self.settings).await?;
        self.pool.put_back(session);
        Ok(target.map_or(Takes::Anything, |target| target.table.takes()))
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let mut session = self.pool.session(statements::SESSION).await?;
        let ledger = rights::foreseen(&mut session).await?;
        if self.settings.whole_run && ledger != Ledger::Kept {
            return Err(rights::needed_for_the_whole_run());
        }
        let target = Target::look(&mut session, &self.settings).await?;
        self.pool.put_back(session);
        let create = match (&target, self.settings.auto_create) {
            (None, true) => Some(create::statement(&self.settings.target, schema)?),
            _ => None,
        };
        let shape = target.as_ref().map(|target| target.table.shape);
        let has_keys = target.as_ref().is_some_and(|target| !target.table.unique.is_empty());
        let procedure = target.as_ref().and_then(|target| target.procedure.clone());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Seen { ledger: Some(ledger), shape, has_keys, procedure, create };
        match target {
            Some(target) => Ok(Fit::of(schema, &target.table, self.settings.liberty())?.fits),
            None => self.fit_of_the_future(schema),
        }
    }

    fn guarantee(&self) -> String {
        let ledger = self.seen().ledger.unwrap_or(Ledger::Kept);
        match self.settings.behavior {
            _ if self.settings.whole_run => whole_run::GUARANTEE,
            Behavior::Call(_) => ledger.guarantee_of_calls(),
            Behavior::Insert | Behavior::Upsert { .. } => ledger.guarantee(),
        }
        .to_owned()
    }

    fn describe(&self) -> SinkDescription {
        let seen = self.seen();
        let target = match &seen.procedure {
            Some(procedure) => procedure.description(),
            None => self.way_into_the_table(seen.shape),
        };
        SinkDescription { target, statements: self.settings.script.iter().cloned().chain(seen.create).collect() }
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let run = TableRun::begin(&self.pool, &self.settings, &self.owner, context).await?;
        let ledger = if run.has_ledger() { Ledger::Kept } else { Ledger::Refused };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).ledger = Some(ledger);
        Ok(Box::new(run))
    }

    fn skips(&self) -> Option<&'static str> {
        let seen = self.seen();
        let minds_keys = seen.has_keys
            && seen.ledger == Some(Ledger::Kept)
            && matches!(self.settings.behavior, Behavior::Insert)
            && !self.settings.whole_run;
        Some(if minds_keys { crate::unfit::OF_A_TABLE_WITH_KEYS } else { crate::unfit::OF_A_TABLE })
    }

    fn as_source(&self, schema: &SchemaRef) -> Result<Option<TargetSource>> {
        // A script that runs with the last transaction may change what stood there before.
        let changes = self.settings.whole_run && self.settings.script.is_some();
        if changes || !matches!(self.settings.behavior, Behavior::Insert) {
            return Err(Error::new(
                ErrorKind::Spec,
                "the rows of an upsert, of a stored procedure, or of a whole run with «preCopyScript» cannot be told from \
                 what they change, so that the table is not read back; remove validateDataConsistency: rows and digests are compared anyway as they are written",
            ));
        }
        let types = TypeSettings::like(schema);
        let source = SqlServerSource::of_table(Arc::clone(&self.pool), self.settings.target.clone(), types);
        Ok(Some(TargetSource { source: Arc::new(source), is_there: self.seen().shape.is_some() }))
    }

    fn working_set(&self, _: &SchemaRef, limit: BatchLimit) -> u64 {
        // The batch, its columns as the table takes them, and its rows, which UTF-16 may double.
        limit.bytes.saturating_mul(4).saturating_add(SESSION)
    }
}
