//! A pipeline: its activities in dependency order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    activity::{self, Activity},
    copy::text,
    definition::{Definition, PROPERTIES},
    diagnostic::{Diagnostic, Findings, has_errors, property},
    evaluation::Twin,
    factory::Factory,
    inputs::Inputs,
    parameter::{Owner, values},
    policy::integer,
    scene::Variables,
    schema::get,
};

/// A pipeline of a [`Factory`].
#[derive(Debug)]
pub struct Pipeline<'f> {
    definition: &'f Definition,
    parameters: Option<&'f Value>,
    activities: Vec<Activity<'f>>,
}

impl<'f> Pipeline<'f> {
    pub(crate) fn new(factory: &'f Factory, definition: &'f Definition) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Findings::new(&definition.file);
        let values = definition.properties.get("activities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let path = property(PROPERTIES, "activities");
        let activities = activity::read((factory, definition), values, &path, &mut findings);
        check_names(&activities, &mut Vec::new(), &mut findings);
        let found = findings.into_vec();
        if has_errors(&found) {
            return Err(found);
        }
        Ok(Self { definition, parameters: definition.properties.get("parameters"), activities })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Whether a parameter of this name is declared as a secret.
    pub fn is_secure(&self, parameter: &str) -> bool {
        let declared = self.parameters.and_then(Value::as_object).and_then(|declared| get(declared, parameter));
        let type_name = declared.and_then(|declared| declared.get("type")).and_then(Value::as_str);
        type_name.is_some_and(|name| name.eq_ignore_ascii_case("SecureString"))
    }

    /// The values of all parameters as text, defaults included and secrets left out: for reports. A parameter
    /// without a value or with a wrong one is missing; the activities report it.
    pub fn parameters(&self, inputs: &Inputs) -> BTreeMap<String, String> {
        let owner = Owner { name: format!("pipeline '{}'", self.name()), path: PROPERTIES };
        let mut wrong = Findings::silent();
        let known = values(self.parameters, &inputs.parameters, &owner, &mut wrong).masked;
        let shown = known.iter().filter(|(name, value)| {
            !self.is_secure(name) && !inputs.hidden.contains(name.as_str()) && !value.is_null()
        });
        shown.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// The variables at the beginning of a run.
    pub fn variables(&self) -> Variables {
        let declared = self.definition.properties.get("variables").and_then(Value::as_object).into_iter().flatten();
        declared.map(|(name, variable)| (name.clone(), Twin::plain(initial(variable)))).collect()
    }

    /// How many runs of it may go on at once, if the definition limits them.
    pub fn concurrency(&self) -> Option<u64> {
        self.definition.properties.get("concurrency").and_then(integer).filter(|runs| *runs > 0)
    }

    /// The activities, each after those it depends on.
    pub fn activities(&self) -> &[Activity<'f>] {
        &self.activities
    }
}

/// What a variable is before anyone sets it.
fn initial(variable: &Value) -> Value {
    if let Some(default) = variable.get("defaultValue") {
        return default.clone();
    }
    match variable.get("type").and_then(Value::as_str) {
        Some(name) if name.eq_ignore_ascii_case("Array") => Value::Array(Vec::new()),
        Some(name) if name.eq_ignore_ascii_case("String") => "".into(),
        _ => Value::Null,
    }
}

/// Names are unique in the whole pipeline, as Data Factory wants it: `activity('X')` means one of them.
fn check_names<'a>(activities: &'a [Activity<'_>], seen: &mut Vec<&'a str>, findings: &mut Findings) {
    for activity in activities {
        if seen.contains(&activity.name) {
            let message = format!("there are two activities '{}'", activity.name);
            findings.error("duplicate-name", &property(&activity.path, "name"), message);
        }
        seen.push(activity.name);
        for branch in &activity.branches {
            check_names(&branch.activities, seen, findings);
        }
    }
}
