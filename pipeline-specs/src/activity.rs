//! One activity of a pipeline.

mod branch;
mod kind;
mod list;

use std::fmt;

use serde_json::Value;

use crate::{
    copy::{self, ResolvedCopy},
    definition::{Definition, PROPERTIES},
    dependency::Dependency,
    diagnostic::{Diagnostic, Findings, property},
    evaluation::{Context, Twin},
    factory::Factory,
    inputs::{Inputs, Status},
    parameter::{MASK, Owner, values},
    scene::Scene,
    schema::get,
    work::{self, Work},
};

pub(crate) use branch::inner_lists;
pub use branch::{Branch, BranchName};
pub use kind::Kind;
pub(crate) use list::read;

/// One activity, not evaluated.
pub struct Activity<'f> {
    pub(crate) factory: &'f Factory,
    pub(crate) pipeline: &'f Definition,
    pub(crate) name: &'f str,
    pub(crate) value: &'f Value,
    /// Its JSON path in the pipeline's file.
    pub(crate) path: String,
    pub(crate) depends_on: Vec<Dependency>,
    pub(crate) branches: Vec<Branch<'f>>,
}

impl<'f> Activity<'f> {
    /// The activity's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The activity's type as the definition has it.
    pub fn type_name(&self) -> &str {
        self.value.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The activity's type; `None` if Ropeway does not run it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::of(self.type_name())
    }

    /// What it waits for; [`crate::ready`] says what that means now.
    pub fn depends_on(&self) -> &[Dependency] {
        &self.depends_on
    }

    /// The lists of activities in it, each in dependency order.
    pub fn branches(&self) -> &[Branch<'f>] {
        &self.branches
    }

    /// How an inactive activity counts for those that depend on it; `None` for an active one.
    pub fn inactive(&self) -> Option<Status> {
        let text = |name: &str| self.value.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        (text("state") == "inactive").then(|| match text("onInactiveMarkAs").as_str() {
            "failed" => Status::Failed,
            "skipped" => Status::Skipped,
            _ => Status::Succeeded,
        })
    }

    /// The pipeline that an ExecutePipeline activity runs.
    pub fn child(&self) -> Option<&str> {
        let reference = self.type_property("pipeline").filter(|_| self.kind() == Some(Kind::ExecutePipeline))?;
        reference.get("referenceName").or_else(|| reference.get("name"))?.as_str()
    }

    /// The variable that a SetVariable or AppendVariable activity changes.
    pub fn sets(&self) -> Option<&str> {
        let changes = matches!(self.kind(), Some(Kind::SetVariable | Kind::AppendVariable));
        self.type_property("variableName").filter(|_| changes)?.as_str()
    }

    /// The Copy with everything evaluated, checked and secrets put in.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn copy(&self, inputs: &Inputs, scene: &Scene) -> Result<ResolvedCopy, Vec<Diagnostic>> {
        let mut findings = Findings::new(&self.pipeline.file);
        let context = self.context(inputs, scene, &mut findings);
        let copy = copy::resolve(self, &context, inputs, &mut findings);
        let (mut copy, warnings) = findings.finish(copy).map_err(without_consequences)?;
        copy.warnings = warnings;
        Ok(copy)
    }

    /// What the activity is to do, with everything evaluated, checked and secrets put in.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn work(&self, inputs: &Inputs, scene: &Scene) -> Result<Work, Vec<Diagnostic>> {
        let mut findings = Findings::new(&self.pipeline.file);
        let context = self.context(inputs, scene, &mut findings);
        let work = work::resolve(self, &context, inputs, &mut findings);
        let (mut work, warnings) = findings.finish(work).map_err(without_consequences)?;
        work.warnings = warnings;
        Ok(work)
    }

    /// Whether an Until activity has reached what it waits for.
    ///
    /// # Errors
    /// An expression that fails or is neither true nor false.
    pub fn is_reached(&self, inputs: &Inputs, scene: &Scene) -> Result<bool, Vec<Diagnostic>> {
        let mut findings = Findings::new(&self.pipeline.file);
        let context = self.context(inputs, scene, &mut findings);
        let reached = work::condition(self, &context, &mut findings);
        findings.finish(reached).map(|(reached, _)| reached).map_err(without_consequences)
    }

    /// How many rounds of its body a ForEach runs at once, at most; 1 for every other activity, and for one that says it
    /// in an expression of which nothing is known yet as many as Data Factory would.
    pub fn most_iterations_at_once(&self) -> u32 {
        work::most_at_once(self)
    }

    pub(crate) fn type_property(&self, name: &str) -> Option<&'f Value> {
        get(self.value.get("typeProperties")?.as_object()?, name).filter(|value| !value.is_null())
    }

    fn context(&self, inputs: &Inputs, scene: &Scene, findings: &mut Findings) -> Context {
        let declared = self.pipeline.properties.get("parameters");
        let path = property(PROPERTIES, "parameters");
        let owner = Owner { name: format!("pipeline '{}'", self.pipeline.name), path: &path };
        let mut parameters = values(declared, &inputs.parameters, &owner, findings);
        for (name, value) in &mut parameters.masked {
            if inputs.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name)) {
                *value = MASK.into();
            }
        }
        let root = |parameters| {
            let mut root = inputs.pipeline_root(&self.pipeline.name, parameters);
            root["globalParameters"] = self.factory.globals().as_value();
            root
        };
        let pipeline = Twin { real: root(parameters.real.into()), masked: root(parameters.masked.into()) };
        let ended = scene.outcomes.iter().map(|(name, outcome)| (name.clone(), outcome.root()));
        let variables = scene.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        let context = Context::new(scene.now, &format!("{}/{}", inputs.run_id, scene.path))
            .with_later(&scene.later)
            .with("pipeline", pipeline)
            .with_keyed("activity", "an activity that has ended", ended)
            .with_keyed("variables", "a variable", variables);
        match &scene.item {
            Some(item) => context.with("item", item.clone()),
            None => context,
        }
    }
}

/// An expression that fails beside a wrong parameter most likely fails for it: only the cause is said.
fn without_consequences(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let is_cause = |diagnostic: &Diagnostic| diagnostic.code.ends_with("-parameter");
    if found.iter().any(is_cause) {
        found.retain(|diagnostic| diagnostic.code != "expression");
    }
    found
}

impl fmt::Debug for Activity<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Activity").field("name", &self.name).field("type", &self.type_name()).finish_non_exhaustive()
    }
}
