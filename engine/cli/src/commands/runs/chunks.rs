//! What the journals of a run say: its chunks, their attempts, their errors.

use chrono::DateTime;
use ropeway_engine::{
    Result,
    checkpoint::file::{FileCheckpoint, Inspection},
    chunk::{Attempt, ChunkId, Receipt, RunId},
};
use serde_json::{Value, json};

use crate::{
    assemble, byte_size,
    report::{Moment, PipelineReport},
    state::RunFolder,
    table::Table,
    terminal::Safe,
};

/// One Copy's journal.
pub(super) struct Journal {
    /// The activity's name, or the journal's id if the process died before it was reported.
    name: String,
    inspection: Inspection,
}

/// The journals of a run.
///
/// # Errors
/// A journal that is damaged.
pub(super) fn journals(folder: &RunFolder, run: &RunId, report: &PipelineReport) -> Result<Vec<Journal>> {
    let checkpoints = folder.checkpoints();
    let mut journals = Vec::new();
    for copy in FileCheckpoint::list(&checkpoints)? {
        let mut activities = report.activities.iter().map(|activity| activity.name.as_str());
        let activity = activities.find(|name| assemble::copy_id(run, name).is_ok_and(|id| id == copy));
        let name = activity.map_or_else(|| copy.to_string(), str::to_owned);
        journals.extend(FileCheckpoint::inspect(&checkpoints, &copy)?.map(|inspection| Journal { name, inspection }));
    }
    Ok(journals)
}

impl Journal {
    pub(super) fn text(&self) -> String {
        let Inspection { epoch, receipts, failures, .. } = &self.inspection;
        let mut text = format!(
            "{}: {} of {} chunks committed, worked on by {epoch} process{}\n",
            Safe(&self.name),
            receipts.len(),
            self.chunks().count(),
            if *epoch == 1 { "" } else { "es" }
        );
        let mut table = Table::new(["chunk", "attempt", "rows", "stored", "reads"]);
        for (id, label, receipt) in self.chunks() {
            let (attempt, rows, stored) = match receipt {
                Some(receipt) => (show(receipt.attempt), receipt.rows.to_string(), byte_size::show(receipt.bytes)),
                None => ("open".to_owned(), String::new(), String::new()),
            };
            table.row([&id.0.to_string(), &attempt, &rows, &stored, label]);
        }
        text += &table.print("  ");
        for failure in failures {
            let (at, attempt) = (time(failure.at), show(failure.attempt));
            let message = Safe(&failure.message);
            text += &format!("  {at} chunk {} attempt {attempt}: {}: {message}\n", failure.chunk.0, failure.kind);
        }
        text
    }

    pub(super) fn document(&self) -> Value {
        let chunk = |(id, label, receipt): (ChunkId, &str, Option<&Receipt>)| {
            json!({
                "chunk": id,
                "label": label,
                "committed": receipt.is_some(),
                "attempt": receipt.map(|receipt| show(receipt.attempt)),
                "rows": receipt.map(|receipt| receipt.rows),
                "bytes": receipt.map(|receipt| receipt.bytes),
            })
        };
        let Inspection { epoch, failures, .. } = &self.inspection;
        json!({
            "activityName": self.name,
            "processes": epoch,
            "chunks": self.chunks().map(chunk).collect::<Vec<_>>(),
            "failures": failures.iter().map(|failure| json!({
                "at": time(failure.at),
                "chunk": failure.chunk,
                "attempt": show(failure.attempt),
                "kind": failure.kind,
                "message": failure.message,
            })).collect::<Vec<_>>(),
        })
    }

    /// Every chunk of the plan with its receipt.
    fn chunks(&self) -> impl Iterator<Item = (ChunkId, &str, Option<&Receipt>)> {
        let Inspection { plan, receipts, .. } = &self.inspection;
        let receipt = |id| receipts.binary_search_by_key(&id, |receipt| receipt.chunk).ok().map(|at| &receipts[at]);
        plan.iter().flat_map(|plan| &plan.chunks).map(move |chunk| (chunk.id, chunk.label.as_str(), receipt(chunk.id)))
    }
}

/// `2.1`: the second process, its first try.
fn show(attempt: Attempt) -> String {
    format!("{}.{}", attempt.epoch, attempt.number)
}

fn time(millis: u64) -> String {
    let at = i64::try_from(millis).ok().and_then(DateTime::from_timestamp_millis);
    at.map_or_else(|| millis.to_string(), |at| Moment(at).to_string())
}
