//! The journal of a run under every truncation and every flipped bit of its last 4 KiB.
//!
//! What is left opens with exactly its whole records, or is an error that names the file and the offset of
//! the damage; and a run that is resumed from whatever opens gives the exact rows.

mod binary;
mod lived;
mod naive;

use std::path::{Path, PathBuf};

use rand::Rng as _;
use rayon::prelude::*;
use ropeway_engine::{
    ErrorKind,
    checkpoint::file::FileCheckpoint,
    testing::{model_blob::ModelBlob, model_table::ModelTable},
};

use self::lived::{Lived, Model};
use super::table::{Tally, Twins, dice};

/// The last bytes of the journal that are damaged.
const REGION: usize = 4096;

/// One way to damage a journal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    /// Only so many bytes are left.
    Cut(usize),
    /// This bit is another one.
    Flip(usize),
}

/// What a damaged journal has to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It opens with exactly so many records.
    Opens(usize),
    /// It is an error at this offset, or, at the very end, looks like a write that was cut off.
    Refused { offset: usize, last: bool },
}

impl Damage {
    pub(crate) fn apply(self, journal: &[u8]) -> Vec<u8> {
        match self {
            Self::Cut(length) => journal[..length].to_vec(),
            Self::Flip(bit) => {
                let mut bytes = journal.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            }
        }
    }

    /// `ends` are the ends of the header and of every record.
    pub(crate) fn fate(self, ends: &[usize]) -> Fate {
        let whole = |length| ends.partition_point(|&end| end <= length).saturating_sub(1);
        match self {
            Self::Cut(length) => Fate::Opens(whole(length)),
            Self::Flip(bit) => {
                let record = whole(bit / 8);
                Fate::Refused { offset: ends[record], last: record + 2 == ends.len() }
            }
        }
    }
}

#[test]
fn every_damage_to_the_journal_of_a_blob() {
    let lived = Lived::through(dice().random(), ModelBlob::default());
    let first = lived.journal.len() - REGION;
    let cuts = (first..lived.journal.len()).map(Damage::Cut);
    let flips = (first * 8..lived.journal.len() * 8).map(Damage::Flip);
    suffers(&lived, cuts.chain(flips).collect()).verdict("journal: cuts and flips", REGION as u32 * 9);
}

#[test]
fn every_cut_of_the_journal_of_a_table() {
    let lived = Lived::through(dice().random(), ModelTable::default());
    let first = lived.journal.len() - REGION;
    let mut tally = suffers(&lived, (first..lived.journal.len()).map(Damage::Cut).collect());
    // Cutting changes no record, so a reader without checksums has nothing to accept: here the twin is a
    // table that does not look into its ledger.
    tally.twins = Twins { tried: 1, caught: u64::from(forgets_its_ledger()) };
    tally.verdict("journal: cuts, table", REGION as u32);
}

/// Whether rows come twice when a journal loses a receipt and nobody asks the table.
fn forgets_its_ledger() -> bool {
    let lived = Lived::through(7, ModelTable::without_ledger());
    let first = lived.records.iter().position(|record| record.get("receipts").is_some()).expect("a receipt");
    let folder = scratch();
    std::fs::write(lived.path(folder.path()), &lived.journal[..lived.ends[first]]).expect("writable");
    lived.resumed(folder.path()).1 > 0
}

fn suffers<S: Model>(lived: &Lived<S>, damages: Vec<Damage>) -> Tally {
    // The first that is accepted is enough.
    let naive = damages.iter().any(|damage| naive::accepts_a_change(*damage, &lived.journal));
    let sum = |one: Tally, other: Tally| Tally {
        events: one.events + other.events,
        lost: one.lost + other.lost,
        duplicate: one.duplicate + other.duplicate,
        ..Tally::default()
    };
    let tally = damages.into_par_iter().map_init(scratch, |folder, damage| lived.suffers(damage, folder.path()));
    Tally { twins: Twins { tried: 1, caught: u64::from(naive) }, ..tally.reduce(Tally::default, sum) }
}

/// A folder in memory where there is one: a journal is fsynced at every record.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.expect("a temporary folder")
}

impl<S: Model> Lived<S> {
    fn suffers(&self, damage: Damage, folder: &Path) -> Tally {
        let (bytes, path) = (damage.apply(&self.journal), self.path(folder));
        std::fs::write(&path, &bytes).expect("writable");
        let inspected = FileCheckpoint::inspect(folder, &self.job.run);
        let state = inspected.as_ref().ok().map(|inspection| format!("{inspection:?}"));
        let fate = damage.fate(&self.ends);
        let opened = match &fate {
            Fate::Opens(records) => Some(*records),
            // What looks like a cut drops the record, and only that.
            Fate::Refused { last: true, .. } if state.is_some() => Some(self.ends.len() - 2),
            Fate::Refused { offset, .. } => {
                let error = inspected.expect_err("a damaged record was accepted");
                assert_eq!(error.kind(), ErrorKind::Data, "{damage:?}: {error}");
                self.names_the_place(damage, &error.to_string(), &path, *offset);
                assert!(FileCheckpoint::open(folder, &self.job.run).is_err(), "{damage:?}");
                None
            }
        };
        assert_eq!(std::fs::read(&path).expect("readable"), bytes, "{damage:?}: a damaged journal was written to");
        let (lost, duplicate) = opened.map_or((0, 0), |records| {
            assert_eq!(state.as_ref(), Some(&self.states[records]), "{damage:?}");
            self.resumed(folder)
        });
        Tally { events: 1, lost, duplicate, ..Tally::default() }
    }

    fn names_the_place(&self, damage: Damage, error: &str, path: &Path, offset: usize) {
        let told = [&format!("{}", path.display()), &format!("offset={offset}"), "restore the file from a backup"];
        assert!(told.iter().all(|what| error.contains(*what)), "{damage:?}: {told:?} in {error}");
    }

    /// Where the journal stands in a folder.
    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.journal", self.job.run))
    }
}
