//! Writes one attempt at one chunk into the staging folder.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ropeway_engine::{
    Error, Result,
    chunk::{Attempt, ChunkId, Receipt},
    cpu,
    digest::Digest,
    sink::ChunkWriter,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{disk, sink::Shared, staging::Staging};
use crate::{
    format::{Fragment, FragmentEncoder},
    kept::{kept_as_text, kept_in},
};

/// Encoded bytes that are gathered before they are written.
pub(super) const FLUSH_BYTES: usize = 1 << 20;

/// A finished piece in the staging folder, as the receipt records it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Its name in the staging folder.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) rows: u64,
    pub(super) digest: Digest,
    /// BLAKE3 of its bytes.
    pub(super) hash: String,
    /// What the file's trailer needs of it.
    pub(super) detail: Value,
}

impl Piece {
    /// The pieces of a receipt.
    pub(super) fn of(receipt: &Receipt) -> Result<Vec<Self>> {
        kept_in(&receipt.detail).map_err(|error| error.with("chunk", receipt.chunk.0))
    }
}

/// What the pieces of a chunk are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pieces {
    /// A part of the one file of all chunks.
    OfAFile,
    /// A file each, of so many rows at most.
    Files { rows_at_most: Option<u64> },
}

pub(super) struct FileWriter {
    shared: Shared,
    chunk: ChunkId,
    attempt: Attempt,
    pieces: Pieces,
    /// Whether all rows of the chunk come from one file. The others are made durable together: that takes one step of the
    /// disk, and not one for every file.
    is_one_file: bool,
    open: Option<OpenPiece>,
    done: Vec<Piece>,
}

impl FileWriter {
    pub(super) fn new(shared: Shared, (chunk, attempt): (ChunkId, Attempt), pieces: Pieces, is_one_file: bool) -> Self {
        Self { shared, chunk, attempt, pieces, is_one_file, open: None, done: Vec::new() }
    }

    fn are_files(&self) -> bool {
        matches!(self.pieces, Pieces::Files { .. })
    }

    fn rows_at_most(&self) -> u64 {
        match self.pieces {
            Pieces::Files { rows_at_most: Some(most) } => most,
            _ => u64::MAX,
        }
    }

    async fn piece(&mut self) -> Result<OpenPiece> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let encoder = self.shared.format.encoder(&self.shared.schema)?;
        let preamble = if self.are_files() { self.shared.format.preamble(&self.shared.schema)? } else { Vec::new() };
        let name = Staging::piece_name(self.chunk, self.attempt, self.done.len() as u32);
        let path = self.shared.staging.path().join(&name);
        let file = PieceFile::create(path, preamble, Arc::clone(&self.shared.moved)).await?;
        Ok(OpenPiece { name, encoder, file, rows: 0 })
    }

    async fn close(&mut self, piece: OpenPiece) -> Result<()> {
        let OpenPiece { name, mut encoder, mut file, .. } = piece;
        let (finished, rest) = cpu::run(move || encoder.finish().map(|finished| (finished, encoder.take()))).await??;
        file = file.append(rest).await?;
        if self.are_files() {
            let preamble = self.shared.format.preamble(&self.shared.schema)?.len() as u64;
            let fragment = Fragment { length: file.bytes - preamble, detail: finished.detail.clone() };
            file = file.append(self.shared.format.trailer(&self.shared.schema, &[fragment])?).await?;
        }
        let detail = if self.are_files() { Value::Null } else { finished.detail };
        if self.is_one_file {
            file = file.sync().await?;
        }
        self.done.push(Piece {
            name,
            bytes: file.bytes,
            rows: finished.rows,
            digest: finished.digest,
            hash: file.hash.finalize().to_hex().to_string(),
            detail,
        });
        Ok(())
    }
}

