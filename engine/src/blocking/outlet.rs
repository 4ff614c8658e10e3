//! The way of batches, or of portions, from a blocking thread to an async reader.

use arrow::array::RecordBatch;
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::mpsc;

use crate::{Error, ErrorKind, Result};

/// The blocking end of a stream of batches.
pub struct Outlet<T = RecordBatch>(mpsc::Sender<Parcel<T>>);

enum Parcel<T> {
    Batch(T),
    /// Without it the end of the channel is the death of its thread.
    End(Result<()>),
}

impl<T> Outlet<T> {
    /// Blocks while the reader is behind.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] once the reader is gone: return it.
    pub fn send(&self, batch: T) -> Result<()> {
        self.0
            .blocking_send(Parcel::Batch(batch))
            .map_err(|_| Error::new(ErrorKind::Cancelled, "nobody reads the chunk any more"))
    }

    /// True once the reader is gone: for jobs that work long between two batches.
    pub fn is_abandoned(&self) -> bool {
        self.0.is_closed()
    }

    pub(super) fn end(self, done: Result<()>) {
        // Nobody reads any more: nobody has to know.
        drop(self.0.blocking_send(Parcel::End(done)));
    }
}

/// A stream and its blocking end, with room for `prefetch` batches between them.
pub(super) fn channel<T: Send + 'static>(prefetch: usize) -> (Outlet<T>, BoxStream<'static, Result<T>>) {
    let (parcels, inlet) = mpsc::channel(prefetch.max(1));
    let batches = stream::unfold(Some(inlet), |inlet| async move {
        let mut inlet = inlet?;
        match inlet.recv().await {
            Some(Parcel::Batch(batch)) => Some((Ok(batch), Some(inlet))),
            Some(Parcel::End(Ok(()))) => None,
            Some(Parcel::End(Err(error))) => Some((Err(error), None)),
            None => Some((Err(thread_died()), None)),
        }
    });
    (Outlet(parcels), batches.boxed())
}

pub(super) fn thread_died() -> Error {
    Error::new(ErrorKind::Bug, "a connection thread died; please report it")
}
