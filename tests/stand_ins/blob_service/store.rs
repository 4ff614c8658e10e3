//! Containers, blobs and blocks, with the service's rules.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use md5::{Digest, Md5};

use super::{answer::Refusal, request::Request};

/// Names in a page of a list, at most, whatever is asked for.
pub(crate) const LONGEST_PAGE: usize = 5_000;
const MOST_COMMITTED: usize = 50_000;
const MOST_UNCOMMITTED: usize = 100_000;

/// A blob as readers see it.
#[derive(Clone, Debug, Default)]
pub struct Blob {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its version, quotes included.
    pub etag: String,
    /// Without the `x-ms-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// Its media type.
    pub content_type: String,
    /// When it was written.
    pub modified: DateTime<Utc>,
    /// The MD5 that the service keeps: its own of a blob that was put whole, else what the commit said.
    pub md5: Option<Vec<u8>>,
    /// Ids and contents of its blocks.
    pub(crate) blocks: Vec<(String, Bytes)>,
}

/// The conditions of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

/// What a Put Block List asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockList {
    /// `Committed`, `Uncommitted` or `Latest`, and the id.
    pub(crate) entries: Vec<(String, String)>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) content_type: String,
    pub(crate) md5: Option<Vec<u8>>,
    pub(crate) conditions: Conditions,
}

/// What a Put Blob asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) content_type: String,
    pub(crate) conditions: Conditions,
}

#[derive(Default)]
struct Name {
    committed: Option<Blob>,
    /// In order of arrival.
    uncommitted: Vec<(String, Bytes)>,
}

/// Everything.
pub(crate) struct Store {
    /// Names in a page of a list, at most.
    pub(crate) page: usize,
    containers: BTreeMap<String, BTreeMap<String, Name>>,
    versions: u64,
    /// Blobs that nobody may read, by container and name.
    forbidden: BTreeSet<(String, String)>,
    /// Requests that take effect before the next one.
    pub(crate) late: Vec<(Request, Bytes)>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            page: LONGEST_PAGE,
            containers: BTreeMap::new(),
            versions: 0,
            forbidden: BTreeSet::new(),
            late: Vec::new(),
        }
    }
}

impl Store {
    pub(crate) fn create_container(&mut self, name: &str) {
        self.containers.entry(name.to_owned()).or_default();
    }

