//! Archives that are written: another program takes out of them what was put in.

use std::fs;

use ropeway_engine::{ErrorKind, chunk::BatchLimit, source::ChunkTarget};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    super::workbench::{PIECE, Store, Tree, content, copy, files},
    ARCHIVES, archive, below, by_python, compressed, packing, run, sizes,
};
use crate::azure_blob::workbench::Target;

/// The same where the sink has one file.
fn packing_into_one(codec: &str) -> Value {
    json!({"sinkCompression": {"type": codec}, "sinkIsOneFile": true})
}

/// What Python takes out of an archive.
fn members(codec: &str, bytes: &[u8]) -> Tree {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("archive"), bytes).unwrap();
    let module = if codec == "ZipDeflate" { "zipfile" } else { "tarfile" };
    run("python3", &["-m", module, "-t", "archive"], &folder);
    run("python3", &["-m", module, "-e", "archive", "files"], &folder);
    let mut tree = Tree::new();
    let mut folders = vec![folder.path().join("files")];
    while let Some(place) = folders.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = path.strip_prefix(folder.path().join("files")).unwrap();
            tree.insert(below.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    tree
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_become_one_archive_where_the_sink_has_one_file() {
    let long = format!("{}/{}.txt", "folder".repeat(15), "name".repeat(40));
    let mut tree = files();
    tree.extend([(long, b"x".to_vec()), ("caf\u{e9}.txt".to_owned(), b"y".to_vec())]);
    tree.extend(sizes());
    for (_, codec, _) in ARCHIVES {
        for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
            let from = Store::Blobs(Target::Fake(Target::fake().await));
            from.put(&tree).await;
            let source = from.source(packing_into_one(codec));
            assert!(source.describe().statement.contains("packed into one"), "{}", source.describe().statement);
            let mut sink = compressed(codec);
            sink["dataset"]["location"] = json!({"fileName": "packed"});
            let summary = copy(source, to.sink(sink), true).await.unwrap();
            let found = to.tree("out").await;
            assert_eq!((found.len(), summary.published.files), (1, 1));
            assert!(members(codec, &found["packed"]) == tree, "{codec}");
        }
    }
}

/// A tar announces lengths that the codec of the source does not know; members of archives keep the archive's name.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_unpacked_becomes_an_archive() {
    let tree = Tree::from([("a.txt".to_owned(), content(1, 9 * PIECE)), ("b.txt".to_owned(), content(2, 100))]);
    let merge = |codec: &str| {
        let mut sink = compressed(codec);
        sink["sink"] = json!({"storeSettings": {"copyBehavior": "MergeFiles"}});
        sink
    };
    for (_, codec, _) in ARCHIVES {
        let (from, to) = (Store::files(), Store::files());
        from.put(&tree.iter().map(|(path, bytes)| (format!("{path}.gz"), by_python("pack", "gzip", bytes))).collect())
            .await;
        let mut settings = packing_into_one(codec);
        settings["dataset"] = json!({"compression": {"type": "gzip"}});
        copy(from.source(settings), to.sink(merge(codec)), false).await.unwrap();
        let found = to.tree("out").await;
        let [(name, packed)] = found.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", found.keys()) };
        assert!(name.starts_with("Data.") && (name.ends_with(".zip") || name.contains(".tar")), "{name}");
        assert!(members(codec, packed) == tree, "{codec}");
    }
    let (from, to) = (Store::files(), Store::files());
    from.put(&Tree::from([("all.tgz".to_owned(), archive("all.tar.gz", &tree))])).await;
    let mut settings = packing_into_one("ZipDeflate");
    settings["dataset"] = json!({"compression": {"type": "TarGzip"}});
    copy(from.source(settings), to.sink(merge("ZipDeflate")), false).await.unwrap();
    let found = to.tree("out").await;
    assert!(members("ZipDeflate", found.values().next().unwrap()) == below("all.tgz/", &tree));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_becomes_an_archive_where_the_sink_has_a_folder() {
    for (_, codec, _) in ARCHIVES {
        let (from, to) = (Store::files(), Store::files());
        from.put(&sizes()).await;
        copy(from.source(packing(codec)), to.sink(compressed(codec)), true).await.unwrap();
        let found = to.tree("out").await;
        assert_eq!(found.len(), sizes().len());
        for (path, packed) in found {
            let ending = [".zip", ".tar.gz", ".tar"].into_iter().find(|ending| path.ends_with(ending)).unwrap();
            let (file, bytes) = sizes().remove_entry(path.strip_suffix(ending).unwrap()).unwrap();
            let name = file.strip_prefix("sub/").unwrap().to_owned();
            assert!(members(codec, &packed) == Tree::from([(name, bytes)]), "{path}");
        }
    }
}

/// What cannot be unpacked, or changed since, is named, and nothing is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_go_into_an_archive_is_named() {
    let (from, to) = (Store::files(), Store::files());
    from.put(&Tree::from([("a".to_owned(), by_python("pack", "gzip", b"a")), ("b".to_owned(), b"none".to_vec())]))
        .await;
    let mut settings = packing_into_one("ZipDeflate");
    settings["dataset"] = json!({"compression": {"type": "gzip"}});
    let mut sink = compressed("ZipDeflate");
    sink["dataset"]["location"] = json!({"fileName": "all.zip"});
    let error = copy(from.source(settings), to.sink(sink), false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("/b"), "{error}");
    assert!(!to.tree("out").await.contains_key("all.zip"));

    let source = from.source(packing_into_one("ZipDeflate"));
    let chunk = source.plan(ChunkTarget { bytes: 1, rows: 1, chunks: 1 }).await.unwrap().remove(0);
    from.put(&Tree::from([("b".to_owned(), b"another".to_vec())])).await;
    let error = source.read(&chunk, BatchLimit::default()).await.err().unwrap();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
}
