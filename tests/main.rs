//! The tests that run the whole of Ropeway, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is tests: a failed step stops its test, and a seed is printed"
)]

mod activities;
mod architecture;
mod azure_blob;
mod binary;
mod cli;
mod copy_run;
mod end_to_end;
mod files;
mod mapping;
mod odbc;
mod read_back;
mod sql_server;
mod sql_server_stand_in;
mod table_sink;
mod torture;
mod type_matrix;
