//! A plain line every few seconds, for pipes and logs.

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};

use crate::{
    byte_size,
    progress::{Printer, Snapshot},
    terminal::{self, Safe},
};

/// Lines that begin with the activity's name.
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn new(activity: &str) -> Self {
        Self(Safe(activity).to_string())
    }
}

impl Printer for Lines {
    fn first(&self) -> Duration {
        self.every()
    }

    fn every(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn show(&mut self, s: &Snapshot) {
        let left = s.left.map(|left| format!(", {} left", HumanDuration(left))).unwrap_or_default();
        terminal::remark(&format!(
            "{}: {}/{} chunks, {} rows, {}, {} rows/s, {} retried{left}, waits: source {:.0} % sink {:.0} %",
            self.0,
            s.chunks_done,
            s.chunks_planned,
            HumanCount(s.rows),
            byte_size::show(s.bytes),
            HumanCount(s.rows_per_second),
            s.retries,
            s.source_wait * 100.0,
            s.sink_wait * 100.0
        ));
    }

    fn end(&mut self, snapshot: &Snapshot) {
        self.show(&Snapshot { left: None, ..snapshot.clone() });
    }
}
