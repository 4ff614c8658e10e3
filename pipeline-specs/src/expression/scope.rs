//! What an expression can refer to.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The roots of one place in a definition: `pipeline()`, `dataset()`, `activity('X')` and so on.
#[derive(Clone)]
pub(crate) struct Scope {
    roots: BTreeMap<&'static str, Root>,
    later: BTreeSet<String>,
    pub(super) now: DateTime<Utc>,
    seed: String,
    draws: Cell<u64>,
}

#[derive(Clone)]
pub(super) enum Root {
    /// `name()` is this value.
    Value(Value),
    /// `name('key')` is the value under that key; the text says what a key is.
    Keyed(&'static str, BTreeMap<String, Value>),
}

impl Scope {
    /// A scope without roots. `now` is what `utcNow()` says throughout; `seed` and the number of the call give
    /// each `guid()` and `rand()`, so that a resumed run sees the same ones.
    pub(crate) fn new(now: DateTime<Utc>, seed: &str) -> Self {
        Self { roots: BTreeMap::new(), later: BTreeSet::new(), now, seed: seed.to_owned(), draws: Cell::new(0) }
    }

    /// The next 16 bytes that nobody can guess who does not know the seed.
    pub(super) fn draw(&self) -> [u8; 16] {
        let call = self.draws.replace(self.draws.get() + 1);
        let digest = Sha256::digest(format!("{}\n{call}", self.seed));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        bytes
    }

    /// Adds `name()`.
    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.roots.insert(name, Root::Value(value));
        self
    }

    /// Adds `name('key')`; `what` names a key in messages.
    pub(crate) fn with_keyed(
        mut self,
        name: &'static str,
        what: &'static str,
        values: BTreeMap<String, Value>,
    ) -> Self {
        self.roots.insert(name, Root::Keyed(what, values));
        self
    }

    /// Says which variables the run has later.
    pub(crate) fn with_later(mut self, names: &BTreeSet<String>) -> Self {
        self.later.clone_from(names);
        self
    }

    /// Whether this is a variable that the run has later.
    pub(super) fn is_set_later(&self, root: &str, key: &str) -> bool {
        root.eq_ignore_ascii_case("variables") && self.later.iter().any(|name| name.eq_ignore_ascii_case(key))
    }

    /// The root of that name in any case.
    pub(super) fn root(&self, name: &str) -> Option<&Root> {
        self.roots.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, root)| root)
    }

    /// The roots as a person writes them.
    pub(super) fn available(&self) -> Vec<String> {
        self.roots
            .iter()
            .map(|(name, root)| match root {
                Root::Value(_) => format!("{name}()"),
                Root::Keyed(..) => format!("{name}('...')"),
            })
            .collect()
    }
}
