//! Reads back what was published, and compares it with what was read from the source.
//!
//! A sink of files gives back what it published, file by file. In a table nobody can tell the rows of a run from those
//! that stood there: all of it is read before the first chunk and after the last, and the difference is compared.

mod files;
mod table;
mod values;

use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::{files::Files, table::Table};
use super::Job;
use crate::{
    Error, ErrorKind, Result,
    chunk::Receipt,
    retry::RetryClass,
    sink::{ColumnFit, SinkRun},
    worker::Tally,
};

/// The symbolic code of the error of a sink that, read back, holds something else than was read.
pub const INCONSISTENT: &str = "DataConsistencyVerificationFailed";

/// How the sink of a run is read back.
pub(super) enum ReadBack {
    /// The files that it published; peak bytes of a slice of one.
    Files { working_set: u64 },
    /// Its table.
    Table(Table),
}

/// What the journal keeps of how a run began, where its table is read back. Other runs keep what the sink said.
#[derive(Serialize, Deserialize)]
struct Opening {
    /// What the sink said.
    #[serde(rename = "$sink")]
    sink: Value,
    /// What stood in the table.
    #[serde(rename = "$before")]
    before: Tally,
}

/// What the sink said of how a run began, in what the journal kept of it.
pub(super) fn opening_of_sink(kept: &Value) -> &Value {
    kept.get("$before").and_then(|_| kept.get("$sink")).unwrap_or(kept)
}

impl ReadBack {
    /// `None` if the run does not ask for it.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if the sink cannot be read back, or not within the memory.
    pub(super) async fn of(
        job: &Job,
        schema: &SchemaRef,
        fits: &[ColumnFit],
        cancel: &CancellationToken,
    ) -> Result<Option<Self>> {
        if !job.settings.read_back {
            return Ok(None);
        }
        if let Some(target) = job.sink.as_source(schema)? {
            let table = Table::new(target.source, schema, fits)?;
            if target.is_there {
                table.columns(job, cancel).await?;
            }
            return Ok(Some(Self::Table(table)));
        }
        let working_set = job.sink.read_back_set(schema, job.settings.batch)?.max(1);
        affordable(job, working_set)?;
        Ok(Some(Self::Files { working_set }))
    }

    /// What the journal is to keep of the beginning. Called before the first row is written.
    pub(super) async fn begin(&self, job: &Job, sink: Value, cancel: &CancellationToken) -> Result<Value> {
        let Self::Table(table) = self else { return Ok(sink) };
        let before = table.count(job, cancel).await?;
        serde_json::to_value(Opening { sink, before }).map_err(|error| {
            Error::new(ErrorKind::Bug, "what stood in the table cannot be written down; please report it")
                .caused_by(error)
        })
    }

    /// Compares what was read for the receipts with what is found now.
    ///
    /// # Errors
    /// [`ErrorKind::Data`], fatal, if the sink holds other rows, or cannot be read at all.
    pub(super) async fn compare(
        &self,
        (job, target): (&Job, &dyn SinkRun),
        (schema, opening): (&SchemaRef, &Value),
        receipts: &[Receipt],
        cancel: &CancellationToken,
    ) -> Result<()> {
        let tally = |receipt: &Receipt| Tally { rows: receipt.rows, digest: receipt.digest, ..Tally::default() };
        let read: Tally = receipts.iter().map(tally).sum();
        match self {
            Self::Files { working_set } => {
                Files::new(job, target, schema, *working_set, cancel)?.compare(receipts, read).await
            }
            Self::Table(table) => {
                let Opening { before, .. } = Opening::deserialize(opening).map_err(|error| {
                    Error::new(
                        ErrorKind::Spec,
                        "the run began without validateDataConsistency; remove it again, or start a new run",
                    )
                    .caused_by(error)
                })?;
                table.compare(job, before, read, cancel).await
            }
        }
    }
}

/// How much at once.
///
/// # Errors
/// [`ErrorKind::Spec`] if it is nothing.
fn affordable(job: &Job, working_set: u64) -> Result<usize> {
    if working_set > job.settings.memory_bytes {
        return Err(Error::new(
            ErrorKind::Spec,
            "reading the sink back (validateDataConsistency) needs more than the memory limit; raise it with --memory",
        )
        .with("needed_bytes", working_set)
        .with("limit_bytes", job.settings.memory_bytes));
    }
    let affordable = job.settings.memory_bytes / working_set.max(1);
    Ok(affordable.clamp(1, u64::from(job.settings.parallel.max(1))) as usize)
}

/// `what` is a file or a table, and its name.
fn differs((what, name): (&'static str, &str), read: Tally, found: Tally) -> Error {
    Error::new(
        ErrorKind::Data,
        "what stands in the sink is not what was read from the source: it was changed after it was written; \
         look at the store and at who else writes there, then copy again in a new run",
    )
    .with(what, name.escape_debug())
    .with("rows_read", read.rows)
    .with("rows_found", found.rows)
    .with("digest_read", read.digest)
    .with("digest_found", found.digest)
    .class(RetryClass::Fatal)
    .code(INCONSISTENT)
}

/// What is gone, or makes no sense, was changed; what is merely out of reach was not.
fn unreadable(error: Error, place: Option<(&'static str, &str)>) -> Error {
    if !matches!(error.kind(), ErrorKind::Data | ErrorKind::Spec) {
        return error;
    }
    let changed = Error::new(
        ErrorKind::Data,
        "what was written cannot be read back: it was changed or removed after it was written; \
         look at the store and at who else writes there, then copy again in a new run",
    );
    let changed = match place {
        Some((what, name)) => changed.with(what, name.escape_debug()),
        None => changed,
    };
    changed.class(RetryClass::Fatal).code(INCONSISTENT).caused_by(error)
}
