//! What the dataset says about a Parquet file.

use parquet::{
    basic::{Compression, GzipLevel, ZstdLevel},
    errors::ParquetError,
};
use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::format::CompressionLevel;

/// The properties of a `Parquet` dataset that concern its bytes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatasetProperties {
    compression_codec: Option<String>,
    compression_level: Option<CompressionLevel>,
}

/// How pages are compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(super) compression: Compression,
}

impl TryFrom<DatasetProperties> for Settings {
    type Error = Error;

    fn try_from(dataset: DatasetProperties) -> Result<Self> {
        let codec = dataset.compression_codec.as_deref().unwrap_or("snappy").to_ascii_lowercase();
        let fastest = matches!(dataset.compression_level, Some(CompressionLevel::Fastest));
        let compression = match codec.as_str() {
            "none" | "uncompressed" => Ok(Compression::UNCOMPRESSED),
            "snappy" | "" => Ok(Compression::SNAPPY),
            "gzip" => GzipLevel::try_new(if fastest { 1 } else { 6 }).map(Compression::GZIP),
            "zstd" => ZstdLevel::try_new(if fastest { 1 } else { 3 }).map(Compression::ZSTD),
            _ => return Err(unknown(&codec)),
        };
        Ok(Self { compression: compression.map_err(level)? })
    }
}

fn unknown(codec: &str) -> Error {
    Error::new(ErrorKind::Spec, "Parquet is written with compressionCodec none, snappy, gzip or zstd; use one of them")
        .with("compressionCodec", codec.escape_debug())
        .code("ParquetUnsupportedCompressionCodec")
}

fn level(error: ParquetError) -> Error {
    Error::new(ErrorKind::Bug, "a compression level is out of range; please report it").caused_by(error)
}
