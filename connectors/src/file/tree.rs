//! Files copied as they are, each to a file of its own. Pieces are gathered in the staging folder, files in several ranges
//! are joined there, and publishing gives them their names.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use md5::{Digest as _, Md5};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    digest::{Digest, RowDigester},
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun, Stored},
    source::BatchStream,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    disk::{self, blocking},
    paths::{Root, Target, listed},
    sink::prepare,
    staging::Staging,
};
use crate::{
    binary::{self, Assembled, Assembly, BinaryFiles, Copied, Naming, Piece, Span, same_md5},
    kept::{kept_as_text, kept_in},
    layout::reported,
};

/// Bytes that are read at once to be hashed.
const HASHED: usize = 1 << 20;

/// A sink of files as they are.
pub(super) struct TreeSink {
    pub(super) root: Root,
    pub(super) target: Target,
    /// How files are called below the target's folder.
    pub(super) naming: Naming,
}

#[async_trait]
impl Sink for TreeSink {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        BinaryFiles::fits(schema)
    }

    fn guarantee(&self) -> String {
        "every file byte by byte; each appears complete or not at all".to_owned()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let (root, target) = (self.root.clone(), self.target.clone());
        let (run, epoch) = (context.run.clone(), context.epoch);
        let staging = blocking(move || prepare(&root, &target, &run, epoch)).await?;
        Ok(Box::new(TreeRun(Arc::new(Tree {
            root: self.root.clone(),
            folder: self.target.folder.clone(),
            naming: self.naming.clone(),
            run: context.run,
            digester: RowDigester::new(&context.schema)?,
            staging,
            moved: AtomicU64::new(0),
        }))))
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(2)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        binary::are_pieces(schema)?;
        Ok(limit.bytes.saturating_add(2 * binary::PIECE))
    }
}

/// One run. Its methods block.
struct Tree {
    root: Root,
    /// The target folder, below the root.
    folder: PathBuf,
    naming: Naming,
    run: RunId,
    digester: RowDigester,
    staging: Staging,
    moved: AtomicU64,
}

/// A span in a receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    /// The file, below the target folder.
    target: String,
    span: Span,
    /// Its name in the staging folder.
    piece: String,
}

impl Tree {
    fn target(&self, target: &str) -> Result<PathBuf> {
        Ok(self.folder.join(listed(target)?))
    }

    /// The path of a target that is there already, or whose folder is.
    fn standing(&self, target: &str) -> Result<Option<PathBuf>> {
        let below = self.target(target)?;
        let (Some(folder), Some(name)) = (below.parent(), below.file_name()) else { return Ok(None) };
        if !self.root.path().join(folder).is_dir() {
            return Ok(None);
        }
        Ok(Some(self.root.real(folder)?.join(name)))
    }

    /// The same; folders that are missing are made, one by one, so that no link leads out of the root.
    fn made(&self, target: &str) -> Result<PathBuf> {
        let below = self.target(target)?;
        let (folder, name) = (below.parent().unwrap_or(Path::new("")), below.file_name().unwrap_or_default());
        let mut made = PathBuf::new();
        for step in folder {
            made.push(step);
            let parent = made.parent().unwrap_or(Path::new(""));
            disk::create_folder(&self.root.real(parent)?.join(step))?;
        }
        Ok(self.root.real(folder)?.join(name))
    }

    fn is_staged(&self, kept: &Kept) -> bool {
        disk::length(&self.staging.path().join(&kept.piece)) == Some(kept.span.end - kept.span.start)
    }

    fn is_published(&self, target: &str, length: u64) -> Result<bool> {
        Ok(self.standing(target)?.is_some_and(|path| disk::length(&path) == Some(length)))
    }

    fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        let mut lost = Vec::new();
        for receipt in receipts {
            for kept in kept(receipt)? {
                if !self.is_staged(&kept) && !self.is_published(&kept.target, kept.span.length)? {
                    lost.push(receipt.chunk);
                    break;
                }
            }
        }
        Ok(lost)
    }

    fn publish(&self, receipts: &[Receipt]) -> Result<Published> {
        let files = files(receipts)?;
        if self.staging.exists() {
            self.staging.still_ours()?;
            let mut folders = BTreeSet::new();
            for (target, parts) in &files {
                self.reveal(target, parts, &mut folders)?;
                self.moved.fetch_add(1, Ordering::Relaxed);
            }
            folders.iter().try_for_each(|folder| disk::sync_folder(folder))?;
        }
        // Without the staging folder all names were given before.
        for (target, parts) in &files {
            let length = parts.iter().map(|(span, _)| span.end - span.start).sum();
            if !self.is_published(target, length)? {
                return Err(Error::new(
                    ErrorKind::Data,
                    "files of the run were removed by someone else; start a new run",
                )
                .with("file", target.escape_debug()));
            }
        }
        self.staging.remove()?;
        let folder = self.root.path().join(&self.folder);
        let names = files.keys().map(|target| Ok(folder.join(target).display().to_string()));
        let names = reported(|| Ok(folder.display().to_string()), names)?;
        let bytes = files.values().flatten().map(|(span, _)| span.end - span.start).sum();
        Ok(Published { files: files.len() as u64, bytes, names })
    }

    /// Gives a file its name; one that has it already is left alone.
    fn reveal(&self, target: &str, parts: &[(Span, String)], folders: &mut BTreeSet<PathBuf>) -> Result<()> {
        let staged = |piece: &str| self.staging.path().join(piece);
        let from = match parts {
            [(_, piece)] => staged(piece),
            _ => staged(&format!("{}-whole", parts.first().map(|(_, piece)| piece.as_str()).unwrap_or_default())),
        };
        if parts.len() > 1 && parts.iter().all(|(_, piece)| disk::length(&staged(piece)).is_some()) {
            self.join(parts, &from)?;
        }
        if disk::length(&from).is_none() {
            return Ok(());
        }
        let to = self.made(target)?;
        if let Some(folder) = to.parent() {
            folders.insert(folder.to_owned());
        }
        disk::rename(&from, &to)
    }

    /// Puts a file in ranges together, and compares it with the MD5 that the source knows.
    fn join(&self, parts: &[(Span, String)], path: &Path) -> Result<()> {
        disk::remove_file(path)?;
        let mut whole = disk::create_new(path)?;
        for (span, piece) in parts {
            let from = self.staging.path().join(piece);
            // Between two files this is copy_file_range: the bytes never pass through us.
            let copied = io::copy(&mut disk::open(&from)?, &mut whole);
            let copied = copied.map_err(|error| disk::failed("write", path, error))?;
            self.moved.fetch_add(copied, Ordering::Relaxed);
            if copied != span.end - span.start {
                return Err(Error::new(
                    ErrorKind::Data,
                    "a piece of the run changed while it was read; resume the run",
                )
                .with("path", disk::shown(&from)));
            }
        }
        if let Some((span, given)) = parts.iter().find_map(|(span, _)| Some((span, span.given?))) {
            same_md5(&span.path, Some(given), Some(self.md5(path)?))?;
        }
        disk::sync(&whole, path)
    }

    fn md5(&self, path: &Path) -> Result<[u8; 16]> {
        let failed = |error| disk::failed("read", path, error);
        let (mut file, mut hasher, mut bytes) = (disk::open(path)?, Md5::new(), vec![0; HASHED]);
        loop {
            let read = file.read(&mut bytes).map_err(failed)?;
            if read == 0 {
                return Ok(hasher.finalize().into());
            }
            hasher.update(&bytes[..read]);
            self.moved.fetch_add(read as u64, Ordering::Relaxed);
        }
    }
}

struct TreeRun(Arc<Tree>);

impl TreeRun {
    async fn blocking<T: Send + 'static>(
        &self,
        receipts: &[Receipt],
        work: fn(&Tree, &[Receipt]) -> Result<T>,
    ) -> Result<T> {
        let (tree, receipts) = (Arc::clone(&self.0), receipts.to_vec());
        blocking(move || work(&tree, &receipts)).await
    }
}

#[async_trait]
impl SinkRun for TreeRun {
    fn moved(&self) -> u64 {
        self.0.moved.load(Ordering::Relaxed)
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let pieces = Pieces { tree: Arc::clone(&self.0), chunk: chunk.id, attempt, open: None, kept: Vec::new() };
        Ok(Opened::Writer(Box::new(TreeWriter(Some(pieces)))))
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        self.blocking(receipts, Tree::lost).await
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        self.blocking(receipts, Tree::publish).await
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let stored = |(target, parts): (String, Vec<(Span, String)>)| Stored {
            name: self.0.root.path().join(&self.0.folder).join(&target).display().to_string(),
            rows: parts.iter().map(|(span, _)| span.rows).sum(),
            digest: parts.iter().map(|(span, _)| span.digest).sum(),
            slices: parts.into_iter().map(|(span, _)| json!((&target, span))).collect(),
        };
        Ok(files(receipts)?.into_iter().map(stored).collect())
    }

