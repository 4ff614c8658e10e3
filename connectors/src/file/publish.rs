//! How the pieces of a run become visible.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{ChunkId, Receipt},
    sink::{Published, Stored},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{disk, sink::Shared, writer::Piece};
use crate::{
    format::{Fragment, READ_BACK_BYTES, Slice},
    layout::{Manifest, Part, PartNames, SUCCESS, manifest_name, reported},
};

/// One of the two shapes of a target. Blocking; every method may be called again.
pub(super) trait Publication: Send + Sync {
    /// Chunks whose pieces are gone, although they have a receipt.
    fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>>;
    /// Makes the rows of all receipts visible.
    fn publish(&self, receipts: &[Receipt]) -> Result<Published>;
    /// The files that are visible now.
    fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>>;
}

/// What is read back of one file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// In the target folder.
    pub(super) name: String,
    pub(super) slice: Slice,
}

impl Recipe {
    fn of(name: &str, slice: Slice) -> Value {
        json!(Self { name: name.to_owned(), slice })
    }
}

/// All chunks in one file.
pub(super) struct SingleFile {
    pub(super) shared: Shared,
    pub(super) name: String,
}

/// A part of a file.
enum Section {
    /// Bytes of the format's own.
    Bytes(Vec<u8>),
    /// Rows.
    Piece(Piece),
}

impl Section {
    /// Its length and its hash.
    fn identity(self) -> (u64, String) {
        match self {
            Self::Bytes(bytes) => (bytes.len() as u64, blake3::hash(&bytes).to_hex().to_string()),
            Self::Piece(piece) => (piece.bytes, piece.hash),
        }
    }
}

impl Publication for SingleFile {
    fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        let missing = missing(receipts, |_, piece| Ok(self.shared.staged(piece)))?;
        let published = !missing.is_empty() && self.is_published(receipts)?;
        Ok(if published { Vec::new() } else { missing })
    }

    fn publish(&self, receipts: &[Receipt]) -> Result<Published> {
        let staging = &self.shared.staging;
        if !staging.exists() || !missing(receipts, |_, piece| Ok(self.shared.staged(piece)))?.is_empty() {
            // An earlier finish got as far as removing its pieces, or they are really gone.
            return if self.is_published(receipts)? { self.published() } else { Err(pieces_gone(staging.path())) };
        }
        let whole = staging.own("whole");
        disk::remove_file(&whole)?;
        self.join(receipts, &whole)?;
        staging.still_ours()?;
        disk::rename(&whole, &self.path())?;
        disk::sync_folder(&self.shared.folder)?;
        self.published()
    }

    fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let path = self.path();
        let format = self.shared.format.read_back(&self.shared.schema)?;
        let slices = format
            .slices(disk::input(&path)?, READ_BACK_BYTES)
            .map_err(|error| error.with("file", disk::shown(&path)))?;
        Ok(vec![Stored {
            name: path.display().to_string(),
            rows: receipts.iter().map(|receipt| receipt.rows).sum(),
            digest: receipts.iter().map(|receipt| receipt.digest).sum(),
            slices: slices.into_iter().map(|slice| Recipe::of(&self.name, slice)).collect(),
        }])
    }
}

impl SingleFile {
    fn path(&self) -> PathBuf {
        self.shared.folder.join(&self.name)
    }

    /// What the file is made of, in order.
    fn frame(&self, receipts: &[Receipt]) -> Result<Vec<Section>> {
        let pieces = receipts.iter().map(Piece::of).collect::<Result<Vec<_>>>()?.concat();
        let fragments: Vec<_> =
            pieces.iter().map(|piece| Fragment { length: piece.bytes, detail: piece.detail.clone() }).collect();
        let format = &self.shared.format;
        let (separator, trailer) = (format.separator()?, format.trailer(&self.shared.schema, &fragments)?);
        let mut sections = vec![Section::Bytes(format.preamble(&self.shared.schema)?)];
        let mut has_rows = false;
        for piece in pieces {
            if piece.rows > 0 && std::mem::replace(&mut has_rows, true) {
                sections.push(Section::Bytes(separator.clone()));
            }
            sections.push(Section::Piece(piece));
        }
        sections.push(Section::Bytes(trailer));
        Ok(sections)
    }

