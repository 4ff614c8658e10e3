//! Copies that go on side by side share what the run may have: there are a few lanes, each with an equal part of the
//! memory and of the chunks at once. A copy that does not fit into one lane takes the whole road.

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Activity, Kind};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::assemble::Extras;

/// Lanes at most: more would leave each copy too little memory for chunks of a good size.
const MOST: u32 = 4;

/// The lanes of a run.
pub(crate) struct Lanes {
    free: Semaphore,
    all: u32,
}

impl Lanes {
    /// As many as copies of these activities can go on at once, up to a few.
    pub(crate) fn of(activities: &[Activity<'_>], copies_of_child: &dyn Fn(&str) -> u32) -> Self {
        let all = at_once(activities, copies_of_child).clamp(1, MOST);
        Self { free: Semaphore::new(all as usize), all }
    }

    /// What one lane has of the run's memory and chunks.
    pub(crate) fn share(&self, extras: &Extras, parallel_copies: Option<u32>) -> Extras {
        let mut share = extras.clone();
        if self.all > 1 {
            share.memory /= u64::from(self.all);
            share.parallel = Some((extras.parallel(parallel_copies) / self.all).max(1));
        }
        share
    }

    /// Waits for a lane.
    pub(crate) async fn one(&self) -> Result<SemaphorePermit<'_>> {
        self.free.acquire().await.map_err(closed)
    }

    /// Waits for all lanes. Who has one gives it back before.
    pub(crate) async fn whole(&self) -> Result<SemaphorePermit<'_>> {
        self.free.acquire_many(self.all).await.map_err(closed)
    }

    /// True if the whole road is more than one lane.
    pub(crate) fn are_several(&self) -> bool {
        self.all > 1
    }
}

fn closed(error: tokio::sync::AcquireError) -> Error {
    Error::new(ErrorKind::Bug, "a copy waits for a place that nobody gives; please report it").caused_by(error)
}

/// How many copies of a list can go on at once, at most: what does not wait for one another is added up.
pub(crate) fn at_once(activities: &[Activity<'_>], copies_of_child: &dyn Fn(&str) -> u32) -> u32 {
    let mut by_depth: Vec<(u32, &str, u32)> = Vec::new();
    for activity in activities.iter().filter(|activity| activity.inactive().is_none()) {
        let before = activity.depends_on().iter().filter_map(|dependency| {
            by_depth.iter().find(|(_, name, _)| *name == dependency.activity).map(|(depth, ..)| depth + 1)
        });
        let depth = before.max().unwrap_or(0);
        by_depth.push((depth, activity.name(), of_one(activity, copies_of_child)));
    }
    // Activities of different depth need not wait for one another, but mostly do; too few lanes only make some wait.
    let deepest = by_depth.iter().map(|(depth, ..)| *depth).max().unwrap_or(0);
    let at = |depth| by_depth.iter().filter(|(of, ..)| *of == depth).map(|(.., copies)| *copies).sum();
    (0..=deepest).map(at).max().unwrap_or(0)
}

fn of_one(activity: &Activity<'_>, copies_of_child: &dyn Fn(&str) -> u32) -> u32 {
    let of_branch = |branch: &ropeway_specs::Branch<'_>| at_once(&branch.activities, copies_of_child);
    let within = activity.branches().iter().map(of_branch).max().unwrap_or(0);
    match activity.kind() {
        Some(Kind::Copy) => 1,
        Some(Kind::ForEach) => within.saturating_mul(activity.most_iterations_at_once()),
        Some(Kind::ExecutePipeline) => activity.child().map_or(0, copies_of_child),
        _ => within,
    }
}
