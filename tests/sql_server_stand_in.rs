//! The SQL Server stand-in itself, under two independent clients.

mod clients;
mod language;
mod logins;
mod types;
