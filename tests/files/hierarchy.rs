//! `copyBehavior` where rows are copied: a file for every file, under the name that follows from its path, or one of all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ropeway_engine::{checkpoint::memory::MemoryCheckpoint, chunk::RunId, run::Job};
use serde_json::{Value, json};

use crate::{
    azure_blob::workbench::{Target, merge},
    binary::workbench::{Store, Tree, job},
    copy_run::{go, killed},
};

fn files() -> Tree {
    let file = |path: &str, ids: &[u32]| {
        let rows: String = ids.iter().map(|id| format!("{id}\n")).collect();
        (path.to_owned(), format!("id\n{rows}").into_bytes())
    };
    [
        file("a.csv", &[1, 2]),
        file("no rows.csv", &[]),
        file("sub/a.csv", &[3]),
        file("sub/deep/2026.11.30.csv", &[4, 5, 6]),
        file("sub/deep/plain", &[7]),
    ]
    .into()
}

/// What the names become.
fn kept() -> Tree {
    renamed(files())
}

fn renamed(tree: Tree) -> Tree {
    let renamed = |path: &str| if path.ends_with(".csv") { path.to_owned() } else { format!("{path}.csv") };
    tree.into_iter().map(|(path, bytes)| (renamed(&path), bytes)).collect()
}

/// So many that two share a chunk, some of them without rows.
fn many() -> Tree {
    let rows = |number: u32| (0..number % 4).map(|row| format!("{}\n", 10 * number + row)).collect::<String>();
    let path = |number: u32| format!("{}/{number:04}", ["", "/sub", "/sub/deep"][number as usize % 3]);
    let many = (0..1003).map(|number| (path(number)[1..].to_owned(), format!("id\n{}", rows(number)).into_bytes()));
    many.chain(files()).collect()
}

fn text(from: &Store, to: &Store, copy_behavior: &str) -> Job {
    text_with(from, to, copy_behavior, json!({}))
}

/// The same, with more settings of the sink.
fn text_with(from: &Store, to: &Store, copy_behavior: &str, more: Value) -> Job {
    let dataset = json!({"type": "DelimitedText", "firstRowAsHeader": true, "quoteChar": ""});
    let source = json!({"dataset": dataset, "source": {"type": "DelimitedTextSource"}});
    let settings = json!({"copyBehavior": copy_behavior});
    let format = json!({"fileExtension": ".csv"});
    let sink = json!({"type": "DelimitedTextSink", "storeSettings": settings, "formatSettings": format});
    let mut target = json!({"dataset": dataset, "sink": sink});
    merge(&mut target, more);
    let mut job = job(from.source(source), to.sink(target));
    job.settings.parallel = 2;
    job
}

/// What readers see: neither marks nor manifests, nor what is staged.
async fn seen(store: &Store) -> Tree {
    let hidden = |path: &str| path.split('/').any(|step| step.starts_with(['.', '_']));
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace('\r', "").into_bytes();
    let tree = store.tree("out").await.into_iter().filter(|(path, _)| !hidden(path));
    tree.map(|(path, bytes)| (path, lines(bytes))).collect()
}

