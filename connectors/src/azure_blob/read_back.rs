//! Blobs as files that can be read at any place: a few windows of the blob are held, and fetched when
//! somebody looks through them.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::StreamExt;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::BatchStream};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::client::{Blob, BlobState};
use crate::{
    blocking::{self, blocking},
    format::{Input, READ_BACK_BYTES, ReadAt, ReadFormat, Slice},
};

/// Bytes of a window.
const WINDOW: u64 = 4 << 20;
/// Windows at once: the columns of a row group of ours lie in fewer, and its footer in one.
const WINDOWS: usize = 10;
/// Peak bytes of them.
pub(super) const WORKING_SET: u64 = WINDOW * WINDOWS as u64;

/// What can be read of the blob on its own.
pub(super) async fn slices(blob: &Blob, format: Arc<dyn ReadFormat>) -> Result<Vec<Value>> {
    let opened = Opened::new(blob).await?;
    let input = opened.input()?;
    let slices = blocking(move || format.slices(input, READ_BACK_BYTES)).await;
    let slices = slices.map_err(|error| opened.real(error))?;
    Ok(slices.into_iter().map(|slice| json!(slice)).collect())
}

/// The rows of a slice of the blob.
pub(super) async fn stream(
    blob: &Blob,
    format: Arc<dyn ReadFormat>,
    slice: Slice,
    limit: BatchLimit,
) -> Result<BatchStream> {
    let opened = Opened::new(blob).await?;
    let input = opened.input()?;
    let batches = blocking(move || format.read(input, &slice, limit)).await;
    let batches = batches.map_err(|error| opened.real(error))?;
    Ok(blocking::stream(batches).map(move |batch| batch.map_err(|error| opened.real(error))).boxed())
}

/// One version of a blob.
#[derive(Clone)]
struct Opened(Arc<Windows>);

struct Windows {
    blob: Blob,
    state: BlobState,
    runtime: Handle,
    /// Their starts and bytes, the one that was looked through last at the end.
    held: Mutex<VecDeque<(u64, Bytes)>>,
    /// What the service said when it did not give bytes: decoders know only that they got none.
    fault: Mutex<Option<Error>>,
}

impl Opened {
    async fn new(blob: &Blob) -> Result<Self> {
        let found = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
        let state = found.ok_or_else(|| {
            Error::new(ErrorKind::Data, "the blob is gone; somebody deleted it").with("blob", blob.url.escape_debug())
        })?;
        Ok(Self(Arc::new(Windows {
            blob: blob.clone(),
            state,
            runtime: Handle::current(),
            held: Mutex::default(),
            fault: Mutex::default(),
        })))
    }

    fn input(&self) -> Result<Input> {
        Input::new(self.clone())
            .map_err(|error| Error::new(ErrorKind::Bug, "a blob has no length; please report it").caused_by(error))
    }

    /// The fault that made a decoder fail, if there was one.
    fn real(&self, error: Error) -> Error {
        self.0.fault.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error)
    }
}

impl ReadAt for Opened {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.state.length)
    }

    fn read_at(&self, place: u64, into: &mut [u8]) -> io::Result<usize> {
        let start = place - place % WINDOW;
        let window = self.0.window(start)?;
        let rest = window.get((place - start) as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl Windows {
    /// Called on a thread that may block.
    fn window(&self, start: u64) -> io::Result<Bytes> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = held.iter().position(|(at, _)| *at == start);
        if let Some((at, bytes)) = known.and_then(|position| held.remove(position)) {
            held.push_back((at, bytes.clone()));
            return Ok(bytes);
        }
        let bytes = self.runtime.block_on(self.blob.range(&self.state, start, WINDOW)).map_err(|fault| {
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.at(&self.blob.place));
            io::Error::other("the blob gave no bytes")
        })?;
        if held.len() == WINDOWS {
            held.pop_front();
        }
        held.push_back((start, bytes.clone()));
        Ok(bytes)
    }
}
