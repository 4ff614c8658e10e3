//! The blobs of an account as files: the first piece of a path is the container.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future, stream, stream::BoxStream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry, Files},
};

use super::{
    client::{Blob, BlobState, Container},
    errors::Fault,
    list_page::{Item, Listed},
    names,
};
use crate::binary::{BLOB_FORBIDDEN, BLOB_MISSING, CHANGED};

/// The blobs of an account, or of one container of it.
#[derive(Clone)]
pub(crate) struct BlobFiles {
    /// The account itself.
    account: Arc<Container>,
    /// The only container that the login is for, if it is for one.
    only: Option<String>,
}

impl BlobFiles {
    pub(crate) fn new(account: Arc<Container>, only: Option<String>) -> Self {
        Self { account, only }
    }

    fn container(&self, name: &str) -> Result<Container> {
        names::container(name)?;
        Ok(self.account.container(name))
    }

    /// The blob of a path, which has to name one.
    pub(crate) fn blob(&self, path: &str) -> Result<Blob> {
        let (container, name) = split(path)?;
        if name.is_empty() {
            return Err(Error::new(ErrorKind::Spec, "this is a container, not a blob; name a blob in it")
                .with("container", container.escape_debug()));
        }
        self.container(container)?.blob(name)
    }

    /// The folder that blobs of this prefix make, if there is one.
    async fn folder(&self, container: &Container, prefix: &str) -> Result<bool> {
        let page = container.page(Some("/"), prefix, None).await;
        Ok(!page.map_err(|fault| fault.at(&container.place))?.items.is_empty())
    }
}

#[async_trait]
impl Files for BlobFiles {
    async fn look(&self, path: &str) -> Result<Option<Entry>> {
        if path.is_empty() {
            return Ok(Some(Entry::Folder(String::new())));
        }
        let (name, below) = split(path)?;
        let container = self.container(name)?;
        if below.is_empty() {
            let is_there = container.is_there().await.map_err(|fault| fault.at(&container.place))?;
            return Ok(is_there.then(|| Entry::Folder(path.to_owned())));
        }
        let blob = container.blob(below)?;
        if let Some(state) = blob.state().await.map_err(|fault| fault.at(&blob.place))? {
            return Ok(Some(if state.is_folder() { Entry::Folder(path.to_owned()) } else { file(path, state) }));
        }
        Ok(self.folder(&container, &format!("{below}/")).await?.then(|| Entry::Folder(path.to_owned())))
    }

    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry>> {
        if folder.is_empty() {
            return self.containers();
        }
        let under = folder.split_once('/').map_or_else(String::new, |(_, below)| format!("{below}/"));
        let folder = folder.to_owned();
        self.items(&folder, Some("/"), under.clone())
            // What stands for the folder itself is no part of what lies in it.
            .try_filter(move |item| future::ready(!matches!(item, Item::Blob(blob) if blob.name == under)))
            .and_then(move |item| {
                let container = container_of(&folder).to_owned();
                future::ready(match item {
                    Item::Blob(blob) if blob.is_folder => {
                        path(&container, blob.name.trim_end_matches('/')).map(Entry::Folder)
                    }
                    Item::Blob(blob) => listed(&container, blob).map(Entry::File),
                    Item::Prefix(prefix) => {
                        path(&container, prefix.strip_suffix('/').unwrap_or(&prefix)).map(Entry::Folder)
                    }
                })
            })
            // An account with a hierarchical namespace names a folder twice: as a blob and as a prefix.
            .try_filter_map({
                let mut last = None;
                move |entry| {
                    let again = matches!(&entry, Entry::Folder(_)) && last.as_ref() == Some(&entry);
                    last = Some(entry.clone());
                    future::ready(Ok((!again).then_some(entry)))
                }
            })
            .boxed()
    }

    fn below(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        let Some((container, under)) = prefix.split_once('/') else {
            return self.below_containers(prefix.to_owned());
        };
        let container = container.to_owned();
        self.items(&container, None, under.to_owned())
            .try_filter_map(move |item| {
                future::ready(match item {
                    Item::Blob(blob) if !blob.is_folder => listed(&container, blob).map(Some),
                    _ => Ok(None),
                })
            })
            .boxed()
    }

    async fn read(&self, file: &FileEntry, range: Range<u64>) -> Result<Bytes> {
        let blob = self.blob(&file.path)?;
        let wanted = range.end.saturating_sub(range.start);
        if wanted == 0 {
            // No range of an empty blob can be asked for, but whether it is still that one.
            let now = blob.state().await.map_err(|fault| changed(&fault, &blob))?;
            let gone = Fault::of_status(if now.is_some() { 412 } else { 404 });
            return if now.is_some_and(|now| now.etag == file.version) {
                Ok(Bytes::new())
            } else {
                Err(changed(&gone, &blob))
            };
        }
        let bytes = match blob.range(&file.version, range).await {
            Ok(bytes) => bytes,
            Err(fault) => return Err(lost(fault, &blob).await?),
        };
        if bytes.len() as u64 == wanted {
            return Ok(bytes);
        }
        Err(Error::new(ErrorKind::Data, "the blob is shorter than the list of blobs said; start a new run")
            .with("blob", blob.url.escape_debug())
            .code(CHANGED))
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let blob = self.blob(path)?;
        blob.delete(None).await.map_err(|fault| fault.at(&blob.place))
    }

