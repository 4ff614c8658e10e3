//! Plausible values for what a person gives to a pipeline: its parameters, and what a run would find out on its way.

use serde_json::{Map, Value, json};

/// A value for every parameter of a pipeline that has no default, or the default `/`, which is no container; and for every
/// object, which needs what the pipeline's expressions read of it.
pub(super) fn of_parameters(pipeline: &Value) -> Map<String, Value> {
    let text = pipeline.to_string();
    let declared = pipeline["properties"]["parameters"].as_object().into_iter().flatten();
    let mut given = Map::new();
    for (name, parameter) in declared {
        let type_name = parameter["type"].as_str().unwrap_or("String").to_ascii_lowercase();
        let value = match type_name.as_str() {
            "object" => object(&text, &format!("pipeline().parameters.{name}")),
            _ if parameter.get("defaultValue").is_some_and(|default| *default != "/") => continue,
            "bool" => json!(true),
            "int" | "float" => json!(1),
            "array" => json!([]),
            _ => leaf(name),
        };
        given.insert(name.clone(), value);
    }
    given
}

/// The Copy of a pipeline of its own, with a value wherever it asks for an item, a variable or an activity.
pub(super) fn known(copy: &Value) -> Value {
    let mut text = copy.to_string();
    for (start, end) in [("item()", ""), ("variables('", "')"), ("activity('", "')")] {
        while let Some(at) = text.find(start) {
            let rest = &text[at + start.len()..];
            let key = if end.is_empty() { 0 } else { rest.find(end).expect("a key") + end.len() };
            let path = path(&rest[key..]);
            let value = match leaf(&rest[..key + path.len()]) {
                Value::String(text) => format!("'{text}'"),
                // It stands in a text of JSON.
                Value::Object(object) => {
                    format!("json('{}')", json!(Value::from(object).to_string()).to_string().trim_matches('"'))
                }
                other => other.to_string(),
            };
            let asked = start.len() + key + path.len();
            text.replace_range(at..at + asked, &value);
        }
    }
    let mut alone: Value = serde_json::from_str(&text).expect("still JSON");
    alone.as_object_mut().expect("an object").remove("dependsOn");
    alone
}

/// An object with all that a text reads of it.
fn object(text: &str, root: &str) -> Value {
    let mut object = json!({});
    for rest in text.split(root).skip(1) {
        let steps: Vec<&str> = path(rest).split(['.', '?']).filter(|step| !step.is_empty()).collect();
        insert(&mut object, &steps);
    }
    object
}

fn insert(place: &mut Value, steps: &[&str]) {
    let [step, rest @ ..] = steps else { return };
    if !place.is_object() {
        *place = json!({});
    }
    let member = &mut place[*step];
    match rest {
        [] if member.is_null() => *member = leaf(step),
        rest => insert(member, rest),
    }
}

/// The steps `.a?.b[0]` that a text begins with.
fn path(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '?');
    let mut end = 0;
    while let Some(step) = text[end..].strip_prefix(['.', '?']) {
        end = text.len() - step.trim_start_matches(is_part).len();
        if let Some((index, rest)) = text[end..].strip_prefix('[').and_then(|index| index.split_once(']'))
            && index.bytes().all(|byte| byte.is_ascii_digit())
        {
            end = text.len() - rest.len();
        }
    }
    &text[..end]
}

/// A name as a container, a file or a table could have it.
pub(super) fn plain(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    plain[plain.len().saturating_sub(60)..].to_owned()
}

/// A value as its name suggests.
fn leaf(name: &str) -> Value {
    let lower = name.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    if has("precopy") {
        return json!("");
    }
    if has("query") || (has("sql") && has("statement")) {
        return json!("SELECT id, name FROM dbo.source");
    }
    if has("mapping") {
        return json!({ "type": "TabularTranslator" });
    }
    if has("firstrow") || has("autocreate") || has("recursive") || has("deleteafter") {
        return json!(!has("recursive") && !has("deleteafter"));
    }
    if lower.ends_with("count") || has("connections") || has("parallelism") || has("lines") {
        return json!(if has("skip") { 0 } else { 1 });
    }
    if has("schema") && !has("file") {
        return json!("dbo");
    }
    if has("sheet") {
        return json!(super::files::SHEET);
    }
    if has("slice") || has("window") || has("watermark") {
        return json!("2026-01-01T00:00:00Z");
    }
    json!(plain(name))
}
