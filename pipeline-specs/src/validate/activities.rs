//! What of a pipeline's activities Ropeway ignores or refuses to run.

use serde_json::Value;

use super::older;
use crate::{
    activity::{Kind as ActivityKind, inner_lists},
    binary,
    definition::{Definition, Kind},
    diagnostic::{Findings, element, property},
    expression::is_dynamic,
    factory::Factory,
    reference, skipping,
    support::{self, End, Moment},
    translator::{self, Reporter},
    work,
};

/// Where a list of activities stands.
pub(super) struct Around<'a> {
    pub(super) factory: Option<&'a Factory>,
    /// The activities that the list is in, outermost first, and whether one runs it side by side with itself.
    pub(super) containers: &'a [(ActivityKind, bool)],
}

/// Reports what there is to say of a list of activities and of the lists within.
pub(super) fn check(activities: &[Value], path: &str, around: &Around<'_>, findings: &mut Findings) {
    for (index, activity) in activities.iter().enumerate() {
        let path = element(path, index);
        let type_name = activity.get("type").and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = ActivityKind::of(type_name) else {
            let is_inactive =
                activity.get("state").and_then(Value::as_str).is_some_and(|it| it.eq_ignore_ascii_case("inactive"));
            if !is_inactive {
                let message =
                    format!("Ropeway does not run {type_name} activities; a pipeline with an active one will not run");
                findings.warning("unsupported-activity", &property(&path, "type"), message);
            }
            continue;
        };
        nesting(kind, &path, around.containers, findings);
        if kind == ActivityKind::Copy {
            copy(activity, &path, around.factory, findings);
        } else if let Some(settings) = activity.get("typeProperties") {
            work::check(type_name, settings, &property(&path, "typeProperties"), Moment::Validate, findings);
        }
        let sequential =
            activity.get("typeProperties").and_then(|it| it.get("isSequential")) == Some(&Value::Bool(true));
        let side_by_side = kind == ActivityKind::ForEach && !sequential;
        let containers = [around.containers, &[(kind, side_by_side)]].concat();
        for (_, values, path) in inner_lists(kind, activity, &path) {
            check(values, &path, &Around { factory: around.factory, containers: &containers }, findings);
        }
    }
}

/// What Data Factory does not accept inside another activity, and what is unlikely to be meant.
fn nesting(kind: ActivityKind, path: &str, containers: &[(ActivityKind, bool)], findings: &mut Findings) {
    use ActivityKind::{ForEach, If, SetVariable, Switch, Until, Validation};
    let within = |kinds: &[ActivityKind]| containers.iter().any(|(outer, _)| kinds.contains(outer));
    let refused = match kind {
        ForEach | Until => within(&[ForEach, Until, If, Switch]),
        If | Switch => within(&[If, Switch]),
        Validation => !containers.is_empty(),
        _ => false,
    };
    if refused {
        let message = "Data Factory does not accept this activity inside the one around it, and wants a pipeline of its own for it";
        findings.warning("nested-activity", &property(path, "type"), message);
    }
    if kind == SetVariable && containers.iter().any(|(_, side_by_side)| *side_by_side) {
        let message = "a variable belongs to the whole pipeline: iterations that run side by side set it over each other, and \
                       the last one stays";
        findings.warning("shared-variable", path, message);
    }
}

fn copy(activity: &Value, activity_path: &str, factory: Option<&Factory>, findings: &mut Findings) {
    let path = activity_path;
    let Some(settings) = activity.get("typeProperties") else { return };
    for end in [End::Source, End::Sink] {
        if let Some((path, message)) = factory.and_then(|factory| refused_end(activity, path, end, factory)) {
            findings.warning("unsupported-type", &path, format!("{message}; this copy will not run"));
        }
    }
    let newer = factory.and_then(|factory| older::newer(activity, path, factory, findings));
    let path = property(path, "typeProperties");
    support::check(settings, "CopyActivityTypeProperties", &path, Moment::Validate, findings);
    let settings = newer.as_ref().unwrap_or(settings);
    skipping::check(settings, &path, factory, Moment::Validate, findings);
    let is_binary = binary::check(settings, &path, Moment::Validate, findings);
    if !is_binary && let Some((path, message)) = factory.and_then(|factory| unwritten(activity, activity_path, factory))
    {
        findings.warning("unsupported-type", &path, format!("{message}; this copy will not run"));
    }
    let translator = settings.get("translator").filter(|value| value.is_object() && !is_dynamic(value));
    translator::mapping(translator, settings, &path, &mut Reporter { moment: Moment::Validate, findings });
}

/// Why the types of one end of a copy do not go together, where that is known.
fn refused_end(activity: &Value, path: &str, end: End, factory: &Factory) -> Option<(String, String)> {
    let (path, dataset) = dataset(activity, path, end, factory)?;
    let service = reference::read(dataset.properties.get("linkedServiceName")?, Kind::LinkedService, &path)?;
    let service = factory.get(Kind::LinkedService, &service.name)?;
    let copy = activity.get("typeProperties")?.get(end.key())?.get("type")?.as_str()?;
    let message = support::refusal(end, service.type_name(), dataset.type_name(), copy)?;
    Some((path, message))
}

/// Why rows cannot be written to the files of a copy's sink, where that is known.
fn unwritten(activity: &Value, path: &str, factory: &Factory) -> Option<(String, String)> {
    let (path, dataset) = dataset(activity, path, End::Sink, factory)?;
    support::unwritten(&dataset.type_properties()).map(|message| (path, message))
}

/// The dataset of one end of a copy, if the factory has it, and where it is named.
fn dataset<'a>(activity: &Value, path: &str, end: End, factory: &'a Factory) -> Option<(String, &'a Definition)> {
    let path = element(&property(path, end.references()), 0);
    let named = reference::read(activity.get(end.references())?.get(0)?, Kind::Dataset, &path)?;
    factory.get(Kind::Dataset, &named.name).map(|dataset| (path, dataset))
}
