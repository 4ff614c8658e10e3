//! `deleteFilesAfterCompletion` where rows are copied: no file goes before all rows are published, whoever is killed when.

use std::{fs, path::Path};

use ropeway_connectors::registry;
use ropeway_engine::{
    checkpoint::memory::MemoryCheckpoint,
    chunk::RunId,
    retry::RetryPolicy,
    run::{Job, Settings},
};
use ropeway_tests::readback;
use serde_json::json;
use tempfile::TempDir;

use super::sink;
use crate::copy_run::{go, killed};

const FILES: usize = 9;

fn root() -> TempDir {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("in")).unwrap();
    for id in 0..FILES {
        fs::write(root.path().join(format!("in/{id}.csv")), format!("id\n{id}\n{id}\n")).unwrap();
    }
    root
}

fn left(root: &Path) -> usize {
    fs::read_dir(root.join("in")).unwrap().count()
}

fn job(root: &Path) -> Job {
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "dataset": {
            "type": "DelimitedText",
            "firstRowAsHeader": true,
            "location": {"type": "FileServerLocation", "folderPath": "in"},
        },
        "source": {"type": "DelimitedTextSource", "storeSettings": {"deleteFilesAfterCompletion": true}},
    });
    Job {
        run: RunId::try_from("moved".to_owned()).unwrap(),
        fingerprint: "f".into(),
        source: registry().connect_source("FileServer", spec).unwrap(),
        sink: sink(root, &json!({"type": "Parquet"}), None),
        skipping: None,
        settings: Settings {
            parallel: 2,
            retry: RetryPolicy { pace: 0.01, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

#[tokio::test]
async fn files_stay_until_their_rows_are_published_and_go_once() {
    for commits in 1..=FILES + 1 {
        let root = root();
        let store = MemoryCheckpoint::default();
        killed(&job(root.path()), &store, commits);
        assert_eq!(left(root.path()), FILES, "killed after {commits} commits");
        let summary = go(&job(root.path()), &store).await.unwrap();
        assert_eq!((summary.rows, left(root.path())), (2 * FILES as u64, 0), "killed after {commits} commits");
        let found = readback::parquet(&root.path().join("out"), 100);
        let mut ids: Vec<_> = found.values.into_iter().map(|row| row[0].clone().unwrap()).collect();
        ids.sort();
        assert_eq!(ids, (0..2 * FILES).map(|row| (row / 2).to_string()).collect::<Vec<_>>());

        // Who comes by once more finds a run that is over, and leaves files alone that are there again.
        fs::write(root.path().join("in/0.csv"), "id\n7\n").unwrap();
        go(&job(root.path()), &store).await.unwrap();
        assert_eq!(left(root.path()), 1);
    }
}

#[tokio::test]
async fn a_copy_that_cannot_be_published_deletes_nothing() {
    let root = root();
    // There is a folder where a file has to go.
    fs::create_dir_all(root.path().join("out/3.parquet/in the way")).unwrap();
    assert!(go(&job(root.path()), &MemoryCheckpoint::default()).await.is_err());
    assert_eq!(left(root.path()), FILES);
}
