//! Binary copies between compressions: what other programs packed is unpacked, and what is packed they unpack.

mod archives;

use std::{fs, process::Command, sync::Arc};

use futures::TryStreamExt;
use ropeway_engine::{
    ErrorKind,
    checkpoint::memory::MemoryCheckpoint,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    source::ChunkTarget,
    testing::conformance::{self, SourceCase},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::workbench::{PIECE, Store, Tree, content, copy, files, job};
use crate::{
    azure_blob::workbench::Target,
    copy_run::{go, killed},
};

const ARCHIVES: [(&str, &str, &str); 3] = [
    ("all.zip", "ZipDeflate", "preserveZipFileNameAsFolder"),
    ("all.tar", "Tar", "preserveCompressionFileNameAsFolder"),
    ("all.tar.gz", "TarGzip", "preserveCompressionFileNameAsFolder"),
];

const CODECS: [(&str, &str); 3] = [("gzip", ".gz"), ("bzip2", ".bz2"), ("deflate", ".deflate")];

/// Compresses or expands the first argument into the second, by Python's own libraries.
const CODEC: &str = r"
import bz2, gzip, sys, zlib
way, codec, old, new = sys.argv[1:]
deflate = lambda data: (lambda it: it.compress(data) + it.flush())(zlib.compressobj(wbits=-15))
ways = {
    'pack': {'gzip': gzip.compress, 'bzip2': bz2.compress, 'deflate': deflate},
    'unpack': {'gzip': gzip.decompress, 'bzip2': bz2.decompress, 'deflate': lambda data: zlib.decompress(data, wbits=-15)},
}
open(new, 'wb').write(ways[way][codec](open(old, 'rb').read()))
";

fn run(program: &str, arguments: &[&str], folder: &TempDir) {
    let done = Command::new(program).args(arguments).current_dir(folder.path()).status().unwrap();
    assert!(done.success(), "{program} {arguments:?}");
}

fn by_python(way: &str, codec: &str, bytes: &[u8]) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("old"), bytes).unwrap();
    run("python3", &["-c", CODEC, way, codec, "old", "new"], &folder);
    fs::read(folder.path().join("new")).unwrap()
}

/// An archive of these files.
fn archive(kind: &str, tree: &Tree) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in tree {
        let path = folder.path().join("files").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    match kind {
        "all.zip" => run("sh", &["-c", "cd files && python3 -m zipfile -c ../archive ."], &folder),
        "all.tar" => run("tar", &["--format=pax", "-C", "files", "-cf", "archive", "."], &folder),
        _ => run("tar", &["--format=gnu", "-C", "files", "-czf", "archive", "."], &folder),
    }
    fs::read(folder.path().join("archive")).unwrap()
}

fn compressed(codec: &str) -> Value {
    json!({"dataset": {"compression": {"type": codec}}})
}

/// A source whose sink's dataset has this compression.
fn packing(codec: &str) -> Value {
    json!({"sinkCompression": {"type": codec, "level": "Fastest"}})
}

fn below(folder: &str, tree: &Tree) -> Tree {
    tree.iter().map(|(path, bytes)| (format!("{folder}{path}"), bytes.clone())).collect()
}

