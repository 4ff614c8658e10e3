//! Decoders that panic on some bytes that are damaged: that is the file's fault, and an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ropeway_engine::{Error, Result};

/// What a decoder makes of a file's bytes.
pub(super) fn survived<T>(damaged: impl FnOnce() -> Error, decode: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|_| damaged())
}
