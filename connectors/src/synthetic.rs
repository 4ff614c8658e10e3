//! The tables of the TPC-H benchmark, made up as they are read: for load tests and demonstrations
//! that need no database.

mod source;
mod spec;
mod store;
mod tables;

pub(crate) use self::spec::Synthetic;
