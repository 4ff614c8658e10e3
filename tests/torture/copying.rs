//! A small copy in this process with the pauses and limits of a test, and what became of it when something
//! broke it from outside.

pub(crate) mod sources;
pub(crate) mod targets;

use std::{num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use ropeway_engine::{
    ErrorKind, Result,
    checkpoint::file::FileCheckpoint,
    chunk::{BatchLimit, RunId},
    progress::{Counters, Unobserved},
    retry::RetryPolicy,
    run::{Job, Settings, Summary, run},
    sink::Sink,
    source::Source,
};
use tokio_util::sync::CancellationToken;

use super::table::{Tally, is_long};
use crate::end_to_end::oracle::{Row, same_rows};

/// How often a run that failed is resumed, at most.
const RESUMES: u32 = 5;

/// Where rows go, as its readers see it.
pub(crate) trait Target {
    /// A sink on it, as a new process would make one.
    fn sink(&self) -> Arc<dyn Sink>;

    /// All rows once the copy is there.
    ///
    /// # Errors
    /// A part of a copy is visible, or something that cannot be read.
    async fn rows(&self) -> Result<Option<Vec<Row>>, String>;
}

/// One copy: what it reads, how that is made anew, and what must arrive.
#[derive(Clone, Copy)]
pub(crate) struct Copying<'a> {
    pub(crate) source: &'a (dyn Fn() -> Arc<dyn Source> + Sync),
    pub(crate) expected: &'a [Row],
    /// Errors that a run may end with before it is resumed.
    pub(crate) may_fail: &'a [ErrorKind],
}

/// Somebody was absent: it can be tried again.
pub(crate) const ABSENCE: &[ErrorKind] = &[ErrorKind::Unavailable];

/// How a copy went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// How often it failed as a whole and was resumed.
    pub(crate) failures: u32,
    /// Chunks that were tried again in the process that ended well.
    pub(crate) retries: u64,
}

impl Copying<'_> {
    /// Runs to the end; `heal` ends what disturbs it. After a failure a resume must make it good. What readers see on the way and at
    /// the end goes into the tally.
    ///
    /// # Panics
    /// If it fails for good, or with an error that it may not fail with.
    pub(crate) async fn course(&self, target: &impl Target, tally: &mut Tally, heal: impl Fn()) -> Course {
        let state = tempfile::tempdir().expect("a temporary folder");
        for failures in 0..=RESUMES {
            let outcome = self.attempt(target, state.path()).await;
            // Whoever looks now is not to be disturbed.
            heal();
            match outcome {
                Ok(summary) => {
                    self.note(target.rows().await.and_then(|rows| rows.ok_or("no copy is visible".into())), tally);
                    return Course { failures, retries: summary.retries };
                }
                Err(error) => {
                    println!("failed: {error}");
                    assert!(self.may_fail.contains(&error.kind()), "{:?}: {error}", error.kind());
                    match target.rows().await {
                        Ok(None) => {}
                        seen => self.note(seen.map(Option::unwrap_or_default), tally),
                    }
                }
            }
        }
        panic!("the copy failed more than {RESUMES} times although nothing broke it any more");
    }

    /// One process.
    pub(crate) async fn attempt(&self, target: &impl Target, state: &Path) -> Result<Summary> {
        let run_id = RunId::try_from("torture".to_owned()).expect("an id");
        let job = Job {
            run: run_id.clone(),
            fingerprint: "torture".to_owned(),
            source: (self.source)(),
            sink: target.sink(),
            skipping: None,
            settings: settings(),
        };
        let store = FileCheckpoint::open(state, &run_id)?;
        run(&job, &store, &Arc::new(Counters::default()), &Unobserved, &CancellationToken::new()).await
    }

    fn note(&self, seen: Result<Vec<Row>, String>, tally: &mut Tally) {
        match seen {
            Ok(rows) => {
                let difference = imbalance(&rows, self.expected);
                if difference != (0, 0) {
                    println!("{} rows instead of {}: {difference:?}", rows.len(), self.expected.len());
                }
                tally.lost += difference.0;
                tally.duplicate += difference.1;
            }
            Err(what) => {
                println!("partial: {what}");
                tally.partial += 1;
            }
        }
    }
}

/// Seconds where a user has minutes; some more where many copies share the machine.
fn settings() -> Settings {
    let seconds = |seconds| Duration::from_secs(if is_long() { 4 * seconds } else { seconds });
    Settings {
        parallel: 2,
        chunk_rows: 100,
        batch: BatchLimit { rows: NonZeroU32::new(50).expect("some"), bytes: 1 << 20 },
        retry: RetryPolicy { pace: 0.01, left_alone: Duration::from_millis(300), ..RetryPolicy::default() },
        first_batch_timeout: seconds(3),
        stall_timeout: seconds(3),
        silence_timeout: seconds(3),
        write_timeout: seconds(5),
        settle_timeout: seconds(5),
        ..Settings::default()
    }
}

/// How many rows are missing, and how many are too many.
pub(crate) fn imbalance(found: &[Row], expected: &[Row]) -> (u64, u64) {
    same_rows(found, expected).err().map_or((0, 0), |difference| (difference.missing, difference.extra))
}
