//! Benchmarks of Ropeway.
