//! The blob or blobs of one chunk in a folder, each shown by its own commit.

use std::{cmp::Ordering, sync::Arc};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt},
    cpu,
    retry::RetryClass,
    sink::{ChunkWriter, RunContext},
};

use super::{
    block::BlockSizes,
    client::{Blob, BlobState, Commit, Condition},
    commit::{DIGEST, Settled, commit_once, is_of},
    encode::Encoding,
    names,
    sink::{BlobSink, no_room},
    upload::Upload,
};
use crate::{
    format::Fragment,
    kept::kept_as_text,
    layout::{Part, PartNames},
};

/// Where the parts of one attempt go.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) sink: Arc<BlobSink>,
    pub(crate) context: Arc<RunContext>,
    pub(crate) path: String,
    pub(crate) names: Arc<PartNames>,
    pub(crate) chunk: ChunkId,
    pub(crate) attempt: Attempt,
}

impl Parts {
    /// The receipt of an earlier attempt, if the part is there. With `maxRowsPerFile`, and where a chunk has several
    /// files, one part does not prove the others, so the chunk is written again under the same names.
    pub(crate) async fn committed(&self) -> Result<Option<Receipt>> {
        if self.sink.folder.max_rows_per_file.is_some() || self.names.has_several(self.chunk) {
            return Ok(None);
        }
        let name = self.name(0);
        let blob = self.blob(&name)?;
        let state = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
        Ok(state.filter(|state| is_of(state, &self.context.run)).and_then(|state| self.receipt_of(name, &state)))
    }

    fn receipt_of(&self, name: String, state: &BlobState) -> Option<Receipt> {
        let digest = state.metadata.get(DIGEST)?.parse().ok()?;
        let rows = state.metadata.get("ropeway_rows")?.parse().ok()?;
        let part = Part { name, bytes: state.length, rows, digest };
        self.receipt(attempt_of(state)?, &[part]).ok()
    }

    fn receipt(&self, attempt: Attempt, parts: &[Part]) -> Result<Receipt> {
        Ok(Receipt {
            chunk: self.chunk,
            attempt,
            rows: parts.iter().map(|part| part.rows).sum(),
            bytes: parts.iter().map(|part| part.bytes).sum(),
            digest: parts.iter().map(|part| part.digest).sum(),
            detail: kept_as_text(&parts)?.into(),
        })
    }

    /// A blob of somebody else's that stands where a file keeps its name: it is overwritten, as files are.
    async fn replaced(&self, blob: &Blob) -> Result<Option<BlobState>> {
        if !self.names.keep_files() {
            return Ok(None);
        }
        let state = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
        Ok(state.filter(|state| !is_of(state, &self.context.run)))
    }

    fn name(&self, piece: u32) -> String {
        self.names.of(self.chunk, piece)
    }

    fn blob(&self, name: &str) -> Result<Blob> {
        self.sink.container.blob(&names::blob(&self.path, name)?)
    }
}

/// Writes the parts of one chunk.
pub(crate) struct PartWriter {
    parts: Parts,
    open: OpenPart,
    written: Vec<Part>,
}

struct OpenPart {
    name: String,
    blob: Blob,
    encoding: Encoding,
    upload: Upload,
    rows: u64,
    started: bool,
}

impl PartWriter {
    pub(crate) fn new(parts: Parts) -> Result<Self> {
        let open = OpenPart::new(&parts, 0)?;
        Ok(Self { parts, open, written: Vec::new() })
    }

    /// Commits the open part and opens the next one.
    async fn roll(&mut self) -> Result<()> {
        let next = OpenPart::new(&self.parts, self.written.len() as u32 + 1)?;
        let done = std::mem::replace(&mut self.open, next);
        self.written.push(done.commit(&self.parts).await?);
        Ok(())
    }
}

#[async_trait]
impl ChunkWriter for PartWriter {
    async fn write(&mut self, mut batch: RecordBatch) -> Result<()> {
        let most = self.parts.sink.folder.max_rows_per_file.unwrap_or(u64::MAX);
        while batch.num_rows() > 0 {
            if self.open.rows == most {
                self.roll().await?;
            }
            let fits = usize::try_from(most - self.open.rows).unwrap_or(usize::MAX).min(batch.num_rows());
            self.open.write(&self.parts, batch.slice(0, fits)).await?;
            batch = batch.slice(fits, batch.num_rows() - fits);
        }
        Ok(())
    }

