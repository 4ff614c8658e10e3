//! Does what an activity is to do.

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Policy, Task, Twin};
use serde_json::{Value, json};

use super::{
    attempts, branch, child, copy, deletion, each, lookup, metadata,
    one::{Doing, Done, Trouble},
    statements, until, validation, web,
};
use crate::{report::Failure, state::Change};

/// Does it; the outer error is that of a record that cannot be written.
pub(super) async fn perform(doing: &mut Doing<'_>, task: Task, policy: &Policy) -> Result<Result<Done, Trouble>> {
    match task {
        Task::Copy(copy) => return Ok(copy::run(doing, *copy).await),
        Task::ForEach { items, at_once } => return each::run(doing, items, at_once).await,
        Task::Branch(name) => return branch::run(doing, name).await,
        Task::Until(limit) => return until::run(doing, limit).await,
        Task::Pipeline { name, parameters, wait } => {
            return child::run(doing, child::Call { name, parameters, wait }).await;
        }
        _ => {}
    }
    Ok(match task {
        Task::Wait(time) => attempts::pause(doing, time).await,
        Task::Fail { message, code } => Err(failed(message, code)),
        Task::SetVariable { name, value } => Ok(changed(doing, Some(name), value, false)),
        Task::AppendVariable { name, value } => Ok(changed(doing, Some(name), value, true)),
        Task::ReturnValue(value) => Ok(changed(doing, None, value, false)),
        Task::Filter { of, kept } => Ok(filtered(of, kept)),
        Task::Lookup(lookup) => attempts::run(doing, policy, async |doing| lookup::look(doing, &lookup).await).await,
        Task::GetMetadata(request) => {
            attempts::run(doing, policy, async |doing| metadata::ask(doing, &request).await).await
        }
        Task::Delete(deletion) => {
            attempts::run(doing, policy, async |doing| deletion::delete(doing, &deletion).await).await
        }
        Task::Validation(awaited) => validation::wait(doing, &awaited).await,
        Task::Scripts(scripts) => {
            attempts::run(doing, policy, async |doing| statements::scripts(doing, &scripts).await).await
        }
        Task::Procedure(call) => {
            attempts::run(doing, policy, async |doing| statements::procedure(doing, &call).await).await
        }
        Task::Web(request) => attempts::run(doing, policy, async |doing| web::call(doing, &request).await).await,
        Task::Copy(_) | Task::ForEach { .. } | Task::Branch(_) | Task::Until(_) | Task::Pipeline { .. } => {
            Err(Error::new(ErrorKind::Bug, "an activity was not run; please report it").into())
        }
    })
}

/// An output without secrets.
pub(super) fn output(output: Value) -> Done {
    Done { output: Twin::plain(output), ..Done::default() }
}

fn failed(message: String, code: String) -> Trouble {
    let error = Error::new(ErrorKind::Data, message.clone());
    let shown = Failure { code: Some(code), message, ..Failure::of(&error) };
    Trouble { error, shown: Some(Box::new(shown)), copied: None }
}

fn changed(doing: &Doing<'_>, variable: Option<String>, value: Twin, appended: bool) -> Done {
    let name = variable.clone().unwrap_or_else(|| "pipelineReturnValue".to_owned());
    let show = |value: &Value| json!({ "name": name, "value": value });
    let output = Twin { real: show(&value.real), masked: show(&value.masked) };
    let kept = if value.is_secret() { Value::Null } else { value.real.clone() };
    let change = Change { pipeline: doing.stage.path.clone(), variable, value: kept, appended };
    Done { output, change: Some((change, value)), copied: None }
}

fn filtered(of: usize, kept: Vec<Twin>) -> Done {
    let show = |values: Vec<Value>| json!({ "ItemsCount": of, "FilteredItemsCount": values.len(), "Value": values });
    let (real, masked) = kept.into_iter().map(|item| (item.real, item.masked)).unzip();
    Done { output: Twin { real: show(real), masked: show(masked) }, ..Done::default() }
}
