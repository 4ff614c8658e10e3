//! How a definition of version 1 is told from one of version 2.

use serde_json::{Map, Value};

use crate::schema::get;

/// Version 1 is told by what version 2 has no more: schedules, gateways, references by plain name.
pub(crate) fn is_version_1(root: &Map<String, Value>, properties: &Map<String, Value>) -> bool {
    let schema = get(root, "$schema").and_then(Value::as_str).unwrap_or_default();
    let type_name = get(properties, "type").and_then(Value::as_str).unwrap_or_default();
    let has = |name| get(properties, name).is_some();
    let plain_reference = get(properties, "linkedServiceName").is_some_and(Value::is_string);
    let first_location = !has("typeProperties") && get(properties, "location").is_some_and(Value::is_object);
    schema.contains("datafactories")
        || type_name.starts_with("OnPremises")
        || type_name.ends_with("LinkedService")
        || (has("activities") && has("start") && has("end"))
        || has("availability")
        || has("hubName")
        || plain_reference
        || first_location
        || get(properties, "activities")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(is_version_1_activity))
}

/// Its types and its references by `name` have no other reading.
fn is_version_1_activity(activity: &Value) -> bool {
    let member = |name| activity.as_object().and_then(|object| get(object, name));
    let type_name = member("type").and_then(Value::as_str).unwrap_or_default();
    let by_name = |end: Option<&Value>| {
        let ends = end.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        ends.clone().any(|end| get(end, "name").is_some() && get(end, "referenceName").is_none())
    };
    matches!(type_name, "CopyActivity" | "CustomActivity" | "HDInsightActivity" | "DotNetActivity")
        || by_name(member("inputs"))
        || by_name(member("outputs"))
}
