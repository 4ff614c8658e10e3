//! How far a copy is: its counters are sampled a few times a second and shown by a bar, by lines or
//! as JSON. Nothing here is called per batch.

mod bar;
mod json;
mod lines;

use std::{io::IsTerminal, sync::Arc, time::Duration};

use indicatif::MultiProgress;
use ropeway_engine::progress::Counters;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{args::ProgressStyle, metrics::Board};

const SAMPLED_EVERY: Duration = Duration::from_millis(100);

/// A copy at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Since this process began the copy.
    pub(crate) elapsed: Duration,
    /// Rows that left the source, those of earlier processes included.
    pub(crate) rows: u64,
    /// Arrow bytes that left the source in this process.
    pub(crate) bytes: u64,
    /// In this process.
    pub(crate) rows_per_second: u64,
    /// Chunks committed, those of earlier processes included.
    pub(crate) chunks_done: u64,
    pub(crate) chunks_planned: u64,
    pub(crate) retries: u64,
    /// Shares of the time of open chunks, from 0 to 1.
    pub(crate) source_wait: f64,
    pub(crate) sink_wait: f64,
    /// The most chunks that were open at a sample.
    pub(crate) most_open: u64,
    /// A guess from the chunks done so far.
    pub(crate) left: Option<Duration>,
}

/// Shows snapshots.
trait Printer: Send {
    /// How long to wait before the first one, once there is a plan.
    fn first(&self) -> Duration;
    /// How often to show one.
    fn every(&self) -> Duration;
    /// Shows one.
    fn show(&mut self, snapshot: &Snapshot);
    /// Shows the last one.
    fn end(&mut self, snapshot: &Snapshot);
}

/// Shows the progress of copies in one style.
#[derive(Clone)]
pub(crate) struct Progress {
    style: ProgressStyle,
    bars: MultiProgress,
    board: Board,
}

impl Progress {
    /// Settles `auto`: a bar on a terminal, lines elsewhere.
    pub(crate) fn new(style: ProgressStyle, bars: MultiProgress, board: Board) -> Self {
        let style = match style {
            ProgressStyle::Auto if std::io::stderr().is_terminal() => ProgressStyle::Bar,
            ProgressStyle::Auto => ProgressStyle::Lines,
            chosen => chosen,
        };
        Self { style, bars, board }
    }

    /// Watches a copy until [`Watch::end`].
    pub(crate) fn watch(&self, activity: &str, counters: Arc<Counters>) -> Watch {
        self.board.add(activity, Arc::clone(&counters));
        let (stop, stopped) = oneshot::channel();
        Watch { stop, task: tokio::spawn(sample(counters, self.printer(activity), stopped)) }
    }

    fn printer(&self, activity: &str) -> Option<Box<dyn Printer>> {
        match self.style {
            ProgressStyle::Bar => Some(Box::new(bar::Bar::new(activity, &self.bars))),
            ProgressStyle::Json => Some(Box::new(json::JsonLines::new(activity))),
            ProgressStyle::None => None,
            ProgressStyle::Auto | ProgressStyle::Lines => Some(Box::new(lines::Lines::new(activity))),
        }
    }
}

/// A copy that is being watched.
pub(crate) struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Snapshot>,
}

impl Watch {
    /// Shows the end and gives the last snapshot.
    pub(crate) async fn end(self) -> Snapshot {
        drop(self.stop);
        // The sampler holds nothing that a panic could leave half done; an empty snapshot will do.
        self.task.await.unwrap_or_default()
    }
}

async fn sample(
    counters: Arc<Counters>,
    mut printer: Option<Box<dyn Printer>>,
    mut stopped: oneshot::Receiver<()>,
) -> Snapshot {
    let mut ticks = interval(SAMPLED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sampler = Sampler::new(counters);
    let mut shown: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut stopped => break,
        }
        let snapshot = sampler.sample();
        let due = |printer: &dyn Printer| match shown {
            None => snapshot.chunks_planned > 0 && snapshot.elapsed >= printer.first(),
            Some(shown) => shown.elapsed() >= printer.every(),
        };
        if let Some(printer) = printer.as_deref_mut().filter(|printer| due(*printer)) {
            printer.show(&snapshot);
            shown = Some(Instant::now());
        }
    }
    let last = sampler.sample();
    if let Some(printer) = &mut printer {
        printer.end(&last);
    }
    last
}

/// Turns counters into snapshots.
struct Sampler {
    counters: Arc<Counters>,
    began: Instant,
    before: Instant,
    /// Time of open chunks, summed over chunks, as far as the samples saw it.
    open: Duration,
    most_open: u64,
    /// Chunks and rows that earlier processes committed.
    inherited: Option<(u64, u64)>,
}

impl Sampler {
    fn new(counters: Arc<Counters>) -> Self {
        let now = Instant::now();
        Self { counters, began: now, before: now, open: Duration::ZERO, most_open: 0, inherited: None }
    }

    fn sample(&mut self) -> Snapshot {
        let (counters, now) = (&self.counters, Instant::now());
        let open = counters.chunks_open.get();
        self.open += (now - self.before).mul_f64(open as f64);
        self.before = now;
        self.most_open = self.most_open.max(open);
        let (done, planned) = (counters.chunks_done.get(), counters.chunks_planned.get());
        let rows = counters.rows_read.get();
        if planned > 0 {
            self.inherited.get_or_insert((done, counters.rows_copied.get()));
        }
        let (done_before, rows_before) = self.inherited.unwrap_or_default();
        let elapsed = now - self.began;
        let (source, sink) = (counters.source_wait_ns.get() as f64, counters.sink_wait_ns.get() as f64);
        let whole = (self.open.as_nanos() as f64).max(source + sink).max(1.0);
        Snapshot {
            elapsed,
            rows,
            bytes: counters.bytes_read.get(),
            rows_per_second: (rows.saturating_sub(rows_before) as f64 / elapsed.as_secs_f64().max(0.001)) as u64,
            chunks_done: done,
            chunks_planned: planned,
            retries: counters.retries.get(),
            source_wait: source / whole,
            sink_wait: sink / whole,
            most_open: self.most_open,
            left: time_left(elapsed, done.saturating_sub(done_before), planned.saturating_sub(done)),
        }
    }
}

fn time_left(elapsed: Duration, done: u64, todo: u64) -> Option<Duration> {
    (done > 0).then(|| elapsed.mul_f64(todo as f64 / done as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shares_and_time_left_follow_the_counters() {
        let counters = Arc::new(Counters::default());
        let mut sampler = Sampler::new(Arc::clone(&counters));
        counters.chunks_planned.add(10);
        counters.chunks_done.add(2);
        counters.chunks_open.add(2);
        sampler.sample();
        tokio::time::advance(Duration::from_secs(10)).await;
        counters.chunks_done.add(4);
        counters.rows_read.add(1000);
        counters.source_wait_ns.add_time(Duration::from_secs(15));
        counters.sink_wait_ns.add_time(Duration::from_secs(1));
        let snapshot = sampler.sample();
        assert_eq!(snapshot.rows_per_second, 100);
        assert_eq!(snapshot.left, Some(Duration::from_secs(10)), "4 of this process took 10 s, 4 are left");
        assert!((snapshot.source_wait - 0.75).abs() < 1e-9 && (snapshot.sink_wait - 0.05).abs() < 1e-9);
        assert_eq!(snapshot.most_open, 2);
    }
}
