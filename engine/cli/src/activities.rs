//! Runs the activities of a pipeline: each when what it waits for has ended, side by side with the others.

mod attempts;
pub(crate) mod beside;
mod branch;
mod check;
mod child;
mod copy;
pub(crate) mod crew;
mod deletion;
mod each;
pub(crate) mod flow;
mod forget;
mod inner;
pub(crate) mod lanes;
mod location;
mod lookup;
mod metadata;
mod one;
mod path;
mod rows;
mod statements;
mod task;
mod until;
mod validation;
mod verdict;
mod web;

pub(crate) use check::{all_are_run, check};
pub(crate) use forget::forget;
pub(crate) use inner::marked_as_failed;
