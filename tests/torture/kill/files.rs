//! SIGKILL at random moments of copies that keep files: ranges of a large file and many small ones as they are, and rows of
//! so many small files that they share chunks; from files and blobs to files and blobs, also while the sources are deleted.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Output,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use ropeway_tests::{
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    super::{
        side_by_side::{side_by_side, slowdown},
        table::{Tally, dice, events},
    },
    MOST_KILLS,
};
use crate::{binary::workbench::content, end_to_end::example::Example};

/// A range is 64 MiB: this is two of them.
const LARGE: usize = 70 << 20;
/// From where to where, and how many at once: the source and the target are blobs, or else files.
const WAYS: [(bool, bool, u32); 6] =
    [(false, true, 4), (true, false, 1), (false, false, 4), (false, true, 1), (true, false, 4), (false, false, 1)];

type Tree = BTreeMap<String, Vec<u8>>;

/// How files are copied.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Binary,
    DelimitedText,
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_random_moments_of_binary_copies() {
    let (wanted, blobs, tree) = (events(12, 400), blobs().await, tree());
    let mut tally = killed(Kind::Binary, &blobs, &tree, wanted);
    twins(&blobs, &tree, &mut tally);
    tally.verdict("kill: SIGKILL at random moments of Binary copies", wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_random_moments_of_many_small_files() {
    let (wanted, blobs, tree) = (events(6, 200), blobs().await, small_files());
    let mut tally = killed(Kind::DelimitedText, &blobs, &tree, wanted);
    // Rows of the next file that went into the one before it.
    let mut mixed = tree.clone();
    let next = mixed.insert("sub/0006.csv".to_owned(), b"id\r\n".to_vec()).expect("there");
    mixed.get_mut("sub/0003.csv").expect("there").extend_from_slice(&next[4..]);
    caught(&tree, &mixed, &tree, &mut tally);
    tally.verdict("kill: SIGKILL at random moments of many small files", wanted);
}

async fn blobs() -> Arc<BlobService> {
    Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await)
}

/// Kills copies until there were enough kills, each of them a few times.
fn killed(kind: Kind, blobs: &Arc<BlobService>, tree: &Tree, wanted: u32) -> Tally {
    let (mut tally, mut dice) = (Tally::default(), dice());
    // The other half of the ways is between the same stores.
    let whole = [0, 1, 2].map(|number| {
        let copy = Moving::new((kind, false), WAYS[number], blobs, tree, &format!("whole-{number}"));
        let clock = Instant::now();
        copy.succeeded(copy.example.start(&copy.id).wait_with_output().expect("our child"), &mut tally);
        clock.elapsed().mul_f64(slowdown())
    });
    let mut begun = 0;
    let next = |tally: &Tally| {
        let number = begun;
        begun += 1;
        let is_enough = number >= WAYS.len() && tally.events >= u64::from(wanted);
        (!is_enough).then(|| (number, StdRng::seed_from_u64(dice.random())))
    };
    side_by_side(&mut tally, next, |(number, mut dice), tally| {
        let way = number % WAYS.len();
        let deletes = (number / WAYS.len() + way).is_multiple_of(2);
        let copy = Moving::new((kind, deletes), WAYS[way], blobs, tree, &format!("moving-{number}"));
        survive(&copy, whole[way % whole.len()], &mut dice, tally);
    });
    tally
}

/// Kills a run a few times, then lets it end.
fn survive(copy: &Moving<'_>, whole: Duration, dice: &mut StdRng, tally: &mut Tally) {
    let mut kills = dice.random_range(1..=MOST_KILLS);
    loop {
        let mut child = copy.example.start(&copy.id);
        if kills > 0 {
            thread::sleep(whole.mul_f64(dice.random_range(0.0..1.0)));
            if child.try_wait().expect("our child").is_none() {
                child.kill().expect("our child");
                child.wait().expect("our child");
                tally.events += 1;
                kills -= 1;
                copy.look(tally);
                continue;
            }
        }
        return copy.succeeded(child.wait_with_output().expect("our child"), tally);
    }
}

/// A large file, some that end in the middle of a piece, and many small ones.
fn tree() -> Tree {
    let small = (0..60).map(|id| (format!("small/{:02}/{id}.txt", id % 7), content(id, 97 * id as usize)));
    let mut tree: Tree = small.collect();
    tree.extend((0..3).map(|id| (format!("middle/{id}.bin"), content(1000 + id, (3 << 20) + 7))));
    tree.insert("large.bin".to_owned(), content(2000, LARGE));
    tree
}

/// More than a thousand, so that they share chunks, and some without rows.
fn small_files() -> Tree {
    let rows = |id: u32| (0..id % 5).map(|row| format!("{}\r\n", 10 * id + row)).collect::<String>();
    let path = |id: u32| format!("{}/{id:04}.csv", ["sub", "sub/deep", "other"][id as usize % 3]);
    (0..1003).map(|id| (path(id), format!("id\r\n{}", rows(id)).into_bytes())).collect()
}

/// One copy, whichever processes work on it.
struct Moving<'a> {
    example: Example,
    from: Place,
    to: Place,
    tree: &'a Tree,
    deletes: bool,
    id: String,
}

