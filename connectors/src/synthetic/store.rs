//! A connection test of a store that is not there.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use ropeway_engine::{
    Result,
    registry::{ProbeStep, Store, StoreKind},
};
use serde::Deserialize;

use super::Synthetic;

/// The linked service says nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct StoreSpec {}

impl StoreKind for Synthetic {
    const NAME: &'static str = "Synthetic";
    type Spec = StoreSpec;

    fn connect(_: StoreSpec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Nowhere))
    }
}

struct Nowhere;

#[async_trait]
impl Store for Nowhere {
    async fn probe(&self) -> Vec<ProbeStep> {
        let outcome = Ok("rows are made up here; there is nothing to connect to".to_owned());
        vec![ProbeStep { name: "Generator", took: Duration::ZERO, outcome }]
    }
}
