//! One chunk being read: a task owns the session, batches leave through a channel.

use std::{pin::pin, sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::{StreamExt as _, stream};
use mssql_tds::query::metadata::ColumnMetadata;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    progress::Count,
    skipping::{Portion, PortionStream},
};
use tokio::sync::mpsc;

use super::{
    early_end::EarlyEnd,
    errors::number,
    pool::Pool,
    rows::RowBatch,
    settings::TypeSettings,
    snapshot::Snapshot,
    statements::IN_SNAPSHOT,
    types::{Column, Kind},
    wire::{Limits, Query, Session, Stop},
};

/// The columns as they were planned.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) schema: SchemaRef,
    pub(crate) columns: Vec<Column>,
    pub(crate) types: TypeSettings,
}

/// Where the session of a chunk comes from.
pub(crate) enum Sessions {
    /// Each chunk shows the state that it finds.
    Pool(Arc<Pool>),
    /// All chunks show one state.
    Snapshot(Arc<Snapshot>),
}

/// Everything that reading a chunk needs.
pub(crate) struct Reading {
    pub(crate) planned: Arc<Planned>,
    pub(crate) query: Query,
    pub(crate) preamble: String,
    pub(crate) timeout: u32,
    pub(crate) limit: BatchLimit,
    /// Whether rows with values that do not fit are left out.
    pub(crate) skips: bool,
    /// Counts the rows that arrive.
    pub(crate) arrived: Arc<Count>,
    /// For a chunk that may end before its last row.
    pub(crate) early_end: Option<EarlyEnd>,
}

/// How the rows of a statement ended.
enum End {
    /// With the last one. These were not handed on yet: an error of the statement may stand behind its last row, and only
    /// then they are true.
    Whole(Vec<Portion>),
    /// Because others shall read on behind this key. These rows are the last before.
    Early(Portion, String),
    /// Nobody wants them any more.
    Unwanted,
}

/// A portion, or `None` behind the last one: a channel that closes without it was cut off.
type Message = Result<Option<Portion>>;

/// How long a server that was told to stop a query may take to say that it has.
const STOPPING: Duration = Duration::from_secs(40);

impl Reading {
    /// Starts the task. Dropping the stream ends it.
    pub(crate) fn start(self, sessions: Sessions) -> PortionStream {
        let (outlet, batches) = mpsc::channel::<Message>(1);
        tokio::spawn(async move {
            let read = match sessions {
                Sessions::Pool(pool) => tokio::select! {
                    biased;
                    // The session closes, and the server stops.
                    () = outlet.closed() => return,
                    read = self.pooled(&pool, &outlet) => read,
                },
                Sessions::Snapshot(snapshot) => self.within(&snapshot, &outlet).await,
            };
            // Nobody reads any more: nobody needs to be told.
            drop(outlet.send(read.map(|()| None)).await);
        });
        stream::unfold(Some(batches), next).boxed()
    }

    async fn pooled(mut self, pool: &Pool, outlet: &mpsc::Sender<Message>) -> Result<()> {
        let mut session = pool.session(&self.preamble).await?;
        let (early_end, most_bytes) = (self.early_end.take(), self.limit.bytes);
        match (self.read(&mut session, (None, early_end.as_ref()), outlet).await?, &early_end) {
            (End::Whole(rest), _) => {
                pool.put_back(session);
                hand_on(rest, outlet).await;
            }
            (End::Early(last, bound), Some(early_end)) => {
                // It closes, and the server stops.
                drop(session);
                let divided = early_end.divided(pool, bound).await?;
                hand_on(within(last, most_bytes), outlet).await;
                return Err(divided.into_end());
            }
            _ => {}
        }
        Ok(())
    }

