//! One blob, written by all chunks in parallel and shown by one commit.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt},
    cpu,
    digest::Digest,
    retry::RetryClass,
    sink::{ChunkWriter, Opened, Published, RunContext, SinkRun, Stored},
    source::BatchStream,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    block::{BlockSizes, StagedBlock},
    client::{Blob, BlobState, Commit, Condition},
    commit::{Settled, commit_once, is_of},
    encode::Encoding,
    read_back,
    sink::{BlobSink, no_room},
    upload::Upload,
};
use crate::format::{Fragment, Slice};

/// A run that writes one blob.
pub(crate) struct SingleBlobRun {
    sink: Arc<BlobSink>,
    context: RunContext,
    blob: Blob,
    sizes: BlockSizes,
    opening: Opening,
}

/// What stood at the blob's name when the run began.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Opening {
    /// The version that this run replaces; `None` if there was no blob.
    etag: Option<String>,
}

/// [`Receipt::detail`] of a chunk.
#[derive(Debug, Serialize, Deserialize)]
struct ChunkBlocks {
    blocks: Vec<StagedBlock>,
    fragment: Value,
}

impl SingleBlobRun {
    pub(crate) async fn begin(sink: Arc<BlobSink>, name: &str, context: RunContext) -> Result<Self> {
        let blob = sink.container.blob(name)?;
        let sizes = BlockSizes::new(sink.block, context.chunks).ok_or_else(no_room)?;
        let opening = match &context.opening {
            Some(opening) => Opening::deserialize(opening).map_err(not_ours)?,
            None => {
                let found = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
                Opening { etag: found.map(|state| state.etag) }
            }
        };
        Ok(Self { sink, context, blob, sizes, opening })
    }

    async fn state(&self) -> Result<Option<BlobState>> {
        self.blob.state().await.map_err(|fault| fault.at(&self.blob.place))
    }

    fn published(&self, state: &BlobState) -> Published {
        Published { files: 1, bytes: state.length, names: vec![self.blob.url.clone()] }
    }
}

#[async_trait]
impl SinkRun for SingleBlobRun {
    fn opening(&self) -> Value {
        json!(self.opening)
    }

    fn moved(&self) -> u64 {
        self.sink.container.moved()
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let part = chunk.id.0.to_string();
        Ok(Opened::Writer(Box::new(Writer {
            chunk: chunk.id,
            attempt,
            separator: self.sink.format.separator()?.into(),
            encoding: Encoding::new(self.sink.format.as_ref(), &self.context.schema)?,
            upload: self.sink.upload(&self.blob, &self.context, &part, self.sizes),
        })))
    }

    /// Blocks that nobody committed are thrown away after a week, and when somebody else commits to
    /// the same name.
    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        if receipts.is_empty() || self.state().await?.is_some_and(|state| is_of(&state, &self.context.run)) {
            return Ok(Vec::new());
        }
        let kept = self.blob.blocks().await.map_err(|fault| fault.at(&self.blob.place))?;
        let mut lost = Vec::new();
        for receipt in receipts {
            let detail = ChunkBlocks::deserialize(&*receipt.detail).map_err(not_ours)?;
            if detail.blocks.iter().any(|StagedBlock(id, length)| kept.get(id) != Some(length)) {
                lost.push(receipt.chunk);
            }
        }
        Ok(lost)
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        if let Some(state) = self.state().await?.filter(|state| is_of(state, &self.context.run)) {
            return Ok(self.published(&state));
        }
        let mut receipts: Vec<&Receipt> = receipts.iter().collect();
        receipts.sort_by_key(|receipt| receipt.chunk);
        let (mut blocks, mut fragments) = (Vec::new(), Vec::with_capacity(receipts.len()));
        let (has_separator, mut has_rows) = (!self.sink.format.separator()?.is_empty(), false);
        for receipt in &receipts {
            let detail = ChunkBlocks::deserialize(&*receipt.detail).map_err(not_ours)?;
            // Every fragment with rows begins with a separator, which the first of them goes without.
            let separators = usize::from(has_separator && receipt.rows > 0 && !has_rows);
            has_rows |= receipt.rows > 0;
            let of_chunk = detail.blocks.into_iter().skip(separators).collect::<Vec<_>>();
            fragments.push(Fragment { length: of_chunk.iter().map(|block| block.1).sum(), detail: detail.fragment });
            blocks.extend(of_chunk);
        }
        let (format, schema) = (Arc::clone(&self.sink.format), Arc::clone(&self.context.schema));
        let (preamble, trailer) =
            cpu::run(move || Ok::<_, Error>((format.preamble(&schema)?, format.trailer(&schema, &fragments)?)))
                .await??;
        let first = self.sink.stage_all(&self.blob, &self.context, "preamble", preamble).await?;
        let last = self.sink.stage_all(&self.blob, &self.context, "trailer", trailer).await?;
        let blocks: Vec<StagedBlock> = first.into_iter().chain(blocks).chain(last).collect();

