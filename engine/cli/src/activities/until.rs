//! Runs the list of an Until, round after round, until its condition holds.

use std::time::Duration;

use ropeway_engine::{Error, ErrorKind, Result};
use serde_json::json;

use super::{
    crew::Around,
    flow, inner,
    one::{Doing, Done, TIMED_OUT, Trouble},
    path,
};
use crate::{
    definitions,
    report::{Moment, Status},
};

/// Rounds at most: a condition that never holds is told by the time limit long before.
const MOST_ROUNDS: usize = 100_000;

/// Runs it, from the round in which an earlier process stopped. A round that fails ends it.
pub(super) async fn run(doing: &mut Doing<'_>, limit: Duration) -> Result<Result<Done, Trouble>> {
    let activities = doing.activity.branches().first().map_or(&[][..], |branch| &branch.activities);
    let mut round = doing.decided.as_u64().unwrap_or(0) as usize;
    loop {
        doing.decide(json!(round))?;
        let around = Around { prefix: path::round(&doing.path, round), ..doing.around.clone() };
        let finished = flow::run(doing.crew, doing.stage, activities, around).await?;
        if finished.status != Status::Succeeded {
            return Ok(inner::outcome(finished, Done::default()));
        }
        let mut scene = doing.scene();
        scene.outcomes = finished.outcomes;
        // The condition asks for the time as it is now: it may be what is waited for.
        scene.now = doing.crew.one_time.unwrap_or_else(Moment::now).0;
        match doing.activity.is_reached(doing.stage.inputs, &scene) {
            Ok(true) => return Ok(Ok(Done::default())),
            Ok(false) => round += 1,
            Err(found) => return Ok(Err(definitions::unfit(&found).into())),
        }
        if Moment::now().seconds_since(doing.report.started) >= limit.as_secs_f64() || round >= MOST_ROUNDS {
            return Ok(Err(too_long(limit, doing.activity.name()).into()));
        }
        if doing.crew.is_cancelled() {
            return Ok(Err(super::attempts::cancelled(doing).into()));
        }
    }
}

fn too_long(limit: Duration, name: &str) -> Error {
    let message =
        format!("the condition of the Until did not hold within its timeout, {} s; raise it", limit.as_secs());
    Error::new(ErrorKind::Data, message).with("activity", name).code(TIMED_OUT)
}
