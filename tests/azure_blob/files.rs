//! Blobs as files: lists, ranges and deletions, on Azurite and on the stand-in.

use std::sync::Arc;

use futures::TryStreamExt;
use ropeway_engine::files::{Entry, FileEntry, Files};
use ropeway_tests::blob_service::{Effect, Fault, Operation};
use serde_json::json;

use super::workbench::{CONTAINER, Target};

impl Target {
    fn files(&self) -> Arc<dyn Files> {
        let spec = json!({"linkedService": self.service(), "ropeway": {"caBundle": self.authority()}});
        let store = ropeway_connectors::registry().connect_store("AzureBlobStorage", spec).unwrap();
        store.files().unwrap()
    }
}

async fn list(files: &dyn Files, folder: &str) -> Vec<String> {
    let shown = |entry| match entry {
        Entry::File(file) => file.path,
        Entry::Folder(path) => format!("{path}/"),
    };
    files.list(folder).map_ok(shown).try_collect().await.unwrap()
}

async fn below(files: &dyn Files, prefix: &str) -> Vec<String> {
    files.below(prefix).map_ok(|file| file.path).try_collect().await.unwrap()
}

async fn file(files: &dyn Files, path: &str) -> FileEntry {
    match files.look(path).await.unwrap() {
        Some(Entry::File(file)) => file,
        other => panic!("{path}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_listed_read_and_deleted_like_files() {
    for target in Target::both().await {
        for name in ["a/b/c.txt", "a/b.txt", "ab & <c>.txt", "z% ü.txt"] {
            target.put(name, name.as_bytes()).await;
        }
        let files = target.files();
        let files = files.as_ref();
        assert_eq!(list(files, "").await, [format!("{CONTAINER}/")]);
        assert_eq!(list(files, CONTAINER).await, ["orders/a/", "orders/ab & <c>.txt", "orders/z% ü.txt"]);
        let mut inside = list(files, "orders/a").await;
        inside.sort();
        assert_eq!(inside, ["orders/a/b.txt", "orders/a/b/"]);
        assert!(list(files, "orders/absent").await.is_empty());
        assert_eq!(below(files, "orders/a").await, ["orders/a/b.txt", "orders/a/b/c.txt", "orders/ab & <c>.txt"]);
        assert_eq!(below(files, "orders/a/b/").await, ["orders/a/b/c.txt"]);
        assert_eq!(below(files, "ord").await.len(), 4);

        assert_eq!(files.look("orders/a").await.unwrap(), Some(Entry::Folder("orders/a".into())));
        assert_eq!(files.look("orders").await.unwrap(), Some(Entry::Folder("orders".into())));
        assert_eq!(files.look("absent").await.unwrap(), None);
        assert_eq!(files.look("orders/nothing").await.unwrap(), None);
        let odd = file(files, "orders/z% ü.txt").await;
        assert_eq!(files.read(&odd, 1..4).await.unwrap(), "% \u{fc}".as_bytes()[..3]);
        assert!(odd.modified.is_some() && odd.md5.is_some(), "{odd:?}");
        let listed: Vec<_> = files.below("orders/z").try_collect().await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&odd), "a list says the same as a look");

        target.put("z% ü.txt", b"other").await;
        for error in [files.read(&odd, 0..1).await.unwrap_err(), files.delete_unchanged(&odd).await.unwrap_err()] {
            assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
        }
        let now = file(files, "orders/z% ü.txt").await;
        files.delete_unchanged(&now).await.unwrap();
        files.delete_unchanged(&now).await.unwrap();
        files.delete("orders/a/b.txt").await.unwrap();
        files.delete("orders/a/b.txt").await.unwrap();
        assert_eq!(below(files, "orders/").await, ["orders/a/b/c.txt", "orders/ab & <c>.txt"]);
        assert!(files.read(&now, 0..1).await.is_err());
        assert!(files.list("absent").try_collect::<Vec<_>>().await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_fails_is_listed_again_and_no_name_is_lost_or_doubled() {
    let service = Target::fake().await;
    let names: Vec<String> = (0..25).map(|number| format!("in/{number:02}/x.csv")).collect();
    for name in &names {
        service.put(CONTAINER, name, b"x");
    }
    service.page(3);
    let target = Target::Fake(service);
    let Target::Fake(service) = &target else { unreachable!() };
    let whole: Vec<String> = names.iter().map(|name| format!("orders/{name}")).collect();
    let folders: Vec<String> = (0..25).map(|number| format!("orders/in/{number:02}/")).collect();
    for effect in [Effect::Busy(None), Effect::Reset, Effect::LoseAnswer] {
        for skip in [0, 1, 4, 8] {
            service.inject(Fault { operation: Operation::List, skip, times: 2, effect: effect.clone() });
            let before = service.faults();
            assert_eq!(below(target.files().as_ref(), "orders/in/").await, whole);
            assert_eq!(service.faults(), before + 2, "{effect:?} {skip}");
        }
    }
    service.inject(Fault { operation: Operation::List, skip: 3, times: 1, effect: Effect::Reset });
    assert_eq!(list(target.files().as_ref(), "orders/in").await, folders);

    // The twin: what does not end is told, and no part of the list is taken for all of it.
    service.inject(Fault { operation: Operation::List, skip: 5, times: 100, effect: Effect::Busy(None) });
    assert!(target.files().below("orders/in/").try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_no_paths_are_named_and_folders_are_no_files() {
    let service = Target::fake().await;
    service.put(CONTAINER, "odd/a\u{1}b", b"x");
    service.put(CONTAINER, "odd/ c ", b"xy");
    service.put(CONTAINER, "twice//named", b"x");
    service.put(CONTAINER, "up/../down", b"x");
    service.put_folder(CONTAINER, "marked");
    service.put(CONTAINER, "marked/in.csv", b"x");
    let target = Target::Fake(service);
    let files = target.files();
    let files = files.as_ref();
    assert_eq!(below(files, "orders/odd/").await, ["orders/odd/ c ", "orders/odd/a\u{1}b"]);
    assert_eq!(files.read(&file(files, "orders/odd/ c ").await, 0..2).await.unwrap(), "xy");
    for prefix in ["orders/twice/", "orders/up/"] {
        let error = files.below(prefix).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("no path here"), "{error}");
    }
    for path in ["orders/up/../down", "orders/twice//named", "orders/"] {
        assert!(files.look(path).await.is_err() && files.delete(path).await.is_err(), "{path}");
    }
    assert_eq!(below(files, "orders/marked").await, ["orders/marked/in.csv"]);
    assert_eq!(files.look("orders/marked").await.unwrap(), Some(Entry::Folder("orders/marked".into())));
    let marked: Vec<_> = list(files, CONTAINER).await.into_iter().filter(|name| name.contains("marked")).collect();
    assert_eq!(marked, ["orders/marked/"]);
}
