//! The real binary, from its arguments to its exit code.

mod bad_input;
mod binary;
mod blobs;
mod demo;
mod dialects;
mod globals;
mod golden;
mod help;
mod json_output;
mod key_vault;
pub(crate) mod kill;
mod repeat;
mod runs;
mod settings;
pub(crate) mod skipping;
mod snapshot;
pub(crate) mod workshop;
