//! The settings of a synthetic table.

use std::sync::Arc;

use ropeway_engine::{Error, ErrorKind, Result, registry::SourceKind, source::Source};
use serde::{Deserialize, Deserializer, de};

use super::{
    source::SyntheticSource,
    tables::{self, Table},
};
use crate::lenient;

/// The source kind `Synthetic`.
pub(crate) struct Synthetic;

impl SourceKind for Synthetic {
    const NAME: &'static str = "Synthetic";
    type Spec = Spec;

    fn connect(spec: Spec) -> Result<Arc<dyn Source>> {
        let table = table(&spec.dataset.table)?;
        let scale_factor = spec.dataset.scale_factor;
        if !(scale_factor > 0.0 && scale_factor <= 10_000.0) {
            return Err(Error::new(
                ErrorKind::Spec,
                "scaleFactor is a number above 0 and up to 10000; 1 is about 1 GB",
            )
            .with("scaleFactor", scale_factor));
        }
        Ok(Arc::new(SyntheticSource::new(table, scale_factor)))
    }
}

/// `{ dataset: { table, scaleFactor } }`; linked service and source say nothing more.
#[derive(Debug, Deserialize)]
pub(crate) struct Spec {
    dataset: Dataset,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dataset {
    #[serde(deserialize_with = "lenient::text")]
    table: String,
    #[serde(deserialize_with = "factor")]
    scale_factor: f64,
}

fn factor<'de, D: Deserializer<'de>>(input: D) -> Result<f64, D::Error> {
    let text = lenient::text(input)?;
    text.trim().parse().map_err(|_| de::Error::custom("scaleFactor is a number such as 0.1"))
}

fn table(name: &str) -> Result<&'static Table> {
    tables::ALL.iter().find(|table| table.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<_> = tables::ALL.iter().map(|table| table.name).collect();
        Error::new(ErrorKind::Spec, format!("there is no such synthetic table; use one of {}", names.join(", ")))
            .with("table", name.escape_debug())
    })
}
