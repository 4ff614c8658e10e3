//! `ropeway plan`: what a run would do. Reads metadata, writes nothing.

mod control;
mod json;
mod text;
mod turns;

use std::{collections::BTreeSet, path::Path};

use chrono::Utc;
use ropeway_engine::{
    Result, Side,
    chunk::RunId,
    run::{Prospect, prospect},
};
use ropeway_specs::{Activity, Diagnostic, Kind, ResolvedCopy, Scene, Variables};

use self::turns::{set_before, tree};
use crate::{
    activities,
    args::{OutputShape, PlanArgs},
    assemble::{self, Extras},
    definitions::{self, Definitions},
    exit_code,
    key_vault::KeyVault,
    report::Status,
    request::Request,
    settings::{self, ExtraSettings},
    state, terminal,
};

/// What a run would do with one activity.
enum Step {
    /// A Copy of which all is known.
    Copy(Box<CopyPlan>),
    /// Every other one, and one that cannot be done.
    Other(control::Control),
}

/// What a run would do with one Copy.
struct CopyPlan {
    activity: String,
    /// The activities around it.
    depth: usize,
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
///
/// # Errors
/// Why a run would be refused, or would fail as things stand, after the plan of everything else was printed.
pub(crate) async fn perform(args: PlanArgs) -> Result<u8> {
    let request = Request::new(&args.pipeline, &args.definition, &args.copy, &args.connection)?;
    let run = RunId::try_from(args.run_id.as_deref().unwrap_or("plan").to_owned())?;
    let mut definitions = definitions::load(&request, run.as_str(), Utc::now())?;
    if args.run_id.is_some() {
        definitions.warnings.extend(begun(&run, args.state.state.as_deref())?);
    }
    let pipeline = definitions.factory.pipeline(&definitions.pipeline).map_err(definitions::refuse)?;
    let vault = KeyVault::of(&request);
    let mut failure = activities::all_are_run(&definitions, &pipeline).err();
    let extras = Extras::of(&request);
    let variables = pipeline.variables();
    let ahead = Ahead { definitions: &definitions, extras: &extras, vault: &vault, run: &run, variables };
    let mut plans = Vec::new();
    for top in pipeline.activities() {
        let set = set_before(pipeline.activities(), top);
        for (activity, depth) in tree(std::slice::from_ref(top), 0) {
            plans.push(ahead.look(activity, depth, &set).await.unwrap_or_else(|error| {
                let step = Step::Other(control::Control::failing(activity, depth, &error));
                failure.get_or_insert_with(|| error.with("activity", activity.name()));
                step
            }));
        }
    }
    terminal::result(&match args.output.output {
        OutputShape::Json => json::print(&definitions.pipeline, &definitions.warnings, &plans),
        OutputShape::Text => text::print(&definitions.warnings, &plans),
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    let is_refused = |step: &Step| matches!(step, Step::Copy(plan) if plan.is_refused());
    Ok(if plans.iter().any(is_refused) { exit_code::DATA } else { exit_code::SUCCEEDED })
}

/// What there is to say of a run that was begun already.
fn begun(run: &RunId, state: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = state::read(run, state)? else { return Ok(None) };
    Ok(Some(match file.report.status {
        Status::Succeeded => format!("the run {run} has succeeded: to run it again changes nothing"),
        _ => format!("the run {run} was begun already: it is finished with the chunks of its own plan, not with these"),
    }))
}

/// What there is to look ahead with.
struct Ahead<'a> {
    definitions: &'a Definitions,
    extras: &'a Extras,
    vault: &'a KeyVault<'a>,
    run: &'a RunId,
    variables: Variables,
}

impl Ahead<'_> {
    /// `set` are the variables whose values nobody knows when the activity has its turn.
    async fn look(&self, activity: &Activity<'_>, depth: usize, set: &BTreeSet<String>) -> Result<Step> {
        let inputs = &self.definitions.inputs;
        let mut scene = Scene::first(inputs, activity.name(), self.variables.clone());
        // Others may have ended before its turn comes.
        let is_first = depth == 0 && activity.depends_on().is_empty();
        if !is_first {
            scene = scene.before(set.clone());
        }
        if activity.kind() != Some(Kind::Copy) {
            let is_checked = is_first && activity.kind().is_some();
            if is_checked && let Err(found) = self.vault.with_secrets(inputs, || activity.work(inputs, &scene)).await? {
                return Err(definitions::unfit(&found));
            }
            return Ok(Step::Other(control::Control::of(activity, depth)));
        }
        match self.vault.with_secrets(inputs, || activity.copy(inputs, &scene)).await? {
            Ok(copy) => match self.copy(activity, copy, depth).await {
                Ok(plan) => Ok(Step::Copy(Box::new(plan))),
                Err(error) if is_first => Err(error),
                Err(error) => Err(error.with("now", "what runs before it may change that")),
            },
            Err(found) => match found.iter().find(|diagnostic| diagnostic.is_early()) {
                // No activity has ended yet, and no item has its turn: what asks for them is known when the run does.
                Some(early) if !is_first && !found.iter().any(Diagnostic::is_refused) => {
                    Ok(Step::Other(control::Control::unknown(activity, depth, early)))
                }
                _ => Err(definitions::unfit(&found)),
            },
        }
    }

    async fn copy(&self, activity: &Activity<'_>, copy: ResolvedCopy, depth: usize) -> Result<CopyPlan> {
        let (strict, extras) = (self.definitions.inputs.strict, self.extras);
        let registry = ropeway_connectors::registry();
        let mut warnings = definitions::accept(copy.warnings.clone(), strict)?;
        let (source_type, sink_type) = (copy.source.linked_service_type.clone(), copy.sink.linked_service_type.clone());
        let ends = [(Side::Source, source_type.as_str()), (Side::Sink, sink_type.as_str())];
        warnings.extend(settings::without_effect(&extras.extra_settings, &registry, &ends, strict)?);
        let settings = settings::taken(&extras.extra_settings, &registry, &ends);
        let job = assemble::job(copy, &registry, extras, self.run.clone())?;
        Ok(CopyPlan {
            activity: activity.name().to_owned(),
            depth,
            source_type,
            sink_type,
            memory: extras.memory,
            lossy: extras.lossy,
            settings,
            warnings,
            prospect: prospect(&job).await?,
        })
    }
}
