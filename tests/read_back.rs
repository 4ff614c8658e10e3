//! `validateDataConsistency`: what was published is read back and compared. Every test has a saboteur,
//! who changes a file between publication and read-back, and a twin without one that succeeds.

mod cli;
mod sabotage;
pub(crate) mod store;
mod tables;