    /// There are only so many sessions of a snapshot: one whose rows nobody wants any more is stopped, not closed.
    async fn within(mut self, snapshot: &Snapshot, outlet: &mpsc::Sender<Message>) -> Result<()> {
        let mut lease = tokio::select! {
            () = outlet.closed() => return Ok(()),
            lease = snapshot.session(&self.preamble) => lease?,
        };
        self.query.sql = format!("{IN_SNAPSHOT}; {}", self.query.sql);
        let stop = Stop::new();
        let read = {
            let mut reading = pin!(self.read(lease.session()?, (Some(&stop), None), outlet));
            tokio::select! {
                biased;
                read = &mut reading => read,
                () = outlet.closed() => {
                    stop.now();
                    let stopped = tokio::time::timeout(STOPPING, reading).await;
                    stopped.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the server does not stop a query")))
                }
            }
        };
        match read {
            Ok(End::Whole(rest)) => {
                lease.give_back();
                hand_on(rest, outlet).await;
                Ok(())
            }
            Ok(_) => {
                lease.recover().await;
                Ok(())
            }
            // The server ended the statement, and perhaps nothing else; after any other error nobody knows where the
            // answer stands.
            Err(error) if error.kind() == ErrorKind::Cancelled || number(&error).is_some() => {
                lease.recover().await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads all rows and hands them on, but for the last ones, which are given back.
    async fn read(
        self,
        session: &mut Session,
        (stop, early_end): (Option<&Stop>, Option<&EarlyEnd>),
        outlet: &mpsc::Sender<Message>,
    ) -> Result<End> {
        let columns = session.start(self.query, Limits { seconds: Some(self.timeout), stop }).await?;
        let kinds = agreed(&self.planned, &columns)?;
        let mut batch = RowBatch::new(Arc::clone(&self.planned.schema), &kinds, self.planned.types, self.limit)
            .skipping(self.skips)
            .counting(self.arrived);
        while session.fill(&mut batch).await? {
            let portion = batch.take()?;
            if let Some((last, bound)) = early_end.and_then(|early_end| early_end.within(&portion)) {
                return Ok(End::Early(last, bound));
            }
            for part in within(portion, self.limit.bytes) {
                if outlet.send(Ok(Some(part))).await.is_err() {
                    return Ok(End::Unwanted);
                }
            }
        }
        let rest = if batch.is_empty() { Vec::new() } else { within(batch.take()?, self.limit.bytes) };
        session.finish().await?;
        Ok(End::Whole(rest))
    }
}

async fn hand_on(portions: Vec<Portion>, outlet: &mpsc::Sender<Message>) {
    for portion in portions {
        drop(outlet.send(Ok(Some(portion))).await);
    }
}

/// The portion, without its last row if only that made it too large: a row's size is known once it is there. What was
/// left out goes by itself, for it is as large.
fn within(portion: Portion, most_bytes: u64) -> Vec<Portion> {
    let Portion { read, rows, skipped, left_out } = portion;
    let none = Portion { read: read - rows.num_rows() as u64, rows: rows.slice(0, 0), skipped, left_out };
    let left_out = (none.read > 0 || !none.skipped.is_empty()).then_some(none);
    left_out.into_iter().chain(batches_within(rows, most_bytes).into_iter().map(Portion::from)).collect()
}

fn batches_within(batch: RecordBatch, most_bytes: u64) -> Vec<RecordBatch> {
    let size = |column: &arrow::array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(usize::MAX);
    let bytes = batch.columns().iter().map(size).fold(0, usize::saturating_add);
    match batch.num_rows().checked_sub(1) {
        Some(before @ 1..) if bytes as u64 > most_bytes => vec![batch.slice(0, before), batch.slice(before, 1)],
        _ => vec![batch],
    }
}

async fn next(batches: Option<mpsc::Receiver<Message>>) -> Option<(Result<Portion>, Option<mpsc::Receiver<Message>>)> {
    let mut batches = batches?;
    match batches.recv().await {
        Some(Ok(Some(portion))) => Some((Ok(portion), Some(batches))),
        Some(Ok(None)) => None,
        Some(Err(error)) => Some((Err(error), None)),
        None => {
            let error =
                Error::new(ErrorKind::Bug, "the task that read the chunk ended without a word; please report it");
            Some((Err(error), None))
        }
    }
}

/// What the values of each column are, if the columns are still those of the plan.
fn agreed(planned: &Planned, columns: &[ColumnMetadata]) -> Result<Vec<Kind>> {
    let changed = |column: &str, what: &'static str| {
        Error::new(
            ErrorKind::Data,
            format!("the table or query changed since the copy was planned: a column {what}; start a new run"),
        )
        .with("column", column.escape_debug())
    };
    for (position, expected) in planned.columns.iter().enumerate() {
        let Some(found) = columns.get(position) else { return Err(changed(&expected.name, "is gone")) };
        if found.column_name != expected.name {
            return Err(changed(&expected.name, "is gone or stands elsewhere"));
        }
        if Kind::of(found)?.data_type(planned.types) != expected.kind.data_type(planned.types) {
            return Err(changed(&expected.name, "has another type"));
        }
    }
    match columns.get(planned.columns.len()) {
        Some(extra) => Err(changed(&extra.column_name, "is new")),
        None => columns.iter().map(Kind::of).collect(),
    }
}
