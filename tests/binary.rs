//! Binary copies: files as they are, between file servers and storage accounts, by the whole engine.

mod deletion;
mod faults;
mod kill;
mod leaving_out;
mod packing;
mod refusals;
mod stores;
pub(crate) mod workbench;
