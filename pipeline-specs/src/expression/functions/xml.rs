//! XML: from text and JSON, and asked with XPath.

use serde_json::Value;

use super::{
    Function,
    argument::{text, wrong},
};
use crate::expression::{content::Content, scope::Scope, xml, xpath};

pub(super) const TABLE: &[Function] = &[
    Function { name: "xml", arguments: 1..=1, call: to_xml },
    Function { name: "xpath", arguments: 2..=2, call: ask },
];

/// Text is XML already, or else the JSON of an object.
fn to_xml(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let text = match (&arguments[0], Content::of(&arguments[0])) {
        (_, Some(content)) => content.into_text()?,
        (Value::Object(object), None) => xml::of_json(object)?,
        (Value::String(text), None) if text.trim_start().starts_with('{') => {
            let object = serde_json::from_str(text).map_err(|error| format!("needs JSON or XML text: {error}"))?;
            xml::of_json(&object)?
        }
        (Value::String(text), None) => text.clone(),
        _ => return Err(wrong(arguments, 0, "text or an object")),
    };
    xml::parse(&text)?;
    Ok(Content::xml(text).into())
}

fn ask(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let document = match (&arguments[0], Content::of(&arguments[0])) {
        (_, Some(content)) => content.into_text()?,
        (Value::String(text), None) => text.clone(),
        _ => return Err(wrong(arguments, 0, "XML")),
    };
    xpath::evaluate(&xml::parse(&document)?, text(arguments, 1)?)
}
