//! Files copied as they are, each to a blob of its own. A file that a chunk holds whole is shown when the chunk is
//! committed; one in several ranges is shown when the run is published, by one Put Block List over the blocks of all of
//! them. Either way a blob is whole as soon as it is there.

use std::{collections::HashMap, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    cpu,
    digest::{Digest, RowDigester},
    retry::RetryClass,
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun, Stored},
    source::BatchStream,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    block::{BlockSizes, StagedBlock},
    client::{Blob, Commit, Condition},
    commit::{DIGEST, Settled, commit_once, is_of},
    names,
    sink::BlobSink,
    upload::{Upload, room},
};
use crate::{
    binary::{self, Assembled, Assembly, BinaryFiles, Copied, Naming, Piece, Span},
    kept::{kept_as_text, kept_in},
    layout::reported,
};

/// Blobs that are committed at once.
const COMMITS: usize = 8;

/// A sink of files as they are.
pub(super) struct TreeSink {
    pub(super) sink: Arc<BlobSink>,
    pub(super) naming: Naming,
    /// The folder that all of them are in.
    pub(super) folder: String,
}

#[async_trait]
impl Sink for TreeSink {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        BinaryFiles::fits(schema)
    }

    fn guarantee(&self) -> String {
        "every file byte by byte; each blob appears, or is replaced, whole and at once".to_owned()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let (sink, naming, folder) = (Arc::clone(&self.sink), self.naming.clone(), self.folder.clone());
        Ok(Box::new(TreeRun(Arc::new(Tree { sink, naming, folder, context }))))
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // A batch and its pieces, the block that is filled, which doubles as it grows, and those of all files that are on
        // their way.
        let blocks = (2 * BlockSizes::longest(self.sink.block) + self.sink.in_flight()) as u64;
        limit.bytes.saturating_mul(2).saturating_add(blocks)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        binary::are_pieces(schema)?;
        Ok(limit.bytes.saturating_add(2 * binary::PIECE))
    }
}

/// One run.
struct Tree {
    sink: Arc<BlobSink>,
    naming: Naming,
    folder: String,
    context: RunContext,
}

/// A span in a receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    /// The blob.
    target: String,
    span: Span,
    /// Empty for a file that is shown already.
    blocks: Vec<StagedBlock>,
}

impl Tree {
    fn run(&self) -> &RunId {
        &self.context.run
    }

    /// The blob of a file.
    fn blob(&self, path: &str) -> Result<(String, Blob)> {
        let target = names::copied(&self.naming.target(path, self.run())?)?;
        let blob = self.sink.container.blob(&target)?;
        Ok((target, blob))
    }

    /// Shows these blocks as the file, unless this run did so before.
    async fn show(&self, blob: &Blob, file: Whole) -> Result<()> {
        let commit = Commit {
            length: file.blocks.iter().map(|block| block.1).sum(),
            blocks: file.blocks.into_iter().map(|block| block.0).collect(),
            metadata: self.sink.metadata_of(&self.context, &[("digest", file.digest.to_string())]),
            content_type: "application/octet-stream",
            md5: file.md5,
        };
        if commit.length != file.length {
            return Err(Error::new(
                ErrorKind::Bug,
                "the blocks of a file are not as long as the file; please report it",
            )
            .with("blob", blob.url.escape_debug()));
        }
        let found = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
        let condition = match found {
            None => Condition::Absent,
            Some(state) if is_of(&state, self.run()) && state.metadata.get(DIGEST) == commit.metadata.get(DIGEST) => {
                return Ok(());
            }
            Some(state) => Condition::Unchanged(state.etag),
        };
        match commit_once(blob, self.run(), &commit, &condition).await? {
            Settled::Ours(_) => Ok(()),
            Settled::OtherRows(_) => Err(Error::new(
                ErrorKind::Data,
                "another process of this run wrote other bytes to a blob; start a new run to overwrite it",
            )
            .class(RetryClass::Fatal)
            .with("blob", blob.url.escape_debug())
            .with("run", self.run())),
        }
    }

    /// The names and lengths of the blobs that stand in the folder.
    async fn standing(&self) -> Result<HashMap<String, u64>> {
        let container = &self.sink.container;
        let prefix = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        container.list(&prefix).await.map_err(|fault| fault.at(&container.place))
    }

