//! `ropeway plan`: what a run would do. Reads metadata, writes nothing.

mod json;
mod text;

use std::path::Path;

use chrono::Utc;
use ropeway_engine::{
    Result, Side,
    chunk::RunId,
    run::{Prospect, prospect},
};
use ropeway_specs::{Activity, Outcomes};

use crate::{
    activities,
    args::{OutputShape, PlanArgs},
    assemble::{self, Extras},
    definitions::{self, Definitions},
    exit_code,
    report::Status,
    request::Request,
    settings::{self, ExtraSettings},
    state, terminal,
};

/// What a run would do with one Copy.
struct CopyPlan {
    activity: String,
    source_type: String,
    sink_type: String,
    memory: u64,
    lossy: bool,
    /// What `--set` says of this source.
    settings: ExtraSettings,
    warnings: Vec<String>,
    prospect: Prospect,
}

impl CopyPlan {
    /// True if a run would refuse the Copy, because a column would lose something.
    fn is_refused(&self) -> bool {
        !self.lossy && self.prospect.fits.iter().any(|fit| fit.loss.is_some())
    }
}

/// Prints the plan; exit code 1 says that a run would refuse a column.
pub(crate) async fn perform(args: PlanArgs) -> Result<u8> {
    let request = Request::new(&args.pipeline, &args.definition, &args.copy, &args.connection)?;
    let run = RunId::try_from(args.run_id.as_deref().unwrap_or("plan").to_owned())?;
    let mut definitions = definitions::load(&request, run.as_str(), Utc::now())?;
    if args.run_id.is_some() {
        definitions.warnings.extend(begun(&run, args.state.state.as_deref())?);
    }
    let pipeline = definitions.factory.pipeline(&definitions.pipeline).map_err(definitions::refuse)?;
    activities::check(&pipeline, &definitions.inputs)?;
    let extras = Extras::of(&request);
    let mut plans = Vec::new();
    for activity in pipeline.activities().iter().filter(|activity| activity.inactive().is_none()) {
        let plan = look_ahead(activity, &definitions, &extras, &run).await;
        plans.push(plan.map_err(|error| error.with("activity", activity.name()))?);
    }
    terminal::result(&match args.output.output {
        OutputShape::Json => json::print(&definitions.pipeline, &definitions.warnings, &plans),
        OutputShape::Text => text::print(&definitions.warnings, &plans),
    })?;
    Ok(if plans.iter().any(CopyPlan::is_refused) { exit_code::DATA } else { exit_code::SUCCEEDED })
}

/// What there is to say of a run that was begun already.
fn begun(run: &RunId, state: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = state::read(run, state)? else { return Ok(None) };
    Ok(Some(match file.report.status {
        Status::Succeeded => format!("the run {run} has succeeded: to run it again changes nothing"),
        _ => format!("the run {run} was begun already: it is finished with the chunks of its own plan, not with these"),
    }))
}

async fn look_ahead(
    activity: &Activity<'_>,
    definitions: &Definitions,
    extras: &Extras,
    run: &RunId,
) -> Result<CopyPlan> {
    // No activity has ended yet, so an expression that asks for an outcome cannot be planned.
    let copy = activity.resolve(&definitions.inputs, &Outcomes::new()).map_err(definitions::refuse)?;
    let strict = definitions.inputs.strict;
    let registry = ropeway_connectors::registry();
    let mut warnings = definitions::accept(copy.warnings.clone(), strict)?;
    let (source_type, sink_type) = (copy.source.linked_service_type.clone(), copy.sink.linked_service_type.clone());
    let ends = [(Side::Source, source_type.as_str()), (Side::Sink, sink_type.as_str())];
    warnings.extend(settings::without_effect(&extras.extra_settings, &registry, &ends, strict)?);
    let settings = settings::taken(&extras.extra_settings, &registry, &ends);
    let job = assemble::job(copy, &registry, extras, run.clone())?;
    Ok(CopyPlan {
        activity: activity.name().to_owned(),
        source_type,
        sink_type,
        memory: extras.memory,
        lossy: extras.lossy,
        settings,
        warnings,
        prospect: prospect(&job).await?,
    })
}
