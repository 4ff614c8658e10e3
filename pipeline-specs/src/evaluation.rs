//! Evaluating a part of a definition twice: as it is, and with every secret parameter masked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    diagnostic::{Findings, property},
    expression::{Scope, evaluate_tree},
    parameter::{Owner, Values, values},
    reference::Reference,
};

/// A place in a definition: what its expressions can refer to.
#[derive(Clone)]
pub(crate) struct Context {
    real: Scope,
    masked: Scope,
}

/// A value as it is, which may hold secrets, and its twin without them, for reports and fingerprints.
#[derive(Clone, Default, PartialEq)]
pub struct Twin {
    /// For whoever does the work.
    pub real: Value,
    /// For whoever reads of it.
    pub masked: Value,
}

impl Twin {
    /// A value without secrets.
    pub fn plain(value: Value) -> Self {
        Self { real: value.clone(), masked: value }
    }

    /// Whether there is something to hide.
    pub fn is_secret(&self) -> bool {
        self.real != self.masked
    }
}

impl fmt::Debug for Twin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.masked.fmt(out)
    }
}

impl Context {
    /// `seed` makes `guid()` the same when a run is resumed.
    pub(crate) fn new(now: DateTime<Utc>, seed: &str) -> Self {
        Self { real: Scope::new(now, seed), masked: Scope::new(now, seed) }
    }

    /// Says which variables the run has later.
    pub(crate) fn with_later(self, names: &BTreeSet<String>) -> Self {
        Self { real: self.real.with_later(names), masked: self.masked.with_later(names) }
    }

    /// Adds a root such as `dataset()`.
    pub(crate) fn with(self, name: &'static str, value: Twin) -> Self {
        Self { real: self.real.with(name, value.real), masked: self.masked.with(name, value.masked) }
    }

    /// Adds a root such as `activity('X')`; `what` is what a key names.
    pub(crate) fn with_keyed(
        self,
        name: &'static str,
        what: &'static str,
        values: impl IntoIterator<Item = (String, Twin)>,
    ) -> Self {
        let (mut real, mut masked) = (BTreeMap::new(), BTreeMap::new());
        for (key, twin) in values {
            real.insert(key.clone(), twin.real);
            masked.insert(key, twin.masked);
        }
        Self { real: self.real.with_keyed(name, what, real), masked: self.masked.with_keyed(name, what, masked) }
    }

    /// Evaluates every string of the tree; problems are reported once.
    pub(crate) fn evaluate(&self, value: &Value, path: &str, findings: &mut Findings) -> Twin {
        let real = evaluate_tree(value, &self.real, path, findings);
        // An expression may fail on a mask where it works on the secret; then the echo shows the expression.
        let mut unreported = Findings::silent();
        let masked = evaluate_tree(value, &self.masked, path, &mut unreported);
        let masked = if unreported.is_empty() { masked } else { value.clone() };
        Twin { real, masked }
    }

    /// The parameters of what a reference points to, its given values evaluated here.
    pub(crate) fn parameters(
        &self,
        reference: &Reference<'_>,
        declared: Option<&Value>,
        target: &str,
        findings: &mut Findings,
    ) -> Values {
        let path = property(&reference.path, "parameters");
        let given = reference.parameters.map(|given| self.evaluate(given, &path, findings)).unwrap_or_default();
        let owner = Owner { name: format!("{} '{target}'", reference.kind.describe()), path: &path };
        let real = values(declared, &entries(&given.real), &owner, findings);
        let masked = values(declared, &entries(&given.masked), &owner, &mut Findings::silent());
        Values { real: real.real, masked: masked.masked }
    }
}

impl From<Values> for Twin {
    fn from(values: Values) -> Self {
        Self { real: values.real.into(), masked: values.masked.into() }
    }
}

fn entries(object: &Value) -> BTreeMap<String, Value> {
    let entries = object.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}