    /// Whether the blocks of a span, or the blob that they became, are still there.
    async fn holds(&self, kept: &Kept, standing: &HashMap<String, u64>) -> Result<bool> {
        let length = standing.get(&kept.target);
        if kept.span.is_whole() {
            return Ok(length == Some(&kept.span.length));
        }
        let blob = self.sink.container.blob(&kept.target)?;
        let at = |fault: super::errors::Fault| fault.at(&blob.place);
        if length == Some(&kept.span.length) && blob.state().await.map_err(at)?.is_some_and(|it| is_of(&it, self.run()))
        {
            return Ok(true);
        }
        let blocks = blob.blocks().await.map_err(at)?;
        Ok(kept.blocks.iter().all(|StagedBlock(id, length)| blocks.get(id) == Some(length)))
    }
}

/// A file that is about to be shown.
struct Whole {
    length: u64,
    blocks: Vec<StagedBlock>,
    digest: Digest,
    md5: Option<[u8; 16]>,
}

struct TreeRun(Arc<Tree>);

#[async_trait]
impl SinkRun for TreeRun {
    fn moved(&self) -> u64 {
        self.0.sink.container.moved()
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        Ok(Opened::Writer(Box::new(TreeWriter {
            digester: RowDigester::new(&self.0.context.schema)?,
            tree: Arc::clone(&self.0),
            chunk: chunk.id,
            attempt,
            room: room(self.0.sink.in_flight()),
            open: None,
            closing: JoinSet::new(),
            kept: Vec::new(),
            files: 0,
        })))
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let standing = self.0.standing().await?;
        let mut lost = Vec::new();
        for receipt in receipts {
            for kept in kept(receipt)? {
                if !self.0.holds(&kept, &standing).await? {
                    lost.push(receipt.chunk);
                    break;
                }
            }
        }
        Ok(lost)
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let files = files(receipts)?;
        let bytes = files.values().flatten().map(|(span, _)| span.end - span.start).sum();
        let in_ranges = files.iter().filter(|(_, parts)| parts.len() > 1);
        let shown = in_ranges.map(|(target, parts)| async move {
            let blob = self.0.sink.container.blob(target)?;
            let whole = Whole {
                length: parts.iter().map(|(span, _)| span.end - span.start).sum(),
                blocks: parts.iter().flat_map(|(_, blocks)| blocks.clone()).collect(),
                digest: parts.iter().map(|(span, _)| span.digest).sum(),
                md5: parts.iter().find_map(|(span, _)| span.md5()),
            };
            self.0.show(&blob, whole).await
        });
        let shown: Vec<_> = shown.collect();
        stream::iter(shown).buffer_unordered(COMMITS).try_collect::<()>().await?;
        let url = |path: &str| Ok(self.0.sink.container.blob(path)?.url);
        let names = reported(|| url(&self.0.folder), files.keys().map(|target| url(target)))?;
        Ok(Published { files: files.len() as u64, bytes, names })
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let stored = |(target, parts): (String, Vec<(Span, Vec<StagedBlock>)>)| {
            let spans = parts.into_iter().map(|(span, _)| span);
            let mut stored = Stored {
                name: self.0.sink.container.blob(&target)?.url,
                rows: 0,
                digest: Digest::default(),
                slices: Vec::new(),
            };
            for span in spans {
                stored.rows += span.rows;
                stored.digest += span.digest;
                stored.slices.push(json!((&target, span)));
            }
            Ok(stored)
        };
        files(receipts)?.into_iter().map(stored).collect()
    }

    async fn read_back(&self, slice: &Value, _limit: BatchLimit) -> Result<BatchStream> {
        let (target, span) = <(String, Span)>::deserialize(slice).map_err(not_ours)?;
        let blob = self.0.sink.container.blob(&target)?;
        let found = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
        let state = found.filter(|state| state.length == span.length).ok_or_else(|| {
            Error::new(ErrorKind::Data, "the blob is gone or has another length; somebody replaced it")
                .with("blob", blob.url.escape_debug())
        })?;
        let etag = state.etag;
        Ok(span.read_back(move |range| {
            let (blob, etag) = (blob.clone(), etag.clone());
            Box::pin(async move { blob.range(&etag, range).await.map_err(|fault| fault.at(&blob.place)) })
        }))
    }

    async fn abort(&self) -> Result<()> {
        // Blobs that are shown are whole, and nobody can tell who reads them by now; blocks are thrown away in a week.
        Ok(())
    }
}

struct TreeWriter {
    tree: Arc<Tree>,
    digester: RowDigester,
    chunk: ChunkId,
    attempt: Attempt,
    /// For the blocks of all files of the chunk.
    room: Arc<Semaphore>,
    open: Option<OpenFile>,
    /// Files whose last bytes are on their way, with their places.
    closing: JoinSet<Result<(usize, Kept)>>,
    kept: Vec<(usize, Kept)>,
    files: usize,
}

