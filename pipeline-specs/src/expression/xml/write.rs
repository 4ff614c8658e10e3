//! A part of a document as text of its own.

use std::collections::BTreeSet;

use roxmltree::Node;

use super::{declaration, declared, is_layout, written_name};

/// The text of an element or of a whole document. Namespaces that are declared further up are declared again.
pub(in crate::expression) fn outer_xml(node: Node<'_, '_>) -> String {
    let mut out = String::new();
    write(node, true, &mut out);
    out
}

fn write(node: Node<'_, '_>, is_top: bool, out: &mut String) {
    if let Some(instruction) = node.pi() {
        out.push_str(&format!("<?{} {}?>", instruction.target, instruction.value.unwrap_or_default()));
    } else if node.is_comment() {
        out.push_str(&format!("<!--{}-->", node.text().unwrap_or_default()));
    } else if node.is_text() {
        text(node.text().unwrap_or_default(), out);
    } else if node.is_element() {
        element(node, is_top, out);
    } else {
        node.children().for_each(|child| write(child, true, out));
    }
}

fn element(node: Node<'_, '_>, is_top: bool, out: &mut String) {
    let name = written_name(node);
    out.push('<');
    out.push_str(name);
    let source = node.document().input_text();
    for own in node.attributes() {
        attribute(&source[own.range_qname()], own.value(), out);
    }
    let own: Vec<_> = declared(node).collect();
    let used = if is_top { prefixes(node) } else { BTreeSet::new() };
    for namespace in node.namespaces() {
        let (prefix, uri) = (namespace.name(), namespace.uri());
        if own.contains(&(prefix, uri)) || (used.contains(&prefix) && prefix != Some("xml")) {
            attribute(&declaration(prefix), uri, out);
        }
    }
    let children = || node.children().filter(|child| !is_layout(*child));
    if children().next().is_none() {
        out.push_str(" />");
        return;
    }
    out.push('>');
    children().for_each(|child| write(child, false, out));
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The prefixes that an element and what is inside of it have, none for the default namespace.
fn prefixes<'a>(node: Node<'a, '_>) -> BTreeSet<Option<&'a str>> {
    let source = node.document().input_text();
    let elements = || node.descendants().filter(Node::is_element);
    let of_elements = elements().map(|element| prefix(written_name(element)));
    let of_attributes = elements().flat_map(|element| element.attributes());
    let of_attributes = of_attributes.filter_map(|attribute| prefix(&source[attribute.range_qname()]).map(Some));
    of_elements.chain(of_attributes).collect()
}

fn prefix(name: &str) -> Option<&str> {
    name.split_once(':').map(|(prefix, _)| prefix)
}

/// Adds ` name="value"`.
pub(super) fn attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            '\t' => out.push_str("&#x9;"),
            other => escaped(other, out),
        }
    }
    out.push('"');
}

/// Adds text between elements.
pub(super) fn text(value: &str, out: &mut String) {
    value.chars().for_each(|c| escaped(c, out));
}

fn escaped(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}
