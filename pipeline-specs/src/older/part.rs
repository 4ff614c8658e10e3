//! An object of version 1, whose members are taken out one by one.

use serde_json::{Map, Value};

use crate::{diagnostic::property, older::Notes};

/// An object and where it stands. Version 1 writes keys in any case; what nobody took has no equal in version 2.
#[derive(Default)]
pub(crate) struct Part {
    members: Map<String, Value>,
    path: String,
}

impl Part {
    pub(crate) fn new(members: Map<String, Value>, path: &str) -> Self {
        Self { members, path: path.to_owned() }
    }

    /// The object that a value is; nothing else has members.
    pub(crate) fn of(value: Option<Value>, path: &str) -> Self {
        let members = match value {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        Self::new(members, path)
    }

    /// Where the object stands.
    pub(crate) fn place(&self) -> &str {
        &self.path
    }

    /// Where a member stands.
    pub(crate) fn path(&self, name: &str) -> String {
        property(&self.path, name)
    }

    /// Takes members that are not needed, and says of each that is there why not.
    pub(crate) fn leave_out(&mut self, members: &[(&str, &str)], notes: &mut Notes) {
        for (name, why) in members {
            if self.take(name).is_some_and(|value| value != Value::Bool(false)) {
                notes.dropped(&self.path(name), &format!("'{name}' is left out: {why}"));
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A member without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<&Value> {
        crate::schema::get(&self.members, name).filter(|value| !value.is_null())
    }

    /// The member of that name in any case, unless it is null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        let key = self.members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        self.members.shift_remove(&key).filter(|value| !value.is_null())
    }

    /// The member as text; a number is text too.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// The member as an object, an empty one if there is none.
    pub(crate) fn part(&mut self, name: &str) -> Self {
        let path = self.path(name);
        Self::of(self.take(name), &path)
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.members
    }

    /// Says of everything that was not taken that it has no equal.
    pub(crate) fn report_rest(self, what: &str, notes: &mut Notes) {
        for (name, value) in self.members.iter().filter(|(_, value)| !value.is_null()) {
            let empty = value.as_object().is_some_and(Map::is_empty);
            if !empty {
                notes.dropped(&property(&self.path, name), &format!("'{name}' of {what} has no equal and is left out"));
            }
        }
    }
}
