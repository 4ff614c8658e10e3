//! Any ODBC driver as a source and a sink: Data Factory's `Odbc` linked service.
//!
//! `spec` reads the settings, `connection_string` keeps the secrets in them, `connection` opens
//! sessions and `drivers` knows what is particular about each driver. `statement` asks for the
//! columns and writes the SELECT, `columns` chooses how each column travels, `cut` makes chunks by what
//! `keys` found and `fetch` moves the rows. `errors` says what SQLSTATEs mean; `raw` holds the only unsafe calls.
//! `snapshot` lets connections share one; `sink` writes to tables; `dialect` knows what is particular in the SQL of that.

mod columns;
mod connection;
mod connection_string;
mod cut;
mod dialect;
mod drivers;
mod errors;
mod fetch;
mod keys;
mod raw;
mod result;
mod scripts;
mod sink;
mod snapshot;
mod source;
mod spec;
mod statement;
mod store;

/// The linked service type `Odbc`.
pub(crate) struct Odbc;
