//! Activities other than Copy, run by the real binary from Data Factory's own JSON.

mod bad_input;
mod beside;
mod blobs;
mod factory;
mod files;
mod flow;
mod lookup;
mod metadata_driven;
mod older;
mod plans;
mod policies;
mod real_factories;
mod resume;
mod statements;
mod storage;
mod web;
