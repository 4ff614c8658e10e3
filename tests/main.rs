//! The tests that run the whole of Ropeway, in one binary.

mod architecture;
mod azure_blob;
mod cli;
mod odbc;
mod sql_server_stand_in;
mod files;
