//! The rare facts of a copy, as log lines.

use ropeway_engine::progress::{Event, Observer};

/// Logs the events of one activity.
pub(crate) struct EventLog {
    pub(crate) activity: String,
}

impl Observer for EventLog {
    fn observe(&self, event: &Event<'_>) {
        let activity = self.activity.as_str();
        match event {
            Event::Planned { chunks, done, slots, epoch } => {
                tracing::info!(activity, chunks = chunks.len(), done, slots, epoch, "the plan is frozen");
            }
            Event::Committed { chunk, receipt } => {
                let (chunk, rows, bytes) = (&chunk.label, receipt.rows, receipt.bytes);
                tracing::debug!(activity, chunk, rows, bytes, "a chunk is durable");
            }
            Event::AttemptFailed { chunk, attempt, error, pause: Some(pause) } => {
                let (chunk, attempt) = (&chunk.label, attempt.number);
                tracing::warn!(activity, chunk, attempt, %error, ?pause, "an attempt failed and is tried again");
            }
            // The error ends the activity, and is told there.
            Event::AttemptFailed { chunk, attempt, pause: None, .. } => {
                let (chunk, attempt) = (&chunk.label, attempt.number);
                tracing::info!(activity, chunk, attempt, "an attempt failed and is not tried again");
            }
            Event::Publishing => tracing::info!(activity, "every chunk is durable; publishing"),
            _ => {}
        }
    }
}
