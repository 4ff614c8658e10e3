//! A run that was killed and resumed until it succeeded, and what it left after every process.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{RecordBatch, cast::AsArray},
    datatypes::Int64Type,
};
use ropeway_engine::{
    checkpoint::file::FileCheckpoint,
    chunk::RunId,
    progress::Unobserved,
    retry::RetryPolicy,
    run::{Job, Settings, run},
    sink::Sink,
    source::Source,
    testing::{
        dice::Dice,
        faults::{Faults, FaultySink, FaultySource},
        model_blob::ModelBlob,
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    REGION,
    naive::{self, Records},
    scratch,
};

const CHUNKS: i64 = 12;
const ROWS: i64 = 10;

/// A sink in memory that can be looked into and copied.
pub(super) trait Model: Sink + Clone {
    fn fork(&self) -> Self;
    fn rows(&self) -> Vec<RecordBatch>;
}

impl Model for ModelBlob {
    fn fork(&self) -> Self {
        Self::fork(self)
    }
    fn rows(&self) -> Vec<RecordBatch> {
        self.published().unwrap_or_default()
    }
}

impl Model for ModelTable {
    fn fork(&self) -> Self {
        Self::fork(self)
    }
    fn rows(&self) -> Vec<RecordBatch> {
        Self::rows(self)
    }
}

/// A run that succeeded.
pub(super) struct Lived<S> {
    pub(super) job: Job,
    pub(super) journal: Vec<u8>,
    /// Where the header and every record of the journal end.
    pub(super) ends: Vec<usize>,
    /// What each record says.
    pub(super) records: Records,
    /// What Ropeway knows after so many records.
    pub(super) states: Vec<String>,
    /// The sink as each process left it, and how long the journal was then; the last one is complete.
    sinks: Vec<(u64, S)>,
}

impl<S: Model> Lived<S> {
    /// Lives through what this seed says, or the next one whose faults make a run of some length.
    pub(super) fn through(seed: u64, sink: S) -> Self {
        let mut lives = (0..100).map(|more| Self::once(seed.wrapping_add(more), sink.fork()));
        lives
            .find(|lived| lived.sinks.len() > 1 && lived.journal.len() > REGION)
            .expect("a run of some length in a hundred")
    }

    fn once(seed: u64, sink: S) -> Self {
        let (folder, faults) = (scratch(), Faults::some(&Dice::new(seed)));
        let source = VecSource::numbered(CHUNKS, ROWS).shuffled_by(faults.dice.clone());
        let faulty = job(FaultySource(source, faults.clone()), FaultySink(sink.clone(), faults.clone()));
        let mut sinks = Vec::new();
        paused().block_on(async {
            loop {
                let store = FileCheckpoint::open(folder.path(), &faulty.run).expect("a whole journal");
                let (counters, cancel) = (Arc::default(), CancellationToken::new());
                let process = run(&faulty, &store, &counters, &Unobserved, &cancel);
                // The first process is killed before it can be done.
                let ended = tokio::time::timeout(faults.dice.pause(if sinks.is_empty() { 40 } else { 400 }), process);
                let succeeded = matches!(ended.await, Ok(Ok(_)));
                let journal = folder.path().join(format!("{}.journal", faulty.run));
                sinks.push((std::fs::metadata(journal).expect("a journal").len(), sink.fork()));
                if succeeded {
                    return;
                }
            }
        });
        let mut lived = Self { job: faulty, journal: Vec::new(), ends: vec![], records: vec![], states: vec![], sinks };
        lived.journal = std::fs::read(lived.path(folder.path())).expect("a journal");
        lived.ends = naive::boundaries(&lived.journal);
        lived.records = naive::read(&lived.journal);
        assert_eq!(lived.records.len() + 1, lived.ends.len(), "every record is JSON");
        lived.states = lived.ends.iter().map(|&end| lived.known(folder.path(), end)).collect();
        // An inspection does not tell what the target looked like when the run began.
        let told = |number: usize| lived.records[number].get("opening").is_none();
        let states = lived.states.windows(2).enumerate();
        assert!(states.filter(|(number, _)| told(*number)).all(|(_, pair)| pair[0] != pair[1]), "records are states");
        println!("{} processes, {} records, {} bytes", lived.sinks.len(), lived.records.len(), lived.journal.len());
        lived
    }

    /// What Ropeway knows of a run whose journal ends here.
    fn known(&self, folder: &Path, end: usize) -> String {
        std::fs::write(self.path(folder), &self.journal[..end]).expect("writable");
        format!("{:?}", FileCheckpoint::inspect(folder, &self.job.run).expect("a whole journal"))
    }

    /// Resumes from the journal in this folder: how many rows are missing, and how many are there too often. The
    /// sink is as one of the processes left it that knew this journal, since what a receipt proves is there
    /// before it is recorded.
    pub(super) fn resumed(&self, folder: &Path) -> (u64, u64) {
        let length = std::fs::metadata(self.path(folder)).expect("a journal").len();
        let newer: Vec<_> = self.sinks.iter().filter(|(known, _)| *known >= length).collect();
        let sink = newer[length as usize % newer.len()].1.fork();
        let resumed = job(VecSource::numbered(CHUNKS, ROWS), sink.clone());
        let store = FileCheckpoint::open(folder, &resumed.run).expect("what could be inspected can be opened");
        let (counters, cancel) = (Arc::default(), CancellationToken::new());
        let summary = paused().block_on(run(&resumed, &store, &counters, &Unobserved, &cancel));
        let summary = summary.unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        drop(store);
        let known = FileCheckpoint::inspect(folder, &resumed.run).expect("a whole journal").expect("a run");
        assert!(known.report.is_some() && known.receipts.len() == CHUNKS as usize);
        assert_eq!(summary.rows, (CHUNKS * ROWS) as u64);
        wrong(&sink.rows())
    }
}

fn job(source: impl Source + 'static, sink: impl Sink + 'static) -> Job {
    Job {
        run: RunId::try_from("simulated".to_owned()).expect("an id"),
        fingerprint: "7".into(),
        source: Arc::new(source),
        sink: Arc::new(sink),
        skipping: None,
        settings: Settings {
            parallel: 3,
            batch: rows_at_most(12),
            retry: RetryPolicy { max_attempts: 3, pace: 0.0, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// Missing rows, and rows that are there too often.
fn wrong(rows: &[RecordBatch]) -> (u64, u64) {
    let mut times = vec![0_u64; (CHUNKS * ROWS) as usize];
    for id in rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values()) {
        times[*id as usize] += 1;
    }
    let lost = times.iter().filter(|&&times| times == 0).count() as u64;
    (lost, times.iter().map(|times| times.saturating_sub(1)).sum())
}
