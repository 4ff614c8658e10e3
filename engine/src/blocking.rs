//! Threads for drivers that block (ODBC). Each thread owns one connection and takes the next chunk
//! from a shared queue; batches leave through a channel whose other end is async.

use std::thread;

use arrow::array::RecordBatch;
use crossbeam_channel::{Sender, bounded};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{Error, ErrorKind, Result, source::BatchStream};

/// Reads a chunk on its thread's connection and sends its batches to the outlet; returns early when
/// nobody reads any more.
type Job<C> = Box<dyn FnOnce(&mut C, &Outlet) + Send>;

/// The blocking end of a batch stream.
pub struct Outlet(mpsc::Sender<Result<RecordBatch>>);

impl Outlet {
    /// Blocks while the reader is behind. False once the reader is gone.
    pub fn send(&self, batch: Result<RecordBatch>) -> bool {
        self.0.blocking_send(batch).is_ok()
    }
}

/// A fixed set of connections, one thread each. The threads end when this is dropped.
pub struct ConnectionThreads<C> {
    jobs: Sender<(Job<C>, Outlet)>,
}

impl<C: Send + 'static> ConnectionThreads<C> {
    /// Starts one thread per connection.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the system has no thread left.
    pub fn start(connections: Vec<C>) -> Result<Self> {
        let (jobs, queue) = bounded::<(Job<C>, Outlet)>(connections.len());
        for (number, mut connection) in connections.into_iter().enumerate() {
            // Many consumers of one queue: the reason this channel is crossbeam's.
            let queue = queue.clone();
            thread::Builder::new()
                .name(format!("connection-{number}"))
                .spawn(move || {
                    for (job, outlet) in queue {
                        job(&mut connection, &outlet);
                    }
                })
                .map_err(|error| {
                    Error::new(ErrorKind::Unavailable, "the system cannot start another thread").caused_by(error)
                })?;
        }
        Ok(Self { jobs })
    }

    /// Queues a chunk; `prefetch` batches wait in the channel at most. Never blocks: the engine
    /// opens at most as many chunks as there are connections.
    ///
    /// # Errors
    /// [`ErrorKind::Bug`] if more chunks are open than there are connections.
    pub fn read(&self, prefetch: usize, job: Job<C>) -> Result<BatchStream> {
        let (outlet, batches) = mpsc::channel(prefetch);
        self.jobs
            .try_send((job, Outlet(outlet)))
            .map_err(|_| Error::new(ErrorKind::Bug, "more chunks are open than connections; please report it"))?;
        Ok(ReceiverStream::new(batches).boxed())
    }
}
