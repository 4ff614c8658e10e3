//! A checkpoint that lives as long as its process: for previews and tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::{CheckpointStore, Plan, RunRecord};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt},
    skipping::Skips,
};

/// Remembers one run. A run of the engine that was dropped can be resumed from it.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint {
    record: Mutex<Option<RunRecord>>,
}

impl MemoryCheckpoint {
    /// What is known of the run now.
    pub fn snapshot(&self) -> Option<RunRecord> {
        self.with(|record| record.clone())
    }

    /// A store of its own that knows what this one knows now, as if the state folder were copied.
    pub fn fork(&self) -> Self {
        Self { record: Mutex::new(self.snapshot()) }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Option<RunRecord>) -> T) -> T {
        // A record is changed by single assignments, so one that a panic left behind is whole.
        change(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn planned<T>(&self, change: impl FnOnce(&mut RunRecord) -> T) -> Result<T> {
        self.with(|record| record.as_mut().map(change))
            .ok_or_else(|| Error::new(ErrorKind::Bug, "a run was recorded before it was planned"))
    }
}

#[async_trait]
impl CheckpointStore for MemoryCheckpoint {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        self.with(|record| {
            if let Some(record) = record {
                record.epoch += 1;
            }
            Ok(record.clone())
        })
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        self.with(|record| match record {
            Some(_) => Err(Error::new(ErrorKind::Bug, "a run was planned twice")),
            None => Ok(record
                .insert(RunRecord {
                    plan,
                    epoch: 1,
                    opening: None,
                    log_opening: None,
                    receipts: Vec::new(),
                    skips: Vec::new(),
                    report: None,
                })
                .clone()),
        })
    }

    async fn record_opening(&self, opening: &Value) -> Result<()> {
        self.planned(|record| record.opening = Some(opening.clone()))
    }

    async fn record_log_opening(&self, opening: &Value) -> Result<()> {
        self.planned(|record| record.log_opening = Some(opening.clone()))
    }

    async fn record_skips(&self, skips: &Skips) -> Result<()> {
        self.planned(|record| record.skips.push(skips.clone()))
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        self.planned(|record| record.receipts.extend_from_slice(receipts))
    }

    async fn note_failure(&self, _: ChunkId, _: Attempt, _: &Error) -> Result<()> {
        Ok(())
    }

    async fn close(&self, report: &Value) -> Result<()> {
        self.planned(|record| record.report = Some(report.clone()))
    }
}
