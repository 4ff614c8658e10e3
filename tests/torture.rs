//! The delivery guarantees, tortured. Each test has a short form, which is part of `make test`, and a long
//! form, which `make torture` runs; each adds its line to the table that `make torture` prints.

mod copying;
mod disk;
mod journal;
mod kill;
mod lost_answers;
mod network;
mod power_cut;
mod readers;
mod side_by_side;
mod sources;
pub(crate) mod syscalls;
mod table;
mod tables;
mod takeover;
mod targets;
mod trial;
