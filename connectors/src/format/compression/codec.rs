//! Codecs by the names of Data Factory, and what of them is done.

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::Compression;
use crate::{format::CompressionLevel, lenient};

/// `compression` of a dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::format) struct DatasetCompression {
    #[serde(rename = "type", deserialize_with = "lenient::option::text")]
    codec: Option<String>,
    level: Option<CompressionLevel>,
}

impl Compression {
    pub(in crate::format) fn named(codec: Option<&str>, level: CompressionLevel) -> Result<Self> {
        match codec.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip(level)),
            "bzip2" => Ok(Self::Bzip2(level)),
            "deflate" => Ok(Self::Deflate(level)),
            "snappy" => Ok(Self::Snappy),
            "zstd" | "zstandard" => Ok(Self::Zstandard(level)),
            "lz4" => Ok(Self::Lz4),
            "zipdeflate" => Ok(Self::ZipDeflate(level)),
            "tar" => Ok(Self::Tar),
            "targzip" => Ok(Self::TarGzip(level)),
            other => Err(Error::new(
                ErrorKind::Spec,
                "this compression is not known; use gzip, bzip2, deflate, snappy, zstd, lz4, ZipDeflate, Tar or TarGzip",
            )
            .with("compression", other.escape_debug())),
        }
    }

    /// # Errors
    /// As for [`named`](Self::named).
    pub(in crate::format) fn of(dataset: Option<&DatasetCompression>) -> Result<Self> {
        let Some(DatasetCompression { codec, level }) = dataset else { return Ok(Self::None) };
        Self::named(codec.as_deref(), level.unwrap_or_default())
    }

    /// # Errors
    /// Rows are not written to archives.
    pub(in crate::format) fn of_rows(self) -> Result<Self> {
        if !self.is_archive() {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::Spec,
            "rows are not written to archives; use gzip, bzip2, deflate, snappy, zstd or lz4 in the sink's dataset, or pack the files by a Binary copy behind this one",
        )
        .with("compression", self.extension()))
    }

    /// Looks at `compressionProperties` of a source. Into which folder an archive is unpacked does not matter where nothing is.
    ///
    /// # Errors
    /// They are those of another codec.
    pub(in crate::format) fn unpacks(self, properties: Option<&Value>) -> Result<()> {
        let named = properties.and_then(|properties| properties["type"].as_str());
        let expected = match self {
            Self::ZipDeflate(_) => "ZipDeflateReadSettings",
            Self::Tar => "TarReadSettings",
            Self::TarGzip(_) => "TarGZipReadSettings",
            _ => "",
        };
        match named {
            None => Ok(()),
            Some(named) if named.eq_ignore_ascii_case(expected) => Ok(()),
            Some(named) => Err(Error::new(
                ErrorKind::Spec,
                "compressionProperties are those of another codec than the dataset has; correct one of them",
            )
            .with("compressionProperties", named.escape_debug())),
        }
    }
}
