//! Files that only come over a network, as files that can be read at any place: a few windows are held, and fetched when
//! somebody looks through them. Who reads on gets the next ones while it works on this one.

use std::{
    collections::VecDeque,
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use ropeway_engine::{Error, ErrorKind, Result};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::format::{Input, ReadAt};

/// Bytes of a window.
const WINDOW: u64 = 4 << 20;
/// Windows at once: the columns of a row group of ours lie in fewer, and its footer in one.
const WINDOWS: usize = 10;
/// Windows that are fetched before somebody looks through them.
const AHEAD: u64 = 3;
/// Peak bytes of them.
pub(crate) const WORKING_SET: u64 = WINDOW * WINDOWS as u64;

/// Gets some bytes of one version of a file.
pub(crate) type Fetch = Arc<dyn Fn(Range<u64>) -> BoxFuture<'static, Result<Bytes>> + Send + Sync>;

/// One version of a file.
#[derive(Clone)]
pub(crate) struct Windows(Arc<Inner>);

struct Inner {
    length: u64,
    fetch: Fetch,
    runtime: Handle,
    /// The one that was looked through last at the end.
    held: Mutex<VecDeque<Window>>,
    /// Why the store did not give bytes: decoders know only that they got none.
    fault: Mutex<Option<Error>>,
}

/// The error is for the one who looks through the window.
type Outcome = Result<Bytes, Arc<Mutex<Option<Error>>>>;

struct Window {
    start: u64,
    bytes: Shared<BoxFuture<'static, Outcome>>,
    fetching: AbortHandle,
}

impl Drop for Window {
    fn drop(&mut self) {
        self.fetching.abort();
    }
}

impl Windows {
    /// Nothing is fetched yet. Called where the runtime is.
    pub(crate) fn new(length: u64, fetch: Fetch) -> Self {
        let runtime = Handle::current();
        Self(Arc::new(Inner { length, fetch, runtime, held: Mutex::default(), fault: Mutex::default() }))
    }

    pub(crate) fn input(&self) -> Result<Input> {
        Input::new(self.clone())
            .map_err(|error| Error::new(ErrorKind::Bug, "a file has no length; please report it").caused_by(error))
    }

    /// Why the store gave no bytes, if that was so; told once.
    pub(crate) fn fault(&self) -> Option<Error> {
        locked(&self.0.fault).take()
    }
}

impl ReadAt for Windows {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length)
    }

    fn read_at(&self, place: u64, into: &mut [u8]) -> io::Result<usize> {
        if place >= self.0.length || into.is_empty() {
            return Ok(0);
        }
        let start = place - place % WINDOW;
        let bytes = self.0.window(start)?;
        let rest = bytes.get((place - start) as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl Inner {
    /// Called on a thread that may block.
    fn window(&self, start: u64) -> io::Result<Bytes> {
        let bytes = self.look_through(start);
        self.runtime.block_on(bytes).map_err(|error| {
            // The next look fetches it anew.
            locked(&self.held).retain(|window| window.start != start);
            if let Some(error) = locked(&error).take() {
                locked(&self.fault).get_or_insert(error);
            }
            io::Error::other("the store gave no bytes")
        })
    }

    fn look_through(&self, start: u64) -> Shared<BoxFuture<'static, Outcome>> {
        let mut held = locked(&self.held);
        let is_held = |held: &VecDeque<Window>, start: u64| held.iter().position(|window| window.start == start);
        let reads_on = start == 0 || is_held(&held, start - WINDOW).is_some();
        let window = match is_held(&held, start).and_then(|position| held.remove(position)) {
            Some(window) => window,
            None => self.fetch(start),
        };
        let bytes = window.bytes.clone();
        held.push_back(window);
        let ahead = (1..=AHEAD).map(|step| start + step * WINDOW).take_while(|next| reads_on && *next < self.length);
        for next in ahead {
            if is_held(&held, next).is_none() {
                // Before the one that is looked through, so that it goes later.
                let window = self.fetch(next);
                held.push_back(window);
            }
        }
        while held.len() > WINDOWS {
            held.pop_front();
        }
        bytes
    }

    fn fetch(&self, start: u64) -> Window {
        let fetched = (self.fetch)(start..(start + WINDOW).min(self.length));
        let task = self.runtime.spawn(fetched);
        let fetching = task.abort_handle();
        let bytes = task.map(|done| {
            let bytes = done.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Unavailable, "a read of a file was given up").caused_by(error))
            });
            bytes.map_err(|error| Arc::new(Mutex::new(Some(error))))
        });
        Window { start, bytes: bytes.boxed().shared(), fetching }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        sync::atomic::{AtomicU32, AtomicU64, Ordering},
    };

    use super::*;
    use crate::blocking::blocking;

    const LENGTH: u64 = WINDOW * 25 + 1000;

    fn content(range: Range<u64>) -> Vec<u8> {
        range.map(|place| (place ^ (place >> 9)) as u8).collect()
    }

    /// Counts what is fetched, and fails the fetches whose numbers are told.
    fn windows(bad: Vec<u32>, fetched: &Arc<AtomicU64>) -> Windows {
        let (number, fetched) = (AtomicU32::new(0), Arc::clone(fetched));
        Windows::new(
            LENGTH,
            Arc::new(move |range: Range<u64>| {
                fetched.fetch_add(range.end - range.start, Ordering::SeqCst);
                let fails = bad.contains(&number.fetch_add(1, Ordering::SeqCst));
                async move {
                    if fails { Err(Error::new(ErrorKind::Unavailable, "told to")) } else { Ok(content(range).into()) }
                }
                .boxed()
            }),
        )
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_reads_on_gets_every_byte_once_over_the_wire() {
        let fetched = Arc::default();
        let windows = windows(Vec::new(), &fetched);
        let read = blocking(move || {
            let mut bytes = Vec::new();
            windows.input()?.from(0).read_to_end(&mut bytes).unwrap();
            assert!(locked(&windows.0.held).len() <= WINDOWS);
            Ok(bytes)
        });
        assert!(read.await.unwrap() == content(0..LENGTH));
        assert_eq!(fetched.load(Ordering::SeqCst), LENGTH);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_jumps_gets_what_is_there_and_nothing_ahead() {
        let fetched = Arc::default();
        let windows = windows(Vec::new(), &fetched);
        blocking(move || {
            let input = windows.input()?;
            for place in [LENGTH - 10, WINDOW * 7 - 5, WINDOW * 20] {
                let mut bytes = [0; 10];
                assert_eq!(input.fill(place, &mut bytes).unwrap(), 10);
                assert_eq!(bytes[..], content(place..place + 10));
            }
            assert_eq!(input.fill(LENGTH, &mut [0]).unwrap(), 0);
            Ok(())
        })
        .await
        .unwrap();
        assert!(fetched.load(Ordering::SeqCst) < WINDOW * 9);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_stores_error_is_told_and_the_next_look_fetches_anew() {
        let windows = windows(vec![0], &Arc::default());
        blocking(move || {
            let input = windows.input()?;
            assert!(input.fill(0, &mut [0]).is_err());
            assert!(windows.fault().unwrap().to_string().contains("told to"));
            assert!(windows.fault().is_none());
            assert_eq!(input.fill(0, &mut [0]).unwrap(), 1);
            Ok(())
        })
        .await
        .unwrap();
    }
}