    async fn delete_unchanged(&self, file: &FileEntry) -> Result<()> {
        let blob = self.blob(&file.path)?;
        let Err(fault) = blob.delete(Some(&file.version)).await else { return Ok(()) };
        let error = lost(fault, &blob).await?;
        if error.symbolic_code() == Some(BLOB_MISSING) { Ok(()) } else { Err(error) }
    }
}

impl BlobFiles {
    fn containers(&self) -> BoxStream<'static, Result<Entry>> {
        if let Some(only) = &self.only {
            return stream::iter([Ok(Entry::Folder(only.clone()))]).boxed();
        }
        let account = Arc::clone(&self.account);
        stream::once(async move {
            let names = account.containers().await.map_err(|fault| fault.at(&account.place))?;
            Ok::<_, Error>(stream::iter(names.into_iter().map(|name| Ok(Entry::Folder(name)))))
        })
        .try_flatten()
        .boxed()
    }

    /// The files of all containers whose names begin like this.
    fn below_containers(&self, prefix: String) -> BoxStream<'static, Result<FileEntry>> {
        let this = self.clone();
        self.containers()
            .try_filter_map(move |entry| {
                let Entry::Folder(name) = entry else { return future::ready(Ok(None)) };
                future::ready(Ok(name.starts_with(&prefix).then(|| this.below(&format!("{name}/")))))
            })
            .try_flatten()
            .boxed()
    }

    /// The items of a list, page by page. A page that fails is asked for again with its own marker, so that no name is
    /// lost or comes twice.
    fn items(&self, folder: &str, delimiter: Option<&'static str>, prefix: String) -> BoxStream<'static, Result<Item>> {
        let container = match self.container(container_of(folder)) {
            Ok(container) => Arc::new(container),
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        stream::try_unfold(Some(None), move |marker: Option<Option<String>>| {
            let (container, prefix) = (Arc::clone(&container), prefix.clone());
            async move {
                let Some(marker) = marker else { return Ok::<_, Error>(None) };
                let page = container.page(delimiter, &prefix, marker.as_deref()).await;
                let page = page.map_err(|fault| fault.at(&container.place))?;
                if page.next.is_some() && page.next == marker {
                    return Err(Error::new(ErrorKind::Unavailable, "the service lists the same page for ever")
                        .with("container", container.place.container.escape_debug()));
                }
                Ok(Some((stream::iter(page.items.into_iter().map(Ok)), page.next.map(Some))))
            }
        })
        .try_flatten()
        .boxed()
    }
}

/// The container of a path, and the name of the blob in it.
fn split(path: &str) -> Result<(&str, &str)> {
    let (container, name) = path.split_once('/').unwrap_or((path, ""));
    if !name.is_empty() || path.ends_with('/') {
        self::path(container, name)?;
    }
    Ok((container, name))
}

fn container_of(folder: &str) -> &str {
    folder.split_once('/').map_or(folder, |(container, _)| container)
}

/// The path of a blob.
///
/// # Errors
/// A name that would not be the same as a path: its address would be that of another blob.
fn path(container: &str, name: &str) -> Result<String> {
    if name.split('/').any(|piece| matches!(piece, "" | "." | "..")) {
        return Err(Error::new(
            ErrorKind::Data,
            "a blob has a name with an empty step, '.' or '..', which is no path here; rename it, or choose blobs that leave it out",
        )
        .with("container", container.escape_debug())
        .with("blob", name.escape_debug()));
    }
    Ok(format!("{container}/{name}"))
}

fn listed(container: &str, blob: Listed) -> Result<FileEntry> {
    let path = path(container, &blob.name)?;
    Ok(FileEntry { path, bytes: blob.length, modified: blob.modified, version: blob.etag, md5: blob.md5 })
}

fn file(path: &str, state: BlobState) -> Entry {
    Entry::File(FileEntry {
        path: path.to_owned(),
        bytes: state.length,
        modified: state.modified,
        version: state.etag,
        md5: state.md5,
    })
}

/// What a fault under a condition means: of a blob that is gone the condition does not hold either.
async fn lost(fault: Fault, blob: &Blob) -> Result<Error> {
    let is_gone = fault.status == 412 && blob.state().await.map_err(|fault| changed(&fault, blob))?.is_none();
    Ok(changed(&if is_gone { Fault::of_status(404) } else { fault }, blob))
}

/// What a fault means for a blob that was listed before.
fn changed(fault: &Fault, blob: &Blob) -> Error {
    match (fault.status, fault.code.as_str()) {
        (412, _) => Error::new(
            ErrorKind::Data,
            "the blob changed after the run was planned; start a new run when nobody writes to it",
        )
        .with("blob", blob.url.escape_debug())
        .code(CHANGED),
        (404, "BlobNotFound" | "") => {
            Error::new(ErrorKind::Data, "the blob is gone; somebody deleted it after the run was planned")
                .with("blob", blob.url.escape_debug())
                .code(BLOB_MISSING)
        }
        // Other codes say that the login, the account or the network is at fault, and not the rights on this blob.
        (403, "AuthorizationPermissionMismatch") => fault.at(&blob.place).code(BLOB_FORBIDDEN),
        _ => fault.at(&blob.place),
    }
}