        let digest: Digest = receipts.iter().map(|receipt| receipt.digest).sum();
        let rows: u64 = receipts.iter().map(|receipt| receipt.rows).sum();
        let commit = Commit {
            length: blocks.iter().map(|block| block.1).sum(),
            blocks: blocks.into_iter().map(|block| block.0).collect(),
            metadata: self
                .sink
                .metadata_of(&self.context, &[("digest", digest.to_string()), ("rows", rows.to_string())]),
            content_type: self.sink.content_type(),
            md5: None,
        };
        let condition = self.opening.etag.clone().map_or(Condition::Absent, Condition::Unchanged);
        match commit_once(&self.blob, &self.context.run, &commit, &condition).await? {
            Settled::Ours(state) => Ok(self.published(&state)),
            Settled::OtherRows(_) => Err(Error::new(
                ErrorKind::Data,
                "another process of this run committed other rows to the blob; start a new run to overwrite it",
            )
            .class(RetryClass::Fatal)
            .with("blob", self.blob.url.escape_debug())
            .with("run", &self.context.run)),
        }
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let format = self.sink.format.read_back(&self.context.schema)?;
        Ok(vec![Stored {
            name: self.blob.url.clone(),
            rows: receipts.iter().map(|receipt| receipt.rows).sum(),
            digest: receipts.iter().map(|receipt| receipt.digest).sum(),
            slices: read_back::slices(&self.blob, format).await?,
        }])
    }

    async fn read_back(&self, slice: &Value, limit: BatchLimit) -> Result<BatchStream> {
        let slice = Slice::deserialize(slice).map_err(not_ours)?;
        read_back::stream(&self.blob, self.sink.format.read_back(&self.context.schema)?, slice, limit).await
    }

    async fn abort(&self) -> Result<()> {
        // Blocks without a commit are invisible, and the service throws them away after a week.
        Ok(())
    }
}

struct Writer {
    chunk: ChunkId,
    attempt: Attempt,
    /// What stands before the first row, in a block of its own; empty once it is there.
    separator: Bytes,
    encoding: Encoding,
    upload: Upload,
}

#[async_trait]
impl ChunkWriter for Writer {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 && !self.separator.is_empty() {
            self.upload.push(std::mem::take(&mut self.separator)).await?;
            self.upload.cut().await?;
        }
        let bytes = self.encoding.write(batch).await?;
        self.upload.push(bytes).await
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let (finished, rest) = self.encoding.finish().await?;
        self.upload.push(rest).await?;
        let blocks = self.upload.finish().await?;
        Ok(Receipt {
            chunk: self.chunk,
            attempt: self.attempt,
            rows: finished.rows,
            bytes: blocks.iter().map(|block| block.1).sum(),
            digest: finished.digest,
            detail: json!(ChunkBlocks { blocks, fragment: finished.detail }).into(),
        })
    }

    async fn abort(self: Box<Self>) {}
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the checkpoint of this run was not written by this sink; please report it")
        .caused_by(error)
}
