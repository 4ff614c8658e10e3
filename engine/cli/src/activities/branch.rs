//! Runs one of the lists of an If or a Switch.

use ropeway_engine::Result;
use ropeway_specs::BranchName;
use serde_json::{Value, json};

use super::{
    crew::Around,
    flow, inner,
    one::{Doing, Done, Trouble},
    path,
};

/// Runs the list of this name, or the one that an earlier process chose.
pub(super) async fn run(doing: &mut Doing<'_>, chosen: BranchName) -> Result<Result<Done, Trouble>> {
    let index = match doing.decided.as_u64() {
        Some(index) => Some(index as usize),
        None => {
            let index = doing.activity.branches().iter().position(|branch| branch.name == chosen);
            doing.decide(index.map_or(Value::Null, |index| json!(index)))?;
            index
        }
    };
    let Some(branch) = index.and_then(|index| doing.activity.branches().get(index)) else {
        return Ok(Ok(Done::default()));
    };
    let around = Around { prefix: path::within(&doing.path), ..doing.around.clone() };
    let finished = flow::run(doing.crew, doing.stage, &branch.activities, around).await?;
    Ok(inner::outcome(finished, Done::default()))
}
