//! Every store to every store, in every behavior.

use md5::{Digest, Md5};
use serde_json::json;

use super::workbench::{PIECE, Store, Tree, content, copy, files};
use crate::azure_blob::workbench::{CONTAINER, Target};

async fn stores() -> Vec<Store> {
    let mut stores = vec![Store::files()];
    stores.extend(Target::both().await.map(Store::Blobs));
    stores
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_byte_by_byte_from_every_store_in_every_store() {
    for from in stores().await {
        from.put(&files()).await;
        for to in stores().await {
            let summary = copy(from.source(json!({})), to.sink(json!({})), true).await.unwrap();
            assert!(to.tree("out").await == files(), "bytes differ, or files are missing or too many");
            assert_eq!(summary.published.files, files().len() as u64);
            assert_eq!(summary.published.bytes, files().values().map(|bytes| bytes.len() as u64).sum::<u64>());
            assert!(summary.read_back && summary.chunks > 6, "{summary:?}");

            // Once more over what stands there now, with other bytes of the same length.
            let mut other = files();
            other.insert("sub/1.bin".into(), vec![7]);
            from.put(&other).await;
            copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap();
            assert!(to.tree("out").await == other);
            from.put(&files()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hierarchies_are_flattened_or_merged_where_that_is_asked_for() {
    let tree = files();
    for to in stores().await {
        let from = Store::files();
        from.put(&tree).await;
        let flat = json!({"sink": {"storeSettings": {"copyBehavior": "FlattenHierarchy"}}});
        copy(from.source(json!({})), to.sink(flat), true).await.unwrap();
        let found = to.tree("out").await;
        assert!(found.keys().all(|name| name.starts_with("Data.") && !name.contains('/')), "{:?}", found.keys());
        let sorted = |tree: &Tree| {
            let mut contents: Vec<_> = tree.values().cloned().collect();
            contents.sort();
            contents
        };
        assert!(sorted(&found) == sorted(&tree));
    }
    for to in stores().await {
        let from = Store::files();
        from.put(&tree).await;
        let merge = json!({
            "dataset": {"location": {"fileName": "all.bin"}},
            "sink": {"storeSettings": {"copyBehavior": "MergeFiles"}},
        });
        copy(from.source(json!({})), to.sink(merge), false).await.unwrap();
        let all: Vec<u8> = tree.values().flatten().copied().collect();
        assert!(to.tree("out").await == Tree::from([("all.bin".to_owned(), all)]), "in the order of their paths");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_gets_the_name_of_the_sink_and_several_do_not() {
    for to in stores().await {
        let from = Store::files();
        from.put(&files()).await;
        let named = json!({"dataset": {"location": {"fileName": "new.bin"}}});
        let one =
            json!({"dataset": {"location": {"folderPath": "in/sub", "fileName": format!("{}.bin", 5 * PIECE + 17)}}});
        copy(from.source(one), to.sink(named.clone()), true).await.unwrap();
        assert!(to.tree("out").await == Tree::from([("new.bin".to_owned(), content(6, 5 * PIECE + 17))]));
    }
    for to in stores().await {
        let from = Store::files();
        from.put(&Tree::from([("a".to_owned(), content(1, 3 * PIECE)), ("b".to_owned(), content(2, 3 * PIECE))])).await;
        let named = json!({"dataset": {"location": {"fileName": "new.bin"}}});
        let error = copy(from.source(json!({})), to.sink(named), false).await.unwrap_err();
        assert!(error.to_string().contains("the same target"), "{error}");
        assert!(!to.tree("out").await.contains_key("new.bin"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_keep_the_md5_of_their_content_and_a_wrong_one_is_noticed() {
    let (from, to) = (Store::files(), Store::Blobs(Target::Fake(Target::fake().await)));
    from.put(&files()).await;
    copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap();
    let Store::Blobs(Target::Fake(service)) = &to else { unreachable!() };
    for (path, bytes) in files() {
        let blob = service.blob(CONTAINER, &format!("out/{path}")).unwrap();
        assert_eq!(blob.md5.as_deref(), Some(Md5::digest(&bytes).as_slice()), "{path}");
        assert_eq!(blob.content_type, "application/octet-stream");
    }

    // A blob whose bytes are not those of its MD5 is no file to trust, whole or in ranges.
    for size in [100, 5 * PIECE] {
        let from = Store::Blobs(Target::Fake(Target::fake().await));
        let Store::Blobs(Target::Fake(service)) = &from else { unreachable!() };
        service.put_damaged(CONTAINER, "in/a.bin", &content(1, size));
        let to = Store::files();
        let error = copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap_err();
        assert_eq!(error.symbolic_code(), Some("UserErrorSourceDataInconsistent"), "{error}");
        assert!(to.tree("out").await.keys().all(|name| name.starts_with('.')), "nothing is visible");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_small_files_share_few_chunks() {
    let (from, to) = (Store::files(), Store::files());
    let tree: Tree = (0..3000).map(|id| (format!("{:02}/{id}.txt", id % 50), content(id, 20))).collect();
    from.put(&tree).await;
    let summary = copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap();
    assert_eq!(summary.chunks, 3);
    assert!(to.tree("out").await == tree);
}
