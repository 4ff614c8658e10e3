//! The columns of hierarchical data: their names from the definition or the data, their types from the data.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use arrow::datatypes::{Field, Schema};
use ropeway_engine::{Error, ErrorKind, Result, source::SOURCE_TYPE};

use super::{
    Columns, Hierarchy, Records,
    cell::{Kind, Seen},
    tree::{self, Place, Trees},
};

/// Bytes of text that decide the types. Most files are smaller; in a larger one, a later value that does not fit is an
/// error.
const SAMPLE: usize = 64 << 20;

/// Columns at most: each costs memory of its own.
const MOST_COLUMNS: usize = 10_000;

pub(super) fn columns(hierarchy: &Hierarchy, records: &mut dyn Records) -> Result<Columns> {
    let sample = match &hierarchy.columns {
        Some(_) => of_paths(hierarchy, records)?,
        None => of_properties(records)?,
    };
    if sample.is_empty() {
        return Err(Error::new(
            ErrorKind::Data,
            "the file has no object with a property, so that nothing says which columns there are; leave the file out, or \
             name the columns in the translator's mappings",
        ));
    }
    let complex_as_text = hierarchy.complex_as_text;
    if let Some((name, _)) = sample.iter().find(|(_, seen)| seen.is_complex() && !complex_as_text) {
        return Err(complex(name));
    }
    let texts: HashSet<&str> = hierarchy.columns.iter().flatten().filter(|c| c.text).map(|c| c.name.as_str()).collect();
    let kind = |(name, seen): &(String, Seen)| {
        if texts.contains(name.as_str()) { Kind::Text } else { seen.kind() }
    };
    let kinds: Vec<Kind> = sample.iter().map(kind).collect();
    let names: Vec<String> = sample.into_iter().map(|(name, _)| name).collect();
    let fields = names.iter().zip(&kinds).map(|(name, kind)| {
        let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), kind.name().to_owned())]);
        Field::new(name, kind.data_type(), true).with_metadata(metadata)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(Columns { schema, trees: Arc::new(Trees::of(hierarchy, &names)?), kinds, complex_as_text })
}

/// The error of an object or array that stands where a single value is expected.
pub(super) fn complex(column: &str) -> Error {
    Error::new(
        ErrorKind::Data,
        "an object or array is no value of a column; map its parts by their paths, or set the translator's \
         mapComplexValuesToString to copy it as text",
    )
    .with("column", column.escape_debug())
    .code("JsonUnsupportedHierarchicalComplexValue")
}

/// All properties at the top, in the order in which they first appear.
fn of_properties(records: &mut dyn Records) -> Result<Vec<(String, Seen)>> {
    let mut columns: Vec<(String, Seen)> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    sampled(records, |text| {
        for (name, value) in tree::entries(text)? {
            let position = match positions.get(name.as_ref()) {
                Some(position) => *position,
                None if columns.len() == MOST_COLUMNS => return Err(too_many()),
                None => {
                    positions.insert(name.clone().into_owned(), columns.len());
                    columns.push((name.into_owned(), Seen::default()));
                    columns.len() - 1
                }
            };
            if value.get() != "null" {
                columns[position].1.add(value.get());
            }
        }
        Ok(())
    })?;
    Ok(columns)
}

/// The columns that the definition names.
fn of_paths(hierarchy: &Hierarchy, records: &mut dyn Records) -> Result<Vec<(String, Seen)>> {
    let names = hierarchy.columns.iter().flatten().map(|column| (column.name.clone(), Seen::default()));
    let mut columns: Vec<_> = names.collect();
    if columns.len() > MOST_COLUMNS {
        return Err(too_many());
    }
    let trees = Trees::of(hierarchy, &[])?;
    sampled(records, |text| {
        let found = trees.record(text)?;
        let mut look = |cells: &[Place]| {
            for ((_, seen), place) in columns.iter_mut().zip(cells) {
                if let Some(place) = place {
                    seen.add(&text[place.clone()]);
                }
            }
        };
        look(&found.root);
        for element in found.elements {
            let mut cells = vec![None; found.root.len()];
            trees.element(text, element, &mut cells)?;
            look(&cells);
        }
        Ok(())
    })?;
    Ok(columns)
}

fn sampled(records: &mut dyn Records, mut look: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let (mut text, mut bytes) = (String::new(), 0);
    while bytes < SAMPLE && records.next(&mut text)? {
        bytes += text.len();
        look(&text)?;
        text.clear();
    }
    Ok(())
}

fn too_many() -> Error {
    Error::new(
        ErrorKind::Data,
        "the objects have more different properties than columns can be read; map those that are wanted",
    )
    .with("limit", MOST_COLUMNS)
}
