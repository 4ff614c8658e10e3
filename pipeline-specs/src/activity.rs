//! One activity of a pipeline.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::{
    copy::{self, ResolvedCopy},
    definition::{Definition, PROPERTIES},
    dependency::Dependency,
    diagnostic::{Diagnostic, Findings, property},
    evaluation::{Context, Twin},
    factory::Factory,
    inputs::{Inputs, Outcomes, Status},
    parameter::{Owner, values},
};

/// One activity, not evaluated.
pub struct Activity<'f> {
    pub(crate) factory: &'f Factory,
    pub(crate) pipeline: &'f Definition,
    pub(crate) name: &'f str,
    pub(crate) value: &'f Value,
    /// Its JSON path in the pipeline's file.
    pub(crate) path: String,
    pub(crate) depends_on: Vec<Dependency>,
}

impl Activity<'_> {
    /// The activity's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// The activity's type, `Copy` for those that Ropeway runs.
    pub fn type_name(&self) -> &str {
        self.value.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// What it waits for; [`crate::ready`] says what that means now.
    pub fn depends_on(&self) -> &[Dependency] {
        &self.depends_on
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

    /// The Copy with everything evaluated, checked and secrets put in. `outcomes` are those of the activities
    /// that have ended: expressions see them as `activity('X')`.
    pub fn resolve(&self, inputs: &Inputs, outcomes: &Outcomes) -> Result<ResolvedCopy, Vec<Diagnostic>> {
        let mut findings = Findings::new(&self.pipeline.file);
        let context = self.context(inputs, outcomes, &mut findings);
        let copy = copy::resolve(self, &context, inputs, &mut findings);
        let (mut copy, warnings) = findings.finish(copy).map_err(without_consequences)?;
        copy.warnings = warnings;
        Ok(copy)
    }

    fn context(&self, inputs: &Inputs, outcomes: &Outcomes, findings: &mut Findings) -> Context {
        let declared = self.pipeline.properties.get("parameters");
        let path = property(PROPERTIES, "parameters");
        let owner = Owner { name: format!("pipeline '{}'", self.pipeline.name), path: &path };
        let parameters = values(declared, &inputs.parameters, &owner, findings);
        let root = |parameters| inputs.pipeline_root(&self.pipeline.name, parameters);
        let pipeline = Twin { real: root(parameters.real.into()), masked: root(parameters.masked.into()) };
        let ended: BTreeMap<String, Value> =
            outcomes.iter().map(|(name, outcome)| (name.clone(), outcome.root())).collect();
        Context::new(inputs.now, &format!("{}/{}", inputs.run_id, self.name))
            .with("pipeline", pipeline)
            .with_keyed("activity", "an activity that has ended", &ended)
            .with_keyed("variables", "a variable", &self.variables())
    }

    /// Variables have their defaults: no activity that sets one runs here.
    fn variables(&self) -> BTreeMap<String, Value> {
        let declared = self.pipeline.properties.get("variables").and_then(Value::as_object).into_iter().flatten();
        declared
            .map(|(name, variable)| {
                let default = variable.get("defaultValue").cloned().unwrap_or_else(|| match variable.get("type") {
                    Some(Value::String(type_name)) if type_name.eq_ignore_ascii_case("Array") => {
                        Value::Array(Vec::new())
                    }
                    Some(Value::String(type_name)) if type_name.eq_ignore_ascii_case("String") => Value::from(""),
                    _ => Value::Null,
                });
                (name.clone(), default)
            })
            .collect()
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
