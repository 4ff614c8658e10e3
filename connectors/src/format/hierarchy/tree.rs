//! Where the columns are in an object: found in one pass over it.

use std::{borrow::Cow, collections::HashMap, fmt, ops::Range};

use ropeway_engine::{Error, ErrorKind, Result};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::Hierarchy;

/// Objects within each other at most.
const DEEPEST: usize = 64;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::format) enum Step {
    /// A property of an object.
    Name(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// Where a value stands in the text of its record; `None` if it is null or absent.
pub(super) type Place = Option<Range<usize>>;

/// The paths of a hierarchy.
#[derive(Debug, Default)]
pub(super) struct Trees {
    root: Tree,
    element: Tree,
    width: usize,
    has_collection: bool,
}

#[derive(Debug, Default)]
struct Tree {
    names: HashMap<String, Tree>,
    indexes: HashMap<usize, Tree>,
    /// Columns whose value is here.
    columns: Vec<usize>,
    is_collection: bool,
    /// True if every property that may be there is a column.
    is_closed: bool,
}

/// The values of a record.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those of the record itself.
    pub(super) root: Vec<Place>,
    /// The elements of its collection.
    pub(super) elements: Vec<Range<usize>>,
    /// A property that is no column.
    pub(super) unknown: Option<String>,
}

impl Trees {
    /// # Errors
    /// Paths that go too deep.
    pub(super) fn of(hierarchy: &Hierarchy, names: &[String]) -> Result<Self> {
        let mut trees = Self::default();
        if let Some(path) = &hierarchy.collection {
            trees.root.at(path)?.is_collection = true;
            trees.has_collection = true;
        }
        let Some(columns) = &hierarchy.columns else {
            for (position, name) in names.iter().enumerate() {
                trees.root.at(&[Step::Name(name.clone())])?.columns.push(position);
            }
            trees.width = names.len();
            trees.root.is_closed = true;
            return Ok(trees);
        };
        for (position, column) in columns.iter().enumerate() {
            let tree = if column.of_element { &mut trees.element } else { &mut trees.root };
            tree.at(&column.path)?.columns.push(position);
        }
        trees.width = columns.len();
        Ok(trees)
    }

    /// The values of a record.
    ///
    /// # Errors
    /// A text that is no JSON.
    pub(super) fn record(&self, text: &str) -> Result<Found> {
        let mut found = Found { root: vec![None; self.width], ..Found::default() };
        let (mut collection, mut unknown) = (None, None);
        let mut gathering =
            Gathering { text, cells: &mut found.root, collection: &mut collection, unknown: &mut unknown };
        self.root.gather(0..text.len(), &mut gathering)?;
        found.unknown = unknown;
        if let Some(place) = collection.filter(|_| self.has_collection) {
            found.elements = elements(text, place)?;
        }
        Ok(found)
    }

    /// Adds the values of an element of the collection to those of its record.
    pub(super) fn element(&self, text: &str, element: Range<usize>, cells: &mut [Place]) -> Result<()> {
        self.element.gather(element, &mut Gathering { text, cells, collection: &mut None, unknown: &mut None })
    }
}

/// What is gathered from a text.
struct Gathering<'a> {
    text: &'a str,
    cells: &'a mut [Place],
    collection: &'a mut Place,
    unknown: &'a mut Option<String>,
}

impl Tree {
    fn at(&mut self, path: &[Step]) -> Result<&mut Self> {
        if path.len() > DEEPEST {
            return Err(Error::new(ErrorKind::Spec, "a path of the mapping has too many steps; shorten it")
                .with("limit", DEEPEST));
        }
        Ok(path.iter().fold(self, |tree, step| match step {
            Step::Name(name) => tree.names.entry(name.clone()).or_default(),
            Step::Index(index) => tree.indexes.entry(*index).or_default(),
        }))
    }

    fn gather(&self, place: Range<usize>, to: &mut Gathering<'_>) -> Result<()> {
        let value = &to.text[place.clone()];
        let present = value != "null";
        for column in &self.columns {
            to.cells[*column] = present.then(|| place.clone());
        }
        if self.is_collection {
            *to.collection = present.then(|| place.clone());
        }
        if !self.names.is_empty() && value.starts_with('{') {
            for (name, value) in entries(value)? {
                // Of two properties with one name the last one counts, as in Data Factory.
                let Some(tree) = self.names.get(name.as_ref()) else {
                    if self.is_closed {
                        to.unknown.get_or_insert_with(|| name.into_owned());
                    }
                    continue;
                };
                tree.gather(within(to.text, value.get()), to)?;
            }
        }
        if !self.indexes.is_empty() && value.starts_with('[') {
            for (index, value) in array(value)?.into_iter().enumerate() {
                let Some(tree) = self.indexes.get(&index) else { continue };
                tree.gather(within(to.text, value.get()), to)?;
            }
        }
        Ok(())
    }
}

/// Where a part stands in its text.
fn within(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.len()
}

/// The elements of an array; a value that is none is an array of itself, which is how XML has single elements.
fn elements(text: &str, place: Range<usize>) -> Result<Vec<Range<usize>>> {
    let value = &text[place.clone()];
    if !value.starts_with('[') {
        return Ok(vec![place]);
    }
    Ok(array(value)?.into_iter().map(|element| within(text, element.get())).collect())
}

fn array(text: &str) -> Result<Vec<&RawValue>> {
    serde_json::from_str(text).map_err(no_json)
}

/// The properties of an object.
///
/// # Errors
/// A text that is no object.
pub(super) fn entries(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>> {
    serde_json::from_str::<Entries<'_>>(text).map(|entries| entries.0).map_err(no_json)
}

/// What is wrong with a text that is no JSON, without a word of it.
pub(super) fn no_json(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Data, "the file is no JSON; check the file, or the type of the dataset")
        .code("JsonInvalidDataFormat")
        .caused_by(error)
}

/// The properties of an object in their order, values unread.
pub(in crate::format) struct Entries<'a>(pub(in crate::format) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            entries.push((name, value));
        }
        Ok(Entries(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(serde::de::Error::custom("an array stands where an object is expected"))
    }
}

/// A name that is borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}
