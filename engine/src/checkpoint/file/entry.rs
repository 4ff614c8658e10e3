//! What the records of a journal say.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Plan, RunRecord};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    division::{Division, Divisions},
    skipping::Skips,
    source::SourceDescription,
};

/// One record. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Entry {
    Plan { at: u64, fingerprint: String, columns: Vec<Column>, chunks: Vec<Chunk>, description: SourceDescription },
    Epoch { at: u64, epoch: u32 },
    Opening(Value),
    LogOpening(Value),
    Skips(Skips),
    Division(Division),
    Receipts(Vec<Receipt>),
    Failure(FailureNote),
    Report { at: u64, report: Value },
}

/// A failed attempt, as it was noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureNote {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The chunk.
    pub chunk: ChunkId,
    /// Which attempt.
    pub attempt: Attempt,
    /// The kind of its error.
    pub kind: String,
    /// What the error said.
    pub message: String,
}

/// A process that took a run over from one that had ended, or was cut off from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Its epoch: it is the run's second process, or a later one.
    pub epoch: u32,
}

/// A column of the frozen schema, readable by people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    name: String,
    r#type: String,
    nullable: bool,
    metadata: BTreeMap<String, String>,
}

/// Everything that the records say, the latest word of each.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) plan: Option<Plan>,
    pub(super) planned_at: u64,
    pub(super) epoch: u32,
    pub(super) takeovers: Vec<Takeover>,
    pub(super) opening: Option<Value>,
    pub(super) log_opening: Option<Value>,
    pub(super) receipts: BTreeMap<ChunkId, Receipt>,
    /// By chunk and attempt.
    pub(super) skips: BTreeMap<(ChunkId, Attempt), Skips>,
    pub(super) divisions: Divisions,
    pub(super) failures: Vec<FailureNote>,
    pub(super) report: Option<Value>,
    pub(super) ended_at: Option<u64>,
}

impl State {
    pub(super) fn apply(&mut self, entry: Entry) -> Result<()> {
        match entry {
            Entry::Plan { at, fingerprint, columns, chunks, description } => {
                self.plan = Some(Plan { fingerprint, schema: schema(columns)?, chunks, description });
                self.planned_at = at;
                self.epoch = 1;
            }
            Entry::Epoch { at, epoch } => {
                self.epoch = epoch;
                self.takeovers.push(Takeover { at, epoch });
            }
            Entry::Opening(opening) => self.opening = Some(opening),
            Entry::LogOpening(opening) => self.log_opening = Some(opening),
            Entry::Skips(skips) => {
                self.skips.insert((skips.chunk, skips.attempt), skips);
            }
            Entry::Division(division) => self.divisions.note(division),
            Entry::Receipts(receipts) => {
                if let Some(plan) = &mut self.plan {
                    for receipt in &receipts {
                        self.divisions.settle(receipt, &mut plan.chunks);
                    }
                }
                self.receipts.extend(receipts.into_iter().map(|receipt| (receipt.chunk, receipt)));
            }
            Entry::Failure(note) => self.failures.push(note),
            Entry::Report { at, report } => {
                self.report = Some(report);
                self.ended_at = Some(at);
            }
        }
        Ok(())
    }

    /// Those of the attempts that the receipts are of.
    pub(super) fn skips_that_count(&self) -> Vec<Skips> {
        let receipts = self.receipts.values();
        receipts.filter_map(|receipt| self.skips.get(&(receipt.chunk, receipt.attempt)).cloned()).collect()
    }

    /// `None` if there is no plan.
    pub(super) fn into_record(self) -> Option<RunRecord> {
        Some(RunRecord {
            plan: self.plan?,
            epoch: self.epoch,
            opening: self.opening,
            log_opening: self.log_opening,
            receipts: self.receipts.into_values().collect(),
            skips: self.skips.into_values().collect(),
            divisions: self.divisions,
            report: self.report,
        })
    }
}

/// The columns of a schema as text.
///
/// # Errors
/// [`ErrorKind::Bug`] for a type whose name does not read back as the same type.
pub(super) fn columns(frozen: &SchemaRef) -> Result<Vec<Column>> {
    let columns: Vec<_> = frozen
        .fields()
        .iter()
        .map(|field| Column {
            name: field.name().clone(),
            r#type: field.data_type().to_string(),
            nullable: field.is_nullable(),
            metadata: field.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
        .collect();
    if schema(columns.clone())?.fields() != frozen.fields() {
        return Err(Error::new(ErrorKind::Bug, "the columns of this source cannot be kept; please report it")
            .with("columns", frozen));
    }
    Ok(columns)
}

fn schema(columns: Vec<Column>) -> Result<SchemaRef> {
    let fields = columns.into_iter().map(|column| {
        let data_type: DataType = column.r#type.parse().map_err(|error| {
            Error::new(ErrorKind::Bug, "the journal names a column type that this version of Ropeway does not know")
                .with("column", column.name.escape_debug())
                .with("type", column.r#type.escape_debug())
                .caused_by(error)
        })?;
        let metadata: HashMap<_, _> = column.metadata.into_iter().collect();
        Ok(Field::new(column.name, data_type, column.nullable).with_metadata(metadata))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)))
}