    async fn read_back(&self, slice: &Value, _limit: BatchLimit) -> Result<BatchStream> {
        let (target, span) = <(String, Span)>::deserialize(slice).map_err(not_ours)?;
        let tree = Arc::clone(&self.0);
        let file = blocking(move || {
            let path = tree.standing(&target)?.unwrap_or_else(|| tree.folder.join(&target));
            let file = disk::open(&path)?;
            if disk::length(&path) == Some(span.length) {
                return Ok((span, Arc::new(file), Arc::new(path)));
            }
            Err(Error::new(ErrorKind::Data, "the file has another length; somebody replaced it")
                .with("file", disk::shown(&path)))
        });
        let (span, file, path) = file.await?;
        Ok(span.read_back(move |range| {
            let (file, path) = (Arc::clone(&file), Arc::clone(&path));
            // Allocated here for the same reason as what is read of a source.
            let mut bytes = vec![0; (range.end - range.start) as usize];
            Box::pin(blocking(move || {
                let read = std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, range.start);
                read.map_err(|error| disk::failed("read", &path, error))?;
                Ok(bytes.into())
            }))
        }))
    }

    async fn abort(&self) -> Result<()> {
        let tree = Arc::clone(&self.0);
        blocking(move || tree.staging.remove()).await
    }
}

/// The pieces of one attempt. They move to a blocking thread and back with every batch.
struct Pieces {
    tree: Arc<Tree>,
    chunk: ChunkId,
    attempt: Attempt,
    open: Option<OpenPiece>,
    kept: Vec<Kept>,
}

struct OpenPiece {
    target: String,
    name: String,
    path: PathBuf,
    file: File,
    copied: Copied,
}

impl Pieces {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for (row, piece) in binary::pieces(batch)?.iter().enumerate() {
            let digest = self.tree.digester.digest(&batch.slice(row, 1))?;
            self.take(piece, digest)?;
        }
        Ok(())
    }

    fn take(&mut self, piece: &Piece, digest: Digest) -> Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.copied.goes_on_with(piece) => open,
            before => {
                before.map_or(Ok(()), |open| self.close(open))?;
                self.begin(piece)?
            }
        };
        if let Err(error) = open.file.write_all(&piece.bytes) {
            let error = disk::failed("write", &open.path, error);
            // A full disk gets its space back at once: the attempt starts anew anyway.
            drop(disk::remove_file(&open.path));
            return Err(error);
        }
        self.tree.moved.fetch_add(piece.bytes.len() as u64 + 1, Ordering::Relaxed);
        open.copied.take(piece, digest);
        self.open = Some(open);
        Ok(())
    }

    fn begin(&self, piece: &Piece) -> Result<OpenPiece> {
        let target = self.tree.naming.target(&piece.path, &self.tree.run)?;
        let name = Staging::piece_name(self.chunk, self.attempt, self.kept.len() as u32);
        let path = self.tree.staging.path().join(&name);
        Ok(OpenPiece { target, file: disk::create_new(&path)?, name, path, copied: Copied::beginning(piece) })
    }

    fn close(&mut self, open: OpenPiece) -> Result<()> {
        let span = open.copied.finish()?;
        self.kept.push(Kept { target: open.target, span, piece: open.name });
        Ok(())
    }

    fn commit(mut self) -> Result<Receipt> {
        if let Some(open) = self.open.take() {
            self.close(open)?;
        }
        // One call for all of them: a chunk may have a thousand small files.
        disk::sync_file_system(self.tree.staging.path())?;
        Ok(Receipt {
            chunk: self.chunk,
            attempt: self.attempt,
            rows: self.kept.iter().map(|kept| kept.span.rows).sum(),
            bytes: self.kept.iter().map(|kept| kept.span.end - kept.span.start).sum(),
            digest: self.kept.iter().map(|kept| kept.span.digest).sum(),
            detail: kept_as_text(&self.kept)?.into(),
        })
    }
}

/// `None` after a failure.
struct TreeWriter(Option<Pieces>);

impl TreeWriter {
    fn pieces(&mut self) -> Result<Pieces> {
        self.0.take().ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a writer was used after its work was interrupted; please report it")
        })
    }
}

#[async_trait]
impl ChunkWriter for TreeWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let mut pieces = self.pieces()?;
        let pieces = blocking(move || pieces.write(&batch).map(|()| pieces)).await?;
        self.0 = Some(pieces);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let pieces = self.pieces()?;
        blocking(move || pieces.commit()).await
    }

    async fn abort(self: Box<Self>) {
        // What an aborted attempt wrote goes with the staging folder.
    }
}

fn kept(receipt: &Receipt) -> Result<Vec<Kept>> {
    kept_in(&receipt.detail)
}

fn files(receipts: &[Receipt]) -> Result<Assembled<String>> {
    let mut files = Assembly::default();
    for receipt in receipts {
        for Kept { target, span, piece } in kept(receipt)? {
            files.add(target, span, piece);
        }
    }
    files.whole()
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the receipt of a chunk is damaged; start the run anew and report it").caused_by(error)
}
