//! What can be refused before anything starts.

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Activity, Inputs, Kind, Pipeline, Scene};

use crate::{
    definitions::{self, Definitions},
    key_vault::KeyVault,
};

/// Refuses what can be refused now: activities that Ropeway does not run, wherever they stand; pipelines that run each
/// other in a circle; and activities whose definition is wrong. An activity that waits for others may ask for their
/// outcome, so it is looked at when its turn comes.
///
/// # Errors
/// [`ErrorKind::Spec`] that names the activities, or after every problem was printed.
pub(crate) async fn check(definitions: &Definitions, pipeline: &Pipeline<'_>, vault: &KeyVault<'_>) -> Result<()> {
    all_are_run(definitions, pipeline)?;
    let inputs: &Inputs = &definitions.inputs;
    let first = pipeline.activities().iter().filter(|activity| activity.depends_on().is_empty() && is_active(activity));
    let work =
        |activity: &Activity<'_>| activity.work(inputs, &Scene::first(inputs, activity.name(), pipeline.variables()));
    let mut found = Vec::new();
    for activity in first {
        found.extend(vault.with_secrets(inputs, || work(activity)).await?.err().into_iter().flatten());
    }
    definitions::accept(found, false).map(drop)
}

/// Refuses activities that Ropeway does not run, wherever they stand, and pipelines that run each other in a circle.
///
/// # Errors
/// [`ErrorKind::Spec`] that names them.
pub(crate) fn all_are_run(definitions: &Definitions, pipeline: &Pipeline<'_>) -> Result<()> {
    let mut strange = Vec::new();
    collect(definitions, pipeline, &mut vec![pipeline.name().to_owned()], &mut strange)?;
    if strange.is_empty() {
        return Ok(());
    }
    let message = format!("Ropeway does not run these activities; deactivate or remove {}", strange.join(", "));
    Err(Error::new(ErrorKind::Spec, message).with("pipeline", pipeline.name()).code("2110"))
}

fn is_active(activity: &Activity<'_>) -> bool {
    activity.inactive().is_none()
}

/// Names the activities that are not run, in this pipeline and in those that it runs; `around` are the pipelines that
/// run it, itself last.
fn collect(
    definitions: &Definitions,
    pipeline: &Pipeline<'_>,
    around: &mut Vec<String>,
    strange: &mut Vec<String>,
) -> Result<()> {
    for activity in all(pipeline.activities()) {
        if activity.kind().is_none() {
            strange.push(format!("'{}' ({})", activity.name(), activity.type_name()));
        }
        let Some(child) = activity.child().filter(|_| activity.kind() == Some(Kind::ExecutePipeline)) else { continue };
        if around.iter().any(|name| name.eq_ignore_ascii_case(child)) {
            let circle = around.join("' runs '");
            let message =
                format!("pipelines run each other in a circle, '{circle}' runs '{child}'; remove one ExecutePipeline");
            return Err(Error::new(ErrorKind::Spec, message).with("activity", activity.name()).code("2104"));
        }
        let found = definitions.factory.pipeline(child).map_err(definitions::refuse)?;
        around.push(child.to_owned());
        collect(definitions, &found, around, strange)?;
        around.pop();
    }
    Ok(())
}

/// The active activities of a list and of the lists within.
fn all<'a>(activities: &'a [Activity<'a>]) -> Vec<&'a Activity<'a>> {
    let within = |activity: &'a Activity<'a>| {
        let inner = activity.branches().iter().flat_map(|branch| all(&branch.activities));
        std::iter::once(activity).chain(inner).collect::<Vec<_>>()
    };
    activities.iter().filter(|activity| is_active(activity)).flat_map(within).collect()
}
