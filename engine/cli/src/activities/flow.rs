//! Runs a list of activities: each as soon as what it waits for has ended, side by side with the others.

use std::collections::BTreeMap;

use futures::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Activity, Next, ready};

use super::{
    crew::{Around, Crew, Finished, Stage},
    one::{self, Turn},
    verdict::{Ended, verdict},
};
use crate::report::Status;

/// Runs what is left of the list.
///
/// # Errors
/// The record of the run cannot be written. What goes wrong with activities is in the [`Finished`].
pub(crate) fn run<'a>(
    crew: &'a Crew<'a>,
    stage: &'a Stage<'a>,
    activities: &'a [Activity<'a>],
    around: Around,
) -> LocalBoxFuture<'a, Result<Finished>> {
    run_list(crew, stage, activities, around).boxed_local()
}

async fn run_list<'a>(
    crew: &'a Crew<'a>,
    stage: &'a Stage<'a>,
    activities: &'a [Activity<'a>],
    mut around: Around,
) -> Result<Finished> {
    let mut statuses = BTreeMap::new();
    let mut error = None;
    let mut waiting: Vec<&Activity<'_>> = activities.iter().collect();
    let mut running = FuturesUnordered::new();
    loop {
        if !crew.is_cancelled() {
            waiting.retain(|activity| match ready(activity.depends_on(), &around.outcomes) {
                Next::Wait => true,
                next => {
                    let turn = Turn { activity, around: around.clone(), runs: next == Next::Run };
                    running.push(one::take(crew, stage, turn));
                    false
                }
            });
        }
        let Some(ended) = running.next().await else { break };
        let ended = ended?;
        statuses.insert(ended.name.clone(), ended.counts_as);
        error = error.or(ended.error.map(|error| (ended.name.clone(), error)));
        around.outcomes.insert(ended.name, ended.outcome);
    }
    if let Some(left) = waiting.first() {
        let cancelled = || Error::new(ErrorKind::Cancelled, "the run was cancelled before this activity");
        let error = error.or_else(|| Some((left.name().to_owned(), cancelled().with("activity", left.name()))));
        return Ok(Finished { status: Status::Cancelled, error, outcomes: around.outcomes });
    }
    let status = verdict(&ended(activities, &statuses));
    let error = error.filter(|_| status != Status::Succeeded);
    Ok(Finished { status, error, outcomes: around.outcomes })
}

fn ended<'a>(activities: &'a [Activity<'_>], statuses: &BTreeMap<String, Status>) -> BTreeMap<&'a str, Ended<'a>> {
    let ended = |activity: &'a Activity<'_>| {
        let depends_on = activity.depends_on().iter().map(|dependency| dependency.activity.as_str()).collect();
        Some((activity.name(), Ended { depends_on, status: *statuses.get(activity.name())? }))
    };
    activities.iter().filter_map(ended).collect()
}
