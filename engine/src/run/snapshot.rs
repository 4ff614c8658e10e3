//! Runs whose chunks show one snapshot of their source. It ends with its process, so that only receipts of one epoch go
//! together: a run that is resumed begins again, or is refused where the sink cannot take back what it shows.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::{Job, Settings, retrying::retrying};
use crate::{
    Error, ErrorKind, Result, Side,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    retry::RetryClass,
    source::{Source, SourceDescription},
};

/// The snapshot of a process. It is begun when the first chunk is to be copied, and given up when this is dropped.
pub(super) struct Snapshot {
    source: Arc<dyn Source>,
    settings: Settings,
    readers: u32,
    begun: OnceCell<()>,
}

impl Snapshot {
    /// `None` for a run whose chunks may show a state each.
    pub(super) fn of(job: &Job, chunks: &[Chunk], slots: u32) -> Option<Self> {
        let readers = slots.min(chunks.len() as u32);
        let snapshot =
            || Self { source: job.source.clone(), settings: job.settings.clone(), readers, begun: OnceCell::new() };
        job.source.shares_snapshot(chunks).then(snapshot)
    }

    /// Begins it, unless it has been.
    pub(super) async fn begin(&self, cancel: &CancellationToken) -> Result<()> {
        let policy = self.settings.retry.at_first_contact();
        let begin = || retrying(&policy, cancel, || self.source.begin_snapshot(self.readers));
        self.begun.get_or_try_init(begin).await.map(|_| ()).map_err(|error| error.on(Side::Source))
    }

    /// The chunks whose receipts do not go together with what this process reads. Where nothing is left to read, and all
    /// receipts are of one epoch, they are those of one snapshot: then there are none.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if there are any and the sink cannot begin again.
    pub(super) fn strangers(&self, job: &Job, receipts: &[Receipt], chunks: usize, epoch: u32) -> Result<Vec<ChunkId>> {
        let epochs: BTreeSet<u32> = receipts.iter().map(|receipt| receipt.attempt.epoch).collect();
        let is_whole = receipts.len() == chunks && epochs.len() == 1;
        let strange = receipts.iter().filter(|receipt| !is_whole && receipt.attempt.epoch != epoch);
        let strange: Vec<_> = strange.map(|receipt| receipt.chunk).collect();
        if strange.is_empty() || job.sink.begins_again() {
            return Ok(strange);
        }
        Err(Error::new(ErrorKind::Data, CANNOT_GO_ON).with("run", &job.run).with("chunks_committed", strange.len()))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.source.end_snapshot();
    }
}

const CANNOT_GO_ON: &str = "the run cannot be resumed: the source's snapshot ended with the process that read it, and rows \
     from it are in the sink already, where rows of another snapshot would stand beside them; remove the rows of this run \
     and start a new one, or read without a snapshot or in one chunk";

/// The sink holds a chunk of which the journal did not know that it was committed.
pub(crate) fn stranger(chunk: &Chunk, attempt: Attempt) -> Error {
    Error::new(ErrorKind::Data, CANNOT_GO_ON)
        .class(RetryClass::Fatal)
        .with("chunk", &chunk.label)
        .with("attempt", format_args!("{}.{}", attempt.epoch, attempt.number))
}

/// What the source says of itself, and what its snapshot means for a run that is interrupted.
pub(super) fn described(job: &Job, chunks: &[Chunk]) -> SourceDescription {
    let mut description = job.source.describe();
    if job.source.shares_snapshot(chunks) {
        description.consistency.push_str(match job.sink.begins_again() {
            true => "; a run that is resumed begins again, from a new one",
            false => "; a run that is interrupted cannot be resumed, because its rows are in the sink already",
        });
    }
    description
}
