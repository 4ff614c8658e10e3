//! Connectors by the name used in the JSON. Typed on the connector's side, erased here.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, ErrorKind, Result, Side, files::Files, sink::Sink, source::Source, statements::Statements};

/// Implemented by a connector that can be read from. `connect` opens no connection: it checks the
/// settings.
pub trait SourceKind {
    /// The `type` of the Data Factory linked service.
    const NAME: &'static str;
    /// What can be set beyond Data Factory's properties; the values arrive as `ropeway.NAME`.
    const SETTINGS: &'static [Setting] = &[];
    /// The settings, typed: `{ linkedService, dataset, source }`, each the evaluated
    /// `typeProperties` with the `type` beside them.
    type Spec: DeserializeOwned;
    /// Checks the settings and makes a source of them.
    fn connect(spec: Self::Spec) -> Result<Arc<dyn Source>>;
}

/// A setting of a connector that Data Factory has no property for. It changes what is copied, so it
/// belongs to the identity of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name: `dateTime2`.
    pub name: &'static str,
    /// The values it takes, the default first.
    pub values: &'static [&'static str],
}

/// Implemented by a connector that can be written to. `connect` opens no connection.
pub trait SinkKind {
    /// The `type` of the Data Factory linked service.
    const NAME: &'static str;
    /// As for a source.
    const SETTINGS: &'static [Setting] = &[];
    /// The settings, typed: `{ linkedService, dataset, sink }`.
    type Spec: DeserializeOwned;
    /// Checks the settings and makes a sink of them.
    fn connect(spec: Self::Spec) -> Result<Arc<dyn Sink>>;
}

/// Implemented by a connector whose linked service can be tried on its own.
pub trait StoreKind {
    /// The `type` of the Data Factory linked service.
    const NAME: &'static str;
    /// The settings, typed: `{ linkedService }`.
    type Spec: DeserializeOwned;
    /// Checks the settings and makes a store of them.
    fn connect(spec: Self::Spec) -> Result<Arc<dyn Store>>;
}

/// A data store: what a linked service is without a dataset.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Tries the steps of a connection in order (DNS, TCP, TLS, login, permission) and stops at the
    /// first that fails.
    async fn probe(&self) -> Vec<ProbeStep>;

    /// What runs statements in it; `None` if nothing does, as in a folder.
    fn statements(&self) -> Option<Arc<dyn Statements>> {
        None
    }

    /// Its files; `None` if it has none, as a database.
    fn files(&self) -> Option<Arc<dyn Files>> {
        None
    }
}

/// One step of a connection test.
#[derive(Debug)]
pub struct ProbeStep {
    /// `DNS`, `TCP`, `TLS`, `Login`, `Permission to read`.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// What was found (the address, the server's version), or what went wrong and its fix.
    pub outcome: Result<String>,
}

type Connect<T> = fn(Value) -> Result<Arc<T>>;

/// All connectors of a program.
#[derive(Default)]
pub struct Registry {
    sources: BTreeMap<&'static str, Connect<dyn Source>>,
    sinks: BTreeMap<&'static str, Connect<dyn Sink>>,
    stores: BTreeMap<&'static str, Connect<dyn Store>>,
    settings: BTreeMap<(Side, &'static str), &'static [Setting]>,
}

impl Registry {
    /// Adds a source; a name registered twice is a defect of the program.
    pub fn source<K: SourceKind>(mut self) -> Self {
        let previous = self.sources.insert(K::NAME, |spec| K::connect(parse(K::NAME, spec)?));
        assert!(previous.is_none(), "source {} registered twice", K::NAME);
        self.settings.insert((Side::Source, K::NAME), K::SETTINGS);
        self
    }

    /// Adds a sink; a name registered twice is a defect of the program.
    pub fn sink<K: SinkKind>(mut self) -> Self {
        let previous = self.sinks.insert(K::NAME, |spec| K::connect(parse(K::NAME, spec)?));
        assert!(previous.is_none(), "sink {} registered twice", K::NAME);
        self.settings.insert((Side::Sink, K::NAME), K::SETTINGS);
        self
    }

    /// Adds a store; a name registered twice is a defect of the program.
    pub fn store<K: StoreKind>(mut self) -> Self {
        let previous = self.stores.insert(K::NAME, |spec| K::connect(parse(K::NAME, spec)?));
        assert!(previous.is_none(), "store {} registered twice", K::NAME);
        self
    }

    /// The source of this linked service type, with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for an unknown type (the known ones are listed) or wrong settings (the
    /// field is named).
    pub fn connect_source(&self, name: &str, spec: Value) -> Result<Arc<dyn Source>> {
        known("source", name, &self.sources)?(spec)
    }

    /// The settings of a source or a sink of this linked service type; none for a type that is not registered.
    pub fn settings(&self, side: Side, name: &str) -> &'static [Setting] {
        let found = self.settings.iter().find(|((of, known), _)| *of == side && *known == name);
        found.map(|(_, settings)| *settings).unwrap_or_default()
    }

    /// The settings of all sources and sinks; one that several share comes several times.
    pub fn all_settings(&self) -> impl Iterator<Item = (Side, &'static Setting)> {
        self.settings.iter().flat_map(|((side, _), settings)| settings.iter().map(|setting| (*side, setting)))
    }

    /// The sink of this linked service type, with these settings; errors as for a source.
    pub fn connect_sink(&self, name: &str, spec: Value) -> Result<Arc<dyn Sink>> {
        known("sink", name, &self.sinks)?(spec)
    }

    /// The store of this linked service type, with these settings; errors as for a source.
    pub fn connect_store(&self, name: &str, spec: Value) -> Result<Arc<dyn Store>> {
        known("linked service", name, &self.stores)?(spec)
    }
}

fn parse<S: DeserializeOwned>(name: &'static str, spec: Value) -> Result<S> {
    serde_json::from_value(spec).map_err(|error| {
        Error::new(ErrorKind::Spec, format!("the settings of this {name} are wrong: {error}")).code("2104")
    })
}

fn known<T: ?Sized>(role: &str, name: &str, kinds: &BTreeMap<&'static str, Connect<T>>) -> Result<Connect<T>> {
    kinds.get(name).copied().ok_or_else(|| {
        let names: Vec<_> = kinds.keys().copied().collect();
        Error::new(
            ErrorKind::Spec,
            format!("'{name}' is not a type that can be a {role} here; use one of {}", names.join(", ")),
        )
        .code("2110")
    })
}