struct OpenFile {
    target: String,
    blob: Blob,
    copied: Copied,
    upload: Upload,
}

impl TreeWriter {
    async fn take(&mut self, piece: Piece, digest: Digest) -> Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.copied.goes_on_with(&piece) => open,
            before => {
                if let Some(before) = before {
                    self.close(before).await?;
                }
                self.begin(&piece).await?
            }
        };
        let (mut copied, piece) = (open.copied, piece);
        let bytes = piece.bytes.clone();
        // MD5 is the slowest thing here: it belongs to the pool.
        copied = cpu::run(move || {
            copied.take(&piece, digest);
            copied
        })
        .await?;
        open.copied = copied;
        open.upload.push(bytes).await?;
        self.open = Some(open);
        Ok(())
    }

    async fn begin(&self, piece: &Piece) -> Result<OpenFile> {
        let tree = &self.tree;
        let (target, blob) = tree.blob(&piece.path)?;
        let sizes = BlockSizes::of_file(tree.sink.block, piece.length)
            .map_err(|error| error.with("file", piece.path.escape_debug()))?;
        let part = piece.offset.to_string();
        let plan = tree.sink.upload_plan(&blob, &tree.context, &part, sizes);
        let upload = Upload::within(plan, Arc::clone(&self.room));
        // What a process that was killed staged is there already: only the rest has to pass the wire.
        let is_first = self.attempt == Attempt { epoch: 1, number: 1 };
        let is_large = sizes.of(0).is_some_and(|block| piece.length > block as u64);
        let upload = if is_first || !is_large {
            upload
        } else {
            upload.without(blob.blocks().await.map_err(|fault| fault.at(&blob.place))?)
        };
        Ok(OpenFile { target, blob, copied: Copied::beginning(piece), upload })
    }

    /// Lets a file end while the next one begins.
    async fn close(&mut self, mut open: OpenFile) -> Result<()> {
        // The last block waits for room here, so that no file holds bytes that are not counted.
        open.upload.cut().await?;
        while self.closing.len() >= COMMITS {
            self.settle_one().await?;
        }
        let (tree, place) = (Arc::clone(&self.tree), self.files);
        self.files += 1;
        self.closing.spawn(async move {
            let OpenFile { target, blob, copied, upload } = open;
            let span = cpu::run(move || copied.finish()).await??;
            let blocks = upload.finish().await?;
            if !span.is_whole() {
                return Ok((place, Kept { target, span, blocks }));
            }
            let whole = Whole { length: span.length, blocks, digest: span.digest, md5: span.md5() };
            tree.show(&blob, whole).await?;
            Ok((place, Kept { target, span, blocks: Vec::new() }))
        });
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<()> {
        if let Some(done) = self.closing.join_next().await {
            let done = done.map_err(|error| {
                Error::new(ErrorKind::Bug, "the end of a file panicked; please report it").caused_by(error)
            })?;
            self.kept.push(done?);
        }
        Ok(())
    }
}

#[async_trait]
impl ChunkWriter for TreeWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let digester = self.digester.clone();
        let pieces = cpu::run(move || {
            let pieces = binary::pieces(&batch)?.into_iter().enumerate();
            pieces.map(|(row, piece)| Ok((piece, digester.digest(&batch.slice(row, 1))?))).collect::<Result<Vec<_>>>()
        });
        for (piece, digest) in pieces.await?? {
            self.take(piece, digest).await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        if let Some(open) = self.open.take() {
            self.close(open).await?;
        }
        while !self.closing.is_empty() {
            self.settle_one().await?;
        }
        self.kept.sort_by_key(|(place, _)| *place);
        let kept: Vec<Kept> = self.kept.into_iter().map(|(_, kept)| kept).collect();
        Ok(Receipt {
            chunk: self.chunk,
            attempt: self.attempt,
            rows: kept.iter().map(|kept| kept.span.rows).sum(),
            bytes: kept.iter().map(|kept| kept.span.end - kept.span.start).sum(),
            digest: kept.iter().map(|kept| kept.span.digest).sum(),
            detail: kept_as_text(&kept)?.into(),
        })
    }

    async fn abort(self: Box<Self>) {}
}

fn kept(receipt: &Receipt) -> Result<Vec<Kept>> {
    kept_in(&receipt.detail)
}

fn files(receipts: &[Receipt]) -> Result<Assembled<Vec<StagedBlock>>> {
    let mut files = Assembly::default();
    for receipt in receipts {
        for Kept { target, span, blocks, .. } in kept(receipt)? {
            files.add(target, span, blocks);
        }
    }
    files.whole()
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the checkpoint of this run was not written by this sink; please report it")
        .caused_by(error)
}