    fn join(&self, receipts: &[Receipt], path: &Path) -> Result<()> {
        let mut whole = disk::create_new(path)?;
        let failed = |error| disk::failed("write", path, error);
        for section in self.frame(receipts)? {
            let piece = match section {
                Section::Bytes(bytes) => {
                    whole.write_all(&bytes).map_err(failed)?;
                    continue;
                }
                Section::Piece(piece) => piece,
            };
            let from = self.shared.staging.path().join(&piece.name);
            // Between two files this is copy_file_range: the bytes never pass through us.
            let copied = io::copy(&mut disk::open(&from)?, &mut whole).map_err(failed)?;
            self.shared.moved.fetch_add(copied, Ordering::Relaxed);
            if copied != piece.bytes {
                return Err(Error::new(
                    ErrorKind::Data,
                    "a piece of the run changed while it was read; resume the run",
                )
                .with("path", disk::shown(&from)));
            }
        }
        disk::sync(&whole, path)
    }

    /// True if the target holds exactly the bytes of these receipts.
    fn is_published(&self, receipts: &[Receipt]) -> Result<bool> {
        let sections: Vec<_> = self.frame(receipts)?.into_iter().map(Section::identity).collect();
        let path = self.path();
        if disk::length(&path) != Some(sections.iter().map(|(bytes, _)| bytes).sum()) {
            return Ok(false);
        }
        let mut file = io::BufReader::new(disk::open(&path)?);
        for (bytes, hash) in sections {
            if self.shared.hash_of(&mut file.by_ref().take(bytes), &path)? != hash {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn published(&self) -> Result<Published> {
        let path = self.path();
        let bytes = disk::length(&path).ok_or_else(|| pieces_gone(&path))?;
        self.shared.staging.remove()?;
        Ok(Published { files: 1, bytes, names: vec![path.display().to_string()] })
    }
}

/// Every piece a file of its own, a manifest and a mark of success.
pub(super) struct Folder {
    pub(super) shared: Shared,
    pub(super) names: Arc<PartNames>,
}

impl Publication for Folder {
    fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        missing(receipts, |(chunk, number), piece| {
            Ok(self.shared.staged(piece) || self.is_there(&self.part(chunk, number, piece), piece)?)
        })
    }

    fn publish(&self, receipts: &[Receipt]) -> Result<Published> {
        let (folder, staging) = (&self.shared.folder, &self.shared.staging);
        let manifest = self.manifest(receipts)?;
        let text = manifest.to_bytes()?;
        let success = Manifest::success(&self.shared.run, &text);
        let mark = folder.join(SUCCESS);
        if !is_content(&mark, &success) {
            staging.still_ours()?;
            // Until everything is in place nothing vouches for the folder, also not an earlier run. The staging
            // folder goes before the mark comes: a process that was stopped here has nowhere to move the mark of
            // the one that finished the run in its place.
            disk::move_away(&mark, &staging.own("stale"))?;
            disk::sync_folder(folder)?;
            self.each(receipts, |part, piece| {
                self.shared.moved.fetch_add(1, Ordering::Relaxed);
                self.reveal(&part, &piece)
            })?;
            let manifests = folder.join(manifest_name(&self.shared.run));
            self.sync_folders(&manifest)?;
            manifests.parent().map_or(Ok(()), disk::create_folder)?;
            disk::replace(&manifests, &staging.own("manifest"), &text)?;
            manifests.parent().map_or(Ok(()), disk::sync_folder)?;
            disk::sync_folder(folder)?;
            let whole = staging.beside("success");
            disk::write(&whole, &success)?;
            staging.remove()?;
            disk::rename(&whole, &mark)?;
            disk::sync_folder(folder)?;
        }
        staging.remove()?;
        staging.remove_beside("success")?;
        let Manifest { parts, .. } = manifest;
        Ok(Published {
            files: parts.len() as u64,
            bytes: parts.iter().map(|part| part.bytes).sum(),
            names: reported(
                || Ok(folder.display().to_string()),
                parts.iter().map(|part| Ok(folder.join(&part.name).display().to_string())),
            )?,
        })
    }

    fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let mut stored = Vec::with_capacity(receipts.len());
        self.each(receipts, |part, _| {
            stored.push(Stored {
                name: self.shared.folder.join(&part.name).display().to_string(),
                rows: part.rows,
                digest: part.digest,
                slices: vec![Recipe::of(&part.name, Slice::Whole)],
            });
            Ok(())
        })?;
        Ok(stored)
    }
}

impl Folder {
    /// Does something with every piece and what it is called in the end.
    fn each(&self, receipts: &[Receipt], mut work: impl FnMut(Part, Piece) -> Result<()>) -> Result<()> {
        for receipt in receipts {
            let pieces = Piece::of(receipt)?;
            self.names.are_all(receipt.chunk, pieces.len())?;
            for (number, piece) in pieces.into_iter().enumerate() {
                work(self.part(receipt.chunk, number as u32, &piece), piece)?;
            }
        }
        Ok(())
    }