/// Files of which none, some or several pieces are held until their lengths are known.
fn sizes() -> Tree {
    let sizes = [0, 1, 8 * PIECE, 8 * PIECE + 1];
    (1..).zip(sizes).map(|(seed, size)| (format!("sub/{size:08}.bin"), content(seed, size))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_of_other_programs_are_unpacked_into_folders_of_their_names() {
    let long = format!("{}/{}.txt", "folder".repeat(15), "name".repeat(40));
    let mut tree = files();
    tree.insert(long, b"x".to_vec());
    for (name, codec, _) in ARCHIVES {
        let packed = archive(name, &tree);
        let from = Store::Blobs(Target::Fake(Target::fake().await));
        from.put(&Tree::from([(name.to_owned(), packed.clone()), (format!("deep/{name}"), packed)])).await;
        for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
            let summary = copy(from.source(compressed(codec)), to.sink(json!({})), true).await.unwrap();
            let mut expected = below(&format!("{name}/"), &tree);
            expected.extend(below(&format!("deep/{name}/"), &tree));
            assert!(to.tree("out").await == expected, "{name}");
            assert!(summary.read_back && summary.published.files == expected.len() as u64, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_name_the_files_of_an_archive_go_to_the_folder() {
    let tree = Tree::from([("a".to_owned(), b"1".to_vec()), ("b/c".to_owned(), content(2, 3 * PIECE))]);
    for (name, codec, flag) in ARCHIVES {
        let packed = archive(name, &tree);
        let (from, to) = (Store::files(), Store::files());
        from.put(&Tree::from([(format!("deep/{name}"), packed.clone())])).await;
        let class = format!("{}ReadSettings", codec.replace("Gz", "GZ"));
        let settings = json!({"dataset": {"compression": {"type": codec}},
            "source": {"formatSettings": {"type": "BinaryReadSettings", "compressionProperties": {"type": class, flag: false}}}});
        copy(from.source(settings.clone()), to.sink(json!({})), true).await.unwrap();
        assert!(to.tree("out").await == tree, "{name}");

        // Another archive with files of the same names: both cannot be there.
        from.put(&Tree::from([(format!("other-{name}"), packed)])).await;
        let to = Store::files();
        let error = copy(from.source(settings), to.sink(json!({})), false).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains("same target"), "{error}");
        assert!(to.tree("out").await.keys().all(|path| path.contains(".ropeway/")), "nothing is visible");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_files_lose_the_ending_of_their_codec() {
    for (codec, ending) in CODECS {
        let tree = sizes();
        let from = Store::Blobs(Target::Fake(Target::fake().await));
        let packed = tree.iter().map(|(path, bytes)| (format!("{path}{ending}"), by_python("pack", codec, bytes)));
        from.put(&packed.collect()).await;
        let plain = by_python("pack", codec, b"named otherwise");
        from.put(&Tree::from([("plain".to_owned(), plain)])).await;
        let to = Store::files();
        copy(from.source(compressed(codec)), to.sink(json!({})), true).await.unwrap();
        let mut expected = tree;
        expected.insert("plain".to_owned(), b"named otherwise".to_vec());
        assert!(to.tree("out").await == expected, "{codec}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_compressed_so_that_others_read_them() {
    for (codec, ending) in CODECS {
        let (from, to) = (Store::files(), Store::Blobs(Target::Fake(Target::fake().await)));
        from.put(&sizes()).await;
        copy(from.source(packing(codec)), to.sink(compressed(codec)), true).await.unwrap();
        let unpacked = to.tree("out").await.into_iter().map(|(path, bytes)| {
            let bare = path.strip_suffix(ending).unwrap_or_else(|| panic!("{path} has no {ending}"));
            (bare.to_owned(), by_python("unpack", codec, &bytes))
        });
        assert!(unpacked.collect::<Tree>() == sizes(), "{codec}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unpacked_can_be_compressed_anew_and_merged() {
    let tree = Tree::from([("a.txt".to_owned(), content(1, 9 * PIECE)), ("b.txt".to_owned(), content(2, 9 * PIECE))]);
    let mut both = compressed("TarGzip");
    both["sinkCompression"] = json!({"type": "gzip"});
    for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
        let from = Store::files();
        from.put(&Tree::from([("all.tgz".to_owned(), archive("all.tar.gz", &tree))])).await;
        let source = from.source(both.clone());
        assert_eq!(source.describe().statement, "in/*, unpacked from tar.gz, compressed to gz");
        copy(source, to.sink(compressed("gzip")), true).await.unwrap();
        let found = to.tree("out").await;
        assert_eq!(found.keys().collect::<Vec<_>>(), ["all.tgz/a.txt.gz", "all.tgz/b.txt.gz"]);
        assert!(found.values().zip(tree.values()).all(|(packed, bytes)| by_python("unpack", "gzip", packed) == *bytes));
    }
    for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
        let from = Store::files();
        from.put(&tree).await;
        let mut merge = compressed("gzip");
        merge["sink"] = json!({"storeSettings": {"copyBehavior": "MergeFiles"}});
        copy(from.source(packing("gzip")), to.sink(merge), false).await.unwrap();
        let found = to.tree("out").await;
        let [(name, packed)] = found.iter().collect::<Vec<_>>()[..] else { panic!("{:?}", found.keys()) };
        assert!(name.starts_with("Data.") && name.ends_with(".gz"), "{name}");
        assert!(by_python("unpack", "gzip", packed) == tree.values().flatten().copied().collect::<Vec<_>>());
    }
}

/// What is damaged, or means no good, is an error that names its file, and nothing of it is shown.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_and_hostile_files_are_refused() {
    let tree = Tree::from([("a.txt".to_owned(), content(1, 3 * PIECE))]);
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 5].to_vec();
    let flipped = |mut bytes: Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    let script = |code: &str| {
        let folder = TempDir::new().unwrap();
        run("python3", &["-c", code], &folder);
        fs::read(folder.path().join("archive")).unwrap()
    };
    let zipped_outside = "import zipfile; zipfile.ZipFile('archive', 'w').writestr('../up.txt', 'x')";
    let tarred = |kind: &str| {
        format!(
            "import tarfile; t = tarfile.open('archive', 'w'); i = tarfile.TarInfo('up.txt'); i.type = tarfile.{kind}; \
             i.linkname = '/etc/hostname'; t.addfile(i); t.close()"
        )
    };
    let cases = [
        ("gzip", cut(by_python("pack", "gzip", &tree["a.txt"]))),
        ("gzip", flipped(by_python("pack", "gzip", &tree["a.txt"]))),
        ("bzip2", flipped(by_python("pack", "bzip2", &tree["a.txt"]))),
        ("ZipDeflate", flipped(archive("all.zip", &tree))),
        ("ZipDeflate", cut(archive("all.zip", &tree))),
        ("TarGzip", flipped(archive("all.tar.gz", &tree))),
        ("Tar", cut(archive("all.tar", &tree))[..PIECE].to_vec()),
        ("ZipDeflate", script(zipped_outside)),
        ("Tar", script(&tarred("SYMTYPE"))),
        ("Tar", script(&tarred("LNKTYPE"))),
    ];
    for (codec, bytes) in cases {
        let (from, to) = (Store::files(), Store::files());
        from.put(&Tree::from([("packed".to_owned(), bytes)])).await;
        let error = copy(from.source(compressed(codec)), to.sink(json!({})), false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{codec}: {error}");
        assert!(error.to_string().contains("packed"), "{codec}: {error}");
        assert!(to.tree("out").await.keys().all(|path| path.contains(".ropeway/")), "{codec}: nothing is visible");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_refused_beforehand() {
    let registry = ropeway_connectors::registry();
    let source = |more: Value| {
        let mut spec = json!({
            "linkedService": {"type": "FileServer", "host": "/tmp"},
            "dataset": {"type": "Binary", "location": {"type": "FileServerLocation", "folderPath": "in"}},
            "source": {"type": "BinarySource"},
        });
        crate::azure_blob::workbench::merge(&mut spec, more);
        registry.connect_source("FileServer", spec).err().map(|error| error.to_string())
    };
    assert_eq!(source(compressed("ZipDeflate")), None);
    assert_eq!(source(packing("ZipDeflate")), None);
    assert!(source(compressed("rar")).unwrap().contains("not known"));
    let other = json!({"dataset": {"compression": {"type": "Tar"}},
        "source": {"formatSettings": {"compressionProperties": {"type": "ZipDeflateReadSettings"}}}});
    assert!(source(other).unwrap().contains("another codec"));

    let mut merge = json!({
        "linkedService": {"type": "FileServer", "host": "/tmp"},
        "dataset": {"type": "Binary", "location": {"type": "FileServerLocation"}, "compression": {"type": "deflate"}},
        "sink": {"storeSettings": {"copyBehavior": "MergeFiles"}},
        "ropeway": {"run": "copy"},
    });
    let error = registry.connect_sink("FileServer", merge.clone()).err().unwrap();
    assert!(error.to_string().contains("gzip or bzip2"), "{error}");
    merge["dataset"]["compression"]["type"] = "bzip2".into();
    assert!(registry.connect_sink("FileServer", merge).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_unpacks_and_compresses_keeps_the_promises_of_a_source() {
    let from = Store::Blobs(Target::Fake(Target::fake().await));
    let packed = |seed| archive("all.tar.gz", &Tree::from([("a".to_owned(), content(seed, 10 * PIECE))]));
    from.put(&(1..5).map(|seed| (format!("{seed}.tgz"), packed(seed))).collect()).await;
    let mut settings = compressed("TarGzip");
    settings["sinkCompression"] = json!({"type": "gzip"});
    let source = from.source(settings);
    let (target, limit) = (ChunkTarget { bytes: 2 << 20, rows: 100, chunks: 3 }, BatchLimit::default());
    let digester = RowDigester::new(&source.schema().await.unwrap()).unwrap();
    let (mut rows, mut digest) = (0, Digest::default());
    for chunk in source.plan(target).await.unwrap() {
        let batches: Vec<_> = source.read(&chunk, limit).await.unwrap().try_collect().await.unwrap();
        for batch in batches {
            rows += batch.num_rows() as u64;
            digest += digester.digest(&batch).unwrap();
        }
    }
    assert!(rows > 4 * 10, "random bytes stay as long as they are");
    if let Err(breach) =
        conformance::source(&SourceCase { source: Arc::clone(&source), target, limit, rows, digest }).await
    {
        panic!("{}", breach.0);
    }
}

/// Killed in mid-copy, a run has every file once in the end, and nothing but whole files before.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_is_whole_in_the_end() {
    let tree = Tree::from([("a".to_owned(), content(1, 2 * PIECE)), ("b/c".to_owned(), b"text".to_vec())]);
    let names = ["1.tgz", "2.tgz", "3.tgz"];
    let expected: Tree = names.iter().flat_map(|name| below(&format!("{name}/"), &tree)).collect();
    for commits in 1..=2 {
        for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
            let from = Store::files();
            from.put(&names.map(|name| (name.to_owned(), archive("all.tar.gz", &tree))).into()).await;
            let packed = || job(from.source(compressed("TarGzip")), to.sink(json!({})));
            let store = MemoryCheckpoint::default();
            killed(&packed(), &store, commits);
            let shown = to.tree("out").await;
            let mut files = shown.iter().filter(|(path, _)| !path.contains(".ropeway/"));
            assert!(files.all(|(path, bytes)| expected.get(path) == Some(bytes)), "killed after {commits} commits");
            let summary = go(&packed(), &store).await.unwrap();
            assert_eq!(summary.rows, 3 * 3, "killed after {commits} commits");
            assert!(to.tree("out").await == expected, "killed after {commits} commits");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unpacked_is_deleted_once_it_is_copied() {
    let tree = Tree::from([("a.txt".to_owned(), b"text".to_vec())]);
    let (from, to) = (Store::files(), Store::files());
    from.put(&Tree::from([("all.zip".to_owned(), archive("all.zip", &tree))])).await;
    let mut settings = compressed("ZipDeflate");
    settings["source"] = json!({"storeSettings": {"deleteFilesAfterCompletion": true}});
    copy(from.source(settings), to.sink(json!({})), true).await.unwrap();
    assert!(to.tree("out").await == below("all.zip/", &tree));
    assert!(from.tree("in").await.is_empty());
}
