//! The rare facts of a copy, as log lines.

use std::time::Duration;

use ropeway_engine::{
    Error, Side,
    chunk::{Attempt, Chunk, Receipt},
    progress::{Event, Observer, Pace},
};

/// Logs the events of one activity.
pub(crate) struct EventLog {
    pub(crate) activity: String,
}

impl Observer for EventLog {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Planned { chunks, done, slots, epoch } => {
                tracing::info!(
                    activity = self.activity,
                    chunks = chunks.len(),
                    done,
                    slots,
                    epoch,
                    "the plan is frozen"
                );
            }
            Event::Committed { chunk, receipt, skipped } => self.committed(chunk, receipt, *skipped),
            Event::AttemptFailed { chunk, attempt, error, pause: Some(pause) } => {
                self.again(chunk, *attempt, error, *pause);
            }
            Event::Divided { chunk, rest } => self.divided(chunk, rest),
            Event::Paced(pace) => self.paced(*pace),
            // An error that ends the activity is told there.
            _ => {}
        }
    }
}

impl EventLog {
    fn committed(&self, chunk: &Chunk, receipt: &Receipt, skipped: u64) {
        let (activity, chunk) = (self.activity.as_str(), chunk.label.as_str());
        tracing::debug!(activity, chunk, rows = receipt.rows, skipped, bytes = receipt.bytes, "a chunk is durable");
    }

    fn divided(&self, chunk: &Chunk, rest: &[Chunk]) {
        let (activity, chunk) = (self.activity.as_str(), chunk.label.as_str());
        tracing::info!(activity, chunk, parts = rest.len(), "a slow chunk was divided: idle slots read the rest of it");
    }

    fn paced(&self, Pace { allowed, slots, throttled_by }: Pace) {
        let activity = self.activity.as_str();
        match throttled_by {
            Some(Side::Source) => tracing::warn!(activity, "slowed down to {allowed} of {slots}: the source throttles"),
            Some(Side::Sink) => tracing::warn!(activity, "slowed down to {allowed} of {slots}: the sink throttles"),
            None => tracing::info!(activity, "going on with {allowed} of {slots}"),
        }
    }

    fn again(&self, chunk: &Chunk, attempt: Attempt, error: &Error, pause: Duration) {
        let (activity, chunk, attempt) = (self.activity.as_str(), chunk.label.as_str(), attempt.number);
        tracing::warn!(activity, chunk, attempt, %error, ?pause, "an attempt failed and is tried again");
    }
}
