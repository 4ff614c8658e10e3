//! What texts mean where a column of a table takes numbers, dates or times: exactly, or not at all.

pub(crate) mod moment;
pub(crate) mod numbers;

pub(crate) const OTHER_TYPE: &str = "a batch has a column of another type than was announced; please report it";
