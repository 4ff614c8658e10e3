//! One chunk being read: a task owns the session, batches leave through a channel.

use std::sync::Arc;

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
    pool::Pool,
    rows::RowBatch,
    settings::TypeSettings,
    types::{Column, Kind},
    wire::Query,
};

/// The columns as they were planned.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) schema: SchemaRef,
    pub(crate) columns: Vec<Column>,
    pub(crate) types: TypeSettings,
}

/// Everything that reading a chunk needs.
pub(crate) struct Reading {
    pub(crate) pool: Arc<Pool>,
    pub(crate) planned: Arc<Planned>,
    pub(crate) query: Query,
    pub(crate) preamble: String,
    pub(crate) timeout: u32,
    pub(crate) limit: BatchLimit,
    /// Whether rows with values that do not fit are left out.
    pub(crate) skips: bool,
    /// Counts the rows that arrive.
    pub(crate) arrived: Arc<Count>,
}

/// A portion, or `None` behind the last one: a channel that closes without it was cut off.
type Message = Result<Option<Portion>>;

impl Reading {
    /// Starts the task. Dropping the stream ends it, and its session with it.
    pub(crate) fn start(self) -> PortionStream {
        let (outlet, batches) = mpsc::channel::<Message>(1);
        tokio::spawn(async move {
            let gone = outlet.clone();
            let last = tokio::select! {
                biased;
                () = gone.closed() => return,
                read = self.run(&outlet) => read.map(|()| None),
            };
            // Nobody reads any more: nobody needs to be told.
            drop(outlet.send(last).await);
        });
        stream::unfold(Some(batches), next).boxed()
    }

    async fn run(self, outlet: &mpsc::Sender<Message>) -> Result<()> {
        let mut session = self.pool.session(&self.preamble).await?;
        let columns = session.start(self.query, Some(self.timeout)).await?;
        let kinds = agreed(&self.planned, &columns)?;
        let mut batch = RowBatch::new(Arc::clone(&self.planned.schema), &kinds, self.planned.types, self.limit)
            .skipping(self.skips)
            .counting(self.arrived);
        while session.fill(&mut batch).await? {
            for part in within(batch.take()?, self.limit.bytes) {
                if outlet.send(Ok(Some(part))).await.is_err() {
                    return Ok(());
                }
            }
        }
        let rest = if batch.is_empty() { Vec::new() } else { within(batch.take()?, self.limit.bytes) };
        // An error of the statement may stand behind its last row: only then the rest is true.
        session.finish().await?;
        self.pool.put_back(session);
        for part in rest {
            drop(outlet.send(Ok(Some(part))).await);
        }
        Ok(())
    }
}

/// The portion, without its last row if only that made it too large: a row's size is known once it is there. What was
/// left out goes by itself, for it is as large.
fn within(portion: Portion, most_bytes: u64) -> Vec<Portion> {
    let Portion { read, rows, skipped } = portion;
    let none = Portion { read: read - rows.num_rows() as u64, rows: rows.slice(0, 0), skipped };
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
