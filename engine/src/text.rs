//! Values as texts and texts as values: exactly, or not at all.

pub mod digits;
pub mod json;
pub mod moment;
pub mod numbers;

/// What is said where an array has another type than was agreed on.
pub const OTHER_TYPE: &str = "a batch has a column of another type than was announced; please report it";
