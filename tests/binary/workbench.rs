//! What the tests of this folder share: a store at each end, and a copy between them.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use ropeway_connectors::registry;
use ropeway_engine::{
    Result,
    checkpoint::memory::MemoryCheckpoint,
    chunk::RunId,
    retry::RetryPolicy,
    run::{Job, Settings, Summary},
    sink::Sink,
    source::Source,
};
use ropeway_tests::blob_service::BlobService;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    azure_blob::workbench::{CONTAINER, Target, merge},
    copy_run::go,
};

pub(crate) const PIECE: usize = 1 << 20;

/// Paths below the copied folder, and contents.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// One end.
pub(crate) enum Store {
    Files(TempDir),
    Blobs(Target),
}

impl Store {
    pub(crate) fn files() -> Self {
        Self::Files(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn put(&self, tree: &Tree) {
        for (path, bytes) in tree {
            match self {
                Self::Files(root) => {
                    let path = root.path().join("in").join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
                Self::Blobs(target) => target.put(&format!("in/{path}"), bytes).await,
            }
        }
    }

    /// Our own service, where this is one.
    pub(crate) fn service(&self) -> &BlobService {
        match self {
            Self::Blobs(Target::Fake(service)) => service,
            _ => panic!("this store does nothing at a test's word"),
        }
    }

    /// Another program deletes these files, in the middle of whatever goes on.
    pub(crate) fn remove(&self, paths: &[&str]) {
        for path in paths {
            match self {
                Self::Files(root) => fs::remove_file(root.path().join("in").join(path)).unwrap(),
                Self::Blobs(target) => tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(target.remove(&format!("in/{path}")));
                }),
            }
        }
    }

    /// What stands below a folder now, hidden or not.
    pub(crate) async fn tree(&self, folder: &str) -> Tree {
        match self {
            Self::Files(root) => {
                let mut tree = Tree::new();
                walk(&root.path().join(folder), "", &mut tree);
                tree
            }
            Self::Blobs(target) => {
                let mut tree = Tree::new();
                for name in target.names(CONTAINER).await {
                    if let Some(path) = name.strip_prefix(&format!("{folder}/")) {
                        tree.insert(path.to_owned(), target.get(&name).await.unwrap());
                    }
                }
                tree
            }
        }
    }

    fn place(&self, folder: &str) -> (&'static str, Value) {
        match self {
            Self::Files(root) => (
                "FileServer",
                json!({
                    "linkedService": {"type": "FileServer", "host": root.path().to_str().unwrap()},
                    "dataset": {"type": "Binary", "location": {"type": "FileServerLocation", "folderPath": folder}},
                }),
            ),
            Self::Blobs(target) => (
                "AzureBlobStorage",
                json!({
                    "linkedService": target.service(),
                    "dataset": {"type": "Binary", "location": {"type": "AzureBlobStorageLocation", "container": CONTAINER, "folderPath": folder}},
                    "ropeway": {"caBundle": target.authority(), "stallSeconds": 20, "blockBytes": 1 << 20},
                }),
            ),
        }
    }

    /// A source of `in`; `more` is merged into its settings.
    pub(crate) fn source(&self, more: Value) -> Arc<dyn Source> {
        let (kind, mut spec) = self.place("in");
        merge(&mut spec, json!({"source": {"type": "BinarySource", "storeSettings": {}}}));
        merge(&mut spec, more);
        registry().connect_source(kind, spec).unwrap()
    }

    /// A sink to `out`.
    pub(crate) fn sink(&self, more: Value) -> Arc<dyn Sink> {
        let (kind, mut spec) = self.place("out");
        merge(&mut spec, json!({"sink": {"type": "BinarySink", "storeSettings": {}}, "ropeway": {"run": "copy"}}));
        merge(&mut spec, more);
        registry().connect_sink(kind, spec).unwrap()
    }
}

fn walk(folder: &Path, below: &str, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), tree);
        } else {
            tree.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

/// Bytes that are others for every seed.
pub(crate) fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// Files of all sizes that make a difference: none, small ones, around a piece, and in several ranges.
pub(crate) fn files() -> Tree {
    let sizes = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 17];
    let mut tree: Tree =
        sizes.iter().enumerate().map(|(seed, size)| (format!("sub/{size}.bin"), content(seed as u64, *size))).collect();
    for small in 0..30 {
        tree.insert(format!("small/{small:03}/a b & ü.txt"), content(100 + small, 50 + small as usize));
    }
    tree.insert("_SUCCESS".to_owned(), b"done".to_vec());
    tree.insert(".hidden/x".to_owned(), b"hidden".to_vec());
    tree
}

/// Ranges of two pieces, three at once.
pub(crate) fn job(source: Arc<dyn Source>, sink: Arc<dyn Sink>) -> Job {
    Job {
        run: RunId::try_from("copy".to_owned()).unwrap(),
        fingerprint: "f".into(),
        source,
        sink,
        skipping: None,
        settings: Settings {
            parallel: 3,
            chunk_bytes: 2 * PIECE as u64,
            retry: RetryPolicy { pace: 0.01, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

/// One copy, which is read back if `read_back`.
pub(crate) async fn copy(source: Arc<dyn Source>, sink: Arc<dyn Sink>, read_back: bool) -> Result<Summary> {
    let mut job = job(source, sink);
    job.settings.read_back = read_back;
    go(&job, &MemoryCheckpoint::default()).await
}
