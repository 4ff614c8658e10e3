//! The SQL Server stand-in itself, under two independent clients.

mod app_locks;
mod bulk_load;
mod bulk_stream;
mod changes;
pub(crate) mod clients;
pub(crate) mod every_type;
mod language;
mod locks;
mod logins;
mod procedures;
mod raw;
mod requests;
mod rights;
mod snapshots;
mod temporary;
mod transactions;
mod try_catch;
