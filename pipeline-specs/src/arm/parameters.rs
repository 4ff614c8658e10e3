//! The file of parameters beside a template.

use std::path::Path;

use serde_json::{Map, Value};

use crate::schema::get;

/// The values in a file of parameters; `None` if the object is not one.
pub(crate) fn given(root: Map<String, Value>) -> Option<Map<String, Value>> {
    let parameters = get(&root, "parameters").and_then(Value::as_object)?;
    let is_given = |value: &Value| value.as_object().is_some_and(|value| get(value, "value").is_some());
    let schema = get(&root, "$schema").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let is_file = schema.contains("deploymentparameters") || parameters.values().all(is_given);
    is_file.then(|| parameters.clone())
}

/// Whether a file's name says that it holds the parameters of this template: `X.parameters.json` for `X.json`, or
/// `ARMTemplateParametersForFactory.json` for `ARMTemplateForFactory.json`.
pub(crate) fn is_for(file: &Path, template: &Path) -> bool {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain = |text: String| text.replace(['.', '_', '-'], "");
    let (file, template) = (stem(file), stem(template));
    file.contains("parameters") && plain(file.replace("parameters", "")) == plain(template)
}
