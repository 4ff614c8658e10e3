//! The tests that run the whole of Ropeway, in one binary.

mod architecture;
mod azure_blob;
mod cli;
mod files;
mod odbc;
mod sql_server;
mod sql_server_stand_in;
