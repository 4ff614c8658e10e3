//! `ropeway plan`: what a run would do. Reads metadata, writes nothing.

mod json;
mod text;

use chrono::Utc;
use ropeway_engine::{
    Error, ErrorKind, Result,
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
    request::Request,
    settings::{self, SourceSettings},
    terminal,
};

/// What a run would do with one Copy.
struct CopyPlan {
    activity: String,
    source_type: String,
    sink_type: String,
    memory: u64,
    lossy: bool,
    /// What `--set` says of this source.
    settings: SourceSettings,
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
    let definitions = definitions::load(&request, "plan", Utc::now())?;
    let pipeline = definitions.factory.pipeline(&definitions.pipeline).map_err(definitions::refuse)?;
    activities::check(&pipeline, &definitions.inputs)?;
    let extras = Extras::of(&request);
    let mut plans = Vec::new();
    for activity in pipeline.activities().iter().filter(|activity| activity.inactive().is_none()) {
        let plan = look_ahead(activity, &definitions, &extras).await;
        plans.push(plan.map_err(|error| error.with("activity", activity.name()))?);
    }
    terminal::result(&match args.output.output {
        OutputShape::Json => json::print(&definitions.pipeline, &definitions.warnings, &plans),
        OutputShape::Text => text::print(&definitions.warnings, &plans),
    })?;
    Ok(if plans.iter().any(CopyPlan::is_refused) { exit_code::DATA } else { exit_code::SUCCEEDED })
}

async fn look_ahead(activity: &Activity<'_>, definitions: &Definitions, extras: &Extras) -> Result<CopyPlan> {
    // No activity has ended yet, so an expression that asks for an outcome cannot be planned.
    let copy = activity.resolve(&definitions.inputs, &Outcomes::new()).map_err(definitions::refuse)?;
    let strict = definitions.inputs.strict;
    let registry = ropeway_connectors::registry();
    let mut warnings = definitions::accept(copy.warnings.clone(), strict)?;
    let (source_type, sink_type) = (copy.source.linked_service_type.clone(), copy.sink.linked_service_type.clone());
    warnings.extend(settings::without_effect(&extras.source_settings, &registry, &source_type, strict)?);
    let settings = settings::taken(&extras.source_settings, &registry, &source_type);
    let run = RunId::try_from("plan".to_owned())
        .map_err(|error| Error::new(ErrorKind::Bug, "the plan has no id; please report it").caused_by(error))?;
    let job = assemble::job(copy, &registry, extras, run)?;
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
