//! A list of activities in dependency order, with the lists within them.

use serde_json::Value;

use super::{Activity, Branch, Kind, branch};
use crate::{
    definition::Definition,
    dependency::{Condition, Dependency, order},
    diagnostic::{Findings, closest, element, list, property},
    factory::Factory,
};

/// Reads the activities below `path`; what is wrong is reported.
pub(crate) fn read<'f>(
    of: (&'f Factory, &'f Definition),
    values: &'f [Value],
    path: &str,
    findings: &mut Findings,
) -> Vec<Activity<'f>> {
    let mut activities = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let path = element(path, index);
        let Some(name) = value.get("name").and_then(Value::as_str) else {
            findings.error("missing-name", &path, "the activity has no 'name'");
            continue;
        };
        let depends_on = dependencies(value, &path, findings);
        let kind = value.get("type").and_then(Value::as_str).and_then(Kind::of);
        let places = kind.map(|kind| branch::inner_lists(kind, value, &path)).unwrap_or_default();
        let branch =
            |(name, values, path): (_, _, String)| Branch { name, activities: read(of, values, &path, findings) };
        let branches = places.into_iter().map(branch).collect();
        activities.push(Activity { factory: of.0, pipeline: of.1, name, value, path, depends_on, branches });
    }
    check_dependencies(&activities, findings);
    in_order(activities, findings)
}

fn in_order<'f>(activities: Vec<Activity<'f>>, findings: &mut Findings) -> Vec<Activity<'f>> {
    let edges: Vec<(&str, &[Dependency])> =
        activities.iter().map(|activity| (activity.name, activity.depends_on.as_slice())).collect();
    let order = order(&edges).unwrap_or_else(|cycle| {
        let names = list(cycle.iter().map(|at| activities[*at].name));
        let path = property(&activities[cycle[0]].path, "dependsOn");
        findings.error("cycle", &path, format!("the activities {names} wait for each other; remove one 'dependsOn'"));
        Vec::new()
    });
    let mut activities: Vec<Option<Activity<'f>>> = activities.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| activities[at].take()).collect()
}

fn check_dependencies(activities: &[Activity<'_>], findings: &mut Findings) {
    let names: Vec<&str> = activities.iter().map(|activity| activity.name).collect();
    for activity in activities {
        for (index, dependency) in activity.depends_on.iter().enumerate() {
            if names.contains(&dependency.activity.as_str()) {
                continue;
            }
            let advice = match closest(&dependency.activity, names.iter().copied()) {
                Some(meant) => format!("did you mean '{meant}'?"),
                None if activity.path.matches("ctivities[").count() > 1 => {
                    format!("beside it there are {}", list(&names))
                }
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
