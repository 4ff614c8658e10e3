//! Runs the list of a ForEach for every item.

use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::Result;
use ropeway_specs::{Branch, Twin};
use serde_json::{Value, json};

use super::{
    crew::{Around, Finished},
    flow, inner,
    one::{Doing, Done, Trouble},
    path,
};
use crate::report::Status;

/// Runs it; the items are those that an earlier process saw. All items have their turn, whatever becomes of others.
pub(super) async fn run(doing: &mut Doing<'_>, items: Vec<Twin>, at_once: usize) -> Result<Result<Done, Trouble>> {
    let items = match doing.decided.take() {
        Value::Array(decided) => decided.into_iter().map(Twin::plain).collect(),
        _ => {
            // Secrets are not written down: with them, the items are found again when the run is resumed.
            let secret = items.iter().any(Twin::is_secret);
            let decided = items.iter().map(|item| item.real.clone()).collect();
            doing.decide(if secret { Value::Null } else { Value::Array(decided) })?;
            items
        }
    };
    let done = super::task::output(json!({ "count": items.len() }));
    let activities = doing.activity.branches().first().map_or(&[][..], |branch: &Branch<'_>| &branch.activities);
    let doing = &*doing;
    let iteration = |(index, item)| {
        let prefix = path::round(&doing.path, index);
        let around = Around { prefix, outcomes: doing.around.outcomes.clone(), item: Some(item) };
        flow::run(doing.crew, doing.stage, activities, around)
    };
    let ends: Vec<Finished> = stream::iter(items.into_iter().enumerate())
        .take_while(|_| std::future::ready(!doing.crew.is_cancelled()))
        .map(iteration)
        .buffer_unordered(at_once.max(1))
        .try_collect()
        .await?;
    if doing.crew.is_cancelled() {
        return Ok(Err(super::attempts::cancelled(doing).into()));
    }
    let failed = ends.into_iter().find(|end| end.status != Status::Succeeded);
    Ok(failed.map_or(Ok(done), |end| inner::outcome(end, Done::default())))
}