enum Place {
    Files(TempDir),
    Blobs(Arc<BlobService>, String),
}

impl<'a> Moving<'a> {
    fn new(
        (kind, deletes): (Kind, bool),
        (of_blobs, to_blobs, slots): (bool, bool, u32),
        blobs: &Arc<BlobService>,
        tree: &'a Tree,
        id: &str,
    ) -> Self {
        let id: String = id.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').collect();
        let place = |is_blobs: bool, end: &str| {
            if is_blobs {
                let container = format!("{id}-{end}");
                blobs.create_container(&container);
                Place::Blobs(Arc::clone(blobs), container)
            } else {
                Place::Files(tempfile::tempdir().expect("a temporary folder"))
            }
        };
        let (from, to) = (place(of_blobs, "from"), place(to_blobs, "to"));
        tree.iter().for_each(|(path, bytes)| from.put(path, bytes));
        let mut example = Example::blank();
        let mut source = kind.end("Source", from.define(kind, &mut example, "From", "Read"));
        source["storeSettings"]["deleteFilesAfterCompletion"] = deletes.into();
        let mut sink = kind.end("Sink", to.define(kind, &mut example, "To", "Write"));
        if kind == Kind::DelimitedText {
            sink["formatSettings"] = json!({ "type": "DelimitedTextWriteSettings", "fileExtension": ".csv" });
        }
        let activity = json!({
            "name": "Copy", "type": "Copy", "policy": { "retry": 0 },
            "inputs": [{ "referenceName": "From", "type": "DatasetReference" }],
            "outputs": [{ "referenceName": "To", "type": "DatasetReference" }],
            "typeProperties": { "source": source, "sink": sink, "parallelCopies": slots },
        });
        example.define("pipeline/Copy", &json!({ "activities": [activity] }));
        Self { example, from, to, tree, deletes, id }
    }

    /// What is there is whole, and what is gone at the source is there.
    fn look(&self, tally: &mut Tally) {
        judge(&self.from.tree(), &self.to.tree(), self.tree, tally);
    }

    #[track_caller]
    fn succeeded(&self, output: Output, tally: &mut Tally) {
        let report = self.example.said(output).ended(0).json();
        let output = &report["activityRuns"][0]["output"];
        assert_eq!(output["filesWritten"], self.tree.len(), "{output:#}");
        self.look(tally);
        let (from, to) = (self.from.tree(), self.to.tree());
        tally.lost += self.tree.keys().filter(|path| !to.contains_key(*path)).count() as u64;
        assert_eq!(from.len(), if self.deletes { 0 } else { self.tree.len() }, "{}", self.id);
        assert!(self.to.leftovers().is_empty(), "{}: {:?}", self.id, self.to.leftovers());
    }
}

/// Files that are not whole, files that nobody copied, and files that are nowhere any more.
fn judge(from: &Tree, to: &Tree, tree: &Tree, tally: &mut Tally) {
    for (path, bytes) in to {
        match tree.get(path) {
            None => tally.duplicate += 1,
            Some(wanted) if wanted != bytes => tally.partial += 1,
            Some(_) => {}
        }
    }
    tally.lost += tree.keys().filter(|path| !from.contains_key(*path) && !to.contains_key(*path)).count() as u64;
}

impl Kind {
    /// The type of the datasets.
    fn name(self) -> &'static str {
        match self {
            Self::Binary => "Binary",
            Self::DelimitedText => "DelimitedText",
        }
    }

    /// The source or the sink of a copy.
    fn end(self, end: &str, store_settings: Value) -> Value {
        json!({ "type": format!("{}{end}", self.name()), "storeSettings": store_settings })
    }
}

impl Place {
    fn put(&self, path: &str, bytes: &[u8]) {
        match self {
            Self::Files(root) => {
                let path = root.path().join("data").join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
                fs::write(path, bytes).expect("a writable folder");
            }
            Self::Blobs(service, container) => service.put(container, &format!("data/{path}"), bytes),
        }
    }

