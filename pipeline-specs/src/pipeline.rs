//! A pipeline: its activities in dependency order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    activity::Activity,
    copy::text,
    definition::{Definition, PROPERTIES},
    dependency::{Condition, Dependency, order},
    diagnostic::{Diagnostic, Findings, closest, element, has_errors, list, property},
    factory::Factory,
    inputs::Inputs,
    parameter::{Owner, values},
    schema::get,
};

/// A pipeline of a [`Factory`].
#[derive(Debug)]
pub struct Pipeline<'f> {
    name: &'f str,
    parameters: Option<&'f Value>,
    activities: Vec<Activity<'f>>,
}

impl<'f> Pipeline<'f> {
    pub(crate) fn new(factory: &'f Factory, definition: &'f Definition) -> Result<Self, Vec<Diagnostic>> {
        let mut findings = Findings::new(&definition.file);
        let activities =
            definition.properties.get("activities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let path = property(PROPERTIES, "activities");
        let activities: Vec<Activity<'f>> = activities
            .iter()
            .enumerate()
            .filter_map(|(index, value)| {
                let path = element(&path, index);
                let name = value.get("name").and_then(Value::as_str);
                if name.is_none() {
                    findings.error("missing-name", &path, "the activity has no 'name'");
                }
                let depends_on = dependencies(value, &path, &mut findings);
                Some(Activity { factory, pipeline: definition, name: name?, value, path, depends_on })
            })
            .collect();
        check_names(&activities, &mut findings);
        let edges: Vec<(&str, &[Dependency])> =
            activities.iter().map(|activity| (activity.name, activity.depends_on.as_slice())).collect();
        let order = order(&edges).unwrap_or_else(|cycle| {
            let names = list(cycle.iter().map(|at| activities[*at].name));
            let path = property(&activities[cycle[0]].path, "dependsOn");
            findings.error(
                "cycle",
                &path,
                format!("the activities {names} wait for each other; remove one 'dependsOn'"),
            );
            Vec::new()
        });
        let found = findings.into_vec();
        if has_errors(&found) {
            return Err(found);
        }
        let mut activities: Vec<Option<Activity<'f>>> = activities.into_iter().map(Some).collect();
        let activities = order.into_iter().filter_map(|at| activities[at].take()).collect();
        Ok(Self { name: &definition.name, parameters: definition.properties.get("parameters"), activities })
    }

    /// The pipeline's name.
    pub fn name(&self) -> &str {
        self.name
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
        let owner = Owner { name: format!("pipeline '{}'", self.name), path: PROPERTIES };
        let mut wrong = Findings::silent();
        let known = values(self.parameters, &inputs.parameters, &owner, &mut wrong).masked;
        let shown = known.iter().filter(|(name, value)| !self.is_secure(name) && !value.is_null());
        shown.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// The activities, each after those it depends on.
    pub fn activities(&self) -> &[Activity<'f>] {
        &self.activities
    }
}

fn check_names(activities: &[Activity<'_>], findings: &mut Findings) {
    let names: Vec<&str> = activities.iter().map(|activity| activity.name).collect();
    for (index, activity) in activities.iter().enumerate() {
        if names[..index].contains(&activity.name) {
            findings.error(
                "duplicate-name",
                &property(&activity.path, "name"),
                format!("there are two activities '{}'", activity.name),
            );
        }
        for (index, dependency) in activity.depends_on.iter().enumerate() {
            if names.contains(&dependency.activity.as_str()) {
                continue;
            }
            let advice = match closest(&dependency.activity, names.iter().copied()) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None => format!("the pipeline has {}", list(&names)),
            };
            let path = element(&property(&activity.path, "dependsOn"), index);
            let message = format!(
                "'{}' depends on the activity '{}', which does not exist; {advice}",
                activity.name, dependency.activity
            );
            findings.error("unknown-dependency", &path, message);
        }
    }
}

fn dependencies(activity: &Value, path: &str, findings: &mut Findings) -> Vec<Dependency> {
    let entries = activity.get("dependsOn").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let path = property(path, "dependsOn");
    let mut dependencies = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = element(&path, index);
        let Some(activity) = entry.get("activity").and_then(Value::as_str) else {
            findings.error("missing-name", &path, "the dependency has no 'activity'");
            continue;
        };
        let names = entry.get("dependencyConditions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut conditions = Vec::new();
        for name in names.iter().map(|name| name.as_str().unwrap_or_default()) {
            match Condition::parse(name) {
                Some(condition) => conditions.push(condition),
                None => findings.error(
                    "unknown-condition",
                    &property(&path, "dependencyConditions"),
                    format!("unknown dependency condition '{name}'; the conditions are Succeeded, Failed, Skipped and Completed"),
                ),
            }
        }
        if names.is_empty() {
            conditions.push(Condition::Succeeded);
        }
        dependencies.push(Dependency { activity: activity.to_owned(), conditions });
    }
    dependencies
}