#[async_trait]
impl ChunkWriter for FileWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let mut rest = batch;
        while rest.num_rows() > 0 {
            let mut piece = self.piece().await?;
            let room = self.rows_at_most() - piece.rows;
            let rows = rest.num_rows().min(usize::try_from(room).unwrap_or(usize::MAX));
            let (now, later) = (rest.slice(0, rows), rest.slice(rows, rest.num_rows() - rows));
            piece = piece.encode(now).await?;
            if rows as u64 == room {
                self.close(piece).await?;
            } else {
                self.open = Some(piece);
            }
            rest = later;
        }
        Ok(())
    }

    async fn next_file(&mut self) -> Result<()> {
        let piece = self.piece().await?;
        self.close(piece).await
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        // The last file may have no rows, as well as the only one.
        if self.open.is_some() || self.done.is_empty() || !self.is_one_file {
            let piece = self.piece().await?;
            self.close(piece).await?;
        }
        let staging = self.shared.staging.path().to_owned();
        let sync = if self.is_one_file { disk::sync_folder } else { disk::sync_file_system };
        disk::blocking(move || sync(&staging)).await?;
        let detail = kept_as_text(&self.done)?;
        Ok(Receipt {
            chunk: self.chunk,
            attempt: self.attempt,
            rows: self.done.iter().map(|piece| piece.rows).sum(),
            bytes: self.done.iter().map(|piece| piece.bytes).sum(),
            digest: self.done.iter().map(|piece| piece.digest).sum(),
            detail: detail.into(),
        })
    }

    async fn abort(self: Box<Self>) {
        let names = self.done.into_iter().map(|piece| piece.name).chain(self.open.map(|open| open.name));
        let paths: Vec<_> = names.map(|name| self.shared.staging.path().join(name)).collect();
        // What cannot be removed now goes when the run ends.
        let removed = disk::blocking(move || paths.iter().try_for_each(|path| disk::remove_file(path))).await;
        if let Err(error) = removed {
            tracing::debug!(%error, "a piece of an aborted attempt stays until the run ends");
        }
    }
}

/// A piece that rows still go into.
struct OpenPiece {
    name: String,
    encoder: Box<dyn FragmentEncoder>,
    file: PieceFile,
    rows: u64,
}

impl OpenPiece {
    async fn encode(mut self, batch: RecordBatch) -> Result<Self> {
        self.rows += batch.num_rows() as u64;
        let mut encoder = self.encoder;
        let (encoder, bytes) = cpu::run(move || {
            encoder.write(&batch)?;
            let bytes = if encoder.ready() >= FLUSH_BYTES { encoder.take() } else { Vec::new() };
            Ok::<_, Error>((encoder, bytes))
        })
        .await??;
        self.encoder = encoder;
        self.file = self.file.append(bytes).await?;
        Ok(self)
    }
}

/// The file of a piece. It moves to a blocking thread and back with every operation; after a
/// failure it is gone, and so is what it had written.
struct PieceFile {
    file: File,
    path: PathBuf,
    bytes: u64,
    hash: blake3::Hasher,
    moved: Arc<AtomicU64>,
}

impl PieceFile {
    async fn create(path: PathBuf, preamble: Vec<u8>, moved: Arc<AtomicU64>) -> Result<Self> {
        disk::blocking(move || {
            let file = disk::create_new(&path)?;
            Self { file, path, bytes: 0, hash: blake3::Hasher::new(), moved }.write(&preamble)
        })
        .await
    }

    async fn append(self, bytes: Vec<u8>) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(self);
        }
        disk::blocking(move || self.write(&bytes)).await
    }

    async fn sync(self) -> Result<Self> {
        disk::blocking(move || {
            disk::sync(&self.file, &self.path)?;
            Ok(self)
        })
        .await
    }

    fn write(mut self, bytes: &[u8]) -> Result<Self> {
        if let Err(error) = self.file.write_all(bytes) {
            let error = disk::failed("write", &self.path, error)
                .with("written bytes", self.bytes)
                .with("needed bytes", bytes.len());
            // A full disk gets its space back at once: the attempt starts anew anyway.
            drop(disk::remove_file(&self.path));
            return Err(error);
        }
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(self)
    }
}
