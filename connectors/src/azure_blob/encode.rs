//! An encoder that is moved to the CPU pool and back for every batch.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use ropeway_engine::{Error, ErrorKind, Result, cpu};

use crate::format::{Finished, Format, FragmentEncoder};

/// Encodes one fragment.
pub(crate) struct Encoding(Option<Box<dyn FragmentEncoder>>);

impl Encoding {
    pub(crate) fn new(format: &dyn Format, schema: &SchemaRef) -> Result<Self> {
        Ok(Self(Some(format.encoder(schema)?)))
    }

    /// Encodes the rows and gives the bytes that are complete by now.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> Result<Bytes> {
        self.with(move |encoder| {
            encoder.write(&batch)?;
            Ok(encoder.take().into())
        })
        .await
    }

    /// Ends the fragment and gives the rest of its bytes.
    pub(crate) async fn finish(mut self) -> Result<(Finished, Bytes)> {
        self.with(|encoder| Ok((encoder.finish()?, encoder.take().into()))).await
    }

    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut dyn FragmentEncoder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut encoder = self.0.take().ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a writer was used after its work was interrupted; please report it")
        })?;
        let (encoder, outcome) = cpu::run(move || {
            let outcome = work(encoder.as_mut());
            (encoder, outcome)
        })
        .await?;
        self.0 = Some(encoder);
        outcome
    }
}
