//! One JSON object per line, for programs.

use std::time::Duration;

use serde_json::json;

use crate::{
    progress::{Printer, Snapshot},
    terminal,
};

/// Lines that name the activity in a member.
pub(super) struct JsonLines(String);

impl JsonLines {
    pub(super) fn new(activity: &str) -> Self {
        Self(activity.to_owned())
    }

    fn print(&self, s: &Snapshot, ended: bool) {
        let line = json!({
            "activity": self.0,
            "ended": ended,
            "elapsedSeconds": s.elapsed.as_secs_f64(),
            "rows": s.rows,
            "bytes": s.bytes,
            "rowsPerSecond": s.rows_per_second,
            "chunksDone": s.chunks_done,
            "chunksPlanned": s.chunks_planned,
            "retries": s.retries,
            "sourceWait": s.source_wait,
            "sinkWait": s.sink_wait,
            "secondsLeft": s.left.map(|left| left.as_secs_f64()),
        });
        terminal::remark(&line.to_string());
    }
}

impl Printer for JsonLines {
    fn first(&self) -> Duration {
        Duration::ZERO
    }

    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn show(&mut self, snapshot: &Snapshot) {
        self.print(snapshot, false);
    }

    fn end(&mut self, snapshot: &Snapshot) {
        self.print(snapshot, true);
    }
}
