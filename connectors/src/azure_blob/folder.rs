//! A folder: every chunk becomes a blob of its own, then come the manifest and `_SUCCESS`.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use futures::future::try_join_all;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    sink::{Opened, Published, RunContext, SinkRun, Stored},
    source::BatchStream,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    client::{Blob, Commit, Condition},
    commit::{Settled, commit_once, is_of},
    names,
    part::{PartWriter, Parts},
    read_back,
    sink::BlobSink,
};
use crate::{
    format::Slice,
    kept::kept_in,
    layout::{Manifest, Part, PartNames, SUCCESS, manifest_name, reported},
};

/// Requests that tidy up at once.
const TIDYING: usize = 8;

/// A run that writes a folder.
pub(crate) struct FolderRun {
    sink: Arc<BlobSink>,
    context: Arc<RunContext>,
    path: String,
    names: Arc<PartNames>,
    opening: Opening,
}

/// The finished run that stood in the folder when this one began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Opening {
    /// The version of its `_SUCCESS`, which this run replaces.
    etag: Option<String>,
    /// The name of its manifest.
    manifest: Option<String>,
}

impl FolderRun {
    pub(crate) async fn begin(sink: Arc<BlobSink>, path: String, context: RunContext) -> Result<Self> {
        let opening = match &context.opening {
            Some(opening) => Opening::deserialize(opening).map_err(not_ours)?,
            None => {
                let success = sink.container.blob(&names::blob(&path, SUCCESS)?)?;
                let found = success.read().await.map_err(|fault| fault.at(&success.place))?;
                found.map_or_else(Opening::default, |(text, state)| Opening {
                    etag: Some(state.etag),
                    manifest: named_manifest(&text),
                })
            }
        };
        let names = PartNames::new(sink.folder.clone(), &context.run, sink.format.extension(), &context.files)?;
        Ok(Self { sink, context: Arc::new(context), path, names: Arc::new(names), opening })
    }

    fn name(&self, name: &str) -> Result<String> {
        names::blob(&self.path, name)
    }

    fn blob(&self, name: &str) -> Result<Blob> {
        self.sink.container.blob(&self.name(name)?)
    }

    /// Every blob below the folder, and its length.
    async fn all(&self) -> Result<HashMap<String, u64>> {
        let container = &self.sink.container;
        let prefix = self.name("x")?;
        container.list(&prefix[..prefix.len() - 1]).await.map_err(|fault| fault.at(&container.place))
    }

    /// Deletes a blob if this run wrote it.
    async fn delete_own(&self, name: &str) -> Result<()> {
        self.delete_of(&self.sink.container.blob(name)?, &self.context.run).await
    }

    async fn delete_of(&self, blob: &Blob, run: &RunId) -> Result<()> {
        let at = |fault: super::errors::Fault| fault.at(&blob.place);
        match blob.state().await.map_err(at)? {
            Some(state) if is_of(&state, run) => blob.delete(Some(&state.etag)).await.map_err(at),
            _ => Ok(()),
        }
    }

    fn published(&self, manifest: &Manifest) -> Result<Published> {
        Ok(Published {
            files: manifest.parts.len() as u64,
            bytes: manifest.parts.iter().map(|part| part.bytes).sum(),
            names: reported(
                || Ok(self.sink.container.blob(&self.path)?.url),
                manifest.parts.iter().map(|part| Ok(self.blob(&part.name)?.url)),
            )?,
        })
    }

    async fn put(&self, name: &str, bytes: Vec<u8>, condition: Condition) -> Result<()> {
        let blob = self.blob(name)?;
        let hash = blake3::hash(&bytes).to_hex()[..32].to_owned();
        let staged = self.sink.stage_all(&blob, &self.context, name, bytes).await?;
        let commit = Commit {
            length: staged.iter().map(|block| block.1).sum(),
            blocks: staged.into_iter().map(|block| block.0).collect(),
            metadata: self.sink.metadata_of(&self.context, &[("digest", hash)]),
            content_type: if name == SUCCESS { "text/plain" } else { "application/json" },
            md5: None,
        };
        match commit_once(&blob, &self.context.run, &commit, &condition).await? {
            Settled::Ours(_) => Ok(()),
            Settled::OtherRows(_) => Err(Error::new(
                ErrorKind::Data,
                "another process of this run finished the folder with other rows; start a new run to overwrite it",
            )
            .with("blob", blob.url.escape_debug())),
        }
    }

    /// Deletes the parts that the replaced manifest lists, each only if that run wrote it.
    async fn delete_replaced(&self) -> Result<()> {
        // Where files keep their names, those of an earlier run are other files, unless they were replaced.
        let Some(name) = self.opening.manifest.as_ref().filter(|_| !self.names.keep_files()) else { return Ok(()) };
        let blob = self.blob(name)?;
        let Some((text, _)) = blob.read().await.map_err(|fault| fault.at(&blob.place))? else { return Ok(()) };
        let Ok(old) = serde_json::from_slice::<Manifest>(&text) else { return Ok(()) };
        if old.run == self.context.run {
            return Ok(());
        }
        let run = &old.run;
        let parts: Vec<&Part> = old.parts.iter().filter(|part| !part.name.contains('/')).collect();
        for some in parts.chunks(TIDYING) {
            let deletions: Vec<_> = some.iter().map(|part| self.delete_part(part, run)).collect();
            try_join_all(deletions).await?;
        }
        Ok(())
    }