    /// Defines the end in a factory; answers its store settings.
    fn define(&self, copied: Kind, example: &mut Example, end: &str, verb: &str) -> Value {
        let (kind, service, mut location) = match self {
            Self::Files(root) => (
                "FileServer",
                json!({ "host": root.path(), "userId": "nobody" }),
                json!({ "type": "FileServerLocation" }),
            ),
            Self::Blobs(blobs, container) => {
                let account = format!("AccountName={};BlobEndpoint={}", blob_service::ACCOUNT, blobs.endpoint());
                let ca = blobs.ca().map(PrivateCa::authority).expect("HTTPS");
                example.trust(&fs::read_to_string(ca).expect("the authority"));
                example.secret(end, "accountKey", blob_service::KEY);
                let location = json!({ "type": "AzureBlobStorageLocation", "container": container });
                ("AzureBlobStorage", json!({ "connectionString": account }), location)
            }
        };
        location["folderPath"] = "data".into();
        let reference = json!({ "referenceName": end, "type": "LinkedServiceReference" });
        example.define(&format!("linkedService/{end}"), &json!({ "type": kind, "typeProperties": service }));
        let mut properties = json!({ "location": location });
        if copied == Kind::DelimitedText {
            properties["firstRowAsHeader"] = true.into();
        }
        let dataset = json!({ "type": copied.name(), "linkedServiceName": reference, "typeProperties": properties });
        example.define(&format!("dataset/{end}"), &dataset);
        json!({ "type": format!("{kind}{verb}Settings") })
    }

    /// What readers see: all but what is hidden.
    fn tree(&self) -> Tree {
        let mut tree = self.all();
        tree.retain(|path, _| !path.starts_with(['.', '_']));
        tree
    }

    fn all(&self) -> Tree {
        match self {
            Self::Files(root) => {
                let mut tree = Tree::new();
                walk(&root.path().join("data"), "", &mut tree);
                tree
            }
            Self::Blobs(service, container) => {
                let name = |name: String| {
                    let bytes = service.blob(container, &name)?.bytes;
                    Some((name.strip_prefix("data/").unwrap_or(&name).to_owned(), bytes))
                };
                service.names(container).into_iter().filter_map(name).collect()
            }
        }
    }

    /// What is hidden beside the copy.
    fn leftovers(&self) -> Vec<String> {
        let Self::Files(root) = self else { return Vec::new() };
        let mut tree = Tree::new();
        walk(&root.path().join("data"), "", &mut tree);
        tree.into_keys().filter(|path| path.starts_with('.')).collect()
    }
}

/// Many copies share the service, and each is large.
impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Blobs(service, container) = self {
            service.names(container).iter().for_each(|name| service.remove(container, name));
        }
    }
}

fn walk(folder: &Path, below: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.expect("a readable folder");
        let name = format!("{below}{}", entry.file_name().to_str().expect("our names"));
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), tree);
        } else {
            tree.insert(name, fs::read(entry.path()).expect("readable"));
        }
    }
}

/// Counts whether what must not pass does.
fn caught(from: &Tree, to: &Tree, tree: &Tree, tally: &mut Tally) {
    let mut verdict = Tally::default();
    judge(from, to, tree, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.lost + verdict.duplicate + verdict.partial > 0);
}

/// What must not pass: a part under a final name, a name too many, a source that was deleted too early, and a program
/// that writes where readers look.
fn twins(blobs: &Arc<BlobService>, tree: &Tree, tally: &mut Tally) {
    let mut catch = |from: &Tree, to: &Tree| caught(from, to, tree, tally);
    let changed = |change: &dyn Fn(&mut Tree)| {
        let mut changed = tree.clone();
        change(&mut changed);
        changed
    };
    catch(tree, &changed(&|to| to.get_mut("large.bin").expect("there").truncate(LARGE / 2)));
    catch(tree, &changed(&|to| drop(to.insert("large.bin.part".to_owned(), Vec::new()))));
    catch(&changed(&|from| drop(from.remove("middle/0.bin"))), &changed(&|to| drop(to.remove("middle/0.bin"))));
    let copy = Moving::new((Kind::Binary, true), (false, false, 1), blobs, tree, "twin");
    let (Place::Files(from), Place::Files(to)) = (&copy.from, &copy.to) else { return };
    moved_by_name(&from.path().join("data"), &to.path().join("data"));
    catch(&copy.from.tree(), &copy.to.tree());
}

/// A program that moves files one after the other to their names, deletes each when it has read it, and is killed in the
/// middle of the large one.
fn moved_by_name(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable folder");
    let bytes = fs::read(from.join("large.bin")).expect("readable");
    fs::remove_file(from.join("large.bin")).expect("removable");
    fs::write(to.join("large.bin"), &bytes[..LARGE / 3]).expect("a writable folder");
}
