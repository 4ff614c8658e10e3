//! Statements as such: for whoever runs scripts and procedures in a store instead of reading its rows.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::Result;

/// A store that runs statements. What a call did whose answer was lost cannot be known: who runs it again does it again.
#[async_trait]
pub trait Statements: Send + Sync + 'static {
    /// Runs the scripts one after the other in one session, and stops at the first that fails. What those before it
    /// did stays.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`](crate::ErrorKind::Spec) for parameters that the store cannot have,
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for answers beyond [`MOST_ROWS`] and [`MOST_BYTES`].
    async fn run(&self, scripts: &[Script]) -> Result<Vec<Answer>>;

    /// Calls a procedure, whose results do not matter. `parameters` are values by name, or objects with `value` and
    /// `type`.
    async fn call(&self, procedure: &str, parameters: &Map<String, Value>) -> Result<()>;
}

/// Rows of all results at most.
pub const MOST_ROWS: usize = 5_000;
/// Bytes of all results at most, as JSON.
pub const MOST_BYTES: usize = 4 << 20;

/// One script.
#[derive(Clone)]
pub struct Script {
    /// Its text.
    pub text: String,
    /// Whether its rows are wanted.
    pub gives_rows: bool,
    /// Its parameters, which are never part of its text.
    pub parameters: Vec<Parameter>,
    /// How long it may take.
    pub limit: Duration,
}

/// A parameter of a script.
#[derive(Clone)]
pub struct Parameter {
    /// Its name; `None` where parameters go by position.
    pub name: Option<String>,
    /// Its value; ignored for one that only comes out.
    pub value: Value,
    /// Data Factory's name of its type: `String`, `Int32`.
    pub type_name: String,
    /// Whether its value in the end is wanted.
    pub comes_out: bool,
    /// The most characters or bytes that come out.
    pub size: Option<u64>,
}

/// What a script gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The rows of each result, each an object of values by column.
    pub results: Vec<Vec<Map<String, Value>>>,
    /// Rows that were changed, if the store counts them.
    pub affected: Option<u64>,
    /// Values of parameters that come out, by name.
    pub outputs: Map<String, Value>,
    /// What the store said meanwhile.
    pub messages: Vec<String>,
}