    /// Deletes what earlier attempts at a chunk wrote beyond its last piece, because the rows were others then. The
    /// manifest does not name it, but who reads the folder without one would see it.
    async fn delete_surplus(&self, manifest: &Manifest) -> Result<()> {
        if self.sink.folder.max_rows_per_file.is_none() || self.names.keep_files() {
            return Ok(());
        }
        let ending = format!("-{}{}", self.context.run.short(), self.sink.format.extension());
        let named: HashSet<String> = manifest.parts.iter().map(|part| self.name(&part.name)).collect::<Result<_>>()?;
        let surplus: Vec<String> =
            self.all().await?.into_keys().filter(|name| name.ends_with(&ending) && !named.contains(name)).collect();
        for some in surplus.chunks(TIDYING) {
            try_join_all(some.iter().map(|name| self.delete_own(name))).await?;
        }
        Ok(())
    }

    async fn delete_part(&self, part: &Part, run: &RunId) -> Result<()> {
        self.delete_of(&self.blob(&part.name)?, run).await
    }
}

#[async_trait]
impl SinkRun for FolderRun {
    fn opening(&self) -> Value {
        json!(self.opening)
    }

    fn moved(&self) -> u64 {
        self.sink.container.moved()
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let parts = Parts {
            sink: Arc::clone(&self.sink),
            context: Arc::clone(&self.context),
            path: self.path.clone(),
            names: Arc::clone(&self.names),
            chunk: chunk.id,
            attempt,
        };
        let first = attempt == Attempt { epoch: 1, number: 1 };
        let counts = |receipt: &Receipt| !self.context.one_epoch || receipt.attempt.epoch == attempt.epoch;
        if !first && let Some(receipt) = parts.committed().await?.filter(counts) {
            return Ok(Opened::AlreadyCommitted(receipt));
        }
        Ok(Opened::Writer(Box::new(PartWriter::new(parts)?)))
    }

    /// Parts that somebody deleted or replaced.
    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.all().await?;
        let mut lost = Vec::new();
        for receipt in receipts {
            for part in parts_of(receipt)? {
                if found.get(&self.name(&part.name)?) != Some(&part.bytes) {
                    lost.push(receipt.chunk);
                    break;
                }
            }
        }
        Ok(lost)
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let mut receipts: Vec<&Receipt> = receipts.iter().collect();
        receipts.sort_by_key(|receipt| receipt.chunk);
        let mut parts = Vec::with_capacity(receipts.len());
        for receipt in receipts {
            parts.extend(parts_of(receipt)?);
        }
        let manifest = Manifest::new(&self.context.run, &self.context.schema, parts);
        let success = self.blob(SUCCESS)?;
        let found = success.state().await.map_err(|fault| fault.at(&success.place))?;
        if found.is_some_and(|state| is_of(&state, &self.context.run)) {
            return self.published(&manifest);
        }
        let text = manifest.to_bytes()?;
        let mark = Manifest::success(&self.context.run, &text);
        self.put(&manifest_name(&self.context.run), text, Condition::Absent).await?;
        self.delete_replaced().await?;
        self.delete_surplus(&manifest).await?;
        let condition = self.opening.etag.clone().map_or(Condition::Absent, Condition::Unchanged);
        self.put(SUCCESS, mark, condition).await?;
        self.published(&manifest)
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let parts: Vec<Vec<Part>> = receipts.iter().map(parts_of).collect::<Result<_>>()?;
        let stored = |part: Part| {
            let name = self.blob(&part.name)?.url;
            Ok(Stored { name, rows: part.rows, digest: part.digest, slices: vec![part.name.into()] })
        };
        parts.into_iter().flatten().map(stored).collect()
    }

    async fn read_back(&self, slice: &Value, limit: BatchLimit) -> Result<BatchStream> {
        let blob = self.blob(&String::deserialize(slice).map_err(not_ours)?)?;
        read_back::stream(&blob, self.sink.format.read_back(&self.context.schema)?, Slice::Whole, limit).await
    }

    async fn abort(&self) -> Result<()> {
        // Parts that were committed are visible to readers that ignore _SUCCESS: take them away.
        let short = self.context.run.short();
        for name in self.all().await?.keys().filter(|name| name.contains(&short)) {
            self.delete_own(name).await?;
        }
        Ok(())
    }
}

/// The manifest that a `_SUCCESS` of ours speaks for; `None` for that of another tool.
fn named_manifest(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let name = text.split_whitespace().nth(1)?;
    (name.starts_with("_manifest/") && name.ends_with(".json") && name.matches('/').count() == 1)
        .then(|| name.to_owned())
}

fn parts_of(receipt: &Receipt) -> Result<Vec<Part>> {
    kept_in(&receipt.detail)
}

fn not_ours(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Bug, "the checkpoint of this run was not written by this sink; please report it")
        .caused_by(error)
}
