//! XML documents, and their JSON in the convention of Json.NET: `@name` is an attribute, `#text` the text beside them,
//! `?xml` the declaration, and elements of the same name are an array.

mod from_json;
mod to_json;
mod write;

use roxmltree::{Document, Node, ParsingOptions};

pub(super) use self::{from_json::of_json, to_json::to_json, write::outer_xml};
use crate::json::MAX_DEPTH;

/// Elements and texts of one document, and namespaces of one element.
const MAX_NODES: u32 = 100_000;
const MAX_NAMESPACES: usize = 64;

/// Reads a document. One that brings its own entities (a DTD) is refused.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| format!("needs XML: {error}"))?;
    // Everything behind this walks down the tree by calling itself. An element's ancestors are itself, those around it
    // and the document.
    let too_deep = |node: Node<'_, '_>| node.ancestors().nth(MAX_DEPTH + 1).is_some();
    if document.descendants().any(|node| node.is_element() && too_deep(node)) {
        return Err(format!("needs XML that is nested at most {MAX_DEPTH} levels deep"));
    }
    if document.descendants().any(|node| node.namespaces().len() > MAX_NAMESPACES) {
        return Err(format!("needs XML whose elements have at most {MAX_NAMESPACES} namespaces each"));
    }
    Ok(document)
}

/// White space between elements is layout, not text.
pub(super) fn is_layout(node: Node<'_, '_>) -> bool {
    node.is_text() && node.text().is_none_or(|text| text.trim_matches([' ', '\t', '\r', '\n']).is_empty())
}

/// The name as it is written, with its prefix.
pub(super) fn written_name<'i>(node: Node<'_, 'i>) -> &'i str {
    let source = &node.document().input_text()[node.range()];
    let name = source.trim_start_matches('<');
    &name[..name.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(name.len())]
}

/// The namespaces that an element declares itself: prefix (none for the default one) and URI.
fn declared<'a>(node: Node<'a, '_>) -> impl Iterator<Item = (Option<&'a str>, &'a str)> {
    node.namespaces()
        .filter(move |namespace| {
            let inherited = node.parent().and_then(|parent| parent.lookup_namespace_uri(namespace.name()));
            inherited != Some(namespace.uri())
        })
        .map(|namespace| (namespace.name(), namespace.uri()))
}

/// `xmlns` or `xmlns:prefix`.
fn declaration(prefix: Option<&str>) -> String {
    prefix.map_or_else(|| "xmlns".to_owned(), |prefix| format!("xmlns:{prefix}"))
}
