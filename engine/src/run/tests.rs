mod dividing;
mod scripted;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use self::scripted::{Act, Scripted, Step, Tampered, Trick};
use super::{Job, Settings, Summary, prospect, run};
use crate::{
    ErrorKind, Result, Side,
    checkpoint::memory::MemoryCheckpoint,
    chunk::RunId,
    progress::{Counters, Event, Observer, Pace, Unobserved},
    retry::{RetryClass, RetryPolicy},
    sink::Sink,
    source::Source,
    testing::{
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};

const CHUNKS: i64 = 6;
const ROWS: i64 = 100;

fn job(source: impl Source, sink: impl Sink) -> Job {
    Job {
        run: RunId::try_from("r1".to_owned()).unwrap(),
        fingerprint: "f".into(),
        source: Arc::new(source),
        sink: Arc::new(sink),
        skipping: None,
        settings: Settings { parallel: 3, batch: rows_at_most(30), ..Settings::default() },
    }
}

fn numbered() -> VecSource {
    VecSource::numbered(CHUNKS, ROWS)
}

fn scripted(script: fn(u32, u32) -> Act) -> Scripted {
    Scripted::new(numbered(), script)
}

struct Outcome {
    result: Result<Summary>,
    counters: Arc<Counters>,
}

async fn go(job: &Job, store: &MemoryCheckpoint) -> Outcome {
    let counters = Arc::new(Counters::default());
    let result = run(job, store, &counters, &Unobserved, &CancellationToken::new()).await;
    Outcome { result, counters }
}

async fn fault(job: &Job) -> crate::Error {
    go(job, &MemoryCheckpoint::default()).await.result.unwrap_err()
}

#[tokio::test]
async fn every_row_is_copied_and_counted() {
    let table = ModelTable::default();
    let Outcome { result, counters } = go(&job(numbered(), table.clone()), &MemoryCheckpoint::default()).await;
    let summary = result.unwrap();
    let rows = (CHUNKS * ROWS) as u64;
    assert_eq!((summary.chunks, summary.rows, summary.slots, summary.epoch), (CHUNKS as u64, rows, 3, 1));
    assert_eq!(table.rows().iter().map(|batch| batch.num_rows() as u64).sum::<u64>(), rows);
    assert_eq!((counters.rows_read.get(), counters.rows_copied.get(), counters.chunks_open.get()), (rows, rows, 0));
    assert_eq!(summary.bytes_read, counters.bytes_read.get());
    assert!(summary.bytes_read > rows * 8);
}

#[tokio::test]
async fn a_run_that_succeeded_is_not_touched_again() {
    let (store, table) = (MemoryCheckpoint::default(), ModelTable::default());
    let first = go(&job(numbered(), table.clone()), &store).await.result.unwrap();
    // Any use of this source would fail.
    let unusable = scripted(|_, _| Act::Panic);
    let again = go(&job(unusable, table.clone()), &store).await.result.unwrap();
    assert_eq!(first, again);
    assert_eq!(table.rows().iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>() as i64, CHUNKS * ROWS);
}

#[tokio::test(start_paused = true)]
async fn another_definition_may_not_resume_a_run() {
    let store = MemoryCheckpoint::default();
    let broken = job(scripted(|_, _| Act::Fail(ErrorKind::Auth)), ModelTable::default());
    go(&broken, &store).await.result.unwrap_err();
    let other = Job { fingerprint: "g".into(), ..job(numbered(), ModelTable::default()) };
    assert_eq!(go(&other, &store).await.result.unwrap_err().kind(), ErrorKind::Spec);
}

#[tokio::test]
async fn a_schema_that_changed_before_a_resume_is_refused_by_column() {
    let store = MemoryCheckpoint::default();
    go(&job(scripted(|_, _| Act::Fail(ErrorKind::Auth)), ModelTable::default()), &store).await.result.unwrap_err();
    let other = numbered().renamed("name", "title");
    let error = go(&job(other, ModelTable::default()), &store).await.result.unwrap_err();
    assert_eq!((error.kind(), error.side()), (ErrorKind::Data, Some(Side::Source)));
    assert!(error.to_string().contains("'name'") && error.to_string().contains("'title'"), "{error}");
}

#[tokio::test]
async fn a_batch_with_other_columns_is_refused_by_column() {
    let error = fault(&job(scripted(|_, _| Act::OtherColumns), ModelTable::default())).await;
    assert_eq!((error.kind(), error.side()), (ErrorKind::Data, Some(Side::Source)));
    assert!(error.to_string().contains("'title'"), "{error}");
}

#[tokio::test]
async fn a_loss_is_refused_before_anything_is_planned_unless_it_is_allowed() {
    let store = MemoryCheckpoint::default();
    let mut lossy = job(numbered(), Tampered(ModelTable::default(), Trick::CannotHold("name")));
    let error = go(&lossy, &store).await.result.unwrap_err();
    assert_eq!((error.kind(), error.side()), (ErrorKind::Data, Some(Side::Sink)));
    assert!(error.to_string().contains("name: ") && error.to_string().contains("--lossy allow"), "{error}");
    assert!(store.snapshot().is_none());
    lossy.settings.lossy = true;
    assert!(go(&lossy, &store).await.result.is_ok());
}

#[tokio::test]
async fn memory_below_one_chunk_is_refused_with_both_numbers() {
    let mut poor = job(numbered(), ModelTable::default());
    poor.settings.memory_bytes = (24 << 20) - 1;
    let error = fault(&poor).await;
    assert_eq!(error.kind(), ErrorKind::Spec);
    for part in ["25165824", "25165823", "--memory"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    poor.settings.memory_bytes += 1;
    assert_eq!(prospect(&poor).await.unwrap().slots, 1);
}

#[tokio::test]
async fn no_more_chunks_are_open_than_memory_affords() {
    let most = Arc::new(AtomicU32::new(0));
    let sink = Tampered(ModelTable::default(), Trick::Gauge(most.clone()));
    let mut job = job(numbered(), sink);
    (job.settings.parallel, job.settings.memory_bytes) = (100, 2 * (24 << 20) + 1);
    go(&job, &MemoryCheckpoint::default()).await.result.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_plan_is_kept_before_the_sink_is_touched() {
    let store = Arc::new(MemoryCheckpoint::default());
    let job = job(numbered(), Tampered(ModelTable::default(), Trick::Planned(store.clone())));
    assert!(go(&job, &store).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_first_fault_is_the_cause_and_finished_work_is_kept() {
    let store = MemoryCheckpoint::default();
    // Chunk 2 is refused at once; chunk 3 fails because of that, and later.
    let source = scripted(|chunk, _| match chunk {
        2 => Act::Fail(ErrorKind::Auth),
        3 => Act::FailMidway(ErrorKind::Data),
        _ => Act::Fine,
    });
    let error = go(&job(source, ModelTable::default()), &store).await.result.unwrap_err();
    assert_eq!((error.kind(), error.side()), (ErrorKind::Auth, Some(Side::Source)));
    assert!(error.to_string().contains("chunk 2"), "{error}");
    let receipts = store.snapshot().unwrap().receipts;
    assert!(receipts.iter().any(|receipt| receipt.chunk.0 == 0), "{receipts:?}");
    let resumed = go(&job(numbered(), ModelTable::default()), &store).await.result.unwrap();
    assert_eq!((resumed.rows, resumed.epoch), ((CHUNKS * ROWS) as u64, 2));
}

#[tokio::test]
async fn a_panic_of_the_source_is_a_defect_of_its_chunk() {
    let error =
        fault(&job(scripted(|chunk, _| if chunk == 4 { Act::Panic } else { Act::Fine }), ModelTable::default())).await;
    assert_eq!((error.kind(), error.side()), (ErrorKind::Bug, Some(Side::Source)));
    assert!(error.to_string().contains("chunk 4"), "{error}");
}

#[tokio::test]
async fn a_panic_of_the_sink_is_a_defect_of_its_chunk() {
    let error = fault(&job(numbered(), Tampered(ModelTable::default(), Trick::Panics))).await;
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert!(error.to_string().contains("chunk="), "{error}");
}

#[tokio::test]
async fn a_sink_that_stores_other_rows_than_were_read_is_caught() {
    let store = MemoryCheckpoint::default();
    let job = job(numbered(), Tampered(ModelTable::default(), Trick::DropsABatch));
    let error = go(&job, &store).await.result.unwrap_err();
    assert_eq!((error.kind(), error.side()), (ErrorKind::Bug, Some(Side::Sink)));
    assert!(error.to_string().contains("rows_stored=70"), "{error}");
    assert!(store.snapshot().unwrap().receipts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_failed_attempt_are_taken_off_again() {
    let source = scripted(|chunk, read| match (chunk, read) {
        (1, 0) => Act::FailMidway(ErrorKind::Unavailable),
        _ => Act::Fine,
    });
    let Outcome { result, counters } = go(&job(source, ModelTable::default()), &MemoryCheckpoint::default()).await;
    assert_eq!(result.unwrap().retries, 1);
    assert_eq!(counters.rows_read.get(), (CHUNKS * ROWS) as u64);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_falls_silent_is_read_again() {
    let source = scripted(|chunk, read| if (chunk, read) == (1, 0) { Act::Stall } else { Act::Fine });
    let started = tokio::time::Instant::now();
    let Outcome { result, counters } = go(&job(source, ModelTable::default()), &MemoryCheckpoint::default()).await;
    assert_eq!((result.unwrap().rows, counters.retries.get()), ((CHUNKS * ROWS) as u64, 1));
    assert!(started.elapsed() >= Settings::default().silence_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_counts_is_judged_by_what_arrives() {
    let limit = Settings::default().stall_timeout;
    let slow = |_, _| Act::Trickle { rows: 40, ends: true };
    let stuck = |_, read| if read == 0 { Act::Trickle { rows: 3, ends: false } } else { Act::Fine };
    for (script, counts, retries) in [
        // A slow line is no dead one, as long as somebody counts.
        (slow as fn(u32, u32) -> Act, true, 0),
        (stuck, true, CHUNKS as u64),
        (stuck, false, CHUNKS as u64),
    ] {
        let source = if counts { scripted(script).counting() } else { scripted(script) };
        let started = tokio::time::Instant::now();
        let Outcome { result, counters } = go(&job(source, ModelTable::default()), &MemoryCheckpoint::default()).await;
        assert_eq!((result.unwrap().rows, counters.retries.get()), ((CHUNKS * ROWS) as u64, retries));
        assert!(started.elapsed() >= limit);
    }
    // The twin: nobody counts, and the slow line is given up again and again.
    let mut job = job(scripted(slow), ModelTable::default());
    job.settings.retry.max_attempts = 2;
    let error = fault(&job).await;
    assert!(error.to_string().contains("sent nothing for too long"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_unavailable() {
    let mut job = job(scripted(|_, _| Act::Stall), ModelTable::default());
    job.settings.attempt_timeout = Some(Duration::from_secs(5));
    job.settings.retry = RetryPolicy { max_attempts: 2, pace: 0.1, ..RetryPolicy::default() };
    let error = fault(&job).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("limit_seconds=5"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn all_chunks_together_spend_one_allowance_of_retries() {
    let flaky = || scripted(|_, read| if read < 3 { Act::Fail(ErrorKind::Unavailable) } else { Act::Fine });
    let started = tokio::time::Instant::now();
    for (allowance, waited) in [(50, false), (4, true)] {
        let mut job = job(flaky(), ModelTable::default());
        (job.settings.retry.pace, job.settings.retry_allowance) = (0.0, allowance);
        let Outcome { result, counters } = go(&job, &MemoryCheckpoint::default()).await;
        assert_eq!((result.unwrap().rows, counters.retries.get()), ((CHUNKS * ROWS) as u64, 18));
        assert_eq!(!started.elapsed().is_zero(), waited);
    }
    // 18 retries: 4 allowed, the others waited for or earned by 24 attempts.
    assert!(started.elapsed() >= Duration::from_secs((18 - 4 - 24 / 5) * 10), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_ends_the_run_and_is_named_with_the_time() {
    let source = scripted(|_, _| Act::FailAs(RetryClass::Reconnect));
    let started = tokio::time::Instant::now();
    let error = fault(&job(source, ModelTable::default())).await;
    assert_eq!((error.kind(), error.side()), (ErrorKind::Unavailable, Some(Side::Source)));
    assert!(error.to_string().contains("down=source, down_for_seconds="), "{error}");
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(60) && took <= Duration::from_secs(15 * 60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_is_the_cause_even_when_it_comes_second_and_keeps_what_was_staged() {
    let aborts = Arc::new(AtomicU32::new(0));
    let sink = Tampered(ModelTable::default(), Trick::CountsAborts(aborts.clone()));
    let midway = scripted(|chunk, _| if chunk == 1 { Act::FailMidwayAs(RetryClass::Fatal) } else { Act::Stall });
    let mut job = job(midway, sink);
    job.settings.silence_timeout = Duration::from_secs(86_400);
    let error = fault(&job).await;
    assert!(error.is_fatal(), "{error}");
    // The other two open chunks were given up; the evidence of this one was not touched.
    assert_eq!(aborts.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_stands_still_is_tried_again_by_a_new_attempt() {
    for (step, limit) in [(Step::Open, 600), (Step::Write, 60), (Step::Commit, 600)] {
        let table = ModelTable::default();
        let job = job(numbered(), Tampered(table.clone(), Trick::StandsStill(step, Arc::default())));
        let started = tokio::time::Instant::now();
        let Outcome { result, counters } = go(&job, &MemoryCheckpoint::default()).await;
        assert_eq!((result.unwrap().rows, counters.retries.get()), ((CHUNKS * ROWS) as u64, 1), "{step:?}");
        let rows: usize = table.rows().iter().map(arrow::array::RecordBatch::num_rows).sum();
        assert_eq!(rows as i64, CHUNKS * ROWS, "{step:?}");
        let took = started.elapsed().as_secs();
        assert!((limit..limit + 60).contains(&took), "{step:?}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_may_take_as_long_as_the_sink_says_of_its_definition() {
    const LONG: Duration = Duration::from_secs(20 * 60);
    let after = async |said: Option<Duration>| {
        let job = job(numbered(), Tampered(ModelTable::default(), Trick::Takes(Step::Commit, LONG, said)));
        go(&job, &MemoryCheckpoint::default()).await
    };
    let Outcome { result, counters } = after(Some(LONG * 2)).await;
    assert_eq!((result.unwrap().rows, counters.retries.get()), ((CHUNKS * ROWS) as u64, 0));
    // A word that is shorter than the engine's own limit, and none at all.
    for said in [Some(Duration::from_secs(1)), None] {
        assert!(after(said).await.counters.retries.get() > 0, "{said:?}: it counts as stalled");
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_may_take_as_long_as_the_sink_says() {
    const LONG: Duration = Duration::from_secs(2 * 60 * 60);
    let after = async |said: Option<Duration>| {
        let job = job(numbered(), Tampered(ModelTable::default(), Trick::Takes(Step::Finish, LONG, said)));
        go(&job, &MemoryCheckpoint::default()).await.result
    };
    assert_eq!(after(Some(LONG * 2)).await.unwrap().rows, (CHUNKS * ROWS) as u64);
    for said in [Some(Duration::from_secs(1)), None] {
        let error = after(said).await.unwrap_err();
        assert!(error.to_string().contains("publishing stood still"), "{said:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_stands_still_ends_the_run_and_can_be_resumed() {
    let (store, table) = (MemoryCheckpoint::default(), ModelTable::default());
    let stuck = job(numbered(), Tampered(table.clone(), Trick::StandsStill(Step::Finish, Arc::default())));
    let error = go(&stuck, &store).await.result.unwrap_err();
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Permanent));
    assert!(error.to_string().contains("resume"), "{error}");
    assert_eq!(go(&job(numbered(), table), &store).await.result.unwrap().retries, 0);
}

#[tokio::test(start_paused = true)]
async fn chunks_slow_down_when_a_server_throttles_and_the_observer_is_told() {
    #[derive(Default)]
    struct Ear(Mutex<Vec<Pace>>);
    impl Observer for Ear {
        fn observe(&self, event: &Event<'_>) {
            if let Event::Paced(pace) = event {
                self.0.lock().unwrap().push(*pace);
            }
        }
    }
    let throttled =
        scripted(|chunk, read| if (chunk, read) == (0, 0) { Act::FailAs(RetryClass::Throttled) } else { Act::Fine });
    let (job, ear) = (job(throttled, ModelTable::default()), Ear::default());
    let store = MemoryCheckpoint::default();
    run(&job, &store, &Arc::new(Counters::default()), &ear, &CancellationToken::new()).await.unwrap();
    let told = ear.0.into_inner().unwrap();
    assert_eq!(told[0], Pace { allowed: 1, slots: 3, throttled_by: Some(Side::Source) });
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_stops_and_can_be_resumed() {
    let (store, cancel) = (MemoryCheckpoint::default(), CancellationToken::new());
    let job =
        job(scripted(|chunk, read| if chunk > 1 && read == 0 { Act::Stall } else { Act::Fine }), ModelTable::default());
    let counters = Arc::new(Counters::default());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(run(&job, &store, &counters, &Unobserved, &cancel), stop);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.to_string().contains("r1"), "{error}");
    assert_eq!(store.snapshot().unwrap().receipts.len(), 2);
    assert_eq!(go(&job, &store).await.result.unwrap().rows, (CHUNKS * ROWS) as u64);
}

#[tokio::test(start_paused = true)]
async fn observers_hear_of_the_plan_every_failure_every_commit_and_the_end() {
    #[derive(Default)]
    struct Ear(Mutex<Vec<&'static str>>);
    impl Observer for Ear {
        fn observe(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(match event {
                Event::Planned { .. } => "planned",
                Event::AttemptFailed { pause: Some(_), .. } => "again",
                Event::AttemptFailed { .. } => "failed",
                Event::Committed { .. } => "committed",
                Event::Divided { .. } => "divided",
                Event::Paced(_) => "paced",
                Event::Publishing => "publishing",
                Event::ReadingBack { .. } => "reading back",
            });
        }
    }
    let source =
        scripted(|chunk, read| if (chunk, read) == (0, 0) { Act::Fail(ErrorKind::Unavailable) } else { Act::Fine });
    let (job, ear) = (job(source, ModelTable::default()), Ear::default());
    let store = MemoryCheckpoint::default();
    run(&job, &store, &Arc::new(Counters::default()), &ear, &CancellationToken::new()).await.unwrap();
    let heard = ear.0.into_inner().unwrap();
    assert_eq!((heard[0], heard[heard.len() - 1]), ("planned", "publishing"));
    let count = |what| heard.iter().filter(|heard| **heard == what).count();
    assert_eq!((count("again"), count("failed"), count("committed")), (1, 0, CHUNKS as usize));
}

#[tokio::test]
async fn a_run_of_no_chunks_is_published() {
    let empty = VecSource::numbered(0, 0);
    let summary = go(&job(empty, ModelTable::default()), &MemoryCheckpoint::default()).await.result.unwrap();
    assert_eq!((summary.chunks, summary.rows), (0, 0));
    assert_eq!(summary.published.names, ["table"]);
}

#[tokio::test]
async fn a_prospect_writes_nothing_and_shows_losses() {
    let table = ModelTable::default();
    let job = job(numbered(), Tampered(table.clone(), Trick::CannotHold("name")));
    let prospect = prospect(&job).await.unwrap();
    assert_eq!((prospect.chunks.len() as i64, prospect.slots, prospect.working_set), (CHUNKS, 3, 24 << 20));
    assert!(prospect.fits[0].loss.is_none() && prospect.fits[1].loss.is_some());
    assert!(table.rows().is_empty());
}
