//! A bar on a terminal.

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressStyle};

use crate::{
    byte_size,
    progress::{Printer, Snapshot},
    terminal::Safe,
};

/// One line per copy, drawn over itself.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(activity: &str, bars: &MultiProgress) -> Self {
        let bar = bars.add(ProgressBar::new(0));
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:20}] {pos}/{len} chunks, {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(Safe(activity).to_string());
        Self(bar)
    }
}

impl Printer for Bar {
    fn first(&self) -> Duration {
        Duration::ZERO
    }

    fn every(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn show(&mut self, snapshot: &Snapshot) {
        self.0.set_length(snapshot.chunks_planned);
        self.0.set_position(snapshot.chunks_done);
        self.0.set_message(message(snapshot));
    }

    fn end(&mut self, snapshot: &Snapshot) {
        self.show(snapshot);
        self.0.abandon();
    }
}

fn message(s: &Snapshot) -> String {
    let left = s.left.map(|left| format!(", {} left", HumanDuration(left))).unwrap_or_default();
    let retries = if s.retries > 0 { format!(", {} retried", s.retries) } else { String::new() };
    format!(
        "{} rows, {}, {} rows/s{retries}{left}, waits: source {:.0} % sink {:.0} %",
        HumanCount(s.rows),
        byte_size::show(s.bytes),
        HumanCount(s.rows_per_second),
        s.source_wait * 100.0,
        s.sink_wait * 100.0
    )
}
