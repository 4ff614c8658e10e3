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
        let mut activities = report.activities.iter().map(|activity| activity.path.as_str());
        let activity = activities.find(|path| assemble::copy_id(run, path).is_ok_and(|id| id == copy));
        let name = activity.map_or_else(|| copy.to_string(), str::to_owned);
        journals.extend(FileCheckpoint::inspect(&checkpoints, &copy)?.map(|inspection| Journal { name, inspection }));
    }
    Ok(journals)
}

impl Journal {
    pub(super) fn text(&self) -> String {
        let Inspection { epoch, receipts, .. } = &self.inspection;
        let mut text = format!(
            "{}: {} of {} chunks committed, worked on by {epoch} process{}\n",
            Safe(&self.name),
            receipts.len(),
            self.chunks().count(),
            if *epoch == 1 { "" } else { "es" }
        );
        let skips = !self.inspection.skips.is_empty();
        let heading = ["chunk", "attempt", "rows", "skipped", "stored", "reads"];
        let mut table = Table::new(heading.into_iter().filter(|name| skips || *name != "skipped"));
        for (id, label, receipt) in self.chunks() {
            let (attempt, rows, stored) = match receipt {
                Some(receipt) => (show(receipt.attempt), receipt.rows.to_string(), byte_size::show(receipt.bytes)),
                None => ("open".to_owned(), String::new(), String::new()),
            };
            let skipped = self.skipped(id).map(|rows| rows.to_string()).unwrap_or_default();
            let skipped = skips.then_some(skipped.as_str());
            let cells = [Some(&*id.0.to_string()), Some(&*attempt), Some(&*rows), skipped, Some(&*stored), Some(label)];
            table.row(cells.into_iter().flatten());
        }
        text += &table.print("  ");
        text += &self.history();
        text
    }

    /// What went wrong and who went on, in the order of the journal. A process that was killed could not say why.
    fn history(&self) -> String {
        let Inspection { takeovers, failures, .. } = &self.inspection;
        let mut lines: Vec<(u32, u64, String)> = Vec::new();
        for takeover in takeovers {
            lines.push((takeover.epoch, takeover.at, format!("process {} took the run over", takeover.epoch)));
        }
        for failure in failures {
            let (chunk, attempt, message) = (failure.chunk.0, show(failure.attempt), Safe(&failure.message));
            let line = format!("chunk {chunk} attempt {attempt}: {}: {message}", failure.kind);
            lines.push((failure.attempt.epoch, failure.at, line));
        }
        // A process begins before anything goes wrong in it, and clocks may be set back; the sort is stable.
        lines.sort_by_key(|(epoch, ..)| *epoch);
        lines.iter().map(|(_, at, line)| format!("  {} {line}\n", time(*at))).collect()
    }

    pub(super) fn document(&self) -> Value {
        let chunk = |(id, label, receipt): (ChunkId, &str, Option<&Receipt>)| {
            json!({
                "chunk": id,
                "label": label,
                "committed": receipt.is_some(),
                "attempt": receipt.map(|receipt| show(receipt.attempt)),
                "rows": receipt.map(|receipt| receipt.rows),
                "skipped": self.skipped(id),
                "bytes": receipt.map(|receipt| receipt.bytes),
            })
        };
        let Inspection { epoch, takeovers, failures, .. } = &self.inspection;
        json!({
            "activityName": self.name,
            "processes": epoch,
            "takeovers": takeovers.iter().map(|takeover| json!({
                "at": time(takeover.at),
                "process": takeover.epoch,
            })).collect::<Vec<_>>(),
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

    /// Rows that were left out of a committed chunk, if the copy leaves rows out.
    fn skipped(&self, chunk: ChunkId) -> Option<u64> {
        let skips = &self.inspection.skips;
        skips.binary_search_by_key(&chunk, |skips| skips.chunk).ok().map(|at| skips[at].rows)
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
