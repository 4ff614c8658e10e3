//! A [`Value`] from strict JSON, noting duplicate keys with their paths and refusing deep nesting.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::MAX_DEPTH;
use crate::diagnostic::{element, property};

/// Parses `text`; duplicate keys go to `problems` as (path, message), and the first value is kept.
pub(super) fn value(text: &str, problems: &mut Vec<(String, String)>) -> serde_json::Result<Value> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Node { path: "$".to_owned(), depth: 0, problems }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Node<'p> {
    path: String,
    depth: usize,
    problems: &'p mut Vec<(String, String)>,
}

impl Node<'_> {
    fn child(&mut self, path: String) -> Node<'_> {
        Node { path, depth: self.depth + 1, problems: self.problems }
    }

    fn descend<E: Error>(&self) -> Result<(), E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nested more than {MAX_DEPTH} levels deep at {}", self.path)));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        self.descend()?;
        let mut array = Vec::new();
        loop {
            let path = element(&self.path, array.len());
            let Some(value) = elements.next_element_seed(self.child(path))? else { return Ok(Value::Array(array)) };
            array.push(value);
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        self.descend()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let path = property(&self.path, &key);
            let value = entries.next_value_seed(self.child(path.clone()))?;
            if object.contains_key(&key) {
                let message = format!("the key '{key}' occurs twice in one object; remove one of them");
                self.problems.push((path, message));
            } else {
                object.insert(key, value);
            }
        }
        Ok(Value::Object(object))
    }
}
