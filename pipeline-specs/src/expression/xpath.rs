//! XPath 1.0 on a document: all of it but variables, `id()`, `lang()` and the axes `namespace`, `following` and
//! `preceding`, which are refused by name.

mod evaluate;
mod functions;
mod nodes;
mod parser;
mod syntax;

use roxmltree::Document;
use serde_json::{Number, Value};

use self::{evaluate::Evaluation, nodes::Item, syntax::Outcome};
use super::{content::Content, functions::MAX_BYTES, xml::outer_xml};

/// What an XPath gives: a number, a text, true or false, or an array of nodes. Elements stay XML; texts and attributes
/// are their values.
pub(super) fn evaluate(document: &Document<'_>, xpath: &str) -> Result<Value, String> {
    let expr = parser::parse(xpath)
        .map_err(|error| format!("cannot read the XPath: {} (at its character {})", error.message, error.at + 1))?;
    Ok(match Evaluation::new(document).run(&expr)? {
        Outcome::Boolean(flag) => flag.into(),
        Outcome::Text(text) => text.into(),
        Outcome::Number(number) => match (whole(number), Number::from_f64(number)) {
            (Some(whole), _) => whole,
            (None, Some(float)) => float.into(),
            (None, None) => return Err("gives no finite number".to_owned()),
        },
        Outcome::Nodes(nodes) => array(&nodes)?,
    })
}

/// Sums and counts are integers where they can be.
fn whole(number: f64) -> Option<Value> {
    (number.fract() == 0.0 && number.abs() < 9e15).then(|| (number as i64).into())
}

fn array(nodes: &[Item<'_>]) -> Result<Value, String> {
    let (mut values, mut bytes) = (Vec::new(), 0);
    for node in nodes {
        let value = match node {
            Item::Node(node) if !node.is_text() => {
                let xml = outer_xml(*node);
                bytes += xml.len();
                Content::xml(xml).into()
            }
            other => {
                let text = other.text();
                bytes += text.len();
                Value::from(text)
            }
        };
        if bytes > MAX_BYTES {
            return Err(format!("would give nodes of more than {MAX_BYTES} bytes"));
        }
        values.push(value);
    }
    Ok(values.into())
}
