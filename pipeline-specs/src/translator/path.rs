//! The JSON paths of a mapping: names and indexes, one after the other.

use serde_json::{Value, json};

/// A path, as far as a copy can follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// True if it begins at the root of an object, not at an element of the collection.
    pub(super) from_root: bool,
    pub(super) steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

impl Step {
    /// As connectors read it.
    pub(super) fn as_setting(&self) -> Value {
        match self {
            Self::Name(name) => json!({ "name": name }),
            Self::Index(index) => json!({ "index": index }),
        }
    }
}

impl Path {
    /// Reads `$.orders[0]['name with spaces']`; what does not begin with `$` is relative.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let from_root = text.starts_with('$');
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        if !from_root && !rest.starts_with(['.', '[']) {
            steps.push(dotted(&mut rest)?);
        }
        while !rest.is_empty() {
            steps.push(match rest.as_bytes() {
                [b'[', ..] => bracketed(&mut rest)?,
                [b'.', ..] => {
                    rest = &rest[1..];
                    dotted(&mut rest)?
                }
                _ => return Err("a dot or a bracket is missing between two of its steps".to_owned()),
            });
        }
        Ok(Self { from_root, steps })
    }

    /// The same of an array, all of whose elements are meant: `$.orders[*]` is `$.orders`.
    pub(super) fn of_array(text: &str) -> Result<Self, String> {
        Self::read(text.trim().strip_suffix("[*]").unwrap_or(text))
    }
}

fn dotted(rest: &mut &str) -> Result<Step, String> {
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    *rest = behind;
    match name {
        "" => Err("only names and indexes can be followed, not '..'; write the whole path".to_owned()),
        "*" => {
            Err("only names and indexes can be followed, not '*'; an array of rows is 'collectionReference'".to_owned())
        }
        name => Ok(Step::Name(name.to_owned())),
    }
}

/// `['name']`, `["name"]` or `[0]`.
fn bracketed(rest: &mut &str) -> Result<Step, String> {
    let inner = &rest[1..];
    let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let (index, behind) = inner.split_once(']').ok_or("a bracket has no end")?;
        *rest = behind;
        return index.trim().parse().map(Step::Index).map_err(|_| {
            format!("only names in quotes and indexes can stand in brackets, not '{index}'; an array of rows is 'collectionReference'")
        });
    };
    let (mut name, mut escaped) = (String::new(), false);
    for (position, c) in inner.char_indices().skip(1) {
        match c {
            _ if escaped => {
                name.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => {
                *rest = inner[position + 1..].strip_prefix(']').ok_or("a bracket has no end")?;
                return Ok(Step::Name(name));
            }
            c => name.push(c),
        }
    }
    Err("a quote has no end".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indexes_are_followed() {
        let name = |name: &str| Step::Name(name.to_owned());
        for (text, from_root, steps) in [
            ("$", true, vec![]),
            ("$.a.b", true, vec![name("a"), name("b")]),
            ("$['a b'].c[2][\"d\"]", true, vec![name("a b"), name("c"), Step::Index(2), name("d")]),
            ("['it\\'s']", false, vec![name("it's")]),
            ("prod", false, vec![name("prod")]),
            ("[0].x", false, vec![Step::Index(0), name("x")]),
            ("$['@id']['_value_']", true, vec![name("@id"), name("_value_")]),
        ] {
            assert_eq!(Path::read(text), Ok(Path { from_root, steps }), "{text}");
        }
        assert_eq!(Path::of_array("$.a[*]"), Path::read("$.a"));
    }

    #[test]
    fn what_cannot_be_followed_is_said() {
        for text in
            ["$..a", "$.*", "$.a[*]", "$[?(@.x)]", "$[1:2]", "$['a", "$['a'", "$[", "$a", "$['a']b", "$.", "$[-1]"]
        {
            assert!(Path::read(text).is_err(), "{text}");
        }
    }
}