async fn stores() -> [Store; 2] {
    [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_becomes_one_where_it_was_also_where_nobody_asks() {
    for behavior in ["PreserveHierarchy", ""] {
        for to in stores().await {
            let from = Store::files();
            from.put(&files()).await;
            let summary = go(&text(&from, &to, behavior), &MemoryCheckpoint::default()).await.unwrap();
            assert_eq!((summary.chunks, summary.rows), (5, 7));
            assert_eq!(seen(&to).await, kept());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_share_chunks_and_each_becomes_a_file() {
    let [azurite, _] = Target::both().await;
    for to in [Store::files(), Store::Blobs(azurite)] {
        let from = Store::files();
        from.put(&many()).await;
        let summary = go(&text(&from, &to, ""), &MemoryCheckpoint::default()).await.unwrap();
        assert_eq!((summary.chunks, summary.published.files), (504, 1008));
        assert_eq!(summary.published.names.len(), 1, "the folder stands for them: {:?}", summary.published.names);
        assert!(seen(&to).await == renamed(many()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_many_files_that_is_killed_is_whole_in_the_end() {
    let [files, blobs] = stores().await;
    for (commits, to) in [(503, files), (250, blobs)] {
        let from = Store::files();
        from.put(&many()).await;
        let store = MemoryCheckpoint::default();
        killed(&text(&from, &to, ""), &store, commits);
        go(&text(&from, &to, ""), &store).await.unwrap();
        assert!(seen(&to).await == renamed(many()), "after {commits} commits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_differ_in_their_endings_alone_keep_them() {
    for to in stores().await {
        let from = Store::files();
        let tree = ["sub/a.csv", "sub/a.txt", "b.csv"].map(|path| (path.to_owned(), b"id\n1\n".to_vec()));
        from.put(&tree.into()).await;
        go(&text(&from, &to, ""), &MemoryCheckpoint::default()).await.unwrap();
        assert_eq!(seen(&to).await.keys().collect::<Vec<_>>(), ["b.csv", "sub/a.csv.csv", "sub/a.txt.csv"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_rows_parts_them_by_their_number() {
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        let limited = json!({"sink": {"formatSettings": {"maxRowsPerFile": 2}}});
        go(&text_with(&from, &to, "", limited), &MemoryCheckpoint::default()).await.unwrap();
        let names = seen(&to).await;
        assert!(names.len() >= 4 && names.keys().all(|name| name.starts_with("part_")), "{:?}", names.keys());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_flattened_and_merged_where_that_is_asked_for() {
    let rows = |tree: &Tree| {
        let texts = tree.values().map(|bytes| String::from_utf8(bytes.clone()).unwrap());
        let mut rows: Vec<String> =
            texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        rows.retain(|row| row != "id");
        rows.sort();
        rows
    };
    let wanted = rows(&files());
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        go(&text(&from, &to, "FlattenHierarchy"), &MemoryCheckpoint::default()).await.unwrap();
        let flat = seen(&to).await;
        let short = RunId::try_from("copy".to_owned()).unwrap().short();
        let made = |name: &String| name.starts_with(&format!("Data.{short}.")) && name.ends_with(".csv");
        assert!(flat.len() == 5 && flat.keys().all(|name| made(name) && !name.contains('/')), "{:?}", flat.keys());
        assert_eq!(rows(&flat), wanted);
    }
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        go(&text(&from, &to, "MergeFiles"), &MemoryCheckpoint::default()).await.unwrap();
        let merged = seen(&to).await;
        let short = RunId::try_from("copy".to_owned()).unwrap().short();
        assert_eq!(merged.keys().collect::<Vec<_>>(), [&format!("Data.{short}.csv")]);
        assert_eq!(rows(&merged), wanted);
    }
}

/// What stood there under such a name is replaced, whatever its length; other files stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_copy_replaces_files_of_the_same_names_and_leaves_others() {
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        go(&text(&from, &to, "PreserveHierarchy"), &MemoryCheckpoint::default()).await.unwrap();
        let from = Store::files();
        let new: Tree = [("a.csv", "id\n8\n9\n"), ("new/x.csv", "id\n10\n")]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .into();
        from.put(&new).await;
        let mut second = text(&from, &to, "PreserveHierarchy");
        second.run = RunId::try_from("second".to_owned()).unwrap();
        go(&second, &MemoryCheckpoint::default()).await.unwrap();
        let mut wanted = kept();
        wanted.extend(new);
        assert_eq!(seen(&to).await, wanted);
    }
}

/// Files of the same names and lengths stand there before: to be told apart from those of the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_is_whole_in_the_end() {
    for commits in 1..=6 {
        for to in stores().await {
            let from = Store::files();
            let others: Tree = files().into_iter().map(|(path, bytes)| (path, vec![b'x'; bytes.len()])).collect();
            from.put(&files()).await;
            if let Store::Files(root) = &to {
                for (path, bytes) in &others {
                    let path = root.path().join("out").join(path);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
            }
            let store = MemoryCheckpoint::default();
            killed(&text(&from, &to, "PreserveHierarchy"), &store, commits);
            let summary = go(&text(&from, &to, "PreserveHierarchy"), &store).await.unwrap();
            assert_eq!(summary.rows, 7);
            let seen = seen(&to).await;
            for (path, bytes) in kept() {
                assert!(seen.get(&path) == Some(&bytes), "{path} after {commits} commits");
            }
        }
    }
}

/// A file that has the name and the length of one of the run, and stood there before, is none of the run.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_are_gone_are_copied_again_whatever_stands_under_their_names() {
    let (from, to) = (Store::files(), Store::files());
    from.put(&files()).await;
    let Store::Files(root) = &to else { unreachable!() };
    fs::create_dir_all(root.path().join("out/sub/deep")).unwrap();
    for (path, bytes) in kept() {
        fs::write(root.path().join("out").join(path), vec![b'x'; bytes.len()]).unwrap();
    }
    let store = MemoryCheckpoint::default();
    killed(&text(&from, &to, "PreserveHierarchy"), &store, 4);
    let staged: Vec<_> = to.tree("out").await.into_keys().filter(|path| path.starts_with('.')).collect();
    assert!(staged.len() >= 4, "{staged:?}");
    for path in staged {
        fs::remove_file(root.path().join("out").join(path)).unwrap();
    }
    go(&text(&from, &to, "PreserveHierarchy"), &store).await.unwrap();
    assert_eq!(seen(&to).await, kept());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_cannot_be_kept_is_refused_before_anything_is_written() {
    let clash = |names: &[&str]| -> BTreeMap<String, Vec<u8>> {
        names.iter().map(|name| ((*name).to_owned(), b"id\n1\n".to_vec())).collect()
    };
    for (tree, said) in
        [(clash(&["a.csv", "a.txt", "a.csv.old"]), "same name"), (clash(&["a.csv", "b\\c.csv"]), "cannot be kept")]
    {
        for to in stores().await {
            let from = Store::files();
            from.put(&tree).await;
            let error = go(&text(&from, &to, "PreserveHierarchy"), &MemoryCheckpoint::default()).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(seen(&to).await, Tree::new());
            go(&text(&from, &to, "FlattenHierarchy"), &MemoryCheckpoint::default()).await.unwrap();
            assert_eq!(seen(&to).await.len(), tree.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_a_link_leads_nowhere() {
    let (from, to, elsewhere) = (Store::files(), Store::files(), tempfile::tempdir().unwrap());
    from.put(&files()).await;
    let Store::Files(root) = &to else { unreachable!() };
    fs::create_dir(root.path().join("out")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join("out/sub")).unwrap();
    let error = go(&text(&from, &to, "PreserveHierarchy"), &MemoryCheckpoint::default()).await.unwrap_err();
    assert!(error.to_string().contains("link"), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_back_where_they_went() {
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        let mut job = text(&from, &to, "PreserveHierarchy");
        job.settings.read_back = true;
        // Texts need quotes to be told from nulls.
        let dataset = json!({"dataset": {"type": "Parquet"}, "sink": {"type": "ParquetSink",
            "storeSettings": {"copyBehavior": "PreserveHierarchy"}}});
        job.sink = to.sink(dataset);
        let summary = go(&job, &MemoryCheckpoint::default()).await.unwrap();
        assert!(summary.read_back);
        let names: BTreeSet<String> = seen_names(&to).await;
        let wanted = kept().into_keys().map(|name| name.replace(".csv", ".parquet")).collect();
        assert_eq!(names, wanted);
    }
}

async fn seen_names(store: &Store) -> BTreeSet<String> {
    let hidden = |path: &String| path.split('/').any(|step| step.starts_with(['.', '_']));
    store.tree("out").await.into_keys().filter(|path| !hidden(path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_files_are_not_limited_where_files_are_kept() {
    let (from, to) = (Store::files(), Store::files());
    from.put(&files()).await;
    let mut job = text(&from, &to, "PreserveHierarchy");
    let settings: Value = json!({"copyBehavior": "PreserveHierarchy"});
    job.sink = to.sink(json!({"dataset": {"type": "Parquet"}, "sink": {"type": "ParquetSink",
        "storeSettings": settings, "formatSettings": {"maxRowsPerFile": 1}}}));
    let error = go(&job, &MemoryCheckpoint::default()).await.unwrap_err();
    assert!(error.to_string().contains("maxRowsPerFile"), "{error}");
}
