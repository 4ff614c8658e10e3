use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use futures::{StreamExt, TryStreamExt};

use super::ConnectionThreads;
use crate::{Error, ErrorKind, Result};

fn batch(first: i64) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![first, first + 1]));
    RecordBatch::try_from_iter([("id", column)]).unwrap()
}

/// Connections that count themselves; not `Send`, as many drivers' are not.
struct Numbered {
    number: u32,
    uses: Rc<Cell<u32>>,
}

fn threads(count: usize) -> (ConnectionThreads<Numbered>, Arc<AtomicU32>) {
    let opened = Arc::new(AtomicU32::new(0));
    let counter = opened.clone();
    let connect = move || {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        Ok(Numbered { number, uses: Rc::new(Cell::new(0)) })
    };
    (ConnectionThreads::start(count, connect).unwrap(), opened)
}

#[tokio::test]
async fn a_job_that_returns_ends_its_stream() {
    let (threads, opened) = threads(1);
    for read in 0..3 {
        let stream = threads.read(1, |_, outlet| (0..5).try_for_each(|i| outlet.send(batch(i)))).unwrap();
        let batches: Vec<_> = stream.try_collect().await.unwrap();
        assert_eq!(batches.len(), 5, "read {read}");
    }
    assert_eq!(opened.load(Ordering::SeqCst), 1, "one connection serves all jobs of a thread");
}

#[tokio::test]
async fn a_panic_is_the_last_item_and_the_thread_lives_on_with_a_new_connection() {
    let (threads, opened) = threads(1);
    let stream = threads
        .read(1, |_, outlet| {
            outlet.send(batch(0))?;
            panic!("driver trouble")
        })
        .unwrap();
    let items: Vec<Result<RecordBatch>> = stream.collect().await;
    assert_eq!(items.len(), 2);
    let error = items.into_iter().nth(1).unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug);
    assert!(error.to_string().contains("driver trouble"), "{error}");

    let number = threads.call(|connection| Ok(connection.number)).await.unwrap();
    assert_eq!((number, opened.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn an_error_is_the_last_item_and_replaces_the_connection() {
    let (threads, opened) = threads(1);
    let lost = || Error::new(ErrorKind::Unavailable, "the session is gone");
    let stream = threads.read::<RecordBatch>(1, move |_, _| Err(lost())).unwrap();
    let items: Vec<Result<RecordBatch>> = stream.collect().await;
    assert_eq!(items[0].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(items.len(), 1);
    let uses = threads.call(|connection| Ok(connection.uses.replace(1))).await.unwrap();
    assert_eq!((uses, opened.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_an_error_each_time() {
    let refused = || -> Result<Numbered> { Err(Error::new(ErrorKind::Auth, "login failed")) };
    let threads = ConnectionThreads::start(1, refused).unwrap();
    for _ in 0..2 {
        assert_eq!(threads.call(|_| Ok(())).await.unwrap_err().kind(), ErrorKind::Auth);
        let stream = threads.read::<RecordBatch>(1, |_, _| Ok(())).unwrap();
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap_err().kind(), ErrorKind::Auth);
    }
}

#[tokio::test]
async fn a_reader_that_goes_stops_the_job_and_frees_its_thread() {
    let (threads, _) = threads(1);
    let mut stream = threads.read(1, |_, outlet| (0..).try_for_each(|i| outlet.send(batch(i)))).unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    assert!(threads.call(|_| Ok(())).await.is_ok());
}

#[tokio::test]
async fn jobs_that_nobody_can_take_are_refused_as_unavailable() {
    let (threads, _) = threads(1);
    let endless = |_: &mut Numbered, outlet: &super::Outlet| (0..).try_for_each(|i| outlet.send(batch(i)));
    let mut running = threads.read(1, endless).unwrap();
    running.next().await.unwrap().unwrap();
    let waiting = threads.read(1, endless).unwrap();
    let Err(error) = threads.read(1, endless) else { panic!("a third job found room") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    drop((running, waiting));
}

/// A connection whose driver takes its time to close.
struct Slow(Arc<AtomicU32>);

impl Drop for Slow {
    fn drop(&mut self) {
        std::thread::sleep(std::time::Duration::from_millis(200));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_program_can_wait_until_its_connections_are_closed() {
    let closed = Arc::new(AtomicU32::new(0));
    let counter = closed.clone();
    let threads = ConnectionThreads::start(2, move || Ok(Slow(counter.clone()))).unwrap();
    threads.call(|_| Ok(())).await.unwrap();
    drop(threads);
    // Who does not wait ends while one is being closed.
    assert!(!super::join_all(std::time::Duration::ZERO));
    assert_eq!(closed.load(Ordering::SeqCst), 0);

    let closed = Arc::new(AtomicU32::new(0));
    let counter = closed.clone();
    let threads = ConnectionThreads::start(2, move || Ok(Slow(counter.clone()))).unwrap();
    threads.call(|_| Ok(())).await.unwrap();
    drop(threads);
    assert!(super::join_all(std::time::Duration::from_secs(60)));
    assert_eq!(closed.load(Ordering::SeqCst), 1);
}
