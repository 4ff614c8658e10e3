//! A checkpoint that lives as long as its process: for previews and tests.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use serde_json::Value;

use super::{CheckpointStore, Plan, RunRecord};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt},
    division::{Division, Divisions},
    retry::RetryClass,
    skipping::Skips,
};

/// Remembers one run. A run of the engine that was dropped can be resumed from it.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint {
    record: Mutex<Option<RunRecord>>,
    forked: AtomicBool,
}

impl MemoryCheckpoint {
    /// What is known of the run now.
    pub fn snapshot(&self) -> Option<RunRecord> {
        self.with(|record| record.clone())
    }

    /// A store of its own that knows what this one knows now, as if another process took the run over. This one goes on,
    /// but for what a successor would have to know of.
    pub fn fork(&self) -> Self {
        self.forked.store(true, Ordering::SeqCst);
        self.twin()
    }

    /// The same, and nobody tells this one: as if the state folder were copied.
    pub fn twin(&self) -> Self {
        Self { record: Mutex::new(self.snapshot()), forked: AtomicBool::new(false) }
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
                    divisions: Divisions::default(),
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

    async fn record_division(&self, division: &Division) -> Result<()> {
        if self.forked.load(Ordering::SeqCst) {
            return Err(taken_over());
        }
        self.planned(|record| record.divisions.note(division.clone()))
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        let divides = |record: &RunRecord| receipts.iter().any(|receipt| record.divisions.is_noted(receipt));
        if self.forked.load(Ordering::SeqCst) && self.with(|record| record.as_ref().is_some_and(divides)) {
            return Err(taken_over());
        }
        self.planned(|record| {
            for receipt in receipts {
                record.divisions.settle(receipt, &mut record.plan.chunks);
            }
            record.receipts.extend_from_slice(receipts);
        })
    }

    async fn note_failure(&self, _: ChunkId, _: Attempt, _: &Error) -> Result<()> {
        Ok(())
    }

    async fn close(&self, report: &Value) -> Result<()> {
        self.planned(|record| record.report = Some(report.clone()))
    }
}

fn taken_over() -> Error {
    Error::new(ErrorKind::Data, "the run was taken over; leave it to the other process").class(RetryClass::Fatal)
}