    async fn next_file(&mut self) -> Result<()> {
        self.roll().await
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let Self { parts, open, mut written } = *self;
        written.push(open.commit(&parts).await?);
        parts.names.are_all(parts.chunk, written.len())?;
        parts.receipt(parts.attempt, &written)
    }

    async fn abort(self: Box<Self>) {}
}

impl OpenPart {
    fn new(parts: &Parts, piece: u32) -> Result<Self> {
        let name = parts.name(piece);
        let blob = parts.blob(&name)?;
        let sizes = BlockSizes::new(parts.sink.block, 1).ok_or_else(no_room)?;
        Ok(Self {
            encoding: Encoding::new(parts.sink.format.as_ref(), &parts.context.schema)?,
            upload: parts.sink.upload(&blob, &parts.context, &name, sizes),
            name,
            blob,
            rows: 0,
            started: false,
        })
    }

    async fn write(&mut self, parts: &Parts, batch: RecordBatch) -> Result<()> {
        self.start(parts).await?;
        self.rows += batch.num_rows() as u64;
        let bytes = self.encoding.write(batch).await?;
        self.upload.push(bytes).await
    }

    async fn start(&mut self, parts: &Parts) -> Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        let (format, schema) = (Arc::clone(&parts.sink.format), Arc::clone(&parts.context.schema));
        let preamble = cpu::run(move || format.preamble(&schema)).await??;
        self.upload.push(preamble.into()).await
    }

    async fn commit(mut self, parts: &Parts) -> Result<Part> {
        self.start(parts).await?;
        let (finished, rest) = self.encoding.finish().await?;
        self.upload.push(rest).await?;
        let length = self.upload.length() - parts.sink.format.preamble(&parts.context.schema)?.len() as u64;
        let fragment = Fragment { length, detail: finished.detail.clone() };
        let (format, schema) = (Arc::clone(&parts.sink.format), Arc::clone(&parts.context.schema));
        let trailer: Bytes = cpu::run(move || format.trailer(&schema, &[fragment])).await??.into();
        self.upload.push(trailer).await?;
        let blocks = self.upload.finish().await?;
        let commit = Commit {
            length: blocks.iter().map(|block| block.1).sum(),
            blocks: blocks.into_iter().map(|block| block.0).collect(),
            metadata: parts.sink.metadata_of(
                &parts.context,
                &[
                    ("digest", finished.digest.to_string()),
                    ("rows", finished.rows.to_string()),
                    ("attempt", format!("{}.{}", parts.attempt.epoch, parts.attempt.number)),
                ],
            ),
            content_type: parts.sink.content_type(),
            md5: None,
        };
        let bytes = commit.length;
        show(&self.blob, parts, &commit).await?;
        Ok(Part { name: self.name, bytes, rows: finished.rows, digest: finished.digest })
    }
}

/// Commits a part. Where an earlier attempt already committed other rows (the source changed
/// meanwhile) they are replaced; an attempt that is itself the earlier one gives way.
async fn show(blob: &Blob, parts: &Parts, commit: &Commit) -> Result<()> {
    let run = &parts.context.run;
    let mut condition = match parts.replaced(blob).await? {
        Some(state) => Condition::Unchanged(state.etag),
        None => Condition::Absent,
    };
    loop {
        let other = match commit_once(blob, run, commit, &condition).await? {
            Settled::Ours(_) => return Ok(()),
            Settled::OtherRows(other) => other,
        };
        let earlier = attempt_of(&other).is_some_and(|attempt| attempt.cmp(&parts.attempt) == Ordering::Less);
        if !earlier {
            return Err(Error::new(ErrorKind::Unavailable, "a later attempt already wrote this part")
                .class(RetryClass::Unknown)
                .with("blob", blob.url.escape_debug()));
        }
        condition = Condition::Unchanged(other.etag);
    }
}

fn attempt_of(state: &BlobState) -> Option<Attempt> {
    let (epoch, number) = state.metadata.get("ropeway_attempt")?.split_once('.')?;
    Some(Attempt { epoch: epoch.parse().ok()?, number: number.parse().ok()? })
}
