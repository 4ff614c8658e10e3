//! The example factories, run with the real binary from real servers and stand-ins to real files and
//! blobs, killed and resumed, and read back by an implementation that is not ours.

mod bad_input;
mod changed_table;
mod csv_files;
mod csv_to_sql_server;
mod csv_to_sql_server_procedure;
mod csv_to_sql_server_upsert;
pub(crate) mod example;
mod faults;
mod files_to_blob;
pub(crate) mod kill;
mod odbc_to_csv;
pub(crate) mod oracle;
pub(crate) mod orders;
pub(crate) mod place;
mod sql_server_to_blob;
mod sql_server_to_folder;
mod sql_table;
pub(crate) mod synthetic_to_folder;
