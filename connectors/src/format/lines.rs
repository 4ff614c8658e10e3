//! Lines as they are, in UTF-8, below a header: what logs are made of. One column of text.

use std::sync::Arc;

use arrow::{
    array::{AsArray, RecordBatch},
    datatypes::{DataType, SchemaRef},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    sink::ColumnFit,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Finished, Format, Fragment, FragmentEncoder, ReadFormat};

/// The name of the dataset type.
pub(super) const DATASET: &str = "RopewayLines";

/// Files of lines.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Lines {
    /// The first line; none if it is empty.
    #[serde(default)]
    header: String,
}

impl Format for Lines {
    fn extension(&self) -> String {
        ".csv".to_owned()
    }

    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let fields = schema.fields();
        if fields.len() == 1 && *fields[0].data_type() == DataType::Utf8 && !fields[0].is_nullable() {
            return Ok(vec![ColumnFit { sink_type: "line".to_owned(), loss: None }]);
        }
        Err(Error::new(ErrorKind::Bug, "a file of lines has one column of text; please report it"))
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(2)
    }

    fn preamble(&self, _schema: &SchemaRef) -> Result<Vec<u8>> {
        Ok(if self.header.is_empty() { Vec::new() } else { format!("{}\n", self.header).into_bytes() })
    }

    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        self.fit(schema)?;
        Ok(Box::new(Encoder {
            bytes: Vec::new(),
            rows: 0,
            digester: RowDigester::new(schema)?,
            digest: Digest::default(),
        }))
    }

    fn trailer(&self, _schema: &SchemaRef, _fragments: &[Fragment]) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn read_back(&self, _schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        Err(Error::new(ErrorKind::Bug, "a file of lines is not read back; please report it"))
    }
}

struct Encoder {
    bytes: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for line in batch.column(0).as_string::<i32>().iter().flatten() {
            self.bytes.extend_from_slice(line.as_bytes());
            self.bytes.push(b'\n');
        }
        self.rows += batch.num_rows() as u64;
        self.digest += self.digester.digest(batch)?;
        Ok(())
    }

    fn ready(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn finish(&mut self) -> Result<Finished> {
        Ok(Finished { rows: self.rows, digest: self.digest, detail: Value::Null })
    }
}
