//! The lines of the rows that one attempt leaves out.

use std::{mem, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use tokio::sync::oneshot;

use super::{Note, Worker, stopped};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, Receipt},
    digest::{Digest, RowDigester},
    retry::RetryClass,
    sink::{ChunkWriter, Opened, SinkRun},
    skipping::{self, Layout, LeftOut, SkipLog, Skips},
};

/// The log of a run that has begun.
pub(crate) struct Log {
    pub(crate) target: Arc<dyn SinkRun>,
    pub(crate) layout: Arc<dyn Layout>,
    pub(crate) schema: SchemaRef,
    digester: RowDigester,
}

impl Log {
    pub(crate) fn new(log: &SkipLog, target: Arc<dyn SinkRun>) -> Result<Self> {
        let schema = skipping::schema();
        Ok(Self { target, layout: log.layout.clone(), digester: RowDigester::new(&schema)?, schema })
    }
}

/// The lines of one attempt, in a chunk of the log that is opened by the first of them.
pub(super) struct Lines {
    chunk: Chunk,
    attempt: Attempt,
    writer: Option<Box<dyn ChunkWriter>>,
    rows: u64,
    digest: Digest,
    left_out: Vec<LeftOut>,
}

impl Lines {
    pub(super) fn new(chunk: &Chunk, attempt: Attempt) -> Self {
        Self { chunk: chunk.clone(), attempt, writer: None, rows: 0, digest: Digest::default(), left_out: Vec::new() }
    }

    /// Parts of the chunk of which nothing is copied.
    pub(super) fn left_out(&mut self, parts: Vec<LeftOut>) {
        self.left_out.extend(parts);
    }

    /// Best effort, as every abort.
    pub(super) async fn abort(self) {
        if let Some(writer) = self.writer {
            writer.abort().await;
        }
    }

    /// What the log stored must be what it was given.
    fn verify(&self, receipt: &Receipt) -> Result<()> {
        if (receipt.chunk, receipt.attempt) == (self.chunk.id, self.attempt)
            && (receipt.rows, receipt.digest) == (self.rows, self.digest)
        {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Bug, "the log of skipped rows holds other lines than were written; please report it")
            .with("lines", self.rows)
            .with("lines_stored", receipt.rows))
    }
}

impl Worker {
    pub(super) async fn write_lines(&self, lines: &mut Lines, batch: RecordBatch) -> Result<()> {
        let Some(log) = &self.rules.log else { return Ok(()) };
        let writer = match &mut lines.writer {
            Some(writer) => writer,
            none => none.insert(self.open_log(log, &lines.chunk, lines.attempt).await?),
        };
        lines.rows += batch.num_rows() as u64;
        lines.digest += log.digester.digest(&batch)?;
        self.written(&*log.target, writer.write(batch)).await.map_err(of_the_log)
    }

    async fn open_log(&self, log: &Log, chunk: &Chunk, attempt: Attempt) -> Result<Box<dyn ChunkWriter>> {
        let opening = self.settled(&*log.target, RetryClass::Reconnect, log.target.open(chunk, attempt));
        match opening.await.map_err(of_the_log)? {
            Opened::Writer(writer) => Ok(writer),
            // Its lines would be those of another attempt.
            Opened::AlreadyCommitted(_) => Err(Error::new(
                ErrorKind::Bug,
                "the log of skipped rows does not let an attempt replace another one; please report it",
            )),
        }
    }

    /// Makes the lines durable, and then the fact that these rows belong to this attempt, also where there are none.
    /// The attempt may commit only after that: should its answer be lost, the sink says later which attempt it was,
    /// and the journal which rows that one left out.
    pub(super) async fn settle_lines(&self, lines: &mut Lines, skipped: u64) -> Result<()> {
        if !self.rules.skips {
            return Ok(());
        }
        let left_out = mem::take(&mut lines.left_out);
        let mut skips = Skips { chunk: lines.chunk.id, attempt: lines.attempt, rows: skipped, log: None, left_out };
        if let (Some(log), Some(writer)) = (&self.rules.log, lines.writer.take()) {
            // What is committed is shown only once the journal names it, so an outcome that is unknown is no matter.
            let commit = self.settled(&*log.target, RetryClass::Reconnect, writer.commit());
            let receipt = commit.await.map_err(of_the_log)?;
            lines.verify(&receipt)?;
            skips.log = Some(receipt);
        }
        if self.rules.log.is_some() && skips.log.as_ref().map_or(0, |receipt| receipt.rows) != skipped {
            return Err(Error::new(ErrorKind::Bug, "a row was left out and not written down; please report it")
                .with("rows_skipped", skipped)
                .with("lines", lines.rows));
        }
        let (done, recorded) = oneshot::channel();
        drop(self.rules.notes.send(Note::Skipped(skips, done)).await);
        recorded.await.unwrap_or_else(|_| Err(stopped(&lines.chunk)))
    }
}

fn of_the_log(error: Error) -> Error {
    error.with("while writing", "the log of skipped rows")
}
