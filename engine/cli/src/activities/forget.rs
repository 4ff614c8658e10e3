//! What waited for something that is run again is run again from its beginning.

use ropeway_engine::Result;
use ropeway_specs::{Activity, Kind};

use super::{crew::Crew, path};
use crate::{definitions, state::Record};

/// Forgets what follows an activity that is run again, in this list and in those within that had begun. Before anything
/// runs, so that variables are as they would be.
///
/// # Errors
/// The record of the run cannot be written.
pub(crate) fn forget(crew: &Crew<'_>, activities: &[Activity<'_>], prefix: &str) -> Result<()> {
    let mut again: Vec<&str> = Vec::new();
    for activity in activities.iter().filter(|activity| activity.inactive().is_none()) {
        let path = path::of(prefix, activity.name());
        let follows = activity.depends_on().iter().any(|dependency| again.contains(&dependency.activity.as_str()));
        let ended = crew.known().ended(&path).is_some();
        if follows || !ended {
            again.push(activity.name());
        }
        if follows && crew.known().knows(&path) {
            crew.record(Record::Forgotten { path })?;
        } else if !ended && crew.known().knows(&path) {
            within(crew, activity, &path)?;
        }
    }
    Ok(())
}

fn within(crew: &Crew<'_>, activity: &Activity<'_>, path: &str) -> Result<()> {
    if let Some(child) = activity.child().filter(|_| activity.kind() == Some(Kind::ExecutePipeline)) {
        let pipeline = crew.definitions.factory.pipeline(child).map_err(definitions::refuse)?;
        return forget(crew, pipeline.activities(), &path::within(path));
    }
    let rounds = crew.known().rounds(&path::container(path));
    for branch in activity.branches() {
        forget(crew, &branch.activities, &path::within(path))?;
        for round in &rounds {
            forget(crew, &branch.activities, &path::round(path, *round))?;
        }
    }
    Ok(())
}