    /// Create Container.
    pub(crate) fn add_container(&mut self, name: &str) -> Result<(), Refusal> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let dashes = name.starts_with('-') || name.ends_with('-') || name.contains("--");
        if !(3..=63).contains(&name.len()) || !name.chars().all(plain) || dashes {
            return Err(Refusal(400, "InvalidResourceName"));
        }
        if self.containers.contains_key(name) {
            return Err(Refusal(409, "ContainerAlreadyExists"));
        }
        self.create_container(name);
        Ok(())
    }

    pub(crate) fn container_names(&self) -> Vec<String> {
        self.containers.keys().cloned().collect()
    }

    pub(crate) fn has(&self, container: &str) -> Result<(), Refusal> {
        self.containers.get(container).map(|_| ()).ok_or(Refusal(404, "ContainerNotFound"))
    }

    pub(crate) fn blob(&self, container: &str, name: &str) -> Option<&Blob> {
        self.containers.get(container)?.get(name)?.committed.as_ref()
    }

    pub(crate) fn names(&self, container: &str) -> Vec<String> {
        let blobs = self.containers.get(container).into_iter().flatten();
        blobs.filter(|(_, name)| name.committed.is_some()).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn put(&mut self, container: &str, name: &str, bytes: &[u8]) {
        self.create_container(container);
        let upload = Upload { bytes: Bytes::copy_from_slice(bytes), ..Upload::default() };
        self.put_blob((container, name), upload).expect("there is a container, and no condition");
    }

    pub(crate) fn damage(&mut self, container: &str, name: &str) {
        let place = self.containers.get_mut(container).and_then(|blobs| blobs.get_mut(name));
        if let Some(blob) = place.and_then(|place| place.committed.as_mut()) {
            blob.md5 = Some(Md5::digest(b"other bytes").to_vec());
        }
    }

    /// As an access control list does.
    pub(crate) fn forbid(&mut self, container: &str, name: &str, is_forbidden: bool) {
        let name = (container.to_owned(), name.to_owned());
        if is_forbidden {
            self.forbidden.insert(name);
        } else {
            self.forbidden.remove(&name);
        }
    }

    /// Another program deletes a blob.
    pub(crate) fn remove(&mut self, container: &str, name: &str) {
        self.containers.get_mut(container).and_then(|blobs| blobs.remove(name));
    }

    pub(crate) fn put_folder(&mut self, container: &str, name: &str) {
        let metadata = BTreeMap::from([("hdi_isfolder".to_owned(), "true".to_owned())]);
        self.put_blob((container, name), Upload { metadata, ..Upload::default() }).expect("there is a container");
    }

    /// Put Blob: the whole content at once. Uncommitted blocks of the name are gone.
    pub(crate) fn put_blob(&mut self, at: (&str, &str), upload: Upload) -> Result<String, Refusal> {
        let etag = self.next_version();
        let place = self.place(at)?;
        check(&upload.conditions, place.committed.as_ref(), true)?;
        place.uncommitted.clear();
        place.committed = Some(Blob {
            bytes: upload.bytes.to_vec(),
            etag: etag.clone(),
            metadata: upload.metadata,
            content_type: upload.content_type,
            modified: Utc::now(),
            md5: Some(Md5::digest(&upload.bytes).to_vec()),
            blocks: Vec::new(),
        });
        Ok(etag)
    }

    pub(crate) fn discard_uncommitted(&mut self, container: &str, name: &str) {
        if let Some(place) = self.containers.get_mut(container).and_then(|blobs| blobs.get_mut(name)) {
            place.uncommitted.clear();
        }
    }

    pub(crate) fn put_block(&mut self, at: (&str, &str), id: &str, bytes: Bytes) -> Result<(), Refusal> {
        let place = self.place(at)?;
        let known = place.uncommitted.iter().chain(place.committed.iter().flat_map(|blob| &blob.blocks)).next();
        if known.is_some_and(|(other, _)| other.len() != id.len()) {
            return Err(Refusal(400, "InvalidBlobOrBlock"));
        }
        if place.uncommitted.len() >= MOST_UNCOMMITTED {
            return Err(Refusal(409, "BlockCountExceedsLimit"));
        }
        // The last one of an id counts.
        place.uncommitted.retain(|(other, _)| other != id);
        place.uncommitted.push((id.to_owned(), bytes));
        Ok(())
    }

    pub(crate) fn put_block_list(&mut self, at: (&str, &str), list: &BlockList) -> Result<String, Refusal> {
        let etag = self.next_version();
        let place = self.place(at)?;
        check(&list.conditions, place.committed.as_ref(), true)?;
        if list.entries.len() > MOST_COMMITTED {
            return Err(Refusal(400, "BlockListTooLong"));
        }
        let find = |blocks: &[(String, Bytes)], id: &str| blocks.iter().find(|(own, _)| own == id).cloned();
        let committed = place.committed.as_ref().map_or(&[][..], |blob| &blob.blocks);
        let blocks: Vec<(String, Bytes)> = list
            .entries
            .iter()
            .map(|(from, id)| match from.as_str() {
                "Committed" => find(committed, id),
                "Uncommitted" => find(&place.uncommitted, id),
                _ => find(&place.uncommitted, id).or_else(|| find(committed, id)),
            })
            .collect::<Option<_>>()
            .ok_or(Refusal(400, "InvalidBlockList"))?;
        // Every block that is not in the list is gone.
        place.uncommitted.clear();
        place.committed = Some(Blob {
            bytes: blocks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect(),
            etag: etag.clone(),
            metadata: list.metadata.clone(),
            content_type: list.content_type.clone(),
            modified: Utc::now(),
            md5: list.md5.clone(),
            blocks,
        });
        Ok(etag)
    }

    /// Ids and lengths: committed ones, then uncommitted ones.
    pub(crate) fn block_list(&mut self, at: (&str, &str)) -> Result<[Vec<(String, usize)>; 2], Refusal> {
        let place = self.place(at)?;
        if place.committed.is_none() && place.uncommitted.is_empty() {
            return Err(Refusal(404, "BlobNotFound"));
        }
        let sizes = |blocks: &[(String, Bytes)]| blocks.iter().map(|(id, bytes)| (id.clone(), bytes.len())).collect();
        Ok([place.committed.as_ref().map_or_else(Vec::new, |blob| sizes(&blob.blocks)), sizes(&place.uncommitted)])
    }

    pub(crate) fn read(&self, at: (&str, &str), conditions: &Conditions) -> Result<&Blob, Refusal> {
        self.has(at.0)?;
        if self.forbidden.contains(&(at.0.to_owned(), at.1.to_owned())) {
            return Err(Refusal(403, "AuthorizationPermissionMismatch"));
        }
        let blob = self.blob(at.0, at.1);
        let found = blob.ok_or(Refusal(404, "BlobNotFound"))?;
        check(conditions, blob, false)?;
        Ok(found)
    }

    pub(crate) fn delete(&mut self, at: (&str, &str), conditions: &Conditions) -> Result<(), Refusal> {
        self.read(at, conditions)?;
        self.containers.get_mut(at.0).and_then(|blobs| blobs.remove(at.1));
        Ok(())
    }

    fn place(&mut self, (container, name): (&str, &str)) -> Result<&mut Name, Refusal> {
        let blobs = self.containers.get_mut(container).ok_or(Refusal(404, "ContainerNotFound"))?;
        Ok(blobs.entry(name.to_owned()).or_default())
    }

    fn next_version(&mut self) -> String {
        self.versions += 1;
        format!("\"0x{:016X}\"", self.versions)
    }
}

fn check(conditions: &Conditions, blob: Option<&Blob>, writing: bool) -> Result<(), Refusal> {
    if let Some(wanted) = &conditions.if_match
        && !blob.is_some_and(|blob| wanted == "*" || *wanted == blob.etag)
    {
        return Err(Refusal(412, "ConditionNotMet"));
    }
    match (&conditions.if_none_match, blob) {
        (Some(unwanted), Some(_)) if unwanted == "*" && writing => Err(Refusal(409, "BlobAlreadyExists")),
        (Some(unwanted), Some(blob)) if *unwanted == blob.etag => Err(Refusal(412, "ConditionNotMet")),
        _ => Ok(()),
    }
}