    fn manifest(&self, receipts: &[Receipt]) -> Result<Manifest> {
        let mut parts = Vec::with_capacity(receipts.len());
        self.each(receipts, |part, _| {
            parts.push(part);
            Ok(())
        })?;
        Ok(Manifest::new(&self.shared.run, &self.shared.schema, parts))
    }

    fn part(&self, chunk: ChunkId, number: u32, piece: &Piece) -> Part {
        let name = self.names.of(chunk, number);
        Part { name, bytes: piece.bytes, rows: piece.rows, digest: piece.digest }
    }

    fn reveal(&self, part: &Part, piece: &Piece) -> Result<()> {
        if self.shared.staged(piece) {
            let staged = self.shared.staging.path().join(&piece.name);
            return disk::rename(&staged, &self.made(&part.name)?);
        }
        if self.is_there(part, piece)? {
            return Ok(());
        }
        Err(pieces_gone(self.shared.staging.path()))
    }

    /// Makes the names in folders below the target durable.
    fn sync_folders(&self, manifest: &Manifest) -> Result<()> {
        let folders = manifest.parts.iter().filter_map(|part| part.name.rsplit_once('/').map(|(folder, _)| folder));
        let folders: BTreeSet<&str> = folders.collect();
        folders.into_iter().try_for_each(|folder| disk::sync_folder(&self.shared.folder.join(folder)))
    }

    /// The place of a file; folders that are missing are made, and none of them is a link that leads elsewhere.
    fn made(&self, name: &str) -> Result<PathBuf> {
        let mut place = self.shared.folder.clone();
        let (folders, name) = name.rsplit_once('/').unwrap_or(("", name));
        for step in folders.split('/').filter(|step| !step.is_empty()) {
            place.push(step);
            disk::create_folder(&place)?;
            if disk::is_link(&place)? {
                return Err(Error::new(ErrorKind::Spec, "a folder of the target is a link; copy to where it leads")
                    .with("path", disk::shown(&place)));
            }
        }
        Ok(place.join(name))
    }

    /// Whether the file is the piece. A name that has the run in it tells; any other file may have stood there before.
    fn is_there(&self, part: &Part, piece: &Piece) -> Result<bool> {
        let path = self.shared.folder.join(&part.name);
        if disk::length(&path) != Some(piece.bytes) {
            return Ok(false);
        }
        Ok(!self.names.keep_files() || self.shared.hash_of(&mut disk::open(&path)?, &path)? == piece.hash)
    }
}

impl Shared {
    /// The hash of what comes from a file.
    fn hash_of(&self, from: &mut impl Read, path: &Path) -> Result<String> {
        let mut hasher = blake3::Hasher::new();
        let read = io::copy(from, &mut hasher).map_err(|error| disk::failed("read", path, error))?;
        self.moved.fetch_add(read, Ordering::Relaxed);
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn staged(&self, piece: &Piece) -> bool {
        disk::length(&self.staging.path().join(&piece.name)) == Some(piece.bytes)
    }
}

/// The chunks of which some piece is not there.
fn missing(receipts: &[Receipt], there: impl Fn((ChunkId, u32), &Piece) -> Result<bool>) -> Result<Vec<ChunkId>> {
    let mut missing = Vec::new();
    for receipt in receipts {
        for (number, piece) in Piece::of(receipt)?.iter().enumerate() {
            if !there((receipt.chunk, number as u32), piece)? {
                missing.push(receipt.chunk);
                break;
            }
        }
    }
    Ok(missing)
}

fn is_content(path: &Path, content: &[u8]) -> bool {
    let mut found = Vec::new();
    let read = File::open(path).and_then(|file| file.take(content.len() as u64 + 1).read_to_end(&mut found));
    read.is_ok() && found == content
}

fn pieces_gone(path: &Path) -> Error {
    Error::new(ErrorKind::Data, "pieces of the run were removed by someone else; start a new run")
        .with("path", disk::shown(path))
}
