//! Archives of files of one format: their rows one file after the other, as if they lay in a folder.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Error, Result, chunk::BatchLimit};
use serde_json::Value;

use super::{
    Batches, CompressionLevel, Input, Portions, ReadFormat, Slice, compression::Compression, text_input::unreadable,
};

/// Reads archives.
struct Archived {
    compression: Compression,
    /// Reads the file that an input means.
    files: Arc<dyn ReadFormat>,
}

/// The format itself, or that of archives of its files if the dataset says so.
pub(super) fn of(dataset: &Value, files: Arc<dyn ReadFormat>) -> Result<Arc<dyn ReadFormat>> {
    let codec = dataset["compressionCodec"].as_str().or_else(|| dataset["compression"]["type"].as_str());
    let compression = Compression::named(codec, CompressionLevel::default())?;
    Ok(if compression.is_archive() { Arc::new(Archived { compression, files }) } else { files })
}

impl Archived {
    fn members(&self, file: &Input) -> Result<usize> {
        let members = self.compression.members(file).map_err(unreadable)?;
        Ok(members.unwrap_or(1))
    }
}

/// The items of all files; those of one end with its error.
fn chained<T: Send + 'static>(
    members: usize,
    read: impl Fn(usize) -> Result<Box<dyn Iterator<Item = Result<T>> + Send>> + Send + 'static,
) -> Box<dyn Iterator<Item = Result<T>> + Send> {
    let within = |member: usize| move |error: Error| error.with("file of the archive", member + 1);
    Box::new((0..members).flat_map(move |member| -> Box<dyn Iterator<Item = Result<T>> + Send> {
        match read(member) {
            Ok(items) => Box::new(items.map(move |item| item.map_err(within(member)))),
            Err(error) => Box::new(std::iter::once(Err(within(member)(error)))),
        }
    }))
}

impl ReadFormat for Archived {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        self.files.schema(file)
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let (files, slice) = (Arc::clone(&self.files), *slice);
        Ok(chained(self.members(&file)?, move |member| files.read(file.with_member(member), &slice, limit)))
    }

    fn read_skipping(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Portions> {
        let (files, slice) = (Arc::clone(&self.files), *slice);
        Ok(chained(self.members(&file)?, move |member| files.read_skipping(file.with_member(member), &slice, limit)))
    }

    fn skips(&self) -> Option<&'static str> {
        self.files.skips()
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.files.working_set(limit)
    }
}
