//! Threads for drivers that block (ODBC). Each thread owns one connection and takes the next job
//! from a shared queue; batches leave through a channel whose other end is async.

mod outlet;
#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use futures::stream::BoxStream;
use tokio::sync::oneshot;

pub use self::outlet::Outlet;
use crate::{Error, ErrorKind, Result, worker::crashed};

/// The threads of this process that may still work with a driver.
static STARTED: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Waits for the threads whose [`ConnectionThreads`] are dropped, but no longer than this; false if some are left. The
/// last thing a program does: where a process ends while a driver closes a connection on another thread, the driver's
/// memory is taken from under it, and what was a success ends with a signal.
pub fn join_all(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut threads = std::mem::take(&mut *STARTED.lock().unwrap_or_else(PoisonError::into_inner));
    while !threads.is_empty() && Instant::now() < deadline {
        for ended in threads.extract_if(.., |thread| thread.is_finished()) {
            // A panic is its job's matter, which has told of it.
            drop(ended.join());
        }
        thread::sleep(Duration::from_millis(1));
    }
    threads.is_empty()
}

/// Works with a connection and says whether the connection is still good.
type Job<C> = Box<dyn FnOnce(&mut Connection<C>) + Send>;

/// A fixed number of threads with a connection each.
///
/// A connection is opened on its thread by the first job that comes there, stays open for the next
/// ones, and is closed after a job that failed or panicked, so that the next job gets a new one. It
/// never leaves its thread, so it need not be `Send`. The threads end when this is dropped and the
/// jobs that run are done.
pub struct ConnectionThreads<C> {
    jobs: Sender<Job<C>>,
}

impl<C: 'static> ConnectionThreads<C> {
    /// Starts the threads; `connect` opens a connection when one is needed, and may block.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the system has no thread left.
    pub fn start(threads: usize, connect: impl Fn() -> Result<C> + Clone + Send + 'static) -> Result<Self> {
        let (jobs, queue) = bounded::<Job<C>>(threads);
        for number in 0..threads {
            // Many consumers of one queue: the reason this channel is crossbeam's.
            let (queue, connect) = (queue.clone(), connect.clone());
            let thread = thread::Builder::new().name(format!("connection-{number}"));
            let thread = thread.spawn(move || serve(&queue, connect)).map_err(|error| {
                Error::new(ErrorKind::Unavailable, "the system cannot start another thread").caused_by(error)
            })?;
            let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
            started.retain(|earlier| !earlier.is_finished());
            started.push(thread);
        }
        Ok(Self { jobs })
    }

    /// Queues the reading of a chunk; `prefetch` batches wait in the stream at most. The job is
    /// complete when it returns `Ok`: only then does the stream end with `None`. Whatever else
    /// happens to the job, a panic included, is the last item of the stream.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if as many jobs wait as there are threads.
    pub fn read<T: Send + 'static>(
        &self,
        prefetch: usize,
        job: impl FnOnce(&mut C, &Outlet<T>) -> Result<()> + Send + 'static,
    ) -> Result<BoxStream<'static, Result<T>>> {
        let (outlet, batches) = outlet::channel(prefetch);
        self.queue(Box::new(move |connection| {
            if outlet.is_abandoned() {
                return;
            }
            let done = connection.work(|open| job(open, &outlet));
            let failed = done.is_err();
            // The reader learns of it before a connection that hangs is closed.
            outlet.end(done);
            if failed {
                connection.close();
            }
        }))?;
        Ok(batches)
    }

    /// Runs a job that is no stream, such as asking the catalogue.
    ///
    /// # Errors
    /// Those of `connect` and of the job; [`ErrorKind::Bug`] if it panicked;
    /// [`ErrorKind::Unavailable`] if as many jobs wait as there are threads.
    pub async fn call<T: Send + 'static>(&self, job: impl FnOnce(&mut C) -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, wait) = oneshot::channel();
        self.queue(Box::new(move |connection| {
            if answer.is_closed() {
                return;
            }
            let done = connection.work(job);
            let failed = done.is_err();
            // Nobody waits any more: the caller gave up while we worked.
            drop(answer.send(done));
            if failed {
                connection.close();
            }
        }))?;
        wait.await.unwrap_or_else(|_| Err(outlet::thread_died()))
    }

    fn queue(&self, job: Job<C>) -> Result<()> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::new(
                ErrorKind::Unavailable,
                "every connection is busy with reads that were given up; the server may be hanging",
            ),
            TrySendError::Disconnected(_) => outlet::thread_died(),
        })
    }
}

fn serve<C>(queue: &Receiver<Job<C>>, connect: impl Fn() -> Result<C> + 'static) {
    let mut connection = Connection { open: None, connect: Box::new(connect) };
    for job in queue {
        job(&mut connection);
    }
    connection.close();
}

/// The connection of one thread, open or not.
struct Connection<C> {
    open: Option<C>,
    connect: Box<dyn Fn() -> Result<C>>,
}

impl<C> Connection<C> {
    fn work<T>(&mut self, job: impl FnOnce(&mut C) -> Result<T>) -> Result<T> {
        // A connection that a panic left in between is closed, never used again.
        let work = AssertUnwindSafe(|| match &mut self.open {
            Some(open) => job(open),
            none => job(none.insert((self.connect)()?)),
        });
        catch_unwind(work)
            .unwrap_or_else(|panic| Err(crashed("a connection thread panicked; please report it", &*panic)))
    }

    fn close(&mut self) {
        let open = self.open.take();
        if catch_unwind(AssertUnwindSafe(|| drop(open))).is_err() {
            tracing::warn!("closing a broken connection panicked");
        }
    }
}
