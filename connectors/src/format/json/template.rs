//! What stands around the values of an object: the same in every row.

use arrow::datatypes::Schema;
use ropeway_engine::{Error, ErrorKind, Result};

use super::{form::quoted, settings::SinkPath};

/// The columns in the order of their objects, each with what stands before its value.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) columns: Vec<(Vec<u8>, usize)>,
    pub(super) end: Vec<u8>,
}

/// A property: a column, or an object of its own.
enum Node {
    Column(usize),
    Object(Vec<(String, Node)>),
}

impl Template {
    /// `ascii` says that other characters of names are escaped.
    ///
    /// # Errors
    /// Paths of which one would replace the other.
    pub(super) fn of(schema: &Schema, paths: &[SinkPath], ascii: bool) -> Result<Self> {
        let mut root = Vec::new();
        for (position, field) in schema.fields().iter().enumerate() {
            let own = [field.name().clone()];
            let path = paths.iter().find(|path| path.name == *field.name()).map_or(&own[..], |path| &path.path);
            insert(&mut root, path, position).ok_or_else(|| {
                Error::new(
                    ErrorKind::Spec,
                    "two columns are mapped to one place of an object, or one into the value of another; correct the paths",
                )
                .with("column", field.name().escape_debug())
            })?;
        }
        let mut template = Self { columns: Vec::new(), end: Vec::new() };
        let mut pending = Vec::new();
        template.add(&root, ascii, &mut pending)?;
        template.end = pending;
        Ok(template)
    }

    fn add(&mut self, object: &[(String, Node)], ascii: bool, pending: &mut Vec<u8>) -> Result<()> {
        pending.push(b'{');
        for (position, (name, node)) in object.iter().enumerate() {
            if position > 0 {
                pending.push(b',');
            }
            quoted(name, ascii, pending)?;
            pending.push(b':');
            match node {
                Node::Column(column) => self.columns.push((std::mem::take(pending), *column)),
                Node::Object(object) => self.add(object, ascii, pending)?,
            }
        }
        pending.push(b'}');
        Ok(())
    }
}

/// Puts a column at its path; `None` if something stands there.
fn insert(object: &mut Vec<(String, Node)>, path: &[String], column: usize) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let known = object.iter().position(|(name, _)| name == first);
    if rest.is_empty() {
        if known.is_some() {
            return None;
        }
        object.push((first.clone(), Node::Column(column)));
        return Some(());
    }
    let position = known.unwrap_or_else(|| {
        object.push((first.clone(), Node::Object(Vec::new())));
        object.len() - 1
    });
    match &mut object[position].1 {
        Node::Object(inner) => insert(inner, rest, column),
        Node::Column(_) => None,
    }
}
