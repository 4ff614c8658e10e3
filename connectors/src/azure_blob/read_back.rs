//! Blobs that a run wrote, read back as they stand now.

use std::sync::Arc;

use futures::{FutureExt, StreamExt};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::BatchStream};
use serde_json::{Value, json};

use super::client::Blob;
pub(super) use crate::windows::WORKING_SET;
use crate::{
    blocking::{self, blocking},
    format::{READ_BACK_BYTES, ReadFormat, Slice},
    windows::Windows,
};

/// What can be read of the blob on its own.
pub(super) async fn slices(blob: &Blob, format: Arc<dyn ReadFormat>) -> Result<Vec<Value>> {
    let windows = open(blob).await?;
    let input = windows.input()?;
    let slices = blocking(move || format.slices(input, READ_BACK_BYTES)).await;
    let slices = slices.map_err(|error| windows.fault().unwrap_or(error))?;
    Ok(slices.into_iter().map(|slice| json!(slice)).collect())
}

/// The rows of a slice of the blob.
pub(super) async fn stream(
    blob: &Blob,
    format: Arc<dyn ReadFormat>,
    slice: Slice,
    limit: BatchLimit,
) -> Result<BatchStream> {
    let windows = open(blob).await?;
    let input = windows.input()?;
    let batches = blocking(move || format.read(input, &slice, limit)).await;
    let batches = batches.map_err(|error| windows.fault().unwrap_or(error))?;
    Ok(blocking::stream(batches).map(move |batch| batch.map_err(|error| windows.fault().unwrap_or(error))).boxed())
}

/// The version of the blob that stands there now.
async fn open(blob: &Blob) -> Result<Windows> {
    let found = blob.state().await.map_err(|fault| fault.at(&blob.place))?;
    let state = found.ok_or_else(|| {
        Error::new(ErrorKind::Data, "the blob is gone; somebody deleted it").with("blob", blob.url.escape_debug())
    })?;
    let (blob, etag) = (blob.clone(), state.etag);
    let fetch = move |range| {
        let (blob, etag) = (blob.clone(), etag.clone());
        async move { blob.range(&etag, range).await.map_err(|fault| fault.at(&blob.place)) }.boxed()
    };
    Ok(Windows::new(state.length, Arc::new(fetch)))
}
