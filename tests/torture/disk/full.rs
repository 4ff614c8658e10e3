//! A disk with room for so much and no more, and then with more room.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};

use super::{mount::Mount, read_only::refused, watched};
use crate::torture::{
    readers,
    side_by_side::side_by_side,
    sources::Source,
    table::{Tally, events, is_long},
    targets::{Format, Sink},
    trial::{Pair, Trial, judge},
};

const PAGE: u64 = 4096;

/// A place, and steps of free space in which it gets full.
#[derive(Clone, Copy, Debug)]
enum Small {
    Target(Sink),
    State,
}

impl Small {
    /// About a tenth of a target, or a fortieth in the long form; the state of a run is so little that it is every
    /// page of that.
    fn step(self) -> u64 {
        match self {
            Self::Target(_) if is_long() => 1 << 16,
            Self::Target(_) => 1 << 18,
            Self::State => PAGE,
        }
    }

    fn sink(self) -> Sink {
        match self {
            Self::Target(sink) => sink,
            Self::State => Sink::FileFolder,
        }
    }

    fn folder(self, trial: &Trial<'_>) -> PathBuf {
        match self {
            Self::Target(_) => trial.target.folder().expect("a folder"),
            Self::State => trial.example.path("state"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_any_place_and_then_has_room() {
    if !Mount::is_permitted() {
        return;
    }
    let source = Source::csv(6, 6_000);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    for small in [Small::Target(Sink::File), Small::Target(Sink::FileFolder), Small::State] {
        let name = format!("{small:?}").to_lowercase().replace(['(', ')'], "-");
        let (before, has_room, mut sizes) = (tally.events, AtomicBool::new(false), 1..);
        let next = |_: &Tally| sizes.next().filter(|_| !has_room.load(Ordering::Relaxed));
        side_by_side(&mut tally, next, |size: u64, tally| {
            let pair = Pair { source: &source, sink: small.sink(), format: Format::Csv, slots: 2 };
            let trial = Trial::new(pair, &blobs, &format!("{name}-{size}"));
            let is_full = fills_up(trial, small, size * small.step(), tally);
            has_room.fetch_or(!is_full, Ordering::Relaxed);
        });
        println!("{small:?}: full at {} steps of {} bytes", tally.events - before, small.step());
    }
    refused(&source, &blobs, &mut tally);
    twin(&source, &mut tally);
    tally.verdict("disk: full or read-only, then not", events(16, 50));
}

/// A run on a disk of this size, and one that goes on once there is room. False if there was room all the time.
fn fills_up(mut trial: Trial<'_>, small: Small, bytes: u64, tally: &mut Tally) -> bool {
    let mount = Mount::small(&small.folder(&trial), bytes).expect("mounts are permitted");
    // A person has minutes to make room; here the process is killed instead.
    let output = watched(trial.start(), waits_for_room);
    if output.status.success() {
        trial.succeeded(output, tally);
        return false;
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("full"), "{}: {said}", trial.about());
    assert!(output.status.code().is_none_or(|code| code == 4), "{}: {said}", trial.about());
    trial.interrupted(output, tally);
    tally.events += 1;
    mount.grow();
    let resumed = trial.start().wait_with_output().expect("our child");
    trial.succeeded(resumed, tally);
    true
}

/// A person makes room within the minute that the copy waits, and it goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_gets_room_while_the_copy_waits() {
    if !Mount::is_permitted() {
        return;
    }
    let source = Source::csv(6, 6_000);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    for sink in if is_long() { &[Sink::File, Sink::FileFolder][..] } else { &[Sink::FileFolder] } {
        let pair = Pair { source: &source, sink: *sink, format: Format::Csv, slots: 2 };
        let mut trial = Trial::new(pair, &blobs, &format!("waits-{sink:?}").to_lowercase());
        let mount = Mount::small(&trial.target.folder().expect("a folder"), 1 << 19).expect("mounts are permitted");
        let mut full = 0;
        let output = watched(trial.start(), |line| {
            if waits_for_room(line) {
                full += 1;
                mount.grow();
            }
            false
        });
        assert!(full > 0, "the disk was never full");
        tally.events += 1;
        trial.succeeded(output, &mut tally);
    }
    twin(&source, &mut tally);
    tally.verdict("disk: room while it waits", events(1, 2));
}

/// Whether a line of the log tells that a chunk, or the publication, waits for a full disk.
fn waits_for_room(line: &str) -> bool {
    line.contains("the disk is full") && (line.contains("is tried again") || line.contains("trying again"))
}

/// A program that writes where readers look.
fn twin(source: &Source, tally: &mut Tally) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = Mount::small(folder.path(), 8 * PAGE).expect("mounts are permitted");
    let quoted = |field: &Option<String>| format!("\"{}\"", field.clone().unwrap_or_default().replace('"', "\"\""));
    let line = |row: &Vec<Option<String>>| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
    let text = String::from("id,name\n") + &source.rows.iter().map(line).collect::<String>();
    let copy = folder.path().join("all.csv");
    assert!(std::fs::write(&copy, text).is_err(), "the twin had room");
    let mut verdict = Tally::default();
    judge(Some(readers::rows("all.csv", &std::fs::read(&copy).expect("readable"))), &source.rows, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.lost + verdict.partial > 0);
    drop(mount);
}
