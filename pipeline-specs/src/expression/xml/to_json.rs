//! XML as JSON.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::{declaration, declared, is_layout, parse, written_name};

/// The JSON of a document.
pub(in crate::expression) fn to_json(text: &str) -> Result<Value, String> {
    let document = parse(text)?;
    let mut object = Map::new();
    if let Some(attributes) = xml_declaration(text)? {
        object.insert("?xml".to_owned(), attributes.into());
    }
    members(document.root(), &mut object);
    Ok(object.into())
}

/// `<?xml version="1.0"?>`, which the tree does not keep, read as the attributes of an element.
fn xml_declaration(text: &str) -> Result<Option<Map<String, Value>>, String> {
    let Some((attributes, _)) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")) else {
        return Ok(None);
    };
    let element = format!("<xml{attributes}/>");
    let document = Document::parse(&element).map_err(|error| format!("needs XML with a right declaration: {error}"))?;
    Ok(Some(attributes_of(document.root_element())))
}

fn attributes_of(element: Node<'_, '_>) -> Map<String, Value> {
    let source = element.document().input_text();
    let own = element.attributes().map(|attribute| (source[attribute.range_qname()].to_owned(), attribute.value()));
    let namespaces = declared(element).map(|(prefix, uri)| (declaration(prefix), uri));
    own.chain(namespaces).map(|(name, value)| (format!("@{name}"), value.into())).collect()
}

fn element(element: Node<'_, '_>) -> Value {
    let mut object = attributes_of(element);
    members(element, &mut object);
    match object.len() {
        0 => Value::Null,
        1 if object.get(TEXT).is_some_and(Value::is_string) => object.remove(TEXT).unwrap_or_default(),
        _ => object.into(),
    }
}

const TEXT: &str = "#text";

/// Adds what an element has inside. Remarks are not data.
fn members(parent: Node<'_, '_>, object: &mut Map<String, Value>) {
    for child in parent.children().filter(|child| !is_layout(*child)) {
        if child.is_element() {
            add(object, written_name(child), element(child));
        } else if let Some(instruction) = child.pi() {
            add(object, &format!("?{}", instruction.target), instruction.value.unwrap_or_default().into());
        } else if child.is_text() {
            add(object, TEXT, child.text().unwrap_or_default().into());
        }
    }
}

/// A name that comes twice is an array.
fn add(object: &mut Map<String, Value>, name: &str, value: Value) {
    match object.get_mut(name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            object.insert(name.to_owned(), value);
        }
    }
}
