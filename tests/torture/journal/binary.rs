//! The same with the real binary and real files, for a sample.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use rand::Rng as _;
use ropeway_engine::{checkpoint::file::FileCheckpoint, chunk::RunId};
use tempfile::TempDir;

use super::{Damage, Fate, REGION, naive};
use crate::{
    cli::{kill::rows, workshop::Workshop},
    torture::table::{Tally, Twins, dice, events},
};

#[test]
fn a_run_of_the_binary_with_a_damaged_journal() {
    let mut dice = dice();
    let workshop = Workshop::folder(0.03);
    workshop.run(&["--run-id", "undisturbed", "--progress", "none"]).ended(0);
    let expected = rows(&workshop);
    assert!(expected.windows(2).all(|pair| pair[0] < pair[1]), "the rows are distinct");
    fs::remove_dir_all(workshop.data().join("out")).expect("removable");

    let path = killed(&workshop);
    let journal = fs::read(&path).expect("a journal");
    let (ends, snapshot) = (naive::boundaries(&journal), Snapshot::of(&workshop));
    // Behind the first line, of which the engine's own tests try every bit.
    let region = journal.len().saturating_sub(REGION).max(ends[0])..journal.len();
    let mut tally = Tally::default();
    let wanted = events(8, 200);
    for number in 0..wanted {
        let damage = match number % 2 {
            0 => Damage::Cut(dice.random_range(region.clone())),
            _ => Damage::Flip(dice.random_range(region.start * 8..region.end * 8)),
        };
        snapshot.restore();
        fs::write(&path, damage.apply(&journal)).expect("writable");
        let resumed = workshop.finish(&["resume", "killed", "--progress", "none"]);
        tally.events += 1;
        match damage.fate(&ends) {
            // Also a flip of the last record that looks like a cut.
            Fate::Opens(_) | Fate::Refused { last: true, .. } if resumed.code == Some(0) => {
                let found = rows(&workshop);
                tally.lost += expected.iter().filter(|row| found.binary_search(row).is_err()).count() as u64;
                tally.duplicate += (found.len() as u64 + tally.lost).saturating_sub(expected.len() as u64);
            }
            Fate::Opens(_) => panic!("{damage:?}: {resumed:?}"),
            Fate::Refused { offset, .. } => {
                let said = resumed.stderr;
                let told = [&path.display().to_string(), &format!("offset={offset}"), "restore the file from a backup"];
                assert!(told.iter().all(|what| said.contains(*what)), "{damage:?}: {told:?} in {said}");
                assert_ne!(resumed.code, Some(0), "{damage:?}");
                assert!(!workshop.data().join("out/_SUCCESS").exists(), "{damage:?}: nothing was published");
            }
        }
    }
    let accepted = (region.start * 8..region.end * 8).any(|bit| naive::accepts_a_change(Damage::Flip(bit), &journal));
    tally.twins = Twins { tried: 1, caught: u64::from(accepted) };
    tally.verdict("journal: the binary", wanted);
}

/// Kills a run that has committed some of its chunks; where its journal stands.
fn killed(workshop: &Workshop) -> PathBuf {
    let mut child = workshop.start(&["--run-id", "killed", "--progress", "none", "--parallel", "2"]);
    let journals = workshop.state().join("ropeway/runs/killed/copies");
    let run = loop {
        assert!(child.try_wait().expect("our child").is_none(), "it was done before it could be killed");
        let run = FileCheckpoint::list(&journals).expect("readable").pop();
        if let Some(run) = run.filter(|run| receipts(&journals, run) >= 2) {
            break run;
        }
        thread::sleep(Duration::from_millis(2));
    };
    child.kill().expect("our child");
    child.wait().expect("our child");
    assert!(!workshop.data().join("out/_SUCCESS").exists(), "the run was not done");
    journals.join(format!("{run}.journal"))
}

fn receipts(journals: &Path, run: &RunId) -> usize {
    FileCheckpoint::inspect(journals, run).expect("a whole journal").map_or(0, |known| known.receipts.len())
}

/// A copy of what a killed process left.
struct Snapshot<'a> {
    workshop: &'a Workshop,
    copy: TempDir,
}

impl<'a> Snapshot<'a> {
    fn of(workshop: &'a Workshop) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        let kept = Self { workshop, copy };
        kept.folders().iter().for_each(|folder| copy_folder(folder, kept.copy.path()));
        kept
    }

    fn restore(&self) {
        for folder in self.folders() {
            fs::remove_dir_all(&folder).expect("removable");
            let copy = self.copy.path().join(folder.file_name().expect("a name"));
            copy_folder(&copy, folder.parent().expect("the workshop's folder"));
        }
    }

    fn folders(&self) -> [PathBuf; 2] {
        [self.workshop.data(), self.workshop.state()]
    }
}

/// Copies a folder into another one, under its name.
fn copy_folder(folder: &Path, into: &Path) {
    let copied = Command::new("cp").arg("-a").args([folder, into]).status().expect("cp is installed");
    assert!(copied.success(), "{} was copied", folder.display());
}
