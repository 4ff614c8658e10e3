//! What tests of sources, sinks and the engine share: a source of given rows, sinks that are simple
//! enough to be believed, faults by the throw of seeded dice, and the conformance suite that every
//! source and every sink runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

pub mod conformance;
pub mod dice;
pub mod faults;
pub mod model_blob;
pub mod model_table;
pub mod retry_table;
pub mod vec_source;
