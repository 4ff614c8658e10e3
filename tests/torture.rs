//! The delivery guarantees, tortured. Each test has a short form, which is part of `make test`, and a long
//! form, which `make torture` runs; each adds its line to the table that `make torture` prints.

mod copying;
mod journal;
mod kill;
mod lost_answers;
mod network;
mod readers;
mod sources;
mod syscalls;
mod table;
mod takeover;
mod targets;
mod trial;
