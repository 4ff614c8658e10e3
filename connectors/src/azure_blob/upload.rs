//! Bytes of one chunk on their way into blocks. A bounded number of bytes is on the way; waiting for
//! room is the back-pressure.

use std::{collections::HashMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use ropeway_engine::{Error, ErrorKind, Result, cpu};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{
    block::{Block, BlockSizes, StagedBlock},
    client::Blob,
};

/// The unit in which bytes on the way are counted.
const UNIT: usize = 1 << 10;

/// Room for so many bytes on the way.
pub(crate) fn room(bytes: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(bytes.div_ceil(UNIT)))
}

/// What never changes while a chunk is uploaded.
#[derive(Clone)]
pub(crate) struct UploadPlan {
    pub(crate) blob: Blob,
    pub(crate) run: String,
    /// Which part of the blob: the chunk's number, or `preamble` or `trailer`.
    pub(crate) part: String,
    pub(crate) sizes: BlockSizes,
    /// Bytes on the way at most; at least the largest block.
    pub(crate) in_flight: usize,
}

/// Cuts bytes into blocks and stages them.
pub(crate) struct Upload {
    plan: UploadPlan,
    filling: BytesMut,
    room: Arc<Semaphore>,
    // Dropping the set stops the uploads; what they staged stays invisible.
    uploads: JoinSet<Result<()>>,
    staged: Vec<StagedBlock>,
    /// Ids and lengths of blocks that are staged already.
    known: HashMap<String, u64>,
}

impl Upload {
    pub(crate) fn new(plan: UploadPlan) -> Self {
        let room = room(plan.in_flight);
        Self::within(plan, room)
    }

    /// The same with others in one room, for as many bytes on the way as the plan says.
    pub(crate) fn within(plan: UploadPlan, room: Arc<Semaphore>) -> Self {
        Self {
            plan,
            filling: BytesMut::new(),
            room,
            uploads: JoinSet::new(),
            staged: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// The same, but blocks that are staged already do not pass the wire again: their ids say what is in them.
    pub(crate) fn without(self, known: HashMap<String, u64>) -> Self {
        Self { known, ..self }
    }

    /// Takes bytes in; waits while too many are on the way.
    ///
    /// # Errors
    /// The fault of an earlier block, or a chunk that is too large for its share of the blob.
    pub(crate) async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            let size = self.size()?;
            let taken = bytes.split_to(bytes.len().min(size - self.filling.len()));
            self.filling.extend_from_slice(&taken);
            if self.filling.len() == size {
                self.send().await?;
            }
        }
        self.earlier_faults()
    }

    /// Ends the block that is being filled: what comes next begins another one.
    ///
    /// # Errors
    /// The fault of an earlier block.
    pub(crate) async fn cut(&mut self) -> Result<()> {
        if self.filling.is_empty() { Ok(()) } else { self.send().await }
    }

    /// Bytes taken in so far.
    pub(crate) fn length(&self) -> u64 {
        self.staged.iter().map(|block| block.1).sum::<u64>() + self.filling.len() as u64
    }

    /// Stages the rest and waits for every block: the ids and lengths in order.
    ///
    /// # Errors
    /// The first fault of a block.
    pub(crate) async fn finish(mut self) -> Result<Vec<StagedBlock>> {
        self.cut().await?;
        while let Some(done) = self.uploads.join_next().await {
            outcome(done)?;
        }
        Ok(self.staged)
    }

    fn size(&self) -> Result<usize> {
        self.plan.sizes.of(self.staged.len() as u32).ok_or_else(|| {
            Error::new(
                ErrorKind::Spec,
                "one blob has at most 50,000 blocks, and this chunk needs more than its share; raise blockSizeInMB (at most 100), or leave the file name out to write a folder",
            )
            .with("blob", self.plan.blob.place.blob.as_deref().unwrap_or_default().escape_debug())
        })
    }

    async fn send(&mut self) -> Result<()> {
        let number = self.staged.len() as u32;
        let bytes = self.filling.split().freeze();
        let permit = self.take_room(bytes.len()).await?;
        let UploadPlan { run, part, blob, .. } = self.plan.clone();
        let block = cpu::run(move || Block::new(&run, &part, number, bytes)).await?;
        self.staged.push(StagedBlock(block.id.clone(), block.bytes.len() as u64));
        if self.known.get(&block.id) == Some(&(block.bytes.len() as u64)) {
            return self.earlier_faults();
        }
        self.uploads.spawn(async move {
            let _permit = permit;
            blob.stage(&block).await.map_err(|fault| fault.at(&blob.place))
        });
        self.earlier_faults()
    }

    async fn take_room(&self, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let units = bytes.div_ceil(UNIT).min(self.plan.in_flight.div_ceil(UNIT)) as u32;
        Arc::clone(&self.room)
            .acquire_many_owned(units)
            .await
            .map_err(|closed| Error::new(ErrorKind::Bug, "the upload is closed; please report it").caused_by(closed))
    }

    fn earlier_faults(&mut self) -> Result<()> {
        while let Some(done) = self.uploads.try_join_next() {
            outcome(done)?;
        }
        Ok(())
    }
}

fn outcome(done: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    done.map_err(|error| Error::new(ErrorKind::Bug, "an upload panicked; please report it").caused_by(error))?
}
